"""The lanes, and the busy flag: a file lock held by the living supervisor.

The kernel drops the lock when its holder dies, however it dies: nobody has to remember to lower
the flag, and no clock decides. The holder writes its name (pid, start time, job) into the file, so
that everybody else can say who it is.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from services.memory import is_alive
from services.workspace import away

HEAVY, QUICK = "heavy", "quick"
LANES = (HEAVY, QUICK)

_SIGNATURE = 256  # bytes

# What a job of the quick lane may take.
QUICK_MB = 150
QUICK_SECONDS = 10


def _file(server: Path, lane: str) -> Path:
    return server / f"{lane}.lock"


def _opened(path: Path) -> int:
    """Open a lock file, made where there is none; what damage put in its place is nobody's lock and goes."""
    how = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC
    try:
        return os.open(path, how, 0o600)
    except OSError:
        if path.is_file() or not os.path.lexists(path):
            raise
        away(path)
        return os.open(path, how, 0o600)


def take(server: Path, lane: str) -> int | None:
    """Take the lane's lock and return its descriptor, or None when someone holds it.

    The lock belongs to the open file: it passes to a supervisor that inherits the descriptor, and
    lasts until the last process that has it open closes it or dies.
    """
    lock = _opened(_file(server, lane))
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(lock)
        return None
    return lock


def sign(lock: int, holder: dict[str, Any]) -> None:
    """Write into the lock's file who holds it: at once, padded to one length, so that nobody reads half of it."""
    os.pwrite(lock, json.dumps(holder).encode().ljust(_SIGNATURE), 0)


def holder(server: Path, lane: str) -> dict[str, Any] | None:
    """Who holds the lane now: visitor, job, pid, start; None when nobody living does."""
    try:
        said = json.loads(_file(server, lane).read_bytes())
    except (OSError, ValueError):
        return None
    return said if isinstance(said, dict) and is_alive(said.get("pid"), said.get("start")) else None


@contextmanager
def alone(path: Path) -> Iterator[None]:
    """Wait for the lock file at `path` and hold it meanwhile: for short, critical sections."""
    lock = _opened(path)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)
