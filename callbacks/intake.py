"""The data page and what it shares with Home: what comes in, what is open, what is in it."""

from __future__ import annotations

import contextlib
import time
from typing import Any
from urllib.parse import parse_qs

import dash
from dash import ALL, MATCH, Dash, Input, Output, State, ctx, html, no_update
from dash.exceptions import PreventUpdate
from flask import request

from callbacks import profile
from callbacks.house import house, workspace
from layouts import ids, places, runs, theme
from layouts.pages import data, home
from layouts.shell import DatasetLink, dataset_chip
from services import alerts, datasets, versions
from services.analysis import find_all
from services.errors import Expected, NotFound
from services.quality import quality
from services.samples import SAMPLES


def register(app: Dash) -> None:
    """Register the data page."""
    dash.register_page("data", path="/data", title="Data · DataInsights", name="Data", layout=_data)
    dash.register_page("not_found_404", layout=_nowhere)

    @app.callback(
        Output(ids.CONTROL, "data", allow_duplicate=True),
        Input(ids.sample(ALL), "n_clicks"),
        State(ids.CONTROL, "data"),
        prevent_initial_call=True,
    )
    def take_sample(clicks: list[int | None], control: dict[str, Any] | None) -> dict[str, Any]:
        """Open a sample: it is made and read like an upload, and an analysis' page comes back with it."""
        if not any(clicks):
            raise PreventUpdate
        page = (control or {}).get("slug")
        back = f"/{page}" if page in find_all() else None
        asked = {"action": "sample", "slug": "ingest", "sample": ctx.triggered_id["slug"]}
        return {**asked, "dataset": None, "back": back, "at": time.time()}

    @app.callback(
        Output(ids.DATASET, "children"),
        Input("_pages_location", "pathname"),
        Input("_pages_location", "search"),
    )
    def name_dataset(path: str | None, search: str | None) -> Any:
        """Say in the bar which dataset is open; on an analysis' page, another one is opened there."""
        asked = parse_qs((search or "").lstrip("?")).get("dataset", [None])[0]
        return chip(path or "/", asked)

    @app.callback(
        Output(ids.SIDE, "children"),
        Input(ids.column(ALL), "n_clicks"),
        prevent_initial_call=True,
    )
    def describe(clicks: list[int | None]) -> Any:
        """Open a column's figures beside the page, or close them."""
        name = ctx.triggered_id["name"] if ctx.triggered_id else None
        if name == "*" and any(clicks):
            return []
        known = datasets.current(workspace())
        if name is None or known is None or not any(clicks):
            raise PreventUpdate
        try:
            with theme.drawn_in(look()):
                return profile.panel(known["id"], name)
        except NotFound:  # the dataset was removed, or its figures are damaged: the page says so when it is next opened
            raise PreventUpdate from None

    @app.callback(
        Output(ids.spread(MATCH), "figure"),
        Input(ids.THEME, "data"),
        State(ids.spread(MATCH), "id"),
        prevent_initial_call=True,
    )
    def redraw(chosen: str, of: dict[str, str]) -> Any:
        """Draw a column's histogram in the theme just chosen."""
        known = datasets.current(workspace())
        if known is None:
            raise PreventUpdate
        try:
            with theme.drawn_in(chosen):
                return home.spread_figure(_column(known["id"], of["column"]))
        except NotFound:
            raise PreventUpdate from None

    @app.callback(
        Output(ids.URL, "href", allow_duplicate=True),
        Input(ids.remove(ALL), "n_clicks"),
        State("_pages_location", "pathname"),
        prevent_initial_call=True,
    )
    def remove(clicks: list[int | None], page: str | None) -> str:
        """Delete a dataset."""
        if not any(clicks):
            raise PreventUpdate
        here, dataset = workspace(), ctx.triggered_id["dataset"]
        root = None
        if page == "/cleaning":  # a version of the table that the page is of
            with contextlib.suppress(NotFound):
                root = versions.root_of(datasets.about(here, dataset))
        datasets.remove(here, dataset)
        return _shown(page, root)

    @app.callback(
        Output(ids.URL, "href", allow_duplicate=True),
        Input(ids.restore(ALL), "n_clicks"),
        State("_pages_location", "pathname"),
        prevent_initial_call=True,
    )
    def restore(clicks: list[int | None], page: str | None) -> str:
        """Bring a removed dataset back, and open it."""
        if not any(clicks):
            raise PreventUpdate
        dataset = ctx.triggered_id["dataset"]
        with contextlib.suppress(NotFound):  # the page says that it is not here
            datasets.restore(workspace(), dataset)
        return _shown(page, dataset)

    @app.callback(
        Output(ids.URL, "href", allow_duplicate=True),
        Output(ids.described(ALL, "error"), "children"),
        Input(ids.described(ALL, "save"), "n_clicks"),
        State(ids.described(ALL, "name"), "value"),
        State(ids.described(ALL, "description"), "value"),
        State("_pages_location", "pathname"),
        prevent_initial_call=True,
    )
    def name(
        clicks: list[int | None], names: list[str | None], texts: list[str | None], page: str | None
    ) -> tuple[Any, list[str]]:
        """Save the name and the description of the dataset whose form is open."""
        if not any(clicks):
            raise PreventUpdate
        dataset = ctx.triggered_id["dataset"]
        try:
            datasets.describe(workspace(), dataset, names[0] or "", texts[0] or "")
        except Expected as error:
            return no_update, [error.message]
        return _shown(page, dataset), [""]


def _shown(page: str | None, dataset: str | None = None) -> str:
    """Where it is shown what became of a table: on the page that it was done on."""
    now = time.time_ns() // 1_000_000  # an address that is open already would not be drawn anew
    if page == "/tables":
        return f"/tables?at={now}"
    if page == "/cleaning" and dataset:
        return f"/cleaning?dataset={dataset}&at={now}"
    return f"/data?dataset={dataset}&at={now}" if dataset else f"/data?at={now}"


def look() -> str:
    """The theme this visitor chose: shell.js keeps it in a cookie."""
    return "dark" if request.cookies.get("theme") == "dark" else "light"


def _column(dataset: str, name: str) -> dict[str, Any]:
    figures = datasets.profile(workspace(), dataset)
    found = next((each for each in figures["columns"] if each["name"] == name), None)
    if found is None:
        raise NotFound(f"There is no column “{name}” any more.")
    return found


def chip(path: str = "/", asked: str | None = None) -> Any:
    """The dataset chip of this visitor; `asked` is the dataset that the page at `path` is about to open."""
    here = workspace()
    known = datasets.current(here)
    if asked:
        with contextlib.suppress(NotFound):
            known = datasets.about(here, asked)
    links = [
        DatasetLink(id=each["id"], name=each["name"], rows=each["rows"], columns=len(each["columns"]))
        for each in datasets.each(here)
    ]
    page = path if path.strip("/") in {*places.found(), "several"} else "/data"
    return dataset_chip(links, known["id"] if known else None, page)


def _nowhere(**_: Any) -> html.Div:
    """The page of an address that is none of ours."""
    return home.nowhere(runs.slots({}))


def attached() -> dict[str, Any]:
    """What a page asks that shows how a table comes in."""
    return {"action": "attach", "slug": "ingest", "dataset": None, "since": time.time()}


def _data(dataset: str | None = None, **_: Any) -> html.Div:
    """What is in the open dataset, column by column; below, the other tables and the way in."""
    here, settings = workspace(), house().settings
    try:
        known = datasets.open_(here, dataset) if dataset else datasets.current(here)
    except NotFound:
        return data.missing()
    slots = runs.slots(attached())
    gone = datasets.removed(here)
    if known is None:
        page = home.welcome(
            SAMPLES, settings.upload_limit_mb, settings.keep_days, slots, is_ephemeral=house().is_ephemeral
        )
        return html.Div([html.Div(data.undo(gone), className="page page-text undo"), page]) if gone else page
    try:
        figures = datasets.profile(here, known["id"])
    except NotFound:
        return data.damaged(known)
    with theme.drawn_in(look()):
        return data.page(
            known, figures, datasets.each(here), SAMPLES, settings.upload_limit_mb, slots,
            quality=quality(figures, known), odd=alerts.alerts(figures),
            hidden=alerts.ignored(here.dataset(known["id"])), gone=gone, is_ephemeral=house().is_ephemeral,
        )  # fmt: skip
