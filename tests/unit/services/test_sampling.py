"""The sample of a table: the same rows for the same seed, every value its share, kept and proposed."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import duckdb
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services import datasets, params, sampling
from services.errors import ParamError
from services.params import Number
from services.table import Sample, Table, shared
from services.workspace import Workspace, new_id, write_json
from tests.unit.services.jobs.stage import stock


@pytest.fixture(scope="module")
def table() -> Table:
    groups = ["a"] * 700 + ["b"] * 250 + [None] * 49 + ["c"]
    return Table.of(pd.DataFrame({"n": range(1_000), "g": groups}))


def test_the_same_seed_draws_the_same_rows_and_another_others(table: Table) -> None:
    first, again, other = (list(table.frame(["n"], Sample(100, seed, "g"))["n"]) for seed in (1, 1, 2))
    assert first == again == sorted(first)
    assert len(first) == len(other) == 100
    assert first != other


def test_each_value_has_its_share(table: Table) -> None:
    held = table.frame(["n", "g"], Sample(100, 3, "g"))["g"]
    assert Counter(held.fillna("none")) == {"a": 70, "b": 25, "none": 5}
    assert len(table.frame(["n"], Sample(5_000, 3, "g"))) == 1_000


@pytest.mark.parametrize("by", [None, "g"])
def test_whatever_is_left_out_before_they_are_ranked_the_lowest_lots_of_each_value_are_drawn(by: str | None) -> None:
    sizes = {"many": 30_000, "some": 400, "few": 3, None: 97}
    groups = [group for group, size in sizes.items() for _ in range(size)]
    table = Table.of(pd.DataFrame({"n": range(len(groups)), "g": groups}))
    lots = duckdb.sql(f"SELECT hash(i, 5) FROM range({len(groups)}) AS t(i)").fetchall()
    ranked = sorted(range(len(groups)), key=lambda row: (lots[row][0], row))
    if by is None:
        expected = sorted(ranked[:900])
    else:
        order = ["few", "many", "some", None]
        shares = dict(zip(order, shared([sizes[group] for group in order], 900), strict=True))
        expected = sorted(
            row for group in order for row in [row for row in ranked if groups[row] == group][: shares[group]]
        )
    assert list(table.frame(["n"], Sample(900, 5, by))["n"]) == expected


def test_a_share_of_numbers_is_taken_too(table: Table) -> None:
    numbers = Table.of(pd.DataFrame({"k": [i % 4 for i in range(400)], "n": range(400)}))
    assert Counter(numbers.frame(["k"], Sample(40, 0, "k"))["k"]) == {0: 10, 1: 10, 2: 10, 3: 10}


@given(st.lists(st.integers(1, 10_000), min_size=1, max_size=20), st.data())
def test_shares_add_up_and_none_is_off_by_one(sizes: list[int], data: st.DataObject) -> None:
    rows = data.draw(st.integers(0, sum(sizes)))
    shares = shared(sizes, rows)
    assert sum(shares) == rows
    for size, share in zip(sizes, shares, strict=True):
        assert abs(share - rows * size / sum(sizes)) < 1 + 1e-9
        assert 0 <= share <= size


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path / new_id())


def dataset(workspace: Workspace) -> str:
    known = stock(workspace, pd.DataFrame({"g": ["x", "y"] * 10_000, "text": [f"t{i}" for i in range(20_000)]}))
    figures = {"columns": [{"name": "g", "distinct": 2}, {"name": "text", "distinct": 20_000}]}
    write_json(workspace.dataset(known["id"]) / datasets.PROFILE, figures)
    return known["id"]


def test_a_sample_is_kept_and_all_rows_are_none(workspace: Workspace) -> None:
    made = dataset(workspace)
    sampling.choose(workspace, made, 15_000, 7, "g")
    known = datasets.about(workspace, made)
    assert sampling.proposed(known) == {"sample_rows": 15_000, "seed": 7, "sample_by": "g"}
    for every in (None, 20_000):
        sampling.choose(workspace, made, every)
        assert "sample" not in datasets.about(workspace, made)
    assert sampling.proposed(datasets.about(workspace, made)) == {}


@pytest.mark.parametrize(
    ("rows", "seed", "by", "field"), [(9_999, 0, None, "rows"), (12_000, -1, None, "seed"), (12_000, 0, "text", "by"),
                                      (12_000, 0, "gone", "by")],
)  # fmt: skip
def test_what_cannot_be_drawn_is_refused(
    workspace: Workspace, rows: int, seed: int, by: str | None, field: str
) -> None:
    with pytest.raises(ParamError) as caught:
        sampling.choose(workspace, dataset(workspace), rows, seed, by)
    assert caught.value.field == field


@dataclass(frozen=True, kw_only=True)
class Counts:
    """Counts every row on disk; its seed is another's."""

    seed: Annotated[int, Number("Seed", low=0, high=9)] = 0


@dataclass(frozen=True, kw_only=True)
class Holds:
    """Holds rows."""

    sample_rows: Annotated[int | None, Number("Rows", low=1, high=10**9)] = None
    seed: Annotated[int, Number("Seed", low=0, high=9)] = 0


def test_only_what_holds_rows_takes_the_sample(table: Table) -> None:
    asked = {"sample_rows": 50, "seed": 3, "sample_by": "g"}
    assert params.propose(Counts, table.schema, {}, asked) == {}
    assert params.propose(Holds, table.schema, {}, asked) == {"sample_rows": 50, "seed": 3}
