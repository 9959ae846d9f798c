"""Explore as its visitor asks: an address becomes a page, charts are drawn of what the grid shows, and taken away."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pandas as pd
import pytest
from flask import session
from flask.testing import FlaskClient

from callbacks import explore
from callbacks.house import NAME, House
from dashapp.app import create_app
from dashapp.settings import Settings
from layouts import explore_charts, filter_words, theme
from layouts.pages import explore as page
from services import datasets
from services.errors import DataError
from services.explore.chart import MARKS, TYPES, parse
from services.explore.suggest import suggest
from services.workspace import new_id
from tests.unit.services.jobs.stage import stock

FRAME = pd.DataFrame(
    {
        "city": ["Rome", "=1+1", None, "Oslo"] * 30,
        "kind": ["a", "b"] * 60,
        "amount": range(120),
        "other": [(n * 7) % 13 / 2 for n in range(120)],
        "when": pd.date_range("2020-01-01", periods=120, freq="D"),
    }
)
ASKED: dict[str, dict[str, Any]] = {
    "histogram": {"x": "amount", "colour": "kind"}, "bar": {"x": "city", "y": "amount", "how": "mean"},
    "line": {"x": "when", "y": "amount", "how": "sum", "facet": "kind"}, "scatter": {"x": "amount", "y": "other"},
    "box": {"x": "city", "y": "amount"}, "violin": {"x": "city", "y": "amount"},
    "heatmap": {"x": "city", "y": "kind"}, "correlation": {},
}  # fmt: skip


@pytest.fixture(scope="module")
def known(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """A dataset, and a request of its owner."""
    server = create_app(Settings(data_dir=tmp_path_factory.mktemp("data") / "data", memory_limit_mb=4_000)).server
    here: House = server.extensions[NAME]
    workspace = here.home.workspace(new_id())
    made = stock(workspace, FRAME)
    with server.test_request_context("/"):
        session["visitor"] = workspace.visitor
        yield made
    here.reader.stop()


@pytest.fixture
def client(known: dict[str, Any]) -> FlaskClient:
    """The browser of the dataset's owner."""
    from flask import current_app

    client = current_app._get_current_object().test_client()  # type: ignore[attr-defined]
    with client.session_transaction() as kept:
        kept["visitor"] = session["visitor"]
    return client


def state_of(drawn: Any) -> dict[str, Any]:
    return next(each.data for each in drawn.children[0].children if getattr(each, "id", None) == "explored")


def test_an_address_says_all_that_is_looked_at(known: dict[str, Any]) -> None:
    where = {"city": {"type": "in", "values": ["Rome", None]},
             "amount": {"filterType": "number", "type": "lessThan", "filter": 50}}  # fmt: skip
    drawn = explore._explore(
        known["id"], json.dumps(where), '[["amount","desc"]]', '["kind"]', "chart", '{"type":"bar","x":"city"}'
    )
    state = state_of(drawn)
    assert state["also"] == {"city": where["city"]}
    assert state["filter"] == {"c2": where["amount"]}
    assert state["sort"] == [{"colId": "c2", "sort": "desc"}]
    assert (state["hide"], state["view"], state["chart"]) == (["kind"], "chart", {"type": "bar", "x": "city"})


@pytest.mark.parametrize(
    "said", ["{", "[1]", '{"no such":1}', '{"city":{"type":"like"}}', '"x"', "{" * 50_000, '{"*":{"type":"or 1=1"}}']
)
def test_a_damaged_address_shows_all_rows_and_says_so(known: dict[str, Any], said: str) -> None:
    drawn = explore._explore(known["id"], where=said)
    assert "All rows are shown" in str(drawn)
    assert state_of(drawn)["also"] == {}


@pytest.mark.parametrize("said", ["[1]", '[["a"]]', "{}", '"x"'])
def test_a_damaged_sort_is_said(known: dict[str, Any], said: str) -> None:
    assert "All rows are shown" in str(explore._explore(known["id"], sort=said))


def test_what_is_not_ones_own_is_not_there(known: dict[str, Any]) -> None:
    for dataset in (new_id(), "../x"):
        assert "This table is not here" in str(explore._explore(dataset))


@pytest.mark.parametrize("kind", TYPES)
@pytest.mark.parametrize("look", ["light", "dark"])
def test_every_type_is_drawn_in_both_themes_with_a_table(known: dict[str, Any], kind: str, look: str) -> None:
    made = explore.drawn(known, parse({"type": kind, **ASKED[kind]}, datasets.schema(known)), {"kind": "a"})
    with theme.drawn_in(look):
        figure = explore_charts.figure(made)
    marks = sum(len(trace.get("y") or trace.get("x") or ()) for trace in figure["data"])
    assert 0 < marks <= MARKS
    json.dumps(figure)
    twin = explore_charts.twin(made)
    assert len(twin.columns) == len(twin.rows[0])
    assert twin.rows


def test_a_chart_is_asked_once_and_found_again(known: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    spec = parse({"type": "bar", "x": "city", "how": "max", "y": "amount"}, datasets.schema(known))
    first = explore.drawn(known, spec, {})
    monkeypatch.setattr(explore.house().reader, "ask", None)
    again = explore.drawn(known, spec, {})
    assert [list(row) for row in again.rows] == [list(row) for row in first.rows]


def test_what_is_drawn_comes_as_csv_that_no_spreadsheet_runs(known: dict[str, Any], client: FlaskClient) -> None:
    place, asked = (
        f"/_explore/{known['id']}/chart.csv",
        {"chart": json.dumps({"type": "bar", "x": "city"}), "where": '{"kind":"b"}'},
    )
    answer = client.get(place, query_string=asked)
    assert answer.data.decode("utf-8-sig").splitlines() == ["city,Number of rows", "'=1+1,30", "Oslo,30"]
    refused = client.get(place, query_string={**asked, "chart": '{"type":"pie"}'})
    assert (refused.status_code, "no chart" in refused.json["message"]) == (400, True)
    assert client.get(f"/_explore/{new_id()}/chart.csv", query_string=asked).status_code == 404


def test_others_that_would_dwarf_the_rest_are_told_and_not_drawn(known: dict[str, Any]) -> None:
    many = pd.DataFrame({"name": [f"n{n}" for n in range(500)]})
    made = stock(explore.workspace(), many)
    drawn = explore.drawn(made, parse({"type": "bar", "x": "name"}, datasets.schema(made)), {})
    assert drawn.rows[-1][0] == "Other (480)"
    assert "Other (480)" not in str(explore_charts.figure(drawn)["data"])
    assert "Other (480) would dwarf the rest" in explore_charts.subtitle(drawn)
    assert "480 values of name are drawn as one" in explore_charts.subtitle(drawn)


def test_suggestions_can_all_be_drawn(known: dict[str, Any]) -> None:
    schema = datasets.schema(known)
    offered = suggest(schema, {"amount": "other"})
    assert offered[0][0] == "other over time"
    assert len(offered) >= 4
    for _, spec in offered:
        assert explore.drawn(known, parse(spec.as_json() | {"type": spec.type}, schema), {}).rows


@pytest.mark.parametrize(
    ("column", "wanted", "said"),
    [
        ("a", {"type": "greaterThan", "filter": 10}, "a above 10"),
        ("a", {"filterType": "date", "type": "lessThan", "dateFrom": "2020-01-02 00:00:00"}, "a before 2020-01-02"),
        ("a", {"type": "in", "values": ["x", None, True, 1, 2]}, "a is x, missing, yes or 2 others"),
        ("a", {"operator": "OR", "conditions": [{"type": "blank"}, {"type": "inRange", "filter": 1, "filterTo": 2}]},
         "a is missing or from 1 to 2"),
        ("*", {"type": "duplicate"}, "rows that repeat an earlier one"),
        ("*", {"type": "search", "filter": "tea"}, "any column contains tea"),
        ("a", "plain", "a is plain"),
    ],
)  # fmt: skip
def test_filters_are_said_in_words(column: str, wanted: Any, said: str) -> None:
    assert filter_words.said(column, wanted) == said


def test_a_filter_that_the_grid_cannot_show_stands_beside_it(known: dict[str, Any]) -> None:
    plain, grids_own = {"type": "contains", "filter": "x"}, {"filterType": "text", "type": "contains", "filter": "x"}
    assert page.parted(known, {"city": plain}) == ({}, {"city": plain})
    assert page.parted(known, {"city": grids_own, "*": {"type": "duplicate"}}) == (
        {"c0": grids_own}, {"*": {"type": "duplicate"}},
    )  # fmt: skip


def test_a_chart_of_a_column_that_is_not_there_is_refused(known: dict[str, Any]) -> None:
    with pytest.raises(DataError):
        parse({"type": "bar", "x": 'city" FROM FILE; --'}, datasets.schema(known))
