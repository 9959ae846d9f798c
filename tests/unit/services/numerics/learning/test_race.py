"""Scores against scikit-learn's own on the same folds; nothing leaks into a fold; a run goes on where it ended."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn import datasets
from sklearn.model_selection import cross_validate
from sklearn.pipeline import make_pipeline

from services.jobs.detached import Detached
from services.jobs.running import Running
from services.numerics.learning import ensembles, folds, models, race
from services.numerics.learning.preparation import preparation
from services.numerics.learning.problem import Problem, load
from services.numerics.learning.question import CLASSIFIERS, REGRESSORS
from services.numerics.learning.race import Entry, Plan
from services.table import Table

kept: list[Table] = []  # their files go with them


def table(frame: pd.DataFrame) -> Table:
    kept.append(Table.of(frame))
    return kept[-1]


def real(name: str) -> Problem:
    """A table of scikit-learn, or what women said of their marriages (Fair, 1978)."""
    if name == "marriages":
        from statsmodels.datasets import fair

        frame = fair.load_pandas().data[::4].reset_index(drop=True)
        frame["affair"] = np.where(frame.pop("affairs") > 0, "yes", "no")
        frame["occupation"] = "kind " + frame["occupation"].astype(int).astype(str)
        return load(table(frame), "classification", "affair")
    bunch = getattr(datasets, f"load_{name}")(as_frame=True)
    task = "regression" if name == "diabetes" else "classification"
    return load(table(bunch.frame), task, "target")


def plan(problem: Problem, *slugs: str, **more: Any) -> Plan:
    chosen = [model for model in models.catalogue(problem.task) if model.slug in slugs or not slugs]
    return Plan(problem=problem, models=chosen, splits=folds.splits(problem, "kfold"), **more)


def ran(asked: Plan, job: Any) -> list[Entry]:
    return race.race(asked, job, lambda _: None)


FIVE = ("logistic", "hist_gradient_boosting", "random_forest", "lda", "decision_tree")
FIVE_NUMBERS = ("linear", "ridge", "hist_gradient_boosting", "random_forest", "decision_tree")


@pytest.mark.parametrize("name", ["wine", "marriages"])
def test_scores_of_classifiers_are_those_of_scikit_learn(name: str) -> None:
    problem = real(name)
    asked = plan(problem, *FIVE)
    entries = ran(asked, Detached(kept[-1]))
    two = len(problem.classes) == 2
    scorers = {"accuracy": "accuracy", "balanced_accuracy": "balanced_accuracy", "f1_macro": "f1_macro"}
    scorers |= {"roc_auc": "roc_auc", "average_precision": "average_precision"} if two else {"roc_auc": "roc_auc_ovr"}
    _agree(asked, entries, scorers, {"log_loss": "neg_log_loss"})


def test_scores_of_regressors_are_those_of_scikit_learn() -> None:
    asked = plan(real("diabetes"), *FIVE_NUMBERS)
    entries = ran(asked, Detached(kept[-1]))
    _agree(asked, entries, {"r2": "r2"}, {"rmse": "neg_root_mean_squared_error", "mae": "neg_mean_absolute_error"})


def _agree(asked: Plan, entries: Sequence[Entry], scorers: dict[str, str], turned: dict[str, str]) -> None:
    assert len(entries) == 5
    for model, entry in zip(asked.models, entries, strict=True):
        assert entry.state == "done", entry.reason
        pipe = make_pipeline(
            preparation(asked.problem.features, model.prepared, asked.problem.task),
            models.estimator(model, asked.problem.task, asked.making),
        )
        found = cross_validate(pipe, asked.problem.X, asked.problem.y, cv=asked.splits, scoring=scorers | turned)
        for ours in (*scorers, *turned):
            sign = -1 if ours in turned else 1
            mine = [fold[ours] for fold in entry.folds]
            np.testing.assert_allclose(mine, sign * found[f"test_{ours}"], rtol=0, atol=1e-12, err_msg=entry.title)


def frame(rows: int = 240, seed: int = 0) -> pd.DataFrame:
    random = np.random.default_rng(seed)
    made = pd.DataFrame(
        {
            "x": random.normal(size=rows), "y": random.normal(size=rows), "few": random.choice(list("abc"), rows),
            "many": random.choice([f"v{n}" for n in range(60)], rows), "w": random.uniform(0.5, 2, rows),
            "day": pd.Timestamp("2024-01-01") + pd.to_timedelta(random.integers(0, 400, rows), unit="D"),
        }
    )  # fmt: skip
    made.loc[::7, "x"] = np.nan
    made.loc[::11, "few"] = None
    odds = made["x"].fillna(0) * 2 + (made["few"] == "a") * 2 - 0.5
    made["target"] = np.where(odds + random.logistic(size=rows) > 0, "yes", "no")
    made["number"] = odds * 3 + random.normal(size=rows)
    return made


@pytest.mark.parametrize("task", ["classification", "regression"])
def test_every_model_learns_from_gaps_categories_dates_and_weights(task: Any) -> None:
    target, other = ("target", "number") if task == "classification" else ("number", "target")
    problem = load(table(frame().drop(columns=other)), task, target, weight="w")
    entries = ran(plan(problem), Detached(kept[-1]))
    named = CLASSIFIERS if task == "classification" else REGRESSORS
    assert [entry.slug for entry in entries] == list(named)
    for entry in entries:
        assert entry.state == "done", (entry.title, entry.reason)
        assert entry.said is not None
        assert sorted(entry.said["at"]) == list(range(len(problem.y)))
    better = [fold["rmse"] for fold in entries[2].folds] if task == "regression" else None
    if better:
        assert np.mean(better) < np.mean([fold["rmse"] for fold in entries[0].folds])
    for how in ("voting", "stacking"):
        metric = "rmse" if task == "regression" else "balanced_accuracy"
        joined = ensembles.ensemble(how, problem, entries, metric, seed=0)
        assert len(joined["about"]["folds"]) == 3


@pytest.mark.parametrize("prepared", ["scaled", "onehot", "codes", "native"])
@pytest.mark.parametrize("slug", ["logistic", "random_forest"])
def test_what_is_held_out_changes_nothing_that_is_fitted(prepared: Any, slug: str) -> None:
    if slug == "logistic" and prepared in {"native", "codes"}:
        return
    problem = load(table(frame().drop(columns="number")), "classification", "target")
    train, test = folds.splits(problem, "kfold")[0]
    other = problem.X.copy()
    other[test] = np.nan_to_num(other[test]) * -50 + 7
    labels = problem.y.copy()
    labels[test] = 1 - labels[test]
    first, second = (
        preparation(problem.features, prepared, "classification").fit(X[train], y[train])
        for X, y in ((problem.X, problem.y), (other, labels))
    )
    np.testing.assert_array_equal(first.transform(problem.X[train]), second.transform(problem.X[train]))


def test_a_run_that_ended_goes_on_at_the_next_model(tmp_path: Path) -> None:
    problem = load(table(frame().drop(columns="number")), "classification", "target")
    slugs = ("baseline", "logistic", "naive_bayes", "decision_tree", "ridge")
    asked = plan(problem, *slugs)

    class Ended(BaseException):
        """The process is killed."""

    def job(said: Any) -> Running:
        return Running(said, kept[-1], tmp_path / "result", tmp_path / "spill", lambda _: {})

    def kill(**told: Any) -> None:
        if told.get("step") == "Decision tree":
            raise Ended

    with pytest.raises(Ended):
        ran(asked, job(kill))
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "result").rglob("*") if path.is_file()}
    told: list[dict[str, Any]] = []
    resumed = ran(asked, job(lambda **said: told.append(said)))
    found = [each["kept"] for each in told if each.get("found")]
    made = [each["step"] for each in told if "step" in each]
    assert (len(found), len(made)) == (4, 1)
    assert all(path.stat().st_mtime_ns == stamp for path, stamp in before.items())
    whole = ran(asked, Detached(kept[-1]))
    for one, other in zip(resumed, whole, strict=True):
        assert list(one.folds) == list(other.folds)
        assert one.said is not None
        assert other.said is not None
        pd.testing.assert_frame_equal(one.said, other.said)


def test_a_model_that_fails_is_listed_with_its_reason_and_the_others_go_on() -> None:
    rare = pd.DataFrame({"x": range(30), "target": ["a"] * 28 + ["b", "c"]})
    problem = load(table(rare), "classification", "target", features=["x"])
    entries = {entry.slug: entry for entry in ran(plan(problem, "mlp", "logistic", "xgboost"), Detached(kept[-1]))}
    assert entries["logistic"].state == "done"
    assert entries["xgboost"].state == "done"
    assert entries["mlp"].state == "failed"
    assert "ValueError" in entries["mlp"].reason
