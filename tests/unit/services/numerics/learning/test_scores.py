"""Scores, differences, curves and intervals against cases worked by hand, published ones and scikit-learn."""

from __future__ import annotations

import math

import numpy as np
import pytest
from sklearn import metrics as sk

from services.numerics.learning import conformal, figures, scores

RANDOM = np.random.default_rng(0)


def test_two_models_differ_only_as_far_as_overlapping_training_rows_allow() -> None:
    t, p = scores.corrected_t([0.02, 0.01, 0.03], 1 / 2)
    assert (round(t, 3), round(p, 3)) == (2.191, 0.160)
    naive, _ = scores.corrected_t([0.02, 0.01, 0.03], 0)
    assert round(naive, 3) == 3.464
    assert scores.corrected_t([0.0, 0.0], 0.5) == (0.0, 1.0)
    assert math.isnan(scores.corrected_t([0.1], 0.5)[1])


def test_a_figure_that_cannot_be_worked_out_is_left_out() -> None:
    y = np.array([1, 1, 1])
    found = scores.classification_scores(y, y, np.array([[0.1, 0.9]] * 3), None, 2)
    assert "roc_auc" not in found
    assert found["accuracy"] == 1
    assert "mape" not in scores.regression_scores(np.array([0.0, 2.0]), np.array([1.0, 2.0]))
    assert "rmsle" not in scores.regression_scores(np.array([1.0, 2.0]), np.array([-1.0, 2.0]))
    assert scores.regression_scores(np.array([1.0, 2.0]), np.array([np.nan, 2.0])) == {}


def test_mape_is_a_true_percentage() -> None:
    assert scores.regression_scores(np.array([100.0, 200.0]), np.array([110.0, 180.0]))["mape"] == pytest.approx(10)


def test_many_classes_and_weights_agree_with_scikit_learn() -> None:
    y, said = RANDOM.integers(0, 20, 500), RANDOM.integers(0, 20, 500)
    weight, proba = RANDOM.random(500), RANDOM.dirichlet(np.ones(20), 500)
    found = scores.classification_scores(y, said, proba, None, 20, weight)
    assert found["f1_weighted"] == pytest.approx(sk.f1_score(y, said, average="weighted", sample_weight=weight))
    assert found["balanced_accuracy"] == pytest.approx(sk.balanced_accuracy_score(y, said, sample_weight=weight))
    assert found["log_loss"] == pytest.approx(sk.log_loss(y, proba, sample_weight=weight))
    one = [sk.roc_auc_score(y == each, proba[:, each], sample_weight=weight) for each in range(20)]
    assert found["roc_auc"] == pytest.approx(np.mean(one))


def test_tables_of_a_classifier_by_hand() -> None:
    y, said = np.array([0, 0, 1, 1, 1]), np.array([0, 1, 1, 1, 0])
    matrix = figures.confusion(y, said, ("no", "yes"))
    assert matrix["rows"].tolist() == [1, 1, 1, 2]
    assert matrix["share"].tolist() == pytest.approx([0.5, 0.5, 1 / 3, 2 / 3])
    each = figures.per_class(y, said, ("no", "yes"))
    assert each["precision"].tolist() == pytest.approx([0.5, 2 / 3])
    assert each["f1"].tolist() == pytest.approx([0.5, 2 / 3])
    proba = np.array([0.1, 0.6, 0.7, 0.9, 0.2])
    at_half = figures.thresholds(y, proba).iloc[50]
    assert at_half.tolist() == [0.5, 2, 1, 1, 1]
    first = figures.gain(y, proba).iloc[0]
    assert first["found"] == pytest.approx(1 / 3)
    assert first["lift"] == pytest.approx(5 / 3)


def test_curves_end_where_they_must_and_hold_their_area() -> None:
    y, score = RANDOM.integers(0, 2, 400), RANDOM.random(400)
    found = figures.curves(y, np.column_stack([1 - score, score]), ("a", "b"), [0, 1])
    roc = found[found["kind"] == "roc"]
    assert (roc["x"].iloc[0], roc["y"].iloc[-1]) == (0, 1)
    assert len(roc) <= figures.CURVE
    assert np.trapezoid(roc["y"], roc["x"]) == pytest.approx(sk.roc_auc_score(y, score), abs=0.01)


def test_wilson_as_published() -> None:
    low, high = figures.wilson(81 / 263, 263)  # Newcombe (1998), Statistics in Medicine 17, 857-872, table I
    assert (round(low, 4), round(high, 4)) == (0.2553, 0.3662)


def test_intervals_hold_the_share_that_they_promise() -> None:
    random = np.random.default_rng(5)
    held, fresh = random.normal(size=2_000), random.normal(size=20_000)
    for coverage in (0.8, 0.95):
        width = conformal.half_width(held, coverage)
        share = float((np.abs(fresh) <= width).mean())
        spread = 3 * math.sqrt(coverage * (1 - coverage) * (1 / 2_000 + 1 / 20_000))
        assert abs(share - coverage) < spread
    assert conformal.half_width(np.array([1.0, -3.0, 2.0, 0.5]), 0.6) == 2.0
    assert conformal.half_width(np.array([1.0]), 0.95) == math.inf
