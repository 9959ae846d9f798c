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
from callbacks.house import House, house, is_refused, workspace
from layouts import words
from layouts.pages import several
from layouts.pages.my_runs import address
from services import chains, eviction, memory, preflight, runs, stored
from services.errors import Foreign, NotFound
from services.jobs import lanes, record
from services.jobs.record import Record
from services.runs import Run
from services.workspace import Workspace

routes = Blueprint("pulse", __name__)

# Fifty tabs ask fifty times a second: what is the same for all of them is looked at this often, in seconds.
_MEMORY_EVERY, _JOB_EVERY, _DISK_EVERY = 0.5, 0.2, 5.0
_memo: dict[str, Any] = {"memory_at": 0.0, "memory": "", "job_at": 0.0, "job": None}
_guard, _disk_guard = threading.Lock(), threading.Lock()


@routes.get("/_pulse")
def pulse() -> Response:
    """Memory, the running job, the lock: with an ETag, so that nothing new costs nothing."""
    here, now = house(), workspace()
    mine = here.engine.mine(now)
    past = runs.among(now, mine)
    busy = _running(here) or _about_to_run(here, mine)
    seen = [busy.id if busy else "", *(f"{each.id}{each.state}" for each in mine[:50])]
    said = json.dumps(
        {
            "boot": here.boot,
            **_busy(here, busy, now.visitor),
            "waiting": _waiting(here, mine, busy),
            "live": sum(each.is_live for each in mine),
            "news": hashlib.sha256("".join(seen).encode()).hexdigest()[:12],
            "done": _done(now, mine, past),
            "runs": my_runs.tag(past),
            "refused": is_refused(),
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


@routes.post("/_jobs/<job>/enough")
def enough(job: str) -> Response:
    """Have the visitor's own running job end after the step that is being made."""
    house().engine.end_early(workspace(), job)
    return jsonify({})


@routes.post("/_cleanup")
def clean_up() -> Response:
    """Free what can be freed, and say how much it was."""
    if "visitor" not in session:
        raise Foreign("Open a page of this server first.")
    freed = clean(house())
    with _guard:
        _memo["memory_at"] = 0.0  # the gauge shows it at once
    with _disk_guard:
        house().disk_at = float("-inf")
    return jsonify(freed)


@routes.get("/_disk")
def disk() -> Response:
    """What lies on disk, for a popover that is open: looked at every few seconds at most, for all tabs together."""
    if "visitor" not in session:
        raise Foreign("Open a page of this server first.")
    here, now = house(), workspace()
    with _disk_guard:
        if time.monotonic() - here.disk_at > _DISK_EVERY:
            here.disk, here.disk_at = stored.sums(here.home), time.monotonic()
        sums = here.disk
    answer = jsonify(stored.told(here.home, sums, now, here.engine.mine(now)))
    answer.headers["Cache-Control"] = "no-store"
    return answer


def clean(here: House, *, disk: bool = True) -> dict[str, Any]:
    """End the reader, forget what is only remembered, return freed heap; on disk, evict what is due.

    A question that the reader is asked now is answered first, and the next starts a new one. Says in
    MB what server and reader hold less, and what lies on disk no more: measured, and a running job's
    memory left out, which comes and goes meanwhile.
    """
    views = here.home.server / "views"
    held, cached = _held(here), eviction.bytes_below(views)
    here.reader.rest(idle=0)
    here.views.clear()
    runs.forget_marks()
    gone = sweep(here, asked=True) if disk else []
    memory.give_back()
    left = _held(here)
    freed = max(0.0, held - left)
    on_disk = (sum(entry.bytes for entry in gone) + max(0, cached - eviction.bytes_below(views))) / memory.MB
    parts = [f"{words.megabytes(freed)} of memory"] if freed >= 1 else []
    parts += [f"{words.megabytes(on_disk)} of disk"] if on_disk >= 1 else []
    nothing = f"Nothing more to free: the server needs the {words.megabytes(left)} it holds."
    said = f"Freed {' and '.join(parts)}." if parts else nothing
    return {"memory": round(freed, 1), "disk": round(on_disk, 1), "said": said}


def _held(here: House) -> float:
    """What the server and its reader hold, in MB; jobs left out."""
    jobs: set[int] = set()
    for lane in lanes.LANES:
        holder = lanes.holder(here.home.server, lane)
        if holder is not None:
            jobs |= set(memory.tree(holder["pid"]))
    return memory.anonymous_mb(set(memory.tree(here.server)) - jobs)


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
            # Asked for, or after the clock was set back: what was opened in the time between two ticks stays.
            since=min(here.swept, now - settings.evict_every_s) if asked or here.swept > now else here.swept,
            now=now,
        )
    if not asked:
        here.swept = now
    stored.note(here.home, gone, now)
    return gone


def _memory(here: House) -> str:
    """What the gauge shows, as JSON."""
    with _guard:
        now = time.monotonic()
        if now - _memo["memory_at"] > _MEMORY_EVERY:
            seen = measure(here)
            here.history.add(seen["used"], time.time())
            shown = {"history": here.history.as_json(), "cleaned": here.cleaned}
            _memo.update(memory_at=now, memory=json.dumps(seen | shown))
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
        "together": mine and job.parts > 1,
        "href": _href(job) if mine else None,
        "job": job.id if mine else None,
    }
    return {"busy": busy, "lock": mine or here.settings.nav_lock == "everyone"}


def _about_to_run(here: House, mine: list[Record]) -> Record | None:
    """Between two parts of a chain, the next one: nobody is told for a moment that all is over."""
    first = min((each for each in mine if each.is_live), key=lambda each: each.sequence, default=None)
    if first is None or first.state != "queued" or first.part < 2 or here.engine.place(first) > 1:
        return None
    return first


def _waiting(here: House, mine: list[Record], busy: Record | None) -> dict[str, Any] | None:
    """The visitor's run that waits first; one that waits for another part of its chain is not told beside that one."""
    queued = [each for each in mine if each.state == "queued" and not (busy and each.together == busy.together)]
    first = min(queued, key=lambda each: each.sequence, default=None)
    if first is None:
        return None
    href = several.address(first.chain) if first.chain else None
    return {"name": _short(first), "position": here.engine.place(first), "job": first.id, "href": href}


def _done(now: Workspace, mine: list[Record], past: list[Run]) -> dict[str, Any] | None:
    """The newest that ended unseen, and how many there are; what was asked together is one, once all of it ended."""
    live = {each.chain for each in mine if each.is_live and each.chain}
    news = [run for run in past if run.is_news and run.record.chain not in live]
    if not news:
        return None
    newest, count = news[0].record, len({run.record.together for run in news})
    told = {"name": news[0].marks.name or newest.title.split()[0], "href": address(newest), "state": newest.state}
    if newest.chain and newest.parts > 1:
        with contextlib.suppress(NotFound):  # what is left of it are runs as any
            chain = chains.find(now, newest.chain, mine)
            ended = "done" if chain.counts() == {"done": len(chain.parts)} else "failed"
            told = {"said": several.said(chain), "href": several.address(chain.id), "state": ended}
    return {**told, "job": newest.id, "count": count}


def _short(job: Record) -> str:
    if job.task != "analysis":
        return job.title
    name = job.title.split()[0]
    return f"{job.part} of {job.parts}: {name}" if job.parts > 1 else name


def _href(job: Record) -> str:
    if job.chain:
        return several.address(job.chain)
    return address(job) if job.task == "analysis" else "/data"


def server_process() -> int:
    """The topmost process of this server: gunicorn's master where there is one."""
    return os.getppid() if "gunicorn" in os.environ.get("SERVER_SOFTWARE", "") else os.getpid()
