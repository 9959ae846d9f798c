"""From lines to records, as carefully as by hand: for the head of a file, and for files with faults.

DuckDB reads a clean file faster, but loses all that follows an unclosed quote without a word. So
a file that it refuses, or whose rows do not add up to its lines, is written anew through here,
with every line kept, mended by a stated rule, or rejected with its number and reason.
"""

from __future__ import annotations

import csv
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import NamedTuple

_LONGEST_RECORD = 1_000  # lines that one quoted cell may span


class Record(NamedTuple):
    """One record: where it began, its text, its cells, or why it has none."""

    line: int
    raw: str
    cells: list[str] | None
    fault: str


@dataclass(kw_only=True)
class Mended:
    """What was done to a file to make it a table."""

    rows: int = 0
    rejected: int = 0
    padded: int = 0
    odd_quotes: int = 0
    cut_off: bool = False


UNCLOSED = "a quote is opened and never closed"
ODD = "a quote stands in an odd place"
REMARK = "it begins with # and has too few cells, as a remark does"


def lines(path: Path) -> Iterator[str]:
    """The lines of a UTF-8 file without their ends, whichever of the three ends they have."""
    with path.open(encoding="utf-8-sig", errors="replace", newline=None) as file:
        for line in file:
            yield line.removesuffix("\n")


def records(
    source: Iterator[str], delimiter: str, escape: str | None, *, width: int = 0, before: int = 0
) -> Iterator[Record]:
    """Split lines into records; a quoted cell may hold line breaks.

    With `width`, a record of several lines that has another number of cells is taken for an
    unclosed quote: its first line is the fault and the others are read again. `before` is how many
    lines of the file came before `source`.
    """
    csv.field_size_limit(1 << 30)
    waiting: deque[str] = deque()
    number = before
    while True:
        line = waiting.popleft() if waiting else next(source, None)
        if line is None:
            return
        number += 1
        if '"' not in line and not (escape and escape in line):
            yield Record(number, line, line.split(delimiter), "")
            continue
        taken = [line]
        cells = _cells(taken, waiting, source, delimiter, escape)
        if len(taken) > 1 and (cells is None or (width and len(cells) != width)):
            waiting.extendleft(reversed(taken[1:]))
            yield Record(number, line, None, UNCLOSED)
        elif cells is None:
            whole = _cells([line], deque(), iter(()), delimiter, escape, strict=False)
            unclosed = whole is not None and _ends_open(line, delimiter, escape)
            yield Record(number, line, None, UNCLOSED if unclosed else ODD)
        else:
            yield Record(number, "\n".join(taken), cells, "")
            number += len(taken) - 1


def _cells(
    taken: list[str],
    waiting: deque[str],
    source: Iterator[str],
    delimiter: str,
    escape: str | None,
    *,
    strict: bool = True,
) -> list[str] | None:
    """The cells of the record that begins with `taken[0]`; lines it needs are added to `taken`."""

    def needed() -> Iterator[str]:
        yield taken[0] + "\n"
        while len(taken) < _LONGEST_RECORD:
            line = waiting.popleft() if waiting else next(source, None)
            if line is None:
                return
            taken.append(line)
            yield line + "\n"

    try:
        return next(
            csv.reader(
                needed(),
                delimiter=delimiter,
                escapechar=escape,
                skipinitialspace=True,
                strict=strict,
            )
        )
    except csv.Error:
        return None


def _ends_open(line: str, delimiter: str, escape: str | None) -> bool:
    """Whether closing the quote at the end of the line would make it a proper record."""
    return _cells([line + '"'], deque(), iter(()), delimiter, escape) is not None


def mend(
    source: Path, target: Path, rejects: Path, *, delimiter: str, escape: str | None, width: int, skip: int, report
) -> Mended:
    """Write the table in `source` as a clean CSV to `target`, and what is no part of it to `rejects`.

    Short records are filled, empty cells beyond the last column are cut, records with more cells
    or an open quote and short ones that begin with # are rejected; a quote in an odd place stands for itself.
    """
    done = Mended()
    wanted = lines(source)
    for _ in range(skip):
        next(wanted, None)
    with target.open("w", encoding="utf-8", newline="") as out, rejects.open("w", encoding="utf-8", newline="") as bad:
        refused = csv.writer(bad)
        refused.writerow(["line", "reason", "text"])
        short_at = 0
        for line, raw, cells, fault in records(wanted, delimiter, escape, width=width, before=skip):
            if line % 50_000 == 0:
                report(line)
            if not raw.strip(" \t" if delimiter != "\t" else " "):
                continue
            if fault == ODD:
                cells = raw.split(delimiter)
            elif cells is None:
                done.rejected += 1
                refused.writerow([line, fault, raw[:10_000]])
                continue
            extra = len(cells) - width
            if extra < 0 and raw.startswith("#"):
                done.rejected += 1
                refused.writerow([line, REMARK, raw[:10_000]])
                continue
            if extra > 0 and any(cell.strip() for cell in cells[width:]):
                done.rejected += 1
                reason = f"{len(cells):,} cells, where the table has {width:,} columns"
                refused.writerow([line, reason, raw[:10_000]])
                continue
            done.odd_quotes += fault == ODD
            if extra < 0:
                done.padded += 1
                short_at = line
            if '"' in raw or (escape and escape in raw):
                # Never as it stands: what reads it next might part it in another way.
                stood = cells if fault == ODD else _as_written(raw, cells, delimiter)
                cells = [_quoted(cell, escape) for cell in stood]
            raw = delimiter.join([*cells[:width], *[""] * -extra])
            out.write(raw + "\n")
            done.rows += 1
            last = line
        done.cut_off = bool(done.rows) and short_at == last
    return done


def _as_written(raw: str, cells: list[str], delimiter: str) -> Iterator[str]:
    """The cells of `raw` with the spaces that stand before those without quotes, which the csv module drops."""
    pieces = iter(raw.split(delimiter))
    for cell in cells:
        first, *_ = islice(pieces, cell.count(delimiter) + 1)
        yield first if first.lstrip(" ") == cell else cell


def _quoted(cell: str, escape: str | None) -> str:
    if escape:
        cell = cell.replace(escape, escape * 2)
    return '"' + cell.replace('"', (escape or '"') + '"') + '"'
