"""What is in a table: every column's figures over every row, exact and out of core.

Three choices keep it exact in little memory. Quartiles come from counts in 3,840 narrow bins,
looked at again only inside the bin that holds the middle (DuckDB's own quantile_cont holds every
value). Mean, deviation and skewness are sums of distances from a centre close to the mean, so
numbers that differ in their eighth digit lose nothing. Duplicates are found by hash and then
compared cell by cell, so that two rows of one hash are not taken for one.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise
from typing import Any, NamedTuple

from services.schema import ColumnType
from services.table import Table

Report = Callable[[int, int, str], None]

BINS = 30
FINE = 128  # narrow bins in one of the histogram's
TOP = 10
_ENOUGH = 50_000  # values that are sorted rather than binned again
_DAY = 86_400_000_000
_EPOCH = datetime(1970, 1, 1)
_FIRST, _LAST = ((day - _EPOCH) // timedelta(microseconds=1) for day in (datetime.min, datetime.max))


def profile(table: Table, report: Report) -> dict[str, Any]:
    """Describe `table`: its rows, its duplicate rows, and each of its columns.

    Values that are not finite count as missing. Figures are not rounded; dates are ISO texts,
    quartiles lie between two values as they do in pandas (linear), deviations are of a sample
    (n - 1), skewness is corrected for bias.
    """
    columns = []
    steps = len(table.schema) + 1
    for done, column in enumerate(table.schema):
        report(done, steps, f"Describing {column.name}")
        columns.append(_describe(table, column))
    report(steps - 1, steps, "Looking for duplicate rows")
    duplicates = _duplicates(table, columns)
    report(steps, steps, "Described")
    return {
        "rows": table.rows,
        "duplicates": duplicates,
        "size_on_disk": table.path.stat().st_size,
        "columns": columns,
    }


def _describe(table: Table, column: ColumnType) -> dict[str, Any]:
    known = {"name": column.name, "type": column.kind, "sql": column.sql}
    if column.is_text:
        return known | _texts(table, column)
    if column.kind == "flag":
        return known | _flags(table, column)
    return known | (_dates(table, column) if column.is_date else _numbers(table, column))


def _texts(table: Table, column: ColumnType) -> dict[str, Any]:
    count, shortest, longest = table.fetch(
        "SELECT count({x}), min(length({x})), max(length({x})) FROM rows", x=column.name
    )[0]
    # By place, since a name would be the table's own column of that name, where it has one.
    # One grouping for both: the least of (-count, value) are the most frequent, ties in order.
    distinct, top = table.fetch(
        f"SELECT count(*), min(struct_pack(less := -n, v := v), {TOP}) "
        "FROM (SELECT {x} AS v, count(*) AS n FROM rows WHERE {x} IS NOT NULL GROUP BY 1)",
        x=column.name,
    )[0]
    return {
        "count": count,
        "missing": table.rows - count,
        "distinct": distinct,
        "shortest": shortest,
        "longest": longest,
        "top": [[one["v"], -one["less"]] for one in top or ()],
    }


def _flags(table: Table, column: ColumnType) -> dict[str, Any]:
    yes, no = table.fetch("SELECT count(*) FILTER ({x}), count(*) FILTER (NOT {x}) FROM rows", x=column.name)[0]
    return {
        "count": yes + no,
        "missing": table.rows - yes - no,
        "distinct": (yes > 0) + (no > 0),
        "true": yes,
        "false": no,
    }


def _numbers(table: Table, column: ColumnType) -> dict[str, Any]:
    # A float may be infinite or no number; neither has a place on a scale.
    value = "CASE WHEN isfinite({x}) THEN {x} END" if column.sql in {"DOUBLE", "FLOAT"} else "{x}"
    # A sum has 38 digits at most, and ten of them are for the count of the rows.
    total = "fsum(v)" if column.sql in {"DOUBLE", "FLOAT"} else "fsum(v::DOUBLE)" if _digits(column) > 28 else "sum(v)"
    count, low, high, summed, zeros, negatives = table.fetch(
        f"SELECT count(v), min(v), max(v), {total}, count(*) FILTER (v = 0), count(*) FILTER (v < 0) "
        f"FROM (SELECT {value} AS v FROM rows)",
        x=column.name,
    )[0]
    known = {"count": count, "missing": table.rows - count}
    if not count:
        return known | {"distinct": 0, **dict.fromkeys(_FIGURES), "histogram": {"edges": [], "counts": []}}
    scale = _Scale(table=table, column=column.name, value=value, count=count)
    edges = _number_edges(low, high, whole=column.kind == "integer")
    coarse = scale.bins(float(low), float(high), edges)
    if not math.isfinite(summed):
        summed = None  # the sum is beyond what a float can hold
    mean, deviation, skewness = _moments(scale, column, low, high, summed)
    quartiles = scale.quantiles(coarse, (0.25, 0.5, 0.75))
    plain = int if column.kind == "integer" else float
    return known | {
        "distinct": scale.distinct(coarse),
        "min": plain(low),
        "max": plain(high),
        "mean": mean,
        "sd": deviation,
        "q1": quartiles[0],
        "median": quartiles[1],
        "q3": quartiles[2],
        "sum": None if summed is None else plain(summed),
        "zeros": zeros,
        "negatives": negatives,
        "skewness": skewness,
        "histogram": {"edges": edges, "counts": scale.histogram(coarse, edges)},
    }


def _digits(column: ColumnType) -> int:
    return int(column.sql.removeprefix("DECIMAL(").partition(",")[0]) if column.sql.startswith("DECIMAL") else 0


_FIGURES = ("min", "max", "mean", "sd", "q1", "median", "q3", "sum", "zeros", "negatives", "skewness")


def _dates(table: Table, column: ColumnType) -> dict[str, Any]:
    value = "epoch_us({x}::TIMESTAMP)"
    if column.sql != "DATE":
        value = "CASE WHEN isfinite({x}) THEN epoch_us({x}) END"
    count, low, high = table.fetch(
        f"SELECT count(v), min(v), max(v) FROM (SELECT {value} AS v FROM rows)", x=column.name
    )[0]
    known = {"count": count, "missing": table.rows - count}
    if not count:
        return known | {
            "distinct": 0, "min": None, "max": None, "median": None, "histogram": {"edges": [], "counts": []}
        }  # fmt: skip
    scale = _Scale(table=table, column=column.name, value=value, count=count)
    edges = _date_edges(low, high, days=column.kind == "date")
    coarse = scale.bins(low, high, edges)
    (median,) = scale.quantiles(coarse, (0.5,))
    days = column.kind == "date"
    return known | {
        "distinct": scale.distinct(coarse),
        "min": _iso(low, days),
        "max": _iso(high, days),
        "median": _iso(int(median), days),
        "histogram": {"edges": [_iso(edge, days) for edge in edges], "counts": scale.histogram(coarse, edges)},
    }


def _iso(microseconds: int, days: bool) -> str:
    when = _EPOCH + timedelta(microseconds=microseconds)
    return when.date().isoformat() if days and microseconds % _DAY == 0 else when.isoformat()


class _Bin(NamedTuple):
    """Values that lie side by side: how many, the least and the greatest."""

    count: int
    low: Any
    high: Any


@dataclass(kw_only=True)
class _Scale:
    """A column of values in order, known only by counts of its ranges."""

    table: Table
    column: str
    value: str  # SQL of a value, NULL when missing
    count: int

    def bins(self, low: Any, high: Any, edges: Sequence[Any] = ()) -> list[_Bin]:
        """Count the values from `low` to `high` in narrow bins, in order; aligned to `edges` where given."""
        start = float(edges[0] if edges else low)
        width = (float(edges[-1] if edges else high) - start) / (BINS * FINE) or 1.0
        if not math.isfinite(width):  # the range is beyond what a float can hold
            place = f"floor(v / {float(high) / 1_000!r})"
        else:
            place = f"floor((v::DOUBLE - {start!r}) / {width!r})"
        found = self._ask(
            f"SELECT count(*), min(v), max(v) FROM values WHERE v BETWEEN $low AND $high "
            f"GROUP BY {place} ORDER BY min(v)",
            low=low,
            high=high,
        )
        return [_Bin(*one) for one in found]

    def quantiles(self, bins: list[_Bin], shares: Sequence[float]) -> list[float]:
        """The values below which `shares` of all lie, between two neighbours by straight line."""
        wanted = [(self.count - 1) * share for share in shares]
        ranks = sorted({rank for want in wanted for rank in (math.floor(want), math.ceil(want))})
        held = dict(self._ranked(bins, ranks))
        return [_between(held[math.floor(want)], held[math.ceil(want)], want % 1) for want in wanted]

    def _ranked(self, bins: list[_Bin], ranks: Sequence[int], before: int = 0) -> Iterator[tuple[int, Any]]:
        """The value at each rank (0 is the least), where `before` values come before these bins."""
        for one in bins:
            inside = [rank for rank in ranks if before <= rank < before + one.count]
            if inside and one.low == one.high:
                yield from ((rank, one.low) for rank in inside)
            elif inside and (one.count <= _ENOUGH or len(bins) == 1):  # alone: it cannot be parted further
                places = ", ".join(str(rank - before + 1) for rank in inside)
                found = self._ask(
                    "SELECT place, v FROM (SELECT v, row_number() OVER (ORDER BY v) AS place FROM values "
                    f"WHERE v BETWEEN $low AND $high) WHERE place IN ({places})",
                    low=one.low,
                    high=one.high,
                )
                yield from ((before + place - 1, value) for place, value in found)
            elif inside:
                yield from self._ranked(self.bins(one.low, one.high), inside, before)
            before += one.count

    def histogram(self, bins: list[_Bin], edges: Sequence[Any]) -> list[int]:
        """How many values lie from each edge to the next, the last edge included."""
        below = [0] * len(edges)
        split = set()
        for one in bins:
            place, end = bisect_right(edges, one.low), bisect_right(edges, one.high)
            split.update(range(place, end))  # an edge runs through this bin
            for edge in range(end, len(edges)):
                below[edge] += one.count
        if split:
            asked = ", ".join(f"count(*) FILTER (v < $e{edge})" for edge in sorted(split))
            found = self._ask(f"SELECT {asked} FROM values", **{f"e{edge}": edges[edge] for edge in split})[0]
            for edge, count in zip(sorted(split), found, strict=True):
                below[edge] = count
        below[-1] = self.count
        return [after - before for before, after in pairwise(below)]

    def distinct(self, bins: list[_Bin]) -> int:
        """How many different values there are."""
        if all(one.low == one.high for one in bins):
            return len(bins)
        return self._ask("SELECT count(*) FROM (SELECT v FROM values WHERE v IS NOT NULL GROUP BY v)")[0][0]

    def powers(self, centre: Any, unit: float) -> tuple[float, float, float]:
        """Sums of (value - centre) / unit, of its square and of its cube."""
        found = self._ask(
            "SELECT fsum(u), fsum(u * u), fsum(u * u * u) "
            f"FROM (SELECT (v - {centre})::DOUBLE / {unit!r} AS u FROM values WHERE v IS NOT NULL)"
        )
        return found[0]

    def _ask(self, sql: str, **values: Any) -> list[tuple[Any, ...]]:
        return self.table.fetch(f"WITH values AS (SELECT {self.value} AS v FROM rows) {sql}", x=self.column, **values)


def _between(low: Any, high: Any, share: float) -> float:
    if low == high or not share:
        return float(low)
    low, high = float(low), float(high)
    return low + (high - low) * share if math.isfinite(high - low) else low * (1 - share) + high * share


def _moments(
    scale: _Scale, column: ColumnType, low: Any, high: Any, summed: Any
) -> tuple[float, float | None, float | None]:
    """Mean, deviation and skewness from distances to a centre near the mean."""
    n = scale.count
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
        return float(low), (0.0 if n > 1 else None), None
    unit = 2.0 ** min(math.frexp(reach)[1] + 1, 1_023)
    first, second, third = scale.powers(centre, unit)
    shift = first / n
    exact = isinstance(summed, int | Decimal)
    mean = float(Fraction(summed) / n) if exact else middle + unit * shift
    squares = second - n * shift * shift
    cubes = third - 3 * shift * second + 2 * n * shift**3
    deviation = unit * math.sqrt(squares / (n - 1))
    skewness = n * math.sqrt(n - 1) / (n - 2) * cubes / squares**1.5 if n > 2 else None
    return mean, deviation, skewness


def _number_edges(low: Any, high: Any, *, whole: bool) -> list[float]:
    """Edges of about 30 bins at round numbers; an integer of a short range has a bin to itself."""
    if whole and high - low < BINS:
        return [value - 0.5 for value in range(int(low), int(high) + 2)]
    low, high = float(low), float(high)
    if low == high:
        half = abs(low) / 2 or 0.5
        return [low - half, low + half]
    step = _round_step(high / BINS - low / BINS)
    if whole:
        step = max(step, 1.0)
    if not math.isfinite(step) or low + step == low or high - step == high:
        return [low, high]
    first, last = math.floor(low / step), math.floor(high / step) + 1
    # Times a round number or over one, so that 3 x 0.1 is 0.3.
    parts = round(1 / step) if 1e-15 < step < 1 else 0
    edges = [at / parts if parts else at * step for at in range(first, last + 1)]
    return edges if edges[-1] >= high and math.isfinite(edges[-1]) and math.isfinite(edges[0]) else [low, high]


def _round_step(step: float) -> float:
    """The next 1, 2, 2.5 or 5 times a power of ten."""
    power = 10.0 ** math.floor(math.log10(step)) if step > 0 else 1.0
    return next((times * power for times in (1, 2, 2.5, 5) if times * power >= step * 0.999), 10 * power)


_STEPS = tuple(  # microseconds
    unit * times
    for unit, many in (
        (1, (1, 2, 5, 10, 20, 50, 100, 200, 500)),
        (1_000, (1, 2, 5, 10, 20, 50, 100, 200, 500)),
        (1_000_000, (1, 2, 5, 10, 15, 30)),
        (60_000_000, (1, 2, 5, 10, 15, 30)),
        (3_600_000_000, (1, 2, 3, 6, 12)),
        (_DAY, (1, 2, 7, 14)),
    )
    for times in many
)


def _date_edges(low: int, high: int, *, days: bool) -> list[int]:
    """Edges of about 30 bins at whole hours, days, weeks, months or years, in microseconds."""
    wanted = (high - low) / BINS
    step = next((step for step in _STEPS if step >= wanted and (step >= _DAY or not days)), None)
    if step:
        # The epoch was a Thursday; weeks begin on Monday.
        origin = -3 * _DAY if step % (7 * _DAY) == 0 else 0
        first = (low - origin) // step
        edges = [origin + at * step for at in range(first, (high - origin) // step + 2)]
        return [min(max(edge, _FIRST), _LAST) for edge in edges]
    months = wanted / (30.44 * _DAY)
    step = next((m for m in (1, 2, 3, 6, 12, 24, 60, 120, 240, 600, 1_200, 2_400) if m >= months * 0.98), 6_000)
    begin = _EPOCH + timedelta(microseconds=low)
    at = (begin.year * 12 + begin.month - 1) // step * step
    edges: list[int] = []
    while not edges or edges[-1] <= high:
        year, month = divmod(at, 12)
        if year > 9999:
            edges.append(min(high + 1, _LAST))
            break
        when = date(max(year, 1), month + 1 if year >= 1 else 1, 1)
        edges.append((when.toordinal() - 719_163) * _DAY)
        at += step
    return edges


def _duplicates(table: Table, columns: list[dict[str, Any]]) -> int:
    """How many rows repeat an earlier one."""
    if any(column["distinct"] == table.rows for column in columns):
        return 0
    names = table.schema.names
    found = table.fetch(
        "WITH twice AS (SELECT hash({all}) AS h FROM rows GROUP BY 1 HAVING count(*) > 1) "
        "SELECT coalesce(sum(n - 1), 0)::BIGINT FROM "
        "(SELECT count(*) AS n FROM rows WHERE hash({all}) IN (SELECT h FROM twice) GROUP BY {all})",
        all=names,
    )
    return found[0][0]
