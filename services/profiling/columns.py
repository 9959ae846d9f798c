"""The figures of one column of numbers, dates, or yes and no."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

from services.profiling.scale import DAY, EPOCH, Bin, Scale, date_edges, number_edges
from services.schema import ColumnType
from services.table import Session

TOP = 10
EXACT = 1_000_000  # different values that are always counted one by one
SURELY = EXACT * 1.15  # the quick count may err by so much
IQRS = 1.5  # an outlier lies so many times the middle half away from it

# What people write where there is nothing, when it lies apart from everything else in the column.
NOTHING = frozenset({-99, -999, -9_999, -99_999, -999_999, 999, 9_999, 99_999, 999_999, 9_999_999, 99_999_999})
NO_DAYS = frozenset(
    date.fromisoformat(day)
    for day in ("0001-01-01", "1899-12-30", "1900-01-01", "1970-01-01", "2099-12-31", "9999-12-31")
)

_FIGURES = ("min", "max", "mean", "sd", "q1", "median", "q3", "sum", "zeros", "negatives", "skewness")
_FLOATS = frozenset({"DOUBLE", "FLOAT"})
_NO_HISTOGRAM: Mapping[str, list[Any]] = {"edges": [], "counts": []}


@dataclass(frozen=True, kw_only=True)
class Asked:
    """One column, and what is known of it before it is described."""

    session: Session
    column: ColumnType
    rows: int
    strict: bool  # every value is beyond the one before: no two are equal
    now: int  # microseconds since 1970

    def fetch(self, sql: str, **values: Any) -> list[tuple[Any, ...]]:
        return self.session.fetch(sql, x=self.column.name, **values)

    @property
    def quick(self) -> str:
        """SQL of the quick count of different values of v, where there may be more than are counted one by one."""
        return "approx_count_distinct(v)" if self.rows > SURELY and not self.strict else "0"


def value_of(column: ColumnType) -> str:
    """SQL of a value of {x}: NULL when missing, or when it is not finite and so has no place on a scale."""
    if column.is_date:
        return "epoch_us({x}::TIMESTAMP)" if column.sql == "DATE" else "CASE WHEN isfinite({x}) THEN epoch_us({x}) END"
    return "CASE WHEN isfinite({x}) THEN {x} END" if column.sql in _FLOATS else "{x}"


def flags(asked: Asked) -> dict[str, Any]:
    """How many say yes and no."""
    yes, no = asked.fetch("SELECT count(*) FILTER ({x}), count(*) FILTER (NOT {x}) FROM rows")[0]
    return {
        "count": yes + no,
        "missing": asked.rows - yes - no,
        "distinct": (yes > 0) + (no > 0),
        "distinct_is_exact": True,
        "true": yes,
        "false": no,
    }


def numbers(asked: Asked) -> dict[str, Any]:
    """Where numbers lie, how they spread, how many are far off."""
    column, value = asked.column, value_of(asked.column)
    # A sum has 38 digits at most, and ten of them are for the count of the rows.
    total = "fsum(v)" if column.sql in _FLOATS else "fsum(v::DOUBLE)" if _digits(column) > 28 else "sum(v)"
    count, filled, low, high, summed, zeros, negatives, quick = asked.fetch(
        f"SELECT count(v), count(raw), min(v), max(v), {total}, count(*) FILTER (v = 0), count(*) FILTER (v < 0), "
        f"{asked.quick} FROM (SELECT {value} AS v, {{x}} AS raw FROM rows)",
    )[0]
    known = {"count": count, "missing": asked.rows - count, "infinite": filled - count}
    if not count:
        return (
            known | {"distinct": 0, "distinct_is_exact": True} | dict.fromkeys(_FIGURES) | {"histogram": _NO_HISTOGRAM}
        )
    scale = Scale(session=asked.session, column=column.name, value=value, count=count)
    edges = number_edges(low, high, whole=column.kind == "integer")
    coarse = scale.bins(float(low), float(high), edges)
    if not math.isfinite(summed):
        summed = None  # the sum is beyond what a float can hold
    q1, median, q3 = scale.quantiles(coarse, (0.25, 0.5, 0.75))
    mean, deviation, skewness, outliers = _moments(scale, column, low, high, summed, (q1, q3))
    plain = int if column.kind == "integer" else float
    return {
        **known,
        **_tallied(asked, scale, coarse, quick, plain),
        "min": plain(low),
        "max": plain(high),
        "mean": mean,
        "sd": deviation,
        "q1": q1,
        "median": median,
        "q3": q3,
        "sum": None if summed is None else plain(summed),
        "zeros": zeros,
        "negatives": negatives,
        "skewness": skewness,
        "outliers": outliers,
        "placeholders": _no_numbers(scale, low, high),
        "histogram": {"edges": edges, "counts": scale.histogram(coarse, edges)},
    }


def dates(asked: Asked) -> dict[str, Any]:
    """From when to when, with which gaps."""
    count, low, high, quick = asked.fetch(
        f"SELECT count(v), min(v), max(v), {asked.quick} FROM (SELECT {value_of(asked.column)} AS v FROM rows)"
    )[0]
    known = {"count": count, "missing": asked.rows - count}
    if not count:
        return known | {
            "distinct": 0, "distinct_is_exact": True, "min": None, "max": None, "median": None,
            "histogram": _NO_HISTOGRAM,
        }  # fmt: skip
    days = asked.column.kind == "date"
    scale = Scale(session=asked.session, column=asked.column.name, value=value_of(asked.column), count=count)
    edges = date_edges(low, high, days=days)
    coarse = scale.bins(low, high, edges)
    (median,) = scale.quantiles(coarse, (0.5,))
    return {
        **known,
        **_tallied(asked, scale, coarse, quick, lambda when: _iso(when, days)),
        "min": _iso(low, days),
        "max": _iso(high, days),
        "median": _iso(int(median), days),
        "future": scale.above(asked.now) if high > asked.now else 0,
        "gaps": _gaps(scale),
        "placeholders": _no_days(scale, low, high, days),
        "histogram": {"edges": [_iso(edge, days) for edge in edges], "counts": scale.histogram(coarse, edges)},
    }


def _tallied(asked: Asked, scale: Scale, bins: list[Bin], quick: int, plain: Any) -> dict[str, Any]:
    """Different values and the most frequent ones; beyond a million, about how many."""
    if asked.strict:
        return {"distinct": scale.count, "distinct_is_exact": True, "top": []}
    if quick > SURELY:
        return {"distinct": min(quick, scale.count), "distinct_is_exact": False, "top": []}
    distinct, top = scale.tally(bins, TOP)
    return {"distinct": distinct, "distinct_is_exact": True, "top": [[plain(value), count] for value, count in top]}


def _moments(
    scale: Scale, column: ColumnType, low: Any, high: Any, summed: Any, middle_half: tuple[float, float]
) -> tuple[float, float | None, float | None, dict[str, Any]]:
    """Mean, deviation and skewness from distances to a centre near the mean; and the outliers."""
    n = scale.count
    q1, q3 = middle_half
    spread = q3 - q1
    fences = (q1 - IQRS * spread, q3 + IQRS * spread) if math.isfinite(spread) else (-math.inf, math.inf)
    outliers = (
        {"low": fences[0], "high": fences[1], "below": 0, "above": 0} if math.isfinite(sum(map(abs, fences))) else {}
    )
    near = float(summed) / n if summed is not None else float(low) / 2 + float(high) / 2
    near = min(max(near, float(low)), float(high))
    # The centre is of the column's own type, so that the distances are exact.
    if column.kind == "integer":
        centre = str(round(near)) + "::HUGEINT" if abs(near) > 2**62 else f"{round(near)}::BIGINT"
        middle = float(round(near))
    elif column.sql.startswith("DECIMAL"):
        places = int(column.sql.rstrip(")").partition(",")[2])
        # Of the most digits there are: `near` is a float, and may lie a hair above what the column's type takes.
        centre, middle = f"{near:.{places}f}::DECIMAL(38,{places})", float(f"{near:.{places}f}")
    else:
        centre, middle = f"{near!r}::DOUBLE", near
    # Halves, since the range of a float may be beyond a float; a power of two, since it divides exactly.
    reach = max(float(high) / 2 - middle / 2, middle / 2 - float(low) / 2)
    if reach == 0:
        return float(low), (0.0 if n > 1 else None), None, outliers
    unit = 2.0 ** min(math.frexp(reach)[1] + 1, 1_023)
    first, second, third, below, above = scale.powers(centre, unit, *fences)
    if outliers:
        outliers |= {"below": below, "above": above}
    shift = first / n
    exact = isinstance(summed, int | Decimal)
    mean = float(Fraction(summed) / n) if exact else middle + unit * shift
    squares = second - n * shift * shift
    cubes = third - 3 * shift * second + 2 * n * shift**3
    deviation = unit * math.sqrt(squares / (n - 1))
    skewness = n * math.sqrt(n - 1) / (n - 2) * cubes / squares**1.5 if n > 2 else None
    return mean, deviation, skewness, outliers


def _no_numbers(scale: Scale, low: Any, high: Any) -> list[list[Any]]:
    """Values such as -999 that lie apart from all others, or are all there is, and how often each is there."""
    found = []
    for end in dict.fromkeys(float(end) for end in (low, high) if end in NOTHING):
        count, least, most = scale.without(end)
        if least is None:
            found.append([int(end), count])
            continue
        least, most = float(least), float(most)
        apart = least - end if end < least else end - most
        alone = end < 0 <= least and count > 1
        if apart > max(most - least, 1) or alone:
            found.append([int(end), count])
    return found


def _no_days(scale: Scale, low: int, high: int, days: bool) -> list[list[Any]]:
    """Days such as 1970-01-01 that lie a year and more apart from all others, or are all there is, and how often."""
    found = []
    for end in dict.fromkeys((low, high)):
        day = EPOCH + timedelta(microseconds=end)
        if day.date() not in NO_DAYS or day.time().isoformat() != "00:00:00":
            continue
        count, least, most = scale.without(end)
        if least is None or (least - end if end < least else end - most) > 366 * DAY:
            found.append([_iso(end, days), count])
    return found


def _gaps(scale: Scale) -> dict[str, Any]:
    """The longest time without a value; and, of days that mostly follow each other, how many are missing."""
    there, first, last, step, gap, after = scale.steps(DAY)
    found: dict[str, Any] = {"days": there, "span": last - first + 1, "step": step}
    if gap:
        found["longest"] = {"days": gap, "from": _iso((after - gap) * DAY, True), "to": _iso(after * DAY, True)}
    found["missing_days"] = last - first + 1 - there if step == 1 else None
    return found


def _digits(column: ColumnType) -> int:
    return int(column.sql.removeprefix("DECIMAL(").partition(",")[0]) if column.sql.startswith("DECIMAL") else 0


def _iso(microseconds: int, days: bool) -> str:
    when = EPOCH + timedelta(microseconds=microseconds)
    return when.date().isoformat() if days and microseconds % DAY == 0 else when.isoformat()
