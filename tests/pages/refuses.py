"""The page of an analysis that refuses its table."""

from dash import html

from layouts import answers
from layouts.places import Place
from services.results import StoredResult

PLACE = Place(group="Simulation", label="Refuses", icon="dices", brief="Refuses its table.")


def view(result: StoredResult) -> html.Div:
    """Never called: there is no result."""
    return answers.answer(result, "Refused.", [])
