"""Quartiles of many rows, exact, without holding their values: by bins first, then by the values of a few bins."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from services.explore.axes import Axis, Source

BINS = 4_096
SHAPE = 60  # bins of a violin


@dataclass(frozen=True, kw_only=True)
class Five:
    """The values of one group: their ends, quartiles, and how many lie outside of 1.5 times the middle half."""

    key: Any
    count: int
    low: float
    high: float
    quartiles: tuple[float, float, float]
    fence_low: float
    fence_high: float
    outside: int


def five(source: Source, group: Axis | None, value: str, only: str) -> list[Five]:
    """Of each group; quartiles lie between two values where they fall between two, as pandas has them."""
    key, bound = (group.sql, list(group.values)) if group else ("'v'", [])
    ends = source.ask(f"SELECT {key}, count(*), min({value}), max({value})", "GROUP BY 1", before=bound, only=only)
    if not ends:
        return []
    low, high = min(row[2] for row in ends), max(row[3] for row in ends)
    width = (high - low) / BINS or 1.0
    place = f"least(floor(({value} - {low!r}) / {width!r}), {BINS - 1})::INTEGER"
    counted = source.ask(f"SELECT {key}, {place}, count(*)", "GROUP BY 1, 2 ORDER BY 1, 2", before=bound, only=only)
    by_key: dict[Any, list[tuple[int, int]]] = defaultdict(list)
    for name, bin_, count in counted:
        by_key[name].append((bin_, count))
    wanted = []  # group, bin, how many values of it up to the one that is wanted
    for name, total, *_ in ends:
        for rank in _ranks(total):
            wanted.append((name, *_within(by_key[name], rank)))
    values = _look_up(source, key, bound, place, value, only, wanted)
    found = []
    for at, (name, total, lowest, highest) in enumerate(ends):
        six = values[6 * at : 6 * at + 6]
        quartiles = tuple(
            six[2 * part] + (six[2 * part + 1] - six[2 * part]) * (((total - 1) * (part + 1) / 4) % 1)
            for part in range(3)
        )
        found.append((name, total, lowest, highest, quartiles))
    fences = _fences(source, key, bound, value, only, [(name, *quartiles) for name, _, _, _, quartiles in found])
    return [
        Five(key=name, count=total, low=lowest, high=highest, quartiles=quartiles,
             fence_low=fences[name][0], fence_high=fences[name][1], outside=fences[name][2])
        for name, total, lowest, highest, quartiles in found
    ]  # fmt: skip


def _ranks(total: int) -> list[int]:
    """The places, from 0, of the values on both sides of each quartile."""
    return [round_((total - 1) * part / 4) for part in (1, 2, 3) for round_ in (math.floor, math.ceil)]


def _within(counted: Sequence[tuple[int, int]], rank: int) -> tuple[int, int]:
    before = 0
    for bin_, count in counted:
        if before + count > rank:
            return bin_, rank - before + 1
        before += count
    raise AssertionError("a rank is below the count")


def _look_up(
    source: Source,
    key: str,
    bound: list[Any],
    place: str,
    value: str,
    only: str,
    wanted: Sequence[tuple[Any, int, int]],
) -> list[float]:
    """The wanted values: of each, the smallest that so many of its group and bin do not exceed."""
    bins = sorted({bin_ for _, bin_, _ in wanted})
    listed = ", ".join("(?, ?, ?, ?)" for _ in wanted)
    after = [part for at, each in enumerate(wanted) for part in (at, *each)]
    rows = source.ask(
        f"WITH picked AS (SELECT {key} AS g, {place} AS b, {value} AS v",
        "), counted AS (SELECT g, b, v, sum(count(*)) OVER (PARTITION BY g, b ORDER BY v) AS upto "
        f"FROM picked GROUP BY g, b, v) SELECT n.id, min(c.v) FROM counted c JOIN (VALUES {listed}) n(id, g, b, k) "
        "ON c.g = n.g AND c.b = n.b AND c.upto >= n.k GROUP BY n.id ORDER BY n.id",
        before=bound, only=f"{only} AND {place} IN ({', '.join(map(str, bins))})", after=after,
    )  # fmt: skip
    return [row[1] for row in rows]


def _fences(
    source: Source, key: str, bound: list[Any], value: str, only: str, quartiles: Sequence[tuple[Any, ...]]
) -> dict[Any, tuple[float, float, int]]:
    """Of each group the last values within 1.5 times the middle half, and how many lie outside."""
    listed = ", ".join("(?, ?::DOUBLE, ?::DOUBLE)" for _ in quartiles)
    after = [part for name, q1, _, q3 in quartiles for part in (name, q1 - 1.5 * (q3 - q1), q3 + 1.5 * (q3 - q1))]
    rows = source.ask(
        f"WITH picked AS (SELECT {key} AS g, {value} AS v",
        f") SELECT s.g, min(v) FILTER (WHERE v >= n.low), max(v) FILTER (WHERE v <= n.high), "
        "count(*) FILTER (WHERE v < n.low OR v > n.high) "
        f"FROM picked s JOIN (VALUES {listed}) n(g, low, high) ON s.g = n.g GROUP BY s.g",
        before=bound, only=only, after=after,
    )  # fmt: skip
    return {name: (low, high, outside) for name, low, high, outside in rows}


def shape(source: Source, group: Axis | None, value: str, only: str, *, log: bool) -> list[list[Any]]:
    """How many values of each group lie in each of SHAPE bins of the same width: group, middle, count."""
    key, bound = (group.sql, list(group.values)) if group else ("'v'", [])
    said = f"log10({value})" if log else value
    ((low, high),) = source.ask(f"SELECT min({said}), max({said})", only=only)
    if low is None:
        return []
    width = (high - low) / SHAPE or 1.0
    place = f"least(floor(({said} - {low!r}) / {width!r}), {SHAPE - 1})::INTEGER"
    rows = source.ask(f"SELECT {key}, {place}, count(*)", "GROUP BY 1, 2 ORDER BY 1, 2", before=bound, only=only)
    power = (lambda number: 10**number) if log else (lambda number: number)
    return [[name, power(low + (bin_ + 0.5) * width), count] for name, bin_, count in rows]
