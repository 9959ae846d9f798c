"""A disk that a restart empties is told from one that stays."""

from __future__ import annotations

from pathlib import Path

import pytest

from services.disk import PLATFORMS, is_ephemeral


@pytest.mark.parametrize("platform", PLATFORMS)
def test_a_platforms_own_disk_is_emptied_by_a_restart(platform: str, tmp_path: Path) -> None:
    assert is_ephemeral(tmp_path, "auto", {platform: "web.1"}, top=tmp_path)
    assert not is_ephemeral(tmp_path, "auto", {platform: ""}, top=tmp_path)


def test_a_volume_of_its_own_stays(tmp_path: Path) -> None:
    assert not is_ephemeral(Path("/proc"), "auto", {"DYNO": "web.1"}, top=tmp_path)


def test_a_containers_own_disk_goes_with_it(tmp_path: Path) -> None:
    (tmp_path / ".dockerenv").touch()
    assert is_ephemeral(tmp_path, "auto", {}, top=tmp_path)


def test_a_machine_of_ones_own_keeps_its_disk(tmp_path: Path) -> None:
    assert not is_ephemeral(tmp_path, "auto", {}, top=tmp_path)


def test_what_is_set_is_believed(tmp_path: Path) -> None:
    assert is_ephemeral(tmp_path, "yes", {}, top=tmp_path)
    assert not is_ephemeral(tmp_path, "no", {"DYNO": "web.1"}, top=tmp_path)
