"""A visitor's workspace is counted whole, deleted whole, and kept while it is read."""

import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from services import eviction, runs, visitors
from services.analysis import find_all
from tests.unit.services.jobs.stage import Stage
from tests.waiting import lives


@pytest.fixture
def stage(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Stage]:
    monkeypatch.setenv("EXTRA_ANALYSES", "tests.analyses")
    find_all.cache_clear()
    made = Stage(tmp_path / "data")
    yield made
    made.close()
    find_all.cache_clear()


def test_everything_on_disk_is_counted(stage: Stage) -> None:
    stage.ended(stage.ask("instant"))
    found = visitors.extent(stage.engine, stage.workspace)
    assert (found.datasets, found.runs) == (1, 1)
    assert found.bytes == sum(path.stat().st_size for path in stage.workspace.folder.rglob("*") if path.is_file())
    nobody = stage.home.workspace("0" * 32)
    assert visitors.extent(stage.engine, nobody) == visitors.Extent(datasets=0, runs=0, bytes=0)


def test_everything_goes_and_nobody_elses(stage: Stage) -> None:
    stage.ended(stage.ask("instant"))
    other, theirs = stage.visitor()
    assert visitors.delete_everything(stage.engine, stage.workspace)
    assert not stage.workspace.folder.exists()
    assert other.dataset(theirs["id"]).is_dir()
    assert visitors.delete_everything(stage.engine, stage.workspace)  # nothing there is nothing left


def test_a_run_that_is_on_and_one_that_waits_are_ended_first(stage: Stage, tmp_path: Path) -> None:
    running = stage.running(stage.ask("steps", gate=str(tmp_path / "gate")))
    stage.ask("instant")
    assert visitors.delete_everything(stage.engine, stage.workspace)
    assert running.pid is not None
    assert not lives(running.pid)
    assert stage.engine.live() == []
    assert not stage.workspace.folder.exists()
    other, theirs = stage.visitor()  # the lane is free for whoever comes next
    asked = stage.engine.ask(other, "instant", theirs, {"item": "item"})
    assert stage.ended(asked).state == "done"


def test_another_visitors_run_goes_on(stage: Stage, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    job = stage.running(stage.ask("steps", gate=str(gate)))
    other, _ = stage.visitor()
    assert visitors.delete_everything(stage.engine, other)
    assert stage.now(job).is_live
    gate.touch()
    assert stage.ended(job).state == "done"


def test_what_comes_back_meanwhile_is_removed_again(stage: Stage) -> None:
    """A request on its way writes into the workspace as long as there is one to write into."""
    stopped = threading.Event()
    target = stage.workspace.folder / "uploads"

    def write() -> None:
        for at in range(200):
            if stopped.is_set() or not stage.workspace.folder.exists():
                return
            target.mkdir(parents=True, exist_ok=True)
            (target / str(at)).touch()

    late = threading.Thread(target=write)
    late.start()
    try:
        assert visitors.delete_everything(stage.engine, stage.workspace)
    finally:
        stopped.set()
        late.join()


def test_reading_is_use(stage: Stage) -> None:
    now = time.time()
    old = now - 8 * eviction.DAY
    for place in [stage.workspace.folder, *stage.workspace.folder.rglob("*")]:
        os.utime(place, (old, old))
    visitors.touch(stage.workspace, now)
    eviction.forget(stage.home, days=7, now=now, awaited=set())
    assert stage.workspace.folder.exists()
    noted = stage.workspace.folder.stat().st_mtime
    visitors.touch(stage.workspace, now + 60)  # once in ten minutes is enough
    assert stage.workspace.folder.stat().st_mtime == noted
    eviction.forget(stage.home, days=7, now=now + 8 * eviction.DAY, awaited=set())
    assert not stage.workspace.folder.exists()
    visitors.touch(stage.workspace, now)  # and a visitor without one needs none


def test_how_a_run_ended_is_news_until_its_key_or_it_was_shown(stage: Stage, tmp_path: Path) -> None:
    first, second = stage.ended(stage.ask("instant")), stage.ended(stage.ask("instant"))
    third = stage.ended(stage.ask("instant", size=7))
    cancelled = stage.running(stage.ask("steps", gate=str(tmp_path / "gate")))
    stage.engine.cancel(stage.workspace, cancelled.id)
    stage.ended(cancelled)

    def news() -> set[str]:
        return {run.record.id for run in runs.each(stage.engine, stage.workspace) if run.is_news}

    assert news() == {first.id, second.id, third.id}  # who cancels knows how it ended
    runs.see(stage.engine, stage.workspace, third.id)
    assert news() == {first.id, second.id}
    runs.see(stage.engine, stage.workspace, first.key)
    assert news() == set()
    runs.see(stage.engine, stage.workspace, "../" + first.id)  # what matches nothing marks nothing


def test_what_was_deleted_together_last_can_be_brought_back_together(stage: Stage) -> None:
    jobs = [stage.ended(stage.ask("instant", size=size)).id for size in (1, 2, 3)]
    now = time.time()
    assert runs.deleted(stage.engine, stage.workspace, now) == []
    runs.delete(stage.engine, stage.workspace, jobs[:1])
    runs.delete(stage.engine, stage.workspace, jobs[1:])
    gone = runs.deleted(stage.engine, stage.workspace, time.time())
    assert {run.record.id for run in gone} == set(jobs[1:])
    runs.restore(stage.workspace, jobs[1:])
    assert [run.record.id for run in runs.deleted(stage.engine, stage.workspace, time.time())] == jobs[:1]
    assert runs.deleted(stage.engine, stage.workspace, time.time() + runs.UNDO_SECONDS + 60) == []
