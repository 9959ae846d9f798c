"""Settings: what is stored for the visitor, how all of it goes, and what the server allows."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import dash
from dash import ALL, Dash, Input, Output, ctx, html, no_update
from dash.exceptions import PreventUpdate
from flask import session

from callbacks import sharing
from callbacks.house import house, is_guest, workspace
from layouts import ids
from layouts.pages import settings
from services import visitors


def register(app: Dash) -> None:
    """Register the page and the way to delete everything."""
    dash.register_page("settings", path="/settings", title="Settings · DataInsights", name="Settings", layout=_page)

    @app.callback(
        Output(ids.DELETING, "children"),
        Output(ids.URL, "href", allow_duplicate=True),
        Input(ids.delete(ALL), "n_clicks"),
        prevent_initial_call=True,
    )
    def delete(clicks: list[int | None]) -> tuple[Any, Any]:
        """Ask once more, keep it, or delete everything and begin anew."""
        if not any(clicks) or is_guest():  # what a guest sees is not theirs to delete
            raise PreventUpdate
        here, engine = workspace(), house().engine
        match ctx.triggered_id["step"]:
            case "ask":
                live = sum(job.is_live for job in engine.mine(here))
                return settings.confirm(visitors.extent(engine, here), live), no_update
            case "sure":
                gone = visitors.delete_everything(engine, here)
                house().views.clear()  # views of results, drawn for this visitor among others
                if not gone:
                    return settings.left_over(), no_update
                session.clear()
                return no_update, "/?deleted=1"
        return settings.ask(again=True), no_update


def _page(**_: Any) -> html.Div:
    here = house()
    extent, days = visitors.extent(here.engine, workspace()), here.settings.keep_days
    return settings.page(
        extent, days, limits(here.settings), sharing.section(), is_ephemeral=here.is_ephemeral, is_guest=is_guest()
    )


def limits(said: Any) -> list[tuple[str, str, str]]:
    """Environment variable, value and help of every setting; what signs the cookies stays where it is."""
    found = []
    for each in dataclasses.fields(said):
        value = getattr(said, each.name)
        if each.name == "secret_key":
            shown = "set" if value else "made by the server"
        elif isinstance(value, bool):
            shown = "yes" if value else "no"
        elif isinstance(value, Path):
            shown = value.name  # where on the server's disk is nobody's business
        else:
            shown = str(value)
        found.append((each.name.upper(), shown, each.metadata["help"]))
    return found
