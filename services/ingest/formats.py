"""What kind of file it is, by its content: its name says only what it is called.

Archives are unpacked, workbooks and JSON become delimited text; Parquet and Arrow bring columns.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from services.errors import FileRefused
from services.ingest import documents, packed, sheets

Watch = Callable[[float, str], None]

_ARCHIVES = {b"\x1f\x8b": "gzip", b"BZh": "bzip2", b"\xfd7zXZ\x00": "xz"}
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_ZIP = (b"PK\x03\x04", b"PK\x05\x06")
_BOOK_NAMES = {
    b"xl/workbook.xml": "Excel workbook", b"xl/workbook.bin": "Excel workbook",
    b"application/vnd.oasis.opendocument.spreadsheet": "OpenDocument spreadsheet",
}  # fmt: skip

_OTHERS = {
    b"word/document.xml": "a Word document", b"ppt/presentation.xml": "a presentation",
    b"application/vnd.oasis.opendocument.text": "an OpenDocument text",
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Prepared:
    """Where the table lies now, and how it got there.

    `form` says how it is read on: "text" (delimited, whatever its dialect), "sheet" (commas, the header
    to be found), "rows" (commas, the header first) or "columns" (Parquet, Arrow).
    """

    path: Path
    form: str
    source: dict[str, Any]  # what is kept of it: format, and sheet or member with those there are
    notes: tuple[str, ...] = ()
    kind: str = field(default="CSV")


def prepare(
    source: Path, name: str, work: Path, watch: Watch, *, sheet: str | None = None, member: str | None = None,
    memory_mb: int = 160,
) -> Prepared:  # fmt: skip
    """Bring the file `source`, called `name`, into a form that can be read, below `work`.

    Raises
    ------
    FileRefused
        It is damaged, locked, no table, or an archive of archives.
    DoesNotFit
        The disk has no room for what is inside.
    """
    kind = _kind(source, name)
    kept: dict[str, Any] = {}
    notes: list[str] = []
    if kind in {"gzip", "bzip2", "xz", "zip"}:
        if kind == "zip":
            inside = packed.unzip(source, name, work, lambda done: watch(done / 2, "Unpacking"), member)
            kept = {"archive": "zip", "member": inside.name, "members": list(inside.members)}
            if len(inside.members) > 1:
                others = ", ".join(f"“{each}”" for each in inside.members if not each.endswith(inside.name))
                notes.append(f"“{inside.name}” was read. The archive also holds {others}.")
        else:
            inside = packed.unpack(source, kind, name, work, lambda done: watch(done / 2, "Unpacking"))
            kept = {"archive": kind}
        source, name = inside.path, inside.name
        kind = _kind(source, name)
        if kind in {"gzip", "bzip2", "xz", "zip"}:
            raise FileRefused("This archive holds another archive. Unpack it and upload the table inside.")
    if kind in {"Excel workbook", "OpenDocument spreadsheet"}:
        target = work / "sheet.csv"
        taken = sheets.write(
            source, target, lambda done: watch(0.5 + done / 2, "Reading the sheet"), sheet=sheet, memory_mb=memory_mb
        )
        kept |= {"format": kind, "sheet": taken.name, "sheets": list(taken.others)}
        return Prepared(path=target, form="sheet", source=kept, notes=(*notes, *taken.notes), kind=kind)
    if kind == "JSON":
        target = work / "rows.csv"
        notes += documents.write(source, target, lambda done: watch(0.5 + done / 2, "Reading the objects"))
        return Prepared(path=target, form="rows", source=kept | {"format": kind}, notes=tuple(notes), kind=kind)
    if kind in {"Parquet", "Arrow"}:
        return Prepared(path=source, form="columns", source=kept | {"format": kind}, notes=tuple(notes), kind=kind)
    return Prepared(path=source, form="text", source=kept | {"format": "CSV"}, notes=tuple(notes))


def _kind(source: Path, name: str) -> str:
    with open(source, "rb") as file:
        head = file.read(65_536)
        if head.startswith(_ZIP):
            return _zip_kind(source)
        size = file.seek(0, 2)
        file.seek(max(0, size - 8))
        tail = file.read(8)
    for magic, kind in _ARCHIVES.items():
        if head.startswith(magic):
            return kind
    if head.startswith(b"PAR1") or (head.startswith(b"PARE") and tail.endswith(b"PARE")):
        return "Parquet"
    if head.startswith(b"ARROW1") or (head.startswith(b"\xff\xff\xff\xff") and b"\x04\x00" in head[:64]):
        return "Arrow"
    if head.startswith(b"FEA1"):
        raise FileRefused("This is a Feather file of the first version. Write it as Parquet and upload that.")
    if head.startswith(_OLE):
        return "Excel workbook"
    return "JSON" if documents.is_json(head, name) else "text"


def _zip_kind(source: Path) -> str:
    """A workbook is a zip too: its own files tell."""
    with open(source, "rb") as file:
        head = file.read(4_096)
        size = file.seek(0, 2)
        file.seek(max(0, size - 262_144))
        parts = head + file.read()
    for mark, what in _OTHERS.items():
        if mark in parts:
            raise FileRefused(f"This is {what}, not a table. Save its table as CSV or as a workbook and upload that.")
    return next((kind for mark, kind in _BOOK_NAMES.items() if mark in parts), "zip")
