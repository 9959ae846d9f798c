"""What large results cost in disk, and who goes first.

Only large tables go: facts, notes and small tables of a result stay, and the question can be asked
again. A dataset and its profile are never candidates.
"""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from services.workspace import Home

MB = 1 << 20
DAY = 86_400.0
STALE_UPLOAD = DAY  # seconds after which an unfinished upload is given up


@dataclass(frozen=True)
class Entry:
    """A large table of a result: its size in bytes, when it was made and when it was last opened."""

    path: Path
    bytes: int
    made: float
    opened: float

    def is_due(self, since: float, now: float) -> bool:
        """Nobody opened it since the last tick, and it was seen once or a day has passed."""
        return self.opened < since and (self.opened > self.made or now - self.made > DAY)


def entries(home: Home) -> Iterator[Entry]:
    """Every large table of every visitor."""
    for workspace in home.workspaces():
        for folder in workspace.each("results"):
            answer = folder / "result.json"
            for path in folder.glob("*.parquet"):
                try:
                    made, state = answer.stat().st_mtime, path.stat()
                except FileNotFoundError:  # not finished, or gone meanwhile
                    continue
                yield Entry(path, state.st_size, made, state.st_mtime)


def sweep(home: Home, *, over_mb: float, budget_mb: float, since: float, now: float) -> list[Entry]:
    """Remove large tables: those over `over_mb` that are due, then the oldest above the budget.

    `since` and `now` are seconds since 1970. Returns what was removed. A reader that has a file
    open keeps it until it closes it.
    """
    found = sorted(entries(home), key=lambda entry: entry.opened)
    gone = [entry for entry in found if entry.bytes > over_mb * MB and entry.is_due(since, now)]
    left = [entry for entry in found if entry not in gone]
    total = sum(entry.bytes for entry in left)
    for entry in left:
        if total <= budget_mb * MB:
            break
        gone.append(entry)
        total -= entry.bytes
    for entry in gone:
        entry.path.unlink(missing_ok=True)
    return gone


def forget(home: Home, *, days: float, now: float) -> None:
    """Remove unfinished uploads of yesterday, and workspaces that were unused for `days`."""
    for workspace in home.workspaces():
        for upload in workspace.each("uploads"):
            if now - _last_use(upload) > STALE_UPLOAD:
                shutil.rmtree(upload, ignore_errors=True)
        if now - _last_use(workspace.folder) > days * DAY:
            shutil.rmtree(workspace.folder, ignore_errors=True)


def _last_use(folder: Path) -> float:
    """When anything below `folder` was last written, or a table of a result was opened."""
    found = [0.0]
    for place in [folder, *folder.glob("*"), *folder.glob("*/*"), *folder.glob("*/*/*")]:
        with contextlib.suppress(FileNotFoundError):
            found.append(place.stat().st_mtime)
    return max(found)


def sizes(home: Home) -> dict[str, tuple[int, int]]:
    """How many datasets and results there are, and their bytes on disk."""
    found = {"datasets": [0, 0], "results": [0, 0]}
    for workspace in home.workspaces():
        for kind, total in found.items():
            for folder in workspace.each(kind):
                total[0] += 1
                total[1] += sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    return {kind: (count, size) for kind, (count, size) in found.items()}
