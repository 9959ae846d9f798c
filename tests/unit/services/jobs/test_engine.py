"""Who runs, who waits, and what is found again after the worst."""

import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from services import memory, results, uploads
from services.errors import NotFound, ParamError, QueueFull
from services.jobs import lanes, record
from services.jobs.engine import MOST_QUEUED, Engine
from services.jobs.record import Record
from services.workspace import Workspace, new_id
from tests.unit.services.jobs.stage import Stage, bounds
from tests.waiting import lives, marked, until

ROOT = Path(__file__).resolve().parents[4]


@pytest.fixture
def gate(tmp_path: Path) -> Path:
    """A file that jobs wait for."""
    return tmp_path / "gate"


def waits(stage: Stage, gate: Path, name: str = "") -> Record:
    """A job that runs until the gate opens; another name is another question."""
    return stage.ask("steps", gate=str(gate), log=f"{gate}-{name}")


def states(stage: Stage, *jobs: Record) -> list[str]:
    return [stage.now(job).state for job in jobs]


def test_the_same_live_question_asked_ten_times_is_one_job(stage: Stage, gate: Path) -> None:
    with ThreadPoolExecutor(10) as pool:
        jobs = list(pool.map(lambda _: waits(stage, gate), range(10)))
    assert len({job.id for job in jobs}) == 1
    assert len(stage.engine.mine(stage.workspace)) == 1
    gate.touch()
    assert stage.ended(jobs[0]).state == "done"
    assert Path(f"{gate}-").read_text().count("step 0") == 1


def test_another_visitors_same_question_is_another_job(stage: Stage, gate: Path) -> None:
    mine = waits(stage, gate)
    other, _ = stage.visitor()
    theirs = stage.engine.ask(other, "steps", stage.dataset, mine.params)
    assert theirs.id != mine.id
    assert theirs.key == mine.key


def test_first_come_first_served_one_at_a_time(stage: Stage, gate: Path) -> None:
    jobs = [stage.running(waits(stage, gate, "a")), *(waits(stage, gate, name) for name in "bcd")]
    assert states(stage, *jobs) == ["running", "queued", "queued", "queued"]
    assert [len(stage.engine.before(stage.now(job))) for job in jobs] == [0, 1, 2, 3]
    gate.touch()
    ended = [stage.ended(job) for job in jobs]
    assert [job.state for job in ended] == ["done"] * 4
    for before, after in pairwise(ended):
        assert before.ended is not None
        assert after.started is not None
        assert before.ended <= after.started


def test_eight_jobs_of_four_visitors_keep_their_order_and_each_ends(stage: Stage, gate: Path) -> None:
    visitors = [(stage.workspace, stage.dataset), *(stage.visitor() for _ in range(3))]
    jobs = []
    for turn in range(2):
        for workspace, dataset in visitors:
            asked = {"item": "item", "gate": str(gate), "size": turn + 1}
            jobs.append(stage.engine.ask(workspace, "steps", dataset, asked))
    assert [len(stage.engine.before(stage.now(job))) for job in jobs] == list(range(8))
    gate.touch()
    ended = [stage.ended(job) for job in jobs]
    assert [job.state for job in ended] == ["done"] * 8
    assert sorted(ended, key=lambda job: job.started or 0) == ended
    for before, after in pairwise(ended):
        assert before.ended is not None
        assert after.started is not None
        assert before.ended <= after.started
    until(lambda: lanes.holder(stage.home.server, lanes.HEAVY) is None)
    assert stage.engine.live() == []


def test_a_queued_job_can_be_withdrawn_and_the_next_moves_up(stage: Stage, gate: Path) -> None:
    first, second, third = (waits(stage, gate, name) for name in "abc")
    stage.running(first)
    stage.engine.cancel(stage.workspace, second.id)
    withdrawn = stage.now(second)
    assert (withdrawn.state, withdrawn.message, withdrawn.started) == ("cancelled", "Withdrawn.", None)
    assert stage.engine.place(stage.now(third)) == 1
    gate.touch()
    assert stage.ended(third).state == "done"
    assert states(stage, second) == ["cancelled"]


def test_cancelling_what_has_ended_changes_nothing(stage: Stage) -> None:
    job = stage.ended(stage.ask("instant"))
    stage.engine.cancel(stage.workspace, job.id)
    assert stage.now(job) == job
    assert not (stage.folder(job) / record.CANCEL).exists()


def test_the_fourth_that_waits_of_one_visitor_is_refused_and_another_visitor_is_not(stage: Stage, gate: Path) -> None:
    running = waits(stage, gate, "a")
    stage.running(running)
    for name in "bcd":
        waits(stage, gate, name)
    with pytest.raises(QueueFull) as refused:
        waits(stage, gate, "e")
    assert refused.value.message == "3 of your runs wait already. Withdraw one, or let them finish."
    assert waits(stage, gate, "d").state == "queued"  # one that waits already may be asked again
    other, dataset = stage.visitor()
    assert stage.engine.ask(other, "steps", dataset, running.params).state == "queued"


def test_a_full_queue_refuses_everybody(stage: Stage, gate: Path) -> None:
    stage.running(waits(stage, gate))
    for _ in range(MOST_QUEUED):
        visitor, dataset = stage.visitor()
        stage.engine.ask(visitor, "steps", dataset, {"item": "item", "gate": str(gate)})
    visitor, dataset = stage.visitor()
    with pytest.raises(QueueFull) as refused:
        stage.engine.ask(visitor, "steps", dataset, {"item": "item", "gate": str(gate)})
    assert refused.value.message == "20 runs wait already. Try again when some are done."


def test_a_question_that_does_not_parse_makes_no_job(stage: Stage) -> None:
    with pytest.raises(ParamError):
        stage.ask("steps", item="no such column")
    with pytest.raises(NotFound):
        stage.ask("no such analysis")
    assert stage.engine.mine(stage.workspace) == []


def test_a_killed_supervisor_leaves_an_interrupted_job_and_the_next_one_starts(stage: Stage, gate: Path) -> None:
    first, second = waits(stage, gate, "a"), waits(stage, gate, "b")
    running = stage.running(first)
    assert running.pid is not None
    os.kill(running.pid, signal.SIGKILL)
    ended = stage.ended(first)
    assert ended.state == "interrupted"
    assert ended.message == "Interrupted: the server was stopped or crashed while this ran."
    assert (ended.pid, ended.start) == (None, None)
    assert not (stage.folder(first) / "tmp").exists()
    stage.running(second)
    until(lambda: not marked(first.id))
    gate.touch()
    assert stage.ended(second).state == "done"


def test_a_killed_supervisor_leaves_no_process_of_its_job(stage: Stage, tmp_path: Path) -> None:
    log = tmp_path / "pids"
    job = stage.running(stage.ask("forks", log=str(log)))
    pids = until(lambda: found if log.exists() and len(found := log.read_text().split()) == 3 else None)
    assert job.pid is not None
    os.kill(job.pid, signal.SIGKILL)
    assert stage.ended(job).state == "interrupted"
    until(lambda: not any(lives(int(pid)) for pid in pids))


def test_at_boot_what_says_it_runs_under_nobody_is_interrupted_and_what_waited_still_waits(
    stage: Stage, gate: Path
) -> None:
    job = stage.ended(stage.ask("instant"))
    dead = {"state": "running", "ended": None, "pid": os.getpid(), "start": 1, "id": new_id()}
    orphan, queued = job.changed(**dead), job.changed(state="queued", ended=None, started=None, id=new_id())
    for each in (orphan, queued):
        stage.workspace.job(each.id).mkdir(parents=True)
        each.write(stage.workspace.job(each.id))
    again = Engine(stage.home, stage.engine.bounds)
    assert again.get(stage.workspace, orphan.id).state == "interrupted"
    assert again.get(stage.workspace, queued.id).state == "queued"
    assert [each.id for _, each in again.live()] == [queued.id]
    again.dispatch()
    assert stage.ended(queued).state == "done"
    until(lambda: not again.live())
    again.index.close()


def test_a_running_job_outlives_the_server_that_started_it(stage: Stage, gate: Path) -> None:
    job = stage.running(waits(stage, gate))
    again = Engine(stage.home, stage.engine.bounds)
    assert [each.id for _, each in again.live()] == [job.id]
    again.cancel(stage.workspace, job.id)
    assert stage.ended(job).state == "cancelled"
    again.index.close()


NOISE = b"this is not a database " * 1_000


def _damage(folder: Path, noise: bytes) -> None:
    for path in folder.iterdir():
        path.write_bytes(noise)


@pytest.mark.parametrize("noise", [NOISE, b""], ids=["noise", "empty"])
def test_a_damaged_index_is_made_again_at_boot(stage: Stage, gate: Path, noise: bytes) -> None:
    first, second = waits(stage, gate, "a"), waits(stage, gate, "b")
    stage.running(first)
    stage.engine.index.close()
    _damage(stage.home.server / "index", noise)
    again = Engine(stage.home, stage.engine.bounds)
    assert [each.id for _, each in again.live()] == [first.id, second.id]
    stage.engine = again
    gate.touch()
    until(lambda: again.dispatch() or stage.now(second).state == "done")


def test_an_index_damaged_while_it_is_used_is_made_again(stage: Stage, gate: Path) -> None:
    first, second = waits(stage, gate, "a"), waits(stage, gate, "b")
    stage.running(first)
    _damage(stage.home.server / "index", NOISE)
    assert [each.id for _, each in stage.engine.live()] == [first.id, second.id]
    gate.touch()
    assert stage.ended(second).state == "done"
    third = stage.ended(waits(stage, gate, "c"))
    assert third.state == "done"


def test_entries_of_the_index_that_name_no_job_are_passed_over(stage: Stage) -> None:
    stage.engine.index.set("refused0123", {"message": "Too many.", "field": None})
    stage.engine.index.set(new_id(), {"visitor": new_id(), "sequence": 1})
    stage.engine.index.set(new_id(), {"visitor": "../..", "sequence": 1})
    stage.engine.index.set(new_id(), "text")
    assert stage.engine.live() == []
    assert stage.ended(stage.ask("instant")).state == "done"
    assert stage.engine.index.get("refused0123") == {"message": "Too many.", "field": None}


def test_another_visitors_job_is_not_there(stage: Stage) -> None:
    job = stage.ended(stage.ask("instant"))
    other, _ = stage.visitor()
    for hidden in (job.id, new_id(), "../" + job.id, "", "x" * 32):
        with pytest.raises(NotFound):
            stage.engine.get(other, hidden)
        with pytest.raises(NotFound):
            stage.engine.cancel(other, hidden)
    assert stage.engine.mine(other) == []


def _exported(stage: Stage, workspace: Workspace, key: str, **asked: Any) -> Record:
    return stage.engine.export(workspace, {"result": key, "table": "items", "format": "csv", **asked}, rows=3)


def test_an_export_is_a_quick_job_and_asked_twice_it_is_written_twice_alike(stage: Stage) -> None:
    key = stage.ended(stage.ask("instant")).key
    first = stage.ended(_exported(stage, stage.workspace, key))
    assert (first.lane, first.state, first.outcome) == (lanes.QUICK, "done", "items.csv")
    written = stage.workspace.result(key) / results.EXPORTS / "items.csv"
    before = written.read_bytes()
    assert stage.ended(_exported(stage, stage.workspace, key)).state == "done"
    assert written.read_bytes() == before


def test_an_export_of_what_is_not_there_fails_with_a_sentence(stage: Stage) -> None:
    key = stage.ended(stage.ask("instant")).key
    job = stage.ended(_exported(stage, stage.workspace, key, table="nothing"))
    assert (job.state, job.message) == ("failed", "This result has no table “nothing”.")


def test_a_quick_job_runs_beside_a_heavy_one_when_it_fits(stage: Stage, gate: Path) -> None:
    stage.engine.bounds = bounds(4_000)  # whatever other tests take meanwhile
    key = stage.ended(stage.ask("instant")).key
    heavy = stage.running(waits(stage, gate))
    assert stage.ended(_exported(stage, stage.workspace, key)).state == "done"
    assert states(stage, heavy) == ["running"]


def test_a_quick_job_that_does_not_fit_starts_when_the_heavy_one_has_ended(stage: Stage, gate: Path) -> None:
    key = stage.ended(stage.ask("instant")).key
    heavy = stage.running(waits(stage, gate))
    stage.engine.bounds = bounds(lanes.QUICK_MB)  # and the heavy one, which is expected to take 40 MB, holds less
    quick = _exported(stage, stage.workspace, key)
    assert stage.engine._quick_fits() is False
    assert states(stage, heavy, quick) == ["running", "queued"]
    gate.touch()
    assert stage.ended(quick).state == "done"


def test_what_the_quick_lane_has_no_memory_for_goes_on_in_the_heavy_one(stage: Stage) -> None:
    lines = [",".join(f"v{place}" for place in range(1_200))]
    lines += [",".join(f"{(31 * row + place) % 977 / 100:.2f}" for place in range(1_200)) for row in range(50)]
    content = "\n".join(lines).encode()
    upload = uploads.create(stage.workspace, "wide.csv", len(content), limit_mb=1)
    uploads.append(upload, 0, [content])
    asked = stage.engine.take_in(stage.workspace, {"upload": upload.id, "name": upload.name}, "Reading", len(content))
    assert asked.lane == lanes.QUICK, "it is small; but DuckDB wants more for its 1,200 columns than a quick job has"
    moved = until(lambda: now if (now := stage.now(asked)).lane == lanes.HEAVY and now.state == "running" else None, 60)
    assert moved.ended is None
    stage.engine.cancel(stage.workspace, asked.id)
    assert stage.ended(asked).state == "cancelled"


def test_a_small_sample_comes_in_by_the_quick_lane(stage: Stage) -> None:
    workspace = stage.home.workspace(new_id())
    job = stage.engine.take_in(workspace, {"sample": "tips"}, "Making Restaurant tips", 0)
    ended = stage.ended(job)
    assert (ended.lane, ended.state) == (lanes.QUICK, "done")
    assert ended.outcome is not None
    assert workspace.dataset(ended.outcome).is_dir()


def test_a_supervisor_that_cannot_start_fails_its_job_and_does_not_try_for_ever(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as broken:
        broken.setenv("PYTHONHOME", "/nowhere")  # no Python starts with that
        ended = stage.ended(stage.ask("instant"))
    assert ended.state == "failed"
    assert ended.incident
    assert ended.message == "This is our mistake: the run could not be started. Nothing of yours was lost."
    assert stage.ended(stage.ask("instant")).state == "done"


def test_six_jobs_leave_no_process_thread_or_descriptor(stage: Stage, tmp_path: Path) -> None:
    stage.ended(stage.ask("instant"))
    until(_only_mine)
    before = len(os.listdir("/proc/self/fd"))
    for i in range(6):
        job = stage.ask("instant", log=f"question {i}")
        assert stage.ended(job).state == "done"
    until(_only_mine)
    until(lambda: not marked(str(stage.home.root)))
    assert all(map(lives, memory.tree(os.getpid())))  # no zombie
    assert len(os.listdir("/proc/self/fd")) <= before
    assert stage.engine.live() == []
    assert list(stage.engine.index.iterkeys()) == []


def _only_mine() -> bool:
    """No thread waits for a supervisor any more."""
    return not any("_after" in each.name for each in threading.enumerate())


def test_two_servers_on_one_folder_run_one_heavy_job_between_them(stage: Stage, gate: Path) -> None:
    other, dataset = stage.visitor()
    first = stage.running(waits(stage, gate))
    code = (
        "import sys, time; from pathlib import Path\n"
        "from services.jobs.engine import Engine; from services.jobs.supervisor import Bounds\n"
        "from services.workspace import Home; from services import datasets\n"
        "home = Home.at(Path(sys.argv[1])); here = home.workspace(sys.argv[2])\n"
        "engine = Engine(home, Bounds(limit_mb=int(sys.argv[4]), reserve_mb=int(sys.argv[5])))\n"
        "job = engine.ask(here, 'instant', datasets.about(here, sys.argv[3]), {'item': 'item'})\n"
        "print(engine.get(here, job.id).state, flush=True)\n"
        "while engine.get(here, job.id).is_live: time.sleep(0.05); engine.dispatch()\n"
        "print(engine.get(here, job.id).state, flush=True)\n"
    )
    limits = [str(stage.engine.bounds.limit_mb), str(stage.engine.bounds.reserve_mb)]
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(stage.home.root), other.visitor, dataset["id"], *limits],
        cwd=ROOT, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stdout.readline() == "queued\n"
    assert states(stage, first) == ["running"]
    gate.touch()
    assert process.communicate(timeout=15)[0] == "done\n"
    assert stage.ended(first).state == "done"


def test_the_index_never_drops_an_entry_by_size_and_keeps_only_json(stage: Stage) -> None:
    index = stage.engine.index
    assert index.eviction_policy == "none"
    for i in range(200):
        index.set(f"key {i}", {"text": "x" * 2_000})
    assert index.get("key 0") == {"text": "x" * 2_000}
    with pytest.raises(TypeError):
        index.set("frame", object())


def test_a_job_says_when_it_was_made_and_in_which_order(stage: Stage, gate: Path) -> None:
    jobs = [waits(stage, gate, name) for name in "ab"]
    assert jobs[0].sequence < jobs[1].sequence
    assert jobs[0].made <= jobs[1].made <= time.time()
    assert [each.id for each in stage.engine.mine(stage.workspace)] == [jobs[1].id, jobs[0].id]
