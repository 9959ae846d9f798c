"""How a text is laid out as a table: delimiter, preamble, header, width; read off its first lines."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from services.errors import FileRefused
from services.ingest.records import Record, lines, records
from services.table import ROW_NUMBER

DELIMITERS = {",": "comma", ";": "semicolon", "\t": "tab", "|": "pipe"}
NO_DELIMITER = "\x1f"  # for a table of one column: it never stands in a text
MOST_COLUMNS = 2_000

_HEAD_LINES = 1_000
_HEAD_CHARACTERS = 1_000_000
_PREAMBLE_LINES = 30

_NUMBER = re.compile(r"[+-]?[$€£]?\d+([.,]\d+)*%?([eE][+-]?\d+)?$")
_DATE = re.compile(r"(\d{4}[-/.]\d{1,2}[-/.]\d{1,2}|\d{1,2}[-/.]\d{1,2}[-/.]\d{2,4})([ T]\d{1,2}:\d\d.*)?$")
_TOLD = re.compile('"?sep=([^\\s"])"?;*$', re.IGNORECASE)  # a first line by which spreadsheets tell the delimiter
_UNIT = re.compile(r"\(.+\)$|\[.+\]$")
_YEAR = re.compile(r"(18|19|20|21)\d\d$")


@dataclass(frozen=True, kw_only=True)
class Dialect:
    """How to read the lines of a file as cells."""

    delimiter: str
    escape: str | None  # a backslash, where quotes inside quotes are written \\"
    names: tuple[str, ...]  # one for each column, unique whatever the case
    skip: int  # lines before the first row, header included
    header: int  # the line of the header, 0 for none
    plain: bool  # no quote stands in the skipped lines
    unnamed: tuple[int, ...]  # columns without a name: dropped when they are empty
    notes: tuple[str, ...]

    @property
    def width(self) -> int:
        return len(self.names)


def sniff(path: Path, *, delimiter: str | None = None, named: bool = False, header: int | None = None) -> Dialect:
    """Find the dialect of the UTF-8 file `path`, as far as it is not known.

    `delimiter` is given where it is known; `named` says that we wrote the file, with quotes doubled and the header
    first; `header` is the line of the header where it was chosen, 0 for none.

    Raises
    ------
    FileRefused
        It has no rows below its header, or too many columns.
    """
    head = _head(path)
    if named:
        header = 1
    escape = None if named else _escape(head)
    told = _TOLD.match(head[0].lstrip("\ufeff")) if head and not named else None
    first = 1 if told else 0
    if told and delimiter is None:
        delimiter = told[1]
    if delimiter is not None:
        found = _read(head, delimiter, escape, header=header, first=first)
    else:
        found = max((_read(head, each, escape, header=header) for each in DELIMITERS), key=lambda layout: layout.score)
    if found.width < 2 or (delimiter is None and found.score <= 0):
        found = _read(head, NO_DELIMITER, escape, header=header, first=first)
    return _describe(found, head, escape, header)


def _escape(head: list[str]) -> str | None:
    text = "\n".join(head)
    slashed = re.search(r'\\"(?![,;\t|]|$)', text, re.MULTILINE)
    return "\\" if slashed and '""' not in text.replace(',""', "") else None


@dataclass(kw_only=True)
class _Layout:
    delimiter: str
    rows: list[Record]  # header (if any) first
    preamble: list[Record]
    width: int
    score: float


def _head(path: Path) -> list[str]:
    taken, size = [], 0
    for line in islice(lines(path), _HEAD_LINES):
        taken.append(line)
        size += len(line)
        if size > _HEAD_CHARACTERS:
            break
    return taken


def _read(head: list[str], delimiter: str, escape: str | None, *, header: int | None, first: int = 0) -> _Layout:
    first = max(first, (header or 1) - 1)
    read = records(iter(head[first:]), delimiter, escape, before=first)
    every = [record for record in read if record.raw.strip() or delimiter == "\t"]
    every = [record for record in every if record.raw.strip(" \t\ufeff")]
    if delimiter == NO_DELIMITER:
        start = next((at for at, record in enumerate(every) if not _is_comment(record)), 0) if header is None else 0
        return _Layout(delimiter=delimiter, rows=every[start:], preamble=every[:start], width=1, score=1)
    widths = Counter(len(record.cells) for record in every if record.cells and len(record.cells) > 1)
    if not widths:
        return _Layout(delimiter=delimiter, rows=every, preamble=[], width=1, score=0)
    width = max(widths, key=lambda w: (widths[w], w))
    start = 0
    common = widths[width] >= 3 and widths[width] * 2 > len(every)
    while header is None and start < min(_PREAMBLE_LINES, len(every) - 1) and _is_preamble(every[start], width, common):
        start += 1
    rows = every[start:]
    first = len(rows[0].cells or ())
    fit = sum(len(row.cells or ()) == width for row in rows) / len(rows)
    # One cell in the first line, and rows that disagree: words with commas, not a table.
    shaped = first > 1 and (fit >= 0.5 or start == 0) and (start == 0 or fit > 0.9 or _is_comment(every[0]))
    return _Layout(
        delimiter=delimiter,
        rows=rows,
        preamble=every[:start],
        width=width,
        score=fit - 0.2 * bool(start) + min(width, 50) / 1_000 if shaped else 0,
    )


def _is_comment(record: Record) -> bool:
    return record.raw.lstrip("\ufeff ").startswith("#")


def _is_preamble(record: Record, width: int, common: bool) -> bool:
    cells = record.cells or []
    filled = sum(bool(cell.strip()) for cell in cells)
    if len(cells) < 2 or _is_comment(record):
        return True
    if len(cells) == width:
        return filled == 1 and width > 2
    return common and len(cells) < width and filled <= width // 2 and width > 3


def _describe(found: _Layout, head: list[str], escape: str | None, chosen: int | None) -> Dialect:
    notes = []
    rows = found.rows
    if not rows and chosen:
        raise FileRefused(f"There is no table below line {chosen:,}. Choose another line for the column names.")
    if not rows:
        raise FileRefused("The file holds only empty lines. Choose a file with a header line and at least one row.")
    header = [
        cell.strip(" \ufeff\t").replace("\n", " ") for cell in rows[0].cells or rows[0].raw.split(found.delimiter)
    ]
    body = [row.cells for row in rows[1:] if row.cells]
    below = rows[1].cells or [] if len(rows) > 2 else []
    joined = _joined(header, below, body[1:]) if chosen != 0 else None
    if joined:
        notes.append(f"2 lines of names are read as one, such as “{next(n for n in joined if ' ' in n)}”.")
        header, rows, body = joined, [rows[0], *rows[2:]], body[1:]
    named = _has_header(header, body) if chosen is None else chosen > 0
    if found.preamble:
        said = " / ".join(record.raw.strip() for record in found.preamble)
        notes.append(
            f"{_count(len(found.preamble), 'line')} above the table skipped. "
            f"{'It reads' if len(found.preamble) == 1 else 'They read'}: “{_short(said)}”."
        )
    if not named:
        header = [f"column_{place}" for place in range(1, found.width + 1)]
        why = "Its first line reads as data, so the" if chosen is None else "The"
        called = header[0] + (f" to {header[-1]}" if len(header) > 1 else "")
        notes.append(f"The file has no header line. {why} columns are called {called}.")
    elif len(rows) == 1:
        raise FileRefused(
            "The file has column names but no rows. Choose a file with at least one line below its header."
        )
    else:
        header = _fit(header, body)
    if len(header) > MOST_COLUMNS:
        raise FileRefused(
            f"The file has {len(header):,} columns; at most {MOST_COLUMNS:,} can be read. Keep the columns you need."
        )
    names, changed = unique(header)
    notes += changed
    first = rows[1] if named else rows[0]
    skip = first.line - 1
    return Dialect(
        delimiter=found.delimiter,
        escape=escape,
        names=tuple(names),
        skip=skip,
        header=rows[0].line if named else 0,
        plain=not any('"' in line and line.count('"') % 2 for line in head[:skip]),
        unnamed=tuple(place for place, name in enumerate(header) if not name),
        notes=tuple(notes),
    )


def _joined(header: list[str], below: list[str], body: list[list[str]]) -> list[str] | None:
    """The names of two header lines in one; None when the line below the first is a row.

    It is a header where it gives units in brackets, or where the first has names above several columns and it names
    each of them. A row of which nothing is known is neither.
    """
    second = [cell.strip() for cell in below]
    if len(second) != len(header) or not any(second) or any(map(_is_value, second)):
        return None
    if all(_UNIT.match(cell) for cell in second if cell):
        return [f"{name} {unit}".strip() for name, unit in zip(header, second, strict=True)]
    over = ""
    names = []
    for name, own in zip(header, second, strict=True):
        over = name or over
        names.append(f"{over} {own}".strip())
    parted = [place for place, name in enumerate(header) if not name and second[place]]
    below_typed = any(_column(body, place) and all(map(_is_value, _column(body, place))) for place in parted)
    is_named = header[0] or second[0]
    return names if parted and below_typed and is_named and len(set(names)) == len(names) else None


def _fit(header: list[str], body: list[list[str]]) -> list[str]:
    """Add the column that the rows have and the header lacks: an empty last one, or row names."""
    more = [cells for cells in body if len(cells) == len(header) + 1]
    if not more or len(more) < 0.9 * len(body):
        return header
    if not any(cells[-1].strip() for cells in more):
        return header  # its cells are empty and go
    firsts = [cells[0] for cells in more]
    return ["", *header] if len(more) > 2 and len(set(firsts)) == len(firsts) else header


def _has_header(header: list[str], body: list[list[str]]) -> bool:
    """Whether the first line names the columns: it does unless it reads like the rows below it."""
    typed = [place for place, cell in enumerate(header) if _is_value(cell)]
    if not typed:
        return True
    if len(typed) > 1 and all(_YEAR.match(header[place]) for place in typed) and len(set(header)) == len(header):
        below = [cell for place in typed for cell in _column(body, place)]
        return len(typed) > 2 or not all(map(_YEAR.match, below))
    for place in range(len(header)):
        cells = [cell for cell in _column(body, place) if cell]
        if cells and sum(map(_is_value, cells)) > 0.9 * len(cells) and header[place] and not _is_value(header[place]):
            return True  # words over numbers
    return False


def _column(body: list[list[str]], place: int) -> list[str]:
    return [cells[place].strip() for cells in body if place < len(cells)]


def _is_value(cell: str) -> bool:
    return bool(_NUMBER.match(cell) or _DATE.match(cell))


def unique(header: list[str]) -> tuple[list[str], list[str]]:
    """Give every column a name of its own, whatever the case, and say what was changed."""
    taken = {name.lower() for name in header} | {ROW_NUMBER}
    names: list[str] = []
    notes = []
    for place, name in enumerate(header, start=1):
        base = name or f"column_{place}"
        chosen, number = base, 2
        used = {ROW_NUMBER, *(n.lower() for n in names)}
        while chosen.lower() in used or (chosen != name and chosen.lower() in taken):
            chosen, number = f"{base}_{number}", number + 1
        if name.lower() == ROW_NUMBER:
            notes.append(
                f"The name {name} is taken by the number of a row. The column at place {place} is now {chosen}."
            )
        elif name and chosen != name:
            notes.append(f"Two columns are named {name}. The one at place {place} is now {chosen}.")
        names.append(chosen)
    nameless = [names[place] for place, name in enumerate(header) if not name]
    if nameless:
        notes.append(
            f"{_count(len(nameless), 'column')} without a name. "
            f"{'It is' if len(nameless) == 1 else 'They are'} now {_listed(nameless)}."
        )
    return names, notes


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}" + ("" if number == 1 else "s")


def _listed(names: list[str], most: int = 5) -> str:
    return ", ".join(names[:most]) + (f" and {len(names) - most:,} more" if len(names) > most else "")


def _short(text: str, most: int = 120) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"
