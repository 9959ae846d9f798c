"""My runs: what has run, what can be done about it, and two runs compared."""

from __future__ import annotations

import datetime as dt
import hashlib
from typing import Any

import dash
from dash import Dash, html
from flask import Blueprint, Response, jsonify, request

from callbacks.house import house, workspace
from layouts.pages import compare, my_runs
from services import compare as differences
from services import datasets, params, results, runs
from services.analysis import find, find_all
from services.errors import NotFound
from services.results import StoredResult
from services.runs import Run
from services.workspace import Workspace

routes = Blueprint("my_runs", __name__)


def register(_: Dash) -> None:
    """Register the list and the comparison."""
    dash.register_page("my_runs", path="/runs", title="My runs · DataInsights", name="My runs", layout=_page)
    dash.register_page("compare", path="/compare", title="Compare runs · DataInsights", name="Compare", layout=_compare)


def tag(found: list[Run]) -> str:
    """Changes when the list of runs does: one came, ended, was seen, named, deleted or brought back."""
    said = [(run.record.id, run.record.state, run.is_news, run.name) for run in found]
    return hashlib.sha256(repr(said).encode()).hexdigest()[:12]


@routes.get("/_runs")
def listed() -> Response:
    """The list as it is now."""
    return jsonify(listing(workspace()))


@routes.post("/_runs/<job>/again")
def again(job: str) -> Response:
    """Ask a run's question once more, from what it kept or from nothing, and say where that is shown."""
    asked = house().engine.again(workspace(), job, fresh=bool(said("fresh")))
    return jsonify({"href": my_runs.address(asked)})


@routes.post("/_runs/<job>/name")
def rename(job: str) -> Response:
    """Give a run a name of its own."""
    here = workspace()
    runs.rename(here, job, str(said("name") or ""))
    return jsonify(listing(here))


@routes.post("/_runs/delete")
def delete() -> Response:
    """Put ended runs away."""
    here = workspace()
    runs.delete(house().engine, here, _jobs())
    return jsonify(listing(here))


@routes.post("/_runs/restore")
def restore() -> Response:
    """Bring deleted runs back."""
    here = workspace()
    runs.restore(here, _jobs())
    return jsonify(listing(here))


def said(name: str) -> Any:
    """What the body of the request says under a name; None when it says nothing."""
    try:
        body = request.get_json(silent=True)
    except RecursionError:  # nested without end
        return None
    return body.get(name) if isinstance(body, dict) else None


def _jobs() -> list[str]:
    jobs = said("jobs")
    return jobs if isinstance(jobs, list) else []


def _page(**_: Any) -> html.Div:
    """Everything the visitor has run, newest first."""
    return my_runs.page(listing(workspace()), house().settings.keep_days)


def listing(here: Workspace) -> dict[str, Any]:
    """The visitor's runs in words, and what was deleted last while it can be brought back."""
    engine, now = house().engine, dt.datetime.now()
    found = runs.each(engine, here)
    known = {each["id"]: each for each in datasets.each(here)}
    gone = runs.deleted(engine, here, now.timestamp())
    left = gone[0].marks.deleted + runs.UNDO_SECONDS - now.timestamp() if gone and gone[0].marks.deleted else 0
    return {
        "rows": [_line(here, run, known.get(run.record.dataset or ""), now) for run in found],
        "undo": my_runs.put_away(gone, left, now),
        "tag": tag(found),
    }


def _line(here: Workspace, run: Run, data: dict[str, Any] | None, now: dt.datetime) -> my_runs.Line:
    job = run.record
    analysis = find_all().get(job.slug)  # None when a later version of the server does not know it any more
    departed = []
    if analysis is not None:
        schema, roles = (datasets.schema(data), data["roles"]) if data else (None, {})
        departed = differences.departures(analysis.params, job.params, schema, roles)
    return my_runs.line(
        run,
        data=data,
        differs=departed,
        place=house().engine.place(job) if job.state == "queued" else 0,
        answer=_stored(here, run),
        resumes=runs.resumes(here, job),
        now=now,
    )


def _stored(here: Workspace, run: Run) -> StoredResult | None:
    """What a run's question was answered."""
    try:
        return results.get(here.result(run.record.key))
    except NotFound:
        return None


def _compare(a: str | None = None, b: str | None = None, **_: Any) -> html.Div:
    """Two done runs of the same analysis side by side."""
    here, engine = workspace(), house().engine
    choose = "Tick two done runs of the same analysis on My runs, then Compare."
    if not a or not b:
        return compare.refused("Two runs are needed", choose)
    try:
        found = [runs.get(engine, here, job) for job in (a, b)]
    except NotFound:
        return compare.refused("One of these runs is not here", "It was removed, or belongs to another browser.")
    left, right = found
    if a == b:
        return compare.refused("This is one and the same run", choose)
    if left.record.slug != right.record.slug or left.record.task != "analysis":
        titles = f"{left.record.title} and {right.record.title} answer different questions."
        return compare.refused("These runs cannot be compared", f"{titles} {choose}")
    stored = [_stored(here, run) if run.record.state == "done" else None for run in found]
    for run, result in zip(found, stored):
        if result is None:
            return compare.refused(f"{run.name} has no answer to compare", f"Only a done run has one. {choose}")
    declared = params.fields(find(left.record.slug).params)
    sides = [
        compare.Side(run=run, result=result, data=_data(here, run))
        for run, result in zip(found, stored)
        if result is not None
    ]
    return compare.page(left.record.title, declared, *sides)


def _data(here: Workspace, run: Run) -> str:
    try:
        known = datasets.about(here, run.record.dataset or "")
    except NotFound:
        return "Removed"
    return f"{known['name']} v{known['version']}"
