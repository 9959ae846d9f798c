"""What a step of a recipe is: what it asks, what it measures, and how it changes a table.

A step never touches rows itself. It says what each column is afterwards, as SQL over the table
`rows` before it, and the same as pandas; the engine counts, previews and writes for all of them.
What it must know of the whole table first (a mean, the most frequent values) it measures, and what
was measured is a plain JSON value: shown, kept, and written into the scripts that go with a table.
"""

from __future__ import annotations

import datetime as dt
import importlib
import math
import pkgutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cache
from typing import Any, Generic, Protocol, TypeVar

from services.cleaning.others import Other
from services.duck import literal, quote
from services.errors import NotFound, ParamError
from services.schema import ColumnType, Kind, Schema
from services.table import ROW_NUMBER

P = TypeVar("P")
GROUPS = ("Columns", "Types", "Text", "Rows", "Missing values", "Outliers", "Scaling", "Tables")
MOST_COLUMNS = 2_000  # of a table that a step may make


class Asked(Protocol):
    """What a step may ask of the table before it, every row of it."""

    rows: int
    schema: Schema

    def fetch(self, sql: str) -> list[tuple[Any, ...]]:
        """Ask `sql`, in which `rows` is the table."""

    def quantiles(self, column: str, shares: Sequence[float], around: float | None = None) -> list[float]:
        """Values below which `shares` of the numbers of `column` lie, by straight line between two neighbours.

        With `around`, of their distances from it. There are none where the column has no value.
        """

    def other(self, id: str) -> Other:
        """Another table, which SQL knows as `others.known_as(id)`, its rows numbered too."""


@dataclass(frozen=True, kw_only=True)
class Change:
    """A table after a step, over the table `rows` before it.

    `columns` names every column afterwards, in order, with the SQL of its value. `where` is the SQL of the
    rows that stay. `source` is another table, made of `rows`, that `columns` are of: what groups or joins.
    """

    columns: Mapping[str, str]
    kinds: Mapping[str, Kind] = field(default_factory=dict)  # where a column means something new
    where: str | None = None
    source: str | None = None
    scans: bool = False  # `where` looks at other rows too: the table before must lie on disk

    @property
    def remakes(self) -> bool:
        """Whether its rows are not those of the table before, or in another order."""
        return self.source is not None


@dataclass(frozen=True, kw_only=True)
class Counts:
    """What a step did, over every row: rows before and after, rows and cells changed, cells by column."""

    before: int
    after: int
    rows: int = 0
    cells: int = 0
    columns: Mapping[str, int] = field(default_factory=dict)
    lost: int = 0  # of those cells, how many have no value now and had one

    @property
    def removed(self) -> int:
        return max(0, self.before - self.after)


def _nothing(_: Asked, __: Any) -> dict[str, Any]:
    return {}


@dataclass(frozen=True, kw_only=True)
class Step(Generic[P]):
    """A step as it is declared: one place for its form, its SQL, its pandas and its sentence."""

    slug: str
    title: str  # what it does, as one says it: "Trim spaces"
    group: str
    summary: str
    params: type[P]
    change: Callable[[Schema, P, Mapping[str, Any]], Change]
    code: Callable[[Schema, P, Mapping[str, Any]], Iterable[str]]  # lines of pandas that change `table`
    said: Callable[[P, Mapping[str, Any], Counts], str]  # what it did, in the past tense
    measure: Callable[[Asked, P], Mapping[str, Any]] = _nothing
    safe: bool = False  # loses nothing: what it changes could be told from the outcome
    again: bool = True  # a second time changes nothing more


@cache
def find_all() -> Mapping[str, Step[Any]]:
    """Every step by slug, group by group."""
    package = importlib.import_module("services.cleaning.steps")
    found: list[Step[Any]] = []
    for module in pkgutil.iter_modules(package.__path__, f"{package.__name__}."):
        found += getattr(importlib.import_module(module.name), "STEPS", ())
    return {step.slug: step for step in sorted(found, key=lambda each: GROUPS.index(each.group))}


def find(slug: str) -> Step[Any]:
    """The step called `slug`."""
    try:
        return find_all()[slug]
    except KeyError:
        raise NotFound(f"There is no step “{slug}”. There are: {', '.join(find_all())}.") from None


# What the steps say their changes with -----------------------------------------------------------


def cells(schema: Schema, changed: Mapping[str, str], kinds: Mapping[str, Kind] | None = None) -> Change:
    """All columns of `schema`, with the values of some changed, and new ones at the end."""
    columns = {column.name: quote(column.name) for column in schema}
    return Change(columns={**columns, **changed}, kinds=kinds or {})


def only(schema: Schema, where: str, *, scans: bool = False) -> Change:
    """The rows for which `where` is true."""
    return Change(columns={column.name: quote(column.name) for column in schema}, where=where, scans=scans)


def sql(value: Any) -> str:
    """A value as SQL, exactly."""
    if value is None:
        return "NULL"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        if not math.isfinite(value):
            return f"'{value}'::DOUBLE"
        return text if "e" in (text := repr(value)) else f"{text}e0"
    if isinstance(value, int | Decimal):
        return str(value)
    if isinstance(value, dt.datetime):
        return f"TIMESTAMP {literal(value.isoformat(sep=' '))}"
    if isinstance(value, dt.date):
        return f"DATE {literal(value.isoformat())}"
    return literal(value)


def listed(names: Iterable[str]) -> str:
    """Names as one says them: `a, b and c`."""
    every = list(names)
    if len(every) > 4:
        return f"{', '.join(every[:3])} and {len(every) - 3} more"
    return " and ".join([", ".join(every[:-1]), every[-1]] if len(every) > 1 else every)


def dtype(column: ColumnType) -> str:
    """What pandas is told to read a column as; dates are told apart."""
    return {"integer": "Int64", "decimal": "float64", "flag": "boolean"}.get(column.kind, "str")


def many(number: int, thing: str, plural: str = "") -> str:
    """A number of things: `1 cell`, `1,204 cells`."""
    return f"{number:,} {thing if number == 1 else plural or thing + 's'}"


def new_name(name: str, schema: Schema, field: str = "name", replaces: Iterable[str] = ()) -> str:
    """Check the name of a column that a step makes.

    Raises
    ------
    ParamError
        It is empty, too long, or taken.
    """
    name = " ".join(name.split())
    if not name or len(name) > 200 or not name.isprintable() or name.lower() == ROW_NUMBER:
        raise ParamError("A column needs a name of 1 to 200 characters. Write another.", field=field)
    gone = {each.lower() for each in replaces}
    if any(each.lower() == name.lower() and each.lower() not in gone for each in schema.names):
        raise ParamError(f"There is a column {name} already. Choose another name.", field=field)
    return name


def free_name(name: str, taken: Iterable[str]) -> str:
    """`name`, or the first of `name_2`, `name_3`... that no column has."""
    used = {each.lower() for each in taken}
    return next(each for each in _numbered(name) if each.lower() not in used)


def _numbered(name: str) -> Iterator[str]:
    yield name
    number = 2
    while True:
        yield f"{name}_{number}"
        number += 1
