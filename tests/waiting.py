"""Waiting for events: the deadline only catches a hang, and says what did not happen."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")


def until(condition: Callable[[], T], seconds: float = 15) -> T:
    """Wait until `condition` gives something true and return that."""
    end = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < end, f"waited {seconds} s for {condition.__qualname__}"
        time.sleep(0.01)
    return found


def lives(pid: int) -> bool:
    """Whether the process runs; one that ended and was not collected yet does not."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] not in "ZX"


def marked(text: str) -> list[int]:
    """The processes, other than this one, whose command line or environment holds `text`."""
    found = []
    for place in Path("/proc").glob("[0-9]*"):
        try:
            said = (place / "cmdline").read_bytes() + (place / "environ").read_bytes()
        except OSError:
            continue
        if text.encode() in said and int(place.name) != os.getpid() and lives(int(place.name)):
            found.append(int(place.name))
    return found
