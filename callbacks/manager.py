"""Dash's background callbacks on our engine: its trigger, polling and way back, our durable jobs.

Dash's own manager forks the threaded server, loses results on reload and dies silently. This
subclass keeps its interface and machinery and answers every poll from the job's record, which any
tab, any worker and the next server can read. Nothing is consumed by reading it; the browser never
names a process.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from typing import Any

from dash.background_callback.managers import BaseBackgroundCallbackManager
from dash.background_callback.managers.diskcache_manager import DiskcacheManager

from callbacks import incoming
from callbacks.house import house, workspace
from services import datasets, runs
from services.errors import Expected, NotFound
from services.jobs.record import Record
from services.workspace import is_id

NOTHING = "nothing"
REFUSED = "refused"
REFUSAL_KEPT = 3_600  # seconds
ASKED_KEPT = 86_400


class JobManager(DiskcacheManager):
    """Follows a job by its id; a handle is the id plus a random tail, unique per page that follows."""

    def __init__(self, panel: Callable[[Record], list[Any]]) -> None:
        """`panel` draws a live job: what `progress` brings to the page, a value for each of its outputs."""
        # The cache is the engine's index, opened with the app; multiprocess is not needed, as nothing forks.
        BaseBackgroundCallbackManager.__init__(self, None)
        self.expire = None
        self._panel = panel

    def make_job_fn(self, fn: Any, progress: Any, key: Any = None) -> Any:
        return fn

    def build_cache_key(self, fn: Any, args: Any, cache_args_to_ignore: Any, triggered: Any) -> str:
        control = args[0] if isinstance(args, list | tuple) else next(iter(args.values()))
        try:
            job = _begin(control or {})
        except Expected as error:
            job = REFUSED + secrets.token_hex(8)
            said = {"message": error.message, "field": error.field}
            house().engine.note(job, said, REFUSAL_KEPT)
        # A tail of its own: the renderer forgets a chain whose handle it has seen before.
        return f"{job}x{secrets.token_hex(4)}"

    def call_job_fn(self, key: str, job_fn: Any, args: Any, context: Any) -> str:
        return key

    def job_running(self, job: str) -> bool:
        # The end is what `get_result` says. A job that ended between that question and this one is asked about again:
        # told "not running" without a result, the page would wait for ever.
        return _record(job) is not None

    def get_progress(self, key: str) -> list[Any] | None:
        found = _record(key)
        return self._panel(found) if found is not None and found.is_live else None

    def result_ready(self, key: str) -> bool:
        return not self.job_running(key)

    def get_result(self, key: str, job: str) -> Any:
        found = _record(key)
        if found is not None:
            return self.UNDEFINED if found.is_live else ticket(found)
        refused = house().engine.noted(key.partition("x")[0])
        if isinstance(refused, dict):
            return {"state": REFUSED, "at": time.time(), **refused}
        return self.UNDEFINED  # nothing to follow: the page keeps what it was told last

    def get_updated_props(self, key: str) -> dict[str, Any]:
        return {}

    def terminate_job(self, job: str) -> None:
        """Never here: a job ends by its own Cancel, not because a browser asked anew or left."""

    def terminate_unhealthy_job(self, job: str) -> bool:
        return False

    def clear_cache_entry(self, key: str) -> None:
        """Nothing to clear: records and results live on."""


def ticket(job: Record) -> dict[str, Any]:
    """What the page is told at the end of a run; small, and read again from disk before it is used."""
    return {"job": job.id, "state": job.state, "slug": job.slug, "outcome": job.outcome, "at": job.ended}


def _record(handle: str) -> Record | None:
    try:
        return house().engine.get(workspace(), handle.partition("x")[0])
    except NotFound:
        return None


def _begin(control: dict[str, Any]) -> str:
    """Start what the page asks for, or find what it may follow: the id of a job, or NOTHING."""
    here, engine = workspace(), house().engine
    slug = control.get("slug")
    match control.get("action"):
        case "run":
            dataset = datasets.about(here, control.get("dataset", ""))
            job = engine.ask(here, str(slug), dataset, control.get("params") or {}).id
            if is_id(control.get("asked")):  # the page's own name for what it asked, to find it again by
                engine.note(f"asked {control['asked']}", job, ASKED_KEPT)
            return job
        case "upload":
            return incoming.read(engine, here, control.get("upload", "")).id
        case "sample":
            from services import samples

            sample = samples.find(str(control.get("sample")))
            return engine.take_in(here, {"sample": sample.slug}, f"Making {sample.title}", 0).id
        case "attach":
            return _attached(control) or NOTHING
    return NOTHING


def _attached(control: dict[str, Any]) -> str | None:
    """The run that a page may follow: its own until its end was shown, else the newest of its dataset.

    One that ended early is told until it is put away; one that ended well only if that was after
    the page was made with the result it shows.
    """
    here, engine = workspace(), house().engine
    since = float(control.get("since") or 0)
    if control.get("slug") == "ingest" and is_id(control.get("job")):  # one of several files: the page opens this one
        return control["job"] if control["job"] != control.get("told") else None
    if control.get("slug") == "ingest":
        newest = next((job for job in engine.mine(here) if job.task == "ingest"), None)
        return newest.id if newest and (newest.is_live or (newest.ended or 0) > since) else None
    run = runs.newest(engine, here, str(control.get("slug")), control.get("dataset"))
    own = control.get("job")
    if own is None and is_id(control.get("asked")):
        own = engine.noted(f"asked {control['asked']}")
    if own is not None:
        mine = runs.get(engine, here, str(own))
        if own != control.get("told"):
            return None if mine.marks.dismissed else mine.record.id
        if run is None or run.record.key != mine.record.key or not run.record.is_live:
            return None  # answered; another question of another tab must not take its place
    if run is None or run.marks.dismissed:
        return None
    job = run.record
    if job.state == "done":
        return job.id if (job.ended or 0) > since else None
    return job.id if job.is_live or job.made > float(control.get("made") or 0) else None
