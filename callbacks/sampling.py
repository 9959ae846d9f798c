"""The sample of a table: chosen on the data page, kept at once."""

from __future__ import annotations

from typing import Any

from dash import ALL, Dash, Input, Output, ctx
from dash.exceptions import PreventUpdate

from callbacks.house import workspace
from layouts import ids
from layouts import sampling as drawn
from services import datasets, sampling
from services.errors import Expected, ParamError


def register(app: Dash) -> None:
    """Register what keeps the choice."""

    @app.callback(
        Output(ids.sampled(ALL, "said"), "children"),
        Input(ids.sampled(ALL, "rows"), "value"),
        Input(ids.sampled(ALL, "by"), "value"),
        Input(ids.sampled(ALL, "seed"), "value"),
        prevent_initial_call=True,
    )
    def choose(rows: list[Any], by: list[str | None], seed: list[str | None]) -> list[Any]:
        """Keep how many rows are used, and how they are drawn."""
        if not rows:
            raise PreventUpdate
        here, dataset = workspace(), ctx.inputs_list[0][0]["id"]["dataset"]
        try:
            column = (by[0] or "").strip() or None
            sampling.choose(here, dataset, int(rows[0]) if rows[0] is not None else None, _seed(seed[0]), column)
        except Expected as error:
            return [drawn.refused(error.message)]
        return [drawn.said(datasets.about(here, dataset))]


def _seed(text: str | None) -> int:
    text = str(text or "0").strip()
    if not (text.isascii() and text.isdecimal() and len(text) <= 6):
        raise ParamError(f"The seed is a whole number from 0 to {sampling.HIGHEST_SEED:,}.", field="seed")
    return int(text)
