"""ML Classification: which model tells best what a row is, tested on rows it has not seen.

Every model is fitted anew in each fold, its preparation too, and scored on the rows that were held out.
Two models are said to differ only where the corrected resampled t-test says so: Nadeau, C. and Bengio, Y.
(2003), Inference for the generalization error, Machine Learning 52, 239-281.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from services.analysis import Analysis, Cost, Job, Result, Shape
from services.numerics.learning.metrics import CLASSIFICATION
from services.numerics.learning.question import CLASSIFIERS, JOINED, SOME, LearningParams, chosen
from services.params import Choice, Column
from services.table import Table

if TYPE_CHECKING:
    from pandas import DataFrame

QUICK = ("logistic", "lightgbm", "random_forest", "naive_bayes", "decision_tree")
IMBALANCE = {
    "weights": "Weigh rare classes more, where the model can",
    "none": "Leave it as it is",
    "over": "Draw rare classes again (over-sampling)",
    "under": "Draw fewer of common classes (under-sampling)",
    "smote": "Make new rows between rare ones (SMOTE)",
}


@dataclass(frozen=True, kw_only=True)
class _Target:
    target: Annotated[str, Column("Target", role="target", help="What is to be told: a class for each row.")]


@dataclass(frozen=True, kw_only=True)
class ClassificationParams(LearningParams, _Target):
    """What is told apart, from what, by which models, and how they are tested."""

    models: Annotated[tuple[str, ...], Choice("Models", {**SOME, **CLASSIFIERS, **JOINED}, many=True)] = ("all",)
    metric: Annotated[
        str,
        Choice(
            "Judged by",
            {metric.slug: metric.title for metric in CLASSIFICATION},
            help="The leaderboard is in its order; all others are there too.",
        ),
    ] = "balanced_accuracy"
    imbalance: Annotated[
        str, Choice("Rare classes", IMBALANCE, help="Only ever done to the rows that a model learns from.")
    ] = "weights"


def run(table: Table, params: ClassificationParams, job: Job) -> Result:
    """Compare models that tell the class of a row.

    Returns
    -------
    Result
        facts: best, its score and sd over folds, baseline_score; how many models are done, and within noise of it
        tables: leaderboard, one row each: model, state, reason, every metric and its _sd, p (of the difference to the
        best), fit_seconds, peak_mb; predictions: row, fold, actual, predicted, one column for each class' probability;
        of each model: confusion, per_class, curves; of two classes also calibration, thresholds, gain; importance and
        partial of the best one

    Raises
    ------
    DataError
        Nothing can be learnt: one class, more than 100, too few rows, no usable column.
    ParamError
        A column cannot be what it was chosen for.
    """
    from services.numerics.learning.answer import compared

    return compared(
        table, params, job, task="classification", target=params.target,
        wanted=chosen(params.models, CLASSIFIERS, QUICK), metric=params.metric, imbalance=params.imbalance,
    )  # fmt: skip


def cost(shape: Shape, params: ClassificationParams) -> Cost:
    """What the matrix, one fold of it prepared, and the libraries hold; and the time of the models that are asked."""
    rows = min(shape.rows, params.sample_rows or shape.rows)
    cells = rows * min(shape.columns, 5_000)
    fits = params.folds * (params.repeats if params.scheme == "kfold" else 1)
    models = len(chosen(params.models, CLASSIFIERS, QUICK))
    return Cost(peak_mb=225 + cells * 3.4e-5, seconds=3 + fits * models * (0.05 + cells * 1.2e-6))


def example(rows: int) -> tuple[DataFrame, ClassificationParams]:
    """Make customers of whom a quarter leave: those of short contracts who call often, whatever else is said of them.

    The logistic model that made them is known, so no other can be expected to do better than it, but for chance.
    """
    import numpy as np
    import pandas as pd

    random = np.random.default_rng(7)
    months, calls, fee = random.integers(1, 72, rows), random.poisson(1.5, rows), random.normal(60, 20, rows).round(2)
    contract = random.choice(["monthly", "yearly", "two years"], rows, p=[0.5, 0.3, 0.2])
    odds = 0.9 * calls - 0.05 * months + np.where(contract == "monthly", 1.6, 0.0) - 1.9
    leaves = random.random(rows) < 1 / (1 + np.exp(-odds))
    frame = pd.DataFrame(
        {
            "months": months, "calls": calls, "fee": np.where(random.random(rows) < 0.05, np.nan, fee),
            "contract": contract, "region": random.choice(["north", "south", "east", "west"], rows),
            "target": np.where(leaves, "leaves", "stays"),
        }
    )  # fmt: skip
    return frame, ClassificationParams(target="target", models=("quick",))


ANALYSIS = Analysis(
    slug="classification",
    title="Classification",
    summary="Which class is each row of, and which model tells it best?",
    params=ClassificationParams,
    run=run,
    cost=cost,
    example=example,
    holds_rows=True,
)
