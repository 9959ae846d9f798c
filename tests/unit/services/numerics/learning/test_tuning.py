"""Settings are checked; successive halving finds the better ones, holds them against the usual, and goes on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from services.analyses.tuning import TuningParams
from services.errors import ParamError
from services.jobs.detached import Detached
from services.jobs.running import Running
from services.numerics.learning import models, tuning
from services.numerics.learning.columns import Feature
from services.numerics.learning.models import Making
from services.numerics.learning.spaces import SPACES, checked, text_of
from services.table import Table
from tests.unit.services.numerics.learning.test_race import frame, table

EVERY = [(task, slug) for task, space in SPACES.items() for slug in space]


@pytest.mark.parametrize(("task", "slug"), EVERY)
def test_every_setting_is_one_of_the_model_at_both_bounds(task: Any, slug: str) -> None:
    model = next(each for each in models.catalogue(task) if each.slug == slug)
    features = (Feature(name="x", column="x", kind="number"),)
    for end in ("low", "high"):
        given = {each.name: getattr(each, end) for each in SPACES[task][slug]}
        read = checked(task, slug, text_of(given))
        assert read == given
        made = models.estimator(
            model, task, Making(seed=0, classes=2, features=features, balanced=False, settings=read)
        )
        assert {name: made.get_params()[name] for name in read} == read


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[1]", 'give a JSON object, like {"max_depth": 6}'),
        ("{", "give a JSON object"),
        ('{"n_jobs": 8}', "there is no setting “n_jobs”. There are: max_depth, min_samples_leaf"),
        ('{"max_depth": 900}', "max_depth is a whole number from 2 to 16"),
        ('{"max_depth": 2.5}', "max_depth is a whole number"),
        ('{"max_depth": "9"}', "max_depth is a whole number"),
        ('{"max_depth": true}', "max_depth is a whole number"),
        ('{"min_samples_leaf": NaN}', "min_samples_leaf is a whole number"),
    ],
)
def test_settings_that_cannot_be_are_refused(text: str, said: str) -> None:
    with pytest.raises(ParamError) as refused:
        checked("classification", "decision_tree", text)
    assert said in refused.value.message
    assert refused.value.field == "settings"


def test_no_settings_are_no_settings() -> None:
    assert checked("regression", "lasso", "  ") == {}
    assert text_of({}) == ""


def test_rounds_by_hand() -> None:
    third = pytest.approx(1 / 3)
    assert tuning.rounds(27, 100_000) == [(27, pytest.approx(1 / 9)), (9, third), (3, 1.0)]
    assert tuning.rounds(9, 700) == [(9, third), (3, 1.0)]
    assert tuning.rounds(5, 100) == [(5, 1.0)]
    assert tuning.rounds(3, 1_000_000) == [(3, 1.0)]


def noisy(rows: int = 900) -> pd.DataFrame:
    """A line below much noise: small leaves learn the noise, large ones do not."""
    random = np.random.default_rng(1)
    x = random.uniform(-2, 2, rows)
    return pd.DataFrame({"x": x, "z": random.normal(size=rows), "target": x + random.normal(0, 3, rows)})


def run(job: Any, rows: Table, **params: Any) -> Any:
    asked = {"model": "knn", "candidates": 9, "budget": 7_200} | params
    return tuning.tuned(rows, TuningParams(target="target", **asked), job)


def test_better_settings_are_found_and_held_against_the_usual() -> None:
    rows = table(noisy())
    result = run(Detached(rows), rows)
    facts, tried = result.facts, result.tables["candidates"]
    assert facts["score"] < facts["default_score"]
    assert checked("regression", "knn", facts["settings"])["n_neighbors"] > 15  # as it comes
    assert sorted(tried.groupby("round").size()) == [3, 9]
    assert set(tried.loc[tried["place"] == 0, "round"]) == {1, 2}
    last = tried[tried["round"] == 2].set_index("place")["score"]
    assert last.min() == facts["score"]
    assert last[0] == facts["default_score"]
    first = tried[tried["round"] == 1].set_index("place")["score"]
    assert set(last.index) == {0, *first.nsmallest(3).index[: 3 - (0 not in first.nsmallest(3).index)]}


def test_the_model_as_it_comes_scores_as_in_a_comparison() -> None:
    from services.analyses.regression import RegressionParams
    from services.analyses.regression import run as compare

    rows = table(noisy())
    alone = run(Detached(rows), rows).facts["default_score"]
    board = compare(rows, RegressionParams(target="target", models=("knn",)), Detached(rows)).tables["leaderboard"]
    assert board.set_index("slug").loc["knn", "rmse"] == alone


class Killed(BaseException):
    """The process ends here."""


def running(rows: Table, folder: Path, most: int | None = None) -> tuple[Running, list[str]]:
    """A job whose steps are kept in `folder`, and that ends once `most` were made."""
    made: list[str] = []

    def say(**what: Any) -> None:
        if "step" in what:
            if most is not None and len(made) == most:
                raise Killed
            made.append(what["step"])

    return Running(say, rows, folder, folder, lambda _: {"rows_total": 0}), made


def test_killed_and_asked_again_nothing_that_was_kept_is_made_anew(tmp_path: Path) -> None:
    rows = table(noisy())
    job, first = running(rows, tmp_path, most=5)
    with pytest.raises(Killed):
        run(job, rows)
    job, second = running(rows, tmp_path)
    again = run(job, rows)
    whole = run(Detached(rows), rows)
    assert not set(first) & set(second)
    assert len(first) + len(second) == 12
    plain = [each.tables["candidates"].drop(columns="fit_seconds") for each in (again, whole)]
    pd.testing.assert_frame_equal(*plain)
    assert again.facts == whole.facts


def test_when_time_is_up_it_says_so_and_still_compares(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter(np.arange(0, 1e6, 20.0))
    monkeypatch.setattr(tuning, "perf_counter", lambda: float(next(clock)))  # 20 seconds a candidate
    rows = table(noisy())
    result = run(Detached(rows), rows, budget=50)
    assert result.facts["ended_early"]
    assert result.facts["tried"] == 3  # a third takes it to 60 of 50 seconds
    assert any("ended it early" in note for note in result.notes)
    tried = result.tables["candidates"]
    assert 0 in set(tried.loc[tried["round"] == 2, "place"])
    assert result.facts["default_score"] is not None


def test_a_model_for_another_target_is_refused() -> None:
    rows = table(frame().drop(columns="number"))
    with pytest.raises(ParamError) as refused:
        run(Detached(rows), rows, model="lasso")
    assert refused.value.field == "model"
