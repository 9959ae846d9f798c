"""A table answers SQL over every row, and takes no name or value for SQL."""

import datetime as dt
from decimal import Decimal
from pathlib import Path

import duckdb
import pandas as pd
import pytest

from services.errors import DataError, NotFound
from services.schema import Schema
from services.table import Sample, Spilled, Table, kind_of, write

NASTY = [
    'a"b',
    "a'b",
    'x" FROM rows; DROP VIEW rows; --',
    "$value",
    "{other}",
    "?",
    "select",
    "rows",
    " ",
    "line\nbreak",
    "Größe 日本",
    "\\",
    "%s",
]


def tea() -> Table:
    return Table.of(item=["tea", "milk", "jam"], amount=[80.0, 15.0, 5.0])


def files(folder: Path) -> list[str]:
    """All there is below `folder` but empty folders: a database that stays open keeps the place where it spills."""
    return [path.name for path in folder.rglob("*") if not path.is_dir()]


@pytest.mark.parametrize("name", NASTY)
def test_any_column_name_is_a_name_and_never_sql(name: str) -> None:
    table = Table.of(pd.DataFrame({"other": [1, 2], name: ["u", "v"]}))
    assert table.fetch("SELECT {it} FROM rows ORDER BY {it}", it=name) == [("u",), ("v",)]
    assert table.fetch("SELECT {all} FROM rows WHERE {it} = $value", all=["other", name], it=name, value="v") == [
        (2, "v")
    ]
    assert table.frame([name])[name].tolist() == ["u", "v"]
    assert table.frame([name], Sample(1)).columns.tolist() == [name]


@pytest.mark.parametrize("value", ["' OR 1=1 --", '"', "$other", "{item}", "'; DROP VIEW rows; --", "", None, "\0"])
def test_any_value_is_a_value_and_never_sql(value: str | None) -> None:
    table = tea()
    assert table.fetch("SELECT count(*) FROM rows WHERE {item} = $value", item="item", value=value) == [(0,)]
    assert table.fetch("SELECT $value IS NOT DISTINCT FROM $value", value=value) == [(True,)]
    assert table.fetch("SELECT count(*) FROM rows") == [(3,)]


@pytest.mark.parametrize("name", ["nobody", 'item" --', "item, amount", "*", "", "ITEM"])
def test_an_unknown_column_is_named_with_those_there_are(name: str) -> None:
    with pytest.raises(DataError) as refused:
        tea().query("SELECT {it} FROM rows", it=name)
    assert refused.value.message == f"There is no column “{name}”. This table has: item, amount."
    with pytest.raises(DataError):
        tea().frame([name])


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM read_text('/etc/hostname')",
        "SELECT * FROM read_csv('/etc/passwd')",
        "COPY rows TO '/tmp/datainsights-never.csv'",
        "ATTACH '/tmp/datainsights-never.db'",
        "INSTALL httpfs",
        "SET memory_limit = '10GB'",
        "SET enable_external_access = true",
    ],
)
def test_a_query_sees_its_own_folder_and_can_change_no_setting(sql: str) -> None:
    with pytest.raises(duckdb.Error):
        tea().fetch(sql)
    assert not Path("/tmp/datainsights-never.csv").exists()


def test_query_gives_a_frame_and_fetch_plain_tuples() -> None:
    table = tea()
    asked = "SELECT {item} AS item, {amount} AS amount FROM rows WHERE {amount} > $least ORDER BY amount"
    names = {"item": "item", "amount": "amount", "least": 10}
    assert table.fetch(asked, **names) == [("milk", 15.0), ("tea", 80.0)]
    assert table.query(asked, **names).to_dict("list") == {"item": ["milk", "tea"], "amount": [15.0, 80.0]}


def test_a_stored_answer_is_a_table_of_its_own_with_exact_types(tmp_path: Path) -> None:
    made = tea().store(
        tmp_path / "made.parquet",
        "SELECT {item} AS item, {amount}::DECIMAL(12,2) AS amount, $day::DATE AS day FROM rows ORDER BY item",
        item="item", amount="amount", day=dt.date(2024, 2, 29),
    )  # fmt: skip
    assert isinstance(made, Spilled)
    assert [(column.name, column.kind, column.sql) for column in made.schema] == [
        ("item", "text", "VARCHAR"),
        ("amount", "decimal", "DECIMAL(12,2)"),
        ("day", "date", "DATE"),
    ]
    assert made.rows == 3
    assert made.fetch("SELECT * FROM rows LIMIT 1") == [("jam", Decimal("5.00"), dt.date(2024, 2, 29))]


def test_a_failed_store_leaves_the_old_answer(tmp_path: Path) -> None:
    target = tmp_path / "made.parquet"
    tea().store(target, "SELECT 1 AS one")
    with pytest.raises(duckdb.Error):
        tea().store(target, "SELECT error('no') FROM rows")
    assert Spilled.at(target, spill=tmp_path).fetch("SELECT * FROM rows") == [(1,)]


def test_no_spill_and_no_folder_is_left_behind() -> None:
    table = tea()
    folder = table.path.parent
    table.fetch("SELECT count(*) FROM rows")
    assert files(folder) == [table.path.name]
    del table
    assert not folder.exists()


# -- samples ---------------------------------------------------------------------------------------


def numbers(rows: int = 5_000) -> Table:
    return Table.of(pd.DataFrame({"n": range(rows), "other": range(rows)}))


def test_a_sample_is_stable_seeded_and_in_the_tables_order() -> None:
    table = numbers()
    drawn = table.frame(["n"], Sample(100, seed=1))["n"].tolist()
    assert len(drawn) == len(set(drawn)) == 100
    assert drawn == sorted(drawn)
    assert drawn == table.frame(["n"], Sample(100, seed=1))["n"].tolist()
    assert drawn == numbers().frame(["n"], Sample(100, seed=1))["n"].tolist()
    assert drawn != table.frame(["n"], Sample(100, seed=2))["n"].tolist()


def test_a_sample_has_the_same_rows_whichever_columns_are_read() -> None:
    table = numbers()
    both = table.frame(["other", "n"], Sample(50))
    assert both["n"].tolist() == both["other"].tolist() == table.frame(["n"], Sample(50))["n"].tolist()


def test_a_sample_is_fair() -> None:
    table = numbers(1_000)
    means = [table.frame(["n"], Sample(200, seed=seed))["n"].mean() for seed in range(12)]
    # The standard error of each is 18; of their mean, 5.
    assert abs(sum(means) / len(means) - 499.5) < 25


@pytest.mark.parametrize("rows", [3, 4, 10**9])
def test_a_sample_as_large_as_the_table_is_the_table(rows: int) -> None:
    assert tea().frame(["item"], Sample(rows))["item"].tolist() == ["tea", "milk", "jam"]


# -- from a frame ----------------------------------------------------------------------------------


def test_types_come_from_the_frame() -> None:
    table = Table.of(
        pd.DataFrame(
            {
                "id": ["00001", "02134"],
                "n": [1, 2],
                "x": [0.5, None],
                "yes": [True, False],
                "day": pd.to_datetime(["2024-01-01", None]),
                "at": pd.to_datetime(["2024-01-01 10:00", "2024-01-02 00:00"]),
            }
        )
    )
    kinds = {column.name: column.kind for column in table.schema}
    assert kinds == {"id": "text", "n": "integer", "x": "decimal", "yes": "flag", "day": "date", "at": "datetime"}
    assert table.fetch("SELECT * FROM rows")[0][0] == "00001"


def test_roles_are_proposed_for_a_frame() -> None:
    assert Table.of(customer_id=["a"], amount=[1.5]).roles["customer"] == "customer_id"


@pytest.mark.parametrize(
    ("sql", "kind"),
    [
        ("BIGINT", "integer"), ("UTINYINT", "integer"), ("HUGEINT", "integer"), ("DECIMAL(12,2)", "decimal"),
        ("DOUBLE", "decimal"), ("BOOLEAN", "flag"), ("DATE", "date"), ("TIMESTAMP", "datetime"),
        ("TIMESTAMP_NS", "datetime"), ("VARCHAR", "text"), ("BLOB", "text"), ("UUID", "text"),
    ],
)  # fmt: skip
def test_every_type_has_a_kind(sql: str, kind: str) -> None:
    assert kind_of(sql) == kind


def test_two_tables_asked_at_once_keep_apart(tmp_path: Path) -> None:
    """Connections to one database: each sees its own rows, and spills where nobody removes it meanwhile."""
    for name in ("one", "two", "three", "four", "five"):
        write(pd.DataFrame({"name": [name]}), tmp_path / f"{name}.parquet")
    one = Spilled.at(tmp_path / "one.parquet", spill=tmp_path)
    with one.opened() as con:
        for name in ("two", "three", "four", "five"):
            (tmp_path / name).mkdir()
            assert Spilled.at(tmp_path / f"{name}.parquet", spill=tmp_path / name).fetch("FROM rows") == [(name,)]
            assert Spilled.at(tmp_path / f"{name}.parquet", spill=tmp_path).fetch("FROM rows") == [(name,)]
        assert con.execute("FROM rows").fetchall() == [("one",)]
        (spill,) = con.execute("SELECT current_setting('temp_directory')").fetchone()
        assert Path(spill).is_dir()


@pytest.mark.parametrize("sql", ["SELECT nothing FROM rows", "SELECT error('no') FROM rows"])
def test_a_question_that_fails_leaves_no_spill(sql: str) -> None:
    table = tea()
    with pytest.raises(duckdb.Error):
        table.fetch(sql)
    assert files(table.path.parent) == [table.path.name]


def test_a_file_that_is_no_table_leaves_no_spill(tmp_path: Path) -> None:
    (tmp_path / "made.parquet").write_text("no table")
    with pytest.raises(duckdb.Error):
        Spilled.at(tmp_path / "made.parquet", spill=tmp_path)
    with pytest.raises(duckdb.Error):
        Spilled(path=tmp_path / "made.parquet", schema=Schema(()), rows=0, spill=tmp_path).fetch("SELECT 1")
    assert files(tmp_path) == ["made.parquet"]


def test_a_dataset_that_was_removed_is_not_found(tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        Table.open(tmp_path / "gone", spill=tmp_path)
