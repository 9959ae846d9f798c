"""What is drawn of each model of a comparison, out of what it said of rows that it had not seen."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from pandas import DataFrame

from services.numerics.learning import figures
from services.numerics.learning.problem import Problem
from services.numerics.learning.race import Entry

CLOSE = 3  # the best models, of which segments are told too


def target(problem: Problem) -> DataFrame:
    """What the target holds: rows by class, or by bins of one width."""
    if problem.task == "classification":
        counts = np.bincount(problem.y, minlength=len(problem.classes))
        return DataFrame({"value": list(problem.classes), "rows": counts}).astype({"value": "str"})
    counts, edges = np.histogram(problem.y, bins=30)
    return DataFrame({"low": edges[:-1], "high": edges[1:], "rows": counts})


def pictures(problem: Problem, ranked: Sequence[Entry]) -> dict[str, DataFrame]:
    """The tables that are drawn, of every model that was scored, the best first; each row names its model."""
    made: dict[str, list[DataFrame]] = {}
    for place, entry in enumerate(ranked):
        for name, frame in of_model(problem, entry, close=place < CLOSE):
            if len(frame):
                made.setdefault(name, []).append(frame.assign(model=entry.title).astype({"model": "str"}))
    return {name: pd.concat(frames, ignore_index=True) for name, frames in made.items()}


def of_model(problem: Problem, entry: Entry, *, close: bool = True) -> list[tuple[str, DataFrame]]:
    """The tables of one model, by name; `close` has those of segments too."""
    said = entry.said
    assert said is not None
    at = said["at"].to_numpy()
    y, predicted = problem.y[at], said["predicted"].to_numpy()
    if problem.task == "regression":
        found = [("fitted", figures.fitted(y, predicted)), ("residuals", figures.residuals(y, predicted))]
        if close:
            found += [
                ("quantiles", figures.quantiles(y, predicted)),
                ("segments", figures.segments(problem.features, problem.X[at], y - predicted, predicted)),
            ]
        return found
    classes = problem.classes
    predicted = predicted.astype(np.int64)
    found = [
        ("confusion", figures.confusion(y, predicted, classes)),
        ("per_class", figures.per_class(y, predicted, classes)),
    ]
    places = [int(name[1:]) for name in said.columns if name[0] in "pd" and name[1:].isdigit()]
    letter = "p" if "p0" in said or f"p{places[0] if places else ''}" in said else "d"
    if places:
        ranks = said[[f"{letter}{place}" for place in places]].to_numpy()
        found.append(("curves", figures.curves(y, ranks, classes, places)))
    if letter == "p" and len(classes) == 2:
        proba = said["p1"].to_numpy(dtype=np.float64)
        found += [
            ("calibration", figures.calibration(y, proba)),
            ("thresholds", figures.thresholds(y, proba)),
            ("gain", figures.gain(y, proba)),
        ]
    if close:
        found.append(("segments", figures.segments(problem.features, problem.X[at], (y != predicted).astype(float))))
    return found
