"""A disk that is really full: nothing is half there, everything answers, and what to do is said in a sentence."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask

from callbacks.house import NAME
from dashapp.app import create_app
from dashapp.settings import Settings
from services import datasets, results, uploads
from services.errors import DiskFull, DoesNotFit
from services.jobs import checkpoints, lanes
from services.jobs.record import Record
from services.workspace import read_json, write_json
from tests.unit.faults.disk import MB, Disk
from tests.unit.faults.inside import Inside
from tests.unit.services.jobs.stage import Stage
from tests.waiting import lives, until

SAID = r"The server's disk is full: [\d.]+ MB are free\. Remove datasets .*, press Clean up .*, or ask who runs this"


@pytest.fixture
def stage(analyses_for_tests: None, disk: Disk) -> Iterator[Stage]:
    """An engine whose data folder is on the small disk; the test makes room before it ends."""
    made = Stage(disk.place / "data")
    yield made
    (disk.place / "ballast").unlink(missing_ok=True)
    made.close()


@pytest.fixture
def server(analyses_for_tests: None, disk: Disk) -> Iterator[Flask]:
    made = create_app(Settings(data_dir=disk.place / "data", memory_limit_mb=4_000)).server
    yield made
    (disk.place / "ballast").unlink(missing_ok=True)
    engine = made.extensions[NAME].engine
    until(lambda: engine.recover() or not engine.live())


def leftovers(folder: Path) -> list[Path]:
    """Whatever was not finished and lies about, and what jobs put aside."""
    return [each for each in folder.rglob("*") if each.name.startswith(".") or each.name == "tmp"]


def supervisor(stage: Stage, job: Record) -> int:
    pid = stage.now(job).pid
    assert pid is not None
    return pid


# What comes in ------------------------------------------------------------------------------------


def test_an_upload_that_cannot_fit_is_refused_before_it_begins(server: Flask, disk: Disk) -> None:
    visitor = Inside(server)
    disk.fill(leave=MB)
    status, _, _ = visitor.send("POST", "/_uploads", Upload_Length=str(MB), Upload_Metadata="filename dC5jc3Y=")
    assert status == 507
    assert re.match(r"The server's disk has no room for “t\.csv”\. Now [\d.]+ MB are free\.", visitor.messages[-1])
    assert not list(visitor.workspace.each("uploads"))


def test_an_upload_that_meets_a_full_disk_keeps_what_arrived_and_goes_on(server: Flask, disk: Disk) -> None:
    visitor, whole = Inside(server), bytes(range(256)) * 2_000
    _, said, _ = visitor.send("POST", "/_uploads", Upload_Length=str(len(whole)), Upload_Metadata="filename dC5jc3Y=")
    disk.fill(leave=MB // 4)
    status, _, _ = visitor.send("PATCH", said["Location"], whole, Upload_Offset="0")
    assert status == 507
    assert "no room for “t.csv”" in visitor.messages[-1]
    upload = uploads.get(visitor.workspace, said["Location"].rpartition("/")[2])
    assert 0 < upload.offset < len(whole)
    assert not upload.is_complete
    disk.make_room()
    _, state, _ = visitor.send("HEAD", said["Location"])
    at = int(state["Upload-Offset"])
    assert visitor.send("PATCH", said["Location"], whole[at:], Upload_Offset=str(at))[0] == 204
    assert (upload.folder / uploads.CONTENT).read_bytes() == whole


def test_a_file_whose_columns_do_not_fit_leaves_no_dataset_and_nothing_half_written(stage: Stage, disk: Disk) -> None:
    lines = b"item,amount\n" + b"".join(b"%d,%d\n" % (i, i * 7_919) for i in range(100_000))
    upload = uploads.Upload(stage.workspace.upload("a" * 32), "items.csv", len(lines))
    upload.folder.mkdir(parents=True)
    write_json(upload.folder / uploads.META, {"name": upload.name, "length": upload.length})
    (upload.folder / uploads.CONTENT).write_bytes(lines)
    disk.fill(leave=MB // 2)
    job = stage.engine.take_in(stage.workspace, {"upload": upload.id, "name": upload.name}, "Reading", len(lines))
    ended = stage.ended(job)
    assert (ended.state, ended.incident) == ("interrupted", None)
    assert re.match(SAID, ended.message)
    assert [each.name for each in stage.workspace.each("datasets")] == [stage.dataset["id"]]
    assert not leftovers(stage.workspace.folder)
    assert upload.is_complete  # it need not be sent again
    disk.make_room()
    again = stage.engine.take_in(stage.workspace, {"upload": upload.id, "name": upload.name}, "Reading", len(lines))
    assert stage.ended(again).state == "done"


# What runs ----------------------------------------------------------------------------------------


def test_a_table_that_does_not_fit_is_said_and_leaves_nothing(stage: Stage, disk: Disk) -> None:
    ended = stage.ended(stage.ask("fills", touch=False))
    assert (ended.state, ended.incident) == ("interrupted", None)
    assert re.match(SAID, ended.message)
    assert not leftovers(stage.workspace.folder)
    assert not (stage.workspace.result(ended.key) / results.FILE).exists()
    assert disk.free > 3 * MB


def test_steps_kept_before_the_disk_was_full_are_found_when_there_is_room(
    stage: Stage, disk: Disk, tmp_path: Path
) -> None:
    log = tmp_path / "log"
    disk.fill(leave=3 * MB // 2)
    ended = stage.ended(stage.ask("fills", log=str(log)))
    assert (ended.state, ended.incident) == ("interrupted", None)
    assert re.match(SAID, ended.message)
    assert 0 < len(ended.kept) < 5
    steps = stage.workspace.steps(ended.key)
    assert all(checkpoints.get(steps, name, tmp_path) for name in ended.kept)
    assert not leftovers(stage.workspace.folder)
    disk.make_room()
    done = stage.ended(stage.engine.again(stage.workspace, ended.id))
    assert (done.state, done.found) == ("done", len(ended.kept))
    made = log.read_text().split()
    assert [made.count(name.split()[1]) for name in ended.kept] == [1] * len(ended.kept)


def test_a_run_whose_end_cannot_be_noted_waits_for_room_and_holds_nothing(
    stage: Stage, disk: Disk, tmp_path: Path
) -> None:
    gate = tmp_path / "gate"
    job = stage.ask("fills", gate=str(gate))
    until(lambda: stage.now(job).kept)
    keeper = supervisor(stage, job)
    (workers,) = Path(f"/proc/{keeper}/task/{keeper}/children").read_text().split()
    disk.fill()
    gate.touch()
    until(lambda: not lives(int(workers)))
    assert lives(keeper)  # it tries to note how it ended
    assert stage.now(job).state == "running"
    disk.make_room()
    ended = stage.ended(job)
    assert (ended.state, ended.kept) == ("interrupted", ("Step 0",))
    assert re.match(SAID, ended.message)
    until(lambda: lanes.holder(stage.home.server, lanes.HEAVY) is None)
    assert stage.ended(stage.ask("instant")).state == "done"


def test_a_supervisor_that_cannot_write_its_last_word_is_spoken_for(stage: Stage, disk: Disk, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    job = stage.ask("fills", gate=str(gate))
    until(lambda: stage.now(job).kept)
    keeper = supervisor(stage, job)
    (worker,) = Path(f"/proc/{keeper}/task/{keeper}/children").read_text().split()
    disk.fill()
    os.kill(keeper, signal.SIGTERM)  # its platform ends it, and does not wait for room
    until(lambda: not lives(keeper))
    assert not lives(int(worker))
    until(lambda: lanes.holder(stage.home.server, lanes.HEAVY) is None)
    stage.engine.recover()  # which cannot say it yet either
    assert stage.now(job).state == "running"
    disk.make_room()
    until(lambda: stage.engine.recover() or not stage.now(job).is_live)
    ended = stage.now(job)
    assert ended.state == "interrupted"
    assert "the server's disk was full" in ended.message
    gate.touch()
    done = stage.ended(stage.engine.again(stage.workspace, job.id))
    assert (done.state, done.found) == ("done", 1)


def test_a_run_is_refused_where_it_could_not_be_noted_and_what_waits_starts_later(stage: Stage, disk: Disk) -> None:
    before = sorted(stage.workspace.folder.rglob("*"))
    disk.fill()
    with pytest.raises(DiskFull, match=SAID):
        stage.ask("instant")
    assert sorted(stage.workspace.folder.rglob("*")) == before
    assert stage.engine.live() == []
    disk.make_room()
    assert stage.ended(stage.ask("instant")).state == "done"


def test_a_job_that_waits_when_the_disk_fills_is_withdrawn_or_starts_when_there_is_room(
    stage: Stage, disk: Disk, tmp_path: Path
) -> None:
    gate = tmp_path / "gate"
    first, second = stage.ask("steps", gate=str(gate)), stage.ask("instant")
    stage.running(first)
    disk.fill()
    gate.touch()
    keeper = supervisor(stage, first)
    until(lambda: not Path(f"/proc/{keeper}/task/{keeper}/children").read_text())
    os.kill(keeper, signal.SIGTERM)
    until(lambda: not lives(keeper))
    until(lambda: lanes.holder(stage.home.server, lanes.HEAVY) is None)
    stage.engine.dispatch()
    assert stage.now(second).state == "queued"
    disk.make_room()
    stage.engine.recover()
    stage.engine.dispatch()
    assert stage.ended(second).state == "done"


# The server ---------------------------------------------------------------------------------------


def test_every_page_answers_on_a_full_disk_and_a_run_is_refused_in_a_sentence(server: Flask, disk: Disk) -> None:
    visitor = Inside(server)
    known = datasets.about(visitor.workspace, visitor.bring("items.csv", b"item,amount\ntea,80\nmilk,15\njam,5\n"))
    engine = server.extensions[NAME].engine
    done = engine.ask(visitor.workspace, "battery", known, {"item": "item"})
    assert visitor.ended(done).state == "done"
    disk.fill()
    with pytest.raises(DoesNotFit):
        write_json(disk.place / "data" / "none.json", {"none": "x" * 5_000})
    shown = visitor.look("/data", "/runs", f"/battery?result={done.key}", f"/battery?dataset={known['id']}")
    assert "Scores are made up" in shown
    assert visitor.read("/_pulse")["memory"]
    answer = visitor.client.get("/readyz")
    assert answer.status_code == 503
    said = answer.get_json()["checks"]["disk"]
    assert not said["ok"]
    assert said["message"].startswith("The disk is full: ")
    again = visitor.send("POST", f"/_runs/{done.id}/again", b'{"fresh": true}', Content_Type="application/json")
    assert again[0] == 507
    assert re.match(SAID, visitor.messages[-1])
    visitor.send("POST", "/_cleanup")
    assert visitor.client.delete(f"/_uploads/{'a' * 32}").status_code == 404


def test_a_log_on_a_full_disk_ends_nothing(disk: Disk) -> None:
    disk.fill()
    code = (
        "import logging, sys; from dashapp import logs; logs.set_up('info'); "
        "[logging.getLogger('datainsights').error('x' * 9000) for _ in range(3)]; print('went on', flush=True)"
    )
    with open(disk.place / "log", "wb") as log:
        said = subprocess.run([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=log, check=False)
    assert said.stdout == b"went on\n"


def test_what_was_there_stays_where_it_cannot_be_replaced(disk: Disk) -> None:
    path = disk.place / "kept.json"
    write_json(path, {"a": 1})
    disk.fill()
    with pytest.raises(DiskFull, match=SAID):
        write_json(path, {"a": "x" * 10_000})
    assert read_json(path) == {"a": 1}
    assert not leftovers(disk.place)
