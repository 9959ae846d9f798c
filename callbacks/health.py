"""What a platform asks: whether the process lives, and whether it can take work."""

from __future__ import annotations

import threading
from dataclasses import asdict
from typing import Any

from flask import Blueprint, Response, jsonify

from callbacks import pulse
from callbacks.house import house
from services import health
from services.health import Check

TIMER = "timer"  # name of the thread that recovers, dispatches and evicts
RETRY_AFTER = 10  # seconds

routes = Blueprint("health", __name__)


@routes.get("/healthz")
def alive() -> Response:
    """Say that the process answers; nothing else is looked at, so that nothing can make it slow."""
    return _said({"status": "alive"})


@routes.get("/readyz")
def ready() -> Response:
    """Say whether work can be taken: disk, memory, and the engine with its timer."""
    here = house()
    checks = {
        "disk": health.disk(here.home.root),
        "memory": health.memory(pulse.measure(here)["used"], here.limit.mb),
        "engine": _engine(),
    }
    is_ready = all(each.ok for each in checks.values())
    answer = _said({"ready": is_ready, "checks": {name: asdict(each) for name, each in checks.items()}})
    if not is_ready:
        answer.status_code = 503
        answer.headers["Retry-After"] = str(RETRY_AFTER)
    return answer


def _engine() -> Check:
    if not any(each.name == TIMER and each.is_alive() for each in threading.enumerate()):
        return Check(False, "The timer has stopped: runs are not started any more. Restart the server.")
    return health.queue(house().engine)


def _said(what: dict[str, Any]) -> Response:
    answer = jsonify(what)
    answer.headers["Cache-Control"] = "no-store"
    return answer
