"""The page of an analysis that takes memory."""

from dash import html

from layouts import answers
from layouts.places import Place
from services.results import StoredResult

PLACE = Place(group="Simulation", label="Eats", icon="dices", brief="Takes memory.")


def view(result: StoredResult) -> html.Div:
    """Say how much it was."""
    return answers.answer(result, "It was enough.", [("Blocks", str(result.facts["blocks"]))])
