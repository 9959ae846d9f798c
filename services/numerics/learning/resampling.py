"""Training rows of a fold drawn anew, so that rare classes weigh as much as others."""

from __future__ import annotations

from typing import Literal

import numpy as np

How = Literal["over", "under", "smote"]


def resample(
    X: np.ndarray, y: np.ndarray, weight: np.ndarray | None, how: str, seed: int, *, codes: bool
) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
    """Rows, classes and weights after over-sampling, under-sampling, or SMOTE.

    SMOTE makes new rows between neighbours; where features are codes, or hold missing values, or a class is too
    small for neighbours, rows are drawn again instead. It gives its new rows the mean weight of their class.

    Chawla, N. V. et al. (2002). SMOTE: synthetic minority over-sampling technique. JAIR 16, 321-357.
    """
    from imblearn.over_sampling import SMOTE, RandomOverSampler
    from imblearn.under_sampling import RandomUnderSampler

    fewest = int(np.bincount(y)[np.unique(y)].min())
    if how == "smote" and not codes and fewest > 1 and not np.isnan(X).any():
        made, labels = SMOTE(random_state=seed, k_neighbors=min(5, fewest - 1)).fit_resample(X, y)
        if weight is not None:
            of_class = np.bincount(y, weights=weight) / np.maximum(np.bincount(y), 1)
            weight = np.concatenate([weight, of_class[labels[len(y) :]]])
        return made, labels.astype(y.dtype), weight
    sampler = RandomUnderSampler if how == "under" else RandomOverSampler
    places = np.arange(len(y)).reshape(-1, 1)
    drawn, labels = sampler(random_state=seed).fit_resample(places, y)
    at = drawn.ravel()
    return X[at], labels.astype(y.dtype), None if weight is None else weight[at]
