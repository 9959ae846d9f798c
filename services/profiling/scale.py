"""A column of values in order, known only by counts of its ranges: quartiles without holding a value.

Counts in 3,840 narrow bins say in which bin a quartile lies; only that bin is looked at again.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import pairwise
from typing import Any, NamedTuple

from services.table import Session

BINS = 30
FINE = 128  # narrow bins in one of the histogram's
DAY = 86_400_000_000  # microseconds
EPOCH = datetime(1970, 1, 1)
_ENOUGH = 50_000  # values that are sorted rather than binned again
_FIRST, _LAST = ((day - EPOCH) // timedelta(microseconds=1) for day in (datetime.min, datetime.max))


class Bin(NamedTuple):
    """Values that lie side by side: how many, the least and the greatest."""

    count: int
    low: Any
    high: Any


@dataclass(kw_only=True)
class Scale:
    """A column of values in order, known only by counts of its ranges."""

    session: Session
    column: str
    value: str  # SQL of a value, NULL when missing
    count: int

    def bins(self, low: Any, high: Any, edges: Sequence[Any] = ()) -> list[Bin]:
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
        return [Bin(*one) for one in found]

    def quantiles(self, bins: list[Bin], shares: Sequence[float]) -> list[float]:
        """The values below which `shares` of all lie, between two neighbours by straight line."""
        wanted = [(self.count - 1) * share for share in shares]
        ranks = sorted({rank for want in wanted for rank in (math.floor(want), math.ceil(want))})
        held = dict(self._ranked(bins, ranks))
        return [between(held[math.floor(want)], held[math.ceil(want)], want % 1) for want in wanted]

    def _ranked(self, bins: list[Bin], ranks: Sequence[int], before: int = 0) -> Iterator[tuple[int, Any]]:
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

    def histogram(self, bins: list[Bin], edges: Sequence[Any]) -> list[int]:
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

    def tally(self, bins: list[Bin], most: int) -> tuple[int, list[tuple[Any, int]]]:
        """How many different values there are, and the `most` frequent ones with their counts, ties in order."""
        if all(one.low == one.high for one in bins):
            ranked = sorted(bins, key=lambda one: (-one.count, one.low))
            return len(bins), [(one.low, one.count) for one in ranked[:most]]
        found = self._ask(
            f"SELECT count(*), min(struct_pack(less := -n, v := v), {most}) "
            "FROM (SELECT v, count(*) AS n FROM values WHERE v IS NOT NULL GROUP BY 1)"
        )[0]
        return found[0], [(one["v"], -one["less"]) for one in found[1] or ()]

    def powers(self, centre: Any, unit: float, low: float, high: float) -> tuple[float, float, float, int, int]:
        """Sums of (value - centre) / unit, of its square and of its cube; how many are below `low`, above `high`."""
        found = self._ask(
            "SELECT fsum(u), fsum(u * u), fsum(u * u * u), count(*) FILTER (v < $low), count(*) FILTER (v > $high) "
            f"FROM (SELECT v, (v - {centre})::DOUBLE / {unit!r} AS u FROM values WHERE v IS NOT NULL)",
            low=low,
            high=high,
        )
        return found[0]

    def above(self, limit: Any) -> int:
        """How many values are above `limit`."""
        return self._ask("SELECT count(*) FROM values WHERE v > $limit", limit=limit)[0][0]

    def without(self, value: Any) -> tuple[int, Any, Any]:
        """How often `value` is there, and the least and the greatest of all others."""
        found = self._ask(
            "SELECT count(*) FILTER (v = $value), min(v) FILTER (v <> $value), max(v) FILTER (v <> $value) FROM values",
            value=value,
        )
        return found[0]

    def steps(self, unit: int) -> tuple[int, int, int, int | None, int | None, int | None]:
        """Values in whole units: how many differ, the first, the last; then the step from one to the next that is
        most common, the longest, and where the longest ends.
        """
        found = self._ask(
            "SELECT count(*), min(d), max(d), mode(gap), max(gap), arg_max(d, gap) FROM "
            "(SELECT d, d - lag(d) OVER (ORDER BY d) AS gap FROM "
            f"(SELECT DISTINCT (v - ((v % {unit}) + {unit}) % {unit}) // {unit} AS d FROM values WHERE v IS NOT NULL))"
        )
        return found[0]

    def _ask(self, sql: str, **values: Any) -> list[tuple[Any, ...]]:
        return self.session.fetch(f"WITH values AS (SELECT {self.value} AS v FROM rows) {sql}", x=self.column, **values)


def between(low: Any, high: Any, share: float) -> float:
    if low == high or not share:
        return float(low)
    low, high = float(low), float(high)
    return low + (high - low) * share if math.isfinite(high - low) else low * (1 - share) + high * share


def number_edges(low: Any, high: Any, *, whole: bool) -> list[float]:
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
        (DAY, (1, 2, 7, 14)),
    )
    for times in many
)


def date_edges(low: int, high: int, *, days: bool) -> list[int]:
    """Edges of about 30 bins at whole hours, days, weeks, months or years, in microseconds."""
    wanted = (high - low) / BINS
    step = next((step for step in _STEPS if step >= wanted and (step >= DAY or not days)), None)
    if step:
        # The epoch was a Thursday; weeks begin on Monday.
        origin = -3 * DAY if step % (7 * DAY) == 0 else 0
        first = (low - origin) // step
        edges = [origin + at * step for at in range(first, (high - origin) // step + 2)]
        return [min(max(edge, _FIRST), _LAST) for edge in edges]
    months = wanted / (30.44 * DAY)
    step = next((m for m in (1, 2, 3, 6, 12, 24, 60, 120, 240, 600, 1_200, 2_400) if m >= months * 0.98), 6_000)
    begin = EPOCH + timedelta(microseconds=low)
    at = (begin.year * 12 + begin.month - 1) // step * step
    edges: list[int] = []
    while not edges or edges[-1] <= high:
        year, month = divmod(at, 12)
        if year > 9999:
            edges.append(min(high + 1, _LAST))
            break
        when = date(max(year, 1), month + 1 if year >= 1 else 1, 1)
        edges.append((when.toordinal() - 719_163) * DAY)
        at += step
    return edges
