from collections.abc import Iterator
from pathlib import Path

import pytest

from services.analysis import find_all
from tests.unit.services.jobs.stage import Stage


@pytest.fixture
def analyses_for_tests(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Find the analyses that wait, fork, allocate or break."""
    monkeypatch.setenv("EXTRA_ANALYSES", "tests.analyses")
    find_all.cache_clear()
    yield
    find_all.cache_clear()


@pytest.fixture
def stage(analyses_for_tests: None, tmp_path: Path) -> Iterator[Stage]:
    """An engine on a folder of its own; whatever runs is ended after the test."""
    made = Stage(tmp_path / "data")
    yield made
    made.close()
