"""Which rows are held out when: splits made once, so that every model is tested on the same rows."""

from __future__ import annotations

from typing import Any

import numpy as np

from services.errors import DataError, ParamError
from services.numerics.learning.problem import Problem

HELD_OUT = 1 / 3  # of the rows, where there is one test set


def splits(
    problem: Problem, scheme: str, *, folds: int = 3, repeats: int = 1, seed: int = 0
) -> list[tuple[np.ndarray, np.ndarray]]:
    """The (train, test) places of each split: kfold, holdout, grouped or forward; classes keep their shares.

    Raises
    ------
    ParamError
        The group or the time that is needed was not chosen.
    DataError
        There are fewer groups than folds.
    """
    from sklearn.model_selection import (
        GroupKFold,
        RepeatedKFold,
        RepeatedStratifiedKFold,
        ShuffleSplit,
        StratifiedGroupKFold,
        StratifiedShuffleSplit,
    )

    y = problem.y
    is_stratified, folds = strata(problem, folds)
    match scheme:
        case "forward":
            if problem.time is None:
                raise ParamError("Time: choose the column that says when.", field="time")
            if not (ahead := forward(problem.time, folds)):
                raise DataError("Too few different moments to test forward in time. Test by folds instead.")
            return ahead
        case "grouped":
            if problem.group is None:
                raise ParamError("Group: choose the column whose groups are kept together.", field="group")
            if len(np.unique(problem.group)) < folds:
                raise DataError(f"There are fewer groups than {folds} folds. Choose fewer folds, or another group.")
            made: Any = (
                StratifiedGroupKFold(folds, shuffle=True, random_state=seed) if is_stratified else GroupKFold(folds)
            )
            return list(made.split(y, y, problem.group))
        case "holdout":
            one = StratifiedShuffleSplit if is_stratified else ShuffleSplit
            return list(one(n_splits=1, test_size=HELD_OUT, random_state=seed).split(y, y))
    several = RepeatedStratifiedKFold if is_stratified else RepeatedKFold
    return list(_quietly(several(n_splits=folds, n_repeats=repeats, random_state=seed), y))


def _quietly(made: Any, y: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
    """The splits, without scikit-learn's warning of classes that have fewer rows than folds: it is told otherwise."""
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return list(made.split(y, y))


def strata(problem: Problem, folds: int) -> tuple[bool, int]:
    """Whether classes keep their shares in every fold, and how many folds there can be."""
    folds = min(folds, len(problem.y) // 2)
    if problem.task != "classification":
        return False, folds
    # A class of one row cannot be on both sides, nor classes smaller than the folds in each: they keep no shares.
    counts = np.bincount(problem.y)[np.unique(problem.y)]
    return bool(counts.min() >= 2 and counts.max() >= folds), folds


def forward(time: np.ndarray, folds: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """Train on everything before, test on the next stretch: rows of one moment stay on one side."""
    known = np.flatnonzero(np.isfinite(time))
    order = known[np.argsort(time[known], kind="stable")]
    moments = time[order]
    edges = [int(np.searchsorted(moments, moments[round(len(order) * k / (folds + 1))])) for k in range(1, folds + 1)]
    made = []
    for start, stop in zip(edges, [*edges[1:], len(order)], strict=True):
        if start and stop > start:
            made.append((np.sort(order[:start]), np.sort(order[start:stop])))
    return made


def tested_per_trained(made: list[tuple[np.ndarray, np.ndarray]]) -> float:
    """Rows tested for each row trained on, on average over the splits."""
    return float(np.mean([len(test) / len(train) for train, test in made]))
