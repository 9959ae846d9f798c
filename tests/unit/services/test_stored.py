"""A visitor reads the names of what is theirs; what others stored is only counted."""

import json
from pathlib import Path

import pytest

from services import runs, stored
from services.eviction import Entry
from services.jobs.record import Record
from services.workspace import Home, Workspace, new_id


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """A data folder."""
    return Home.at(tmp_path)


@pytest.fixture
def workspace(home: Home) -> Workspace:
    """A visitor's workspace."""
    return home.workspace(new_id())


def result(workspace: Workspace, size: int) -> Record:
    """A run with a result of so many bytes and a bit."""
    job = Record(
        id=new_id(), visitor=workspace.visitor, task="analysis", slug="rfm", title="RFM segments", dataset=None,
        params={}, key=new_id(), lane="heavy", state="done",
    )  # fmt: skip
    workspace.job(job.id).mkdir(parents=True)
    job.write(workspace.job(job.id))
    folder = workspace.result(job.key)
    folder.mkdir(parents=True)
    (folder / "result.json").write_text("{}")
    (folder / "customers.parquet").write_bytes(b"x" * size)
    return job


def test_the_largest_come_first_by_the_visitors_own_names(workspace: Workspace) -> None:
    small, large = result(workspace, 1_000), result(workspace, 2_000)
    runs.rename(workspace, large.id, "Spring")
    found = stored.largest(workspace, [small, large])
    assert [(each.name, each.kind, each.bytes) for each in found] == [
        ("Spring", "Result", 2_002),
        ("RFM segments", "Result", 1_002),
    ]
    assert len(stored.largest(workspace, [small, large], most=1)) == 1


def test_what_is_left_of_a_run_has_a_name_too(workspace: Workspace) -> None:
    job = result(workspace, 1_000)
    assert [each.name for each in stored.largest(workspace, [])] == ["A run that was deleted"]
    (workspace.result(job.key) / "result.json").unlink()
    assert [each.kind for each in stored.largest(workspace, [job])] == ["Kept steps"]


def test_what_went_last_is_named_to_its_owner_only(home: Home, workspace: Workspace) -> None:
    job, other = result(workspace, 1_000), home.workspace(new_id())
    runs.rename(workspace, job.id, "Secret plan")
    path = workspace.result(job.key) / "customers.parquet"
    assert stored.last_evicted(home, workspace, [job]) is None
    stored.note(home, [Entry(path, 1_000, 1.0, 2.0)], now=50.0)
    own, others = stored.last_evicted(home, workspace, [job]), stored.last_evicted(home, other, [])
    assert own == {"name": "table “customers” of Secret plan", "bytes": 1_000, "at": 50.0}
    assert others == {"name": "a table of another visitor", "bytes": 1_000, "at": 50.0}
    assert "Secret" not in json.dumps(stored.told(home, stored.sums(home), other, []))
    stored.note(home, [], now=60.0)  # nothing went: the last one still is the last
    assert stored.last_evicted(Home.at(home.root), workspace, [job]) == own


@pytest.mark.parametrize("noise", [b"", b"\x00\xff", b"[]", b'{"visitor": 1}'])
def test_a_damaged_note_is_none(home: Home, workspace: Workspace, noise: bytes) -> None:
    (home.server / "evicted.json").write_bytes(noise)
    assert stored.last_evicted(home, workspace, []) is None
