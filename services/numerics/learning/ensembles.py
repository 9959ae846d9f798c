"""The best three models asked together: their votes averaged, or weighed by a model of their answers.

Both are made from what the models said of rows they had not seen, so no model is fitted again. In each
fold the three are chosen, and the weights learnt, from the other folds alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from pandas import DataFrame

from services.errors import DataError
from services.numerics.learning import scores
from services.numerics.learning.metrics import HIGHER
from services.numerics.learning.problem import Problem
from services.numerics.learning.race import Answer, Entry

BEST = 3
TITLES = {"voting": "Vote of the best three", "stacking": "Stack of the best three"}
BASELINES = frozenset({"baseline", "baseline_mean", "baseline_median"})


def ensemble(
    how: str, problem: Problem, entries: Sequence[Entry], metric: str, *, seed: int, balanced: bool = False
) -> dict[str, Any]:
    """What is kept of an ensemble, as of any model: its scores by fold, and what it said.

    Raises
    ------
    DataError
        There are fewer than three models that can be joined, or their folds do not cover enough.
    """
    able = [entry for entry in entries if entry.is_done and entry.slug not in BASELINES and _joins(problem, entry)]
    if len(able) < BEST:
        raise DataError(f"Fewer than {BEST} models ended with answers that can be joined.")
    folds = sorted(set(able[0].said["fold"])) if able[0].said is not None else []
    if len(folds) < 2:
        raise DataError("It needs folds: with a single test set, the best three would be chosen on it.")
    better = 1 if HIGHER[metric] else -1
    parts: list[tuple[np.ndarray, int, Answer]] = []
    scored: list[Mapping[str, float]] = []
    for fold in folds:
        best = sorted(able, key=lambda entry: -better * _mean(entry, metric, folds, fold))[:BEST]
        at, answer = _JOINED[how](problem, [_held(problem, entry) for entry in best], fold, (seed, balanced))
        parts.append((at, fold, answer))
        y, weight = problem.y[at], None if problem.weight is None else problem.weight[at]
        if problem.task == "regression":
            scored.append(scores.regression_scores(y, answer.predicted, weight))
        else:
            scored.append(
                scores.classification_scores(y, answer.predicted, answer.proba, None, len(problem.classes), weight)
            )
    return {"about": {"state": "done", "folds": scored}, "said": _frame(parts)}


def _joins(problem: Problem, entry: Entry) -> bool:
    if entry.said is None:
        return False
    return problem.task == "regression" or f"p{len(problem.classes) - 1}" in entry.said


def _mean(entry: Entry, metric: str, folds: Sequence[int], left_out: int) -> float:
    found = [entry.folds[fold].get(metric, np.nan) for fold in folds if fold != left_out]
    mean = float(np.mean(found)) if found else np.nan
    return -np.inf if np.isnan(mean) else mean


def _held(problem: Problem, entry: Entry) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Of a model: the rows, their folds, and what it said of them, a column for each class."""
    said = entry.said
    assert said is not None
    names = ["predicted"] if problem.task == "regression" else [f"p{each}" for each in range(len(problem.classes))]
    return said["at"].to_numpy(), said["fold"].to_numpy(), said[names].to_numpy(dtype=np.float64)


_Held = tuple[np.ndarray, np.ndarray, np.ndarray]
_Making = tuple[int, bool]  # seed, and whether classes weigh the same


def _voted(problem: Problem, held: Sequence[_Held], fold: int, _: _Making) -> tuple[np.ndarray, Answer]:
    at, folds, _values = held[0]
    mine = folds == fold
    mean = np.mean([values[folds == fold] for _, folds, values in held], axis=0)
    if problem.task == "regression":
        return at[mine], Answer(predicted=mean[:, 0])
    return at[mine], Answer(predicted=mean.argmax(axis=1).astype(np.int32), proba=mean)


def _stacked(problem: Problem, held: Sequence[_Held], fold: int, making: _Making) -> tuple[np.ndarray, Answer]:
    from sklearn.linear_model import LogisticRegression, RidgeCV

    seed, balanced = making
    at, folds, _values = held[0]
    mine = folds == fold
    Z = np.hstack([values for _, _, values in held])
    y, weight = problem.y[at], None if problem.weight is None else problem.weight[at]
    given = {} if weight is None else {"sample_weight": weight[~mine]}
    if problem.task == "regression":
        ridge = RidgeCV(alphas=np.logspace(-3, 3, 13)).fit(Z[~mine], y[~mine], **given)
        return at[mine], Answer(predicted=ridge.predict(Z[mine]))
    model = LogisticRegression(max_iter=500, random_state=seed, class_weight="balanced" if balanced else None).fit(
        _logit(Z[~mine]), y[~mine], **given
    )
    proba = np.zeros((int(mine.sum()), len(problem.classes)))
    proba[:, model.classes_] = model.predict_proba(_logit(Z[mine]))
    return at[mine], Answer(predicted=proba.argmax(axis=1).astype(np.int32), proba=proba)


def _logit(proba: np.ndarray) -> np.ndarray:
    """Log odds, with what is all but certain kept finite."""
    clipped = np.clip(proba, 1e-4, 1 - 1e-4)
    return np.log(clipped / (1 - clipped))


_JOINED: dict[str, Callable[[Problem, Sequence[_Held], int, _Making], tuple[np.ndarray, Answer]]] = {
    "voting": _voted,
    "stacking": _stacked,
}


def _frame(parts: Sequence[tuple[np.ndarray, int, Answer]]) -> DataFrame:
    import pandas as pd

    frames = []
    for at, fold, answer in parts:
        made: dict[str, Any] = {"at": at, "fold": np.full(len(at), fold, dtype=np.int16), "predicted": answer.predicted}
        if answer.proba is not None:
            made |= {f"p{each}": column.astype(np.float32) for each, column in enumerate(answer.proba.T)}
        frames.append(DataFrame(made))
    return pd.concat(frames, ignore_index=True)
