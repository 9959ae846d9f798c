"""My runs: everything a visitor has run, as lines that assets/runs.js draws.

A row of a table costs Dash's renderer some twenty components, and this list is as long as a week is
busy. So what is said is decided here, in words, and the browser builds the table from it.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping, Sequence
from typing import Any

from dash import html

from layouts import blocks, ids, runs, states, words
from services.jobs.record import Record
from services.params import Choice, Date, Field, Flag, Text
from services.results import StoredResult
from services.runs import Run

Line = dict[str, Any]

# Icon, word and tone of a run's state.
STATES = {
    "queued": ("hourglass", "Queued", "plain"),
    "running": ("loader", "Running", "running"),
    "done": ("circle-check", "Done", "plain"),
    "killed": ("circle-stop", "Stopped", "stopped"),
    "interrupted": ("circle-stop", "Interrupted", "stopped"),
    "failed": ("circle-alert", "Failed", "stopped"),
    "cancelled": ("circle-x", "Cancelled", "plain"),
}
_UNFINISHED = frozenset({"queued", "running", "killed", "interrupted", "cancelled"})


def page(listing: Mapping[str, Any], days: int) -> html.Div:
    """Lay out the page; `listing` is what the script draws at first."""
    empty = states.empty(
        "Nothing has run yet",
        "Every run is listed here with what it was asked and how it ended: open it again, compare two of them, "
        "run one once more. You can close the tab meanwhile; the list will know.",
        blocks.button("Choose an analysis", kind="primary", href="/"), height=280,
    )  # fmt: skip
    return blocks.page(
        blocks.header(
            "My runs",
            f"Everything you have run in this browser, newest first. Kept {words.plural(days, 'day')} after last use.",
            [html.Div(id=ids.MY_RUNS_TOOLS, className="actions")],
        ),
        html.Div(id=ids.MY_RUNS, className="my-runs", **{"data-listing": as_text(listing)}),
        html.Div(empty, id=ids.MY_RUNS_EMPTY, hidden=bool(listing["rows"])),
        *runs.slots({}),
        *runs.places(),
    )


def as_text(listing: Mapping[str, Any]) -> str:
    """Say it to the script that builds the table."""
    return json.dumps(listing, ensure_ascii=False, separators=(",", ":"))


def line(
    run: Run,
    *,
    data: Mapping[str, Any] | None,
    differs: Sequence[tuple[Field, Any]],
    place: int,
    answer: StoredResult | None,
    resumes: bool,
    now: dt.datetime,
) -> Line:
    """One run in words.

    `data` is its dataset, None when that was removed; `place` its place in the queue; `answer` what
    its question was answered, by this run or another; `resumes` whether steps of it are kept.
    """
    job = run.record
    symbol, said, tone = STATES[job.state]
    if job.state == "queued":
        said += f", {words.ordinal(place)}"
    elif job.state == "killed" and "memory" in job.message.lower():
        said += ", memory"
    parts = [phrase(each, value) for each, value in differs]
    evicted = job.state == "done" and answer is not None and bool(answer.evicted())
    took = answer.about["seconds"] if job.state == "done" and answer is not None else job.seconds
    made = dt.datetime.fromtimestamp(job.made)
    return {
        "id": job.id,
        "slug": job.slug,
        "title": job.title,
        "name": run.name,
        "named": run.marks.name,
        "news": run.is_news,
        "part": f"{job.part} of {job.parts}" if job.chain and job.parts > 1 else "",
        "chain": f"/several?chain={job.chain}" if job.chain else None,
        "dataset": job.dataset,
        "data": data["name"] if data else "Removed",
        "version": f"v{data['version']}" if data else "",
        "differs": " \u00b7 ".join(parts) or words.NONE,
        "usual": not parts,
        "icon": symbol,
        "state": said,
        "tone": tone,
        "badge": "Table evicted" if evicted else "",
        "share": _share(job) if job.state == "running" else None,
        "why": "" if job.state == "done" else job.message,
        "when": when(made, now),
        "at": words.moment(made),
        "took": words.NONE if job.started is None else words.duration(took),
        "peak": words.megabytes(job.peak_mb) if job.peak_mb >= 0.5 else words.NONE,
        "live": job.is_live,
        "done": job.state == "done",
        "unfinished": job.is_live or (job.state in _UNFINISHED and answer is None and not run.marks.dismissed),
        "href": f"/{job.slug}?result={answer.key}" if answer is not None and not job.is_live else address(job),
        "again": data is not None,
        "does": does(job, evicted=evicted, lost=data is None, answered=answer is not None, resumes=resumes),
    }


def does(job: Record, *, evicted: bool, lost: bool, answered: bool, resumes: bool) -> tuple[str, str]:
    """What a line offers first: the word, and what it does: open, withdraw, resume or fresh (run from nothing).

    A run whose dataset is `lost` cannot be made again; one whose question was `answered` since need not.
    """
    match job.state:
        case "queued":
            return "Withdraw", "withdraw"
        case "running":
            return "Watch", "open"
        case "done":
            return ("Make again", "fresh") if evicted and not lost else ("Open", "open")
    if answered:
        return "Open", "open"
    if lost or job.state == "failed":
        return "See why", "open"
    return ("Resume", "resume") if resumes else ("Run again", "fresh")


def address(job: Record) -> str:
    """Where a run is shown: its result, or how it goes and how it ended."""
    return f"/{job.slug}?result={job.outcome}" if job.state == "done" else f"/{job.slug}?run={job.id}"


def phrase(each: Field, value: Any) -> str:
    """A parameter and its value in a few words: scores from 1 to 3, no amount, refunds leave out."""
    label = _lowered(each.kind.label)
    if isinstance(each.kind, Flag):
        return label if value else f"no {label}"
    if value in (None, "", []):
        return f"no {label}"
    said = answer(each, value)
    return f"{label} {_lowered(said) if isinstance(each.kind, Choice) else said}"


def answer(each: Field, value: Any) -> str:
    """The value of a parameter as people read it."""
    if value in (None, "", []):
        return words.NONE
    if isinstance(value, list):
        return ", ".join(str(one) for one in value)
    match each.kind:
        case Flag():
            return "Yes" if value else "No"
        case Choice():
            return each.kind.options.get(value, str(value))
        case Text(told=told) if told is not None:
            return told(value)
        case Date():
            return words.day(dt.date.fromisoformat(value))
    return f"{value:g}" if isinstance(value, float) else str(value)


def when(made: dt.datetime, now: dt.datetime) -> str:
    """The time of day, and which day unless it is today: 14:32; 2 Jan, 14:32."""
    if made.date() == now.date():
        return f"{made:%H:%M}"
    year = "" if made.year == now.year else f" {made.year}"
    return f"{made.day} {made:%b}{year}, {made:%H:%M}"


def put_away(gone: Sequence[Run], seconds: float, now: dt.datetime) -> dict[str, Any] | None:
    """What the bar says that brings deleted runs back, `seconds` from now for the last time."""
    if not gone:
        return None
    minutes = words.plural(max(1, round(seconds / 60)), "minute")
    if len(gone) == 1:
        made = dt.datetime.fromtimestamp(gone[0].record.made)
        said = f"Deleted “{gone[0].name}, {when(made, now)}”. It can be brought back for {minutes}."
    else:
        said = f"Deleted {words.plural(len(gone), 'run')}. They can be brought back for {minutes}."
    return {"said": said, "jobs": [run.record.id for run in gone]}


def _share(job: Record) -> float:
    return round(job.done / job.total, 3) if job.total else 0.0


def _lowered(text: str) -> str:
    """Begin small, unless it begins with capitals that stand for words."""
    return text if text[1:2].isupper() else text[:1].lower() + text[1:]
