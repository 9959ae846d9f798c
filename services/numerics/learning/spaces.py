"""Which settings of a model can be given, between which bounds; loads nothing heavy.

Bounds keep memory and time of a fit near those of the catalogue's own settings.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from services.errors import ParamError


@dataclass(frozen=True, kw_only=True)
class Setting:
    """A setting of a model: its name as scikit-learn has it, what people read, and what it may be."""

    name: str
    title: str
    low: float
    high: float
    log: bool = False  # tried evenly over powers, not over values
    whole: bool = False

    def takes(self, value: Any) -> bool:
        """Whether a value is a number within the bounds."""
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            return False
        return self.low <= value <= self.high and (not self.whole or value == int(value))


def _whole(name: str, title: str, low: int, high: int, *, log: bool = False) -> Setting:
    return Setting(name=name, title=title, low=low, high=high, log=log, whole=True)


def _power(name: str, title: str, low: float, high: float) -> Setting:
    return Setting(name=name, title=title, low=low, high=high, log=True)


_STRENGTH = _power("C", "Inverse of the penalty", 1e-4, 1e3)
_PENALTY = _power("alpha", "Penalty", 1e-6, 1e3)
_LEAF = _whole("min_samples_leaf", "Rows in a leaf at least", 1, 200, log=True)
_DEPTH = _whole("max_depth", "Depth", 2, 16)
_SHARE = Setting(name="max_features", title="Share of the features that a split looks at", low=0.1, high=1.0)
_RATE = _power("learning_rate", "Learning rate", 0.01, 0.5)
_LEAVES = _whole("num_leaves", "Leaves of a tree", 7, 127, log=True)
_TREES = _whole("n_estimators", "Trees", 50, 400)
_TREE = (_DEPTH, _LEAF)
_FOREST = (_DEPTH, _LEAF, _SHARE)
_LIGHTGBM = (
    _TREES, _RATE, _LEAVES, _whole("min_child_samples", "Rows in a leaf at least", 5, 200, log=True),
    _power("reg_lambda", "Penalty", 1e-3, 100),
)  # fmt: skip
_XGBOOST = (
    _TREES, _RATE, _whole("max_depth", "Depth", 2, 10),
    _power("min_child_weight", "Weight of a leaf at least", 0.5, 50),
    _power("reg_lambda", "Penalty", 1e-3, 100),
)  # fmt: skip
_HIST = (
    _whole("max_iter", "Trees", 50, 400), _RATE, _whole("max_leaf_nodes", "Leaves of a tree", 7, 127, log=True),
    _whole("min_samples_leaf", "Rows in a leaf at least", 5, 200, log=True),
    _power("l2_regularization", "Penalty", 1e-6, 100),
)  # fmt: skip
_NET = (_power("alpha", "Penalty", 1e-6, 1.0), _power("learning_rate_init", "Learning rate", 1e-4, 0.05))
_NEIGHBOURS = (_whole("n_neighbors", "Neighbours", 1, 200, log=True),)


def _inner(*settings: Setting) -> tuple[Setting, ...]:
    """The same of a model that learns a scaled target."""
    return tuple(replace(each, name=f"regressor__{each.name}") for each in settings)


SPACES: Mapping[str, Mapping[str, tuple[Setting, ...]]] = {
    "classification": {
        "logistic": (_STRENGTH,),
        "lightgbm": _LIGHTGBM,
        "hist_gradient_boosting": _HIST,
        "random_forest": _FOREST,
        "ridge": (_PENALTY,),
        "sgd": (_power("alpha", "Penalty", 1e-6, 0.1),),
        "linear_svm": (_STRENGTH,),
        "decision_tree": _TREE,
        "extra_trees": _FOREST,
        "xgboost": _XGBOOST,
        "mlp": _NET,
        "knn": _NEIGHBOURS,
    },
    "regression": {
        "lightgbm": _LIGHTGBM,
        "hist_gradient_boosting": _HIST,
        "random_forest": _FOREST,
        "ridge": (_PENALTY,),
        "lasso": _inner(_power("alpha", "Penalty", 1e-5, 1.0)),
        "elastic_net": _inner(
            _power("alpha", "Penalty", 1e-5, 1.0),
            Setting(name="l1_ratio", title="Share of the lasso", low=0.05, high=1.0),
        ),
        "huber": _inner(
            Setting(name="epsilon", title="Size of an outlier", low=1.05, high=3.0),
            _power("alpha", "Penalty", 1e-6, 1.0),
        ),
        "linear_svr": _inner(_STRENGTH),
        "decision_tree": _TREE,
        "extra_trees": _FOREST,
        "xgboost": _XGBOOST,
        "mlp": _inner(*_NET),
        "knn": _NEIGHBOURS,
    },
}


def checked(task: str, slug: str, text: str) -> dict[str, Any]:
    """Settings out of a JSON object, as a person or a link gives them; an empty text is none.

    Raises
    ------
    ParamError
        It is no JSON object, or names a setting that the model does not have, or one is out of bounds.
    """
    if not text.strip():
        return {}
    try:
        given = json.loads(text)
    except ValueError:
        given = None
    if not isinstance(given, dict):
        raise ParamError('Settings: give a JSON object, like {"max_depth": 6}.', field="settings")
    space = {each.name: each for each in SPACES[task].get(slug, ())}
    for name, value in given.items():
        if name not in space:
            there = ", ".join(space) or "none"
            raise ParamError(f"Settings: there is no setting “{name}”. There are: {there}.", field="settings")
        if not space[name].takes(value):
            whole = "a whole number " if space[name].whole else ""
            low, high = space[name].low, space[name].high
            raise ParamError(f"Settings: {name} is {whole}from {low:g} to {high:g}.", field="settings")
    return {name: int(value) if space[name].whole else float(value) for name, value in given.items()}


def text_of(settings: Mapping[str, Any]) -> str:
    """Settings as `checked` reads them."""
    return json.dumps(dict(settings), sort_keys=True) if settings else ""
