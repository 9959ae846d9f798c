"""What is done to features before a model sees them; fitted on the training rows of a fold, and on no others."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np

from services.numerics.learning.columns import Feature
from services.numerics.learning.problem import Task

Prepared = Literal["scaled", "onehot", "codes", "native"]

MOST_WIDE = 20  # levels of a category that get a column each; of more, the mean target of a level stands for it
FEWEST = 10  # rows that a level has, to be told apart
_NONE = -1.0  # the code of a missing category


def preparation(features: Sequence[Feature], prepared: Prepared, task: Task) -> Any:
    """What turns the matrix of a problem into what a model takes, float32, as a scikit-learn transformer.

    scaled and onehot: missing numbers become the median, with a flag beside; a category becomes a column for each
    level, or where it has many the cross-fitted mean target of a level; scaled also has mean 0 and deviation 1.
    codes: missing numbers become the median with a flag, categories stay codes with −1 for missing.
    native: as it is, with missing values, for models that take them.
    """
    from sklearn.compose import ColumnTransformer
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import Pipeline, make_pipeline
    from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler, TargetEncoder

    if prepared == "native":
        return FunctionTransformer(None, feature_names_out="one-to-one")
    numbers = [place for place, each in enumerate(features) if each.kind == "number"]
    few = [place for place, each in enumerate(features) if each.kind == "category" and len(each.levels) <= MOST_WIDE]
    many = [place for place, each in enumerate(features) if each.kind == "category" and len(each.levels) > MOST_WIDE]
    median = SimpleImputer(strategy="median", add_indicator=True, keep_empty_features=True)
    coded = SimpleImputer(strategy="constant", fill_value=_NONE, keep_empty_features=True)
    if prepared == "codes":
        return ColumnTransformer([("numbers", median, numbers), ("codes", coded, sorted(few + many))])
    wide = OneHotEncoder(
        max_categories=MOST_WIDE, min_frequency=FEWEST, handle_unknown="infrequent_if_exist", dtype=np.float32,
        sparse_output=False,
    )  # fmt: skip
    means = TargetEncoder(target_type="continuous" if task == "regression" else "auto", random_state=0)
    lean = FunctionTransformer(np.asarray, kw_args={"dtype": "float32"}, feature_names_out="one-to-one")
    made = ColumnTransformer(
        [
            ("numbers", median, numbers),
            ("few", make_pipeline(coded, wide), few),
            ("many", make_pipeline(coded, means, lean), many),
        ]
    )
    steps: list[tuple[str, Any]] = [("columns", made), ("lean", lean)]
    if prepared == "scaled":
        steps.append(("scale", StandardScaler(copy=False)))
    return Pipeline(steps)
