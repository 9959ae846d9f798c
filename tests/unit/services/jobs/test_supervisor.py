"""However a job ends, its record says so in a sentence, and nothing of it is left running."""

import os
import signal
from pathlib import Path

import pytest

from services import memory, results
from services.jobs import lanes, record
from services.jobs.record import Record
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
    assert is_gone(stage, job)


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


def test_a_worker_that_exits_without_a_word_is_an_incident(stage: Stage, tmp_path: Path) -> None:
    job = stage.running(stage.ask("steps", gate=str(tmp_path / "gate")))
    os.kill(worker(job), signal.SIGTERM)
    ended = stage.ended(job)
    assert ended.state == "failed"
    assert ended.incident
    assert f"incident {ended.incident}" in (stage.folder(job) / record.LOG).read_text()


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
