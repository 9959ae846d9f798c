"""A disk of a few MB, to be filled for real; and a server whose visitor has something of each kind."""

from __future__ import annotations

import os
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from layouts.places import found
from services.analysis import find_all
from tests.unit.faults.disk import Disk


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    """A disk of 4 MB; where none can be made the test says so, and fails in CI."""
    place = tmp_path / "disk"
    place.mkdir()
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(place)], check=False, capture_output=True, text=True
    )
    if made.returncode:
        if os.environ.get("CI", "").lower() in {"1", "true"}:
            pytest.fail(f"CI must never skip this. No disk can be mounted here ({made.stderr.strip()}).")
        pytest.skip(f"Not run: no disk can be mounted here ({made.stderr.strip()}).")
    yield Disk(place)
    for each in threading.enumerate():  # who looks after a supervisor that ended looks once more
        if "(_after)" in each.name:
            each.join(15)
    # Lazily: a process that was just ended may still have a file open.
    subprocess.run(["umount", "--lazy", str(place)], check=True)


@pytest.fixture(scope="module")
def analyses_for_tests() -> Iterator[None]:
    """Find the analyses that wait, fork, allocate or break, and their pages."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EXTRA_ANALYSES", "tests.analyses")
        patch.setenv("EXTRA_PAGES", "tests.pages")
        find_all.cache_clear()
        found.cache_clear()
        yield
    find_all.cache_clear()
    found.cache_clear()
