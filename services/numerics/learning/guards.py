"""What would make the scores too good to be true, or too few to be trusted: told before the models run."""

from __future__ import annotations

import warnings
from collections.abc import Iterator

import numpy as np

from services.numerics.learning.problem import Problem

LOOKED_AT = 10_000  # rows
TELLS = 0.99  # AUC, or R², of one feature alone
SUMS = 0.9999  # R² of a sum of features
FEW = 20  # rows of a class
MOST = 500  # features that are looked at one by one
_FOLDS = 3


def guards(problem: Problem, *, seed: int = 0) -> list[str]:
    """Sentences about leaks, repeated rows, rare classes: “Fact. What to do.”; nothing of it stops a run."""
    random = np.random.default_rng(seed)
    some = np.arange(len(problem.y))
    if len(some) > LOOKED_AT:
        some = np.sort(random.choice(some, LOOKED_AT, replace=False))
    X, y = problem.X[some], problem.y[some]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return [*_leaks(problem, X, y), *_sums(problem, X, y), *_repeated(problem), *_rare(problem)]


def _leaks(problem: Problem, X: np.ndarray, y: np.ndarray) -> Iterator[str]:
    told: dict[str, None] = {}
    count = len(problem.features)
    if count > MOST:
        yield (
            f"Only the first {MOST} of {count:,} features were looked at for leaks. "
            "Choose fewer columns to have all of them looked at."
        )
    for place, feature in enumerate(problem.features[:MOST]):
        if _alone(problem, X[:, [place]], y) > TELLS:
            told[feature.column] = None
    for name in told:
        yield (
            f"{name} alone tells {problem.target} almost always. If it is only known afterwards, or made of it, "
            "leave it out: the scores would not hold."
        )
    for place, feature in enumerate(problem.features[:MOST]):
        missing = np.isnan(X[:, place]).astype(np.float32).reshape(-1, 1)
        if feature.column not in told and 0 < missing.sum() < len(missing) and _alone(problem, missing, y) > TELLS:
            told[feature.column] = None
            yield (
                f"Whether {feature.column} is missing tells {problem.target} almost always. "
                "Ask why it is missing; leave it out if the answer comes first."
            )


def _alone(problem: Problem, X: np.ndarray, y: np.ndarray) -> float:
    """How well a small tree on one column does on rows that it has not seen: AUC or R², the mean of three folds."""
    from sklearn.metrics import r2_score, roc_auc_score
    from sklearn.model_selection import KFold, StratifiedKFold
    from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

    X = np.nan_to_num(X, nan=-1e30)
    is_classes = problem.task == "classification"
    if is_classes and np.bincount(y)[np.unique(y)].min() < _FOLDS:
        kept = np.isin(y, np.flatnonzero(np.bincount(y) >= _FOLDS))
        X, y = X[kept], y[kept]
        if len(np.unique(y)) < 2:
            return 0.0
    folds = (StratifiedKFold if is_classes else KFold)(_FOLDS, shuffle=True, random_state=0)
    found = []
    for train, test in folds.split(X, y):
        if not is_classes:
            tree = DecisionTreeRegressor(max_depth=6, min_samples_leaf=3, random_state=0).fit(X[train], y[train])
            found.append(r2_score(y[test], tree.predict(X[test])))
            continue
        tree = DecisionTreeClassifier(max_depth=3, random_state=0).fit(X[train], y[train])
        proba = tree.predict_proba(X[test])
        each = [roc_auc_score(y[test] == label, proba[:, at]) for at, label in enumerate(tree.classes_)
                if 0 < (y[test] == label).sum() < len(test)]  # fmt: skip
        found.append(float(np.min(each)) if each else 0.0)
    return float(np.mean(found))


def _sums(problem: Problem, X: np.ndarray, y: np.ndarray) -> Iterator[str]:
    """A number that is a sum of others: least squares on half of the rows, tried on the other half."""
    numbers = [place for place, each in enumerate(problem.features) if each.kind == "number"]
    if problem.task != "regression" or len(numbers) < 2 or len(y) < 4 * len(numbers):
        return
    Z = np.nan_to_num(X[:, numbers].astype(np.float64))
    spread = Z.std(axis=0)
    Z = np.column_stack([(Z - Z.mean(axis=0)) / np.where(spread > 0, spread, 1), np.ones(len(Z))])
    train = np.arange(len(y)) % 2 == 0
    weights, *_ = np.linalg.lstsq(Z[train], y[train], rcond=None)
    error = y[~train] - Z[~train] @ weights
    if 1 - error.var() / max(y[~train].var(), 1e-300) > SUMS:
        heavy = np.argsort(-np.abs(weights[:-1]))[:2]
        named = " and ".join(problem.features[numbers[place]].column for place in sorted(heavy))
        yield (
            f"{problem.target} is a sum of other columns, {named} above all. "
            "Leave them out, or there is nothing left to predict."
        )


def _repeated(problem: Problem) -> Iterator[str]:
    rows = np.ascontiguousarray(np.nan_to_num(problem.X, nan=np.float32(-1.2345e30)))
    seen = {hash(row.tobytes()) for row in rows} if len(rows) <= 1_000_000 else set()
    repeated = len(rows) - len(seen) if seen else 0
    if repeated > 0.01 * len(rows):
        yield (
            f"{repeated:,} of {len(rows):,} rows have the same features as another row. They may be on both sides of a "
            "split, which makes scores look better; drop repeated rows in Cleaning if they are one thing."
        )


def _rare(problem: Problem) -> Iterator[str]:
    if problem.task != "classification":
        return
    counts = np.bincount(problem.y, minlength=len(problem.classes))
    rare = [f"{problem.classes[place]} ({counts[place]})" for place in np.argsort(counts) if counts[place] < FEW]
    if rare:
        more = f" and {len(rare) - 3} more" if len(rare) > 3 else ""
        yield (
            f"Some classes have few rows: {', '.join(rare[:3])}{more}. "
            "What is said of them rests on little; add rows, or group them."
        )
