"""How an analysis is declared, what it is given, what it gives back, and how it is found."""

from __future__ import annotations

import importlib
import os
import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

from services.errors import NotFound
from services.table import Spilled, Table

if TYPE_CHECKING:
    from pandas import DataFrame

P = TypeVar("P")
T = TypeVar("T")
Fact = str | int | float | bool | None


@dataclass(frozen=True)
class Shape:
    """What `cost` may know of a table: its size, not its content."""

    rows: int
    columns: int


@dataclass(frozen=True)
class Cost:
    """Predicted peak of anonymous memory of the job, in MB, and its time, in seconds."""

    peak_mb: float
    seconds: float


@dataclass(frozen=True, kw_only=True)
class Result:
    """What an analysis found. Never a frame in the browser, never a pickle."""

    facts: Mapping[str, Fact]
    tables: Mapping[str, DataFrame | Spilled]
    notes: tuple[str, ...] = ()  # caveats the reader must see: “Bold fact. What it means.”
    files: Mapping[str, Path] = field(default_factory=dict)
    dataset: Spilled | None = None  # a new one, made of a dataset
    dataset_of: str | None = None  # the id of that dataset; None: the one that was asked


class Job(Protocol):
    """What a running analysis may ask of the engine."""

    def report(self, done: int, total: int, label: str) -> None:
        """Say that `done` of `total` steps are done and `label` begins."""

    def keep(self, name: str, make: Callable[[], T], *, seconds: float | None = None) -> T:
        """Make a step's outcome and put it on disk before returning; after a crash, find it there.

        What is kept is JSON, a DataFrame or a Spilled table, or a dict of these.

        Raises
        ------
        StepStopped
            The step overran `seconds`, was skipped, or died for memory in an earlier attempt.
        """

    def show(self, result: Result) -> None:
        """Publish the result so far: drawn by the same view, marked partial."""

    def place(self, name: str) -> Path:
        """Where a table may be written that `table` cannot ask for; `keep` it, and it is found again."""

    def table(self, name: str, sql: str, **names: Any) -> Spilled:
        """Query the dataset straight to columns on disk, never through memory."""


@dataclass(frozen=True, kw_only=True)
class Analysis(Generic[P]):
    """An analysis: what it asks, what it needs, and the function that answers."""

    slug: str
    title: str
    summary: str  # the question as people ask it
    params: type[P]
    run: Callable[[Table, P, Job], Result]
    cost: Callable[[Shape, P], Cost]
    example: Callable[[int], tuple[DataFrame, P]]
    preview: Callable[[Table, P], Result] | None = None
    holds_rows: bool = False
    version: int = 1


@cache
def find_all() -> Mapping[str, Analysis[Any]]:
    """Every analysis by slug: the modules of `services.analyses`, and of packages that a setting names.

    `EXTRA_ANALYSES` is a comma list of importable packages; tests keep analyses that hang, fork or
    allocate there.
    """
    found = {}
    for name in ("services.analyses", *filter(None, os.environ.get("EXTRA_ANALYSES", "").split(","))):
        package = importlib.import_module(name)
        for module in pkgutil.iter_modules(package.__path__, f"{name}."):
            analysis = getattr(importlib.import_module(module.name), "ANALYSIS", None)
            if analysis is not None:
                found[analysis.slug] = analysis
    return found


def find(slug: str) -> Analysis[Any]:
    """The analysis called `slug`."""
    try:
        return find_all()[slug]
    except KeyError:
        raise NotFound(f"There is no analysis “{slug}”. There are: {', '.join(sorted(find_all()))}.") from None
