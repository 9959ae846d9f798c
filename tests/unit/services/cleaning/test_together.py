"""Steps that bring another table in: worked by hand, three ways to one outcome, and what cannot be brought together."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.cleaning import recipe
from services.cleaning.apply import Cleaned, apply
from services.cleaning.others import beside
from services.cleaning.preview import preview
from services.cleaning.scripts import Scripts
from services.errors import DataError, NotFound
from services.jobs.detached import Detached
from services.schema import Schema
from services.table import ABOUT, DATA, Spilled, Table, write
from services.workspace import write_json
from tests.unit.services.cleaning.test_steps import plain

MINE, OTHER = "a" * 32, "b" * 32
NAMED = {"append": "other", "join": "table"}
LOOKED_UP = {"steps": [{"step": "join", "params": {"table": OTHER, "on": ["customer"], "theirs": ["id"]}}]}
ORDERS = pd.DataFrame(
    {
        "order": [1, 2, 3, 4, 5],
        "customer": ["c1", "c2", "c1", None, "c9"],
        "paid": [10.0, 20.0, None, 5.5, 1.0],
    }
)
CUSTOMERS = pd.DataFrame(
    {
        "id": ["c1", "c2", "c3", None],
        "town": ["Rome", None, "Oslo", "Bonn"],
        "paid": [1, 2, 3, 4],
        "since": pd.to_datetime(["2020-01-01", "2021-01-01", None, "2022-01-01"]),
    }
)


def laid(folder: Path, mine: pd.DataFrame, other: pd.DataFrame) -> Table:
    """Two tables side by side, as a visitor has them; the first is returned."""
    for id, name, frame in ((MINE, "orders.csv", mine), (OTHER, "others.csv", other)):
        place = folder / id
        place.mkdir(parents=True)
        write(frame, place / DATA)
        found = Spilled.at(place / DATA, spill=folder / "spill")
        write_json(
            place / ABOUT, {"name": name, "columns": found.schema.as_json(), "rows": found.rows, "roles": {}}
        )  # fmt: skip
    return Table.open(folder / MINE, spill=folder / "spill")


def applied(mine: Table, slug: str, **params: Any) -> tuple[Cleaned, pd.DataFrame]:
    """One step by the engine, and the same by both scripts."""
    asked = recipe.parse({"steps": [{"step": slug, "params": {NAMED[slug]: OTHER, **params}}]})
    made = apply(mine, asked, Detached(mine, mine.path.parent))
    found = plain((made.table or mine).query("SELECT * FROM rows"), made.schema)
    for other in by_scripts(mine, asked, made.schema):
        pd.testing.assert_frame_equal(found, other, check_dtype=False)
    assert made.steps[0].counts.after == len(found)
    return made, found


def by_scripts(table: Table, asked: recipe.Recipe, schema: Schema) -> Iterator[pd.DataFrame]:
    folder = table.path.parent.parent
    there = Table.open(folder / OTHER, spill=folder / "spill")
    for each, name in ((table, "orders.csv"), (there, "others.csv")):
        part = each.path.parent / "part.csv"
        each.copy(part, "FORMAT csv, HEADER")
        part.replace(folder / name)
    made = Scripts.of(table, asked)
    space: dict[str, Any] = {"__name__": "clean"}
    exec(compile(made.pandas(), "clean.py", "exec"), space)
    with contextlib.chdir(folder):
        yield plain(space["clean"](space["read"]("orders.csv")).reset_index(drop=True), schema)
    con = duckdb.connect()
    con.execute(f"SET file_search_path = '{folder}'")
    views = [line.removeprefix("-- ") for line in made.sql("orders.csv").splitlines() if line.startswith("-- CREATE")]
    assert len(views) == 2
    for view in views:
        con.execute(view)
    yield plain(con.execute(made.sql()).df(), schema)


def test_rows_below_columns_of_one_name_together(tmp_path: Path) -> None:
    made, found = applied(laid(tmp_path, ORDERS, CUSTOMERS.rename(columns={"id": "Customer"})), "append", mark="from")
    assert list(found.columns) == ["order", "customer", "paid", "town", "since", "from"]
    assert found["customer"].tolist() == ["c1", "c2", "c1", None, "c9", "c1", "c2", "c3", None]
    assert found["paid"].dropna().tolist() == [10.0, 20.0, 5.5, 1.0, 1.0, 2.0, 3.0, 4.0]
    assert found["order"].isna().sum() == 4
    assert found["from"].tolist() == ["this table"] * 5 + ["others.csv"] * 4
    assert made.steps[0].said == "Put 4 rows of others.csv below: 5 became 9."


def test_columns_that_only_the_other_has_may_be_left_out(tmp_path: Path) -> None:
    _, found = applied(laid(tmp_path, ORDERS, CUSTOMERS), "append", extra="drop")
    assert list(found.columns) == ["order", "customer", "paid"]


def test_types_that_do_not_go_together_are_told(tmp_path: Path) -> None:
    table = laid(tmp_path, ORDERS, pd.DataFrame({"order": ["a"]}))
    with pytest.raises(DataError, match=r"order has one type here and another in others\.csv"):
        applied(table, "append")


def test_what_is_found_comes_beside(tmp_path: Path) -> None:
    made, found = applied(laid(tmp_path, ORDERS, CUSTOMERS), "join", on=["customer"], theirs=["id"])
    assert list(found.columns) == ["order", "customer", "paid", "town", "paid_2", "since"]
    assert found["town"].tolist() == ["Rome", None, "Rome", None, None]
    assert found["paid_2"].fillna(-1).tolist() == [1, 2, 1, -1, -1]
    assert made.steps[0].said == (
        "Looked 5 rows up in others.csv by customer: 3 were found, 2 were not. 2 rows there were not asked for."
    )


@pytest.mark.parametrize(("keep", "orders"), [("all", [1, 2, 3, 4, 5]), ("found", [1, 2, 3]), ("others", [4, 5])])
def test_rows_are_kept_by_whether_they_are_found(tmp_path: Path, keep: str, orders: list[int]) -> None:
    table = laid(tmp_path, ORDERS, CUSTOMERS)
    _, found = applied(table, "join", on=["customer"], theirs=["id"], take=["town"], keep=keep)
    assert found["order"].tolist() == orders


def test_rows_multiply_only_as_told(tmp_path: Path) -> None:
    twice = pd.DataFrame({"customer": ["c1", "c1", "c2"], "mark": ["x", "y", "z"]})
    table = laid(tmp_path, ORDERS, twice)
    made, found = applied(table, "join", on=["customer"])
    assert found["mark"].tolist() == ["x", "y", "z", "x", "y", None, None]
    assert "they became 7 rows, since 1 key stands several times there" in made.steps[0].said
    made, found = applied(table, "join", on=["customer"], several="first")
    assert found["mark"].tolist() == ["x", "z", "x", None, None]
    assert "1 key stands several times there" in made.steps[0].said


def test_a_join_that_would_explode_is_told_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    same = pd.DataFrame({"customer": ["c1"] * 20})
    table = laid(tmp_path, same, same.assign(n=range(20)))
    monkeypatch.setattr("services.cleaning.steps.together.MOST_ROWS", 100)
    with pytest.raises(DataError, match="These 20 rows would become 400"):
        applied(table, "join", on=["customer"])
    _, found = applied(table, "join", on=["customer"], several="first")
    assert found["n"].tolist() == [0] * 20


@pytest.mark.parametrize(
    ("params", "said"),
    [
        ({"on": ["customer"]}, "others.csv has no column customer"),
        ({"on": ["customer"], "theirs": ["id", "town"]}, "1 column here and 2 there"),
        ({"on": ["order"], "theirs": ["id"]}, "order has one type here"),
        ({"on": ["customer"], "theirs": ["id"], "take": ["x"]}, "others.csv has no column x"),
        ({"on": ["customer"], "theirs": ["id"], "table": "c" * 32}, "The other table is not here"),
        ({"on": ["customer"], "theirs": ["id"], "table": "../../etc"}, "Table to look things up in: choose one"),
    ],
)
def test_what_cannot_be_joined_is_told(tmp_path: Path, params: dict[str, Any], said: str) -> None:
    with pytest.raises(DataError, match=said):
        applied(laid(tmp_path, ORDERS, CUSTOMERS), "join", **params)


def test_a_preview_sees_the_other_table_too(tmp_path: Path) -> None:
    table = laid(tmp_path, ORDERS, CUSTOMERS)
    asked = recipe.parse(
        {"steps": [{"step": "join", "params": {"table": OTHER, "on": ["customer"], "theirs": ["id"]}}]}
    )
    with table.opened(tmp_path / OTHER) as con:
        con.execute(f"CREATE TEMP VIEW FILE AS SELECT * FROM read_parquet('{table.path}', file_row_number=true)")
        seen = preview(lambda sql: con.execute(sql).fetchall(), table.schema, table.rows, asked, beside(table.path))
    assert not seen.steps[0].wrong
    assert [row["town"] for row in seen.head] == ["Rome", None, "Rome", None, None]


def test_a_run_keeps_the_other_table_however_early_it_goes(tmp_path: Path) -> None:
    table = laid(tmp_path, ORDERS, CUSTOMERS)
    asked = recipe.parse(
        {"steps": [{"step": "join", "params": {"table": OTHER, "on": ["customer"], "theirs": ["id"]}}]}
    )
    job = Detached(table, table.path.parent)
    apply(table, asked, job)
    os.remove(tmp_path / OTHER / DATA)
    with pytest.raises(NotFound, match="The other table is not here"):
        Scripts.of(table, asked)


KEYS = st.sampled_from([None, "a", "b", "B"])


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    mine=st.lists(st.tuples(KEYS, st.none() | st.integers(-3, 3)), min_size=1, max_size=8),
    other=st.lists(st.tuples(KEYS, st.none() | st.floats(-3, 3)), min_size=1, max_size=8),
    asked=st.sampled_from(
        [
            ("append", {}), ("append", {"extra": "drop", "mark": "from"}),
            *[("join", {"on": ["k"], "keep": keep}) for keep in ("all", "found", "others")],
            *[("join", {"on": ["k"], "keep": keep, "several": "first"}) for keep in ("all", "found")],
            ("join", {"on": ["n"], "take": ["k"]}), ("join", {"on": ["k", "n"], "keep": "others"}),
        ]
    ),
)  # fmt: skip
def test_whatever_is_in_both_the_three_agree(
    tmp_path_factory: pytest.TempPathFactory, mine: list[Any], other: list[Any], asked: tuple[str, dict[str, Any]]
) -> None:
    one = pd.DataFrame(mine, columns=["k", "n"]).astype({"k": "str", "n": "Int64"})
    two = pd.DataFrame(other, columns=["k", "n"]).astype({"k": "str", "n": "float64"})
    slug, params = asked
    _, found = applied(laid(tmp_path_factory.mktemp("tables"), one, two), slug, **params)
    if slug == "append":
        assert len(found) == len(one) + len(two)
    if params.get("keep") == "others":
        met = set(two["k"].dropna())
        if params["on"] == ["k"]:
            assert found["k"].tolist() == [None if pd.isna(key) else key for key in one["k"] if key not in met]
