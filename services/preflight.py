"""Preflight: what a run will take here, as its analysis predicts and as such runs taught.

An analysis knows how its work grows with rows and columns; it does not know this machine. So of the
last runs of each analysis the ratio of what they took to what was predicted is remembered, and the
next prediction is multiplied by a correction made of them:

- of time, their median, as logarithms: a run beside a busy neighbour does not count for more than one;
- of memory, their 90 % quantile: a run that is told too much is safer than one that is told too little.

A run counts by how near its prediction was to this one (fully when equal, not at all from 16 times
more or less on), since what small runs take is mostly their start. Of n such runs the correction
is taken to the power n / (n + 3), so that few hardly move it, and it stays between 1/4 and 4.
"""

from __future__ import annotations

import contextlib
import dataclasses
import math
import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import Any

from services import params as declared
from services.analysis import Analysis, Cost, Shape
from services.errors import NotFound
from services.jobs import lanes
from services.workspace import read_json, write_json

MOST_KEPT = 20  # runs of each analysis
FURTHEST = math.log(16)  # a run predicted this many times more or less says nothing of this one
DOUBT = 3  # how many runs weigh as much as the analysis' own word
BOUND = math.log(4)
SUPERVISOR_MB = 15  # comes with a job, and is not there yet when what is free is measured
LEAST_SAMPLE = 1_000  # rows; an answer from fewer is worth little

_SLUG = re.compile(r"[a-z][a-z0-9_]{0,63}")
_known: dict[Path, tuple[int, list[_Took]]] = {}


@dataclass(frozen=True, kw_only=True)
class Forecast:
    """What a run will take, what is free for it, and the largest sample that fits where the run does not."""

    cost: Cost
    free_mb: float
    sample: int | None = None

    @property
    def fits(self) -> bool:
        return self.cost.peak_mb <= self.free_mb


@dataclass(frozen=True)
class _Took:
    """What was predicted of a run and what it took, in MB and in seconds."""

    predicted_mb: float
    peak_mb: float
    predicted_seconds: float
    seconds: float


def note(server: Path, slug: str, predicted: Cost, peak_mb: float, seconds: float) -> None:
    """Remember what a finished run of an analysis took, beside what the analysis had predicted of it."""
    path = _place(server, slug)
    took = _Took(predicted.peak_mb, peak_mb, predicted.seconds, seconds)
    with contextlib.suppress(OSError):  # a full disk: then nothing is learnt, and that is all
        path.parent.mkdir(mode=0o700, exist_ok=True)
        with lanes.alone(path.with_suffix(".lock")):
            kept = [*_read(path), took][-MOST_KEPT:]
            write_json(path, [dataclasses.astuple(each) for each in kept])


def predict(server: Path, analysis: Analysis[Any], shape: Shape, params: Any) -> Cost:
    """The cost of a run, as the analysis says it, corrected by what such runs took on this server."""
    cost, past = analysis.cost(shape, params), _past(_place(server, analysis.slug))
    mb = correction(((each.predicted_mb, each.peak_mb) for each in past), cost.peak_mb, 0.9)
    seconds = correction(((each.predicted_seconds, each.seconds) for each in past), cost.seconds, 0.5)
    return Cost(cost.peak_mb * mb, cost.seconds * seconds)


def forecast(server: Path, analysis: Analysis[Any], shape: Shape, params: Any, free_mb: float) -> Forecast:
    """What a run will take of `free_mb`, and what to do when that is not enough."""
    cost = predict(server, analysis, shape, params)
    if cost.peak_mb <= free_mb:
        return Forecast(cost=cost, free_mb=free_mb)
    return Forecast(cost=cost, free_mb=free_mb, sample=largest_sample(server, analysis, shape, params, free_mb))


def largest_sample(
    server: Path, analysis: Analysis[Any], shape: Shape, params: Any, free_mb: float, *, at_most: int | None = None
) -> int | None:
    """The most rows, to two digits, that are predicted to fit; None where a sample is not taken or is of no use.

    `at_most` is a number of rows to stay below whatever is predicted.
    """
    field = next((each for each in declared.fields(analysis.params) if each.name == "sample_rows"), None)
    if not analysis.holds_rows or field is None or not isinstance(field.kind, declared.Number):
        return None

    def too_many(rows: int) -> bool:
        asked = dataclasses.replace(params, sample_rows=rows)
        return predict(server, analysis, shape, asked).peak_mb > free_mb

    most = min(at_most or shape.rows, field.kind.high)
    sizes = _round(math.ceil(max(LEAST_SAMPLE, field.kind.low)), math.floor(most))
    found = bisect_right(sizes, False, key=too_many)
    return sizes[found - 1] if found else None


def correction(past: Iterable[tuple[float, float]], now: float, quantile: float) -> float:
    """The factor that pairs of what was predicted and what it took suggest for a prediction of `now`."""
    weighed = sorted(
        (math.log(took / predicted), 1 - abs(math.log(predicted / now)) / FURTHEST)
        for predicted, took in past
        if min(predicted, took, now) > 0 and abs(math.log(predicted / now)) < FURTHEST
    )
    count = sum(weight for _, weight in weighed)
    if not count:
        return 1.0
    learnt = _quantile(weighed, quantile * count) * count / (count + DOUBT)
    return math.exp(max(-BOUND, min(BOUND, learnt)))


def _quantile(weighed: Sequence[tuple[float, float]], at: float) -> float:
    """The value where the weights before it sum to `at`; each stands in the middle of its own, with lines between."""
    middles = [
        until - weight / 2 for until, (_, weight) in zip(accumulate(w for _, w in weighed), weighed, strict=True)
    ]
    after = bisect_left(middles, at)
    if after in (0, len(middles)):
        return weighed[min(after, len(middles) - 1)][0]
    left, right = weighed[after - 1][0], weighed[after][0]
    return left + (right - left) * (at - middles[after - 1]) / (middles[after] - middles[after - 1])


def _round(low: int, high: int) -> list[int]:
    """The numbers of at most two digits and then zeros, from `low` to `high`."""
    scales = (10**power for power in range(max(len(str(max(high, 1))) - 1, 0)))
    return [n for scale in scales for n in range(10 * scale, 100 * scale, scale) if low <= n <= high]


def _place(server: Path, slug: str) -> Path:
    if not _SLUG.fullmatch(slug):
        raise NotFound(f"There is no analysis “{slug}”.")
    return server / "took" / f"{slug}.json"


def _past(path: Path) -> list[_Took]:
    """The last runs; read again only when the file changed, since a form asks at every change."""
    try:
        changed = path.stat().st_mtime_ns
    except OSError:
        return []
    known = _known.get(path)
    if known is None or known[0] != changed:
        known = _known[path] = (changed, _read(path))
    return known[1]


def _read(path: Path) -> list[_Took]:
    """The last runs as kept; none when the file is not there or damaged, for a guess is not worth an error."""
    with contextlib.suppress(NotFound, OSError, TypeError, ValueError, OverflowError):
        kept = [_Took(*map(float, each)) for each in read_json(path)]
        if all(math.isfinite(number) for each in kept for number in dataclasses.astuple(each)):
            return kept[-MOST_KEPT:]
    return []
