"""Several analyses asked together: their order, their limits, and that none of them hangs on another."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from services import chains, health, results, runs
from services.analysis import find_all
from services.chains import REMOVED, Chain
from services.errors import DiskFull, NotFound, ParamError, QueueFull
from services.jobs import lanes
from services.jobs.engine import MOST_QUEUED, MOST_QUEUED_EACH, Engine
from services.jobs.record import Record
from services.workspace import new_id
from tests.unit.services.jobs.stage import Stage
from tests.waiting import until


@pytest.fixture
def stage(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Stage]:
    """An engine on a folder of its own, with the analyses for tests; whatever runs is ended after the test."""
    monkeypatch.setenv("EXTRA_ANALYSES", "tests.analyses")
    find_all.cache_clear()
    made = Stage(tmp_path / "data")
    yield made
    made.close()
    find_all.cache_clear()


@contextmanager
def held(stage: Stage) -> Iterator[None]:
    """Nothing starts as long as the block lasts: somebody else has the heavy lane."""
    lock = lanes.take(stage.home.server, lanes.HEAVY)
    assert lock is not None
    yield
    os.close(lock)
    stage.engine.dispatch()


def ask(stage: Stage, *slugs: str) -> str:
    return chains.ask(stage.engine, stage.workspace, stage.dataset, slugs)


def now(stage: Stage, chain: str) -> Chain:
    return chains.find(stage.workspace, chain, stage.engine.mine(stage.workspace))


def ended(stage: Stage, chain: str) -> Chain:
    return until(lambda: found if not (found := now(stage, chain)).is_live else None)


def states(chain: Chain) -> list[str]:
    return [part.state for part in chain.parts]


def jobs(chain: Chain) -> list[Record]:
    return [part.job for part in chain.parts if part.job is not None]


def test_parts_run_one_after_another_and_one_that_fails_stops_none(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "datainsights.jobs")
    chain = ended(stage, ask(stage, "instant", "breaks", "refuses", "nothing"))
    assert states(chain) == ["done", "failed", "failed", "done"]
    assert chain.counts() == {"done": 2, "failed": 2}
    assert (chain.data, [part.title for part in chain.parts]) == (
        "items.csv", ["Instant", "Breaks", "Refuses", "Nothing"],
    )  # fmt: skip
    ran = jobs(chain)
    assert [(job.chain, job.part, job.parts) for job in ran] == [(chain.id, place, 4) for place in range(1, 5)]
    times = [time for job in ran for time in (job.started or 0, job.ended or 0)]
    assert times == sorted(times)
    assert {each.said["chain"] for each in caplog.records if hasattr(each, "said")} == {chain.id}  # type: ignore[attr-defined]
    assert ran[0].params["item"] == "item"
    assert ran[0].notes == ("item is “item”, by the roles of the table.",)


def test_it_comes_as_a_whole_before_who_asks_later_and_says_what_is_next(stage: Stage) -> None:
    with held(stage):
        chain = ask(stage, "instant", "nothing")
        later = stage.ask("refuses")
        sequences = [job.sequence for job in [*jobs(now(stage, chain)), stage.now(later)]]
        assert sequences == sorted(set(sequences))
        current = now(stage, chain).current
        assert current is not None
        assert (current.place, current.slug) == (1, "instant")
        assert now(stage, chain).ended == ()
    assert states(ended(stage, chain)) == ["done", "done"]
    assert stage.ended(later).state == "failed"


def test_a_question_that_is_answered_is_not_run_again(stage: Stage) -> None:
    before = stage.ended(stage.ask("instant"))
    chain = ended(stage, ask(stage, "instant", "nothing"))
    assert states(chain) == ["done", "done"]
    assert (chain.parts[0].job, chain.parts[0].key, chain.parts[1].job is not None) == (None, before.key, True)
    assert len(stage.engine.mine(stage.workspace)) == 2
    again = now(stage, ask(stage, "instant", "nothing"))
    assert (again.is_live, again.counts(), jobs(again)) == (False, {"done": 2}, [])
    assert len(stage.engine.mine(stage.workspace)) == 2
    assert chains.newest(stage.workspace, stage.engine.mine(stage.workspace)) == again


def test_an_answer_that_lost_a_table_is_made_again(stage: Stage) -> None:
    before = stage.ended(stage.ask("instant"))
    stored = results.get(stage.workspace.result(before.key))
    stored.file("items").unlink()
    chain = ended(stage, ask(stage, "instant"))
    assert jobs(chain)[0].id != before.id
    assert results.get(stage.workspace.result(before.key)).evicted() == []


def test_what_is_on_its_way_already_is_a_part_as_it_is(stage: Stage) -> None:
    with held(stage):
        alone = stage.ask("instant")
        chain = now(stage, ask(stage, "nothing", "instant"))
        assert [job.id == alone.id for job in jobs(chain)] == [False, True]
        assert stage.now(alone).chain is None
        assert chain.current is chain.parts[1]  # it was asked before
    assert states(ended(stage, chain.id)) == ["done", "done"]


def test_asked_twice_it_is_one_chain(stage: Stage) -> None:
    with held(stage):
        chain = ask(stage, "instant", "nothing")
        assert ask(stage, "instant", "nothing", "instant") == chain
        assert len(stage.engine.mine(stage.workspace)) == 2
        assert len(list((stage.workspace.folder / "chains").iterdir())) == 1
    assert states(ended(stage, chain)) == ["done", "done"]


def test_a_chain_counts_as_one_of_those_that_wait_of_a_visitor(stage: Stage) -> None:
    with held(stage):
        stage.ask("steps")  # the first is about to run
        ask(stage, "instant", "nothing", "refuses", "breaks")
        for size in range(1, MOST_QUEUED_EACH):
            stage.ask("steps", size=size)
        assert len(stage.engine.mine(stage.workspace)) == 5 + MOST_QUEUED_EACH - 1
        with pytest.raises(QueueFull) as refused:
            ask(stage, "holds", "instant")
        assert refused.value.message == "3 of your runs wait already. Withdraw one, or let them finish."
        # Refused whole: nothing of it is there.
        assert len(stage.engine.mine(stage.workspace)) == 5 + MOST_QUEUED_EACH - 1
        assert len(list((stage.workspace.folder / "chains").iterdir())) == 1
        for job in stage.engine.mine(stage.workspace):
            stage.engine.cancel(stage.workspace, job.id)


def test_a_chain_counts_as_one_of_those_that_wait_on_the_server(stage: Stage) -> None:
    with held(stage):
        for place in range(MOST_QUEUED):
            visitor, dataset = stage.visitor()
            made = stage.engine.draft(visitor, "instant", dataset, {"item": "item"})
            together = {"chain": new_id()} if place == 1 else {}
            other = stage.engine.draft(visitor, "nothing", dataset, {"item": "item"})
            drafts = [made.changed(**together), other.changed(**together)] if together else [made]
            stage.engine.submit(visitor, drafts)
        assert len(stage.engine.live()) == MOST_QUEUED + 1
        assert health.queue(stage.engine).message == "20 of at most 20 runs wait: the queue is full."
        ask(stage, "instant", "nothing")  # the first is about to run, so that 19 wait
        visitor, dataset = stage.visitor()
        with pytest.raises(QueueFull) as refused:
            chains.ask(stage.engine, visitor, dataset, ["instant", "nothing"])
        assert refused.value.message == "20 runs wait already. Try again when some are done."
        for folder, job in stage.engine.live():
            stage.engine.cancel(stage.home.workspace(job.visitor), folder.name)


def test_cancelling_a_part_stops_that_one_alone(stage: Stage) -> None:
    with held(stage):
        chain = ask(stage, "instant", "nothing", "refuses")
        stage.engine.cancel(stage.workspace, jobs(now(stage, chain))[1].id)
    assert ended(stage, chain).counts() == {"done": 1, "failed": 1, "cancelled": 1}


def test_a_part_that_is_cancelled_while_it_runs_stops_none(stage: Stage) -> None:
    chain = ask(stage, "allocates", "instant")
    running = stage.running(jobs(now(stage, chain))[0])
    stage.engine.cancel(stage.workspace, running.id)
    assert states(ended(stage, chain)) == ["cancelled", "done"]


def test_cancelling_all_withdraws_what_waits_and_ends_what_runs(stage: Stage, tmp_path: Path) -> None:
    forks = stage.ask("forks", log=str(tmp_path / "pids"))  # as a part that hangs
    chain = ask(stage, "instant", "nothing")
    stage.running(forks)
    chains.cancel(stage.engine, stage.workspace, chain)
    assert states(now(stage, chain)) == ["cancelled", "cancelled"]
    assert all(job.started is None for job in jobs(now(stage, chain)))
    assert stage.now(forks).state == "running"
    stage.engine.cancel(stage.workspace, forks.id)
    stage.ended(forks)
    running = ask(stage, "allocates", "refuses")
    stage.running(jobs(now(stage, running))[0])
    chains.cancel(stage.engine, stage.workspace, running)
    assert states(ended(stage, running)) == ["cancelled", "cancelled"]
    assert jobs(now(stage, running))[1].started is None


def test_the_next_server_finds_the_chain_and_goes_on_with_it(stage: Stage) -> None:
    with held(stage):
        chain = ask(stage, "instant", "breaks", "nothing")
        before = now(stage, chain)
        stage.engine.index.close()
        stage.engine = Engine(stage.home, stage.engine.bounds)
        assert now(stage, chain) == before
        assert chains.newest(stage.workspace, stage.engine.mine(stage.workspace)) == before
    assert states(ended(stage, chain)) == ["done", "failed", "done"]


def test_a_damaged_chain_leaves_ordinary_runs(stage: Stage) -> None:
    with held(stage):
        chain = ask(stage, "instant", "nothing")
        known = jobs(now(stage, chain))
        for damage in ("", "{", "[]", '{"made": 1, "data": "x", "parts": 5}', '{"made": 1, "data": "x", "parts": [1]}'):
            stage.workspace.chain(chain).write_text(damage)
            with pytest.raises(NotFound):
                now(stage, chain)
            assert chains.newest(stage.workspace, stage.engine.mine(stage.workspace)) is None
    assert [stage.ended(job).state for job in known] == ["done", "done"]


def test_a_part_whose_run_and_answer_are_gone_says_so_and_a_chain_of_such_is_passed_over(stage: Stage) -> None:
    chain = ended(stage, ask(stage, "instant", "nothing"))
    first, second = jobs(chain)
    runs.delete(stage.engine, stage.workspace, [first.id])
    runs.purge(stage.engine, stage.workspace, (first.ended or 0) + 2 * runs.UNDO_SECONDS)
    assert states(now(stage, chain.id)) == [REMOVED, "done"]
    runs.delete(stage.engine, stage.workspace, [second.id])
    runs.purge(stage.engine, stage.workspace, (first.ended or 0) + 2 * runs.UNDO_SECONDS)
    assert chains.newest(stage.workspace, stage.engine.mine(stage.workspace)) is None


def test_asking_a_part_again_makes_an_ordinary_run(stage: Stage) -> None:
    chain = ended(stage, ask(stage, "breaks", "instant"))
    again = stage.engine.again(stage.workspace, jobs(chain)[0].id)
    assert (again.chain, again.part) == (None, 0)
    stage.ended(again)
    assert states(now(stage, chain.id)) == ["failed", "done"]


def test_one_that_needs_a_choice_refuses_the_whole(stage: Stage) -> None:
    with pytest.raises(ParamError) as refused:
        ask(stage, "instant", "rfm")
    assert refused.value.message == "RFM segments. Customer: choose one."
    with pytest.raises(ParamError) as refused:
        ask(stage)
    assert refused.value.message == "Tick one analysis or more."
    with pytest.raises(NotFound):
        ask(stage, "instant", "no such analysis")
    assert stage.engine.mine(stage.workspace) == []
    assert chains.newest(stage.workspace, []) is None


def test_another_visitors_chain_is_not_there(stage: Stage) -> None:
    chain = ended(stage, ask(stage, "nothing")).id
    other, _ = stage.visitor()
    for hidden in (chain, new_id(), "../" + chain, "", "x" * 32):
        with pytest.raises(NotFound):
            chains.find(other, hidden, [])
        with pytest.raises(NotFound):
            chains.cancel(stage.engine, other, hidden)
    assert chains.newest(other, []) is None


def test_the_last_fifty_are_remembered(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    stage.ended(stage.ask("nothing"))
    monkeypatch.setattr(chains, "MOST_KEPT", 2)
    asked = [ask(stage, "nothing") for _ in range(3)]
    kept = {path.stem for path in (stage.workspace.folder / "chains").iterdir()}
    assert kept == set(asked[1:])


def test_a_disk_that_fills_while_it_is_asked_leaves_nothing_of_it(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    written, sync = [], os.fsync

    def full(file: int) -> None:
        written.append(file)
        if len(written) == 3:  # the chain, its first run, and now its second
            raise OSError(28, "No space left on device")
        sync(file)

    with held(stage), monkeypatch.context() as small:
        small.setattr(os, "fsync", full)
        with pytest.raises(DiskFull):
            ask(stage, "instant", "nothing")
    assert stage.engine.live() == []
    assert stage.engine.mine(stage.workspace) == []
    assert chains.newest(stage.workspace, []) is None
