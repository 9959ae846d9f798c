"""The page of an analysis that does nothing."""

from dash import html

from layouts import answers
from layouts.places import Place
from services.results import StoredResult

PLACE = Place(group="Simulation", label="Nothing", icon="dices", brief="Does nothing.")


def view(result: StoredResult) -> html.Div:
    """Say that it is done."""
    return answers.answer(result, "Nothing was done.", [("Asked", str(result.facts["log"]))])
