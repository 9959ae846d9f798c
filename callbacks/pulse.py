"""The state of the server in one small answer, asked for by every tab; and what can be done about it."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import threading
import time
from typing import Any

from flask import Blueprint, Response, jsonify, request, session

from callbacks import my_runs
from callbacks.house import House, house, workspace
from layouts import words
from layouts.pages.my_runs import address
from services import eviction, memory, preflight, runs
from services.errors import Foreign, NotFound
from services.jobs import lanes, record
from services.jobs.record import Record
from services.runs import Run

routes = Blueprint("pulse", __name__)

# Fifty tabs ask fifty times a second: what is the same for all of them is looked at this often, in seconds.
_MEMORY_EVERY, _JOB_EVERY = 0.5, 0.2
_memo: dict[str, Any] = {"memory_at": 0.0, "memory": "", "job_at": 0.0, "job": None}
_guard = threading.Lock()


@routes.get("/_pulse")
def pulse() -> Response:
    """Memory, the running job, the lock: with an ETag, so that nothing new costs nothing."""
    here, now = house(), workspace()
    mine = here.engine.mine(now)
    past = runs.among(now, mine)
    busy = _running(here)
    seen = [busy.id if busy else "", *(f"{each.id}{each.state}" for each in mine[:50])]
    said = json.dumps(
        {
            "boot": here.boot,
            **_busy(here, busy, now.visitor),
            "waiting": _waiting(here, mine),
            "live": sum(each.is_live for each in mine),
            "news": hashlib.sha256("".join(seen).encode()).hexdigest()[:12],
            "done": _done(past),
            "runs": my_runs.tag(past),
        }
    )
    body = f'{{"memory": {_memory(here)}, {said[1:]}'
    tag = hashlib.sha256(body.encode()).hexdigest()[:16]
    if request.if_none_match.contains(tag):
        answer = Response(status=304)
    else:
        answer = Response(body, mimetype="application/json")
    answer.set_etag(tag)
    answer.headers["Cache-Control"] = "no-cache, private"
    return answer


@routes.post("/_jobs/<job>/cancel")
def cancel(job: str) -> Response:
    """Withdraw or cancel one of the visitor's own jobs."""
    house().engine.cancel(workspace(), job)
    return jsonify({})


@routes.post("/_jobs/<job>/skip")
def skip(job: str) -> Response:
    """Have one step of the visitor's own running job skipped: the one that was on their screen."""
    house().engine.skip(workspace(), job, str(my_runs.said("step")))
    return jsonify({})


@routes.post("/_cleanup")
def clean_up() -> Response:
    """Free what can be freed: the reader, cached views, large tables that nobody opened."""
    if "visitor" not in session:
        raise Foreign("Open a page of this server first.")
    here = house()
    before = measure(here)["used"]
    here.reader.stop()
    here.views.clear()
    gone = sweep(here, asked=True)
    freed_disk = sum(entry.bytes for entry in gone) / memory.MB
    freed = max(0, before - measure(here)["used"])
    return jsonify({"said": f"Freed {words.megabytes(freed)} of memory and {words.megabytes(freed_disk)} of disk."})


def sweep(here: House, *, asked: bool = False) -> list[eviction.Entry]:
    """Evict what is due since the last sweep, and remember what went last.

    Asked for between two ticks, it takes nothing that the tick would not have taken yet.
    """
    now, settings = time.time(), here.settings
    with lanes.alone(here.home.server / "queue.lock"):  # nobody asks what is about to go
        live = [job for _, job in here.engine.live()]
        gone = eviction.sweep(
            here.home,
            live={job.key for job in live} | {job.params["result"] for job in live if job.task == "export"},
            over_mb=settings.evict_over_mb,
            budget_mb=settings.results_budget_mb,
            since=min(here.swept, now - settings.evict_every_s) if asked else here.swept,
            now=now,
        )
    if not asked:
        here.swept = now
    if gone:
        here.evicted = f"{gone[-1].name}, {words.size(gone[-1].bytes)}, at {time.strftime('%H:%M')}"
    return gone


def _memory(here: House) -> str:
    """What the gauge shows, as JSON."""
    with _guard:
        now = time.monotonic()
        if now - _memo["memory_at"] > _MEMORY_EVERY:
            names = {"datasets": "Datasets", "results": "Results and checkpoints"}
            disk = [{"name": f"{names[k]}, {n}", "mb": round(b / memory.MB)} for k, (n, b) in here.disk.items()]
            _memo.update(memory_at=now, memory=json.dumps(measure(here) | {"disk": disk}))
        return _memo["memory"]


def _running(here: House) -> Record | None:
    """The job that holds the heavy lane."""
    with _guard:
        now = time.monotonic()
        if now - _memo["job_at"] > _JOB_EVERY:
            _memo.update(job_at=now, job=None)
            holder = lanes.holder(here.home.server, lanes.HEAVY)
            if holder is not None:
                with contextlib.suppress(NotFound):
                    _memo["job"] = record.read(here.home.workspace(holder["visitor"]).job(holder["job"]))
        return _memo["job"]


def measure(here: House) -> dict[str, Any]:
    engine = here.engine
    server = set(memory.tree(here.server))
    reader = set(memory.tree(here.reader.pid)) if here.reader.pid else set()
    jobs: set[int] = set()
    for lane in lanes.LANES:
        holder = lanes.holder(here.home.server, lane)
        if holder is not None:
            jobs |= set(memory.tree(holder["pid"]))
    parts = {
        "Server": memory.anonymous_mb(server - reader - jobs),
        "Reader": memory.anonymous_mb(reader),
        "Job": memory.anonymous_mb(jobs),
    }
    if here.limit.members is not None:
        everyone = {int(pid) for pid in here.limit.members.read_text().split()}
        other = memory.anonymous_mb(everyone - server - reader - jobs)
        if other >= 1:
            parts["Other"] = other
    used = sum(parts.values())
    free = max(0, here.limit.mb - engine.bounds.reserve_mb - preflight.SUPERVISOR_MB - used)
    return {
        "used": round(used),
        "limit": here.limit.mb,
        "share": round(used / here.limit.mb, 3),
        "band": memory.band(used / here.limit.mb),
        "parts": [{"name": name, "mb": round(mb)} for name, mb in parts.items()],
        "free": round(free),
        "source": here.limit.source,
        "history": here.history[-120:],
        "evicted": here.evicted,
    }


def _busy(here: House, job: Record | None, visitor: str) -> dict[str, Any]:
    if job is None:
        return {"busy": None, "lock": False}
    mine = job.visitor == visitor
    busy = {
        "name": _short(job) if mine else "analysis",
        "title": job.title if mine else "Another visitor's analysis",
        "label": job.label if mine else "",
        "done": job.done,
        "total": job.total,
        "share": round(job.done / job.total, 3) if job.total else 0,
        "elapsed": round(job.seconds),
        "left": None if job.left is None else round(job.left),
        "mine": mine,
        "href": _href(job) if mine else None,
        "job": job.id if mine else None,
    }
    return {"busy": busy, "lock": mine or here.settings.nav_lock == "everyone"}


def _waiting(here: House, mine: list[Record]) -> dict[str, Any] | None:
    first = min((each for each in mine if each.state == "queued"), key=lambda each: each.sequence, default=None)
    if first is None:
        return None
    return {"name": _short(first), "position": here.engine.place(first), "job": first.id}


def _done(past: list[Run]) -> dict[str, Any] | None:
    """The newest run that ended unseen, and how many there are."""
    news = [run for run in past if run.is_news]
    if not news:
        return None
    newest = news[0].record
    name = news[0].marks.name or _short(newest)
    return {"name": name, "href": _href(newest), "state": newest.state, "job": newest.id, "count": len(news)}


def _short(job: Record) -> str:
    return job.title.split()[0] if job.task == "analysis" else job.title


def _href(job: Record) -> str:
    return address(job) if job.task == "analysis" else "/data"


def server_process() -> int:
    """The topmost process of this server: gunicorn's master where there is one."""
    return os.getppid() if "gunicorn" in os.environ.get("SERVER_SOFTWARE", "") else os.getpid()
