"""The Job that an analysis is given inside the worker."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from services import results
from services.analysis import Result
from services.errors import NotFound, StepStopped
from services.jobs import checkpoints
from services.table import Spilled, Table

T = TypeVar("T")

_ENOUGH = "Skipped: you had the run end before it."


class Running:
    """Reports over the worker's pipe; keeps steps, and the tables it writes, below the result's folder."""

    def __init__(
        self,
        said: Callable[..., None],
        table: Table,
        folder: Path,
        spill: Path,
        about: Callable[[Result], dict[str, Any]],
        shown: int = 0,
        enough: Path | None = None,
    ) -> None:
        """`folder` is where the result will lie; steps are kept below it.

        `about` says what the page is told of a result so far, of which `shown` are there already. Once the file
        `enough` is there, steps that can be done without are begun no more.
        """
        self._say, self._table, self._folder, self._spill, self._about = said, table, folder, spill, about
        self._steps = folder / results.STEPS
        self._stopped = checkpoints.stopped(self._steps)
        self._shown, self._enough = shown, enough

    def report(self, done: int, total: int, label: str) -> None:
        self._say(progress=[done, total, label])

    def keep(self, name: str, make: Callable[[], T], *, seconds: float | None = None) -> T:
        if name in self._stopped:
            raise StepStopped(self._stopped[name]["reason"], step=name)
        try:
            value = checkpoints.get(self._steps, name, self._spill)
            self._say(kept=name, found=True)
        except NotFound:
            if seconds is not None and self._enough is not None and self._enough.exists():
                self._stopped[name] = {"name": name, "kind": "skipped", "reason": _ENOUGH}
                checkpoints.stop(self._steps, self._stopped[name])
                raise StepStopped(_ENOUGH, step=name) from None
            # Said before it begins: whoever watches can end this step alone, and knows which one it was.
            self._say(step=name, seconds=seconds)
            value = make()
            checkpoints.put(self._steps, name, value)
            self._say(kept=name)
        return value

    def show(self, result: Result) -> None:
        # Each in a folder of its own: a page may be drawing the one before.
        self._shown += 1
        folder = self._folder / results.PARTIAL
        results.put(folder / str(self._shown), result, {**self._about(result), "partial": self._shown}, self._spill)
        self._say(partial=self._shown)
        shutil.rmtree(folder / str(self._shown - 2), ignore_errors=True)

    def place(self, name: str) -> Path:
        # Among the steps: a step may name it, and what a run that ended early leaves goes with them.
        folder = self._steps / "tables"
        folder.mkdir(parents=True, exist_ok=True)
        return folder / f"{name}.parquet"

    def table(self, name: str, sql: str, **names: Any) -> Spilled:
        return self._table.store(self.place(name), sql, **names)
