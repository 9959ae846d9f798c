"""Where the machine cannot make a memory cgroup, a dyno test says so; in CI it fails."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable

import pytest

from tests.dyno.dyno import NoGroup, group


@pytest.fixture(scope="session", autouse=True)
def _groups_can_be_made() -> None:
    try:
        group(64).end()
    except NoGroup as error:
        if os.environ.get("CI", "").lower() in {"1", "true"}:
            pytest.fail(f"CI must never skip this. {error}")
        pytest.skip(f"Not run. {error}")


@pytest.fixture
def say(capsys: pytest.CaptureFixture[str]) -> Callable[..., None]:
    """Print figures past pytest, on standard error: what parallel workers print on the other one is lost."""

    def print_(*lines: str) -> None:
        with capsys.disabled():
            print("\n" + "\n".join(lines), file=sys.stderr)

    return print_
