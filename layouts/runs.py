"""A run as the page shows it: while it waits, while it works, and how it ended."""

from __future__ import annotations

from collections.abc import Sequence
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
        dcc.Store(id=ids.PARTIAL),
        dcc.Store(id=ids.TOLD),
        dcc.Store(id=ids.ONWARD),
    ]


def places() -> list[Component]:
    """Where a run is shown on a page without a form."""
    return [html.Div(id=ids.RUNNING), html.Div(id=ids.STATE)]


def panel(job: Record, before: Sequence[Record] = ()) -> html.Div:
    """Draw a live run; `before` are the runs that come before it, anybody's."""
    if job.state == "queued":
        queue = [*(_ahead(each, job) for each in before), ("hourglass", job.title, "yours")]
        drawn = controls.waiting(
            1 + sum(each.state == "queued" for each in before), starts=_starts(before), queue=queue, job=job.id
        )
        title = "Queued" if job.task == "analysis" else job.title
        return html.Div([html.H2(title), drawn], className="run-panel", role="status")
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
        steps=_steps(job),
        skip=job.making if job.may_skip else None,
        question="Close this tab if you like: the work goes on, and My runs will have the answer.",
    )
    title = "Running" if job.task == "analysis" else job.title
    return html.Div([html.H2(title), drawn], className="run-panel")


def _ahead(each: Record, mine: Record) -> tuple[str, str, str]:
    """A run that comes first: icon, name, aside. Another visitor's stays nameless."""
    name = each.title if each.visitor == mine.visitor else "Another visitor\u2019s run"
    if each.state == "queued":
        return "hourglass", name, ""
    return "loader", name, f"{words.about(each.left)} left" if each.left is not None else "running"


def _starts(before: Sequence[Record]) -> float | None:
    """Seconds until the first in the queue starts, when the one that runs can say."""
    return before[0].left if len(before) == 1 else None


def _steps(job: Record) -> list[controls.Step]:
    """What is done, what was stopped, what is being done."""
    found: dict[str, float] = {}
    for step in job.steps:  # a label that came back, with a step of the analysis in between, is one line
        if step["label"] != "Starting":
            found[step["label"]] = found.get(step["label"], 0) + step["seconds"]
    lost = {each["name"]: _SHORT[each["kind"]] for each in job.stopped}
    steps = [
        controls.Step(label=label, state="stopped", aside=lost.pop(label))
        if label in lost
        else controls.Step(label=label, state="done", aside=words.duration(took))
        for label, took in found.items()
    ]
    if job.found:
        said = f"{words.plural(job.found, 'step')} found from before"
        steps.insert(0, controls.Step(label=said, state="done"))
    steps += [controls.Step(label=name, state="stopped", aside=why) for name, why in lost.items()]
    return [*steps, controls.Step(label=job.label, state="running")] if job.label else steps


_SHORT = {"time": "too slow", "memory": "memory", "skipped": "skipped", "crash": "crashed"}


def ended(job: Record, *, resumes: bool = False, sample: int | None = None) -> Component | None:
    """Say how a run ended, unless it ended well.

    `resumes` says whether its steps are still kept, `sample` how many rows would fit, where that would help.
    """
    ways = _ways(job, resumes, sample)
    if job.state == "failed":
        if job.incident:
            return states.mistake(job.incident, ways)
        return states.note("failed", job.message, buttons=ways)
    if job.state not in {"cancelled", "killed", "interrupted"}:
        return None
    if job.task != "analysis" or not (resumes or job.partial):
        said = {"cancelled": "You cancelled this run.", "killed": job.message, "interrupted": job.message}[job.state]
        if job.message == "Withdrawn.":
            said = "You withdrew this run."
        kept = "The server itself kept running. " if job.state == "killed" else ""
        kind: states.NoteKind = "stale" if job.state == "cancelled" else "interrupted"
        return states.note(kind, said, f"{kept}Nothing of yours is lost.", ways)
    steps = words.plural(len(job.kept), "finished step")
    costs = f"Resume goes on after {steps}. Restart and Discard forget them." if resumes else None
    return states.stopped(_where(job), _why(job, steps if resumes else None), ways, costs)


def _where(job: Record) -> str:
    """Where a run ended early, in a sentence."""
    at = f" on \u201c{job.label}\u201d" if job.label and job.label != "Starting" else ""
    far = f" after {job.done} of {job.total} steps" if 0 < job.done < job.total < 100 else ""
    match job.state:
        case "cancelled":
            return f"You cancelled this run{far}." if job.message == "Cancelled." else job.message
        case "killed" if "MB" in job.message:
            return f"Stopped at {round(job.peak_mb)} MB{at}."
        case "killed":
            return job.message
    return f"Interrupted{at}{far}."


def _why(job: Record, steps: str | None) -> str:
    kept = f"{steps[:1].upper()}{steps[1:]} {'is' if len(job.kept) == 1 else 'are'} kept." if steps else ""
    match job.state:
        case "killed":
            why = f"{job.message} The server itself kept running, and nothing else was lost."
        case "interrupted":
            why = "The server was stopped or crashed while this ran. Nothing of yours is lost."
            if "disk" in job.message:
                why = f"{job.message} Nothing of yours is lost."
        case _:
            why = "Nothing is lost."
    return " ".join(filter(None, [why, kept]))


def refused(message: str) -> Component:
    """Say why a run could not be asked for."""
    return states.note("failed", message)


def _ways(job: Record, resumes: bool, sample: int | None) -> list[Component]:
    """What can be done about a run that ended early."""
    discard = blocks.button("Discard", kind="danger", id=ids.again("discard", job.id))
    if job.task != "analysis" or (job.state == "failed" and not job.incident):
        # The question or the data must change first.
        return [blocks.button("Close", kind="quiet", id=ids.again("discard", job.id))]
    ways: list[Component] = []
    if resumes:
        ways.append(blocks.button("Resume", kind="primary", id=ids.again("resume", job.id), symbol="play"))
    if sample is not None:
        kind = "secondary" if ways else "primary"
        ways.append(blocks.button(f"Run on {words.count(sample)} rows", kind=kind, id=ids.again("sample", job.id)))
    again = "Restart" if resumes else "Run again"
    kind = "secondary" if ways else "primary"
    return [*ways, blocks.button(again, kind=kind, id=ids.again("restart", job.id), symbol="rotate-ccw"), discard]
