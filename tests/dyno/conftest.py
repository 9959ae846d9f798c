"""Where the machine cannot make a memory cgroup, a dyno test says so; in CI it fails."""

from __future__ import annotations

import os

import pytest

from tests.dyno.dyno import Group, NoGroup


@pytest.fixture(scope="session", autouse=True)
def _groups_can_be_made() -> None:
    try:
        Group(64).end()
    except NoGroup as error:
        if os.environ.get("CI", "").lower() in {"1", "true"}:
            pytest.fail(f"CI must never skip this. {error}")
        pytest.skip(f"Not run. {error}")
