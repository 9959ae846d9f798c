"""From which probability on a row is said to be of the second of two classes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from services.numerics.learning import figures

HALF = 0.5


def best(y: np.ndarray, proba: np.ndarray, metric: str) -> float:
    """The threshold of 0, 0.01... 1 at which `metric` is best; of a metric without threshold, balanced accuracy.

    `proba` (rows,) must be of rows that the model had not seen. Of several that are as good, the one nearest to 0.5.
    """
    table = figures.thresholds(y, proba)
    tp, fp, tn, fn = (table[name].to_numpy(dtype=np.float64) for name in ("tp", "fp", "tn", "fn"))
    with np.errstate(invalid="ignore", divide="ignore"):
        score = {
            "accuracy": (tp + tn) / len(y),
            "f1_macro": np.nan_to_num(tp / (2 * tp + fp + fn) + tn / (2 * tn + fp + fn)),
            "mcc": np.nan_to_num((tp * tn - fp * fn) / np.sqrt((tp + fp) * (tp + fn) * (tn + fp) * (tn + fn))),
        }.get(metric, np.nan_to_num(tp / (tp + fn)) + np.nan_to_num(tn / (tn + fp)))
    at = table["threshold"].to_numpy()
    good = np.flatnonzero(score >= score.max() - 1e-12)
    return float(at[good[np.abs(at[good] - HALF).argmin()]])


def honest(
    y: np.ndarray, proba: np.ndarray, folds: np.ndarray, metric: str, threshold: float | None
) -> Sequence[Mapping[str, float]]:
    """Accuracy, balanced accuracy, precision and recall of the second class, by fold, at a threshold.

    Without a `threshold`, each fold has the one that is best in all other folds: what is chosen is not tested on
    itself.
    """
    found = []
    there = np.unique(folds)
    for fold in there:
        mine = folds == fold
        at = threshold
        if at is None:
            others = ~mine if len(there) > 1 else mine
            at = best(y[others], proba[others], metric)
        said, truth = proba[mine] >= at, y[mine] == 1
        tp, fp, fn, tn = (int(np.sum(each)) for each in (said & truth, said & ~truth, ~said & truth, ~said & ~truth))
        one = {"accuracy": (tp + tn) / len(truth)}
        if tp + fn and tn + fp:
            one["balanced_accuracy"] = (tp / (tp + fn) + tn / (tn + fp)) / 2
            one["recall"] = tp / (tp + fn)
        if tp + fp:
            one["precision"] = tp / (tp + fp)
        found.append(one)
    return found
