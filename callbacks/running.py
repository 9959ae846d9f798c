"""From a question to its answer: ask, follow, end. The same for every analysis and for what comes in."""

from __future__ import annotations

import time
from typing import Any

from dash import ALL, ClientsideFunction, Dash, Input, Output, State, ctx, no_update
from dash.exceptions import PreventUpdate

from callbacks import incoming
from callbacks.house import house, workspace
from callbacks.manager import REFUSED, JobManager
from layouts import controls, ids, runs
from services import datasets, params, preflight, results
from services import runs as past
from services.analysis import Shape, find
from services.errors import Expected, NotFound
from services.jobs.record import Record


def manager() -> JobManager:
    """The manager through which every background callback of ours runs."""
    return JobManager(panel)


def panel(job: Record) -> list[Any]:
    """Draw a live job for its page, and name the result so far that it shows."""
    before = house().engine.before(job) if job.state == "queued" else []
    shown = f"{job.key}.{job.partial}" if job.partial else None
    return [runs.panel(job, before), shown]


def register(app: Dash) -> None:
    """Wire the stores that `runs.slots` puts on a page."""
    _run(app)
    _end(app)
    _again(app)


def _run(app: Dash) -> None:
    @app.callback(
        Output(ids.TICKET, "data"),
        Input(ids.CONTROL, "data"),
        background=True,
        progress=[Output(ids.RUNNING, "children"), Output(ids.PARTIAL, "data")],
        interval=500,
    )
    def run(show: Any, control: dict[str, Any]) -> None:
        """The body stays empty: the manager runs the job in a process of its own and brings its end."""

    # The result so far, drawn when it is a new one.
    app.clientside_callback(
        ClientsideFunction("datainsights", "so_far"),
        Output(ids.RESULT, "data", allow_duplicate=True),
        Input(ids.PARTIAL, "data"),
        State(ids.RESULT, "data"),
        State(ids.drawn(ALL), "data"),
        prevent_initial_call=True,
    )

    # When the server says that something changed, follow what runs now: after a restart, from another tab.
    app.clientside_callback(
        ClientsideFunction("datainsights", "follow"),
        Output(ids.CONTROL, "data", allow_duplicate=True),
        Input(ids.PULSE, "data"),
        State(ids.CONTROL, "data"),
        State(ids.TOLD, "data"),  # not the ticket: who reads what a background callback writes, waits for it
        prevent_initial_call=True,
    )


def _end(app: Dash) -> None:
    # All outputs lie on the page. With one outside, Dash would ask for this when the page is drawn, have it wait for
    # whatever the page follows, and then drop it, and with it the first end that came meanwhile.
    @app.callback(
        Output(ids.RUNNING, "children", allow_duplicate=True),
        Output(ids.STATE, "children"),
        Output(ids.RESULT, "data", allow_duplicate=True),
        Output(ids.ONWARD, "data"),
        Output(ids.TOLD, "data"),
        Output(ids.error(ALL), "children", allow_duplicate=True),
        Output(ids.field(ALL), "className", allow_duplicate=True),
        Input(ids.TICKET, "data"),
        State(ids.drawn(ALL), "data"),
        State(ids.CONTROL, "data"),
        State(ids.TOLD, "data"),
        prevent_initial_call=True,
    )
    def end(
        ticket: dict[str, Any] | None, drawn: list[str | None], control: dict[str, Any] | None, told: str | None
    ) -> tuple[Any, ...]:
        """Show how a run ended; the record on disk says it, the ticket only which."""
        # Two tickets may say the same end: shown again, it could come back after it was put away.
        if not ticket or (told and ticket.get("job") == told):
            raise PreventUpdate
        names = [each["id"]["name"] for each in ctx.outputs_list[5]]
        fields = [no_update] * len(names), [no_update] * len(names)
        if ticket["state"] == REFUSED:
            return [], runs.refused(ticket["message"]), no_update, no_update, None, *fields
        try:
            job = house().engine.get(workspace(), ticket["job"])
        except NotFound:
            raise PreventUpdate from None
        past.see(house().engine, workspace(), job.id)
        if job.state != "done":
            so_far = f"{job.key}.{job.partial}" if job.partial else no_update
            if job.field in names:  # said where it is to be mended, and only there
                said = [controls.said(job.message) if name == job.field else None for name in names]
                return [], [], so_far, no_update, job.id, said, ["wrong" if name == job.field else "" for name in names]
            return (
                [],
                runs.ended(job, resumes=past.resumes(workspace(), job), sample=sample(job)),
                so_far,
                no_update,
                job.id,
                *fields,
            )
        if job.task == "analysis":
            return [], [], (no_update if _made(job) in drawn else job.outcome), no_update, job.id, *fields
        if job.task == "export":
            raise PreventUpdate
        page = f"{(control or {}).get('back') or incoming.page_of(workspace(), job)}?dataset={job.outcome}"
        return [], [], no_update, page, job.id, *fields

    app.clientside_callback(ClientsideFunction("datainsights", "go_on"), Input(ids.ONWARD, "data"))


def _again(app: Dash) -> None:
    @app.callback(
        Output(ids.CONTROL, "data", allow_duplicate=True),
        Output(ids.STATE, "children", allow_duplicate=True),
        Output(ids.URL, "href", allow_duplicate=True),
        Input(ids.again(ALL, ALL), "n_clicks"),
        State(ids.CONTROL, "data"),
        prevent_initial_call=True,
    )
    def again(clicks: list[int | None], control: dict[str, Any]) -> tuple[Any, Any, Any]:
        """Go on from what was kept, begin anew, take a sample, or put the message away."""
        if not any(clicks):
            raise PreventUpdate
        engine, here, way = house().engine, workspace(), ctx.triggered_id["action"]
        try:
            job = engine.get(here, str(ctx.triggered_id["job"]))
            if way == "discard":
                past.discard(engine, here, job.id)
                page = f"/{job.slug}?at={time.time():.0f}" if job.task == "analysis" else no_update
                return no_update, [], page
            if way == "sample":
                job = engine.again(here, job.id, changed={"sample_rows": sample(job)})
            else:
                job = engine.again(here, job.id, fresh=way == "restart")
        except Expected as error:
            return no_update, runs.refused(error.message), no_update
        return {**control, "action": "attach", "job": job.id, "at": time.time()}, [], no_update


def _made(job: Record) -> str | None:
    """What `ids.drawn` holds when the result of `job` is drawn as it is now."""
    try:
        return results.get(workspace().result(job.outcome or "")).identity
    except NotFound:
        return None


def sample(job: Record) -> int | None:
    """How many rows of the dataset a run that was stopped for memory could hold, when it may take a sample."""
    if job.state != "killed" or job.dataset is None:
        return None
    try:
        analysis, known = find(job.slug), datasets.about(workspace(), job.dataset)
        parsed = params.parse(analysis.params, job.params, datasets.schema(known))
    except Expected:
        return None
    shape = Shape(known["rows"], len(known["columns"]))
    # Half of what was free and of the rows: the prediction was too low once.
    half = min(known["rows"], job.params.get("sample_rows") or known["rows"]) // 2
    free = (job.ceiling_mb or 0) / 2
    return preflight.largest_sample(house().home.server, analysis, shape, parsed, free, at_most=half)
