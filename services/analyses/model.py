"""One model, used: tested, explained, fitted on all rows, and asked of rows whose target nobody knows.

What it says of new rows comes with a probability, or with an interval that is as wide as its errors on
held-out rows were: Vovk, V. (2015). Cross-conformal predictors. Annals of Mathematics and Artificial
Intelligence 74, 9-28.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from services.analyses.classification import IMBALANCE
from services.analysis import Analysis, Cost, Job, Result, Shape
from services.numerics.learning.metrics import BY_TASK
from services.numerics.learning.question import CLASSIFIERS, REGRESSORS, LearningParams
from services.params import Choice, Column, Dataset, Flag, Number, Text
from services.table import Table

if TYPE_CHECKING:
    from pandas import DataFrame

MODELS = {slug: title for slug, title in (CLASSIFIERS | REGRESSORS).items() if not slug.startswith("baseline")}
METRICS = {metric.slug: metric.title for metrics in BY_TASK.values() for metric in metrics}
TASKS = {"auto": "What its values say", "classification": "A class", "regression": "A number"}
CUTS = {
    "half": "One half",
    "best": "Where the measure is best on held-out rows",
    "own": "One of my own",
}


@dataclass(frozen=True, kw_only=True)
class _Target:
    target: Annotated[str, Column("Target", role="target", help="What is to be told of each row.")]
    task: Annotated[str, Choice("It is", TASKS)] = "auto"
    model: Annotated[str, Choice("Model", MODELS)] = "lightgbm"
    apply_to: Annotated[
        str | None,
        Dataset("Predict", help="Another table with the same columns. None: this table's rows without a target."),
    ] = None


@dataclass(frozen=True, kw_only=True)
class ModelParams(LearningParams, _Target):
    """Which model is used, learnt from what, and asked of which rows."""

    metric: Annotated[str, Choice("Judged by", {"auto": "The usual measure", **METRICS})] = "auto"
    imbalance: Annotated[str, Choice("Rare classes", IMBALANCE, when={"task": ("auto", "classification")})] = "weights"
    cut: Annotated[
        str,
        Choice(
            "Threshold", CUTS, when={"task": ("auto", "classification")},
            help="Of two classes: from which probability on a row is said to be of the second.",
        ),
    ] = "half"  # fmt: skip
    threshold: Annotated[float, Number("From", 0, 1, step=0.01, when={"cut": ("own",)})] = 0.5
    settings: Annotated[
        str, Text("Settings", longest=2_000, help="As tuning found them; empty: as the model comes.")
    ] = ""
    curve: Annotated[bool, Flag("Learning curve", help="Whether more rows would help. Five more fits.")] = False
    keep: Annotated[bool, Flag("Model file", help="The fitted model as a skops file, never a pickle.")] = False


def run(table: Table, params: ModelParams, job: Job) -> Result:
    """Use one model.

    Returns
    -------
    Result
        facts: model, task, metric, score and sd over splits, threshold, interval_80 and covered_80 (95 too) for numbers
        tables: scores, one row a measure; what is drawn of held-out rows, as in a comparison; importance, partial, ice;
        contributions (row, feature, value, adds); learning_curve; predicted, every row that was asked, with predicted
        and p ... or low80, high80, low95, high95; columns, how those rows differ from what was learnt from
        files: model_card.md, model_card.html, model.py, and model.skops where it was asked for
        dataset: the predicted rows

    Raises
    ------
    DataError
        Nothing can be learnt, or the model did not come to an end.
    ParamError
        A column cannot be what it was chosen for; the other table lacks columns.
    """
    from services.numerics.learning.single import used

    return used(table, params, job)


def cost(shape: Shape, params: ModelParams) -> Cost:
    """What the matrix, one fold of it prepared, and the libraries hold; and the time of the fits that are asked."""
    rows = min(shape.rows, params.sample_rows or shape.rows)
    cells = rows * min(shape.columns, 5_000)
    fits = params.folds * (params.repeats if params.scheme == "kfold" else 1) + 3 + 5 * params.curve
    return Cost(peak_mb=235 + cells * 3.4e-5, seconds=4 + fits * (0.05 + cells * 1.5e-6))


def example(rows: int) -> tuple[DataFrame, ModelParams]:
    """Make customers of whom a quarter leave, as for classification; of every tenth it is not known."""
    from services.analyses.classification import example as customers

    frame, _ = customers(rows)
    frame.loc[::10, "target"] = None
    return frame, ModelParams(target="target", model="logistic")


ANALYSIS = Analysis(
    slug="model",
    title="Use a Model",
    summary="What does one model say of rows whose answer nobody knows?",
    params=ModelParams,
    run=run,
    cost=cost,
    example=example,
    holds_rows=True,
)
