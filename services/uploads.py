"""A file on its way in: made, appended to in chunks, finished; the protocol is tus 1.0.

Nothing is held in memory: each chunk goes to the end of one file in the visitor's workspace, and is
dropped from the page cache, which a small container needs for better things.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from services import room
from services.errors import Busy, FileRefused, NotFound, OutOfStep
from services.workspace import Home, Workspace, new_id, read_json, write_json

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


def create(workspace: Workspace, name: str, length: int, *, limit_mb: int) -> Upload:
    """Begin an upload of `length` bytes.

    Raises
    ------
    FileRefused
        It is empty, or larger than `limit_mb`.
    DoesNotFit
        The disk has no room for it and what is made of it.
    """
    if length == 0:
        raise FileRefused(f"“{name}” is empty: it has no bytes. Choose another file.")
    if length > limit_mb * 1_000_000:
        raise FileRefused(
            f"“{name}” has {length / 1e9:.1f} GB, and this server takes files of up to {limit_mb / 1000:g} GB. "
            "Split it, or leave out columns you do not need."
        )
    with _room(name, workspace.folder.parent):
        workspace.folder.mkdir(parents=True, exist_ok=True)
        if shutil.disk_usage(workspace.folder).free - _to_come(workspace) < length * DISK_FACTOR:
            raise room.too_little(workspace.folder, f"“{name}”")
        folder = workspace.upload(new_id())
        folder.mkdir(parents=True)
        # Only ever shown, never a path.
        write_json(folder / META, {"name": os.path.basename(name)[:200] or "table.csv", "length": length})
        (folder / CONTENT).touch()
    return get(workspace, folder.name)


def _to_come(workspace: Workspace) -> int:
    """Bytes that the uploads on their way, of all visitors, have declared and not yet sent."""
    found = 0
    for each in Home(workspace.folder.parents[1]).workspaces():
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


def append(upload: Upload, offset: int, blocks: Iterable[bytes]) -> int:
    """Write `blocks` at the end and return the new offset.

    Raises
    ------
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
        with _room(upload.name, upload.folder):
            for block in blocks:
                if offset + len(block) > upload.length:
                    raise FileRefused(f"“{upload.name}” is longer than was declared. Upload it again.")
                offset += len(block)
                while block:  # a disk that is nearly full takes a part of it
                    block = block[os.write(descriptor, block) :]
            os.fdatasync(descriptor)
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
    finally:
        os.close(descriptor)
    return offset


def remove(upload: Upload) -> None:
    shutil.rmtree(upload.folder, ignore_errors=True)
