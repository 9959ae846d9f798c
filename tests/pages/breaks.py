"""The page of an analysis that has a bug."""

from dash import html

from layouts import answers
from layouts.places import Place
from services.results import StoredResult

PLACE = Place(group="Simulation", label="Breaks", icon="dices", brief="Has a bug.")


def view(result: StoredResult) -> html.Div:
    """Never called: there is no result."""
    return answers.answer(result, "Broken.", [])
