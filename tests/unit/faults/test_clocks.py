"""The wall clock jumps an hour back or ahead: nobody is passed over, nothing of theirs goes, no time is negative."""

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from callbacks.house import NAME
from dashapp.app import create_app
from dashapp.settings import Settings
from services import eviction, runs, uploads, visitors
from services.jobs.record import Record
from services.workspace import Home, new_id
from tests.unit.faults.inside import Inside
from tests.unit.services.jobs.stage import Stage
from tests.waiting import until

HOUR = 3_600.0
NOW = time.time()
MB = 1 << 20

Turn = Callable[[float], None]


@pytest.fixture
def turn(monkeypatch: pytest.MonkeyPatch) -> Turn:
    """Set the clock that this process reads forth, or back."""
    real, real_ns = time.time, time.time_ns

    def set_(seconds: float) -> None:
        monkeypatch.setattr(time, "time", lambda: real() + seconds)
        monkeypatch.setattr(time, "time_ns", lambda: real_ns() + int(seconds * 1e9))

    return set_


@pytest.fixture
def stage(analyses_for_tests: None, tmp_path: Path) -> Iterator[Stage]:
    made = Stage(tmp_path / "data")
    yield made
    made.close()


def ran(**fields: float | int | str) -> Record:
    return Record(
        id=new_id(), visitor=new_id(), task="analysis", slug="x", title="X", dataset=None, params={}, key=new_id(),
        lane="heavy", **fields,  # type: ignore[arg-type]
    )  # fmt: skip


def made(path: Path, at: float, size: int = 1) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(bytes(size))
    os.utime(path, (at, at))
    return path


@pytest.mark.parametrize("jump", [-HOUR, HOUR])
def test_who_asks_after_the_jump_comes_after_who_waits(stage: Stage, turn: Turn, tmp_path: Path, jump: float) -> None:
    gate = tmp_path / "gate"
    first = stage.running(stage.ask("steps", gate=str(gate)))
    second = stage.ask("steps", gate=str(gate), size=2)
    turn(jump)
    third = stage.ask("steps", gate=str(gate), size=3)
    assert [stage.engine.place(stage.now(job)) for job in (second, third)] == [1, 2]
    gate.touch()
    ended = [stage.ended(job) for job in (first, second, third)]
    assert [job.state for job in ended] == ["done"] * 3
    assert ended[1].started is not None
    assert ended[2].started is not None
    assert ended[1].started < ended[2].started  # by the supervisors' own clock


@pytest.mark.parametrize("jump", [-HOUR, HOUR])
def test_no_time_is_negative_and_none_is_made_up(jump: float) -> None:
    began = NOW - jump  # noted before the jump
    running = ran(state="running", started=began - 20, moved=began - 5, done=5, total=10)
    assert running.seconds >= 0
    assert running.left is None
    assert ran(state="done", started=began, ended=NOW).seconds >= 0
    assert ran(state="running", started=NOW - 10, moved=began, done=5, total=10).left is None


def test_a_cookie_signed_before_the_clock_was_set_back_is_still_the_visitors(tmp_path: Path, turn: Turn) -> None:
    server = create_app(Settings(data_dir=tmp_path / "data", memory_limit_mb=4_000)).server
    visitor = Inside(server)
    before = visitor.workspace
    turn(-HOUR)
    assert visitor.read("/_pulse")["refused"] is False
    assert visitor.workspace == before
    turn(HOUR)
    visitor.send("GET", "/_pulse")
    assert visitor.workspace == before
    turn(31 * 86_400)  # and one that is too old is not
    visitor.send("GET", "/_pulse")
    assert visitor.workspace != before
    assert server.extensions[NAME].home.root.exists()


@pytest.mark.parametrize("jump", [-HOUR, 0, HOUR])
def test_nothing_that_is_in_use_is_forgotten(tmp_path: Path, jump: float) -> None:
    home = Home.at(tmp_path)
    here = home.workspace(new_id())
    upload = made(here.upload(new_id()) / "content", NOW)
    kept = made(here.dataset(new_id()) / "dataset.json", NOW)
    eviction.forget(home, days=1, now=NOW + jump, awaited=())
    assert upload.exists()
    assert kept.exists()
    visitors.touch(here, NOW + jump)


@pytest.mark.parametrize(("jump", "goes"), [(-HOUR, False), (0, False), (HOUR, False), (25 * HOUR, True)])
def test_a_table_nobody_has_seen_goes_only_after_a_day(tmp_path: Path, jump: float, goes: bool) -> None:
    home = Home.at(tmp_path)
    folder = home.workspace(new_id()).result(new_id())
    made(folder / "result.json", NOW)
    table = made(folder / "large.parquet", NOW, 2 * MB)
    eviction.sweep(home, live=(), over_mb=1, budget_mb=100, since=NOW + jump, now=NOW + jump)
    assert table.exists() is not goes


def test_a_table_opened_since_the_last_tick_stays_when_the_clock_was_set_back(tmp_path: Path, turn: Turn) -> None:
    from callbacks import pulse

    server = create_app(Settings(data_dir=tmp_path / "data", memory_limit_mb=4_000, evict_over_mb=1)).server
    here = server.extensions[NAME]
    here.swept = NOW
    turn(-HOUR)
    folder = here.home.workspace(new_id()).result(new_id())
    made(folder / "result.json", NOW - 2 * HOUR)
    opened = made(folder / "opened.parquet", NOW - HOUR - 10, 2 * MB)
    seen = made(folder / "seen.parquet", NOW - 1.5 * HOUR, 2 * MB)
    with server.app_context():
        pulse.sweep(here)
    assert opened.exists()
    assert not seen.exists()
    assert abs(here.swept - (time.time())) < 60


@pytest.mark.parametrize("jump", [-HOUR, 0])
def test_a_deleted_run_can_be_brought_back(stage: Stage, turn: Turn, jump: float) -> None:
    job = stage.ended(stage.ask("instant"))
    runs.delete(stage.engine, stage.workspace, [job.id])
    turn(jump)
    runs.purge(stage.engine, stage.workspace, time.time())
    assert [run.record.id for run in runs.deleted(stage.engine, stage.workspace, time.time())] == [job.id]
    runs.restore(stage.workspace, [job.id])
    assert [run.record.id for run in runs.each(stage.engine, stage.workspace)] == [job.id]


@pytest.mark.parametrize("jump", [-HOUR, HOUR])
def test_an_upload_under_way_goes_on(tmp_path: Path, turn: Turn, jump: float) -> None:
    here = Home.at(tmp_path).workspace(new_id())
    upload = uploads.create(here, "t.csv", 10, limit_mb=1)
    assert uploads.append(upload, 0, [b"12345"]) == 5
    turn(jump)
    assert uploads.create(here, "other.csv", 10, limit_mb=1).offset == 0
    assert uploads.append(upload, 5, [b"67890"]) == 10
    assert upload.is_complete


@pytest.mark.parametrize("jump", [-HOUR, HOUR])
def test_the_timer_goes_on(tmp_path: Path, turn: Turn, monkeypatch: pytest.MonkeyPatch, jump: float) -> None:
    from dashapp import app

    monkeypatch.setattr(app, "TICK", 0.05)
    server = app.create_app(Settings(data_dir=tmp_path / "data", memory_limit_mb=4_000, evict_every_s=0)).server
    here = server.extensions[NAME]
    began = here.swept
    until(lambda: here.swept != began)
    turn(jump)
    until(lambda: abs(here.swept - time.time()) < 60)
    seen = here.swept
    until(lambda: here.swept > seen)
