"""Whether a server can do its work: each check is a yes or no, and a sentence."""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from services import room
from services.jobs import lanes
from services.jobs.engine import MOST_QUEUED, Engine
from services.memory import MB, band

DISK_FLOOR_MB = 100  # below this an upload, a spill or a result is likely to fail half way


@dataclass(frozen=True)
class Check:
    """Whether something is as it should be, and how it is."""

    ok: bool
    message: str


def disk(root: Path) -> Check:
    """Whether DATA_DIR can be written to and has room: some bytes are really written."""
    try:
        with tempfile.NamedTemporaryFile(dir=root, prefix=".check.") as file:
            file.write(b"written")
            file.flush()
        free = shutil.disk_usage(root).free // MB
    except OSError as error:
        if room.is_out(error):
            return Check(False, f"The disk is full: {room.free(root)}, and {DISK_FLOOR_MB} MB are needed.")
        return Check(False, f"DATA_DIR cannot be written to: {error.strerror}.")
    if free < DISK_FLOOR_MB:
        return Check(False, f"{free:,} MB of disk are free, and {DISK_FLOOR_MB} MB are needed.")
    return Check(True, f"{free:,} MB of disk are free.")


def memory(used_mb: float, limit_mb: int) -> Check:
    """Whether memory is not about to run out."""
    said = f"{used_mb:.0f} of {limit_mb} MB of memory are in use"
    return Check(False, f"{said}: critical.") if band(used_mb / limit_mb) == "critical" else Check(True, f"{said}.")


def queue(engine: Engine) -> Check:
    """Whether the engine's index can be read, and another run could wait in its queue."""
    try:
        queued = [job for _, job in engine.live() if job.lane == lanes.HEAVY and job.state == "queued"]
    except OSError as error:
        return Check(False, f"The queue cannot be read: {error.strerror or error}.")
    waiting = len({job.together for job in queued})
    said = f"{waiting} of at most {MOST_QUEUED} runs wait"
    return Check(False, f"{said}: the queue is full.") if waiting >= MOST_QUEUED else Check(True, f"{said}.")
