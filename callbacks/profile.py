"""The profile of a table: its alerts are hidden and shown, its pictures follow the theme."""

from __future__ import annotations

from typing import Any

import dash
from dash import ALL, MATCH, Dash, Input, Output, State, ctx
from dash.exceptions import PreventUpdate

from callbacks.house import workspace
from layouts import findings, ids, relations, theme
from layouts.column_panel import column_panel, shaded_figure
from layouts.pages import data
from services import alerts, datasets
from services.errors import NotFound
from services.quality import quality


def register(app: Dash) -> None:
    """Answer what is clicked on the profile."""

    @app.callback(
        Output(ids.ALERTS, "children"),
        Output(ids.VERDICT, "children"),
        Input(ids.ignore(ALL, ALL, ALL), "n_clicks"),
        prevent_initial_call=True,
    )
    def ignore(clicks: list[int | None]) -> tuple[Any, Any]:
        """Hide an alert of the table, or show it again; this is kept with the table."""
        if not any(clicks):
            raise PreventUpdate
        asked, here = ctx.triggered_id, workspace()
        try:
            known = datasets.about(here, asked["dataset"])
            figures = datasets.profile(here, known["id"])
        except NotFound:
            raise PreventUpdate from None
        odd, folder = alerts.alerts(figures), here.dataset(known["id"])
        if asked["alert"] in {alert.key for alert in odd}:
            alerts.ignore(folder, asked["alert"], hidden=asked["does"] == "hide")
        hidden = alerts.ignored(folder)
        return findings.section(known["id"], odd, hidden), data.verdict(quality(figures, known), odd, hidden)

    @app.callback(
        Output(ids.shaded(MATCH), "figure"),
        Input(ids.THEME, "data"),
        State(ids.shaded(MATCH), "id"),
        prevent_initial_call=True,
    )
    def redraw(chosen: str, of: dict[str, str]) -> Any:
        """Draw the histogram of the side panel in the theme just chosen."""
        known = datasets.current(workspace())
        if known is None:
            raise PreventUpdate
        try:
            column = _column(datasets.profile(workspace(), known["id"]), of["column"])
        except NotFound:
            raise PreventUpdate from None
        with theme.drawn_in(chosen):
            return shaded_figure(column)

    @app.callback(
        Output(ids.relations(MATCH, MATCH), "figure"),
        Input(ids.THEME, "data"),
        State(ids.relations(MATCH, MATCH), "id"),
        prevent_initial_call=True,
    )
    def recolour(chosen: str, of: dict[str, str]) -> Any:
        """Draw what moves together in the theme just chosen."""
        try:
            found = datasets.profile(workspace(), of["dataset"]).get("relations")
        except NotFound:
            raise PreventUpdate from None
        if not found or of["kind"] not in {"numbers", "categories"}:
            raise PreventUpdate
        with theme.drawn_in(chosen):
            return relations.figure(of["kind"], found)


def panel(dataset: str, name: str) -> dash.html.Aside:
    """Everything that is known of a column of `dataset`, as a panel."""
    figures = datasets.profile(workspace(), dataset)
    return column_panel(_column(figures, name), figures, dataset, alerts.alerts(figures))


def _column(figures: dict[str, Any], name: str) -> dict[str, Any]:
    found = next((each for each in figures["columns"] if each["name"] == name), None)
    if found is None:
        raise NotFound(f"There is no column “{name}” any more.")
    return found
