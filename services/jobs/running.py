"""The Job that an analysis is given inside the worker."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from services import results
from services.analysis import Result
from services.errors import NotFound, StepStopped
from services.jobs import checkpoints
from services.table import Spilled, Table

T = TypeVar("T")


class Running:
    """Reports over the worker's pipe, keeps steps below the result's folder, writes tables into it."""

    def __init__(self, said: Callable[..., None], table: Table | None, folder: Path, spill: Path) -> None:
        """`folder` is where the result will lie; steps are kept below it."""
        self._say, self._table, self._folder, self._spill = said, table, folder, spill
        self._stopped: dict[str, str] = {}
        self._shown = 0

    def report(self, done: int, total: int, label: str) -> None:
        self._say(progress=[done, total, label])

    def keep(self, name: str, make: Callable[[], T], *, seconds: float | None = None) -> T:
        if name in self._stopped:
            raise StepStopped(self._stopped[name])
        steps = self._folder / results.STEPS
        try:
            value = checkpoints.get(steps, name, self._spill)
        except NotFound:
            value = make()
            checkpoints.put(steps, name, value)
        self._say(kept=name)
        return value

    def show(self, result: Result) -> None:
        self._shown += 1
        results.put(self._folder / results.PARTIAL, result, {"partial": self._shown}, self._spill)
        self._say(partial=self._shown)

    def table(self, name: str, sql: str, **names: Any) -> Spilled:
        assert self._table is not None
        self._folder.mkdir(parents=True, exist_ok=True)
        return self._table.store(self._folder / f"{name}.parquet", sql, **names)
