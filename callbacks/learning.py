"""One model of a comparison at a time."""

from __future__ import annotations

from typing import Any

from dash import MATCH, Dash, Input, Output, State, ctx
from dash.exceptions import PreventUpdate

from callbacks.house import workspace
from callbacks.intake import look
from layouts import ids, learning, theme
from services import results
from services.errors import Expected


def register(app: Dash) -> None:
    """Draw the model that is chosen."""

    @app.callback(
        Output(ids.learnt_view(MATCH), "children"),
        Input(ids.learnt(MATCH), "value"),
        State(ids.THEME, "data"),
        prevent_initial_call=True,
    )
    def one(model: str | None, chosen: str | None) -> Any:
        """What one model said of the rows that it had not seen."""
        try:
            stored = results.find(workspace(), ctx.triggered_id["result"])
            with theme.drawn_in(chosen or look()):
                return learning.of_model(stored.about["slug"], stored, model or "")
        except (Expected, FileNotFoundError):
            raise PreventUpdate from None
