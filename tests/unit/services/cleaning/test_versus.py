"""Two versions of a table: what is told apart, against a comparison written with pandas, and cases by hand."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.cleaning.versus import BY_CONTENT, BY_PLACE, Side, versus, ways
from services.errors import DataError, ParamError
from services.profile import profile
from services.table import Table


def side(frame: pd.DataFrame) -> Side:
    table = Table.of(frame)
    kept.append(table)
    return Side(path=table.path, schema=table.schema, rows=table.rows, profile=profile(table, lambda *_: None))


kept: list[Table] = []  # their files go with them
CON = duckdb.connect()


def ask(sql: str) -> list[tuple[Any, ...]]:
    return CON.execute(sql).fetchall()


BEFORE = pd.DataFrame({"id": [1, 2, 3, 4], "town": [" Rome", "Oslo", None, "Bonn"], "n": [1.0, -999, 3, 4]})
AFTER = pd.DataFrame({"id": [1, 2, 4, 5], "town": ["Rome", "Oslo", "Bonn", "Kyiv"], "n": [1.0, None, 4, 5]})


def test_rows_are_told_apart_by_a_column_whose_values_differ() -> None:
    found = versus(ask, side(BEFORE), side(AFTER.assign(big=[True] * 4)))
    assert (found.by, found.removed, found.added, found.changed) == ("id", 1, 1, 2)
    assert found.columns == {"town": 1, "n": 1}
    assert (found.gone, found.new) == ([], ["big"])
    assert found.examples == [("1", "town", " Rome", "Rome"), ("2", "n", "-999.0", None)]


def test_without_one_by_place_and_else_by_content() -> None:
    plain = BEFORE.drop(columns="id")
    found = versus(ask, side(plain), side(plain.assign(town=["Rome", "Oslo", "?", "Bonn"])))
    assert (found.by, found.removed, found.added, found.changed) == (BY_PLACE, 0, 0, 2)
    assert found.columns == {"town": 2, "n": 0}
    assert found.examples[1] == ("3", "town", None, "?")
    twice = pd.concat([plain, plain.head(2)])
    found = versus(ask, side(twice), side(plain.tail(3)))
    assert (found.by, found.removed, found.added, found.changed) == (BY_CONTENT, 3, 0, None)


def test_a_value_that_repeats_is_matched_in_its_order() -> None:
    rows = pd.DataFrame({"id": [f"k{n}" for n in range(12)], "n": range(12)})
    twice = pd.concat([rows, rows.head(1).assign(n=99)])
    found = versus(ask, side(twice), side(rows.assign(n=[-1, *range(1, 12)])))
    assert (found.by, found.removed, found.added, found.changed) == ("id", 1, 0, 1)


def test_a_type_that_changed_is_no_change_of_its_values() -> None:
    found = versus(ask, side(BEFORE.assign(n=["1", "x", "3", "4"])), side(BEFORE.assign(n=[1, 2, 3, 5])))
    assert found.columns == {"town": 0, "n": 2}


def test_what_cannot_be_compared_is_told() -> None:
    with pytest.raises(ParamError, match="cannot be told apart"):
        versus(ask, side(BEFORE), side(AFTER), "town")
    with pytest.raises(DataError, match="no column in common"):
        versus(ask, side(BEFORE[["town"]]), side(AFTER[["n"]].head(2)))
    assert ways(side(BEFORE), side(AFTER)) == ["id", BY_PLACE, BY_CONTENT]


CELL = st.none() | st.sampled_from(["a", "b", " a"])


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    before=st.dictionaries(st.integers(0, 6), st.tuples(CELL, CELL), min_size=1),
    after=st.dictionaries(st.integers(0, 6), st.tuples(CELL, CELL), min_size=1),
)
def test_the_counts_are_those_of_a_plain_comparison(
    before: dict[int, tuple[Any, Any]], after: dict[int, tuple[Any, Any]]
) -> None:
    sides = [
        side(pd.DataFrame([(key, *cells) for key, cells in rows.items()], columns=["id", "x", "y"]).astype(
            {"id": "int64", "x": "str", "y": "str"}
        ))
        for rows in (before, after)
    ]  # fmt: skip
    found = versus(ask, *sides, "id")
    both = before.keys() & after.keys()
    assert (found.removed, found.added) == (len(before.keys() - both), len(after.keys() - both))
    assert found.changed == sum(before[key] != after[key] for key in both)
    assert found.columns == {
        name: sum(before[key][at] != after[key][at] for key in both) for at, name in enumerate("xy")
    }
    plain = versus(ask, *sides, BY_CONTENT)
    rows = [Counter((key, *cells) for key, cells in side.items()) for side in (before, after)]
    assert (plain.removed, plain.added) == ((rows[0] - rows[1]).total(), (rows[1] - rows[0]).total())


def test_files_are_named_in_the_question_alone(tmp_path: Path) -> None:
    odd = BEFORE.rename(columns={"town": "to\"wn's"})
    assert versus(ask, side(odd), side(odd)).changed == 0
