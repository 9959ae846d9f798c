"""What is taken along of a model: its card, for people, and its script, for machines."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from services import paper
from services.numerics.learning import scores
from services.numerics.learning.card import Told, card
from services.numerics.learning.metrics import BY_TASK, METRIC
from services.numerics.learning.models import Model
from services.numerics.learning.race import Entry, Plan
from services.numerics.learning.script import script, tested, versions
from services.params import canonical
from services.table import Table, titled

if TYPE_CHECKING:
    from pandas import DataFrame

    from services.analyses.model import ModelParams


def texts(
    table: Table,
    plan: Plan,
    model: Model,
    params: ModelParams,
    entry: Entry,
    metric: str,
    *,
    importance: DataFrame | None,
    facts: Mapping[str, Any],
    notes: Sequence[str],
) -> dict[str, str]:
    """The documents by their names."""
    problem = plan.problem
    title = f"{model.title}: {problem.target}"
    given = {name: value for name, value in canonical(params).items() if value not in (None, [], "")}
    for name in ("apply_to", "keep", "curve"):
        given.pop(name, None)
    told = Told(
        title=model.title, said=model.said, prepared=model.prepared, table=titled(table),
        dataset=table.path.parent.name, tested=tested(params), seed=params.seed, notes=notes,
        scores=[
            (each.title, mean, sd)
            for each in BY_TASK[problem.task]
            for mean, sd in [scores.over_folds(entry.folds, each.slug)]
            if mean is not None
        ],
        baseline=_baseline(plan), parameters=given,
        versions=versions(["scikit-learn", "lightgbm", "xgboost", "duckdb"]),
        importance=[] if importance is None else list(
            importance[["feature", "mean"]].head(15).itertuples(index=False, name=None)
        ),
        made=f"{dt.datetime.now(dt.UTC):%Y-%m-%d %H:%M} UTC", more=_more(facts),
    )  # fmt: skip
    blocks = card(problem, told)
    mean = scores.over_folds(entry.folds, metric)[0]
    return {
        "model_card.md": paper.markdown(title, blocks),
        "model_card.html": paper.page(title, blocks),
        "model.py": script(
            problem, plan, model, params, table.schema, name=titled(table), metric=metric,
            score=float("nan") if mean is None else mean,
        ),
    }  # fmt: skip


def _baseline(plan: Plan) -> str:
    """What always saying the same would reach: for whoever reads the scores."""
    import numpy as np

    y, problem = plan.problem.y, plan.problem
    if problem.task == "classification":
        counts = np.bincount(y, minlength=len(problem.classes))
        often = problem.classes[int(counts.argmax())]
        return (
            f"Always saying “{often}” would be right in {counts.max() / counts.sum():.1%} of the rows; its "
            f"{METRIC['balanced_accuracy'].title.lower()} would be {1 / max((counts > 0).sum(), 1):.3g}."
        )
    error = y - y.mean()
    return f"Always saying the mean, {y.mean():.6g}, would have an RMSE of {np.sqrt((error**2).mean()):.6g}."


def _more(facts: Mapping[str, Any]) -> list[tuple[str, str]]:
    told = []
    for share in ("80", "95"):
        if facts.get(f"interval_{share}") is not None:
            held = facts.get(f"covered_{share}")
            measured = f"; on held-out rows it held {held:.1%}" if held is not None else ""
            told.append((f"{share} % interval", f"± {facts[f'interval_{share}']:.6g} (cross-conformal){measured}."))
    if facts.get("threshold") is not None:
        told.append(("Threshold", f"A row is said to be “{facts['last_class']}” from {facts['threshold']:.2f} on."))
    return told
