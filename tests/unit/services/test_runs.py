"""What a visitor notes about a run lies apart from its record, and a deleted run can be brought back."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from services import results, runs
from services.analysis import find_all
from services.errors import NotFound, ParamError
from services.workspace import new_id
from tests.unit.services.jobs.stage import Stage
from tests.waiting import until


@pytest.fixture
def stage(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Stage]:
    monkeypatch.setenv("EXTRA_ANALYSES", "tests.analyses")
    find_all.cache_clear()
    made = Stage(tmp_path / "data")
    yield made
    made.close()
    find_all.cache_clear()


def listed(stage: Stage) -> list[str]:
    return [run.record.id for run in runs.each(stage.engine, stage.workspace)]


def test_a_run_is_news_until_it_was_seen_and_has_the_name_it_was_given(stage: Stage) -> None:
    job = stage.ended(stage.ask("instant"))
    (run,) = runs.each(stage.engine, stage.workspace)
    assert (run.name, run.is_news) == ("Instant", True)
    runs.mark(stage.workspace, [job.id], seen=True)
    runs.rename(stage.workspace, job.id, "  Before  the sale ")
    (run,) = runs.each(stage.engine, stage.workspace)
    assert (run.name, run.is_news) == ("Before the sale", False)
    runs.rename(stage.workspace, job.id, "")
    assert runs.get(stage.engine, stage.workspace, job.id).name == "Instant"


def test_a_name_that_is_too_long_is_refused(stage: Stage) -> None:
    job = stage.ended(stage.ask("instant"))
    with pytest.raises(ParamError) as refused:
        runs.rename(stage.workspace, job.id, "x" * 81)
    assert refused.value.message == "A name has at most 80 characters; this one has 81."


def test_a_deleted_run_can_be_brought_back_until_it_is_removed_for_good(stage: Stage) -> None:
    first, second = stage.ended(stage.ask("instant")), stage.ended(stage.ask("instant", size=7))
    assert runs.delete(stage.engine, stage.workspace, [first.id]) == [first.id]
    assert listed(stage) == [second.id]
    assert runs.newest(stage.engine, stage.workspace, "instant", stage.dataset["id"]).record == second  # type: ignore[union-attr]
    runs.restore(stage.workspace, [first.id])
    assert listed(stage) == [second.id, first.id]
    runs.delete(stage.engine, stage.workspace, [first.id])
    runs.purge(stage.engine, stage.workspace, time.time() + runs.UNDO_SECONDS - 60)
    assert stage.workspace.job(first.id).is_dir()
    runs.purge(stage.engine, stage.workspace, time.time() + runs.UNDO_SECONDS + 60)
    assert not stage.workspace.job(first.id).exists()
    assert not stage.workspace.result(first.key).exists()
    assert results.get(stage.workspace.result(second.key)).facts["size"] == 7
    with pytest.raises(NotFound):
        runs.restore(stage.workspace, [first.id])


def test_the_result_of_a_deleted_run_stays_while_another_run_shows_it(stage: Stage) -> None:
    first, second = stage.ended(stage.ask("instant")), stage.ended(stage.ask("instant"))
    assert first.key == second.key
    runs.delete(stage.engine, stage.workspace, [first.id])
    runs.purge(stage.engine, stage.workspace, time.time() + runs.UNDO_SECONDS + 60)
    assert results.get(stage.workspace.result(second.key)).facts["rows"] == 3


def test_a_live_run_is_not_deleted(stage: Stage, tmp_path: Path) -> None:
    job = stage.running(stage.ask("steps", gate=str(tmp_path / "gate")))
    assert runs.delete(stage.engine, stage.workspace, [job.id]) == []
    assert listed(stage) == [job.id]


def test_discarding_forgets_the_steps_and_puts_the_message_away(stage: Stage, tmp_path: Path) -> None:
    log, gate = tmp_path / "log", tmp_path / "gate"
    job = stage.running(stage.ask("steps", log=str(log), gate=str(gate)))
    until(lambda: stage.now(job).kept)
    runs.discard(stage.engine, stage.workspace, job.id)  # not while it runs
    stage.engine.cancel(stage.workspace, job.id)
    stage.ended(job)
    assert (stage.workspace.result(job.key) / results.STEPS).exists()
    runs.discard(stage.engine, stage.workspace, job.id)
    assert not (stage.workspace.result(job.key) / results.STEPS).exists()
    assert runs.get(stage.engine, stage.workspace, job.id).marks.dismissed


def test_nobody_marks_anothers_run_and_damaged_marks_lose_only_themselves(stage: Stage) -> None:
    job = stage.ended(stage.ask("instant"))
    other, _ = stage.visitor()
    for hidden in (job.id, new_id(), "../" + job.id):
        with pytest.raises(NotFound):
            runs.mark(other, [hidden], seen=True)
        with pytest.raises(NotFound):
            runs.delete(stage.engine, other, [hidden])
    runs.mark(stage.workspace, [job.id], seen=True)
    (stage.workspace.folder / "runs.json").write_text('{"a": [1')
    (run,) = runs.each(stage.engine, stage.workspace)
    assert not run.marks.seen
