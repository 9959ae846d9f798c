"""What a crash, a full disk or a bug can leave in DATA_DIR: how it is found, and how what is safe to mend is mended.

What only holds up or fills the disk is mended: records that say they run, processes and files that
nobody owns, an index of noise, tables of answers that cannot be read (asking again makes them
anew). What a visitor stored is never touched: that needs a person, who is told what to do.

All of it may be done beside a server. Records are read under the queue's lock, nothing that is live
is touched, and what the server's own timer mends is left to it, for there must be one engine only.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import sqlite3
import time
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from services import datasets, eviction, memory, results, serving
from services.errors import Expected, NotFound
from services.health import DISK_FLOOR_MB
from services.jobs import lanes, processes, record
from services.jobs.engine import Engine
from services.jobs.record import Record
from services.jobs.supervisor import Bounds
from services.table import ABOUT, DATA, is_whole
from services.workspace import Home, Workspace, away, read_json

STALE_PART = 3_600.0  # seconds after which half a file is one that nobody finishes
PATIENCE = 10.0  # seconds in which a running server mends what its timer looks after


@dataclass(frozen=True)
class Finding:
    """Something that is not as it should be; `mend` puts it right, and None says that a person must."""

    kind: str
    message: str
    mend: Callable[[], object] | None = None


@dataclass(frozen=True)
class _Job:
    workspace: Workspace
    folder: Path
    record: Record | None  # None: it cannot be read

    @property
    def works(self) -> bool:
        """It waits, or runs under a living supervisor."""
        return self.record is not None and self.record.is_live and not self.record.is_orphan


def look_at_folder(root: Path) -> Iterator[Finding]:
    """What keeps a server from using the data folder at all; one that is not there yet will be made."""
    nearest = next(each for each in (root, *root.parents) if each.exists())
    if not nearest.is_dir():
        yield Finding("data folder", f"{nearest} is no folder. Set DATA_DIR to another.")
    elif not os.access(nearest, os.R_OK | os.W_OK | os.X_OK):
        yield Finding("data folder", f"{nearest} cannot be read and written by this user. Change its owner.")
    elif (free := shutil.disk_usage(nearest).free // memory.MB) < DISK_FLOOR_MB:
        message = f"{free} MB of disk are free, and {DISK_FLOOR_MB} MB are needed. Make room, or set KEEP_DAYS lower."
        yield Finding("disk", message)


def look(home: Home, bounds: Bounds) -> Iterator[Finding]:
    """Everything in the data folder that is not as it should be, in the order in which it is to be mended."""
    yield from _index(home, bounds)
    jobs = _jobs(home)
    for each in jobs:
        if each.record is None and each.folder.exists():
            message = f"The record of a run cannot be read, so it is listed nowhere. Remove {each.folder}."
            yield Finding("damaged record", message)
        elif each.record is not None and each.record.is_orphan:
            message = f"Run {each.record.id} ({each.record.slug}) says that it runs, and nothing runs it."
            yield Finding("stale record", message, lambda each=each: _recover(home, bounds, each.folder))
    yield from _orphans(home, jobs)
    yield from _leftovers(home, jobs)
    for workspace in home.workspaces():
        yield from _damaged_datasets(workspace)
        yield from _damaged_results(workspace)


def _jobs(home: Home) -> list[_Job]:
    """Every job, read while no other is being entered."""
    queue = home.server / "queue.lock"
    found = []
    with lanes.alone(queue) if queue.exists() else contextlib.nullcontext():
        for workspace in home.workspaces():
            for folder in workspace.each("jobs"):
                known = None
                with contextlib.suppress(NotFound):
                    known = record.read(folder)
                if known is not None or folder.exists():
                    found.append(_Job(workspace, folder, known))
    return found


def _index(home: Home, bounds: Bounds) -> Iterator[Finding]:
    def mend() -> None:
        if serving.running(home.server) is not None:
            _wait(lambda: _is_readable(home.server / "index"))
            return
        shutil.rmtree(home.server / "index")
        _engine(home, bounds)

    if not _is_readable(home.server / "index"):
        yield Finding("damaged index", "The queue's index cannot be read; the records say what was in it.", mend)


def _is_readable(index: Path) -> bool:
    """Whether every entry of the index can be read; nothing is written to find out."""
    file = index / "cache.db"
    if not file.exists():
        return True  # made at the next start
    # Without a journal nobody has it open, and reading must not begin one.
    how = "mode=ro" if file.with_name("cache.db-wal").exists() else "mode=ro&immutable=1"
    try:
        with contextlib.closing(sqlite3.connect(f"{file.as_uri()}?{how}", uri=True)) as con:
            if con.execute("PRAGMA quick_check").fetchone() != ("ok",):
                return False
            for key, value in con.execute("SELECT key, value FROM Cache"):
                json.loads(zlib.decompress(key))
                if value is not None:  # else it is large, and lies in a file beside
                    json.loads(zlib.decompress(value))
    except (sqlite3.DatabaseError, zlib.error, TypeError, ValueError):
        return False
    return True


def _recover(home: Home, bounds: Bounds, folder: Path) -> None:
    """Have the record marked as interrupted: by the server's timer, or where none runs by an engine of ours."""
    if serving.running(home.server) is None:
        _engine(home, bounds)
    _wait(lambda: not record.read(folder).is_orphan)


def _engine(home: Home, bounds: Bounds) -> None:
    """Make an engine, which recovers what is stale and enters what is live into its index, and leave it."""
    Engine(home, bounds).index.close()


def _wait(done: Callable[[], bool], otherwise: str = "The server that runs did not repair it: restart it.") -> None:
    end = time.monotonic() + PATIENCE
    while not done():
        if time.monotonic() > end:
            raise Expected(otherwise)
        time.sleep(0.1)


def _orphans(home: Home, jobs: list[_Job]) -> Iterator[Finding]:
    """Processes of jobs of this data folder that do not work any more; another server's are not ours."""
    works = {each.folder.name for each in jobs if each.works}
    works |= {holder["job"] for lane in lanes.LANES if (holder := lanes.holder(home.server, lane))}
    ours = {each.folder.name for each in jobs}
    for pid, job in processes.strays().items():
        if job not in works and (job in ours or _names(pid, home.root)):
            message = f"Process {pid} belongs to run {job}, which has ended."
            yield Finding("orphaned process", message, lambda job=job: _end(job))


def _end(job: str) -> None:
    """End every process of a job, and see that they are gone."""
    processes.sweep_strays(job)
    _wait(lambda: job not in processes.strays().values(), "It could not be ended: do so as its owner.")


def _names(pid: int, root: Path) -> bool:
    """Whether the command line of a process names a file below `root`."""
    with contextlib.suppress(OSError):
        return f"{root}{os.sep}".encode() in Path(f"/proc/{pid}/cmdline").read_bytes()
    return False


def _leftovers(home: Home, jobs: list[_Job]) -> Iterator[Finding]:
    now = time.time()
    ended = [each.folder for each in jobs if each.record is not None and not each.works]
    spilled = [folder / "tmp" for folder in ended if (folder / "tmp").exists()]
    yield from _removable("temporary folder", "of a run that has ended", spilled)
    live = [(each.workspace, each.record) for each in jobs if each.works and each.record]
    busy = {workspace.job(job.id) for workspace, job in live} | {workspace.result(job.key) for workspace, job in live}
    parts = [*home.root.glob(".secret_key.*"), *home.root.glob(".check.*")]
    for place in (home.server, *(workspace.folder for workspace in home.workspaces())):
        parts.extend(_parts(place, busy))
    yield from _removable(
        "unfinished file", "that nobody finishes", [each for each in parts if now - _written(each) > STALE_PART]
    )
    awaited = {workspace.folder / "uploads" / str(job.params.get("upload")) for workspace, job in live}
    uploads = [each for workspace in home.workspaces() for each in workspace.each("uploads") if each not in awaited]
    yield from _removable(
        "unfinished upload",
        "of yesterday or before",
        [each for each in uploads if now - _written(each) > eviction.STALE_UPLOAD],
    )


def _parts(place: Path, busy: set[Path]) -> Iterator[Path]:
    """What is hidden below `place`: a file or folder that was to be renamed when it is whole."""
    for folder, inside, names in os.walk(place):
        here = Path(folder)
        yield from (here / name for name in (*inside, *names) if name.startswith("."))
        inside[:] = [name for name in inside if not name.startswith(".") and here / name not in busy]


def _removable(kind: str, which: str, paths: list[Path]) -> Iterator[Finding]:
    if not paths:
        return

    def remove() -> None:
        for each in paths:
            if each.is_dir():
                shutil.rmtree(each, ignore_errors=True)
            else:
                each.unlink(missing_ok=True)
        if left := [each for each in paths if each.exists()]:
            raise Expected(f"{left[0]} could not be removed: remove it by hand.")

    size = sum(_size(each) for each in paths) / memory.MB
    many = f"1 {kind}" if len(paths) == 1 else f"{len(paths)} {kind}s"
    yield Finding(kind, f"{many} {which}, {size:.1f} MB.", remove)


def _below(path: Path) -> Iterator[Path]:
    yield path
    for folder, inside, names in os.walk(path):
        yield from (Path(folder) / name for name in (*inside, *names))


def _written(path: Path) -> float:
    """When anything of it was last written."""
    found = [0.0]
    for each in _below(path):
        with contextlib.suppress(FileNotFoundError):
            found.append(each.lstat().st_mtime)
    return max(found)


def _size(path: Path) -> int:
    found = 0
    for each in _below(path):
        with contextlib.suppress(FileNotFoundError):
            found += each.lstat().st_size if each.is_file() else 0
    return found


def _damaged_datasets(workspace: Workspace) -> Iterator[Finding]:
    for folder in workspace.each("datasets"):
        whole = all(_is_json(folder / name) for name in (ABOUT, datasets.PROFILE)) and is_whole(folder / DATA)
        if not whole and folder.exists():
            message = f"A dataset cannot be read. Remove {folder}, and have its file uploaded again."
            yield Finding("damaged dataset", message)


def _damaged_results(workspace: Workspace) -> Iterator[Finding]:
    """Answers of which a part cannot be read; without that part they are asked for again, and made anew."""
    for folder in workspace.each("results"):
        answer = folder / results.FILE
        if not answer.exists():
            continue
        bad = [answer]
        with contextlib.suppress(NotFound, AttributeError, KeyError, TypeError):
            names = [Path(each["file"]).name for each in read_json(answer)["tables"].values()]
            there = [folder / name for name in names if (folder / name).exists()]
            bad = [each for each in there if not (_is_json if each.suffix == ".json" else is_whole)(each)]
        if bad := [each for each in bad if each.exists()]:
            message = f"An answer cannot be read ({', '.join(each.name for each in bad)} in {folder})."
            yield Finding("damaged result", message, lambda bad=bad: [away(each) for each in bad])


def _is_json(path: Path) -> bool:
    try:
        read_json(path)
    except NotFound:
        return False
    return True
