"""However a job ends, its record says so in a sentence, and nothing of it is left running."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from services import memory, params, results, serving
from services.jobs import lanes, record
from services.jobs.record import Record
from services.jobs.supervisor import ROOT, Bounds
from services.workspace import new_id
from tests.analyses import Asked
from tests.unit.services.jobs.stage import Stage, bounds
from tests.waiting import lives, marked, until


def worker(job: Record) -> int:
    """The pid of a running job's worker: the supervisor's only child."""
    assert job.pid is not None
    return until(lambda: memory.tree(job.pid)[1:])[0]  # type: ignore[arg-type]


def is_gone(stage: Stage, job: Record) -> bool:
    """Whether nothing of an ended job is left: no process, no lock, no temporary file."""
    assert not (stage.folder(job) / "tmp").exists()
    until(lambda: not marked(job.id))
    os.close(until(lambda: lanes.take(stage.home.server, lanes.HEAVY)))
    return lanes.holder(stage.home.server, lanes.HEAVY) is None


def test_done_and_the_result_lies_under_its_key(stage: Stage) -> None:
    job = stage.ended(stage.ask("instant"))
    assert (job.state, job.outcome, job.message) == ("done", job.key, "")
    assert job.ended is not None
    assert job.started is not None
    assert job.made <= job.started <= job.ended
    assert 0 < job.peak_mb < (job.ceiling_mb or 0)
    assert [step["label"] for step in job.steps][-1] == "Counting"
    assert job.done == job.total == 1
    assert is_gone(stage, job)
    stored = results.get(stage.workspace.result(job.key))
    assert stored.facts["rows"] == 3
    assert stored.columns("items") == {"item": ["jam", "milk", "tea"], "n": [1, 1, 1]}


def test_progress_and_steps_kept_are_in_the_record(stage: Stage, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    asked = stage.ask("steps", gate=str(gate))
    job = until(lambda: now if len((now := stage.now(asked)).kept) == 2 else None)
    assert (job.state, job.done, job.total, job.label) == ("running", 2, 3, "Step 2")
    assert job.kept == ("step 0", "step 1")
    assert memory.is_alive(job.pid, job.start)
    holder = lanes.holder(stage.home.server, lanes.HEAVY)
    assert holder is not None
    assert (holder["job"], holder["visitor"], holder["pid"]) == (job.id, job.visitor, job.pid)
    gate.touch()
    assert stage.ended(job).state == "done"


def test_a_refusal_ends_with_its_sentence_and_field(stage: Stage) -> None:
    job = stage.ended(stage.ask("refuses"))
    assert (job.state, job.field, job.incident) == ("failed", "item", None)
    assert job.message == "“item” has no items to count; choose another column."
    assert (stage.folder(job) / record.LOG).read_text() == ""
    assert is_gone(stage, job)


def test_a_bug_ends_with_an_incident_and_its_traceback_is_in_the_log_only(stage: Stage) -> None:
    job = stage.ended(stage.ask("breaks"))
    assert job.state == "failed"
    assert job.incident
    log = (stage.folder(job) / record.LOG).read_text()
    assert f"incident {job.incident}" in log
    assert "ZeroDivisionError: the secret of this bug" in log
    kept = (stage.folder(job) / record.FILE).read_text()
    assert "secret" not in kept
    assert "Traceback" not in kept
    assert job.message.startswith("This is our mistake.")
    assert is_gone(stage, job)


@pytest.mark.parametrize("touch", [True, False], ids=["what it touches", "what it only reserves"])
def test_allocating_without_end_kills_the_job_alone(stage: Stage, touch: bool) -> None:
    stage.engine.bounds = bounds(150)
    job = stage.ended(stage.ask("allocates", touch=touch))
    assert job.state == "killed"
    free = job.ceiling_mb
    why = "needed more memory" if touch else "asked for more memory at once"
    assert job.message == f"Stopped at {round(job.peak_mb)} MB: it {why} than this server has free ({free} MB)."
    assert job.incident is None
    assert is_gone(stage, job)
    assert stage.ended(stage.ask("instant")).state == "done"


def test_a_library_that_falls_over_where_there_is_no_memory_is_told_as_that(stage: Stage) -> None:
    stage.engine.bounds = bounds(150)
    job = stage.ended(stage.ask("eats", how="falls"))
    assert (job.state, job.incident) == ("killed", None), job
    free = job.ceiling_mb
    said = (
        f"Stopped at {round(job.peak_mb)} MB: it asked for more memory at once than this server has free ({free} MB)."
    )
    assert job.message == said


def test_running_into_the_limit_on_data_is_a_clean_end(stage: Stage) -> None:
    stage.engine.bounds = bounds(150)
    job = stage.ended(stage.ask("allocates", touch=False))
    assert job.state == "killed"
    assert job.ceiling_mb is not None
    assert job.peak_mb < job.ceiling_mb
    # Where it ran out is for who looks into the log; the person is told in a sentence.
    assert "MemoryError" in (stage.folder(job) / record.LOG).read_text()
    assert "Traceback" not in job.message


def test_where_nothing_is_free_a_job_is_killed_at_once_with_a_sentence(stage: Stage) -> None:
    stage.engine.bounds = bounds(-100)
    job = stage.ended(stage.ask("instant"))
    assert (job.state, job.ceiling_mb) == ("killed", 0)
    assert job.message.endswith("it needed more memory than this server has free (0 MB).")
    assert is_gone(stage, job)


def test_cancelling_ends_it_and_all_it_started(stage: Stage, tmp_path: Path) -> None:
    log = tmp_path / "pids"
    job = stage.running(stage.ask("forks", log=str(log)))
    pids = until(lambda: list(map(int, found)) if log.exists() and len(found := log.read_text().split()) == 3 else None)
    assert all(map(lives, pids))
    assert len({os.getsid(pid) for pid in pids}) == 3
    stage.engine.cancel(stage.workspace, job.id)
    job = until(lambda: now if not (now := stage.now(job)).is_live else None, seconds=2)
    assert (job.state, job.message) == ("cancelled", "Cancelled.")
    assert not any(map(lives, pids))
    until(lambda: is_gone(stage, job))


def test_what_a_finished_job_left_running_is_ended_too(stage: Stage, tmp_path: Path) -> None:
    log, gate = tmp_path / "pids", tmp_path / "gate"
    gate.touch()
    job = stage.ended(stage.ask("forks", log=str(log), gate=str(gate)))
    assert job.state == "done"
    assert not any(lives(int(pid)) for pid in log.read_text().split())
    assert is_gone(stage, job)


def test_a_terminated_supervisor_says_interrupted(stage: Stage, tmp_path: Path) -> None:
    log = tmp_path / "pids"
    job = stage.running(stage.ask("forks", log=str(log)))
    pids = until(lambda: found if log.exists() and len(found := log.read_text().split()) == 3 else None)
    assert job.pid is not None
    os.kill(job.pid, signal.SIGTERM)
    ended = stage.ended(job)
    assert (ended.state, ended.message) == ("interrupted", "Interrupted: the server was stopped.")
    assert not any(lives(int(pid)) for pid in pids)
    until(lambda: not lives(job.pid))  # type: ignore[arg-type]
    assert is_gone(stage, ended)


def test_a_killed_worker_is_not_done_and_the_flag_goes_down(stage: Stage, tmp_path: Path) -> None:
    job = stage.running(stage.ask("steps", gate=str(tmp_path / "gate")))
    os.kill(worker(job), signal.SIGKILL)
    ended = stage.ended(job)
    assert ended.state == "killed"
    assert ended.message.endswith(".")
    assert ended.outcome is None
    until(lambda: lanes.holder(stage.home.server, lanes.HEAVY) is None)
    assert is_gone(stage, ended)
    with pytest.raises(results.NotFound):
        results.get(stage.workspace.result(job.key))


def test_a_killed_worker_with_children_that_hold_its_pipe_ends_all_the_same(stage: Stage, tmp_path: Path) -> None:
    log = tmp_path / "pids"
    job = stage.running(stage.ask("forks", log=str(log)))
    pids = until(lambda: found if log.exists() and len(found := log.read_text().split()) == 3 else None)
    os.kill(int(pids[0]), signal.SIGKILL)
    assert stage.ended(job).state == "killed"
    assert not any(lives(int(pid)) for pid in pids)
    assert is_gone(stage, job)


def test_a_terminated_worker_was_interrupted(stage: Stage, tmp_path: Path) -> None:
    job = stage.running(stage.ask("steps", gate=str(tmp_path / "gate")))
    os.kill(worker(job), signal.SIGTERM)  # as a platform does to every process when it stops
    ended = stage.ended(job)
    assert (ended.state, ended.message) == ("interrupted", "Interrupted: the server was stopped.")


def test_steps_kept_are_found_again_when_the_same_question_is_asked_after_a_kill(stage: Stage, tmp_path: Path) -> None:
    log, gate = tmp_path / "log", tmp_path / "gate"
    asked = {"log": str(log), "gate": str(gate)}
    first = stage.ask("steps", **asked)
    until(lambda: len(stage.now(first).kept) == 2)
    os.kill(worker(stage.now(first)), signal.SIGKILL)
    killed = stage.ended(first)
    assert (killed.state, killed.kept) == ("killed", ("step 0", "step 1"))
    gate.touch()
    second = stage.ended(stage.ask("steps", **asked))
    assert second.id != first.id
    assert second.key == first.key
    assert (second.state, second.kept) == ("done", ("step 0", "step 1", "step 2"))
    made = [line.split() for line in log.read_text().splitlines()]
    assert [step for _, step, _ in made] == ["0", "1", "2"]
    assert len({pid for *_, pid in made}) == 2
    assert results.get(stage.workspace.result(second.key)).facts == {"sum": 5}
    assert not (stage.workspace.result(second.key) / results.STEPS).exists()


def test_another_question_finds_none_of_these_steps(stage: Stage, tmp_path: Path) -> None:
    log, gate = tmp_path / "log", tmp_path / "gate"
    first = stage.ask("steps", log=str(log), gate=str(gate))
    until(lambda: len(stage.now(first).kept) == 2)
    stage.engine.cancel(stage.workspace, first.id)
    stage.ended(first)
    assert stage.ended(stage.ask("steps", log=str(log))).state == "done"
    assert [line.split()[1] for line in log.read_text().splitlines()] == ["0", "1", "0", "1", "2"]


def test_a_damaged_step_is_made_again(stage: Stage, tmp_path: Path) -> None:
    log, gate = tmp_path / "log", tmp_path / "gate"
    asked = {"log": str(log), "gate": str(gate)}
    first = stage.ask("steps", **asked)
    until(lambda: len(stage.now(first).kept) == 2)
    stage.engine.cancel(stage.workspace, first.id)
    stage.ended(first)
    for value in (stage.workspace.result(first.key) / results.STEPS).glob("*/value.json"):
        value.write_text("noise")
    gate.touch()
    assert stage.ended(stage.ask("steps", **asked)).state == "done"
    assert [line.split()[1] for line in log.read_text().splitlines()] == ["0", "1", "0", "1", "2"]


def test_a_job_is_the_kernels_first_choice_and_has_one_native_thread(stage: Stage, tmp_path: Path) -> None:
    job = stage.running(stage.ask("steps", gate=str(tmp_path / "gate")))
    pid = worker(job)
    assert Path(f"/proc/{pid}/oom_score_adj").read_text() == "1000\n"
    environment = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    assert b"OMP_NUM_THREADS=1" in environment
    assert os.getsid(pid) == pid
    assert os.getpriority(os.PRIO_PROCESS, pid) >= 10
    limits = Path(f"/proc/{pid}/limits").read_text()
    data = next(line.split()[3] for line in limits.splitlines() if line.startswith("Max data size"))
    assert job.ceiling_mb is not None
    assert int(data) >> 20 == job.ceiling_mb + 100


def made(log: Path) -> list[int]:
    return [int(line) for line in log.read_text().split()]


def test_a_step_that_hangs_in_native_code_is_stopped_alone(stage: Stage, tmp_path: Path) -> None:
    log = tmp_path / "log"
    job = stage.ended(stage.ask("battery", hangs=5, seconds=1, log=str(log)))
    assert job.state == "done"
    assert job.stopped == ({"name": "Model 5", "kind": "time", "reason": "It took longer than its 1 s."},)
    assert len(job.kept) == 11
    stored = results.get(stage.workspace.result(job.key))
    assert stored.columns("models")["model"] == [1, 2, 3, 4, 6, 7, 8, 9, 10, 11, 12]
    assert stored.about["stopped"] == list(job.stopped)
    assert made(log) == [1, 2, 3, 4, 6, 7, 8, 9, 10, 11, 12]  # those before it were found, not made again
    assert job.found == 0  # ... and they were this run's own
    assert is_gone(stage, job)


def test_a_step_that_needs_too_much_memory_is_stopped_alone(stage: Stage) -> None:
    stage.engine.bounds = bounds(200)
    job = stage.ended(stage.ask("battery", eats=3))
    assert (job.state, len(job.kept)) == ("done", 11)
    (stopped,) = job.stopped
    assert (stopped["name"], stopped["kind"]) == ("Model 3", "memory")
    assert "than this server has free" in stopped["reason"]


def test_a_step_that_crashes_is_stopped_alone(stage: Stage) -> None:
    job = stage.ended(stage.ask("battery", dies=12))
    assert (job.state, len(job.kept)) == ("done", 11)
    assert job.stopped == ({"name": "Model 12", "kind": "crash", "reason": "It crashed (SIGSEGV)."},)


def test_a_step_is_skipped_when_its_visitor_says_so_and_only_that_one(stage: Stage, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    asked = stage.ask("battery", waits=2, gate=str(gate), hangs=4)
    job = until(lambda: now if (now := stage.now(asked)).making == "Model 2" else None)
    assert job.may_skip
    stage.engine.skip(stage.workspace, job.id, "Model 1")  # what the screen showed a moment ago
    gate.touch()
    until(lambda: stage.now(asked).making == "Model 4")
    stage.engine.skip(stage.workspace, job.id, "Model 4")
    ended = stage.ended(job)
    assert (ended.state, [each["name"] for each in ended.stopped]) == ("done", ["Model 4"])
    assert ended.stopped[0]["reason"] == "You skipped it."
    other, _ = stage.visitor()
    with pytest.raises(results.NotFound):
        stage.engine.skip(other, job.id, "Model 4")


def test_a_run_killed_after_its_seventh_step_and_asked_again_makes_only_the_last_five(
    stage: Stage, tmp_path: Path
) -> None:
    log, gate = tmp_path / "log", tmp_path / "gate"
    asked = {"log": str(log), "gate": str(gate), "waits": 8, "hangs": 3, "seconds": 2}
    first = stage.ask("battery", **asked)
    now = until(lambda: now if (now := stage.now(first)).making == "Model 8" else None)
    assert now.pid is not None
    os.kill(now.pid, signal.SIGKILL)  # the supervisor, and with it the worker
    killed = stage.ended(first)
    assert (killed.state, len(killed.kept), killed.partial) == (
        "interrupted",
        6,
        8,
    )  # two shown before the hang, six after it
    so_far = results.find(stage.workspace, f"{killed.key}.{killed.partial}")
    assert so_far.is_partial
    assert so_far.columns("models")["model"] == [1, 2, 4, 5, 6, 7]
    gate.touch()
    second = stage.ended(stage.engine.again(stage.workspace, first.id))
    assert (second.state, second.found, len(second.kept)) == ("done", 6, 11)
    assert [each["name"] for each in second.stopped] == ["Model 3"]  # not waited for a second time
    assert made(log) == [1, 2, 4, 5, 6, 7, 8, 9, 10, 11, 12]
    assert not (stage.workspace.result(second.key) / results.PARTIAL).exists()
    third = stage.ended(stage.engine.again(stage.workspace, first.id, fresh=True))
    assert (third.state, third.found) == ("done", 0)
    assert made(log)[11:] == [1, 2, 4, 5, 6, 7, 8, 9, 10, 11, 12]


def test_a_run_that_cannot_go_on_without_the_stopped_step_ends_with_its_reason(stage: Stage, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    job = stage.running(stage.ask("steps", gate=str(gate)))
    until(lambda: stage.now(job).making == "step 2")
    os.kill(worker(job), signal.SIGKILL)
    ended = stage.ended(job)
    assert (ended.state, ended.kept, ended.stopped) == ("killed", ("step 0", "step 1"), ())
    assert ended.message.endswith("MB: the system ended it, as it does when memory runs out.")
    gate.touch()
    assert stage.ended(stage.engine.again(stage.workspace, job.id)).state == "done"


def test_a_server_that_is_gone_for_good_takes_its_job_along_and_one_that_comes_back_does_not(
    stage: Stage, tmp_path: Path
) -> None:
    serves = [subprocess.Popen(["sleep", "600"]) for _ in range(2)]
    serving.sign_in(stage.home.server, serves[0].pid)
    job = stage.running(stage.ask("steps", gate=str(tmp_path / "gate")))
    serves[0].kill()
    serves[0].wait()
    assert serving.is_gone(stage.home.server)
    serving.sign_in(stage.home.server, serves[1].pid)
    time.sleep(1)
    assert stage.now(job).state == "running"
    serves[1].kill()
    serves[1].wait()
    ended = stage.ended(job)
    assert (ended.state, ended.message) == ("interrupted", "Interrupted: the server was stopped.")
    assert is_gone(stage, ended)


def _quick(stage: Stage, **asked: object) -> Record:
    """A job of the quick lane that waits for its gate; not started."""
    question = params.canonical(Asked(item="item", **asked))  # type: ignore[arg-type]
    job = Record(
        id=new_id(), visitor=stage.workspace.visitor, task="analysis", slug="steps", title="Steps",
        dataset=stage.dataset["id"], params=question, key=new_id(), lane=lanes.QUICK, sequence=time.time_ns(),
    )  # fmt: skip
    stage.workspace.job(job.id).mkdir(parents=True)
    job.write(stage.workspace.job(job.id))
    stage.engine.index.set(job.id, {"visitor": job.visitor, "sequence": job.sequence})
    return job


def _supervise(stage: Stage, job: Record, limits: Bounds) -> subprocess.Popen[bytes]:
    """Start a supervisor as the engine does, but a job is late after one second already."""
    lock = lanes.take(stage.home.server, lanes.QUICK)
    assert lock is not None
    code = (
        "import sys, json; from pathlib import Path; from services.jobs import lanes, supervisor\n"
        "lanes.QUICK_SECONDS = 1\n"
        "supervisor.main(Path(sys.argv[1]), Path(sys.argv[2]), supervisor.Bounds(**json.loads(sys.argv[3])),"
        " int(sys.argv[4]))\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(stage.folder(job)), str(stage.home.server), limits.as_text(), str(lock)],
        pass_fds=(lock,), cwd=ROOT,
    )  # fmt: skip
    os.close(lock)
    return process


def test_a_quick_job_that_is_late_goes_on_in_the_heavy_lane_when_that_is_free(stage: Stage, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    job = _quick(stage, gate=str(gate))
    process = _supervise(stage, job, stage.engine.bounds)
    now = until(lambda: now if (now := stage.now(job)).lane == lanes.HEAVY else None)
    assert (now.state, now.pid) == ("running", process.pid)
    holder = lanes.holder(stage.home.server, lanes.HEAVY)
    assert holder is not None
    assert holder["job"] == job.id
    os.close(until(lambda: lanes.take(stage.home.server, lanes.QUICK)))  # the quick lane is free again
    gate.touch()
    assert stage.ended(job).state == "done"
    process.wait()


def test_a_quick_job_that_is_late_while_a_heavy_one_runs_waits_in_its_lane(stage: Stage, tmp_path: Path) -> None:
    gate, other = tmp_path / "gate", tmp_path / "other"
    heavy = stage.running(stage.ask("battery", waits=1, gate=str(other)))
    job = _quick(stage, gate=str(gate))
    _supervise(stage, job, stage.engine.bounds).wait()
    now = stage.now(job)
    assert (now.state, now.lane, now.started, now.pid) == ("queued", lanes.HEAVY, None, None)
    gate.touch()
    other.touch()
    assert stage.ended(heavy).state == "done"
    assert stage.ended(job).state == "done"


def test_a_quick_job_gives_way_when_others_need_the_memory(stage: Stage, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    job = _quick(stage, gate=str(gate))
    here = round(memory.anonymous_mb(memory.tree(os.getpid())))
    process = _supervise(stage, job, Bounds(limit_mb=here + 200, reserve_mb=0, server=os.getpid()))
    stage.running(job)
    taken = b"x" * (250 << 20)
    process.wait()
    assert len(taken) == 250 << 20
    assert stage.now(job).state == "queued"  # on a busy machine it may be late as well, and wait in the other lane
    assert not marked(job.id)
    gate.touch()
    stage.engine.dispatch()
    assert stage.ended(job).state == "done"
