"""A file on its way in: made, appended to in chunks, finished; the protocol is tus 1.0.

Nothing is held in memory: each chunk goes to the end of one file in the visitor's workspace, and is
dropped from the page cache, which a small container needs for better things. A chunk that comes with
its SHA-256 is kept whole or not at all, so every byte that is kept was checked.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import shutil
import time
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from services import eviction, room
from services.errors import Busy, Damaged, DoesNotFit, FileRefused, NotFound, OutOfStep
from services.workspace import Home, Workspace, new_id, read_json, write_json

ACCEPTED = (
    ".csv", ".tsv", ".txt", ".psv", ".xlsx", ".xlsm", ".xls", ".xlsb", ".ods", ".json", ".jsonl", ".ndjson",
    ".parquet", ".feather", ".arrow", ".gz", ".zip", ".bz2", ".xz",
)  # fmt: skip
ACCEPTED_SAID = "CSV, Excel, OpenDocument, JSON, Parquet or Arrow; also in a zip or gzip"

CONTENT, META = "content", "meta.json"
BLOCK = 1 << 16
# Reading a file needs room for its columns beside it.
DISK_FACTOR = 2.5
PACKED = (b"PK", b"\x1f\x8b", b"BZh", b"\xfd7zXZ", b"PAR1", b"ARROW1")
PACKS = 8  # times smaller than its CSV, a packed file is about
GIVEN_UP = 600.0  # seconds without a byte after which what is still to come of an upload keeps no other one out


@dataclass(frozen=True)
class Upload:
    """An upload so far: `offset` of `length` bytes are here."""

    folder: Path
    name: str
    length: int

    @property
    def id(self) -> str:
        return self.folder.name

    @property
    def offset(self) -> int:
        return (self.folder / CONTENT).stat().st_size

    @property
    def is_complete(self) -> bool:
        return self.offset == self.length

    @property
    def weight(self) -> int:
        """About how many bytes of CSV it is."""
        with open(self.folder / CONTENT, "rb") as file:
            return self.length * (PACKS if file.read(8).startswith(PACKED) else 1)


def create(workspace: Workspace, name: str, length: int, *, limit_mb: int, quota_mb: int = 0) -> Upload:
    """Begin an upload of `length` bytes; `quota_mb` is what the visitor's tables and uploads may take, 0 any amount.

    Raises
    ------
    FileRefused
        It is empty, or larger than `limit_mb`.
    DoesNotFit
        The disk has no room for it and what is made of it, or the visitor's quota has none.
    """
    if length == 0:
        raise FileRefused(f"“{name}” is empty: it has no bytes. Choose another file.")
    if length > limit_mb * 1_000_000:
        raise FileRefused(
            f"“{name}” has {length / 1e9:.1f} GB, and this server takes files of up to {limit_mb / 1000:g} GB. "
            "Split it, or leave out columns you do not need."
        )
    taken = _held(workspace) if quota_mb else 0
    if quota_mb and taken + length > quota_mb * 1_000_000:
        raise DoesNotFit(
            f"“{name}” has {_mb(length)}, and your tables take {_mb(taken)} of the {quota_mb:,} MB you may store here. "
            "Remove tables you do not need, then choose it again."
        )
    with _room(name, workspace.folder.parent):
        workspace.folder.mkdir(parents=True, exist_ok=True)
        everyone = Home(workspace.folder.parents[1]).workspaces()
        if shutil.disk_usage(workspace.folder).free - _to_come(everyone) < length * DISK_FACTOR:
            raise room.too_little(workspace.folder, f"“{name}”")
        folder = workspace.upload(new_id())
        folder.mkdir(parents=True)
        # Only ever shown, never a path.
        write_json(folder / META, {"name": os.path.basename(name)[:200] or "table.csv", "length": length})
        (folder / CONTENT).touch()
    return get(workspace, folder.name)


def _mb(size: float) -> str:
    return f"{size / 1e6:,.0f} MB" if size >= 1e7 else f"{size / 1e6:.1f} MB"


def _held(workspace: Workspace) -> int:
    """Bytes of a visitor's tables with their originals, and of uploads: what arrived and what was declared."""
    here = sum(eviction.bytes_below(workspace.folder / kind) for kind in ("datasets", "uploads"))
    return here + _to_come([workspace])


def _to_come(workspaces: Iterable[Workspace]) -> int:
    """Bytes that the uploads on their way have declared and not yet sent."""
    found = 0
    for each in workspaces:
        for folder in each.each("uploads"):
            with contextlib.suppress(NotFound, FileNotFoundError):
                if time.time() - (folder / CONTENT).stat().st_mtime < GIVEN_UP:
                    upload = get(each, folder.name)
                    found += upload.length - upload.offset
    return found


@contextlib.contextmanager
def _room(name: str, place: Path) -> Iterator[None]:
    """Say in a sentence that the disk is full when it is."""
    try:
        yield
    except OSError as error:
        if not room.is_out(error):
            raise
        raise room.too_little(place, f"“{name}”") from None


def get(workspace: Workspace, upload: str) -> Upload:
    """Find an upload of this visitor."""
    folder = workspace.upload(upload)
    meta = read_json(folder / META)
    if not (folder / CONTENT).exists() or (folder / CONTENT).is_dir():
        raise NotFound("This upload does not exist any more.")
    return Upload(folder, meta["name"], meta["length"])


def append(upload: Upload, offset: int, blocks: Iterable[bytes], digest: bytes | None = None) -> int:
    """Write `blocks` at the end and return the new offset; with their SHA-256 they are kept all or none.

    Raises
    ------
    Damaged
        What arrived is not what `digest` says.
    Busy
        Another part of it is arriving.
    OutOfStep
        `offset` is not where the file ends now.
    FileRefused
        More arrives than was declared.
    DoesNotFit
        The disk is full.
    """
    descriptor = os.open(upload.folder / CONTENT, os.O_WRONLY | os.O_APPEND)
    try:
        try:
            # A browser that lost its line asks again while the first request may still be written.
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Busy("Another part of this file is arriving.") from None
        if offset != upload.offset:
            raise OutOfStep("This part of the file does not follow what is here already.")
        begin = offset
        try:
            offset = _write(upload, descriptor, offset, blocks, digest)
        except BaseException:
            if digest is not None:  # what was not checked is not kept
                os.ftruncate(descriptor, begin)
            raise
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
    finally:
        os.close(descriptor)
    return offset


def _write(upload: Upload, descriptor: int, offset: int, blocks: Iterable[bytes], digest: bytes | None) -> int:
    seen = hashlib.sha256() if digest is not None else None
    with _room(upload.name, upload.folder):
        for block in blocks:
            if offset + len(block) > upload.length:
                raise FileRefused(f"“{upload.name}” is longer than was declared. Upload it again.")
            offset += len(block)
            if seen is not None:
                seen.update(block)
            while block:  # a disk that is nearly full takes a part of it
                block = block[os.write(descriptor, block) :]
        if seen is not None and seen.digest() != digest:
            raise Damaged("This part of the file arrived damaged. It is sent again.")
        os.fdatasync(descriptor)
    return offset


def clear(workspace: Workspace, ended: Collection[str]) -> None:
    """Remove the uploads called `ended`: who read them was cancelled, killed or could not."""
    for folder in workspace.each("uploads"):
        if folder.name in ended:
            shutil.rmtree(folder, ignore_errors=True)


def remove(upload: Upload) -> None:
    shutil.rmtree(upload.folder, ignore_errors=True)
