"""Regression: which model is best, by how much, and what it looks at."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dash import html

from layouts import learning, words
from layouts.places import Place
from services.results import StoredResult

PLACE = Place(
    group="Machine learning",
    label="Regression",
    icon="chart-scatter",
    brief="Predict a number, by twenty models.",
    gives=(
        ("Leaderboard", "Every model on the same held-out rows, with what chance alone would do beside."),
        ("Reasons", "What the best model looks at, and what it says along it."),
        ("Predictions", "What was said of each row by a model that had not seen it."),
    ),
    misleads=(
        "A column that is only known afterwards makes every model look perfect: what tells too much is named.",
        "Rows of one customer, or of one day, on both sides of a split do too: choose the group, or test in time.",
    ),
    exports=(("leaderboard", "csv"), ("leaderboard", "xlsx"), ("predictions", "csv"), ("importance", "csv")),
)


def before(known: Mapping[str, Any], _: Mapping[str, Any]) -> str:
    """What stands in the answer's place before the first run."""
    return f"{words.plural(known['rows'], 'row')} are ready. Choose what is to be predicted."


def view(result: StoredResult) -> html.Div:
    """Draw the comparison of the models."""
    return learning.view("regression", result)
