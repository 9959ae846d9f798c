"""One model of a comparison at a time; the parts of the rows in which it errs; one row, explained."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from dash import ALL, MATCH, ClientsideFunction, Dash, Input, Output, State, ctx
from dash.exceptions import PreventUpdate

from callbacks.house import workspace
from callbacks.intake import look
from layouts import aimed, ids, learning, one_model, reasons, theme
from services import datasets, results
from services.errors import Expected
from services.results import StoredResult


def register(app: Dash) -> None:
    """Draw the model, the segments and the row that are chosen, and follow the threshold."""

    @app.callback(
        Output(ids.learnt_view(MATCH), "children"),
        Input(ids.learnt(MATCH), "value"),
        State(ids.THEME, "data"),
        prevent_initial_call=True,
    )
    def one(model: str | None, chosen: str | None) -> Any:
        """What one model said of the rows that it had not seen."""
        return _drawn(chosen, lambda stored: learning.of_model(stored.about["slug"], stored, model or ""))

    @app.callback(
        Output(ids.aimed(ALL), "children"),
        Input(ids.param(ALL), "value"),
        Input(ids.THEME, "data"),
        State(ids.CONTROL, "data"),
    )
    def aim(_: list[Any], chosen: str | None, control: dict[str, Any] | None) -> list[Any]:
        """What the target holds, as soon as it is chosen."""
        said = {each["id"]["name"]: each.get("value") for each in ctx.inputs_list[0]}
        target = said.get("target")
        if not ctx.outputs_list or not control or not target or target == " ":
            return [None] * len(ctx.outputs_list)
        task = said.get("task") or control["slug"]
        try:
            known = datasets.about(workspace(), control["dataset"])
            figures = datasets.profile(workspace(), known["id"])
        except Expected:
            raise PreventUpdate from None
        with theme.drawn_in(chosen or look()):
            drawn = aimed.ahead(task, target, known, figures, {**said, "slug": control["slug"]})
        return [drawn] * len(ctx.outputs_list)

    @app.callback(
        Output(ids.parted_view(MATCH, MATCH), "children"),
        Input(ids.parted(MATCH, MATCH), "value"),
        State(ids.THEME, "data"),
        prevent_initial_call=True,
    )
    def along(feature: str | None, chosen: str | None) -> Any:
        """How far off a model is along a feature."""
        model = ctx.triggered_id["model"]

        def draw(stored: StoredResult) -> Any:
            rows = one_model.segments_of(stored, model)
            task = stored.facts.get("task") or stored.about["slug"]
            return one_model.segment(str(task), rows, feature or "")

        return _drawn(chosen, draw)

    @app.callback(
        Output(ids.explained_view(MATCH), "children"),
        Input(ids.explained(MATCH), "value"),
        State(ids.THEME, "data"),
        prevent_initial_call=True,
    )
    def row(number: str | None, chosen: str | None) -> Any:
        """What each column adds to what is said of a row."""
        if not str(number or "").isdecimal():
            raise PreventUpdate
        return _drawn(chosen, lambda stored: reasons.of_row(stored, int(str(number))))

    app.clientside_callback(
        ClientsideFunction("learning", "cut"),
        Output(ids.cut_part(MATCH, MATCH, ALL), "children"),
        Output(ids.cut_curve(MATCH, MATCH, ALL), "figure"),
        Input(ids.cut(MATCH, MATCH), "value"),
        State(ids.cut_table(MATCH, MATCH), "data"),
        State(ids.cut_curve(MATCH, MATCH, ALL), "figure"),
    )


def _drawn(chosen: str | None, draw: Callable[[StoredResult], Any]) -> Any:
    """What `draw` makes of the result that the triggering control belongs to, in the look that was chosen."""
    try:
        stored = results.find(workspace(), ctx.triggered_id["result"])
        with theme.drawn_in(chosen or look()):
            return draw(stored)
    except (Expected, FileNotFoundError):
        raise PreventUpdate from None
