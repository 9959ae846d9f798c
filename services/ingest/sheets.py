"""Workbooks: one sheet of an Excel or OpenDocument file as CSV text, row by row.

calamine parses the sheet in native code and hands out rows; all of it is in memory there, so a
workbook that unpacks beyond what the job may hold is refused before it is opened.
"""

from __future__ import annotations

import csv
import datetime as dt
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from services.errors import FileRefused
from services.ingest import packed

_WHOLE = 2**53  # a float holds every integer up to here
_SHARE = 1.5  # bytes of XML that a byte of memory for the job reads

_LOCKED = "This workbook is protected by a password. Save it without one, or save the sheet as CSV, and upload that."
_BROKEN = "This workbook is damaged or cut off. Open it in the program it is from, save it again, and upload that."


@dataclass(frozen=True, kw_only=True)
class Sheet:
    """The sheet that was taken, and what is to be said of it."""

    name: str
    others: tuple[str, ...]
    notes: tuple[str, ...]


def write(source: Path, target: Path, watch: Callable[[float], None], *, sheet: str | None, memory_mb: int) -> Sheet:
    """Write `sheet` of the workbook `source`, or its first visible one that holds a table, to the CSV `target`.

    Raises
    ------
    FileRefused
        It is locked, damaged, empty, or larger than memory allows.
    """
    import python_calamine as calamine

    if zipfile.is_zipfile(source):
        with zipfile.ZipFile(source) as archive:
            packed.check_sizes(archive, int(_SHARE * memory_mb * 1e6))
    try:
        book = calamine.load_workbook(str(source))
        known = {
            each.name: each.visible == calamine.SheetVisibleEnum.Visible
            for each in book.sheets_metadata
            if each.typ == calamine.SheetTypeEnum.WorkSheet
        }
        name, found = _chosen(book, known, sheet)
        notes = _write_rows(found, target, watch)
    except calamine.CalamineError as error:
        locked = isinstance(error, calamine.PasswordError) or _is_encrypted(source)
        raise FileRefused(_LOCKED if locked else _BROKEN) from None
    hidden = [each for each, visible in known.items() if not visible]
    if len(known) > 1:
        others = [each for each in known if each != name]
        said = ", ".join(f"“{each}”{' (hidden)' if each in hidden else ''}" for each in others[:5])
        more = f" and {len(others) - 5:,} more" if len(others) > 5 else ""
        notes.insert(0, f"The sheet “{name}” was read. The workbook also holds {said}{more}.")
    return Sheet(name=name, others=tuple(known), notes=tuple(notes))


def _is_encrypted(source: Path) -> bool:
    """Whether an Office file says in its directory that it holds another one, encrypted."""
    wanted, last = "EncryptedPackage".encode("utf-16-le"), b""
    with open(source, "rb") as file:
        while block := file.read(packed.BLOCK):
            if wanted in last + block:
                return True
            last = block[-len(wanted) :]
    return False


def _chosen(book: Any, known: dict[str, bool], wanted: str | None) -> tuple[str, Any]:
    if wanted is not None:
        if wanted not in known:
            raise FileRefused(f"There is no sheet “{wanted}” in this workbook. It has: {', '.join(known)}.")
        return wanted, book.get_sheet_by_name(wanted)
    for name in sorted(known, key=lambda each: not known[each]):  # the visible ones first, in their order
        found = book.get_sheet_by_name(name)
        if found.height >= 2:
            return name, found
    raise FileRefused("No sheet of this workbook holds a table: a line of names and at least one row below it.")


def _write_rows(sheet: Any, target: Path, watch: Callable[[float], None]) -> list[str]:
    height = max(sheet.height, 1)
    with open(target, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        for at, row in enumerate(sheet.iter_rows()):
            cells = [_text(cell) for cell in row]
            if any(cells):
                writer.writerow(cells)
            if at % 10_000 == 0:
                watch(at / height)
    merged = len(sheet.merged_cell_ranges or ())
    if not merged:
        return []
    are = "area of merged cells. Its value is" if merged == 1 else "areas of merged cells. Their values are"
    return [f"The sheet has {merged:,} {are} in the upper left cell; the others are empty."]


def _text(cell: Any) -> str:
    """A cell as a person would type it: numbers without a needless .0, dates as ISO."""
    if isinstance(cell, str):
        return cell
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, float):
        return str(int(cell)) if cell.is_integer() and abs(cell) <= _WHOLE else repr(cell)
    if isinstance(cell, dt.datetime):
        return cell.isoformat(" ")
    if isinstance(cell, dt.timedelta):
        return _clock(cell)
    return "" if cell is None else str(cell)


def _clock(span: dt.timedelta) -> str:
    minutes, seconds = divmod(round(span.total_seconds()), 60)
    return f"{minutes // 60:02d}:{minutes % 60:02d}:{seconds:02d}"
