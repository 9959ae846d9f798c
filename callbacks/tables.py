"""Tables: the list of what a visitor has; naming one; which columns several share."""

from __future__ import annotations

from typing import Any

import dash
from dash import ALL, Dash, Input, Output, ctx, html
from dash.exceptions import PreventUpdate

from callbacks.house import workspace
from layouts import ids, states
from layouts.pages import tables
from services import datasets
from services.errors import NotFound

_GONE = "This table was removed. Open another one, or add it again."


def register(app: Dash) -> None:
    """Register the page, what opens the form that names a table, and what compares those that are ticked."""
    dash.register_page("tables", path="/tables", title="Tables · DataInsights", name="Tables", layout=_tables)

    @app.callback(
        Output(ids.SIDE, "children", allow_duplicate=True),
        Input(ids.edit(ALL), "n_clicks"),
        prevent_initial_call=True,
    )
    def edit(clicks: list[int | None]) -> Any:
        """Open the form that names a table."""
        if not any(clicks):
            raise PreventUpdate
        try:
            return tables.edit(datasets.about(workspace(), ctx.triggered_id["dataset"]))
        except NotFound:
            return states.note("failed", _GONE)

    @app.callback(
        Output(ids.COMPARED, "children"),
        Input(ids.compare(ALL), "value"),
        prevent_initial_call=True,
    )
    def compare(_: list[bool | None]) -> Any:
        """Lay the columns of the ticked tables side by side."""
        boxes = ctx.inputs_list[0]
        ticked = [each["id"]["dataset"] for each in boxes if each.get("value")]
        if len(ticked) < 2:
            return tables.hint(len(boxes))
        here = workspace()
        try:
            return tables.compared([datasets.about(here, dataset) for dataset in ticked])
        except NotFound:
            return states.note("failed", _GONE)


def _tables(**_: Any) -> html.Div:
    """All tables of the visitor, newest first."""
    here = workspace()
    known, gone = datasets.each(here), datasets.removed(here)
    if not known:
        return tables.empty(gone)
    current = datasets.current(here)
    return tables.page(known, current["id"] if current else "", gone)
