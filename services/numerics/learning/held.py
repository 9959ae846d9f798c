"""A fitted model as a file: skops, never pickle. Only types on our list are ever loaded, and only in a job."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from services.errors import DataError
from services.numerics.learning.race import Fitted

# Beyond what skops itself trusts: what the models of the catalogue are made of, and nothing else.
TRUSTED = frozenset(
    {
        "collections.OrderedDict", "functools.partial", "numpy.asarray", "numpy.dtype",
        "lightgbm.basic.Booster", "lightgbm.sklearn.LGBMClassifier", "lightgbm.sklearn.LGBMRegressor",
        "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
        "sklearn.neural_network._stochastic_optimizers.AdamOptimizer", "sklearn.tree._tree.Tree",
        "sklearn.utils.validation.check_array", "xgboost.core.Booster", "xgboost.sklearn.XGBClassifier",
        "xgboost.sklearn.XGBRegressor",
    }
)  # fmt: skip


def hold(fitted: Fitted, path: Path, X: np.ndarray) -> None:
    """Write the preparation and the model to `path` as one pipeline, and see that it says the same of the rows `X`.

    Raises
    ------
    DataError
        It cannot be held, or would not say the same.
    """
    import skops.io
    from sklearn.pipeline import Pipeline

    pipe = Pipeline([("prepare", fitted.prepare), ("model", fitted.model)])
    try:
        skops.io.dump(pipe, path)
        back = load(path)
    except (TypeError, ValueError, AttributeError, NotImplementedError) as error:
        path.unlink(missing_ok=True)
        raise DataError(f"This model cannot be kept as a file: {error}. Its script makes it anew.") from None
    if not np.array_equal(back.predict(X), pipe.predict(X)):
        path.unlink()
        raise DataError("Kept as a file, this model would not say the same. Its script makes it anew.")


def load(path: Path) -> Any:
    """The pipeline that `hold` wrote; a file that names any type beyond our list is not loaded.

    Raises
    ------
    DataError
        It names a type that is not trusted.
    """
    import skops.io

    strange = set(skops.io.get_untrusted_types(file=path)) - TRUSTED
    if strange:
        raise DataError(f"This file names types that are not trusted: {', '.join(sorted(strange))}. It is not opened.")
    return skops.io.load(path, trusted=sorted(TRUSTED))
