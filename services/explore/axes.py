"""How a column becomes an axis: its categories, its bins, its days; as SQL keys, and as labels of them."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from services.duck import quote
from services.schema import ColumnType

MOST = 20  # categories; the rest becomes one
FEW = 60  # distinct numbers that are drawn each for itself
MISSING = "(missing)"

# Up to so many days, drawn by this; for lines, which may have many points, and for bars.
_STEPS = {
    "line": ((3, "hour"), (400, "day"), (1_500, "week"), (15_000, "month")),
    "bar": ((2, "hour"), (31, "day"), (200, "week"), (1_500, "month"), (6_000, "quarter")),
}


class Source:
    """The rows that are drawn: those of FILE that a condition holds for, whose bound values are kept with it."""

    def __init__(self, ask: Callable[[str, Sequence[Any]], list[list[Any]]], condition: str, values: Sequence[Any]):
        self._ask, self.condition, self.values = ask, condition, list(values)

    def ask(
        self, select: str, tail: str = "", *, before: Sequence[Any] = (), only: str = "true", after: Sequence[Any] = ()
    ):
        """`select` FROM the rows (for which also `only` holds, with no values of its own), then `tail`."""
        sql = f"{select} FROM FILE WHERE {self.condition} AND ({only}) {tail}"
        return self._ask(sql, [*before, *self.values, *after])


@dataclass(frozen=True, kw_only=True)
class Axis:
    """One direction of a chart: `sql` is the key of a row (with `values` bound), `only` which rows have one."""

    title: str
    kind: str  # category, number, date
    sql: str
    values: Sequence[Any] = ()
    only: str = "true"
    keys: Sequence[Any] = ()  # of categories, in the order to be drawn
    labels: Mapping[Any, str] = field(default_factory=dict)
    low: float = 0.0
    step: float = 0.0  # of bins
    whole: bool = False  # a bin is one whole number
    grain: str = ""
    others: int = 0  # categories that became one

    def label(self, key: Any) -> Any:
        """What stands at the axis for a key: a category's name, a bin's middle, a day."""
        if self.step:
            return int(self.low + key) if self.whole else tidy(self.low + (key + 0.5) * self.step)
        if self.kind == "date":
            return str(key)[:16].replace("T", " ") if self.grain == "hour" else str(key)[:10]
        return self.labels.get(key, key)

    def place(self, key: Any) -> Any:
        """By what keys are sorted."""
        return self.keys.index(key) if self.keys and key in self.keys else key


def of(column: ColumnType, source: Source, *, grain: str | None = None, how: str = "bar", most: int = MOST) -> Axis:
    """The axis that suits the column: days by a step, few numbers and words each for itself, many numbers in bins."""
    if column.is_date:
        return of_dates(column, source, grain, how)
    if column.is_number:
        name = quote(column.name)
        ((low, high, distinct),) = source.ask(f"SELECT min({name}), max({name}), approx_count_distinct({name})")
        if distinct > (500 if how == "line" else min(FEW, most * 3)):
            return bins(column, float(low), float(high), 100 if how == "line" else most)
        return Axis(title=column.name, kind="number", sql=name, only=f"{name} IS NOT NULL")
    return categories(column, source, most)


def of_dates(column: ColumnType, source: Source, grain: str | None, how: str) -> Axis:
    name = quote(column.name)
    if grain is None:
        ((days,),) = source.ask(f"SELECT date_diff('day', min({name}), max({name}))")
        # A day has no hours where the column holds days only.
        steps = [each for each in _STEPS[how] if each[1] != "hour" or column.kind == "datetime"]
        grain = next((step for most, step in steps if (days or 0) <= most), "year")
    kind = "TIMESTAMP" if grain == "hour" else "DATE"
    return Axis(
        title=column.name,
        kind="date",
        sql=f"date_trunc('{grain}', {name})::{kind}",
        only=f"{name} IS NOT NULL",
        grain=grain,
    )


def categories(
    column: ColumnType, source: Source, most: int = MOST, *, rank: str = "count(*)", rest: bool = True
) -> Axis:
    """The `most` categories that rank highest, and one for the others and for what is missing.

    A key says which: "v" and the value, "o" for others, "m" for missing.
    """
    name = quote(column.name)
    found = source.ask(
        f"SELECT k, count(*) OVER () FROM (SELECT {name}::VARCHAR AS k, {rank} AS n",
        f"GROUP BY 1) ORDER BY n DESC NULLS LAST, k LIMIT {most + 1}",
        only=f"{name} IS NOT NULL",
    )
    total = found[0][1] if found else 0
    # One that would be all of the others stands for itself.
    top = [key for key, _ in found[: most if total > most + 1 or not rest else most + 1]]
    listed = f"{name}::VARCHAR IN ({', '.join('?' * len(top))})" if top else "false"
    sql = f"CASE WHEN {name} IS NULL THEN 'm' WHEN {listed} THEN 'v' || {name}::VARCHAR ELSE 'o' END"
    others = total - len(top)
    labels = {**{f"v{key}": key for key in top}, "o": f"Other ({others:,})", "m": MISSING}
    if column.kind == "flag":
        labels |= {"vtrue": "yes", "vfalse": "no"}
    return Axis(
        title=column.name, kind="category", sql=sql, values=top, keys=[*(f"v{key}" for key in top), "o", "m"],
        labels=labels, others=others,
    )  # fmt: skip


def bins(column: ColumnType, low: float, high: float, most: int, *, log: bool = False) -> Axis:
    """At most about `most` bins between round edges; of the logarithm with `log`."""
    name = f"log10({quote(column.name)}::DOUBLE)" if log else number(column)
    only = f"{quote(column.name)} > 0" if log else f"isfinite({name})"
    if log:
        step = (high - low) / most or 1.0
    else:
        step = nice((high - low) / most, whole=column.kind in {"integer", "date"})
        low = math.floor(low / step + 1e-9) * step
    count = max(1, math.floor((high - low) / step + 1e-9) + (0 if log else 1))
    # A value at an edge belongs to the bin above it, though 0.3 / 0.1 is less than 3.
    sql = f"least(floor(({name} - {low!r}) / {step!r} + 1e-9), {count - 1})::INTEGER"
    return Axis(
        title=column.name,
        kind="number",
        sql=sql,
        only=only,
        low=low,
        step=step,
        whole=column.kind == "integer" and step == 1 and not log,
    )


def number(column: ColumnType) -> str:
    """The column as a number: a day by its seconds."""
    return f"epoch({quote(column.name)})::DOUBLE" if column.is_date else f"{quote(column.name)}::DOUBLE"


def nice(step: float, *, whole: bool = False) -> float:
    """The next round number from `step` on: 1, 2, 2.5 or 5 times a power of ten; whole ones of at least 1."""
    if step <= 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(step))
    found = next(each * power for each in (1, 2, 2.5, 5, 10) if each * power >= step * (1 - 1e-9))
    return float(max(1, math.ceil(found - 1e-9))) if whole else found


def when(seconds: float, column: ColumnType) -> str:
    """A day, or a time of day, from its seconds since 1970."""
    moment = dt.datetime(1970, 1, 1) + dt.timedelta(seconds=seconds)
    return moment.isoformat(" ", "minutes") if column.kind == "datetime" else moment.date().isoformat()


def tidy(value: float) -> float:
    """A number without the dust that reckoning in binary leaves."""
    return float(f"{value:.12g}")
