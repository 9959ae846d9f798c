"""What results cost in disk, and who goes first.

What goes can be made again by asking again: large tables of a result, files exported from it, and
what runs that ended early kept. Facts, notes and small tables of a result stay. A dataset and its
profile are never candidates, nor is anything of a question that a live job works on.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

from services import results
from services.explore import order
from services.workspace import STEPS, Home, discard

MB = 1 << 20
DAY = 86_400.0
STALE_UPLOAD = DAY  # seconds after which an unfinished upload is given up


@dataclass(frozen=True)
class Entry:
    """Something that may go: its size in bytes, when it was made and when it was last opened.

    `path` is a large table, an exported file, the order of a dataset's rows, or the folder of a question
    whose steps and result so far go together.
    """

    path: Path
    bytes: int
    made: float
    opened: float

    @property
    def name(self) -> str:
        """What it is, in words."""
        if self.path.parent.name == order.FOLDER:
            return "order of a table's rows"
        if self.path.suffix == ".parquet":
            return f"table “{self.path.stem}”"
        return f"export “{self.path.name}”" if self.path.suffix else "steps of a run that ended early"

    @property
    def kind(self) -> str:
        """What it is, without a name."""
        if self.path.parent.name == order.FOLDER:
            return "an order of rows"
        if self.path.suffix == ".parquet":
            return "a table"
        return "an export" if self.path.suffix else "steps of a run"

    def is_due(self, since: float, now: float) -> bool:
        """Nobody opened it since the last tick, and it was seen once or a day has passed."""
        return self.opened < since and (self.opened > self.made or now - self.made > DAY)

    def remove(self) -> None:
        """Remove it; a reader that has a file open keeps it until it closes it."""
        if self.path.is_dir():
            for place in _left(self.path):
                discard(place)
        else:
            self.path.unlink(missing_ok=True)


def entries(home: Home, live: Collection[str]) -> Iterator[Entry]:
    """Everything of every visitor that may go; `live` are the keys that are worked on."""
    for workspace in home.workspaces():
        for folder in workspace.each("results"):
            if folder.name not in live:
                yield from _entries(folder)
        for folder in workspace.each("datasets"):
            for path in (folder / order.FOLDER).glob("[!.]*.parquet"):
                with contextlib.suppress(FileNotFoundError):
                    state = path.stat()  # used again, it is touched
                    yield Entry(path, state.st_size, state.st_ctime, state.st_mtime)


def _entries(folder: Path) -> Iterator[Entry]:
    left = [each for place in _left(folder) for each in files(place)]
    if left:
        last = max(each.st_mtime for each in left)
        yield Entry(folder, bytes_of(left), last, last)
    with contextlib.suppress(FileNotFoundError):  # not finished: its tables are among what is left
        made = (folder / results.FILE).stat().st_mtime
        for path in (*folder.glob("*.parquet"), *(folder / results.EXPORTS).glob("[!.]*")):
            with contextlib.suppress(FileNotFoundError):
                state = path.stat()
                yield Entry(path, state.st_size, made if path.parent == folder else state.st_mtime, state.st_mtime)


def _left(folder: Path) -> list[Path]:
    """What lies in the folder of a question and is no part of its answer: all of it where there is none."""
    return [folder / STEPS, folder / results.PARTIAL] if (folder / results.FILE).exists() else [folder]


def sweep(
    home: Home, *, live: Collection[str], over_mb: float, budget_mb: float, since: float, now: float
) -> list[Entry]:
    """Remove what is over `over_mb` and due, then the oldest above the budget.

    `live` are the keys of results that a job works on: nothing of them is touched. `since` and
    `now` are seconds since 1970. Returns what was removed.
    """
    found = sorted(entries(home, live), key=lambda entry: entry.opened)
    gone = [entry for entry in found if entry.bytes > over_mb * MB and entry.is_due(since, now)]
    left = [entry for entry in found if entry not in gone]
    total = sum(entry.bytes for entry in left)
    for entry in left:
        if total <= budget_mb * MB:
            break
        gone.append(entry)
        total -= entry.bytes
    for entry in gone:
        entry.remove()
    return gone


def forget(home: Home, *, days: float, now: float, awaited: Collection[str]) -> None:
    """Remove unfinished uploads of yesterday, and workspaces that were unused for `days`.

    `awaited` are the uploads that a job waits to read.
    """
    for workspace in home.workspaces():
        for upload in workspace.each("uploads"):
            if upload.name not in awaited and now - _last_use(upload) > STALE_UPLOAD:
                shutil.rmtree(upload, ignore_errors=True)
        if now - _last_use(workspace.folder) > days * DAY:
            shutil.rmtree(workspace.folder, ignore_errors=True)


def _last_use(folder: Path) -> float:
    """When the folder or a file below it was last written, or a table of a result was opened."""
    with contextlib.suppress(FileNotFoundError):
        return max([folder.stat().st_mtime, *(each.st_mtime for each in files(folder))])
    return float("inf")  # it is gone, or about to come


def sizes(home: Home) -> dict[str, tuple[int, int]]:
    """How many datasets, results and uploads on their way there are, and their bytes on disk."""
    found = {"datasets": (0, 0), "results": (0, 0), "uploads": (0, 0)}
    for workspace in home.workspaces():
        for kind, (count, size) in found.items():
            folders = list(workspace.each(kind))
            found[kind] = count + len(folders), size + sum(map(bytes_below, folders))
    return found


def files(folder: Path) -> Iterator[os.stat_result]:
    """The state of each file below `folder`; what goes meanwhile is passed over."""
    for place, _, names in os.walk(folder):
        for name in names:
            with contextlib.suppress(FileNotFoundError, NotADirectoryError):
                yield os.lstat(os.path.join(place, name))


def bytes_below(folder: Path) -> int:
    """How many bytes the files below `folder` take on disk."""
    return bytes_of(files(folder))


def bytes_of(found: Iterator[os.stat_result] | list[os.stat_result]) -> int:
    """Bytes of files, each once: a table that a step made and a result shows has two names."""
    return sum({(each.st_dev, each.st_ino): each.st_size for each in found}.values())
