"""Rendered views are kept in a cache that may be lost at any time, and never in the way."""

import sqlite3
from pathlib import Path

import pytest

from dashapp.views import DiskViews

NOISE = b"noise" * 10_000


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "views"


def damage(folder: Path) -> None:
    """Noise where the database was, for those who have it open too."""
    for name in ("cache.db", "cache.db-wal", "cache.db-shm"):
        if (folder / name).exists():
            (folder / name).write_bytes(NOISE)


def test_what_is_kept_is_found_until_it_is_cleared(folder: Path) -> None:
    views = DiskViews(str(folder))
    assert views.get("a") is None
    assert views.set("a", "drawn")
    assert views.get("a") == "drawn"
    assert views.clear()
    assert views.get("a") is None


def test_a_damaged_cache_is_made_anew_at_the_start(folder: Path) -> None:
    folder.mkdir()
    (folder / "cache.db").write_bytes(NOISE)
    views = DiskViews(str(folder))
    assert views.set("a", "drawn")
    assert DiskViews(str(folder)).get("a") == "drawn"


@pytest.mark.parametrize("first", ["get", "set", "clear"])
def test_a_cache_damaged_later_is_a_miss_and_then_as_new(folder: Path, first: str) -> None:
    views = DiskViews(str(folder))
    views.set("a", "drawn")
    damage(folder)
    if first == "get":
        assert views.get("a") is None
    elif first == "set":
        views.set("b", "drawn")
    else:
        assert views.clear()
    assert views.set("a", "anew")
    assert views.get("a") == "anew"


def test_a_value_of_noise_is_a_miss(folder: Path) -> None:
    views = DiskViews(str(folder))
    views.set("a", "drawn")
    with sqlite3.connect(folder / "cache.db") as base:
        base.execute("UPDATE Cache SET value = ?", (b"noise",))
    assert views.get("a") is None
    assert views.set("a", "anew")
    assert views.get("a") == "anew"
