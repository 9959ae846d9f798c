"""Rows by page: the same whether they are looked for in a scan or in a file of row numbers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pytest

from services import duck
from services.errors import DataError, NotFound
from services.explore import order
from services.explore.order import Question
from services.table import DATA
from services.workspace import Home, new_id
from tests.unit.services.jobs.stage import stock

ROWS = 3_000
CON = duckdb.connect()
SORTS: list[list[tuple[str, bool]]] = [
    [], [("name", True), ("amount", False)], [("r", True)],
]  # fmt: skip
PAGES = [(0, 10), (5, 25), (290, 310), (ROWS - 5, ROWS + 5), (9, 9)]
FILTERS: list[dict[str, Any]] = [
    {}, {"name": {"type": "contains", "filter": "1"}}, {"amount": {"type": "blank"}},
    {"*": {"type": "duplicate"}}, {"*": {"type": "search", "filter": "99"}}, {"name": "nobody"},
]  # fmt: skip


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """A table with ties, gaps, repeated rows, and a column called as the row number in an order is."""
    random = np.random.default_rng(0)
    frame = pd.DataFrame({
        "name": random.choice(["tea 1", "tea 2", None, "Milk 99", "日本"], ROWS),
        "amount": pd.array(random.integers(-5, 5, ROWS), dtype="Int64"),
        "r": random.integers(0, 40, ROWS),
    })  # fmt: skip
    frame.loc[::7, "amount"] = pd.NA
    workspace = Home.at(tmp_path_factory.mktemp("data")).workspace(new_id())
    known = stock(workspace, frame)
    return {"folder": workspace.dataset(known["id"]), "known": known}


def ask(path: Path, sql: str, values: Sequence[Any]) -> list[list[Any]]:
    """What the reader answers, without its process."""
    source = f"SELECT * FROM read_parquet({duck.literal(path)}, file_row_number=true)"
    CON.execute(f"CREATE OR REPLACE VIEW FILE AS {source}")
    return [list(row) for row in CON.execute(sql, list(values) or None).fetchall()]


def question(made: dict[str, Any], where: dict[str, Any], sort: list[tuple[str, bool]]) -> Question:
    names = [column["name"] for column in made["known"]["columns"]]
    return Question(folder=made["folder"], columns=names, rows=ROWS, where=where, sort=sort)


def build(made: dict[str, Any], asked: Question, tmp_path: Path) -> Path:
    said = {"where": asked.where, "sort": [list(each) for each in asked.sort]}
    return order.build(made["folder"], said, lambda share: None, spill=tmp_path / "spill", memory_mb=60)


@pytest.mark.parametrize("sort", SORTS)
def test_a_page_is_the_same_with_and_without_its_order(
    made: dict[str, Any], sort: list[tuple[str, bool]], tmp_path: Path
) -> None:
    for where in FILTERS:
        asked = question(made, where, sort)
        scanned = [asked.page(ask, *each) for each in PAGES]
        total = asked.count(ask)
        build(made, asked, tmp_path)
        assert [asked.page(ask, *each) for each in PAGES] == scanned
        assert asked.count(ask) == total
        asked.file.unlink()


def test_equal_rows_stand_in_the_order_of_the_file(made: dict[str, Any]) -> None:
    frame = duckdb.sql(f"FROM '{made['folder'] / DATA}'").df()
    expected = frame.sort_values("r", ascending=False, kind="stable").reset_index(drop=True)
    page = question(made, {}, [("r", True)]).page(ask, 1_000, 1_200)
    assert [row[2] for row in page] == expected["r"][1_000:1_200].tolist()
    names = expected["name"].astype(object).where(expected["name"].notna(), None)
    assert [row[0] for row in page] == names[1_000:1_200].tolist()


def test_only_what_lies_deep_in_a_large_table_waits_for_an_order(made: dict[str, Any]) -> None:
    large = Question(folder=made["folder"], columns=["a"] * 8, rows=1_000_000, where={}, sort=[("a", True)])
    assert not large.needs_order(10_000)
    assert large.needs_order(10_001)
    assert not question(made, {}, [("r", True)]).needs_order(ROWS)
    assert not Question(folder=made["folder"], columns=["a"], rows=10**7, where={}).needs_order(10**7)
    search = {"*": {"type": "search", "filter": "x"}}
    assert Question(folder=made["folder"], columns=["a"] * 8, rows=10**7, where=search).needs_order(100)


def test_few_orders_are_kept_and_those_used_last_stay(made: dict[str, Any], tmp_path: Path) -> None:
    asked = [question(made, {"r": number}, [("name", False)]) for number in range(order.MOST + 2)]
    for each in asked:
        build(made, each, tmp_path)
        asked[0].page(ask, 0, 5)
    assert asked[0].file.exists()
    assert not asked[1].file.exists()
    assert len(list(asked[0].file.parent.iterdir())) == order.MOST


def test_an_order_of_what_is_not_there_is_refused_and_leaves_nothing(made: dict[str, Any], tmp_path: Path) -> None:
    before = set((made["folder"] / order.FOLDER).iterdir())
    with pytest.raises(DataError):
        build(made, question(made, {"no such": 1}, []), tmp_path)
    assert set((made["folder"] / order.FOLDER).iterdir()) == before
    with pytest.raises(NotFound):
        order.build(tmp_path / "none", {"where": {}, "sort": []}, lambda share: None, spill=tmp_path, memory_mb=60)
