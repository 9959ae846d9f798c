"""Questions of the web process: answered in plain lists by a process that may die, hang or be lied to."""

import datetime as dt
import os
import signal
import threading
import time
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from services import reader, table
from services.errors import DataError
from services.reader import Reader, Superseded, TooMuch
from tests.waiting import lives, until

FRAME = pd.DataFrame(
    {
        "name": ["Tea", "milk", None, "Jam", "tea", "100%"],
        "n": pd.array([3, 1, 2, None, 5, 4], dtype="Int64"),
        "money": [Decimal("10.10"), Decimal("2.00"), None, Decimal("-1.50"), Decimal("0.00"), Decimal("7.25")],
        "day": pd.to_datetime(["2020-01-01", "2020-01-03", None, "2020-01-02", "2019-12-31", "2020-02-29"]),
        "FILE": ["a", "b", "c", "d", "e", "f"],
        'a "b" {c} $d ?; --': [1.5, float("nan"), 2.5, float("inf"), 0.5, 3.5],
    }
)
NAMES = list(FRAME.columns)
ENDLESS = "SELECT count(*) FROM range(1000000) a, range(1000000) b WHERE (a.range * b.range) % 7 = 3"


@pytest.fixture
def asked(tmp_path: Path) -> Iterator[Reader]:
    """A reader of a folder."""
    (tmp_path / "root").mkdir()
    made = Reader(tmp_path / "root")
    yield made
    made.stop()


@pytest.fixture
def path(tmp_path: Path, asked: Reader) -> Path:
    """A table inside the reader's folder."""
    target = tmp_path / "root" / "it's a table.parquet"
    table.write(FRAME, target)
    return target


def found(asked: Reader, path: Path, start: int = 0, stop: int = 100, **how: Any) -> list[list[Any]]:
    sql, values = reader.page(NAMES, start, stop, **{"where": {}} | how)
    return asked.ask(path, sql, values)


def names(rows: list[list[Any]]) -> list[str]:
    """The rows by the letter in their column FILE."""
    return "".join(row[4] for row in rows)  # type: ignore[return-value]


def rows() -> list[dict[str, Any]]:
    """The same table as a small result's rows."""
    told = FRAME.astype(object).where(FRAME.notna(), None)
    listed = told.to_dict("records")
    for row in listed:
        row["day"] = row["day"] and row["day"].date().isoformat()
        row["money"] = row["money"] and float(row["money"])
    return listed


def test_rows_come_as_plain_values(asked: Reader, path: Path) -> None:
    first, second, *_ = found(asked, path)
    assert first == ["Tea", 3, 10.1, "2020-01-01", "a", 1.5]
    assert second == ["milk", 1, 2.0, "2020-01-03", "b", None]
    assert found(asked, path)[3][5] is None  # infinity is not JSON


@pytest.mark.parametrize(
    ("start", "stop", "expected"),
    [(0, 2, "ab"), (2, 4, "cd"), (4, 100, "ef"), (6, 9, ""), (3, 3, ""), (-5, 1, "abcdef"), (4, 2, "")],
)
def test_a_page_is_half_open_and_keeps_the_tables_order(
    asked: Reader, path: Path, start: int, stop: int, expected: str
) -> None:
    assert names(found(asked, path, start, stop)) == expected


@pytest.mark.parametrize(
    ("sort", "expected"),
    [
        ([("n", False)], "bcafed"),
        ([("n", True)], "efacbd"),
        ([("day", False)], "eadbfc"),
        ([("day", True)], "fbdaec"),
        ([("name", True), ("n", False)], "ebadfc"),
        ([("no such column", False)], "abcdef"),
        ([('n" DESC; DROP TABLE x; --', False)], "abcdef"),
    ],
)
def test_sorting_puts_what_is_missing_last_and_breaks_ties_by_place(
    asked: Reader, path: Path, sort: list[tuple[str, bool]], expected: str
) -> None:
    assert names(found(asked, path, sort=sort)) == expected
    if all(name in NAMES for name, _ in sort):
        listed, count = reader.page_of(rows(), 0, 100, sort=sort, where={})
        assert ("".join(row["FILE"] for row in listed), count) == (expected, 6)


FILTERS = [
    ("name", "Tea", "a"),
    ("name", {"type": "equals", "filter": "Tea"}, "a"),
    ("name", {"type": "notEqual", "filter": "Tea"}, "bdef"),
    ("name", {"type": "contains", "filter": "TEA"}, "ae"),
    ("name", {"type": "contains", "filter": "%"}, "f"),
    ("name", {"type": "contains", "filter": ""}, "abdef"),
    ("name", {"type": "notContains", "filter": "a"}, "bf"),
    ("name", {"type": "startsWith", "filter": "t"}, "ae"),
    ("name", {"type": "endsWith", "filter": "K"}, "b"),
    ("name", {"type": "blank"}, "c"),
    ("name", {"type": "notBlank"}, "abdef"),
    ("n", {"type": "equals", "filter": 3}, "a"),
    ("n", {"type": "greaterThan", "filter": 3}, "ef"),
    ("n", {"type": "greaterThanOrEqual", "filter": 3}, "aef"),
    ("n", {"type": "lessThan", "filter": 2.5}, "bc"),
    ("n", {"type": "lessThanOrEqual", "filter": 2}, "bc"),
    ("n", {"type": "inRange", "filter": 2, "filterTo": 4}, "acf"),
    ("money", {"type": "equals", "filter": 10.1}, "a"),
    ("money", {"type": "lessThan", "filter": 0}, "d"),
    ("day", {"type": "equals", "filter": "2020-01-02"}, "d"),
    ("day", {"type": "greaterThan", "dateFrom": "2020-01-01"}, "bdf"),
    ("day", {"type": "inRange", "dateFrom": "2020-01-01", "dateTo": "2020-01-03"}, "abd"),
    ("day", {"type": "startsWith", "filter": "2020-01"}, "abd"),
    ("name", {"operator": "OR", "conditions": [{"type": "equals", "filter": "milk"}, {"type": "blank"}]}, "bc"),
    ("n", {"operator": "AND", "conditions": [{"type": "notBlank"}, {"type": "lessThan", "filter": 3}]}, "bc"),
    ("FILE", {"type": "equals", "filter": "f"}, "f"),
    (NAMES[5], {"type": "lessThan", "filter": 2}, "ae"),
]  # fmt: skip


@pytest.mark.parametrize(("column", "wanted", "expected"), FILTERS)
def test_every_filter_of_the_grid_finds_the_same_in_large_and_small_tables(
    asked: Reader, path: Path, column: str, wanted: Any, expected: str
) -> None:
    assert names(found(asked, path, where={column: wanted})) == expected
    listed, count = reader.page_of(rows(), 0, 100, where={column: wanted})
    assert ("".join(row["FILE"] for row in listed), count) == (expected, len(expected))
    condition, bound = reader.conditions(NAMES, {column: wanted})
    assert asked.ask(path, f"SELECT count(*) FROM FILE WHERE {condition}", bound) == [[len(expected)]]


def test_filters_of_several_columns_all_hold(asked: Reader, path: Path) -> None:
    where = {"n": {"type": "greaterThan", "filter": 2}, "name": {"type": "contains", "filter": "t"}}
    assert names(found(asked, path, where=where, sort=[("n", True)])) == "ea"
    listed, count = reader.page_of(rows(), 0, 1, where=where, sort=[("n", True)])
    assert ([row["FILE"] for row in listed], count) == (["e"], 2)


@pytest.mark.parametrize("name", ["no such column", 'n" OR "n', "n; DROP VIEW FILE", "NAME", "", "file_row_number"])
def test_a_column_that_is_not_there_cannot_be_filtered_by(name: str) -> None:
    with pytest.raises(DataError):
        reader.page(NAMES, 0, 10, where={name: 1})
    with pytest.raises(DataError):
        reader.page_of(rows(), 0, 10, where={name: 1})


@pytest.mark.parametrize("kind", ["like", "", None, "= 1 OR 1", ["equals"], {"x": 1}])
def test_a_filter_that_the_grid_does_not_know_is_refused(kind: Any) -> None:
    with pytest.raises(DataError, match="is not a filter"):
        reader.page(NAMES, 0, 10, where={"n": {"type": kind, "filter": 1}})
    with pytest.raises(DataError, match="is not a filter"):
        reader.page_of(rows(), 0, 10, where={"n": {"type": kind, "filter": 1}})


@pytest.mark.parametrize(
    "value", ["' OR 1=1 --", "'; DROP VIEW FILE; --", '"', "\\", "$1", "?", "\0", "FILE", "x" * 5_000]
)
def test_a_value_is_a_value_and_never_sql(asked: Reader, path: Path, value: str) -> None:
    for kind in ("equals", "contains", "startsWith"):
        assert found(asked, path, where={"name": {"type": kind, "filter": value}}) == []
    assert len(found(asked, path)) == 6


@pytest.mark.parametrize("value", ["many", [1], {"a": 1}])
def test_a_value_of_another_kind_is_refused_with_a_sentence(asked: Reader, path: Path, value: Any) -> None:
    where = {"n": {"type": "greaterThan", "filter": value}}
    with pytest.raises(DataError):
        found(asked, path, where=where)
    with pytest.raises(DataError):
        reader.page_of(rows(), 0, 10, where=where)
    assert len(found(asked, path)) == 6


@pytest.mark.parametrize("start", ["0; DROP VIEW FILE", "1 UNION SELECT 1", None])
def test_places_are_numbers(start: Any) -> None:
    with pytest.raises((TypeError, ValueError)):
        reader.page(NAMES, start, 10, where={})


def test_a_file_outside_the_readers_folder_is_refused(asked: Reader, path: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside.parquet"
    table.write(FRAME, outside)
    for hidden in (outside, path.parent / ".." / "outside.parquet", path.parent / "none.parquet"):
        with pytest.raises(DataError):
            asked.ask(hidden, "SELECT * FROM FILE")
    for sql in (
        f"SELECT * FROM '{outside}'",
        "SELECT * FROM read_text('/etc/hostname')",
        "SET threads = 8",
        "INSTALL httpfs",
    ):
        with pytest.raises(DataError):
            asked.ask(path, sql)
    with pytest.raises(DataError):
        asked.ask(path, f"COPY FILE TO '{tmp_path / 'stolen.csv'}'")
    assert not (tmp_path / "stolen.csv").exists()
    assert len(found(asked, path)) == 6


def test_one_process_answers_all_and_starts_at_the_first_question(asked: Reader, path: Path) -> None:
    assert asked.pid is None
    found(asked, path)
    first = asked.pid
    assert first is not None
    found(asked, path)
    assert asked.pid == first


def test_threads_take_turns(asked: Reader, path: Path) -> None:
    heard: list[Any] = []
    threads = [
        threading.Thread(target=lambda i=i: heard.append((i, asked.ask(path, "SELECT ? + 0", [i])))) for i in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(15)
    assert sorted(heard) == [(i, [[i]]) for i in range(8)]


def test_what_is_left_of_a_question_is_not_asked_once_its_page_has_another(asked: Reader, path: Path) -> None:
    first, other = asked.asker("a page"), asked.asker("another page")
    assert first(path, "SELECT 1") == [[1]]
    second = asked.asker("a page")
    with pytest.raises(Superseded):
        first(path, "SELECT 2")
    assert second(path, "SELECT ?", [3]) == [[3]]
    assert other(path, "SELECT 4") == [[4]]


def test_a_killed_reader_is_started_again_and_asked_once_more(asked: Reader, path: Path) -> None:
    found(asked, path)
    first = asked.pid
    assert first is not None
    os.kill(first, signal.SIGKILL)
    assert len(found(asked, path)) == 6
    assert asked.pid not in (None, first)


def test_a_reader_killed_during_a_question_is_asked_once_more(
    asked: Reader, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found(asked, path)
    first = asked.pid
    assert first is not None
    os.kill(first, signal.SIGSTOP)  # it will not answer, as if it were busy
    heard: list[Any] = []
    thread = threading.Thread(target=lambda: heard.append(found(asked, path)))
    thread.start()
    until(asked._turn.locked)
    os.kill(first, signal.SIGKILL)
    thread.join(15)
    assert len(heard[0]) == 6
    assert asked.pid not in (None, first)


def test_a_question_past_the_deadline_is_given_up_and_the_next_one_works(
    asked: Reader, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found(asked, path)
    first = asked.pid
    assert first is not None
    with monkeypatch.context() as soon:
        soon.setattr(reader, "DEADLINE", 0.3)
        with pytest.raises(TooMuch, match="took too long"):
            asked.ask(path, ENDLESS)
    assert not lives(first)
    assert len(found(asked, path)) == 6


def test_a_question_that_needs_more_memory_than_the_reader_has_is_refused(asked: Reader, path: Path) -> None:
    with pytest.raises((DataError, TooMuch)):
        asked.ask(path, "SELECT list(a.range ORDER BY hash(a.range)) FROM range(100000000) a")
    assert len(found(asked, path)) == 6


def test_an_idle_reader_ends_and_a_busy_one_does_not(
    asked: Reader, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked.rest()
    found(asked, path)
    first = asked.pid
    assert first is not None
    asked.rest()
    assert lives(first)
    monkeypatch.setattr(reader, "IDLE", -1.0)
    asked.rest()
    assert not lives(first)
    assert asked.pid is None
    assert len(found(asked, path)) == 6


def test_an_ended_reader_leaves_no_folder_and_no_pipe(
    asked: Reader, path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spills = tmp_path / "spills"
    spills.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(spills))
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(3):
        found(asked, path)
        assert len(list(spills.iterdir())) == 1
        assert asked.pid is not None
        os.kill(asked.pid, signal.SIGKILL)
    found(asked, path)
    asked.stop()
    assert list(spills.iterdir()) == []
    assert len(os.listdir("/proc/self/fd")) == before


def test_the_reader_ends_with_its_server(asked: Reader, path: Path) -> None:
    found(asked, path)
    process = asked._process
    assert process is not None
    assert process.stdin is not None
    process.stdin.close()  # what the kernel does when the server dies
    until(lambda: not lives(process.pid))
    assert asked._spill is not None
    assert not asked._spill.exists()


def test_the_reader_loads_neither_numpy_nor_pandas(asked: Reader, path: Path) -> None:
    found(asked, path, sort=[("n", True)], where={"name": {"type": "contains", "filter": "t"}})
    loaded = Path(f"/proc/{asked.pid}/maps").read_text()
    assert "duckdb" in loaded
    assert not [name for name in ("numpy", "pandas", "pyarrow") if name in loaded]


def test_values_may_be_of_any_json_kind(asked: Reader, path: Path) -> None:
    values = ["Größe 日本", 2**53, 0.1, True, None]
    assert asked.ask(path, "SELECT ?, ?, ?, ?, ?", values) == [values]
    began = time.time()
    ((now,),) = asked.ask(path, "SELECT now()::TIMESTAMP")
    assert abs(dt.datetime.fromisoformat(now).replace(tzinfo=dt.UTC).timestamp() - began) < 3_600


LONG = [2**53 + 1, 2**53 + 3, 7, -(2**62) - 1, None]


def test_a_browser_is_told_every_digit_and_sorts_and_filters_by_number(asked: Reader) -> None:
    path = asked._root / "long.parquet"
    table.write(pd.DataFrame({"n": pd.array(LONG, dtype="Int64")}), path)
    small = [{"n": n} for n in LONG]
    ordered = [str(LONG[3]), 7, str(LONG[0]), str(LONG[1]), None]
    assert told(asked, path, small, sort=[("n", False)]) == ordered
    assert told(asked, path, small, sort=[("n", True)]) == [*ordered[3::-1], None]
    for wanted in (str(LONG[1]), LONG[1], {"type": "equals", "filter": str(LONG[1])}):
        assert told(asked, path, small, where={"n": wanted}) == [str(LONG[1])]
    assert told(asked, path, small, where={"n": {"type": "lessThan", "filter": 100}}) == [7, str(LONG[3])]
    assert told(asked, path, small, where={"n": {"type": "contains", "filter": "740993"}}) == [str(LONG[0])]


def told(asked: Reader, path: Path, small: list[dict[str, Any]], **how: Any) -> list[Any]:
    """The column n as a browser is told it, the same of a large and of a small table."""
    sql, values = reader.page(["n"], 0, 100, **{"where": {}} | how)
    large = [n for (n,) in asked.ask(path, sql, values)]
    listed, _ = reader.page_of(small, 0, 100, **{"where": {}} | how)
    assert [row["n"] for row in listed] == large
    return large


def test_a_decimal_that_no_float_holds_is_told_in_text(asked: Reader) -> None:
    path = asked._root / "money.parquet"
    table.write(pd.DataFrame({"money": [Decimal("99999999999999.99"), Decimal("10.10")]}), path)
    assert asked.ask(path, "SELECT money FROM FILE") == [["99999999999999.99"], [10.1]]
