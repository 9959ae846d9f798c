"""Versions compared: which two of a table, and what differs between them."""

from __future__ import annotations

from typing import Any

import dash
from dash import Dash, Input, Output, html, no_update

from callbacks.house import house, workspace
from layouts import ids
from layouts.pages import versus as drawn
from services import datasets, versions
from services.cleaning.versus import Side, Versus, versus, ways
from services.errors import Expected, NotFound
from services.table import DATA

_GONE = "One of these versions was removed meanwhile."


def register(app: Dash) -> None:
    """Register the page, and what compares two others."""
    dash.register_page(
        "versions", path="/versions", title="Compare versions · DataInsights", name="Versions", layout=_page
    )

    @app.callback(
        Output(ids.versus("said"), "children"),
        Output(ids.versus("by"), "options"),
        Output(ids.versus("by"), "value"),
        Input(ids.versus("before"), "value"),
        Input(ids.versus("after"), "value"),
        Input(ids.versus("by"), "value"),
        prevent_initial_call=True,
    )
    def again(before: str, after: str, by: str | None) -> tuple[Any, ...]:
        """Compare the two that are chosen, by what is chosen if that is possible for them."""
        try:
            sides = [_known(before), _known(after)]
        except NotFound:
            return [drawn.refused(_GONE)], no_update, no_update
        possible = ways(*map(_side, sides))
        chosen = by if by in possible else None
        return _drawn(*sides, chosen), drawn.way_options(possible), chosen or " "


def _page(dataset: str = "", before: str = "", after: str = "", **_: Any) -> html.Div:
    """Two versions of the table that the address names; the newest against its origin, if it names no others."""
    here = workspace()
    try:
        root = versions.root_of(datasets.about(here, after or dataset))
        found = versions.each(here, root)
    except NotFound:
        return drawn.refused("This table is not here")
    if len(found) < 2:
        return drawn.refused("There is one version only")
    known = {each["id"]: each for each in found}
    one, other = (before if before in known else found[0]["id"]), (after if after in known else found[-1]["id"])
    sides = [_known(one), _known(other)]
    chosen = drawn.choices(found, one, other, ways(*map(_side, sides)))
    return drawn.page(found[0], chosen, _drawn(*sides, None))


def _known(dataset: str) -> dict[str, Any]:
    """What is known of a version, with its profile."""
    here = workspace()
    known = datasets.about(here, dataset)
    return {**known, "profile": datasets.profile(here, known["id"])}


def _side(known: dict[str, Any]) -> Side:
    path = workspace().dataset(known["id"]) / DATA
    return Side(path=path, schema=datasets.schema(known), rows=known["rows"], profile=known["profile"])


def _drawn(before: dict[str, Any], after: dict[str, Any], by: str | None) -> list[Any]:
    one, other = _side(before), _side(after)
    found: Versus | None = None
    why = ""
    try:
        found = versus(lambda sql: house().reader.ask(one.path, sql), one, other, by)
    except Expected as error:  # the reader is busy, or this is too much for it: the figures are there all the same
        why = error.message
    return drawn.drawn(before, after, found, why)
