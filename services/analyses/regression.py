"""ML Regression: which model predicts a number best, tested on rows it has not seen.

Every model is fitted anew in each fold, its preparation too, and scored on the rows that were held out.
Two models are said to differ only where the corrected resampled t-test says so: Nadeau, C. and Bengio, Y.
(2003), Inference for the generalization error, Machine Learning 52, 239-281.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from services.analysis import Analysis, Cost, Job, Result, Shape
from services.numerics.learning.metrics import REGRESSION
from services.numerics.learning.question import JOINED, REGRESSORS, SOME, LearningParams, chosen
from services.params import Choice, Column
from services.table import Table

if TYPE_CHECKING:
    from pandas import DataFrame

QUICK = ("linear", "ridge", "lightgbm", "random_forest", "decision_tree")


@dataclass(frozen=True, kw_only=True)
class _Target:
    target: Annotated[str, Column("Target", kind="number", role="target", help="The number that is to be predicted.")]


@dataclass(frozen=True, kw_only=True)
class RegressionParams(LearningParams, _Target):
    """What is predicted, from what, by which models, and how they are tested."""

    models: Annotated[tuple[str, ...], Choice("Models", {**SOME, **REGRESSORS, **JOINED}, many=True)] = ("all",)
    metric: Annotated[
        str,
        Choice(
            "Judged by",
            {metric.slug: metric.title for metric in REGRESSION},
            help="The leaderboard is in its order; all others are there too.",
        ),
    ] = "rmse"


def run(table: Table, params: RegressionParams, job: Job) -> Result:
    """Compare models that predict a number.

    Returns
    -------
    Result
        facts: best, its score and sd over folds, baseline_score; interval_80 and interval_95, how far a prediction of
        the best one reaches to either side so as to hold that share of new rows (cross-conformal)
        tables: leaderboard, one row each: model, state, reason, every metric and its _sd, p (of the difference to the
        best), fit_seconds, peak_mb; predictions: row, fold, actual, one column for each model; of each model: fitted,
        residuals; importance and partial of the best one

    Raises
    ------
    DataError
        Nothing can be learnt: one value only, too few rows, no usable column.
    ParamError
        A column cannot be what it was chosen for.
    """
    from services.numerics.learning.answer import compared

    return compared(
        table, params, job, task="regression", target=params.target,
        wanted=chosen(params.models, REGRESSORS, QUICK), metric=params.metric,
    )  # fmt: skip


def cost(shape: Shape, params: RegressionParams) -> Cost:
    """What the matrix, one fold of it prepared, and the libraries hold; and the time of the models that are asked."""
    rows = min(shape.rows, params.sample_rows or shape.rows)
    cells = rows * min(shape.columns, 5_000)
    fits = params.folds * (params.repeats if params.scheme == "kfold" else 1)
    models = len(chosen(params.models, REGRESSORS, QUICK))
    return Cost(peak_mb=225 + cells * 3.4e-5, seconds=3 + fits * models * (0.05 + cells * 1.0e-6))


def example(rows: int) -> tuple[DataFrame, RegressionParams]:
    """Make flats whose rent is known but for a noise of 60: 9 for each square metre, more in the centre, less by age.

    So no model can be expected to come below an RMSE of 60, but for chance.
    """
    import numpy as np
    import pandas as pd

    random = np.random.default_rng(8)
    area, age = random.uniform(25, 140, rows).round(1), random.integers(0, 90, rows)
    part = random.choice(["centre", "north", "south"], rows, p=[0.3, 0.4, 0.3])
    rent = 150 + 9 * area + np.where(part == "centre", 220, 0) - 2 * age + random.normal(0, 60, rows)
    frame = pd.DataFrame(
        {
            "area": area, "age": np.where(random.random(rows) < 0.04, np.nan, age), "part": part,
            "floor": random.integers(0, 8, rows), "target": rent.round(2),
        }
    )  # fmt: skip
    return frame, RegressionParams(target="target", models=("quick",))


ANALYSIS = Analysis(
    slug="regression",
    title="Regression",
    summary="Which number belongs to each row, and which model predicts it best?",
    params=RegressionParams,
    run=run,
    cost=cost,
    example=example,
    holds_rows=True,
)
