"""Files around a file: gzip, bzip2, xz and zip, unpacked while they are watched.

Deflate packs up to 1,028 to 1, a CSV three to thirty to one: what swells beyond every table is
refused early, and nothing is unpacked beyond what the disk can hold.
"""

from __future__ import annotations

import bz2
import gzip
import lzma
import shutil
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from services import room
from services.errors import FileRefused

BLOCK = 1 << 20
MOST_RATIO = 300
SEEN = 64 << 20  # bytes after which the ratio is judged
XZ_MEMORY = 128 << 20  # bytes its dictionary may take
MOST_LISTED = 50

TABLES = (".csv", ".tsv", ".tab", ".txt", ".psv", ".json", ".jsonl", ".ndjson", ".parquet", ".feather", ".arrow",
          ".xlsx", ".xlsm", ".xls", ".xlsb", ".ods")  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Unpacked:
    """What was inside an archive: the file taken, and the names of those it was taken from."""

    path: Path
    name: str
    members: tuple[str, ...] = ()


def unpack(source: Path, kind: str, name: str, work: Path, watch: Callable[[float], None]) -> Unpacked:
    """Unpack the single file `source`, a gzip, bzip2 or xz, into `work`.

    Raises
    ------
    FileRefused
        It is damaged, or swells beyond any table.
    DoesNotFit
        The disk has no room for what is inside.
    """
    target = work / "unpacked"
    inner = name.rpartition(".")[0] if name.lower().endswith((".gz", ".bz2", ".xz", ".gzip")) else name
    size = source.stat().st_size
    try:
        with open(source, "rb") as raw:
            blocks = {"gzip": _gzip, "bzip2": _bzip2, "xz": _xz}[kind](raw)
            _pour(blocks, target, lambda: max(raw.tell(), 1), lambda: watch(raw.tell() / size))
    except EOFError:
        raise FileRefused(f"This {kind} archive is cut off: its end is missing. Upload it again, or whole.") from None
    except (OSError, zlib.error, lzma.LZMAError) as error:
        if isinstance(error, OSError) and room.is_out(error):
            raise room.too_little(work, f"“{name}”") from None
        raise FileRefused(f"This {kind} archive is damaged and cannot be unpacked. Pack it again.") from None
    return Unpacked(path=target, name=inner or name)


def unzip(source: Path, name: str, work: Path, watch: Callable[[float], None], member: str | None = None) -> Unpacked:
    """Unpack one file of the zip `source`: `member`, or the first by name that is named like a table."""
    target = work / "unpacked"
    try:
        with zipfile.ZipFile(source) as archive:
            files = [each for each in archive.infolist() if not each.is_dir() and not _is_side(each.filename)]
            chosen = _chosen(sorted(files, key=lambda each: each.filename), member)
            if chosen.flag_bits & 1:
                raise FileRefused(
                    "This zip archive is encrypted. Unpack it with its password and upload the file inside."
                )
            if chosen.file_size > room_for(work):
                raise room.too_little(work, f"“{chosen.filename}” in “{name}”")
            with archive.open(chosen) as file:
                done = 0

                def said() -> None:
                    nonlocal done
                    done += BLOCK
                    watch(min(1.0, done / max(chosen.file_size, 1)))

                _pour(_blocks(file), target, lambda: max(chosen.compress_size, 1), said)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, lzma.LZMAError):
        raise FileRefused("This zip archive is damaged and cannot be unpacked. Pack it again.") from None
    except OSError as error:
        if room.is_out(error):
            raise room.too_little(work, f"“{name}”") from None
        raise FileRefused("This zip archive is damaged and cannot be unpacked. Pack it again.") from None
    names = tuple(each.filename for each in files if each.filename.lower().endswith(TABLES))
    return Unpacked(path=target, name=chosen.filename.rpartition("/")[2], members=names[:MOST_LISTED])


def room_for(work: Path) -> int:
    """Bytes that may be unpacked to the disk of `work`: its columns need room beside."""
    return shutil.disk_usage(work).free * 2 // 5


def check_sizes(archive: zipfile.ZipFile, most: int) -> None:
    """Refuse a zip whose files are said to swell beyond `most` bytes, or beyond every honest ratio."""
    whole = sum(each.file_size for each in archive.infolist())
    packed = sum(each.compress_size for each in archive.infolist())
    if whole > SEEN and whole > MOST_RATIO * max(packed, 1):
        raise FileRefused(_BOMB)
    if whole > most:
        raise FileRefused(
            f"This workbook holds {whole / 1e6:,.0f} MB unpacked, and one of {most / 1e6:,.0f} MB can be read here. "
            "Save the sheet as CSV and upload that: a CSV of any length can be read."
        )


_BOMB = (
    f"This file swells more than {MOST_RATIO} times when it is unpacked, as no table does. "
    "Unpack it yourself, look at it, and upload the file inside."
)


def _pour(blocks: Iterator[bytes], target: Path, packed: Callable[[], int], said: Callable[[], None]) -> None:
    most, done = room_for(target.parent), 0
    with open(target, "wb") as out:
        for block in blocks:
            done += len(block)
            if done > SEEN and done > MOST_RATIO * packed():
                raise FileRefused(_BOMB)
            if done > most:
                raise room.too_little(target.parent, "What is inside this archive")
            out.write(block)
            said()


def _blocks(file: IO[bytes]) -> Iterator[bytes]:
    while block := file.read(BLOCK):
        yield block


def _gzip(raw: IO[bytes]) -> Iterator[bytes]:
    with gzip.GzipFile(fileobj=raw, mode="rb") as file:
        yield from _blocks(file)


def _bzip2(raw: IO[bytes]) -> Iterator[bytes]:
    with bz2.BZ2File(raw, "rb") as file:
        yield from _blocks(file)


def _xz(raw: IO[bytes]) -> Iterator[bytes]:
    packed = raw.read(BLOCK)
    while packed:
        opened = lzma.LZMADecompressor(memlimit=XZ_MEMORY)
        while not opened.eof:
            if opened.needs_input and not packed:
                packed = raw.read(BLOCK)
                if not packed:
                    raise EOFError
            yield opened.decompress(packed, BLOCK)
            packed = b""
        packed = opened.unused_data.lstrip(b"\0") or raw.read(BLOCK)  # streams may follow one another, padded


def _is_side(name: str) -> bool:
    """What an archiver adds for itself."""
    last = name.rpartition("/")[2]
    return name.startswith("__MACOSX/") or last.startswith(".") or last == "Thumbs.db"


def _chosen(files: list[Any], member: str | None) -> zipfile.ZipInfo:
    if member is not None:
        found = next((each for each in files if each.filename == member), None)
        if found is None:
            raise FileRefused(f"There is no “{member}” in this archive. Choose one of the files it holds.")
        return found
    tables = [each for each in files if each.filename.lower().endswith(TABLES)]
    if not files:
        raise FileRefused("This zip archive is empty. Choose another file.")
    if not tables and len(files) > 1:
        raise FileRefused("This zip archive holds no table. Put a CSV, Excel, JSON or Parquet file into it.")
    return (tables or files)[0]
