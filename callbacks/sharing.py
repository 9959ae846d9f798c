"""Workspace links: made and withdrawn on Settings, opened in another browser."""

from __future__ import annotations

from typing import Any

import dash
from dash import ALL, Dash, Input, Output, ctx, html, no_update
from dash.exceptions import PreventUpdate
from flask import Blueprint, current_app, request, session

from callbacks.house import house, is_guest, leave, workspace
from layouts import ids, runs, sharing
from layouts.pages import home
from services import datasets
from services import sharing as links
from services.errors import Expected, NotFound, ParamError

routes = Blueprint("sharing", __name__)


def register(app: Dash) -> None:
    """Register the page that a link leads to, and the buttons of links."""
    dash.register_page("arrival", path_template="/w/<token>", title="DataInsights", name="A workspace", layout=_arrival)

    app.server.extensions["index"] = app.index

    @app.callback(
        Output(ids.shared(ALL), "children"),
        Output(ids.URL, "href", allow_duplicate=True),
        Input(ids.share(ALL, ALL), "n_clicks"),
        prevent_initial_call=True,
    )
    def act(clicks: list[int | None]) -> tuple[list[Any], Any]:
        """Make a link, withdraw one, or go back."""
        if not any(clicks):
            raise PreventUpdate
        here = house()
        address, error = None, None
        try:
            if (
                is_guest() and ctx.triggered_id["does"] != "leave"
            ):  # else a link of their own would outlive the one they have
                raise ParamError(
                    "Only the browser that a workspace began in makes and withdraws its links. Use that one."
                )
            match ctx.triggered_id["does"]:
                case "make":
                    # The browser knows by which scheme it came; behind a proxy the server may not.
                    site = (request.headers.get("Origin") or request.host_url).rstrip("/")
                    address = f"{site}/w/{links.make(here.home, workspace())}"
                case "withdraw":
                    links.withdraw(here.home, workspace(), str(ctx.triggered_id["of"]))
                case "leave":
                    leave()
                    return [no_update], "/"
        except Expected as caught:
            error = caught.message
        return [section(address, error)], no_update

    @app.callback(
        Output(ids.URL, "href", allow_duplicate=True),
        Input(ids.enter(ALL), "n_clicks"),
        prevent_initial_call=True,
    )
    def enter(clicks: list[int | None]) -> str:
        """Open the workspace of a link in this browser; its own is kept."""
        if not any(clicks):
            raise PreventUpdate
        own = workspace().visitor
        try:
            link = links.find(house().home, str(ctx.triggered_id["token"]))
        except NotFound:
            return "/w/withdrawn"
        session["own"] = session.get("own", own)
        session["visitor"], session["link"] = link.visitor, link.id
        session.permanent = True
        links.use(house().home, link)
        return "/"


@routes.get("/w/<token>")
def arrive(token: str) -> Any:
    """The page of a link; a wrong one, or one that was withdrawn, does not exist."""
    try:
        links.find(house().home, token)
    except NotFound:
        return current_app.extensions["index"](), 404
    return current_app.extensions["index"]()


def section(address: str | None = None, error: str | None = None) -> list[Any]:
    """The links of this visitor's workspace, for Settings."""
    return sharing.section(links.each(house().home, workspace()), address, error, is_guest=is_guest())


def _arrival(token: str | None = None, **_: Any) -> html.Div:
    try:
        link = links.find(house().home, str(token))
    except NotFound:
        return home.nowhere(runs.slots({}))
    here, there = workspace(), house().home.workspace(link.visitor)
    return sharing.arrival(
        str(token), len(datasets.each(there)), is_own=here.visitor == link.visitor, has_own=bool(datasets.each(here))
    )
