"""Whatever takes all memory dies alone: the server that was there before is there after, and answered meanwhile."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb
import pytest

from services.memory import started
from tests.analyses.eats import WAYS
from tests.dyno.dyno import Dyno
from tests.dyno.journey import IDLE_MB, LIMIT_MB, READER, READER_ENDS
from tests.dyno.visitor import Onlooker, Tab, Visitor, named

PAGES = ("/", "/data", "/nothing")
TABS = 50
MILLION = """
SELECT lpad((i * 7919 % 90000)::VARCHAR, 6, '0') AS customer_id, 500000 + i // 3 AS order_id,
    TIMESTAMP '2023-01-01' + INTERVAL (i * 31 % 78000000) SECOND AS ordered,
    'product ' || i % 4000 AS product, ['shop', 'web', 'phone'][1 + i % 3] AS channel,
    i % 9 AS quantity, (i * 37 % 9973 / 100)::DECIMAL(8, 2) AS unit_price, md5(i::VARCHAR) AS note
FROM range(1000000) AS numbers(i)
"""
GRID_MB = 200  # what the tree may hold while a grid of a million rows is scrolled


class Desk:
    """A visitor of a dyno with a small table, who asks the analyses that misbehave."""

    def __init__(self, dyno: Dyno) -> None:
        self.dyno, self.visitor = dyno, Visitor(dyno.port)
        before = set(dyno.data.glob("visitors/*/datasets/*"))
        self.visitor.open("/").set({("control", "data"): {"action": "sample", "slug": "ingest", "sample": "tips"}})
        (made,) = set(dyno.data.glob("visitors/*/datasets/*")) - before
        self.dataset, self.owner = made.name, made.parent.parent.name

    def ask(self, slug: str, **asked: Any) -> dict[str, Any]:
        """Ask, follow as a page does, and return the run's last record."""
        tab = self.visitor.open(f"/{slug}")
        tab.poll = 0.1
        tab.set({("control", "data"): self._control(slug, asked)})
        job = tab.parts["ticket"]["data"]["job"]
        return next(each for each in self.dyno.records() if each["id"] == job)

    @contextmanager
    def asking(self, slug: str, **asked: Any) -> Iterator[list[dict[str, Any]]]:
        """Ask in a tab beside this one; the run's last record is in the list when the block has ended."""
        said: list[dict[str, Any]] = []
        thread = threading.Thread(target=lambda: said.append(self.ask(slug, **asked)), daemon=True)
        thread.start()
        try:
            yield said
        finally:
            thread.join(180)

    def records(self) -> list[dict[str, Any]]:
        return [each for each in self.dyno.records() if each["visitor"] == self.owner]

    def _control(self, slug: str, asked: dict[str, Any]) -> dict[str, Any]:
        params = {"item": "sex", **asked}
        return {"action": "run", "slug": slug, "dataset": self.dataset, "params": params, "at": time.time()}

    def free_mb(self) -> int:
        return self.visitor.read("/_pulse")["memory"]["free"]

    def alone(self) -> None:
        """Wait until nothing but the server runs, and the gauge knows."""
        self.dyno.until(lambda: len(self.dyno.pids()) == 2, "the server to be alone")
        time.sleep(1)

    def holds(self, mb: float) -> None:
        """Wait until the running job holds that much."""
        self.dyno.until(lambda: self.dyno.records()[-1]["memory_mb"] >= mb, f"the job to hold {mb:.0f} MB")


@contextmanager
def desk(mb: int, **settings: str) -> Iterator[Desk]:
    """The desk in a dyno of `mb`; afterwards every process of the server is the one it was."""
    extra = {"EXTRA_ANALYSES": "tests.analyses", "EXTRA_PAGES": "tests.pages", "NAV_LOCK": "owner", **settings}
    with Dyno(mb, **extra) as dyno:
        made = Desk(dyno)
        made.alone()
        before = {pid: started(pid) for pid in dyno.pids()}
        yield made
        after = {pid: started(pid) for pid in before}
        assert after == before, "the server is the one it was"


def _p95(seconds: list[float]) -> float:
    return sorted(seconds)[int(0.95 * len(seconds))]


@pytest.mark.parametrize("mb", [512, 1_024])
def test_a_job_that_takes_all_memory_dies_alone_and_the_next_one_starts(mb: int, say: Callable[..., None]) -> None:
    with desk(mb) as here:
        other = Desk(here.dyno)
        with Onlooker(Visitor(here.dyno.port), *PAGES) as onlooker:
            for how in [each for each in WAYS if each != "falls"]:
                # What takes 10 MB a second begins with the most of what there is.
                at_once = here.free_mb() - 80 if how == "slowly" else 0
                with here.asking("eats", how=how, at_once_mb=at_once) as ended:
                    here.dyno.until(lambda: here.records()[-1]["state"] == "running", "the job to run")
                    last = other.ask("nothing", log=how)
                (job,) = ended
                assert (job["state"], job["incident"]) == ("killed", None), job
                assert job["message"].startswith(f"Stopped at {job['peak_mb']:.0f} MB: "), job["message"]
                assert f"than this server has free ({job['ceiling_mb']} MB)." in job["message"]
                assert last["state"] == "done"
        held, kills = here.dyno.peak_mb, here.dyno.oom_kills()
    say(
        f"{mb} MB: at most {held:.0f} MB held; {kills} jobs killed by the kernel, the others by our watch",
        f"{len(onlooker.seconds)} pages and pulses meanwhile, 95 % of them within {_p95(onlooker.seconds):.3f} s",
    )
    assert not onlooker.failures, onlooker.failures[:5]


def test_fifty_tabs_are_answered_while_memory_is_at_its_limit(tmp_path: Path, say: Callable[..., None]) -> None:
    gate = tmp_path / "gate"
    with desk(LIMIT_MB) as here:
        free = here.free_mb() - 30
        with here.asking("eats", most_mb=free, gate=str(gate)) as ended:
            here.holds(free)
            visitors = [Visitor(here.dyno.port) for _ in range(TABS)]
            with ThreadPoolExecutor(TABS) as pool:
                seconds = [each for said in pool.map(_poll, visitors) for each in said]
            assert here.visitor.read("/_pulse")["memory"]["band"] in {"high", "critical"}
            gate.touch()
        assert ended[0]["state"] == "done", ended[0]
        kills = here.dyno.oom_kills()
    say(f"{TABS} tabs at the limit: {len(seconds)} answers, 95 % of them within {_p95(seconds):.3f} s")
    assert kills == 0


def _poll(visitor: Visitor) -> list[float]:
    """What a tab asks in some seconds; whatever is not answered well raises."""
    took = []
    for _ in range(6):
        began = time.monotonic()
        visitor.send("GET", "/_pulse")
        took.append(time.monotonic() - began)
        time.sleep(max(0.0, 1.0 - took[-1]))
    return took


def test_a_reader_goes_before_a_job_that_needs_the_memory(tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    with desk(LIMIT_MB, RESERVE_MB="24") as here:  # so that the smallest reader is in the way
        start = here.ask("eats", most_mb=0)["peak_mb"]
        tab = here.visitor.open(f"/explore?dataset={here.dataset}")
        here.alone()
        with here.asking("eats", at_once_mb=int(here.free_mb() - start), most_mb=0, gate=str(gate)) as ended:
            here.dyno.until(lambda: here.records()[-1]["ceiling_mb"] or 0, "the job to run")
            here.holds(here.records()[-1]["ceiling_mb"] - 30)
            for _ in range(3):
                _rows(tab, here.dataset, 0)
            said = str(tab.parts[named({"type": "explored-said", "dataset": here.dataset})]["children"])
            assert here.records()[-1]["state"] == "running"
            gate.touch()
        assert ended[0]["state"] == "done", ended[0]
        assert "a run may need the memory" in said
        assert len(_rows(tab, here.dataset, 0)) == 100, "and afterwards it reads on"
        assert here.dyno.oom_kills() == 0


@pytest.mark.timeout(600)
def test_a_million_rows_are_open_and_scrolled_in_little_memory(tmp_path: Path, say: Callable[..., None]) -> None:
    file = tmp_path / "purchases.csv"
    duckdb.execute(f"COPY ({MILLION}) TO '{file}'")
    with desk(LIMIT_MB) as here:
        upload = here.visitor.upload(file)
        asked = {"action": "upload", "slug": "ingest", "dataset": None, "upload": upload, "at": time.time()}
        here.visitor.open("/").set({("control", "data"): asked})
        read = here.dyno.records()[-1]
        assert read["state"] == "done", read
        tab = here.visitor.open(f"/explore?dataset={read['outcome']}")
        gauge = here.dyno.anonymous_mb()
        with here.dyno.phase() as scrolled:
            for start in range(0, 1_000_000, 50_000):
                assert len(_rows(tab, read["outcome"], start)) == 100
        open_mb = here.dyno.alone_mb()
        here.dyno.until(lambda: READER not in str(here.dyno.programs()), "the reader to end", seconds=READER_ENDS)
        rest = here.dyno.alone_mb()
    say(
        f"a grid of 1,000,000 rows: {gauge:.0f} MB before, {scrolled.peak_mb:.0f} MB while it is scrolled,",
        f"{open_mb:.0f} MB resident then, {rest:.0f} MB at rest",
    )
    assert scrolled.peak_mb < GRID_MB
    assert open_mb < GRID_MB
    assert rest < IDLE_MB


def _rows(tab: Tab, dataset: str, start: int) -> list[dict[str, Any]]:
    """A hundred rows of the open dataset from `start` on, in the order of one of its columns.

    Deep ones wait for a job that sorts all rows, as the grid does: it asks again while that is said.
    """
    grid, said = named({"type": "explored", "dataset": dataset}), named({"type": "explored-said", "dataset": dataset})
    sort = [{"colId": f"c{start % 8}", "sort": "desc"}]
    deadline = time.monotonic() + 180
    while True:
        tab.set({(grid, "getRowsRequest"): {"startRow": start, "endRow": start + 100, "sortModel": sort}})
        if "data-sorting" not in str(tab.parts[said]["children"]) or time.monotonic() > deadline:
            return tab.parts[grid]["getRowsResponse"]["rowData"]
        time.sleep(0.5)
