"""The page of an analysis that holds rows in memory."""

from dash import html

from layouts import answers, words
from layouts.places import Place
from services.results import StoredResult

PLACE = Place(group="Simulation", label="Holds", icon="dices", brief="Holds rows in memory.")


def view(result: StoredResult) -> html.Div:
    """Say how many items there are."""
    items = words.plural(int(result.facts["items"] or 0), "item")
    return answers.answer(result, f"There are {items}.", [("Items", items)])
