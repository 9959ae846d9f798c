"""The rows that analyses hold which need them in memory: all of a table, or a sample of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import dash_bootstrap_components as dbc
from dash import dcc, html
from dash.development.base_component import Component

from layouts import blocks, controls, ids, words
from layouts.icons import icon
from services.sampling import LEAST, RECOMMENDED

STEP = 1_000
ALL = " "  # of the ways to draw: each row with the same chance


def section(known: Mapping[str, Any], strata: Sequence[str]) -> list[Component]:
    """The choice for a table of many rows; `strata` are columns whose values can each have their share."""
    sample, rows = known.get("sample") or {}, known["rows"]
    top = LEAST + -(-(rows - LEAST) // STEP) * STEP  # a whole step: else the last rows cannot be reached
    shown = sample.get("rows", top)
    slider = dcc.Slider(
        id=ids.sampled(known["id"], "rows"), min=LEAST, max=top, step=STEP, value=shown,
        marks={LEAST: words.short(LEAST), top: "all"},
    )  # fmt: skip
    ways = [
        {"label": "By chance", "value": ALL},
        *({"label": f"A share of each {name}", "value": name} for name in strata),
    ]
    drawn = dbc.Select(ways, sample.get("by") or ALL, id=ids.sampled(known["id"], "by"), size="sm")
    seed = dcc.Input(
        id=ids.sampled(known["id"], "seed"), value=str(sample.get("seed", 0)), className="form-control",
        inputMode="numeric", debounce=True,
    )  # fmt: skip
    advice = (
        "Recommended for a table of this length: such an analysis may not fit into memory with all rows."
        if rows > RECOMMENDED
        else "Fewer rows are answered sooner, and leave more memory."
    )
    return [
        blocks.heading("Rows used", "by analyses that hold rows in memory; all others always use every row"),
        html.Div(
            [
                controls.field("Rows", slider, hint=advice),
                controls.field("Drawn", drawn, hint="How rows are chosen."),
                controls.field("Seed", seed, hint="The same seed draws the same rows."),
            ],
            className="role-fields sample-fields",
        ),
        html.Div(said(known), id=ids.sampled(known["id"], "said"), className="roles-said", role="status"),
    ]


def said(known: Mapping[str, Any]) -> Component:
    """Which rows are used now."""
    sample, rows = known.get("sample"), words.count(known["rows"])
    if not sample:
        return html.Span(f"All {rows} rows are used.")
    return html.Span([blocks.badge(f"{words.count(sample['rows'])} of {rows} rows", "sample")])


def refused(message: str) -> Component:
    """Say why it was not kept."""
    return html.Span([icon("circle-alert", size=14), html.Span(message)], className="error")
