"""Ending processes: a worker, what it started, and what a dead supervisor left behind."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from services import memory

READER = "services.reader"  # the module that the reader's process runs
JOB = "DATAINSIGHTS_JOB"  # tells every process of a job, by its environment, whose it is


def ends(pid: int, seconds: float = 0) -> bool:
    """Whether a child has ended, or does so in time. It is not collected: until it is, its pid is its own."""
    until = time.monotonic() + seconds
    while os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
        if time.monotonic() >= until:
            return False
        time.sleep(0.01)
    return True


def sweep(worker: subprocess.Popen[bytes]) -> None:
    """Kill the worker, its group and whatever came to us as its orphan, and collect them."""
    for pid in memory.tree(worker.pid):
        _kill(os.kill, pid)
    _kill(os.killpg, worker.pid)
    worker.wait()
    while left := [pid for pid in memory.tree(os.getpid()) if pid != os.getpid()]:
        for pid in left:
            _kill(os.kill, pid)
        try:
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        except ChildProcessError:
            return
        time.sleep(0.01)


def end_reader(server: int) -> bool:
    """Kill the reader below `server`, and say whether there was one: who asked it something asks a new one again."""
    for pid in memory.tree(server):
        with contextlib.suppress(OSError):
            said = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
            if READER.encode() in said:
                _kill(os.kill, pid)
                return True
    return False


def strays() -> dict[int, str]:
    """Every process that a worker started or is, with the job it belongs to."""
    mark, found = f"{JOB}=".encode(), {}
    for place in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            said = next((each for each in (place / "environ").read_bytes().split(b"\0") if each.startswith(mark)), None)
            if said is not None:
                found[int(place.name)] = said.removeprefix(mark).decode(errors="replace")
    return found


def sweep_strays(job: str) -> list[int]:
    """Kill what a job's worker started and left, when the supervisor that should have done so is dead."""
    found = [pid for pid, of in strays().items() if of == job]
    for pid in found:
        _kill(os.kill, pid)
    return found


def _kill(how: Callable[[int, int], None], pid: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        how(pid, signal.SIGKILL)
