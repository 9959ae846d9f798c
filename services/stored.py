"""What lies on disk, in sums for everybody; and by name what is one's own."""

from __future__ import annotations

import contextlib
import shutil
from dataclasses import asdict, dataclass
from typing import Any

from services import datasets, eviction, results, runs
from services.errors import DiskFull, NotFound
from services.jobs.record import Record
from services.workspace import Home, Workspace, read_json, write_json

MOST = 5  # entries that are named

_LAST = "evicted.json"


@dataclass(frozen=True)
class Holding:
    """A dataset or a result: its bytes, and when it was last used, in seconds since 1970."""

    name: str
    kind: str
    bytes: int
    used: float


def sums(home: Home) -> dict[str, Any]:
    """How many of each kind there are, their bytes, and the bytes that the disk has free."""
    kinds = {name: {"count": count, "bytes": size} for name, (count, size) in eviction.sizes(home).items()}
    kinds["caches"] = {"count": 0, "bytes": eviction.bytes_below(home.server)}
    return {"kinds": kinds, "free": shutil.disk_usage(home.root).free}


def largest(workspace: Workspace, jobs: list[Record], most: int = MOST) -> list[Holding]:
    """The largest that this visitor stored; `jobs` are their runs."""
    found = [*_datasets(workspace, jobs), *_results(workspace, jobs)]
    return sorted(found, key=lambda each: -each.bytes)[:most]


def _datasets(workspace: Workspace, jobs: list[Record]) -> list[Holding]:
    return [
        Holding(
            known["name"],
            "Dataset",
            eviction.bytes_below(workspace.dataset(known["id"])),
            max([known["made"], *(job.started or job.made for job in jobs if job.dataset == known["id"])]),
        )
        for known in datasets.each(workspace)
    ]


def _results(workspace: Workspace, jobs: list[Record]) -> list[Holding]:
    names = _names(workspace, jobs)
    found = []
    for folder in workspace.each("results"):
        inside = list(eviction.files(folder))
        if inside:
            kind = "Result" if (folder / results.FILE).exists() else "Kept steps"
            used = max(each.st_mtime for each in inside)
            name = names.get(folder.name, "A run that was deleted")
            found.append(Holding(name, kind, eviction.bytes_of(inside), used))
    return found


def _names(workspace: Workspace, jobs: list[Record]) -> dict[str, str]:
    """What the visitor calls each question: by the newest of its runs."""
    return {run.record.key: run.name for run in reversed(runs.among(workspace, jobs))}


def note(home: Home, gone: list[eviction.Entry], now: float) -> None:
    """Remember what was evicted last, for every worker and over a restart; a full disk only forgets it."""
    if gone:
        last = gone[-1]
        visitor, _, key, *_ = last.path.relative_to(home.root / "visitors").parts
        said = {"visitor": visitor, "key": key, "name": last.name, "kind": last.kind, "bytes": last.bytes, "at": now}
        with contextlib.suppress(DiskFull, OSError):
            write_json(home.server / _LAST, said)


def last_evicted(home: Home, workspace: Workspace, jobs: list[Record]) -> dict[str, Any] | None:
    """What went last: its name for whose it was, only its kind for everybody else."""
    try:
        said = read_json(home.server / _LAST)
        mine = said["visitor"] == workspace.visitor
        of = _names(workspace, jobs).get(said["key"]) if mine else None
        name = f"{said['name']} of {of}" if of else said["name"] if mine else f"{said['kind']} of another visitor"
        return {"name": name, "bytes": int(said["bytes"]), "at": float(said["at"])}
    except (NotFound, OSError, KeyError, TypeError, ValueError):  # nothing went yet, or the note is damaged
        return None


def told(home: Home, known: dict[str, Any], workspace: Workspace, jobs: list[Record]) -> dict[str, Any]:
    """All that one visitor is told of the disk; `known` are its sums."""
    mine = [asdict(each) for each in largest(workspace, jobs)]
    return {**known, "largest": mine, "evicted": last_evicted(home, workspace, jobs)}
