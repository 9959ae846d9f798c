"""The promises at full size: `make proof` runs them, prints them, and writes docs/proof.md.

A proof fails above the memory bound it states or on the first sum that differs. Times are ratios to
the smallest run beside it: megabytes are stable from machine to machine, seconds are not.
"""

from __future__ import annotations

import datetime as dt
import os
import platform
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from pathlib import Path

from tests.bench import compared, learned
from tests.dyno.dyno import ROOT, Dyno, NoGroup
from tests.dyno.journey import IDLE_MB, LIMIT_MB, PEAK_MB, Journey, check_bounds, travel
from tests.dyno.test_short_jobs import ALL_JOBS, GROWTH_MB, leave_nothing
from tests.dyno.visitor import Visitor

PAGE = ROOT / "docs" / "proof.md"
PACKAGES = ("dash", "duckdb", "gunicorn", "pandas")
HANG = 1_800.0  # seconds a job may take at most
TABS, TABS_SECONDS = 50, 30
LEARNT = ((50_000, 20, 400), (200_000, 30, 460))  # rows, columns, MB that the tree may hold
BESIDE = 10_000  # rows
SIZES = tuple(map(int, os.environ.get("PROOF_ROWS", "300000,1000000,10000000").split(",")))


@dataclass(frozen=True, kw_only=True)
class Proof:
    """A claim in one sentence, and what shows it: the lines of a table; AssertionError where it does not hold."""

    title: str
    claim: str
    show: Callable[[], Iterator[str]]


def purchases() -> Iterator[str]:
    """Bring line-level purchases from upload to RFM, at the size of the tests and at full size."""
    journeys = []
    for rows in SIZES:
        with Dyno(LIMIT_MB) as dyno, tempfile.TemporaryDirectory() as folder:
            journeys.append(travel(dyno, Path(folder), rows, patience=HANG))
    yield from _compared(journeys)
    for took in journeys:
        check_bounds(took)


def _compared(journeys: list[Journey]) -> Iterator[str]:
    first = journeys[0]

    def line(name: str, figure: Callable[[Journey], str]) -> str:
        return f"| {name} | {' | '.join(figure(took) for took in journeys)} |"

    yield line("", lambda took: f"{took.rows:,} rows")
    yield f"|---|{'---:|' * len(journeys)}"
    yield line("file, MB", lambda took: f"{took.file_mb:.0f}")
    yield line("upload: MB a second", lambda took: f"{took.file_mb / took.phases['upload'].seconds:.0f}")
    yield line("upload: growth of the tree, MB", lambda took: f"{took.growth_mb:.0f}")
    yield line("upload: time", lambda took: f"× {took.phases['upload'].seconds / first.phases['upload'].seconds:.1f}")
    for name in first.jobs:
        yield line(f"{name}: time", lambda took, name=name: f"× {_seconds(took, name) / _seconds(first, name):.1f}")
    for name in first.phases:
        yield line(f"{name}: peak of the tree, MB", lambda took, name=name: f"{took.phases[name].peak_mb:.0f}")
    for name in first.jobs:
        yield line(f"{name}: peak of the job alone, MB", lambda took, name=name: f"{took.jobs[name]['peak_mb']:.0f}")
    yield line("**whole run: peak of the tree, MB**", lambda took: f"**{took.peak_mb:.0f}**")
    for name in first.idle_mb:
        yield line(f"idle {name}: PSS of the tree, MB", lambda took, name=name: f"{took.idle_mb[name]:.0f}")
    for name in first.answers_in:
        yield line(f"Explore, {name}: median, 95 %, slowest, s", lambda took, name=name: _spread(took.answers_in[name]))
    yield line("killed by the kernel", lambda took: str(took.oom_kills))
    yield line("pages and pulses read meanwhile", lambda took: f"{took.answers:,}")
    yield line("of them failed", lambda took: str(len(took.failures)))


def _spread(seconds: list[float]) -> str:
    late = sorted(seconds)[min(len(seconds) - 1, int(0.95 * len(seconds)))]
    return f"{statistics.median(seconds):.2f}, {late:.2f}, {max(seconds):.2f}"


def _seconds(took: Journey, job: str) -> float:
    """What the job itself took, without the page's waiting for it."""
    return took.jobs[job]["ended"] - took.jobs[job]["started"]


def tabs() -> Iterator[str]:
    """Keep 50 visible tabs of ten visitors open while a job runs, each asking for the pulse once a second."""
    with Dyno(LIMIT_MB, EXTRA_ANALYSES="tests.analyses", EXTRA_PAGES="tests.pages") as dyno:
        gate = dyno.folder / "gate"
        owner = Visitor(dyno.port)
        owner.open("/").set({("control", "data"): {"action": "sample", "slug": "ingest", "sample": "tips"}})
        (dataset,) = [path.name for path in dyno.data.glob("visitors/*/datasets/*")]
        asked = {"item": "sex", "gate": str(gate), "waits": 6}
        control = {"action": "run", "slug": "battery", "dataset": dataset, "params": asked, "at": time.time()}
        page = owner.open("/battery")
        running = threading.Thread(target=page.set, args=({("control", "data"): control},), daemon=True)
        running.start()
        dyno.until(lambda: dyno.records()[-1]["making"] == "Model 6", "the job to wait")
        visitors = [owner, *(Visitor(dyno.port) for _ in range(9))]
        watch = Watch(visitors, TABS)
        web = [pid for pid in dyno.pids() if "gunicorn" in Path(f"/proc/{pid}/cmdline").read_text()]
        spent, began = _cpu(web), time.monotonic()
        watch.look(TABS_SECONDS)
        share = (_cpu(web) - spent) / (time.monotonic() - began)
        gate.touch()
        running.join(HANG)
        assert page.parts["ticket"]["data"]["state"] == "done"
    fresh = sum(status == 200 for status in watch.statuses) / len(watch.statuses)
    yield "| | |"
    yield "|---|---:|"
    yield f"| tabs, each asking once a second | {TABS} |"
    yield f"| answers in {TABS_SECONDS} s | {len(watch.statuses):,} |"
    yield f"| of them with something new | {fresh:.0%} |"
    yield f"| median answer, ms | {statistics.median(watch.seconds) * 1_000:.1f} |"
    yield f"| 95 % of the answers within, ms | {statistics.quantiles(watch.seconds, n=20)[-1] * 1_000:.1f} |"
    yield f"| CPU of the server, share of one core | {share:.1%} |"
    yield f"| peak of the tree, MB | {dyno.peak_mb:.0f} |"
    assert not watch.failures, f"{len(watch.failures)} answers failed: {watch.failures[:5]}"
    assert dyno.peak_mb < PEAK_MB


def short_jobs() -> Iterator[str]:
    """Run job after job after job."""
    yield leave_nothing(ALL_JOBS)


class Watch:
    """Tabs that ask for the pulse as assets/shell.js does: each once a second, with the tag it has."""

    def __init__(self, visitors: list[Visitor], tabs: int) -> None:
        self._tabs = [visitors[i % len(visitors)] for i in range(tabs)]
        self.seconds: list[float] = []
        self.statuses: list[int] = []
        self.failures: list[str] = []

    def look(self, seconds: float) -> None:
        """Ask from all tabs, each at its own moment of the second, for so long."""
        until = time.monotonic() + seconds
        with ThreadPoolExecutor(len(self._tabs)) as pool:
            for at, tab in enumerate(self._tabs):
                pool.submit(self._ask, tab, at / len(self._tabs), until)

    def _ask(self, visitor: Visitor, offset: float, until: float) -> None:
        # A connection that stays open, as a browser's does.
        line, tag, due = visitor.line(), "", time.monotonic() + offset
        while due < until:
            time.sleep(max(0.0, due - time.monotonic()))
            began = time.monotonic()
            try:
                line.request("GET", "/_pulse", headers={"Cookie": visitor.cookie, "If-None-Match": tag})
                answer = line.getresponse()
                answer.read()
                tag = answer.getheader("ETag", "")
                self.statuses.append(answer.status)
                if answer.status not in {200, 304}:
                    self.failures.append(str(answer.status))
            except OSError as error:
                self.failures.append(str(error))
            self.seconds.append(time.monotonic() - began)
            due += 1


def _cpu(pids: list[int]) -> float:
    """Seconds of processor time that processes have used."""
    ticks = 0
    for pid in pids:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


PROOFS = [
    Proof(
        title="From upload to RFM",
        claim=(
            "Ten million purchases go from upload through Explore to RFM and a recipe of eight steps, whose run is "
            f"killed half-way and goes on from what it kept, in a {LIMIT_MB} MB memory cgroup: no row is "
            "sampled, every sum is the generator's to the cent and for every customer, the process tree holds less "
            f"than {PEAK_MB} MB of anonymous memory at any time and at most {IDLE_MB} MB (PSS) before and after, "
            "nothing is killed, and "
            "every page answers meanwhile."
        ),
        show=purchases,
    ),
    Proof(
        title="Reading beside a bare COPY",
        claim=(
            "A clean CSV is read with every value proved, beside DuckDB's COPY of the same file that is told the types "
            "and proves nothing. Each in a process of its own, one thread, buffers of 160 MB; memory is resident."
        ),
        show=lambda: compared.reading(tuple(rows for rows in SIZES if rows >= 1_000_000)),
    ),
    Proof(
        title="Profiling beside others",
        claim=(
            "The profile of a million rows in ten columns, every figure over every row, beside DuckDB's SUMMARIZE and "
            "ydata-profiling in its minimal mode, which reads the CSV first."
        ),
        show=lambda: compared.profiling(1_000_000),
    ),
    Proof(
        title="Fifty open tabs",
        claim=(
            f"{TABS} visible tabs of ten visitors, on one worker with eight threads in {LIMIT_MB} MB, all learn what "
            "changes while a job runs: each is answered every second, and none goes unanswered. Times and shares are "
            "of the machine named above, and bound to nothing."
        ),
        show=tabs,
    ),
    Proof(
        title="Job after job",
        claim=(
            f"{ALL_JOBS} short jobs, three at a time, leave no process, thread, descriptor or file behind but their "
            f"own records and answers; the server's memory grows by less than {GROWTH_MB} MB."
        ),
        show=short_jobs,
    ),
    *(
        Proof(
            title=f"{slug.capitalize()}: every model, {rows:,} rows of {columns} columns",
            claim=(
                f"Every model of the catalogue, three folds, one after another, in a {LIMIT_MB} MB memory cgroup "
                "through the real server: each ends in a score or in a reason, nothing is killed, and the process "
                f"tree holds less than {bound} MB of anonymous memory at any time."
            ),
            show=partial(learned.models, slug, rows, columns, bound),
        )
        for rows, columns, bound in LEARNT
        for slug in ("classification", "regression")
    ),
    Proof(
        title="Models beside LazyPredict and PyCaret",
        claim=(
            f"{BESIDE:,} rows of 20 columns, three classes: models that others have too, on the same rows and splits "
            "(LazyPredict knows one split only). Each with the settings it comes with, one thread, in a process of "
            "its own; the others may hold 4 GB. Told are the time to fit and predict, as a multiple of ours, and "
            "the balanced accuracy; PyCaret's time has its own scoring in it."
        ),
        show=lambda: learned.beside(BESIDE),
    ),
]


def main() -> int:
    """Run every proof; 0 when all hold, 1 when one does not, 2 when they cannot be run here.

    With words after it, those whose titles have one of them; the sections of the others stay as they are.
    """
    today = dt.datetime.now(dt.UTC).date()
    wanted = [word.lower() for word in sys.argv[1:]]
    before = _sections()
    versions = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    page = [
        "# What was proved",
        "",
        f"By `make proof` on {today}: Python {platform.python_version()}, {versions}, "
        f"{platform.system()} {platform.release().split('-')[0]}, {os.cpu_count()} cores. "
        "Times are multiples of the first column's; memory is in MB of 2^20 bytes.",
    ]
    broken = 0
    for proof in PROOFS:
        if wanted and not any(word in proof.title.lower() for word in wanted):
            page += before.get(proof.title, [])
            continue
        lines, verdict = [], f"Holds, on {today}."
        try:
            for line in proof.show():
                lines.append(line)
                print(line, flush=True)
        except NoGroup as error:
            print(f"Not proved. {error}", file=sys.stderr)
            return 2
        except (AssertionError, TimeoutError) as error:
            broken += 1
            verdict = f"**Does not hold:** {error}"
        print(f"{proof.title}: {verdict}", flush=True)
        page += ["", f"## {proof.title}", "", proof.claim, "", *lines, "", verdict]
    PAGE.parent.mkdir(exist_ok=True)
    PAGE.write_text("\n".join(page) + "\n", encoding="utf-8")
    return 1 if broken else 0


def _sections() -> dict[str, list[str]]:
    """What the page says now, by title."""
    found: dict[str, list[str]] = {}
    for part in (PAGE.read_text(encoding="utf-8") if PAGE.exists() else "").split("\n## ")[1:]:
        title, _, rest = part.partition("\n")
        found[title] = ["", f"## {title}", *rest.rstrip("\n").split("\n")]
    return found


if __name__ == "__main__":
    sys.exit(main())
