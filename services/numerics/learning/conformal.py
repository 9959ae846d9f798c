"""Intervals around predictions, from how far off they were on rows that were held out.

Vovk, V. (2015). Cross-conformal predictors. Annals of Mathematics and Artificial Intelligence 74, 9-28.
"""

from __future__ import annotations

import math

import numpy as np


def half_width(errors: np.ndarray, coverage: float) -> float:
    """How far an interval reaches to either side, so that a new row lies within with this probability on average.

    `errors` are out-of-fold errors (rows,). It holds over all rows together, not for each kind of row by itself.
    It is infinite where there are too few rows for so much coverage.
    """
    if not len(errors):
        return math.inf
    place = math.ceil((len(errors) + 1) * coverage)
    if place > len(errors):
        return math.inf
    return float(np.partition(np.abs(errors), place - 1)[place - 1])


def covered(errors: np.ndarray, folds: np.ndarray, coverage: float) -> float:
    """The share of rows within the interval, each fold's as wide as the errors of the other folds say.

    `errors` and `folds` are (rows,). With one fold it cannot be told, and is NaN.
    """
    there = np.unique(folds)
    if len(there) < 2:
        return math.nan
    held = 0
    for fold in there:
        mine = folds == fold
        held += int((np.abs(errors[mine]) <= half_width(errors[~mine], coverage)).sum())
    return held / len(errors)


def facts(errors: np.ndarray, folds: np.ndarray, coverage: float) -> dict[str, float | None]:
    """interval_80, how far an interval reaches, and covered_80, the share it held; None where it cannot be told."""
    found = {"interval": half_width(errors, coverage), "covered": covered(errors, folds, coverage)}
    return {f"{name}_{coverage * 100:.0f}": value if math.isfinite(value) else None for name, value in found.items()}
