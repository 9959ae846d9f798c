"""Models compared by a visitor of a dyno, and what the dyno saw of it."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.dyno.dyno import HANG, Dyno, Phase
from tests.dyno.visitor import Onlooker, Visitor

ENDS = {"done", "skipped", "stopped", "failed"}


@dataclass(frozen=True, kw_only=True)
class Compared:
    """How a comparison went."""

    record: dict[str, Any]
    facts: Mapping[str, Any]
    board: list[dict[str, Any]]
    phase: Phase
    answers: int  # pages and pulses read meanwhile
    failures: list[str]


def upload(dyno: Dyno, visitor: Visitor, file: Path, patience: float = HANG) -> str:
    """Bring a file up and have it read; return the dataset."""
    tab = visitor.open("/")
    tab.patience = patience
    asked = {"action": "upload", "slug": "ingest", "dataset": None, "upload": visitor.upload(file), "at": time.time()}
    tab.set({("control", "data"): asked})
    read = dyno.records()[-1]
    assert read["state"] == "done", read
    return read["outcome"]


def ask(visitor: Visitor, slug: str, dataset: str, params: Mapping[str, Any], patience: float = HANG) -> None:
    """Run an analysis as its page does, until it ends one way or another."""
    tab = visitor.open(f"/{slug}?dataset={dataset}")
    tab.patience = patience
    asked = {"action": "run", "slug": slug, "dataset": dataset, "params": dict(params)}
    tab.set({("control", "data"): {**asked, "asked": f"{time.time_ns():032x}", "at": time.time()}})


def compare(
    dyno: Dyno, visitor: Visitor, slug: str, dataset: str, params: Mapping[str, Any], patience: float = HANG
) -> Compared:
    """Compare models, while another tab reads pages."""
    with Onlooker(visitor, "/", "/data", f"/{slug}") as onlooker, dyno.phase() as phase:
        ask(visitor, slug, dataset, params, patience)
    job = dyno.records()[-1]
    assert job["state"] == "done", job
    stored = json.loads((dyno.result(job["outcome"]) / "result.json").read_text())
    return Compared(
        record=job, facts=stored["facts"], board=board(dyno.result(job["outcome"])), phase=phase,
        answers=len(onlooker.seconds), failures=onlooker.failures,
    )  # fmt: skip


def board(folder: Path) -> list[dict[str, Any]]:
    """The leaderboard, a dict for each model."""
    columns = json.loads((folder / "leaderboard.json").read_text())
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def check_board(rows: list[dict[str, Any]], metric: str) -> None:
    """Every model ends in a score, or in a reason; none that did not end has a score."""
    for row in rows:
        assert row["state"] in ENDS, row
        if row["state"] == "done":
            assert row[metric] is not None, row
        else:
            assert row["reason"], row
            assert row[metric] is None, row


def begun(dyno: Dyno, visitor: Visitor, slug: str, dataset: str, params: Mapping[str, Any]) -> threading.Thread:
    """The same, begun and left to itself; its record is there."""
    before = len(dyno.records())
    running = threading.Thread(target=ask, args=(visitor, slug, dataset, params), daemon=True)
    running.start()
    dyno.until(lambda: len(dyno.records()) > before, "the run to begin")
    return running
