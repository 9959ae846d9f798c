"""Several analyses at once: what can be ticked, asking for it, and how it goes."""

from __future__ import annotations

import contextlib
import datetime as dt
from typing import Any

import dash
from dash import ALL, ClientsideFunction, Dash, Input, Output, State, ctx, html, no_update
from dash.exceptions import PreventUpdate

from callbacks import offers
from callbacks.analyses import free_mb
from callbacks.house import house, workspace
from layouts import ids, states
from layouts.pages import several
from services import chains, datasets, runs
from services.chains import Chain
from services.errors import Expected, NotFound
from services.jobs import lanes


def register(app: Dash) -> None:
    """Register the page, the button that runs what is ticked, and the one that cancels it."""
    title = "Run several analyses · DataInsights"
    dash.register_page("several", path="/several", title=title, name="Run several analyses", layout=_page)

    @app.callback(
        Output(ids.SEVERAL_BAR, "children"),
        Output(ids.SEVERAL_NOTE, "children", allow_duplicate=True),
        Input(ids.tick(ALL), "value"),
        Input(ids.CHAIN_NEWS, "data"),
        State(ids.SEVERAL, "data"),
        prevent_initial_call=True,
    )
    def weigh(_: list[bool | None], __: Any, about: dict[str, Any]) -> tuple[Any, Any]:
        """Say what would run and what that would cost; what was refused before is forgotten when that changes."""
        slugs = _ticked(ctx.inputs_list[0])
        note = no_update if ctx.triggered_id == ids.CHAIN_NEWS else []
        try:
            known = datasets.about(workspace(), about["dataset"])
        except NotFound:
            return several.bar(refused="This table was removed. Open another one, or add it again."), note
        free = free_mb(house())
        asked = [offers.offer(slug, known, free) for slug in slugs]
        waits = lanes.holder(house().home.server, lanes.HEAVY) is not None
        return several.bar(asked, free, waits=waits), note

    @app.callback(
        Output(ids.URL, "href", allow_duplicate=True),
        Output(ids.SEVERAL_NOTE, "children"),
        Input(ids.RUN_SEVERAL, "n_clicks"),
        State(ids.tick(ALL), "value"),
        State(ids.SEVERAL, "data"),
        prevent_initial_call=True,
    )
    def run(clicks: int | None, _: list[bool | None], about: dict[str, Any]) -> tuple[Any, Any]:
        """Ask for all that is ticked, and show how it goes."""
        if not clicks:
            raise PreventUpdate
        here, before = workspace(), _chain(about["chain"])
        try:
            known = datasets.about(here, about["dataset"])
            chain = chains.ask(house().engine, here, known, _ticked(ctx.states_list[0]))
        except Expected as error:
            return no_update, states.note("failed", error.message)
        if before is not None and before.id == chain and not about.get("elsewhere"):
            return no_update, states.note("stale", "These are on their way already.", "See above how they go.")
        return several.address(chain), []

    @app.callback(
        Output(ids.CHAIN, "children"),
        Input(ids.CHAIN_NEWS, "data"),
        State(ids.SEVERAL, "data"),
        prevent_initial_call=True,
    )
    def follow(_: Any, about: dict[str, Any]) -> Any:
        """Draw the chain as it is now: the one that the address names, else the newest."""
        found = _chain(about["chain"])
        return [] if found is None else _shown(found)

    @app.callback(
        Output(ids.CHAIN, "children", allow_duplicate=True),
        Input(ids.cancel_all(ALL), "n_clicks"),
        prevent_initial_call=True,
    )
    def cancel(clicks: list[int | None]) -> Any:
        """Withdraw what waits and cancel what runs."""
        if not any(clicks):
            raise PreventUpdate
        chain = ctx.triggered_id["chain"]
        chains.cancel(house().engine, workspace(), chain)
        found = _chain(chain)
        return [] if found is None else _shown(found)

    app.clientside_callback(
        ClientsideFunction("datainsights", "tick_all"),
        Output(ids.tick(ALL), "value"),
        Input(ids.TICK_ALL, "n_clicks"),
        State(ids.tick(ALL), "value"),
        prevent_initial_call=True,
    )


def _page(chain: str | None = None, dataset: str | None = None, **_: Any) -> html.Div:
    """What can be ticked, and the chain that the address names or the newest."""
    here = workspace()
    if dataset:
        with contextlib.suppress(NotFound):
            datasets.open_(here, dataset)
    known, found = datasets.current(here), _chain(chain)
    if known is None and found is None:
        return several.empty()
    if found is not None:
        _shown(found)
    drawn = several.page(
        offers.each(known) if known is not None else [],
        known["name"] if known else "",
        found,
        {"dataset": known["id"] if known else "", "chain": chain if found is not None else None},
        first=found is not None and (chain is not None or found.is_live),
    )
    if chain is not None and found is None:
        drawn.children.insert(1, several.missing())
    return drawn


def _chain(chain: str | None) -> Chain | None:
    """The chain of that id; the newest one when none is named."""
    here = workspace()
    jobs = house().engine.mine(here)
    if not chain:
        return chains.newest(here, jobs)
    try:
        return chains.find(here, chain, jobs)
    except NotFound:
        return None


def _shown(chain: Chain) -> Any:
    """The chain drawn; how its parts ended was seen then."""
    runs.see(house().engine, workspace(), *(part.job.id for part in chain.ended if part.job is not None))
    return several.view(chain, dt.datetime.now())


def _ticked(boxes: list[dict[str, Any]]) -> list[str]:
    return [each["id"]["slug"] for each in boxes if each.get("value")]
