"""What a model looks at: how much worse it gets without a feature, and what it says along one."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from pandas import DataFrame

from services.numerics.learning import scores
from services.numerics.learning.metrics import HIGHER
from services.numerics.learning.models import Model
from services.numerics.learning.problem import Problem
from services.numerics.learning.race import Answer, Fitted, Plan, fit

ROWS = 2_000  # held-out rows that are looked at
REPEATS = 5  # times that a column is shuffled
MANY = 60  # columns, beyond which fewer rows are looked at, and each column twice
MOST = 200  # columns that are looked at
TOP = 6  # features that are followed
POINTS = 16
LINES = 40  # rows that are followed one by one


def importance(problem: Problem, fitted: Fitted, test: np.ndarray, metric: str, *, seed: int = 0) -> DataFrame:
    """How much worse the model gets on held-out rows when a feature's values are shuffled: feature, mean, sd.

    Columns are shuffled as they are in the table, before any preparation, all features of a column together.
    Columns that say the same hide each other: without one, the model has the other. Of more than 200 columns, only
    the first are looked at.

    Breiman, L. (2001). Random forests. Machine Learning 45, 5-32.
    """
    random = np.random.default_rng(seed)
    columns = {feature.column for feature in problem.features}
    rows, repeats = (ROWS, REPEATS) if len(columns) <= MANY else (ROWS // 4, 2)
    some = test if len(test) <= rows else np.sort(random.choice(test, rows, replace=False))
    X, sign = problem.X[some].copy(), 1 if HIGHER[metric] else -1
    whole = _score(problem, some, fitted.answer(X), metric)
    by_column: dict[str, list[int]] = {}
    for place, feature in enumerate(problem.features):
        by_column.setdefault(feature.column, []).append(place)
    found = []
    for column, places in list(by_column.items())[:MOST]:
        kept, worse = X[:, places].copy(), []
        for _ in range(repeats):
            X[:, places] = kept[random.permutation(len(X))]
            worse.append(sign * (whole - _score(problem, some, fitted.answer(X), metric)))
        X[:, places] = kept
        found.append((column, float(np.mean(worse)), float(np.std(worse, ddof=1))))
    made = DataFrame(found, columns=["feature", "mean", "sd"]).astype({"feature": "str"})
    return made.sort_values("mean", ascending=False, kind="stable", ignore_index=True)


def _score(problem: Problem, at: np.ndarray, answer: Answer, metric: str) -> float:
    y, weight = problem.y[at], None if problem.weight is None else problem.weight[at]
    if problem.task == "regression":
        return scores.regression_scores(y, answer.predicted, weight)[metric]
    found = scores.classification_scores(
        y, answer.predicted, answer.proba, answer.decision, len(problem.classes), weight
    )  # fmt: skip
    return found.get(metric, found["balanced_accuracy"])


def partial(problem: Problem, fitted: Fitted, test: np.ndarray, columns: Sequence[str], *, seed: int = 0) -> DataFrame:
    """What the model says on average where a feature is set to one value in every row: feature, value, at, mean.

    `at` is the number, empty for a category; the mean is of the prediction, or of the probability of the last class.
    Friedman, J. H. (2001). Greedy function approximation. Annals of Statistics 29, 1189-1232.
    """
    random = np.random.default_rng(seed)
    some = test if len(test) <= ROWS // 2 else np.sort(random.choice(test, ROWS // 2, replace=False))
    rows = []
    for place, feature in enumerate(problem.features):
        if feature.column not in columns[:TOP]:
            continue
        X = problem.X[some].copy()
        known = X[:, place][~np.isnan(X[:, place])]
        if not len(known):
            continue
        if feature.kind == "category":
            values = np.arange(min(len(feature.levels), POINTS), dtype=np.float32)
        else:
            values = np.unique(np.quantile(known, np.linspace(0.02, 0.98, POINTS)))
        for value in values:
            X[:, place] = value
            answer = fitted.answer(X)
            said = answer.predicted if problem.task == "regression" else _last(answer)
            shown = feature.levels[int(value)] if feature.kind == "category" else f"{value:g}"
            at = None if feature.kind == "category" else float(value)
            rows.append((feature.name, shown, at, float(np.mean(said))))
    made = DataFrame(rows, columns=["feature", "value", "at", "mean"])
    return made.astype({"feature": "str", "value": "str", "at": "float64"})


def _last(answer: Answer) -> np.ndarray:
    """The probability of the last class, or how often it is said where there is none."""
    if answer.proba is not None:
        return answer.proba[:, -1]
    assert answer.decision is not None
    return (answer.decision.argmax(axis=1) == answer.decision.shape[1] - 1).astype(float)


def ice(problem: Problem, fitted: Fitted, test: np.ndarray, columns: Sequence[str], *, seed: int = 0) -> DataFrame:
    """What the model says of single rows along a feature, all else as it is: feature, row, at, said.

    Of numbers alone; rows are held-out ones, counted from 1 in this table. Goldstein, A. et al. (2015). Peeking inside
    the black box. Journal of Computational and Graphical Statistics 24, 44-65.
    """
    random = np.random.default_rng(seed)
    some = test if len(test) <= LINES else np.sort(random.choice(test, LINES, replace=False))
    rows: list[tuple[str, int, float, float]] = []
    for place, feature in enumerate(problem.features):
        known = problem.X[test, place]
        known = known[~np.isnan(known)]
        if feature.kind == "category" or feature.column not in columns[:3] or feature.part or not len(known):
            continue
        X = problem.X[some].copy()
        for value in np.unique(np.quantile(known, np.linspace(0.02, 0.98, POINTS))):
            X[:, place] = value
            answer = fitted.answer(X)
            said = answer.predicted if problem.task == "regression" else _last(answer)
            rows += [(feature.name, row, float(value), float(each)) for row, each in enumerate(said, 1)]
    return DataFrame(rows, columns=["feature", "row", "at", "said"]).astype({"feature": "str"})


def at_share(plan: Plan, model: Model, share: float, metric: str) -> dict[str, float | int]:
    """A point of the learning curve: fitted on a share of the first split's training rows, scored on both sides."""
    train, test = plan.splits[0]
    random = np.random.default_rng(plan.seed)
    some = np.sort(random.permutation(train)[: max(2, round(len(train) * share))])
    fitted = fit(plan, model, some)
    seen = some if len(some) <= ROWS else np.sort(random.choice(some, ROWS, replace=False))
    return {
        "rows": len(some),
        "held_out": _score(plan.problem, test, fitted.answer(plan.problem.X[test]), metric),
        "seen": _score(plan.problem, seen, fitted.answer(plan.problem.X[seen]), metric),
    }
