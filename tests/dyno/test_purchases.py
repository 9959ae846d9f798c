"""The 300,000-row twin of the proof: the main job in half a gigabyte, every sum to the cent."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.dyno.dyno import Dyno
from tests.dyno.journey import LIMIT_MB, check_bounds, travel


@pytest.mark.timeout(900)
def test_300_000_purchases_are_scored_exactly_in_a_small_dyno(tmp_path: Path, say: Callable[..., None]) -> None:
    with Dyno(LIMIT_MB) as dyno:
        took = travel(dyno, tmp_path, 300_000)
    say(
        f"{took.rows:,} rows in {LIMIT_MB} MB: at most {took.peak_mb:.0f} MB of anonymous memory",
        ", ".join(f"{name} {phase.peak_mb:.0f} MB" for name, phase in took.phases.items()),
        ", ".join(f"idle {when} {held:.0f} MB" for when, held in took.idle_mb.items()),
        f"{took.answers} pages and pulses meanwhile, {len(took.failures)} failed",
    )
    check_bounds(took)
