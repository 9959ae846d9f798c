"""How scores are written, the same wherever they stand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from dash.development.base_component import Component

from layouts import blocks, words
from services.numerics.learning.metrics import BY_TASK, Metric

Row = Mapping[str, Any]


def metric_of(task: str, slug: str) -> Metric:
    """The metric called `slug`."""
    return next(metric for metric in BY_TASK[task] if metric.slug == slug)


def in_words(metric: Metric) -> str:
    """The metric's name inside a sentence: capitals that are letters of a name stay."""
    return " ".join(word if word[1:] != word[1:].lower() else word.lower() for word in metric.title.split(" "))


def score(value: float | None, sd: float | None = None) -> str:
    """A score with what it varies by over folds."""
    if value is None:
        return words.NONE
    told = figure(value)
    return told if sd is None else f"{told} ± {figure(sd)}"


def figure(value: float) -> str:
    """A number of any size in a few digits."""
    if abs(value) < 10:
        return f"{value:.3f}".replace("-", "\u2212")
    return words.short(value, 4)


def in_pairs(pictures: Sequence[Component | None]) -> list[Component]:
    """Pictures two by two, those that are there."""
    there = [picture for picture in pictures if picture is not None]
    return [
        blocks.pair(*there[place : place + 2]) if len(there[place : place + 2]) == 2 else there[place]
        for place in range(0, len(there), 2)
    ]
