"""The promises at full size: `make proof` runs them, prints them, and writes docs/proof.md.

A proof fails above the memory bound it states or on the first sum that differs. Times are ratios to
the smallest run beside it: megabytes are stable from machine to machine, seconds are not.
"""

from __future__ import annotations

import datetime as dt
import os
import platform
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from tests.dyno.dyno import ROOT, Dyno, NoGroup
from tests.dyno.journey import IDLE_MB, LIMIT_MB, PEAK_MB, Journey, check_bounds, travel

PAGE = ROOT / "docs" / "proof.md"
PACKAGES = ("dash", "duckdb", "gunicorn", "pandas")
HANG = 1_800.0  # seconds a job may take at most


@dataclass(frozen=True, kw_only=True)
class Proof:
    """A claim in one sentence, and what shows it: the lines of a table; AssertionError where it does not hold."""

    title: str
    claim: str
    show: Callable[[], Iterator[str]]


def purchases() -> Iterator[str]:
    """Bring line-level purchases from upload to RFM, at the size of the tests and at full size."""
    journeys = []
    for rows in (300_000, 1_000_000):
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
    yield line("killed by the kernel", lambda took: str(took.oom_kills))
    yield line("pages and pulses read meanwhile", lambda took: f"{took.answers:,}")
    yield line("of them failed", lambda took: str(len(took.failures)))


def _seconds(took: Journey, job: str) -> float:
    """What the job itself took, without the page's waiting for it."""
    return took.jobs[job]["ended"] - took.jobs[job]["started"]


PROOFS = [
    Proof(
        title="From upload to RFM",
        claim=(
            f"A million purchases go from upload to RFM in a {LIMIT_MB} MB memory cgroup: no row is sampled, every sum "
            f"is the generator's to the cent and for every customer, the process tree holds less than {PEAK_MB} MB of "
            f"anonymous memory at any time and at most {IDLE_MB} MB (PSS) before and after, nothing is killed, and "
            "every page answers meanwhile."
        ),
        show=purchases,
    ),
]


def main() -> int:
    """Run every proof; 0 when all hold, 1 when one does not, 2 when they cannot be run here."""
    today = dt.datetime.now(dt.UTC).date()
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
        lines, verdict = [], "Holds."
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


if __name__ == "__main__":
    sys.exit(main())
