"""How good predictions are, and whether two models differ by more than chance.

A figure that cannot be worked out (one class in a fold, a target that is not positive) is left out; it
is never zero.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping, Sequence

import numpy as np

ALIKE = 0.05  # two models whose difference has at least this p are within noise


def classification_scores(
    y: np.ndarray,
    predicted: np.ndarray,
    proba: np.ndarray | None,
    decision: np.ndarray | None,
    classes: int,
    weight: np.ndarray | None = None,
) -> dict[str, float]:
    """Every figure for int codes `y` and `predicted` (rows,), probabilities or else decisions (rows, classes).

    Averages over classes are over those that `y` has. ROC AUC and average precision are one against the rest, over
    these classes; of two classes, of the second.
    """
    from sklearn import metrics as sk

    there = np.unique(y)
    given = {"sample_weight": weight}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        made = {
            "balanced_accuracy": sk.recall_score(y, predicted, labels=there, average="macro", zero_division=0, **given),
            "accuracy": sk.accuracy_score(y, predicted, **given),
            "f1_macro": sk.f1_score(y, predicted, average="macro", zero_division=0, **given),
            "f1_weighted": sk.f1_score(y, predicted, average="weighted", zero_division=0, **given),
            "precision": sk.precision_score(y, predicted, labels=there, average="macro", zero_division=0, **given),
            "recall": sk.recall_score(y, predicted, labels=there, average="macro", zero_division=0, **given),
            "mcc": sk.matthews_corrcoef(y, predicted, **given),
        }
        ranks = proba if proba is not None else decision
        if ranks is not None and len(there) > 1:
            some = [1] if classes == 2 else there
            made["roc_auc"] = _over(some, lambda each: sk.roc_auc_score(y == each, ranks[:, each], **given))
            made["average_precision"] = _over(
                some, lambda each: sk.average_precision_score(y == each, ranks[:, each], **given)
            )
        if proba is not None:
            made["log_loss"] = sk.log_loss(y, proba, labels=np.arange(classes), **given)
            wrong = proba.astype(np.float64)
            wrong[np.arange(len(y)), y] -= 1
            squared = (wrong**2).sum(axis=1)
            made["brier"] = np.average(squared if classes > 2 else squared / 2, weights=weight)
    return {name: float(value) for name, value in made.items() if math.isfinite(value)}


def _over(classes: Sequence[int], score: object) -> float:
    return float(np.mean([score(each) for each in classes]))  # type: ignore[operator]


def regression_scores(y: np.ndarray, predicted: np.ndarray, weight: np.ndarray | None = None) -> dict[str, float]:
    """Every figure for float `y` and `predicted` (rows,); MAPE in per cent, only of a positive target."""
    from sklearn import metrics as sk

    given = {"sample_weight": weight}
    if not np.isfinite(predicted).all():
        return {}
    made = {
        "rmse": sk.root_mean_squared_error(y, predicted, **given),
        "mae": sk.mean_absolute_error(y, predicted, **given),
        "median_ae": sk.median_absolute_error(y, predicted, **given),
    }
    if len(y) > 1 and y.min() < y.max():
        made["r2"] = sk.r2_score(y, predicted, **given)
    if y.min() > 0:
        made["mape"] = 100 * sk.mean_absolute_percentage_error(y, predicted, **given)
    if y.min() >= 0 and predicted.min() >= 0:
        made["rmsle"] = sk.root_mean_squared_log_error(y, predicted, **given)
    return {name: float(value) for name, value in made.items() if math.isfinite(value)}


def over_folds(folds: Sequence[Mapping[str, float]], metric: str) -> tuple[float | None, float | None]:
    """The mean of a figure over folds, and its standard deviation (n − 1); None where no fold, or one, has it."""
    found = [fold[metric] for fold in folds if metric in fold]
    if not found:
        return None, None
    return float(np.mean(found)), float(np.std(found, ddof=1)) if len(found) > 1 else None


def corrected_t(differences: Sequence[float], tested_per_trained: float) -> tuple[float, float]:
    """Whether the mean of `differences`, one for each fold of all rounds, is other than 0: t, and two-sided p.

    The variance is corrected for training sets that overlap.

    Nadeau, C. and Bengio, Y. (2003). Inference for the generalization error. Machine Learning 52, 239-281.
    """
    from scipy.special import stdtr

    count = len(differences)
    if count < 2:
        return math.nan, math.nan
    mean, variance = float(np.mean(differences)), float(np.var(differences, ddof=1))
    if variance == 0:
        return (0.0, 1.0) if mean == 0 else (math.copysign(math.inf, mean), 0.0)
    t = mean / math.sqrt((1 / count + tested_per_trained) * variance)
    return t, float(2 * stdtr(count - 1, -abs(t)))
