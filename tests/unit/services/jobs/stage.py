"""A server's engine on a temporary folder, with one visitor and one small dataset."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pandas as pd

from services import memory, table
from services.jobs.engine import Engine
from services.jobs.record import Record
from services.jobs.supervisor import Bounds
from services.roles import propose
from services.table import ABOUT, DATA, Spilled
from services.workspace import Home, Workspace, new_id, write_json
from tests.waiting import until


def stock(workspace: Workspace, frame: pd.DataFrame | None = None) -> dict[str, Any]:
    """Put a dataset into the workspace and return what is known of it."""
    frame = pd.DataFrame({"item": ["tea", "milk", "jam"], "amount": [80.0, 15.0, 5.0]}) if frame is None else frame
    folder = workspace.dataset(new_id())
    folder.mkdir(parents=True)
    table.write(frame, folder / DATA)
    made = Spilled.at(folder / DATA, spill=folder)
    known = {
        "columns": made.schema.as_json(), "rows": made.rows, "roles": propose(made.schema),
        "name": "items.csv", "made": time.time(), "version": 1,
    }  # fmt: skip
    write_json(folder / ABOUT, known)
    return {"id": folder.name, **known}


def bounds(free_mb: int = 400) -> Bounds:
    """Bounds under which a job may hold about `free_mb`, whatever limit this machine has."""
    here = memory.limit(8_000)
    others = memory.anonymous_mb(map(int, here.members.read_text().split())) if here.members else 0
    return Bounds(limit_mb=8_000, reserve_mb=int(here.mb - others - free_mb))


class Stage:
    """An engine, a visitor, a dataset: what a test of jobs acts on."""

    def __init__(self, root: Path, free_mb: int = 400) -> None:
        self.home = Home.at(root)
        self.engine = Engine(self.home, bounds(free_mb))
        self.workspace, self.dataset = self.visitor()

    def visitor(self) -> tuple[Workspace, dict[str, Any]]:
        """A new visitor with a dataset."""
        workspace = self.home.workspace(new_id())
        return workspace, stock(workspace)

    def ask(self, slug: str, **params: Any) -> Record:
        """Ask an analysis about the dataset."""
        return self.engine.ask(self.workspace, slug, self.dataset, {"item": "item", **params})

    def folder(self, job: Record) -> Path:
        return self.home.workspace(job.visitor).job(job.id)

    def now(self, job: Record) -> Record:
        return self.engine.get(self.home.workspace(job.visitor), job.id)

    def running(self, job: Record) -> Record:
        """Wait until the job runs, and is at its own work."""
        return until(lambda: now if (now := self.now(job)).state == "running" and now.total else None)

    def ended(self, job: Record) -> Record:
        """Wait until the job has ended."""
        return until(lambda: now if not (now := self.now(job)).is_live else None)

    def close(self) -> None:
        """Cancel what is live and wait until nothing is."""
        for _, job in self.engine.live():
            self.engine.cancel(self.home.workspace(job.visitor), job.id)
        until(self._is_quiet)
        self.engine.index.close()

    def _is_quiet(self) -> bool:
        self.engine.recover()
        return not self.engine.live() and not any(each.poll() is None for each in self.engine._supervisors)
