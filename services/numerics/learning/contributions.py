"""Why a model says what it says of a row: what each column adds, so that all together make the answer.

Exact where a light way exists: for linear models the coefficient times how far the value is from its mean; for
boosted trees Shapley values by the library's own TreeSHAP (Lundberg, S. M. et al. (2020). From local explanations
to global understanding with explainable AI for trees. Nature Machine Intelligence 2, 56-67); for single trees,
forests and bagging how the mean changes along the path of the row (Palczewska, A. et al. (2014). Interpreting
random forest classification models using a feature contribution method).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from pandas import DataFrame

from services.numerics.learning.columns import Feature
from services.numerics.learning.problem import Problem
from services.numerics.learning.race import Fitted

MOST = 200  # rows that are explained
SHOWN = 12  # columns of a row that are told apart; the others are told together
REST = "all others"

_PLACE = re.compile(r"f(\d+)(?:_|$)")


@dataclass(frozen=True, kw_only=True)
class Explained:
    """What each feature adds: `values` (rows, features) sum up with `base` (rows,) to what is said, in `unit`.

    Of several classes it is what speaks for the class that is said.
    """

    method: str
    unit: str
    base: np.ndarray
    values: np.ndarray


def explain(problem: Problem, fitted: Fitted, learnt: np.ndarray, X: np.ndarray) -> Explained | None:
    """What each feature of `X` (rows, features) adds; None for a model that has no exact and light way.

    `learnt` are rows that it was fitted on: what a column adds is told against their mean.
    """
    model, task = fitted.model, problem.task
    inner = getattr(model, "regressor_", model)  # one that learnt a scaled target
    scale = model.transformer_.scale_[0] if inner is not model else 1.0
    shift = model.transformer_.mean_[0] if inner is not model else 0.0
    name = type(inner).__name__
    if name.startswith(("LGBM", "XGB")):
        how, method = _boosted, "Shapley values (TreeSHAP)"
    elif hasattr(inner, "coef_") and name not in _CURVED:
        how, method = _linear, "coefficient times distance from the mean"
    elif hasattr(inner, "tree_") or name.startswith(("RandomForest", "ExtraTrees", "Bagging")):
        how, method = _paths, "changes along each tree's path"
    else:
        return None
    Z, mean = fitted.prepare.transform(X), fitted.prepare.transform(learnt)
    base, values = how(inner, np.asarray(Z), np.asarray(mean))  # (rows, outputs), (rows, columns, outputs)
    values = _gathered(fitted.prepare, values, problem.features)
    said = _outputs(fitted, problem, X, values.shape[2])
    rows = np.arange(len(X))
    unit = "the target's unit" if task == "regression" else _UNITS.get(how, "log-odds")
    if name in _DECISIONS:
        unit = "the decision"
    return Explained(
        method=method, unit=unit, base=base[rows, said] * scale + shift, values=values[rows, :, said] * scale
    )


_CURVED = {"MLPClassifier", "MLPRegressor"}
_DECISIONS = {"RidgeClassifier", "Perceptron", "LinearSVC"}


def _outputs(fitted: Fitted, problem: Problem, X: np.ndarray, outputs: int) -> np.ndarray:
    """Which output of each row is told: of two classes the second, of several the one that is said."""
    if outputs == 1:
        return np.zeros(len(X), dtype=int)
    predicted = fitted.answer(X).predicted
    of_code = {int(code): place for place, code in enumerate(fitted.labels)}
    if len(problem.classes) == 2:
        return np.full(len(X), of_code.get(1, 0))
    return np.array([of_code[int(code)] for code in predicted])


def _boosted(model: Any, Z: np.ndarray, _: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    if type(model).__name__.startswith("LGBM"):
        found = np.asarray(model.predict(Z, pred_contrib=True))
        outputs = max(1, found.shape[1] // (Z.shape[1] + 1))
        found = found.reshape(len(Z), outputs, Z.shape[1] + 1)
    else:
        from xgboost import DMatrix

        found = np.asarray(model.get_booster().predict(DMatrix(Z), pred_contribs=True))
        found = found.reshape(len(Z), -1, Z.shape[1] + 1)
    return found[:, :, -1], found[:, :, :-1].transpose(0, 2, 1)


def _linear(model: Any, Z: np.ndarray, learnt: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    coefficients = np.atleast_2d(np.asarray(model.coef_, dtype=np.float64))
    mean = learnt.mean(axis=0, dtype=np.float64)
    base = np.atleast_1d(np.asarray(model.intercept_, dtype=np.float64)) + coefficients @ mean
    values = (Z - mean)[:, :, None] * coefficients.T[None]
    return np.broadcast_to(base, (len(Z), len(base))), values


def _paths(model: Any, Z: np.ndarray, _: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    trees = [model] if hasattr(model, "tree_") else list(model.estimators_)
    chosen = getattr(model, "estimators_features_", None)
    base, values = 0.0, 0.0
    for place, each in enumerate(trees):
        of = Z if chosen is None else Z[:, chosen[place]]
        one, more = _path(each, np.ascontiguousarray(of, dtype=np.float32), Z.shape[1],
                          None if chosen is None else chosen[place])  # fmt: skip
        base, values = base + one / len(trees), values + more / len(trees)
    return np.asarray(base), np.asarray(values)


def _path(tree: Any, Z: np.ndarray, columns: int, chosen: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
    inner = tree.tree_
    held = inner.value[:, 0, :]
    if hasattr(tree, "classes_"):
        held = held / np.maximum(held.sum(axis=1, keepdims=True), 1e-300)
    path = tree.decision_path(Z)
    values = np.zeros((len(Z), columns, held.shape[1]))
    for row in range(len(Z)):
        # A node's number is above that of the node before it on the way down.
        nodes = np.sort(path.indices[path.indptr[row] : path.indptr[row + 1]])
        split = inner.feature[nodes[:-1]]
        np.add.at(values[row], split if chosen is None else chosen[split], np.diff(held[nodes], axis=0))
    return np.broadcast_to(held[0], (len(Z), held.shape[1])), values


_UNITS: dict[Callable[..., Any], str] = {_paths: "probability"}


def _gathered(prepare: Any, values: np.ndarray, features: Sequence[Feature]) -> np.ndarray:
    """What prepared columns add, by the feature that each was made of."""
    made = np.zeros((values.shape[0], len(features), values.shape[2]))
    for column, name in enumerate(names(prepare, len(features))):
        made[:, name] += values[:, column]
    return made


def names(prepare: Any, features: int) -> list[int]:
    """For each prepared column, the place of the feature that it was made of."""
    called = prepare.get_feature_names_out([f"f{place}" for place in range(features)])
    return [int(_PLACE.search(str(name).rpartition("__")[2])[1]) for name in called]  # type: ignore[index]


def table(problem: Problem, explained: Explained, X: np.ndarray, rows: Sequence[int]) -> DataFrame:
    """Long: row (1 is the first), feature, value as text, adds; the base first, what adds little together."""
    made: list[tuple[int, str, str | None, float]] = []
    for place, row in enumerate(rows):
        made.append((row, "on average", None, float(explained.base[place])))
        by_column: dict[str, float] = {}
        shown: dict[str, str] = {}
        for at, feature in enumerate(problem.features):
            by_column[feature.column] = by_column.get(feature.column, 0.0) + float(explained.values[place, at])
            if feature.column not in shown or not feature.part:
                shown[feature.column] = written(feature, X[place, at])
        order = sorted(by_column, key=lambda name: -abs(by_column[name]))
        made += [(row, name, shown[name], by_column[name]) for name in order[:SHOWN]]
        if len(order) > SHOWN:
            made.append((row, REST, None, sum(by_column[name] for name in order[SHOWN:])))
    frame = DataFrame(made, columns=["row", "feature", "value", "adds"])
    return frame.astype({"feature": "str", "value": "str"})


def written(feature: Feature, value: float) -> str:
    """A value of the matrix as people know it."""
    if np.isnan(value):
        return "missing"
    if feature.kind == "category":
        return feature.levels[int(value)]
    if feature.part == "days":
        return str(np.datetime64("1970-01-01") + np.timedelta64(int(np.floor(value)), "D"))
    return f"{value:.6g}"
