"""The record of a run is one file: the old or the new, never half."""

import json
import os
import threading
import time
from pathlib import Path

import pytest

from services.errors import NotFound
from services.jobs import record
from services.jobs.record import Record
from services.memory import started


def queued(**fields: object) -> Record:
    asked = {
        "id": "0" * 32, "visitor": "1" * 32, "task": "analysis", "slug": "rfm", "title": "RFM", "dataset": "2" * 32,
        "params": {"customer": "Größe", "quantiles": 5, "order": None}, "key": "3" * 32, "lane": "heavy", "made": 1.5,
    }  # fmt: skip
    return Record(**(asked | fields))  # type: ignore[arg-type]


FULL = queued(
    state="failed", sequence=7, started=2.0, ended=4.5, done=2, total=3, label="Scoring",
    steps=({"label": "Counting", "seconds": 1.25},), step_started=3.0, pid=12, start=345, ceiling_mb=200,
    memory_mb=40.5, peak_mb=99.9, kept=("a", "b"), stopped=({"name": "c", "reason": "time"},), message="Too few rows.",
    field="customer", incident="ABC123", outcome="4" * 32, notes=("customer is “Größe”.",),
)  # fmt: skip


@pytest.mark.parametrize("one", [queued(), FULL])
def test_what_is_written_is_read(tmp_path: Path, one: Record) -> None:
    one.write(tmp_path)
    assert record.read(tmp_path) == one


def test_writing_leaves_one_file_and_replaces_it_whole(tmp_path: Path) -> None:
    FULL.write(tmp_path)
    first = (tmp_path / record.FILE).stat().st_ino
    FULL.changed(label="x").write(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [record.FILE]
    assert (tmp_path / record.FILE).stat().st_ino != first


def test_a_reader_never_meets_half_a_record(tmp_path: Path) -> None:
    long, short = queued(label="x" * 100_000), queued(label="y")
    long.write(tmp_path)
    stop = threading.Event()

    def replace() -> None:
        while not stop.is_set():
            short.write(tmp_path)
            long.write(tmp_path)

    writer = threading.Thread(target=replace)
    writer.start()
    try:
        seen = {len(record.read(tmp_path).label) for _ in range(200)}
    finally:
        stop.set()
        writer.join()
    assert seen <= {1, 100_000}


def test_fields_of_another_version_are_passed_over(tmp_path: Path) -> None:
    queued().write(tmp_path)
    said = json.loads((tmp_path / record.FILE).read_text())
    del said["notes"], said["peak_mb"]
    (tmp_path / record.FILE).write_text(json.dumps(said | {"colour": "red"}))
    assert record.read(tmp_path) == queued()


@pytest.mark.parametrize(
    "said", [b"", b"{", b'{"id": "0"', b"\xff\xfe\x00", b"[]", b"null", b"{}", b'"text"', b'{"notes": 1}']
)
def test_a_damaged_record_is_not_there(tmp_path: Path, said: bytes) -> None:
    (tmp_path / record.FILE).write_bytes(said)
    with pytest.raises(NotFound):
        record.read(tmp_path)


def test_no_record_and_no_folder_are_not_there(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "none"):
        with pytest.raises(NotFound):
            record.read(folder)


def test_an_orphan_says_it_runs_under_a_process_that_does_not_live() -> None:
    me, start = os.getpid(), started(os.getpid())
    assert start is not None
    assert not queued(state="running", pid=me, start=start).is_orphan
    assert queued(state="running", pid=me, start=start + 1).is_orphan
    assert queued(state="running", pid=None, start=None).is_orphan
    assert not queued(state="queued").is_orphan
    assert not queued(state="done", pid=me, start=start + 1).is_orphan


def test_time_left_follows_from_the_share_done() -> None:
    now = time.time()
    running = queued(state="running", started=now - 24, moved=now - 4, done=2, total=4)
    assert running.left == pytest.approx(16, abs=0.5)  # ten seconds each; four of the third's are over
    assert running.changed(done=0).left is None
    assert running.changed(done=4).left is None
    assert running.changed(state="done").left is None


def test_nobody_knows_how_long_a_step_takes_that_takes_much_longer_than_the_others() -> None:
    now = time.time()
    running = queued(state="running", started=now - 32, moved=now - 12, done=2, total=4)
    assert running.left == pytest.approx(10, abs=0.5)
    assert running.changed(started=now - 60, moved=now - 40).left is None
    assert running.changed(moved=None).left is None


def test_a_run_that_did_not_start_took_no_time() -> None:
    assert queued().seconds == 0.0
    assert FULL.seconds == 2.5
