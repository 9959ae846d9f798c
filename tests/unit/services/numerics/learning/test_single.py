"""One model: its script reaches its score, its reasons add up, other tables are read as they are, its file is safe."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from services.analyses.classification import ClassificationParams
from services.analyses.model import ModelParams
from services.analyses.regression import RegressionParams
from services.errors import DataError, ParamError
from services.jobs.detached import Detached
from services.numerics.learning import applied, contributions, cut, folds, held, models, race, scores, script
from services.numerics.learning.problem import Problem, load
from services.numerics.learning.race import Fitted, Plan
from services.numerics.learning.single import used
from tests.unit.services.numerics.learning.test_race import frame, kept, table

TARGETS = {"classification": ("target", "number"), "regression": ("number", "target")}


def learnt(task: Any, slug: str, rows: int = 240) -> tuple[Problem, Fitted, Any]:
    """A problem, a model fitted on all of it, and the kind of model."""
    target, other = TARGETS[task]
    problem = load(table(frame(rows).drop(columns=other)), task, target)
    model = next(each for each in models.catalogue(task) if each.slug == slug)
    plan = Plan(problem=problem, models=[model], splits=folds.splits(problem, "kfold"))
    return problem, race.fit(plan, model, np.arange(len(problem.y))), model


# The script ---------------------------------------------------------------------------------------

ASKED = [
    ("classification", "logistic", {}),
    ("classification", "lightgbm", {"scheme": "holdout", "imbalance": "smote"}),
    ("classification", "naive_bayes", {"scheme": "forward", "time": "day", "imbalance": "under", "weight": "w"}),
    ("classification", "mlp", {"scheme": "grouped", "group": "few", "folds": 2, "imbalance": "over"}),
    ("classification", "linear_svm", {"sample_rows": 200, "seed": 3}),
    ("regression", "lasso", {"repeats": 2, "weight": "w", "sample_rows": 200}),
    ("regression", "kernel_svr", {}),
    ("regression", "random_forest", {"scheme": "forward", "time": "day"}),
]


@pytest.mark.parametrize(("task", "slug", "more"), ASKED)
def test_the_script_reaches_the_same_scores_by_itself(task: Any, slug: str, more: Any, tmp_path: Path) -> None:
    target, other = TARGETS[task]
    rows = table(frame(300).drop(columns=other))
    kind = ClassificationParams if task == "classification" else RegressionParams
    params: Any = kind(target=target, **more)
    problem = load(rows, task, target, weight=params.weight, group=params.group, time=params.time,
                   sample_rows=params.sample_rows, seed=params.seed)  # fmt: skip
    splits = folds.splits(problem, params.scheme, folds=params.folds, repeats=params.repeats, seed=params.seed)
    model = next(each for each in models.catalogue(task) if each.slug == slug)
    plan = Plan(
        problem=problem, models=[model], splits=splits, imbalance=getattr(params, "imbalance", "none"), seed=params.seed
    )
    (entry,) = race.race(plan, Detached(rows), lambda _: None)
    text = script.script(problem, plan, model, params, rows.schema, name='a "b" \\ c', metric="rmse", score=1.0)
    (tmp_path / "model.py").write_text(text, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-I", "model.py", str(rows.path), str(rows.path)],
        cwd=tmp_path, capture_output=True, text=True, check=True, env={},
    )  # fmt: skip
    said = {line.split()[0]: float(line.split()[1]) for line in done.stdout.splitlines()}
    assert set(said) == {name for fold in entry.folds for name in fold}
    for name, value in said.items():
        assert value == pytest.approx(scores.over_folds(entry.folds, name)[0], rel=1e-12, abs=1e-12), name
    predicted = pd.read_csv(tmp_path / "predictions.csv")
    assert len(predicted) == rows.rows
    whole = race.fit(plan, model, np.arange(len(problem.y)))
    bound = applied.bind(problem.features, rows.schema, rows.schema)
    (lot,) = applied.lots(rows, bound)
    ours = whole.answer(lot.X).predicted
    if task == "classification":
        assert list(predicted["predicted"]) == [problem.classes[code] for code in ours]
    else:
        np.testing.assert_allclose(predicted["predicted"], ours, rtol=1e-9)


# Reasons ------------------------------------------------------------------------------------------

EXPLAINED = [
    *(("classification", slug) for slug in ("logistic", "lda", "ridge", "linear_svm", "lightgbm", "xgboost",
                                            "decision_tree", "random_forest", "bagging")),
    *(("regression", slug) for slug in ("linear", "lasso", "lightgbm", "xgboost", "extra_trees", "bagging")),
]  # fmt: skip


@pytest.mark.parametrize(("task", "slug"), EXPLAINED)
def test_what_columns_add_is_what_is_said(task: Any, slug: str) -> None:
    problem, fitted, _ = learnt(task, slug)
    found = contributions.explain(problem, fitted, problem.X, problem.X[:30])
    assert found is not None
    total, answer = found.base + found.values.sum(axis=1), fitted.answer(problem.X[:30])
    if task == "regression":
        wanted = answer.predicted
    elif found.unit == "probability":
        wanted = answer.proba[:, 1]  # type: ignore[index]
    elif answer.decision is not None:
        wanted = answer.decision[:, 1]
    else:
        wanted = np.log(answer.proba[:, 1] / answer.proba[:, 0])  # type: ignore[index]
    np.testing.assert_allclose(total, wanted, atol=2e-4)
    told = contributions.table(problem, found, problem.X[:30], range(1, 31))
    np.testing.assert_allclose(told.groupby("row")["adds"].sum(), total, atol=1e-9)


def test_a_model_without_an_exact_way_is_not_explained() -> None:
    problem, fitted, _ = learnt("classification", "knn")
    assert contributions.explain(problem, fitted, problem.X, problem.X[:3]) is None


def test_tree_shap_of_a_tree_of_one_question_by_hand() -> None:
    rows = pd.DataFrame({"x": [0.0, 1.0] * 100, "noise": np.arange(200) % 7, "target": [1.5, 3.5] * 100})
    problem = load(table(rows), "regression", "target")
    model = next(each for each in models.catalogue("regression") if each.slug == "decision_tree")
    plan = Plan(problem=problem, models=[model], splits=folds.splits(problem, "kfold"))
    fitted = race.fit(plan, model, np.arange(200))
    found = contributions.explain(problem, fitted, problem.X, problem.X[:2])
    assert found is not None
    np.testing.assert_allclose(found.base, [2.5, 2.5])
    np.testing.assert_allclose(found.values, [[-1, 0], [1, 0]])


# Another table ------------------------------------------------------------------------------------


def test_features_of_the_same_rows_are_the_same() -> None:
    rows = table(frame().drop(columns="number"))
    problem = load(rows, "classification", "target")
    bound = applied.bind(problem.features, rows.schema, rows.schema)
    (lot,) = applied.lots(rows, bound)
    np.testing.assert_array_equal(lot.X, problem.X)
    assert not lot.unknown.any()
    drift = applied.Drift(problem)
    drift.add(lot)
    assert drift.table()["psi"].max() == 0
    assert set(drift.table()["said"]) == {"alike"}


def test_lots_together_are_the_table(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(applied, "ROWS", 1_000)
    rows = table(frame(2_500).drop(columns="number"))
    problem = load(rows, "classification", "target")
    parts = list(applied.lots(rows, applied.bind(problem.features, rows.schema, rows.schema)))
    assert [part.start for part in parts] == [0, 1_000, 2_000]
    np.testing.assert_array_equal(np.concatenate([part.X for part in parts]), problem.X)


def test_values_never_seen_and_columns_that_moved_are_told() -> None:
    first = frame(600).drop(columns="number")
    problem = load(table(first), "classification", "target")
    later = first.drop(columns="target").assign(x=first["x"] + 3)
    later.loc[:59, "few"] = "zz"
    other = table(later)
    bound = applied.bind(problem.features, other.schema, kept[-2].schema)
    drift = applied.Drift(problem)
    for lot in applied.lots(other, bound):
        drift.add(lot)
    told = drift.table().set_index("feature")
    assert told.loc["few", "unknown"] == pytest.approx(60 / 600)
    assert told.loc["x", "said"] == "another one"
    assert told.loc["y", "said"] == "alike"
    # Missing before they were unknown: what is missing now is that, less what became a value nobody knows.
    assert told.loc["few", "missing"] == pytest.approx(first["few"][60:].isna().sum() / 600)


def test_a_stability_index_by_hand() -> None:
    before, now = np.array([50, 50]), np.array([80, 20])
    by_hand = (0.8 - 0.5) * np.log(0.8 / 0.5) + (0.2 - 0.5) * np.log(0.2 / 0.5)
    assert applied._psi(before, now) == pytest.approx(by_hand)


def test_a_table_that_does_not_fit_is_refused_in_a_sentence() -> None:
    rows = table(frame().drop(columns="number"))
    problem = load(rows, "classification", "target")
    lacking = table(frame().drop(columns=["number", "x", "day"]))
    with pytest.raises(ParamError, match=r"this table lacks x, day\. Rename") as refused:
        applied.bind(problem.features, lacking.schema, rows.schema)
    assert refused.value.field == "apply_to"
    worded = table(frame().drop(columns="number").assign(y="many"))
    with pytest.raises(ParamError, match="y is a number in what was learnt from, and is none here"):
        applied.bind(problem.features, worded.schema, rows.schema)
    empty = table(frame().drop(columns="number").assign(y=pd.Series([None] * 240, dtype="str")))
    nothing = applied.empty_columns(empty, ["x", "y"])
    assert nothing == ["y"]
    (lot,) = applied.lots(empty, applied.bind(problem.features, empty.schema, rows.schema, nothing), nothing)
    assert np.isnan(lot.X[:, [each.column for each in problem.features].index("y")]).all()


# The whole ----------------------------------------------------------------------------------------


def asked(rows: pd.DataFrame, **params: Any) -> Any:
    made = table(rows)
    job = Detached(made)
    kept.append(job)  # type: ignore[arg-type]  # its files go with it
    return used(made, ModelParams(target="target", **params), job)


def test_rows_without_a_target_are_predicted_and_keep_their_columns() -> None:
    rows = frame(400).drop(columns="number").assign(predicted=1)
    truth = rows["target"].copy()
    rows.loc[::5, "target"] = None
    result = asked(rows, model="logistic", keep=True, curve=True)
    found = result.tables["predicted"].query("SELECT * FROM rows")
    assert len(found) == 80
    assert found["y"].tolist() == rows.loc[::5, "y"].tolist()
    assert set(found["predicted 2"]) <= {"yes", "no"}  # the table has a column of that name
    np.testing.assert_allclose(found["p no"] + found["p yes"], 1, atol=1e-6)
    assert (found["predicted 2"] == truth[::5].to_numpy()).mean() > 0.6
    assert result.facts["predicted_rows"] == 80
    assert set(result.files) == {"model_card.md", "model_card.html", "model.py", "model.skops"}
    assert "Hash of the data" in result.files["model_card.md"].read_text()
    assert list(result.tables["learning_curve"]["rows"]) == sorted(result.tables["learning_curve"]["rows"])
    assert result.dataset is result.tables["predicted"]


def test_numbers_come_with_intervals_whose_coverage_is_told() -> None:
    random = np.random.default_rng(5)
    x = random.normal(size=1_500)
    rows = pd.DataFrame({"x": x, "z": random.normal(size=1_500), "target": 3 * x + random.normal(size=1_500)})
    result = asked(rows, model="linear")
    half = 1.2815515655446004  # of a normal error, 80 % within
    assert result.facts["interval_80"] == pytest.approx(half, rel=0.08)
    for share in (80, 95):
        held_share, exact = result.facts[f"covered_{share}"], share / 100
        assert abs(held_share - exact) < 3 * np.sqrt(exact * (1 - exact) / 1_500)
    assert result.tables["scores"].set_index("slug").loc["rmse", "mean"] == pytest.approx(1, rel=0.05)
    assert "predicted" not in result.tables


def test_a_threshold_is_chosen_on_rows_that_were_not_seen_and_tested_on_others() -> None:
    random = np.random.default_rng(2)
    y = (random.random(4_000) < 0.1).astype(int)
    proba = np.clip(0.1 * y + random.normal(0.15, 0.05, 4_000), 0, 1)
    at = cut.best(y, proba, "balanced_accuracy")
    tried = {
        each: (np.mean(proba[y == 1] >= each) + np.mean(proba[y == 0] < each)) / 2 for each in np.arange(101) / 100
    }
    assert tried[at] == max(tried.values())
    halves = np.arange(4_000) % 2
    found = cut.honest(y, proba, halves, "balanced_accuracy", None)
    other = cut.best(y[halves == 1], proba[halves == 1], "balanced_accuracy")
    mine = halves == 0
    by_hand = (np.mean(proba[mine & (y == 1)] >= other) + np.mean(proba[mine & (y == 0)] < other)) / 2
    assert found[0]["balanced_accuracy"] == pytest.approx(by_hand)


def test_questions_that_do_not_fit_are_refused_at_their_control() -> None:
    rows = frame().drop(columns="number")
    for params, field in (
        ({"model": "lasso"}, "model"),
        ({"model": "logistic", "metric": "rmse"}, "metric"),
        ({"model": "ridge", "cut": "best"}, "cut"),
    ):
        with pytest.raises(ParamError) as refused:
            asked(rows, **params)
        assert refused.value.field == field


def test_what_is_predicted_follows_the_values_of_the_target() -> None:
    rows = frame().drop(columns="target").rename(columns={"number": "target"})
    assert asked(rows, model="linear").facts["task"] == "regression"
    few = rows.assign(target=np.arange(240) % 3)
    assert asked(few, model="logistic").facts["task"] == "classification"
    assert asked(rows.assign(target=np.arange(240) // 2), model="linear").facts["task"] == "regression"


# The file -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("task", ["classification", "regression"])
def test_every_model_is_held_without_a_type_beyond_the_list(task: Any, tmp_path: Path) -> None:
    target, other = TARGETS[task]
    problem = load(table(frame().drop(columns=other)), task, target)
    for model in models.catalogue(task):
        plan = Plan(problem=problem, models=[model], splits=folds.splits(problem, "kfold"))
        fitted = race.fit(plan, model, np.arange(len(problem.y)))
        held.hold(fitted, tmp_path / "model.skops", problem.X[:20])
        assert zipfile.is_zipfile(tmp_path / "model.skops")


def test_a_file_that_names_another_type_is_not_opened(tmp_path: Path) -> None:
    import skops.io
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import FunctionTransformer

    skops.io.dump(Pipeline([("strange", FunctionTransformer(subprocess.check_output))]), tmp_path / "model.skops")
    with pytest.raises(DataError, match=r"names types that are not trusted: subprocess\.check_output"):
        held.load(tmp_path / "model.skops")
