"""How a column lies before and after, counted by hand."""

from __future__ import annotations

from typing import Any

import pandas as pd

from services.cleaning import recipe
from services.cleaning.preview import Preview, preview
from services.cleaning.shape import shape
from services.table import Table

FRAME = pd.DataFrame(
    {
        "town": ["Rome", " Rome", "Oslo", None, "Rome", "Bonn", *"abcdefg"],
        "n": pd.array([1, 2, 3, 4, None, 11, *[5] * 6, -999], dtype="Int64"),
        "day": pd.to_datetime(["2020-01-01"] * 12 + ["2020-01-11"]),
    }
)


def seen(*steps: tuple[str, dict[str, Any]]) -> tuple[Preview, Table]:
    table = Table.of(FRAME)
    asked = recipe.parse({"steps": [{"step": slug, "params": params} for slug, params in steps]})
    view = f"CREATE OR REPLACE TEMP VIEW FILE AS SELECT * FROM read_parquet('{table.path}', file_row_number=true)"

    def ask(sql: str) -> list[Any]:
        with table.opened() as con:
            con.execute(view)
            return con.execute(sql).fetchall()

    return preview(ask, table.schema, table.rows, asked), table


def test_numbers_and_dates_are_counted_in_bins_of_one_width() -> None:
    found, table = seen(("to_missing", {"columns": ["n"], "values": ["-999"]}))
    assert found.chain is not None
    bars = shape(found.chain, table.schema, "n").bars
    assert [bar[1:] for bar in bars] == [(1, 0), *[(0, 0)] * 8, (11, 11), (1, 2)]
    assert (bars[0][0], bars[-1][0]) == ("−999 to −898", "missing")
    days = shape(found.chain, table.schema, "day").bars
    assert days[0] == ("2020-01-01 to 2020-01-02", 12, 12)
    assert days[-1] == ("2020-01-10 to 2020-01-11", 1, 1)


def test_texts_are_counted_one_by_one() -> None:
    found, table = seen(("trim", {}))
    assert found.chain is not None
    bars = shape(found.chain, table.schema, "town").bars
    assert bars[:2] == [("Rome", 2, 3), (" Rome", 1, 0)]
    assert bars[-2:] == [("others", 3, 3), ("missing", 1, 1)]


def test_a_column_that_is_new_or_gone_has_one_side() -> None:
    found, table = seen(("rename", {"names": [["n", "m"]]}))
    assert found.chain is not None
    assert {bar[2] for bar in shape(found.chain, table.schema, "n").bars} == {None}
    assert {bar[1] for bar in shape(found.chain, table.schema, "m").bars} == {None}


def test_what_changed_says_what_it_was() -> None:
    found, _ = seen(("trim", {}), ("derive", {"name": "x", "formula": "n * 2"}))
    assert found.changed[1] == {"town": " Rome", "x": None}
    assert found.changed[0] == {"x": None}
