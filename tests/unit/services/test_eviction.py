"""Who goes first: large tables that nobody opened; a dataset, a fact or a note never."""

import contextlib
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pandas as pd
import pytest

from services import eviction
from services import table as tables
from services.eviction import DAY, Entry
from services.reader import Reader
from services.workspace import Home, Workspace, new_id
from tests.waiting import until

MB = 1 << 20
NOW = 1_000_000_000.0


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """A data folder."""
    return Home.at(tmp_path)


@pytest.fixture
def workspace(home: Home) -> Workspace:
    """A visitor's workspace."""
    return home.workspace(new_id())


def write(path: Path, size: int, at: float) -> Path:
    """A file of `size` bytes (none of them on disk) that was last touched `at`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "wb") as file:
        file.truncate(size)
    os.utime(path, (at, at))
    return path


def result(workspace: Workspace, mb: float, *, made: float, opened: float) -> Path:
    """A result with one large table."""
    folder = workspace.result(new_id())
    table = write(folder / "rows.parquet", int(mb * MB), opened)
    write(folder / "small.json", 1_000, made)
    write(folder / "result.json", 1_000, made)
    return table


def sweep(home: Home, live: set[str] | None = None, **how: float) -> list[Path]:
    rules = {"over_mb": 50.0, "budget_mb": 10_000.0, "since": NOW - 300, "now": NOW} | how
    return [entry.path for entry in eviction.sweep(home, live=live or set(), **rules)]


@pytest.mark.parametrize(
    ("made", "opened", "due"),
    [
        (NOW - 1_000, NOW - 900, True),  # seen once, and not since the last tick
        (NOW - 1_000, NOW - 100, False),  # opened since the last tick
        (NOW - 1_000, NOW - 1_001, False),  # never seen
        (NOW - DAY + 1, NOW - DAY, False),  # never seen, not yet a day
        (NOW - DAY - 1, NOW - DAY - 2, True),  # never seen for a day
        (NOW - 10 * DAY, NOW - 100, False),  # old, and opened just now
        (NOW - 1_000, NOW - 300, False),  # opened at the tick itself
    ],
)
def test_a_large_table_is_due_when_nobody_opened_it_and_it_was_seen_or_is_a_day_old(
    home: Home, workspace: Workspace, made: float, opened: float, due: bool
) -> None:
    table = result(workspace, 60, made=made, opened=opened)
    assert Entry(table, 60 * MB, made, opened).is_due(NOW - 300, NOW) is due
    assert sweep(home) == ([table] if due else [])
    assert table.exists() is not due
    assert (table.parent / "result.json").exists()
    assert (table.parent / "small.json").exists()


def test_a_table_that_is_not_large_stays_while_there_is_room(home: Home, workspace: Workspace) -> None:
    small = result(workspace, 50, made=NOW - 1_000, opened=NOW - 900)
    assert sweep(home) == []
    assert sweep(home, over_mb=49) == [small]


def test_above_the_budget_the_longest_unopened_go_until_it_fits(home: Home, workspace: Workspace) -> None:
    other = home.workspace(new_id())
    tables = [
        result(each, 10, made=NOW - 1_000, opened=NOW - opened)
        for each, opened in ((workspace, 900), (other, 800), (workspace, 700), (other, 600))
    ]
    assert sweep(home, budget_mb=40) == []
    assert sweep(home, budget_mb=25) == tables[:2]
    assert [table.exists() for table in tables] == [False, False, True, True]
    assert sweep(home, budget_mb=0) == tables[2:]


def test_what_goes_because_it_is_due_counts_for_the_budget(home: Home, workspace: Workspace) -> None:
    due = result(workspace, 60, made=NOW - 1_000, opened=NOW - 400)
    older = result(workspace, 30, made=NOW - 1_000, opened=NOW - 900)
    assert sweep(home, budget_mb=40) == [due]
    assert older.exists()


def test_a_dataset_its_original_and_its_profile_are_never_candidates(home: Home, workspace: Workspace) -> None:
    folder = workspace.dataset(new_id())
    names = ("data_full.parquet", "data.parquet", "original", "profile.json", "dataset.json", "rejects.csv")
    kept = [write(folder / name, 500 * MB, NOW - 30 * DAY) for name in names]
    assert list(eviction.entries(home, set())) == []
    assert sweep(home, over_mb=0, budget_mb=0) == []
    assert all(path.exists() for path in kept)


def unfinished(workspace: Workspace, mb: float, at: float) -> Path:
    """What a run that ended early left: a step, a table beside it, the result so far."""
    folder = workspace.result(new_id())
    write(folder / "steps" / "0" / "value.parquet", int(mb / 2 * MB), at)
    write(folder / "steps" / "tables" / "rows.parquet", int(mb / 4 * MB), at)
    write(folder / "partial" / "1" / "rows.parquet", int(mb / 4 * MB), at)
    write(folder / "partial" / "1" / "result.json", 0, at)
    return folder


def test_steps_that_nobody_works_on_go_together_after_a_day(home: Home, workspace: Workspace) -> None:
    old, new, small = (unfinished(workspace, mb, NOW - at) for mb, at in ((60, DAY + 1), (60, DAY - 1), (40, DAY + 1)))
    assert sweep(home) == [old]
    assert not old.exists()
    assert len(list(new.rglob("*.parquet"))) == len(list(small.rglob("*.parquet"))) == 3


def test_a_step_written_today_keeps_the_others_of_its_question(home: Home, workspace: Workspace) -> None:
    folder = unfinished(workspace, 60, NOW - 2 * DAY)
    write(folder / "steps" / "1" / "value.json", 10, NOW - 100)
    assert sweep(home) == []


def test_what_a_live_job_works_on_is_never_touched(home: Home, workspace: Workspace) -> None:
    tried, again = unfinished(workspace, 60, NOW - 2 * DAY), result(workspace, 60, made=NOW - 1_000, opened=NOW - 900)
    export = write(again.parent / "exports" / "rows.csv", 60 * MB, NOW - 2 * DAY)
    keys = {tried.name, again.parent.name}
    assert list(eviction.entries(home, keys)) == []
    assert sweep(home, keys, over_mb=0, budget_mb=0) == []
    assert len(list(tried.rglob("*.parquet"))) == 3
    assert again.exists()
    assert export.exists()


def test_steps_and_exports_are_in_the_budget_and_the_oldest_go_first(home: Home, workspace: Workspace) -> None:
    steps = unfinished(workspace, 40, NOW - 900)
    table = result(workspace, 30, made=NOW - 1_000, opened=NOW - 600)
    first = write(table.parent / "exports" / "rows.csv", 20 * MB, NOW - 800)
    second = write(table.parent / "exports" / "rows.xlsx", 10 * MB, NOW - 700)
    assert sweep(home, budget_mb=100) == []
    assert sweep(home, budget_mb=61) == [steps]
    assert sweep(home, budget_mb=45) == [first]
    assert sweep(home, budget_mb=0) == [second, table]
    assert (table.parent / "result.json").exists()


def test_steps_beside_a_finished_result_go_without_it(home: Home, workspace: Workspace) -> None:
    table = result(workspace, 1, made=NOW - 2 * DAY, opened=NOW - 100)
    write(table.parent / "steps" / "0" / "value.parquet", 60 * MB, NOW - 2 * DAY)
    assert sweep(home) == [table.parent]
    assert sorted(path.name for path in table.parent.iterdir()) == ["result.json", "rows.parquet", "small.json"]


def test_a_table_that_a_step_names_counts_once(home: Home, workspace: Workspace) -> None:
    folder = unfinished(workspace, 40, NOW - 900)
    before = sum(entry.bytes for entry in eviction.entries(home, set()))
    os.link(folder / "steps" / "tables" / "rows.parquet", folder / "partial" / "1" / "again.parquet")
    assert sum(entry.bytes for entry in eviction.entries(home, set())) == before == 40 * MB


def test_a_reader_that_has_the_file_open_keeps_it(home: Home, workspace: Workspace) -> None:
    table = result(workspace, 60, made=NOW - 1_000, opened=NOW - 900)
    with open(table, "rb") as reading:
        assert sweep(home) == [table]
        assert len(reading.read(100)) == 100


def test_a_table_that_goes_while_the_reader_reads_it_is_read_to_the_end(home: Home, workspace: Workspace) -> None:
    table = workspace.result(new_id()) / "rows.parquet"
    table.parent.mkdir(parents=True)
    tables.write(pd.DataFrame({"n": range(200_000)}), table)
    write(table.parent / "result.json", 1_000, NOW - 1_000)
    os.utime(table, (NOW - 900, NOW - 900))
    asked, found = Reader(home.root / "visitors"), []
    # Slow row by row, so that the table is open when it goes.
    sql = "SELECT sum(n) FROM FILE, range(1000) b WHERE (n * b.range) % 7 < 8"
    try:
        assert asked.ask(table, "SELECT count(*) FROM FILE") == [[200_000]]
        reading = threading.Thread(target=lambda: found.append(asked.ask(table, sql)[0][0]))
        reading.start()
        until(lambda: str(table) in opened(asked.pid))
        assert sweep(home, over_mb=0) == [table]
        assert not table.exists()
        reading.join(15)
        assert found == [199_999 * 100_000 * 1_000]
    finally:
        asked.stop()


def opened(pid: int | None) -> set[str]:
    """The files that a process has open."""
    found = set()
    for each in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):
            found.add(os.readlink(each))
    return found


def test_what_is_gone_does_not_go_twice(home: Home, workspace: Workspace) -> None:
    assert len([result(workspace, 60, made=NOW - 1_000, opened=NOW - 900), *sweep(home)]) == 2
    assert sweep(home) == []


def age(folder: Path, at: float) -> None:
    for path in (*folder.rglob("*"), folder):
        os.utime(path, (at, at))


def test_a_workspace_is_forgotten_after_days_without_use(home: Home, workspace: Workspace) -> None:
    result(workspace, 1, made=NOW, opened=NOW)
    age(workspace.folder, NOW - 7 * DAY + 60)
    eviction.forget(home, days=7, now=NOW, awaited=set())
    assert workspace.folder.exists()
    eviction.forget(home, days=7, now=NOW + 120, awaited=set())
    assert not workspace.folder.exists()
    assert (home.root / "visitors").exists()


def test_opening_a_result_is_use(home: Home, workspace: Workspace) -> None:
    table = result(workspace, 1, made=NOW, opened=NOW)
    age(workspace.folder, NOW - 8 * DAY)
    os.utime(table, (NOW - DAY, NOW - DAY))
    eviction.forget(home, days=7, now=NOW, awaited=set())
    assert table.exists()


def test_an_unfinished_upload_is_given_up_after_a_day_without_a_byte(home: Home, workspace: Workspace) -> None:
    old, growing = workspace.upload(new_id()), workspace.upload(new_id())
    for folder in (old, growing):
        write(folder / "content", 10, NOW)
        age(folder, NOW - 2 * DAY)
    os.utime(growing / "content", (NOW - 60, NOW - 60))
    eviction.forget(home, days=7, now=NOW, awaited=set())
    assert not old.exists()
    assert growing.exists()


def test_an_upload_that_a_job_waits_to_read_stays(home: Home, workspace: Workspace) -> None:
    waiting, left = workspace.upload(new_id()), workspace.upload(new_id())
    for folder in (waiting, left):
        write(folder / "content", 10, NOW)
        age(folder, NOW - 2 * DAY)
    eviction.forget(home, days=7, now=NOW, awaited={waiting.name})
    assert waiting.exists()
    assert not left.exists()


COME_AND_GO = """
import pathlib, secrets, shutil, sys

while True:
    visitor = pathlib.Path(sys.argv[1]) / secrets.token_hex(16)
    for name in ("result.json", "rows.parquet", "exports/rows.csv", "steps/0/value.json", "partial/1/result.json"):
        for kind in ("results", "datasets", "uploads"):
            file = visitor / kind / secrets.token_hex(16) / name
            file.parent.mkdir(parents=True)
            file.write_text("{}")
    shutil.rmtree(visitor, ignore_errors=True)
"""


def test_what_goes_while_it_is_looked_at_is_no_error(home: Home) -> None:
    """Visitors delete, jobs end and other workers sweep at the same time."""
    visitors = home.root / "visitors"
    others = [subprocess.Popen([sys.executable, "-c", COME_AND_GO, str(visitors)]) for _ in range(2)]
    try:
        until(lambda: any(visitors.iterdir()))
        for _ in range(100):
            eviction.sizes(home)
            eviction.forget(home, days=7, now=time.time(), awaited=set())
            sweep(home, budget_mb=0)
    finally:
        for other in others:
            other.kill()
            other.wait()


def test_sizes_count_what_lies_on_disk(home: Home, workspace: Workspace) -> None:
    assert eviction.sizes(home) == {"datasets": (0, 0), "results": (0, 0), "uploads": (0, 0)}
    result(workspace, 1, made=NOW, opened=NOW)
    write(workspace.dataset(new_id()) / "data_full.parquet", 7, NOW)
    write(workspace.upload(new_id()) / "content", 9, NOW)
    assert eviction.sizes(home) == {"datasets": (1, 7), "results": (1, MB + 2_000), "uploads": (1, 9)}
