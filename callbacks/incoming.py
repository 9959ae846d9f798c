"""Files that have arrived: each is read by a job of its own, and the page that sent it asks how that goes."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from flask import Blueprint, Response, jsonify, request

from callbacks.house import house, workspace
from services import datasets, uploads
from services.errors import NotFound
from services.jobs.engine import Engine
from services.jobs.record import Record
from services.workspace import Workspace

routes = Blueprint("incoming", __name__)

MOST = 100  # files asked about at once


@routes.post("/_uploads/<upload>/read")
def begin(upload: str) -> Response:
    """Have a file that arrived whole read; asked twice, it is read once."""
    return jsonify({"job": read(house().engine, workspace(), upload).id})


@routes.get("/_uploads/reading")
def reading() -> Response:
    """How the jobs named in `jobs` (a comma list) are: those of the visitor that read files."""
    engine, here = house().engine, workspace()
    asked = set(request.args.get("jobs", "").split(",")[:MOST])
    found = {job.id: _told(engine, here, job) for job in engine.mine(here) if job.id in asked and job.task == "ingest"}
    answer = jsonify(found)
    answer.headers["Cache-Control"] = "no-store"
    return answer


def read(engine: Engine, here: Workspace, upload: str) -> Record:
    """The job that reads an upload: the one that does so or did, or a new one.

    Raises
    ------
    NotFound
        There is no such upload, or it has not arrived whole.
    QueueFull
        Too many runs wait.
    """
    for job in engine.mine(here):
        if _of(job) == upload and (job.is_live or job.state == "done"):
            return job
    found = uploads.get(here, upload)
    if not found.is_complete:
        raise NotFound(f"“{found.name}” has not arrived whole. Upload it again.")
    return engine.take_in(here, {"upload": found.id, "name": found.name}, f"Reading {found.name}", found.weight)


def given_up(engine: Engine, here: Workspace) -> set[str]:
    """The uploads whose reading was cancelled, killed or failed; what a stopped server interrupted can be read yet."""
    mine = [job for job in engine.mine(here) if _of(job)]
    ended = {_of(job) for job in mine if job.state in {"cancelled", "killed", "failed"}}
    return ended - {_of(job) for job in mine if job.is_live}


def _of(job: Record) -> str:
    """The upload that a job reads."""
    return str(job.params.get("upload", "")) if job.task == "ingest" else ""


def page_of(here: Workspace, job: Record) -> str:
    """The page that shows what a job read: its types are checked first."""
    with suppress(NotFound):
        if job.outcome and datasets.about(here, job.outcome).get("draft"):
            return "/types"
    return "/data"


def _told(engine: Engine, here: Workspace, job: Record) -> dict[str, Any]:
    said = {"state": job.state, "label": job.label, "message": job.message, "dataset": job.outcome}
    said["page"] = page_of(here, job)
    share = round(job.done / job.total, 3) if job.total else 0
    return {**said, "share": share, "place": engine.place(job) if job.state == "queued" else 0}
