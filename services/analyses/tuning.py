"""Better settings of one model, found by successive halving within a time that is given.

Many settings are tried on few rows, the best third of them on three times as many, and so on; the model as it
comes is in every round, so that the answer can say what tuning was worth. Jamieson, K. and Talwalkar, A. (2016).
Non-stochastic best arm identification and hyperparameter optimization. Proceedings of AISTATS 51, 240-248.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from services.analyses.classification import IMBALANCE
from services.analyses.model import METRICS, MODELS, TASKS
from services.analysis import Analysis, Cost, Job, Result, Shape
from services.numerics.learning.question import LearningParams
from services.numerics.learning.spaces import SPACES
from services.params import Choice, Column, Number
from services.table import Table

if TYPE_CHECKING:
    from pandas import DataFrame

TUNED = {slug: title for slug, title in MODELS.items() if any(slug in space for space in SPACES.values())}


@dataclass(frozen=True, kw_only=True)
class _Target:
    target: Annotated[str, Column("Target", role="target", help="What is to be told of each row.")]
    task: Annotated[str, Choice("It is", TASKS)] = "auto"
    model: Annotated[str, Choice("Model", TUNED)] = "lightgbm"
    candidates: Annotated[
        int, Number("Candidates", 3, 81, help="Settings that are tried; the first are those as the model comes.")
    ] = 27
    budget: Annotated[int, Number("Seconds in all", 10, 7_200, help="What is best by then is the answer.")] = 300


@dataclass(frozen=True, kw_only=True)
class TuningParams(LearningParams, _Target):
    """Which model is tuned, learnt from what, and for how long."""

    metric: Annotated[str, Choice("Judged by", {"auto": "The usual measure", **METRICS})] = "auto"
    imbalance: Annotated[str, Choice("Rare classes", IMBALANCE, when={"task": ("auto", "classification")})] = "weights"


def run(table: Table, params: TuningParams, job: Job) -> Result:
    """Tune one model.

    Returns
    -------
    Result
        facts: settings (JSON, as the model takes them), score and sd over folds, default_score, p of the difference,
        ended_early
        tables: candidates, one row for each in each round: place (0 is the model as it comes), settings, round, rows,
        score, sd, fit_seconds, state, reason; best: setting, name, before, found

    Raises
    ------
    DataError
        Nothing can be learnt, or no candidate came to an end.
    ParamError
        A column cannot be what it was chosen for; the model is for another target.
    """
    from services.numerics.learning.tuning import tuned

    return tuned(table, params, job)


def cost(shape: Shape, params: TuningParams) -> Cost:
    """What the matrix and one fit hold; the time of the rounds, and no more than is given."""
    rows = min(shape.rows, params.sample_rows or shape.rows)
    cells = rows * min(shape.columns, 5_000)
    fits = params.folds * (params.repeats if params.scheme == "kfold" else 1) * params.candidates
    seconds = 3 + fits * (0.05 + cells * 0.6e-6)
    return Cost(peak_mb=225 + cells * 3.4e-5, seconds=min(seconds, params.budget + 30 + cells * 1e-6))


def example(rows: int) -> tuple[DataFrame, TuningParams]:
    """Make customers of whom a quarter leave, as for classification."""
    from services.analyses.classification import example as customers

    return customers(rows)[0], TuningParams(target="target", model="decision_tree", candidates=5, budget=7_200)


ANALYSIS = Analysis(
    slug="tuning",
    title="Tune a Model",
    summary="Which settings suit a model best, and what are they worth?",
    params=TuningParams,
    run=run,
    cost=cost,
    example=example,
    holds_rows=True,
)
