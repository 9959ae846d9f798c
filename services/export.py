"""A result's tables as files: CSV, XLSX and JSON in constant memory, the whole result as Markdown.

Text that a spreadsheet would run as a formula is made safe with a leading apostrophe, unless the
values are asked for raw.
"""

from __future__ import annotations

import csv
import datetime as dt
import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from decimal import Decimal
from json.encoder import encode_basestring
from pathlib import Path
from typing import Any

from services.errors import DataError, NotFound
from services.results import StoredResult
from services.table import Spilled

SLICE = 20_000  # rows held at a time
CELLS = 500_000  # cells held at a time, where a row has many
MOST_XLSX = 1_000_000  # a sheet ends at 1,048,576 rows
HEAD = 12  # rows of each table that the Markdown shows
_FIRST_YEAR = 1900  # of a workbook's calendar; earlier days are written as text
_DIGITS = 15  # a workbook keeps so many of a number; longer ones are written as text
_LONGEST = 32_767  # characters in a cell of a workbook

_NAME = re.compile(r"[a-z][a-z0-9_]{0,60}(\.raw)?\.(csv|xlsx|json|md)")
_FORMULA = re.compile(r"^[=+@\t\r\n-]")


def _optional(parse: Callable[[str], dt.date]) -> Callable[[str | None], dt.date | None]:
    return lambda text: None if text is None else parse(text)


# How JSON's text becomes the day that the table held: a workbook tells days from text.
_DAYS = {"date": _optional(dt.date.fromisoformat), "datetime": _optional(dt.datetime.fromisoformat)}


def file_name(asked: Mapping[str, Any]) -> str:
    """The name of the file that answers `asked`: `{"table", "format", "raw"}`."""
    name = f"{asked['table']}{'.raw' if asked.get('raw') else ''}.{asked['format']}"
    if not is_file_name(name):
        raise NotFound("There is no such export.")
    return name


def is_file_name(name: str) -> bool:
    return _NAME.fullmatch(name) is not None


def write(stored: StoredResult, asked: Mapping[str, Any], target: Path, *, spill: Path, memory_mb: int = 160) -> None:
    """Write what is asked to `target`, complete or not at all; until then it lies in `spill`, on the same disk.

    Raises
    ------
    DataError
        More rows than a sheet of a workbook takes, or a longer text than its cells do.
    NotFound
        The result has no such table.
    """
    spill.mkdir(parents=True, exist_ok=True)
    part = spill / f"export-{target.name}"
    raw = bool(asked.get("raw"))
    if asked["format"] == "md":
        part.write_text(markdown(stored, spill), encoding="utf-8")
    else:
        name = asked["table"]
        if name not in stored.tables:
            raise NotFound(f"This result has no table “{name}”.")
        columns = [column["name"] for column in stored.tables[name]["columns"]]
        blocks = rows(stored, name, spill, memory_mb)
        if asked["format"] == "csv":
            to_csv(part, columns, blocks, raw=raw)
        elif asked["format"] == "json":
            to_json(part, columns, blocks)
        else:
            if stored.tables[name]["rows"] > MOST_XLSX:
                raise DataError(f"A sheet takes {MOST_XLSX:,} rows, and this table has more. Export it as CSV.")
            to_xlsx(part, columns, blocks, raw=raw)
    part.replace(target)


def rows(stored: StoredResult, name: str, spill: Path, memory_mb: int = 160) -> Iterator[Sequence[Sequence[Any]]]:
    """The rows of a table in blocks, from wherever it lies."""
    path = stored.file(name)
    if path.suffix == ".json":
        columns = stored.columns(name)
        for column in stored.tables[name]["columns"]:
            if column["kind"] in _DAYS:
                columns[column["name"]] = [_DAYS[column["kind"]](text) for text in columns[column["name"]]]
        yield list(zip(*columns.values(), strict=True))
        return
    table = Spilled.at(path, spill=spill, memory_mb=memory_mb)
    step = min(SLICE, max(1, CELLS // len(table.schema)))
    for start in range(0, table.rows, step):
        # By place in the file: a large OFFSET or LIMIT would be held in memory.
        yield table.slice(start, min(start + step, table.rows))


def to_csv(target: Path, columns: Sequence[str], blocks: Iterator[Sequence[Sequence[Any]]], *, raw: bool) -> None:
    """Write CSV in UTF-8; the safe form starts with the mark that makes Excel read it as such."""
    with open(target, "w", newline="", encoding="utf-8" if raw else "utf-8-sig") as file:
        writer = csv.writer(file)
        writer.writerow(columns if raw else [safe(name) for name in columns])
        for block in blocks:
            writer.writerows([_cell(value) if raw else safe(_cell(value)) for value in row] for row in block)


def to_json(target: Path, columns: Sequence[str], blocks: Iterator[Sequence[Sequence[Any]]]) -> None:
    """Write a JSON array with an object for each row: every digit of a number, days as ISO texts, null where missing.

    JSON knows no number that is not finite: such a one is missing.
    """
    names = [f"{encode_basestring(name)}: " for name in columns]
    with open(target, "w", encoding="utf-8") as file:
        between = "[\n"
        for block in blocks:
            for row in block:
                cells = ", ".join([name + _in_json(value) for name, value in zip(names, row, strict=True)])
                file.write(f"{between}{{{cells}}}")
                between = ",\n"
        file.write("[]\n" if between == "[\n" else "\n]\n")


def _in_json(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, str):
        return encode_basestring(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | Decimal):
        return str(value)
    if isinstance(value, float):
        return repr(value) if math.isfinite(value) else "null"
    return encode_basestring(str(_cell(value)))


def to_xlsx(target: Path, columns: Sequence[str], blocks: Iterator[Sequence[Sequence[Any]]], *, raw: bool) -> None:
    """Write one sheet, row by row."""
    import xlsxwriter

    options = {
        "constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False,
        "strings_to_numbers": False, "nan_inf_to_errors": True, "tmpdir": str(target.parent),
    }  # fmt: skip
    with xlsxwriter.Workbook(str(target), options) as book:
        bold = book.add_format({"bold": True})
        days = book.add_format({"num_format": "yyyy-mm-dd"})
        times = book.add_format({"num_format": "yyyy-mm-dd hh:mm:ss"})
        sheet = book.add_worksheet()
        sheet.freeze_panes(1, 0)
        sheet.write_row(0, 0, columns if raw else [safe(name) for name in columns], bold)
        at = 0
        for block in blocks:
            for row in block:
                at += 1
                for place, value in enumerate(row):
                    if isinstance(value, dt.date) and value.year >= _FIRST_YEAR:
                        plain = value.replace(tzinfo=None) if isinstance(value, dt.datetime) else value
                        sheet.write_datetime(at, place, plain, times if isinstance(value, dt.datetime) else days)
                    elif _is_kept(value):
                        sheet.write(at, place, float(value) if isinstance(value, Decimal) else value)
                    elif value is not None:
                        text = str(_cell(value)) if raw else safe(str(_cell(value)))
                        if len(text) > _LONGEST:
                            raise DataError(
                                f"A cell of a workbook takes {_LONGEST:,} characters, "
                                f"and “{columns[place]}” has one of {len(text):,}. Export it as CSV."
                            )
                        sheet.write_string(at, place, text)


def _is_kept(value: Any) -> bool:
    """Whether a workbook keeps `value` as the number it is."""
    if isinstance(value, bool | float):
        return True
    if isinstance(value, int):
        return abs(value) < 10**_DIGITS
    return isinstance(value, Decimal) and len(bytes(value.as_tuple().digits).strip(b"\0")) <= _DIGITS


def markdown(stored: StoredResult, spill: Path) -> str:
    """Facts, caveats and the head of each table: readable as it is, and by whoever renders it."""
    about = stored.about
    lines = [f"# {about['title']}", ""]
    asked = [f"{name} = {_in_a_line(value)}" for name, value in about["params"].items() if value is not None]
    lines += [f"On {about['rows_used']:,} of {about['rows_total']:,} rows. Asked: {', '.join(asked)}.", ""]
    lines += ["## Facts", "", "| Fact | Value |", "| --- | ---: |"]
    lines += [_line([name.replace("_", " "), value]) for name, value in stored.facts.items()]
    if stored.notes:
        lines += ["", "## Caveats", "", *(f"- {note}" for note in stored.notes)]
    evicted = stored.evicted()
    for name, table in stored.tables.items():
        lines += ["", f"## {name.replace('_', ' ').capitalize()}", ""]
        if name in evicted:
            lines.append("This table was removed to free disk. Run again to make it anew.")
            continue
        columns = [column["name"] for column in table["columns"]]
        head = next(iter(rows(stored, name, spill)), [])[:HEAD]
        lines += [_line(columns), _line(["---"] * len(columns)), *(_line(row) for row in head)]
        if table["rows"] > len(head):
            lines += ["", f"The first {len(head)} of {table['rows']:,} rows."]
    return "\n".join(lines) + "\n"


def _line(cells: Sequence[Any]) -> str:
    return "| " + " | ".join(map(_in_a_line, cells)) + " |"


def _in_a_line(value: Any) -> str:
    return " ".join(_said(value).splitlines()).replace("|", "\\|")


def _said(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, float | Decimal):
        return f"{value:,.2f}" if 1_000 <= abs(value) < 10**_DIGITS else f"{float(value):,.6g}"
    return str(_cell(value))


def _cell(value: Any) -> Any:
    return value.isoformat() if isinstance(value, dt.date | dt.datetime) else value


def safe(value: Any) -> Any:
    """A cell as no spreadsheet runs it: text that begins like a formula gets an apostrophe before it."""
    return f"'{value}" if isinstance(value, str) and _FORMULA.match(value) else value
