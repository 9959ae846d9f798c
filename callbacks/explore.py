"""Explore: the rows its grid asks for, the charts that are built, the address that says what is looked at."""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import dash
from dash import ALL, MATCH, ClientsideFunction, Dash, Input, Output, State, ctx, html
from dash.exceptions import PreventUpdate
from flask import Blueprint, Response, request

from callbacks import grids
from callbacks.house import house, workspace
from callbacks.intake import look as theme_of
from layouts import ids, theme
from layouts.pages import data as data_page
from layouts.pages import explore as page
from services import datasets, export
from services.errors import DataError, Expected, NotFound
from services.explore import chart, draw, filters
from services.explore.order import Question
from services.explore.suggest import suggest
from services.reader import Ask, NotNow, Superseded, TooMuch
from services.table import DATA

routes = Blueprint("explore", __name__)

_NONE: dict[str, Any] = {"rowData": [], "rowCount": 0}


def register(app: Dash) -> None:
    """Register the page and what it asks."""
    dash.register_page("explore", path="/explore", title="Explore · DataInsights", name="Explore", layout=_explore)

    app.clientside_callback(
        ClientsideFunction("datainsights", "explored"),
        Output(ids.EXPLORED, "data"),
        Input(ids.explored(ALL), "getRowsRequest"),
        Input(ids.EXPLORE_SEARCH, "value"),
        Input(ids.EXPLORE_COLUMNS, "value"),
        Input(ids.EXPLORE_VIEW, "value"),
        Input(ids.chart(ALL), "value"),
        Input(ids.unfilter(ALL), "n_clicks"),
        State(ids.EXPLORED, "data"),
        prevent_initial_call=True,
    )
    # What is looked at goes into the address, into the grid, and to where charts are drawn.
    app.clientside_callback(
        ClientsideFunction("datainsights", "explore"),
        Output(ids.CHART_ASKED, "data"),
        Input(ids.EXPLORED, "data"),
        State(ids.CHART_ASKED, "data"),
    )

    @app.callback(
        Output(ids.explored(MATCH), "getRowsResponse"),
        Output(ids.explored_said(MATCH), "children"),
        Input(ids.explored(MATCH), "getRowsRequest"),
        State(ids.EXPLORED, "data"),
        prevent_initial_call=True,
    )
    def rows(asked: dict[str, Any] | None, state: dict[str, Any] | None) -> tuple[Any, Any]:
        """Answer the grid, and say how many rows match which filters."""
        if asked is None:
            raise PreventUpdate
        also = (state or {}).get("also") or {}
        try:
            known = datasets.about(workspace(), str(ctx.triggered_id["dataset"]))
            found, count = grids.of_dataset(known, asked, also, asker=f"rows {(state or {}).get('page')}")
            return {"rowData": found, "rowCount": count}, page.said(known, _where(known, asked, also), count)
        except Superseded:
            raise PreventUpdate from None
        except grids.Sorting as sorting:
            return {"rowData": [], "rowCount": sorting.count}, grids.wait(sorting, ids.explored(known["id"]))
        except Expected as error:
            return _NONE, error.message

    @app.callback(
        Output(ids.CHART, "children"),
        Input(ids.CHART_ASKED, "data"),
        Input(ids.THEME, "data"),
        prevent_initial_call=True,
    )
    def draw_chart(asked: dict[str, Any] | None, chosen: str | None) -> Any:
        """Draw the chart that is asked for, in the theme that is chosen."""
        if not asked:
            raise PreventUpdate
        raw, where = asked.get("chart") or {}, asked.get("where") or {}
        try:
            known = datasets.about(workspace(), str(asked.get("dataset")))
            schema = datasets.schema(known)
            if not raw.get("x") and raw.get("type") not in ("correlation", "box", "violin"):
                return page.nothing()
            spec = chart.parse(raw, schema)
        except Expected as error:
            return page.refused(error.message)
        try:
            ask = house().reader.asker(f"chart {asked.get('page')}")
            made = drawn(known, spec, where, ask)
            count = grids.count_of(known, _question(known, where), ask)
        except Superseded:
            raise PreventUpdate from None
        except NotNow as error:
            return page.refused(error.message)
        except TooMuch:
            return page.too_much(is_sample=spec.sample)
        except Expected as error:
            return page.refused(error.message)
        said = urlencode({"where": json.dumps(where), "chart": json.dumps(raw)})
        with theme.drawn_in(chosen or theme_of()):
            return page.drawn(made, count, known, f"/_explore/{known['id']}/chart.csv?{said}")


@routes.get("/_explore/<dataset>/chart.csv")
def chart_csv(dataset: str) -> Response:
    """What a chart is drawn from, as CSV that no spreadsheet runs formulas of."""
    known = datasets.about(workspace(), dataset)
    where, raw = _json(request.args.get("where"), {}), _json(request.args.get("chart"), {})
    made = drawn(known, chart.parse(raw, datasets.schema(known)), where)
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "chart.csv"
        export.to_csv(target, made.columns, iter([made.rows]), raw=False)
        body = target.read_bytes()
    head = {"Content-Disposition": "attachment; filename=chart.csv", "Cache-Control": "no-store"}
    return Response(body, mimetype="text/csv", headers=head)


def drawn(known: Mapping[str, Any], spec: chart.Spec, where: Mapping[str, Any], ask: Ask | None = None) -> chart.Drawn:
    """What a chart is drawn from: asked once for a dataset, a filter and a chart."""
    asked = json.dumps([spec.as_json(), where], sort_keys=True)
    name = f"chart-{known['id']}-{hashlib.sha256(asked.encode()).hexdigest()[:32]}"
    views = house().views
    told = views.get(name)
    if told is not None:
        return chart.Drawn.from_json(told)
    path = workspace().dataset(known["id"]) / DATA
    ask = ask or house().reader.ask
    made = draw.draw(lambda sql, values: ask(path, sql, values), datasets.schema(known), spec, where)
    views.set(name, made.as_json())
    return made


def _question(known: Mapping[str, Any], where: Mapping[str, Any]) -> Question:
    names = [column["name"] for column in known["columns"]]
    return Question(folder=workspace().dataset(known["id"]), columns=names, rows=known["rows"], where=where)


def _where(known: Mapping[str, Any], asked: Mapping[str, Any], also: Mapping[str, Any]) -> dict[str, Any]:
    names = {f"c{place}": column["name"] for place, column in enumerate(known["columns"])}
    own = {names[name]: wanted for name, wanted in (asked.get("filterModel") or {}).items() if name in names}
    return filters.both(also, own)


def _json(text: str | None, otherwise: Any) -> Any:
    """What an address holds as JSON, of the kind of `otherwise`."""
    try:
        said = json.loads(text) if text else otherwise
    except (ValueError, RecursionError):
        raise DataError("This address is damaged: a part of it cannot be read.") from None
    if not isinstance(said, type(otherwise)):
        raise DataError("This address is damaged: a part of it cannot be read.")
    return said


def _explore(
    dataset: str | None = None, where: str | None = None, sort: str | None = None, hide: str | None = None,
    view: str | None = None, chart: str | None = None, **_: Any,
) -> html.Div:  # fmt: skip
    """The page, as its address says."""
    here, fault = workspace(), None
    try:
        known = datasets.open_(here, dataset) if dataset else datasets.current(here)
    except NotFound:
        return data_page.missing()
    if known is None:
        return page.missing()
    schema = datasets.schema(known)
    try:
        wanted = _json(where, {})
        filters.conditions(schema.names, wanted)
        order = [(str(name), how == "desc") for name, how in _json(sort, [])]
        hidden, asked = [str(name) for name in _json(hide, [])], _json(chart, {})
        look = page.Look(
            where=wanted, sort=order, hide=hidden, view="chart" if view == "chart" else "rows", chart=asked
        )
    except DataError as error:
        look, fault = page.Look(), error.message
    except (TypeError, ValueError):
        look, fault = page.Look(), "This address is damaged: a part of it cannot be read."
    return page.page(known, schema, look, suggest(schema, known.get("roles") or {}), fault)
