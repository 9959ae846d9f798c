"""What happens to jobs, for whoever runs the server: one line of JSON an event.

A line says which job, of which kind, how it goes and what it took. It never says what was asked or
of what: no parameters, no names of files or columns, and of the visitor only enough to tell two
apart.
"""

from __future__ import annotations

import datetime as dt
import json
import logging
from typing import Literal

from services.jobs.record import Record

Event = Literal["asked", "refused", "started", "step_stopped", "requeued", "ended", "recovered"]

log = logging.getLogger("datainsights.jobs")


def tell(event: Event, job: Record, **more: str | float | None) -> None:
    """Log that something happened to `job`; `more` must be ours to say, never the visitor's."""
    said = {
        "at": dt.datetime.now(dt.UTC).isoformat(timespec="milliseconds"),
        "event": event,
        "job": job.id,
        "task": job.task,
        "slug": job.slug,
        "lane": job.lane,
        "state": job.state,
        "seconds": round(job.seconds, 3),
        "peak_mb": round(job.peak_mb, 1),
        "visitor": job.visitor[:8],
        **({"chain": job.chain} if job.chain else {}),
        **({"incident": job.incident} if job.incident else {}),
        **more,
    }
    log.info("%s", json.dumps(said), extra={"said": said})
