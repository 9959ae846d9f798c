"""Job after job after job: what each took is given back."""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import chain
from pathlib import Path

import pytest

from tests.dyno.dyno import Dyno
from tests.dyno.journey import IDLE_MB, LIMIT_MB
from tests.dyno.visitor import Tab, Visitor

JOBS, ALL_JOBS = 30, 200  # in the tests, and in `make proof`
TABS = 3  # what one visitor may have waiting
GROWTH_MB = 10
# What the server's eight threads still open when more of them are busy at once than before: a
# thread, and the descriptors of its own connection. What jobs left behind would be one of each a job.
MORE = {"processes": 0, "threads": 8, "descriptors": 40}


def _holds(dyno: Dyno) -> dict[str, int]:
    """How many processes the server is, and how many threads and descriptors it has."""
    pids = dyno.pids()
    return {
        "processes": len(pids),
        "threads": sum(len(os.listdir(f"/proc/{pid}/task")) for pid in pids),
        "descriptors": sum(len(os.listdir(f"/proc/{pid}/fd")) for pid in pids),
    }


def _files(dyno: Dyno) -> Counter[str]:
    """Every file below DATA_DIR, by the last part of its name; what belongs to one job is counted together."""
    return Counter(path.name for path in dyno.data.rglob("*") if path.is_file() and path.parent.name != "index")


def _heavy(dyno: Dyno) -> set[str]:
    """Which native libraries of the data stack the server's processes have loaded."""
    maps = "".join(Path(f"/proc/{pid}/maps").read_text() for pid in dyno.pids())
    return {each for each in ("numpy", "pandas", "pyarrow", "duckdb", "scipy", "sklearn") if f"/{each}" in maps}


def _rests(dyno: Dyno) -> bool:
    """Nothing but the server runs, and no thread waits for a supervisor any more."""
    return not any("services.jobs" in each for each in dyno.programs())


def _ask(tab: Tab, dataset: str, numbers: range) -> list[str]:
    """Ask one question after the other, as a page does, and return how each ended."""
    ended = []
    for number in numbers:
        asked = {"item": "sex", "log": f"question {number}"}
        control = {"action": "run", "slug": "nothing", "dataset": dataset, "params": asked, "at": time.time()}
        tab.set({("control", "data"): control})
        ended.append(tab.parts["ticket"]["data"]["state"])
    return ended


@pytest.mark.timeout(600)
def test_short_jobs_leave_nothing_behind(say: Callable[..., None]) -> None:
    say(leave_nothing(JOBS))


def leave_nothing(jobs: int) -> str:
    """Run so many jobs, hold them to it, and say what the server held."""
    with Dyno(LIMIT_MB, EXTRA_ANALYSES="tests.analyses", EXTRA_PAGES="tests.pages") as dyno:
        visitor = Visitor(dyno.port)
        visitor.open("/").set({("control", "data"): {"action": "sample", "slug": "ingest", "sample": "tips"}})
        (dataset,) = [path.name for path in dyno.data.glob("visitors/*/datasets/*")]
        tabs = [visitor.open("/nothing") for _ in range(TABS)]
        for tab in tabs:
            tab.poll = 0.1
        with ThreadPoolExecutor(TABS) as pool:
            ranges = [range(first, 30, TABS) for first in range(TABS)]  # what a server does the first times
            assert set(chain(*pool.map(_ask, tabs, [dataset] * TABS, ranges))) == {"done"}
            dyno.until(lambda: _rests(dyno), "the last job to be gone")
            time.sleep(3)  # the timer's next tick
            before, held, files = dyno.anonymous_mb(), _holds(dyno), _files(dyno)
            ranges = [range(30 + first, 30 + jobs, TABS) for first in range(TABS)]
            assert set(chain(*pool.map(_ask, tabs, [dataset] * TABS, ranges))) == {"done"}
        dyno.until(lambda: _rests(dyno), "the last job to be gone")
        at_most = {each: number + MORE[each] for each, number in held.items()}
        dyno.until(
            lambda: all(number <= at_most[each] for each, number in _holds(dyno).items()),
            f"no more than {at_most}: {_holds(dyno)}",
        )
        after, left = dyno.anonymous_mb(), _files(dyno) - files
        heavy = _heavy(dyno)
        alone, kills = dyno.alone_mb(), dyno.oom_kills()
    said = f"{jobs} jobs: the server held {before:.1f} MB before, {after:.1f} MB after; {held}"
    assert after - before < GROWTH_MB, said
    assert left == {"record.json": jobs, "log.txt": jobs, "result.json": jobs}
    assert kills == 0
    assert heavy == set()
    assert alone <= IDLE_MB
    return said
