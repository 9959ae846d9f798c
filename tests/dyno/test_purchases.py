"""The 300,000-row twin of the proof: the main job in half a gigabyte, every sum to the cent."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.dyno.dyno import Dyno
from tests.dyno.journey import LIMIT_MB, check_bounds, travel


@pytest.mark.timeout(900)
def test_300_000_purchases_are_scored_exactly_in_a_small_dyno(tmp_path: Path) -> None:
    with Dyno(LIMIT_MB) as dyno:
        took = travel(dyno, tmp_path, 300_000)
    for name, phase in took.phases.items():
        print(f"{name}: peak {phase.peak_mb:.0f} MB")
    print(f"whole run: peak {took.peak_mb:.0f} MB of anonymous memory; {took.answers} answers meanwhile")
    check_bounds(took)
