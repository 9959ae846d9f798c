"""A run as the page shows it: while it waits, while it works, and how it ended."""

from __future__ import annotations

from typing import Any

from dash import dcc, html
from dash.development.base_component import Component

from layouts import blocks, controls, ids, states, words
from services.jobs.record import Record


def slots(control: dict[str, Any], result: str | None = None) -> list[Component]:
    """What every page needs that can start a job: the stores between it and the engine."""
    return [
        dcc.Store(id=ids.CONTROL, data=control),
        dcc.Store(id=ids.TICKET),
        dcc.Store(id=ids.RESULT, data=result),
    ]


def places() -> list[Component]:
    """Where a run is shown on a page without a form."""
    return [html.Div(id=ids.RUNNING), html.Div(id=ids.STATE)]


def panel(job: Record, before: int = 0) -> html.Div:
    """Draw a live run; `before` is how many runs come before it."""
    if job.state == "queued":
        queue = [
            ("hourglass", f"{before} before yours" if before else "Starting", ""),
            ("hourglass", job.title, "yours"),
        ]
        drawn = controls.waiting(before + 1, starts=None, queue=queue, job=job.id)
        return html.Div([html.H2("Queued"), drawn], className="run-panel", role="status")
    steps = [controls.Step(label=s["label"], state="done", aside=_took(s["seconds"])) for s in _joined(job)]
    if job.label:
        steps.append(controls.Step(label=job.label, state="running"))
    percent = job.total >= 100  # a task that counts hundredths, not steps
    drawn = controls.running(
        job.label or "Starting",
        done=round(100 * job.done / job.total) if percent else min(job.done + 1, max(job.total, 1)),
        total=100 if percent else max(job.total, 1),
        share=job.done / job.total if job.total else 0,
        elapsed=job.seconds,
        left=job.left,
        mb=job.memory_mb or None,
        job=job.id,
        steps=steps,
        question="Close this tab if you like: the work goes on, and the answer will be here.",
    )
    title = "Running" if job.task == "analysis" else job.title
    return html.Div([html.H2(title), drawn], className="run-panel")


def _joined(job: Record) -> list[dict[str, Any]]:
    """The finished steps, each label once."""
    found: dict[str, float] = {}
    for step in job.steps:
        if step["label"] != "Starting":
            found[step["label"]] = found.get(step["label"], 0) + step["seconds"]
    return [{"label": label, "seconds": seconds} for label, seconds in found.items()]


def _took(seconds: float) -> str:
    return words.duration(seconds)


def ended(job: Record) -> Component | None:
    """Say how a run ended, unless it ended well."""
    kept = f" {len(job.kept)} finished steps are kept." if job.kept else ""
    ways = _ways(job)
    match job.state:
        case "failed" if job.incident:
            return states.mistake(job.incident, ways)
        case "failed":
            return states.note("failed", job.message, buttons=ways)
        case "cancelled":
            return states.note("stale", "You cancelled this run.", f"Nothing is lost.{kept}", ways)
        case "killed":
            return states.note("interrupted", job.message, f"The server itself kept running.{kept}", ways)
        case "interrupted":
            return states.note("interrupted", job.message, f"Nothing of yours is lost.{kept}", ways)
    return None


def refused(message: str) -> Component:
    """Say why a run could not be asked for."""
    return states.note("failed", message)


def _ways(job: Record) -> list[Component]:
    if job.task != "analysis":
        return [blocks.button("Close", kind="quiet", id=ids.again("discard"))]
    if job.state == "failed" and not job.incident:  # the question or the data must change first
        return [blocks.button("Close", kind="quiet", id=ids.again("discard"))]
    first = "Resume" if job.kept else "Run again"
    return [
        blocks.button(first, kind="primary", id=ids.again("resume")),
        blocks.button("Discard", kind="quiet", id=ids.again("discard")),
    ]
