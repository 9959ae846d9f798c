"""From a question to its answer: ask, follow, end. The same for every analysis and for what comes in."""

from __future__ import annotations

import time
from typing import Any

from dash import ALL, ClientsideFunction, Dash, Input, Output, State, ctx, no_update
from dash.exceptions import PreventUpdate

from callbacks.house import house, workspace
from callbacks.manager import REFUSED, JobManager
from layouts import ids, runs
from services.errors import NotFound
from services.jobs.record import Record


def manager() -> JobManager:
    """The manager through which every background callback of ours runs."""
    return JobManager(panel)


def panel(job: Record) -> Any:
    """Draw a live job for its page."""
    return runs.panel(job, house().engine.position(job) if job.state == "queued" else 0)


def register(app: Dash) -> None:
    """Wire the stores that `runs.slots` puts on a page."""

    @app.callback(
        Output(ids.TICKET, "data"),
        Input(ids.CONTROL, "data"),
        background=True,
        progress=[Output(ids.RUNNING, "children")],
        interval=500,
    )
    def run(show: Any, control: dict[str, Any]) -> None:
        """The body stays empty: the manager runs the job in a process of its own and brings its end."""

    @app.callback(
        Output(ids.RUNNING, "children", allow_duplicate=True),
        Output(ids.STATE, "children"),
        Output(ids.RESULT, "data", allow_duplicate=True),
        Output(ids.URL, "href"),
        Input(ids.TICKET, "data"),
        State(ids.RESULT, "data"),
        State(ids.CONTROL, "data"),
        prevent_initial_call=True,
    )
    def end(ticket: dict[str, Any] | None, shown: str | None, control: dict[str, Any] | None) -> tuple[Any, ...]:
        """Show how a run ended; the record on disk says it, the ticket only which."""
        if not ticket or ticket["state"] == "none":
            raise PreventUpdate
        if ticket["state"] == REFUSED:
            return [], runs.refused(ticket["message"]), no_update, no_update
        try:
            job = house().engine.get(workspace(), ticket["job"])
        except NotFound:
            raise PreventUpdate from None
        if job.state != "done":
            return [], runs.ended(job), no_update, no_update
        if job.task == "analysis":
            return [], [], (job.outcome if job.outcome != shown else no_update), no_update
        if job.task == "export":
            raise PreventUpdate
        return [], [], no_update, f"{(control or {}).get('back') or '/data'}?dataset={job.outcome}"

    @app.callback(
        Output(ids.CONTROL, "data", allow_duplicate=True),
        Output(ids.STATE, "children", allow_duplicate=True),
        Input(ids.again(ALL), "n_clicks"),
        State(ids.TICKET, "data"),
        State(ids.CONTROL, "data"),
        prevent_initial_call=True,
    )
    def again(clicks: list[int | None], ticket: dict[str, Any], control: dict[str, Any]) -> tuple[Any, Any]:
        """Run the same question once more (what was kept is found), or put the message away."""
        if not any(clicks):
            raise PreventUpdate
        if ctx.triggered_id == ids.again("discard"):
            return no_update, []
        job = house().engine.get(workspace(), ticket["job"])
        asked = {"action": "run", "slug": job.slug, "dataset": job.dataset, "params": job.params, "at": time.time()}
        return {**control, **asked}, []

    # When the server says that something changed, follow what runs now: after a restart, from another tab.
    app.clientside_callback(
        ClientsideFunction("datainsights", "follow"),
        Output(ids.CONTROL, "data", allow_duplicate=True),
        Input(ids.PULSE, "data"),
        State(ids.CONTROL, "data"),
        prevent_initial_call=True,
    )
