"""Home: a place to drop a table, or the open one at a glance and what can be asked of it, one click each."""

from __future__ import annotations

from typing import Any

import dash
from dash import ALL, Dash, Input, Output, State, ctx, html, no_update
from dash.exceptions import PreventUpdate

from callbacks import offers
from callbacks.house import house, workspace
from callbacks.intake import attached, look
from layouts import ids, runs, states, theme
from layouts.pages import data, home, my_runs
from layouts.pages import settings as settings_page
from services import chains, datasets, params
from services.errors import Expected, NotFound
from services.samples import SAMPLES


def register(app: Dash) -> None:
    """Register the page, and the button that asks an analysis as the roles propose it."""
    dash.register_page("home", path="/", title="DataInsights", name="Home", layout=_home)

    @app.callback(
        Output(ids.URL, "href", allow_duplicate=True),
        Output(ids.SEVERAL_NOTE, "children", allow_duplicate=True),
        Input(ids.run_now(ALL), "n_clicks"),
        State(ids.SEVERAL, "data"),
        prevent_initial_call=True,
    )
    def run(clicks: list[int | None], about: dict[str, Any]) -> tuple[Any, Any]:
        """Ask an analysis of the dataset that is shown, and go to its page."""
        if not any(clicks):
            raise PreventUpdate
        here, slug = workspace(), ctx.triggered_id["slug"]
        try:
            known = datasets.about(here, about["dataset"])
            parsed, proposed = chains.question(slug, known)
            stored = chains.answer(here, slug, known["id"], parsed)
            if stored is not None:
                return f"/{slug}?result={stored.key}", []
            job = house().engine.ask(here, slug, known, params.canonical(parsed), chains.notes(proposed))
        except Expected as error:
            return no_update, states.note("failed", error.message)
        return my_runs.address(job), []


def _home(deleted: str | None = None, **_: Any) -> html.Div:
    """The first page: a place to drop a table, or the open one at a glance and what can be asked of it."""
    here, settings = workspace(), house().settings
    known = datasets.current(here)
    if known is None:
        told = settings_page.deleted() if deleted else None
        return home.welcome(
            SAMPLES, settings.upload_limit_mb, settings.keep_days, runs.slots(attached()), told,
            is_ephemeral=house().is_ephemeral,
        )  # fmt: skip
    try:
        figures = datasets.profile(here, known["id"])
    except NotFound:
        return data.damaged(known)
    asked = [offers.followed(made, known["id"]) for made in offers.each(known)]
    with theme.drawn_in(look()):
        return home.glance(known, figures, asked, runs.slots(attached()))
