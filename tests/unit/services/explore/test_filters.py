"""One grammar of filters, read twice: in SQL over a file, and over rows in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.errors import DataError
from services.explore.filters import EVERY, both, conditions, matching

NAMES = ["te xt", 'n"1', "real", "day", "yes", "FILE"]
WORDS = ["", "a", "A", "Tea", "tea ", "%", "_", "'", "ß", "日本", "é", "1", "true"]
DAYS = ["2020-01-01", "2020-02-29", "2019-12-31"]
CELLS: list[st.SearchStrategy[Any]] = [
    st.sampled_from(WORDS), st.sampled_from([0, 1, -3, 7, 2**40]), st.sampled_from([0.5, -2.25, 7.0, 1e6]),
    st.sampled_from(DAYS), st.booleans(), st.sampled_from(["a", "b"]),
]  # fmt: skip
ROWS = st.lists(st.tuples(*(st.none() | each for each in CELLS)), min_size=1, max_size=9)


def _rules(place: int) -> st.SearchStrategy[Any]:
    """Filters of a column: of its own kind of values, as the grid and links send them."""
    cell = CELLS[place]
    compared = st.fixed_dictionaries(
        {"type": st.sampled_from(["equals", "notEqual", "lessThan", "greaterThanOrEqual"]), "filter": cell}
    )
    blank = st.sampled_from([{"type": "blank"}, {"type": "notBlank"}])
    part = st.fixed_dictionaries(
        {
            "type": st.sampled_from(["contains", "notContains", "startsWith", "endsWith"]),
            "filter": st.sampled_from(WORDS),
        }
    )
    listed = st.fixed_dictionaries({"type": st.just("in"), "values": st.lists(st.none() | cell, max_size=3)})
    ranged = st.fixed_dictionaries({"type": st.just("inRange"), "filter": cell, "filterTo": cell})
    plain = [cell, compared, blank, listed, ranged, *([part] if place in (0, 1, 3, 5) else [])]
    day = st.fixed_dictionaries(
        {
            "filterType": st.just("date"),
            "type": st.sampled_from(["equals", "lessThan"]),
            "dateFrom": st.sampled_from(DAYS),
        }
    )
    single = st.one_of(*plain, *([day] if place == 3 else []))
    several = st.fixed_dictionaries(
        {
            "operator": st.sampled_from(["AND", "OR"]),
            "conditions": st.lists(compared | blank | listed, min_size=1, max_size=2),
        }
    )
    return single | several


WHERE = st.fixed_dictionaries(
    {},
    optional={name: _rules(place) for place, name in enumerate(NAMES)}
    | {
        EVERY: st.just({"type": "duplicate"})
        | st.sampled_from([{"type": "search", "filter": text} for text in ("a", "1", "tE", "日", "%", "20")])
    },
)

Found = Callable[[list[tuple[Any, ...]], dict[str, Any]], list[int]]


@pytest.fixture(scope="module")
def found() -> Iterator[Found]:
    """Which of some rows a filter finds, in SQL, by their place."""
    with duckdb.connect() as con:
        kinds = ["VARCHAR", "BIGINT", "DOUBLE", "DATE", "BOOLEAN", "VARCHAR"]
        columns = ", ".join(f'"{name.replace(chr(34), chr(34) * 2)}" {kind}' for name, kind in zip(NAMES, kinds))
        con.execute(f"CREATE TABLE FILE (file_row_number INTEGER, {columns})")

        def ask(rows: list[tuple[Any, ...]], where: dict[str, Any]) -> list[int]:
            condition, values = conditions(NAMES, where)
            con.execute("DELETE FROM FILE")
            con.executemany(
                "INSERT INTO FILE VALUES (?, ?, ?, ?, ?, ?, ?)", [(at, *row) for at, row in enumerate(rows)]
            )
            asked = con.execute(f"SELECT file_row_number FROM FILE WHERE {condition} ORDER BY 1", values or None)
            return [at for (at,) in asked.fetchall()]

        yield ask


@settings(max_examples=60, deadline=None)
@given(rows=ROWS, where=WHERE)
def test_sql_and_memory_find_the_same_rows(found: Found, rows: list[tuple[Any, ...]], where: dict[str, Any]) -> None:
    listed = [dict(zip(NAMES, row)) for row in rows]
    kept = matching(listed, where)
    assert found(rows, where) == [at for at, row in enumerate(listed) if any(row is each for each in kept)]


TWICE = [("a", 1), ("a", 1), (None, 1), ("b", 2), (None, 1), ("a", 1)]
SOME = [{"name": name, "n": n} for name, n in TWICE]


def test_a_row_that_repeats_is_found_from_its_second_time_on(tmp_path: Path) -> None:
    assert matching(SOME, {EVERY: {"type": "duplicate"}}) == [SOME[1], SOME[4], SOME[5]]
    assert matching(SOME, {EVERY: {"type": "duplicate"}, "name": {"type": "blank"}}) == [SOME[4]]


def test_a_list_may_hold_what_is_missing() -> None:
    assert matching(SOME, {"name": {"type": "in", "values": ["b", None]}}) == [SOME[2], SOME[3], SOME[4]]
    assert matching(SOME, {"name": {"type": "in", "values": []}}) == []


def test_two_filters_of_one_column_both_hold() -> None:
    one, other = {"n": 1, "name": {"type": "in", "values": ["a", "b"]}}, {"name": {"type": "contains", "filter": "B"}}
    assert matching(SOME, both(one, {"n": 1})) == [SOME[0], SOME[1], SOME[5]]
    assert matching(SOME, both({"n": {"type": "greaterThan", "filter": 0}}, {"n": 2})) == [SOME[3]]
    assert matching(SOME, both(one, other)) == []


@pytest.mark.parametrize(
    "where",
    [
        {EVERY: {"type": "like"}}, {EVERY: "1 OR 1"}, {"name": {"type": "in"}},
        {"name": {"type": "in", "values": [[1]]}}, {"name": {"type": "in", "values": list(range(1_001))}},
        {"other": {"type": "in", "values": [1]}},
    ],
)  # fmt: skip
def test_what_is_no_filter_is_refused_with_a_sentence(where: dict[str, Any]) -> None:
    with pytest.raises(DataError):
        conditions(["name", "n"], where)
    with pytest.raises(DataError):
        matching(SOME, where)
