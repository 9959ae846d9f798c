"""The job's own process: it starts clean, bounds itself, works, and says how it went.

Everything it has to say goes to its supervisor as JSON lines over a pipe; the supervisor alone
writes the record. Run as `python -m services.jobs.worker FOLDER PIPE`.
"""

from __future__ import annotations

import ctypes
import errno
import json
import os
import secrets
import signal
import sys
import tempfile
import traceback
from contextlib import suppress
from pathlib import Path
from typing import Any

from services import memory, room
from services.errors import DiskFull, DoesNotFit, Expected, StepStopped
from services.jobs import lanes, record

PR_SET_PDEATHSIG = 1
# Above what a job may hold: address space that libraries reserve and never touch.
SLACK_MB = 100


def bound(ceiling_mb: int | None) -> None:
    """Die with the supervisor, be the kernel's first choice to kill, and never allocate past the ceiling."""
    supervisor = os.getppid()
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != supervisor:  # it died in between
        os._exit(1)
    memory.offer(1000)
    os.nice(10)
    if ceiling_mb is not None:
        memory.hold(ceiling_mb + SLACK_MB)


def main(folder: Path, pipe: int) -> int:
    """Do the job described in `folder`; return the exit code, 0 whenever the end was said."""
    channel = os.fdopen(pipe, "w", buffering=1)

    def say(**what: Any) -> None:
        channel.write(json.dumps(what) + "\n")

    job = record.read(folder)
    bound(job.ceiling_mb)
    from services.jobs import tasks

    spill = folder / "tmp"
    try:
        spill.mkdir(exist_ok=True)
        tempfile.tempdir = str(spill)  # whatever a library leaves there goes with the job
        ended = tasks.perform(job, folder, spill, say)
        say(end="done", **ended)
    except StepStopped as error:
        say(end="stopped", name=error.step)
    except DiskFull as error:
        say(end="full", message=error.message)
    except Expected as error:
        if isinstance(error, DoesNotFit) and job.lane == lanes.QUICK:
            say(end="heavy")  # where it may take more
        else:
            say(end="failed", message=error.message, field=error.field)
    except Exception as error:  # noqa: BLE001 - the one boundary: whatever it is, it becomes an incident with a number
        if room.is_out(error):
            _log(traceback.format_exc())
            say(end="full", message=room.full(folder).message)
        elif _is_memory(error):
            _log(traceback.format_exc())
            say(end="memory")
        else:
            incident = secrets.token_hex(3).upper()
            _log(f"incident {incident}\n{traceback.format_exc()}")
            say(end="failed", incident=incident)
    return 0


def _log(text: str) -> None:
    """Write into the run's log, which may be on the disk that is full: how it ended is said all the same."""
    with suppress(OSError):
        print(text, file=sys.stderr, flush=True)


def _is_memory(error: BaseException | None) -> bool:
    """Whether `error`, or what caused it, is some library's way to say that memory ran out."""
    while error is not None:
        if isinstance(error, MemoryError) or "bad_alloc" in str(error):
            return True
        if isinstance(error, OSError) and error.errno == errno.ENOMEM:
            return True
        if type(error).__name__ in {"OutOfMemoryException", "ArrowMemoryError"}:
            return True
        error = error.__cause__ or error.__context__
    return False


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), int(sys.argv[2])))
