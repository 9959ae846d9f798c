"""How much memory there is, and who holds it.

The limit is the container's. What counts against it is anonymous memory: page cache is given back
under pressure, and a gauge that counts it cries wolf at every upload.
"""

from __future__ import annotations

import contextlib
import gc
import os
import resource
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

UNLIMITED = 1 << 60  # cgroup v1 says 9223372036854771712 for "no limit"
MB = 1 << 20

# What DuckDB's allocator is to do with what it freed. By itself it keeps the address space, 309 MB of it after two
# million rows were read (82 so), which a limit on data counts: a job on ten million rows was ended while it held
# 189 MB. And it keeps the pages for ten seconds of its own work, for ever when idle: a reader that had sorted a
# million rows held 112 MB afterwards, and 22 so, at the same speed.
DUCKDB_GIVES_BACK = "retain:false,dirty_decay_ms:0,muzzy_decay_ms:0"


@dataclass(frozen=True)
class Limit:
    """The memory that this server may use, in MB, and who says so."""

    mb: int
    source: str  # "container" or "setting"
    members: Path | None = None  # the cgroup's list of processes


def limit(fallback_mb: int, root: Path = Path("/")) -> Limit:
    """The tightest memory limit of the cgroups this process is in (v2, then v1), else the setting."""
    physical = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    tightest: tuple[int, Path] | None = None
    for folder, name in _cgroups(root):
        try:
            text = (folder / name).read_text().strip()
        except OSError:
            continue
        if text != "max" and int(text) < min(UNLIMITED, physical) and (not tightest or int(text) < tightest[0]):
            tightest = (int(text), folder / "cgroup.procs")
    if tightest is None:
        return Limit(fallback_mb, "setting")
    return Limit(tightest[0] // MB, "container", tightest[1])


def _cgroups(root: Path) -> Iterable[tuple[Path, str]]:
    """Each cgroup folder from ours up to the top, with the name of the file that holds its limit."""
    try:
        lines = (root / "proc/self/cgroup").read_text().splitlines()
    except OSError:
        return
    for line in lines:
        _, controllers, inside = line.split(":", 2)
        if controllers == "":
            top, name = root / "sys/fs/cgroup", "memory.max"
        elif "memory" in controllers.split(","):
            top, name = root / "sys/fs/cgroup/memory", "memory.limit_in_bytes"
        else:
            continue
        place = top / inside.lstrip("/")
        while True:
            yield place, name
            if place == top or top not in place.parents:
                break
            place = place.parent


def anonymous_mb(pids: Iterable[int]) -> float:
    """Anonymous memory of the processes, in MB; one that ended counts nothing."""
    total = 0
    for pid in pids:
        try:
            with open(f"/proc/{pid}/status", "rb") as status:
                for line in status:
                    if line.startswith(b"RssAnon:"):
                        total += int(line.split()[1])
                        break
        except OSError:
            continue
    return total / 1024


def data_mb(pid: int) -> float:
    """What a process has allocated, touched or not, in MB: what RLIMIT_DATA bounds; 0 when it has ended."""
    with contextlib.suppress(OSError, ValueError), open(f"/proc/{pid}/status", "rb") as status:
        return next((int(line.split()[1]) / 1024 for line in status if line.startswith(b"VmData:")), 0.0)
    return 0.0


_held_mb: int | None = None  # what this process may allocate, beside what is reserved and never touched


def hold(mb: int) -> None:
    """Have this process allocate at most `mb`; more is a MemoryError where it is asked for."""
    global _held_mb
    _held_mb = mb
    _bound(mb)


def hold_again() -> None:
    """Leave out of the bound what libraries have reserved by now and do not touch: buffers of BLAS, stacks, heaps.

    With scikit-learn and its kin that is 150 to 250 MB, which no other process lacks.
    """
    if _held_mb is not None:
        own = os.getpid()
        _bound(_held_mb + max(0, round(data_mb(own) - anonymous_mb([own]))))


def _bound(mb: int) -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    resource.setrlimit(resource.RLIMIT_DATA, (mb * MB if hard == resource.RLIM_INFINITY else min(mb * MB, hard), hard))


def tree(pid: int) -> list[int]:
    """The process and all its descendants that live now."""
    found, waiting = [], [pid]
    while waiting:
        each = waiting.pop()
        try:
            threads = os.listdir(f"/proc/{each}/task")
        except OSError:
            continue
        found.append(each)
        for thread in threads:
            try:
                with open(f"/proc/{each}/task/{thread}/children") as children:
                    waiting.extend(map(int, children.read().split()))
            except OSError:
                continue
    return found


def started(pid: int) -> int | None:
    """When the process started, in clock ticks since boot: with the pid, its name for ever. None: not alive."""
    try:
        with open(f"/proc/{pid}/stat") as stat:
            after_name = stat.read().rpartition(")")[2].split()
    except OSError:
        return None
    return None if after_name[0] in "ZX" else int(after_name[19])


def is_alive(pid: int | None, start: int | None) -> bool:
    """Whether the very process that had this pid and start time still runs."""
    return pid is not None and start is not None and started(pid) == start


def offer(score: int) -> None:
    """Have the kernel choose this process first when memory runs out: 1000 before any other, 0 as by its size."""
    with contextlib.suppress(OSError):  # a sandbox may not let us
        Path("/proc/self/oom_score_adj").write_text(str(score))


def give_back() -> None:
    """Collect what nothing refers to, and return this process' freed heap to the system."""
    import ctypes

    gc.collect()
    with contextlib.suppress(AttributeError, OSError):  # another C library keeps or returns it by itself
        ctypes.CDLL(None).malloc_trim(0)


@dataclass
class History:
    """The most memory that was in use in each ten seconds of the last ten minutes, in MB."""

    every: int = 10
    _slots: deque[tuple[int, int]] = field(default_factory=lambda: deque(maxlen=60))

    def add(self, mb: float, now: float) -> None:
        """Note what is in use `now`, in seconds since 1970."""
        slot, mb = int(now // self.every), round(mb)
        if self._slots and self._slots[-1][0] == slot:
            self._slots[-1] = (slot, max(mb, self._slots[-1][1]))
        else:
            self._slots.append((slot, mb))

    def as_json(self) -> dict[str, Any]:
        """Seconds of a value, when each began, and the values."""
        slots = list(self._slots)
        return {"every": self.every, "at": [slot * self.every for slot, _ in slots], "mb": [mb for _, mb in slots]}


BANDS = ((0.9, "critical"), (0.8, "high"), (0.7, "watch"), (0.0, "normal"))


def band(share: float) -> str:
    """The name of how full memory is: normal below 70 %, watch to 80, high to 90, critical above."""
    return next(name for low, name in BANDS if share >= low)
