"""A job without the machinery: for tests, examples and notebooks."""

from __future__ import annotations

import shutil
import tempfile
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from services.analysis import Result
from services.table import Spilled, Table

T = TypeVar("T")


class Detached:
    """Runs in the calling process: keeps nothing for later, notes what was reported and shown.

    Tables are written to `folder`, or to one that goes when this object goes; hold on to it while reading them.
    """

    def __init__(self, table: Table | None = None, folder: Path | None = None) -> None:
        self._table = table
        self._folder = folder or Path(tempfile.mkdtemp(prefix="datainsights-"))
        if folder is None:
            weakref.finalize(self, shutil.rmtree, self._folder, ignore_errors=True)
        self.reports: list[tuple[int, int, str]] = []
        self.shown: Result | None = None

    def report(self, done: int, total: int, label: str) -> None:
        """Note the step that begins."""
        self.reports.append((done, total, label))

    def keep(self, name: str, make: Callable[[], T], *, seconds: float | None = None) -> T:
        """Make the step at once; it is never stopped and never found again."""
        return make()

    def show(self, result: Result) -> None:
        """Hold the latest result so far."""
        self.shown = result

    def place(self, name: str) -> Path:
        """Where a table may be written that `table` cannot ask for."""
        return self._folder / f"{name}.parquet"

    def table(self, name: str, sql: str, **names: Any) -> Spilled:
        """Query the dataset that this object was made with."""
        if self._table is None:
            raise ValueError("Detached needs the dataset to query it: Detached(table).")
        return self._table.store(self.place(name), sql, **names)
