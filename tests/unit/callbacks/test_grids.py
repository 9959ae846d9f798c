"""The rows of a dataset, as its grid asks for them: by page, by place of the column, sorted and filtered."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from flask import session

from callbacks import grids
from callbacks.house import NAME, House
from dashapp.app import create_app
from dashapp.settings import Settings
from services.errors import DataError
from services.workspace import new_id
from tests.unit.services.jobs.stage import stock
from tests.waiting import until

FRAME = pd.DataFrame(
    {
        "a.b": ["tea", "Milk", None, "jam"],
        "FILE": [3, 1, 2, 4],
        "when": [datetime(2020, 1, day, 14, 30) for day in (4, 3, 2, 1)],
        'x"; DROP TABLE rows --': [0.5, None, 1.5, 2.5],
    }
)


@pytest.fixture(scope="module")
def known(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """A dataset with odd names, and a request of its owner."""
    server = create_app(Settings(data_dir=tmp_path_factory.mktemp("data") / "data", memory_limit_mb=4_000)).server
    here: House = server.extensions[NAME]
    workspace = here.home.workspace(new_id())
    made = stock(workspace, FRAME)
    with server.test_request_context("/"):
        session["visitor"] = workspace.visitor
        yield made
    here.reader.stop()


def asked(known: dict[str, Any], **how: Any) -> tuple[list[Any], int]:
    rows, count = grids.of_dataset(known, {"startRow": 0, "endRow": 100, **how})
    return [row["c1"] for row in rows], count


def test_rows_come_by_page_with_their_columns_by_place(known: dict[str, Any]) -> None:
    rows, count = grids.of_dataset(known, {"startRow": 0, "endRow": 2})
    assert count == 4
    assert rows == [
        {"c0": "tea", "c1": 3, "c2": "2020-01-04 14:30:00", "c3": 0.5},
        {"c0": "Milk", "c1": 1, "c2": "2020-01-03 14:30:00", "c3": None},
    ]
    assert asked(known, startRow=3, endRow=4) == ([4], 4)


def test_any_column_sorts_and_filters_whatever_it_is_called(known: dict[str, Any]) -> None:
    assert asked(known, sortModel=[{"colId": "c1", "sort": "desc"}]) == ([4, 3, 2, 1], 4)
    assert asked(known, sortModel=[{"colId": "c3", "sort": "asc"}]) == ([3, 2, 4, 1], 4)
    assert asked(known, filterModel={"c0": {"type": "contains", "filter": "M"}}) == ([1, 4], 2)
    assert asked(known, filterModel={"c3": {"type": "greaterThan", "filter": 1}}) == ([2, 4], 2)


def test_a_column_that_is_not_there_is_refused(known: dict[str, Any]) -> None:
    with pytest.raises(DataError):
        asked(known, filterModel={"c9": {"type": "contains", "filter": "x"}})


def test_no_more_is_sent_at_once_than_a_thousand_rows(known: dict[str, Any], tmp_path: Path) -> None:
    here = grids.workspace()
    many = stock(here, pd.DataFrame({"n": range(3_000)}))
    rows, count = grids.of_dataset(many, {"startRow": 500, "endRow": 3_000})
    assert (len(rows), rows[0], count) == (1_000, {"c0": 500}, 3_000)


def test_a_filter_besides_the_grids_own_holds_as_well(known: dict[str, Any]) -> None:
    asked = {"startRow": 0, "endRow": 9, "filterModel": {"c0": {"type": "notBlank"}}}
    rows, count = grids.of_dataset(known, asked, {"FILE": {"type": "greaterThan", "filter": 1}, "a.b": "tea"})
    assert ([row["c1"] for row in rows], count) == ([3], 1)


def test_rows_deep_in_a_large_order_wait_for_a_job_and_say_so(
    known: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(grids.order, "FEW", 3)
    monkeypatch.setattr(grids.order, "DEEP", 3)
    deep = {"startRow": 2, "endRow": 4, "sortModel": [{"colId": "c1", "sort": "desc"}]}
    with pytest.raises(grids.Sorting) as first:
        grids.of_dataset(known, deep)
    assert (first.value.said, first.value.count) == ("Sorting 4 rows", 4)
    house, here = grids.house(), grids.workspace()
    (job,) = [each for each in house.engine.mine(here) if each.task == "order"]
    until(lambda: not house.engine.get(here, job.id).is_live)
    rows, count = grids.of_dataset(known, deep)
    assert ([row["c1"] for row in rows], count) == ([2, 1], 4)
