"""A visitor's workspace as a whole: that it is used, how much there is, and that all of it goes."""

from __future__ import annotations

import contextlib
import os
import shutil
import time
from dataclasses import dataclass

from services import datasets, eviction, runs, sharing
from services.errors import NotFound
from services.jobs import lanes
from services.jobs.engine import Engine
from services.workspace import Workspace

USED_EVERY = 600.0  # seconds between two notes that a workspace is in use


@dataclass(frozen=True, kw_only=True)
class Extent:
    """How much a visitor has stored; `bytes` is all of it on disk."""

    datasets: int
    runs: int
    bytes: int


def touch(workspace: Workspace, now: float) -> None:
    """Note that the workspace is in use: who only reads keeps what they have as long as who writes."""
    with contextlib.suppress(FileNotFoundError):
        if now - workspace.folder.stat().st_mtime > USED_EVERY:
            os.utime(workspace.folder, (now, now))


def extent(engine: Engine, workspace: Workspace) -> Extent:
    """Count what the visitor has stored."""
    return Extent(
        datasets=len(datasets.each(workspace)),
        runs=len(runs.each(engine, workspace)),
        bytes=eviction.bytes_below(workspace.folder),
    )


def delete_everything(engine: Engine, workspace: Workspace, *, within: float = 10.0) -> bool:
    """Cancel what runs, remove the whole workspace, and say whether nothing is left of it.

    A job that ends writes its record a last time, so its end is waited for; what comes back all the
    same, from a request on its way, is removed again. Both for at most `within` seconds.
    """
    end = time.monotonic() + within
    sharing.withdraw_all(engine.home, workspace)
    while True:
        for job in engine.mine(workspace):
            if job.is_live:
                with contextlib.suppress(NotFound, FileNotFoundError):
                    engine.cancel(workspace, job.id)
        late = time.monotonic() > end
        if late or not _is_worked_on(engine, workspace):
            shutil.rmtree(workspace.folder, ignore_errors=True)
            if late or not workspace.folder.exists():
                return not workspace.folder.exists()
        time.sleep(0.05)


def _is_worked_on(engine: Engine, workspace: Workspace) -> bool:
    """Whether a supervisor lives that would still write into the workspace."""
    holders = [lanes.holder(engine.home.server, lane) or {} for lane in lanes.LANES]
    if any(each.get("visitor") == workspace.visitor for each in holders):
        return True
    return any(job.state == "running" and not job.is_orphan for job in engine.mine(workspace))
