"""The job's own process: it starts clean, bounds itself, works, and says how it went.

Everything it has to say goes to its supervisor as JSON lines over a pipe; the supervisor alone
writes the record. Run as `python -m services.jobs.worker FOLDER PIPE`.
"""

from __future__ import annotations

import ctypes
import errno
import json
import os
import resource
import secrets
import signal
import sys
import traceback
from pathlib import Path
from typing import Any

from services import memory
from services.errors import Expected, StepStopped
from services.jobs import record
from services.memory import MB

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
        most = (ceiling_mb + SLACK_MB) * MB
        resource.setrlimit(resource.RLIMIT_DATA, (most, most))


def main(folder: Path, pipe: int) -> int:
    """Do the job described in `folder`; return the exit code, 0 whenever the end was said."""
    channel = os.fdopen(pipe, "w", buffering=1)

    def say(**what: Any) -> None:
        channel.write(json.dumps(what) + "\n")

    job = record.read(folder)
    bound(job.ceiling_mb)
    from services.jobs import tasks

    spill = folder / "tmp"
    spill.mkdir(exist_ok=True)
    try:
        ended = tasks.perform(job, folder, spill, say)
        say(end="done", **ended)
    except StepStopped as error:
        say(end="stopped", name=error.step)
    except Expected as error:
        say(end="failed", message=error.message, field=error.field)
    except Exception as error:  # noqa: BLE001 - the one boundary: whatever it is, it becomes an incident with a number
        if _is_memory(error):
            print(traceback.format_exc(), file=sys.stderr, flush=True)
            say(end="memory")
            return 0
        incident = secrets.token_hex(3).upper()
        print(f"incident {incident}\n{traceback.format_exc()}", file=sys.stderr, flush=True)
        say(end="failed", incident=incident)
    return 0


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
