"""What is learnt from, out of odd tables; what gives the answer away; which rows are held out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn import datasets

from services.analysis import find
from services.errors import Expected
from services.jobs.detached import Detached
from services.numerics.learning import folds
from services.numerics.learning.guards import guards
from services.numerics.learning.problem import Problem, load
from services.table import Table
from tests.unit.services.numerics.learning.test_race import frame, table

SHARED = Path(__file__).resolve().parents[5].parent / "shared" / "data"


def problem(made: pd.DataFrame, target: str = "target", task: Any = "classification", **more: Any) -> Problem:
    return load(table(made), task, target, **more)


def test_columns_become_features_and_what_cannot_help_is_named() -> None:
    random = np.random.default_rng(0)
    made = pd.DataFrame(
        {
            "row_id": range(100), "code": [f"c{n:04d}" for n in range(100)], "flat": 1,
            "gone": pd.Series([None] * 100, dtype="str"),
            "said": [f"a long sentence about thing number {n} that nobody ever says twice" for n in range(100)],
            "town": random.choice(["Oslo", "Rome", None], 100), "yes": random.choice([True, False], 100),
            "x": np.where(np.arange(100) % 9, random.normal(size=100), np.inf),
            "when": pd.Timestamp("2024-01-31") + pd.to_timedelta(np.arange(100) * 9, unit="h"),
            "target": random.choice(["a", "b"], 100),
        }
    )  # fmt: skip
    made.loc[3, "target"] = None
    found = problem(made)
    assert found.X.dtype == np.float32
    assert found.X.shape == (99, 7)
    parts = ["when (days)", "when (month)", "when (weekday)", "when (hour)"]
    assert [feature.name for feature in found.features] == ["town", "yes", "x", *parts]
    assert dict(found.left_out)["row_id"] == "it numbers the rows"
    assert dict(found.left_out)["code"].startswith("it names rows")
    assert dict(found.left_out)["said"] == "it is free text"
    assert dict(found.left_out)["flat"] == "it has one value"
    assert dict(found.left_out)["gone"] == "it is empty"
    assert "1 row has no target" in found.notes[0]
    town = found.features[0]
    assert made["town"][found.rows].fillna("").tolist() == [
        "" if np.isnan(code) else town.levels[int(code)] for code in found.X[:, 0]
    ]
    assert [found.classes[code] for code in found.y] == made["target"].dropna().tolist()
    np.testing.assert_allclose(found.X[:, 3] * 86_400, made["when"][found.rows].astype("int64") / 1e6, rtol=1e-6)


def hostile() -> dict[str, tuple[pd.DataFrame, str]]:
    random = np.random.default_rng(1)
    x = random.normal(size=200)
    base = pd.DataFrame({"x": x, "z": random.normal(size=200)})
    wide = pd.DataFrame(random.normal(size=(60, 120))).add_prefix("f")
    return {
        "labels 0 and 2": (base.assign(target=np.where(x > 0, 2, 0)), ""),
        "flags": (base.assign(target=x > 0), ""),
        "a class of two rows": (base.assign(target=["a"] * 99 + ["b"] * 99 + ["c"] * 2), ""),
        "a hundred classes": (base.assign(target=[f"k{n % 100}" for n in range(200)]), ""),
        "more classes than that": (base.assign(target=[f"k{n % 150}" for n in range(200)]), "more than 100 classes"),
        "an empty feature": (base.assign(e=np.nan, target=x > 0), ""),
        "infinite values": (base.assign(i=np.where(x > 1, np.inf, x), target=x > 0), ""),
        "one feature": (base[["x"]].assign(target=x > 0), ""),
        "no feature": (base[["x"]].assign(x=1, target=x > 0), "No column is left"),
        "forty rows": (base.head(40).assign(target=(x > 0)[:40]), ""),
        "five rows": (base.head(5).assign(target=[True, False] * 2 + [True]), "5 rows have a target"),
        "one class": (base.assign(target="a"), "one class only"),
        "very wide": (wide.assign(target=wide["f0"] > 0), ""),
    }


@pytest.mark.parametrize("name", hostile())
def test_whatever_comes_there_is_an_answer_or_a_sentence(name: str) -> None:
    made, said = hostile()[name]
    analysis = find("classification")
    here = table(made)
    slugs = ("logistic", "hist_gradient_boosting", "naive_bayes")
    asked = analysis.params(
        target="target", models=slugs if name not in {"very wide", "a hundred classes"} else slugs[::2]
    )
    if said:
        with pytest.raises(Expected, match=said):
            analysis.run(here, asked, Detached(here))
        return
    board = analysis.run(here, asked, Detached(here)).tables["leaderboard"]
    assert set(board["state"]) == {"done"}, board[["model", "reason"]].to_string()


def test_a_target_that_is_no_number_or_never_changes_is_told() -> None:
    with pytest.raises(Expected, match="one value in every row"):
        problem(pd.DataFrame({"x": range(20), "target": [1.0] * 20}), task="regression")
    with pytest.raises(Expected, match="is no number"):
        problem(pd.DataFrame({"x": range(20), "target": ["a"] * 20}), task="regression")


def test_what_gives_the_answer_away_is_named() -> None:
    made = frame(600).drop(columns="number")
    made["copy"] = np.where(made["target"] == "yes", "J", "N")
    made["later"] = np.where(made["target"] == "yes", np.nan, 1.0)
    found = guards(problem(made))
    assert any(note.startswith("copy alone tells target") for note in found)
    assert any("later" in note for note in found)
    numbers = frame(600).drop(columns="target")
    numbers["half"], numbers["rest"] = numbers["number"] * 0.4 + numbers["y"], numbers["number"] * 0.6 - numbers["y"]
    found = guards(problem(numbers, "number", "regression"))
    assert any("is a sum of other columns, half and rest above all" in note for note in found)


def test_clean_tables_cry_no_wolf() -> None:
    for made, target, task in (
        (frame(600).drop(columns="number"), "target", "classification"),
        (frame(600).drop(columns="target"), "number", "regression"),
        (datasets.load_diabetes(as_frame=True).frame, "target", "regression"),
    ):
        assert not [note for note in guards(problem(made, target, task)) if "alone" in note or "sum" in note]


@pytest.mark.parametrize(
    ("file", "target", "task", "drop", "leaks"),
    [
        ("classification/telco_churn.csv", "Churn", "classification", [], False),
        ("classification/penguins.csv", "species", "classification", [], False),
        ("regression/bike_hour.csv", "cnt", "regression", ["casual", "registered"], False),
        ("regression/bike_hour.csv", "cnt", "regression", [], True),
    ],
)
def test_real_tables(file: str, target: str, task: Any, drop: list[str], leaks: bool) -> None:
    if not (SHARED / file).exists():
        pytest.skip("the shared data is not here")
    made = pd.read_csv(SHARED / file).drop(columns=drop)
    found = [note for note in guards(problem(made, target, task)) if "alone" in note or "sum" in note]
    assert bool(found) == leaks, found


@pytest.mark.parametrize("scheme", ["kfold", "holdout", "grouped", "forward"])
def test_rows_are_held_out_as_it_was_asked(scheme: str) -> None:
    made = frame(200).drop(columns="number").assign(who=[f"p{n % 23}" for n in range(200)])
    found = problem(made, group="who", time="day")
    splits = folds.splits(found, scheme, folds=4)
    assert len(splits) == {"holdout": 1}.get(scheme, 4)
    for train, test in splits:
        assert not set(train) & set(test)
        if scheme == "grouped":
            assert not set(found.group[train]) & set(found.group[test])
        if scheme == "forward":
            assert found.time[train].max() <= found.time[test].min()
    if scheme in {"kfold", "grouped"}:
        assert sorted(np.concatenate([test for _, test in splits])) == list(range(200))


def test_what_a_scheme_needs_is_asked_for() -> None:
    found = problem(frame(60).drop(columns="number"))
    for scheme, said in (("grouped", "Group: choose"), ("forward", "Time: choose")):
        with pytest.raises(Expected, match=said):
            folds.splits(found, scheme)


def test_a_sample_keeps_the_share_of_each_class_and_is_the_same_every_time() -> None:
    made = frame(600).drop(columns="number").assign(target=["a"] * 570 + ["b"] * 30)
    here = table(made)
    one, other = (load(here, "classification", "target", sample_rows=200, seed=3) for _ in range(2))
    assert np.bincount(one.y).tolist() == [190, 10]
    np.testing.assert_array_equal(one.rows, other.rows)
    assert isinstance(here, Table)
