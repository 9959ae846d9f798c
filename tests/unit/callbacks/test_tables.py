"""Tables: what a visitor has, named, compared, removed and brought back."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest
from flask import session
from flask.testing import FlaskClient

from callbacks import tables
from layouts import ids
from layouts.pages import tables as page
from services import datasets, likeness
from services.workspace import Workspace, new_id
from tests.unit.callbacks.conftest import fire
from tests.unit.layouts.test_several import each, said
from tests.unit.services.jobs.stage import stock
from tests.unit.services.test_likeness import schema


def drawn(client: FlaskClient, workspace: Workspace) -> Any:
    """The page as this visitor sees it."""
    with client.application.test_request_context("/tables"):
        session["visitor"] = workspace.visitor
        return tables._tables()


def state(*answers: tuple[Any, str, Any]) -> list[Any]:
    return [[{"id": id, "property": name, "value": value}] for id, name, value in answers]


def on(path: str) -> dict[str, Any]:
    return {"id": "_pages_location", "property": "pathname", "value": path}


def test_the_list_says_what_there_is_and_which_one_is_open(client: FlaskClient, workspace: Workspace) -> None:
    assert "No tables yet" in said(drawn(client, workspace))
    first, second = stock(workspace), stock(workspace, pd.DataFrame({"item": ["tea"], "amount": ["x"]}))
    datasets.open_(workspace, first["id"])
    datasets.describe(workspace, second["id"], "later.csv", "From the till.")
    shown = drawn(client, workspace)
    text = said(shown)
    assert "2 tables, 4 rows" in text
    assert "items.csvOpen" in text
    assert "later.csvFrom the till." in text
    links = [one.href for one in each(shown) if "text-link" in getattr(one, "className", "") and hasattr(one, "href")]
    assert links == [f"/data?dataset={second['id']}", f"/data?dataset={first['id']}"]


def test_two_that_are_ticked_are_compared_and_one_alone_is_not(client: FlaskClient, workspace: Workspace) -> None:
    both = stock(workspace), stock(workspace, pd.DataFrame({"item": ["tea"], "amount": ["x"], "city": ["Rome"]}))
    ticked = [{"id": ids.compare(known["id"]), "property": "value", "value": True} for known in both]
    answer = fire(client, ticked)
    assert "Columns side by side" in answer
    assert "city is only in items.csv, " in answer  # both are called the same: told apart by their time
    assert "Tick two tables or more" in fire(client, [ticked[0], {**ticked[1], "value": False}])
    gone = {"id": ids.compare(new_id()), "property": "value", "value": True}
    assert "This table was removed." in fire(client, [*ticked, gone])


def test_what_is_done_on_the_list_is_shown_on_the_list(client: FlaskClient, workspace: Workspace) -> None:
    known = stock(workspace)
    assert "Rename" in fire(client, [{"id": ids.edit(known["id"]), "property": "n_clicks", "value": 1}])
    save = [{"id": ids.described(known["id"], "save"), "property": "n_clicks", "value": 1}]

    def form(name: str) -> list[Any]:
        parts = ("name", name), ("description", "")
        return [*state(*((ids.described(known["id"], part), "value", value) for part, value in parts)), on("/tables")]

    assert '"/tables?at=' in fire(client, save, form("Tea"))
    assert datasets.about(workspace, known["id"])["name"] == "Tea"
    remove = [{"id": ids.remove(known["id"]), "property": "n_clicks", "value": 1}]
    assert '"/tables?at=' in fire(client, remove, [on("/tables")])
    assert "Tea was removed." in said(drawn(client, workspace))
    restore = [{"id": ids.restore(known["id"]), "property": "n_clicks", "value": 1}]
    assert f'"/data?dataset={known["id"]}&at=' in fire(client, restore, [on("/data")])
    assert "1 table, 3 rows" in said(drawn(client, workspace))


@pytest.mark.parametrize(
    ("other", "words"),
    [
        ({"a": "text", "b": "date"}, "The same 2 columns, of the same kinds."),
        ({"A": "text", "b": "text"}, "b is date in one and text in two; a is written another way. 0 of 2 columns are"),
        ({"a": "text"}, "b is only in one. 1 of 2 columns is the same."),
        ({"c": "text"}, "a and b are only in one; c is only in two. 0 of 3 columns are the same."),
    ],
)
def test_what_differs_is_said_first(other: dict[str, Any], words: str) -> None:
    found = likeness.compare([schema(a="text", b="date"), schema(**other)])
    assert page.said(found, ["one", "two"]).startswith(words)


def test_of_three_what_is_not_in_every_one_is_said() -> None:
    found = likeness.compare([schema(a="text", b="date"), schema(a="text", b="date"), schema(a="date")])
    assert page.said(found, ["one", "two", "three"]) == (
        "a is of another kind; b is not in every table. 0 of 2 columns are the same."
    )
