"""Every oddity that is planted is found, with its rows; good tables stay quiet; mending never lowers the quality."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats.contingency import association

from services.alerts import Alert, alerts, ignore, ignored
from services.explore import filters
from services.ingest import ingest
from services.profile import profile
from services.quality import quality
from services.table import Table

SHARED = Path(__file__).parents[4] / "shared" / "data"
ROWS = 400
NOW = dt.datetime(2026, 1, 1).timestamp()


def described(table: Table) -> dict[str, Any]:
    return profile(table, lambda *_: None, now=NOW)


def found(table: Table) -> dict[tuple[str, str], Alert]:
    """The alerts of a table by kind and first column."""
    return {(each.kind, (each.columns or ("",))[0]): each for each in alerts(described(table))}


def odd() -> pd.DataFrame:
    """A table with one of everything, and columns in which nothing is odd."""
    draw = np.random.default_rng(0)
    at = np.arange(ROWS)
    steady = draw.normal(50, 5, ROWS).round(3)
    frame = pd.DataFrame(
        {
            "steady": steady,
            "index": at,
            "client_id": [f"C{(i * 7919) % 10_000:05d}" for i in at],
            "same": "one",
            "nearly": ["usual"] * (ROWS - 2) + ["rare"] * 2,
            "hollow": [None if i % 3 else float(i % 17) for i in at],
            "gaps": pd.Series(["a" if i % 10 else None for i in at], dtype="str"),
            "far": np.where(at % 8 == 0, 5_000.0 + at, draw.normal(0, 1, ROWS)).round(3),
            "tail": np.where(at == 0, 1e9, draw.normal(100, 10, ROWS)).round(3),
            "mixed": [str(i) if i % 4 else f"n{i % 5}" for i in at],
            "minus": np.where(at % 20 == 0, -999.0, draw.uniform(1, 9, ROWS)).round(2),
            "city": [("Lund", "LUND", "Malmö ", "Malmö", "Ystad")[i % 5] for i in at],
            "later": [dt.datetime(2031 if i < 3 else 2020, 1, 1 + i % 28) for i in at],
            "churned": [i % 40 == 0 for i in at],
            "double": steady * 2 + 1,
            "copy": steady,
            "mail": [f"someone{i}@example.com" for i in at],
            "card": [f"400000{i:09d}{luhn_digit(f'400000{i:09d}')}" for i in at],
        }
    )
    return pd.concat([frame, frame.iloc[[7, 8, 9, 10, 11]]], ignore_index=True)


def luhn_digit(digits: str) -> int:
    total = 0
    for place, digit in enumerate(map(int, reversed(digits))):
        doubled = digit * 2 if place % 2 == 0 else digit
        total += doubled - 9 if doubled > 9 else doubled
    return -total % 10


@pytest.fixture(scope="module")
def planted() -> tuple[Table, dict[tuple[str, str], Alert]]:
    table = Table.of(odd())
    return table, found(table)


@pytest.mark.parametrize(
    ("kind", "column", "rows"),
    [
        ("duplicate rows", "", 5), ("constant", "same", ROWS + 5), ("nearly constant", "nearly", 2),
        ("missing", "hollow", None), ("missing", "gaps", None), ("outliers", "far", None), ("skew", "tail", None),
        ("mixed types", "mixed", None), ("placeholder", "minus", None), ("spellings", "city", None),
        ("future dates", "later", 3), ("imbalance", "churned", None), ("high correlation", "steady", None),
        ("duplicate columns", "steady", None), ("personal: e-mail addresses", "mail", ROWS + 5),
        ("personal: card numbers", "card", ROWS + 5),
    ],
)  # fmt: skip
def test_what_is_planted_is_found(
    planted: tuple[Table, dict[tuple[str, str], Alert]], kind: str, column: str, rows: int | None
) -> None:
    alert = planted[1].get((kind, column))
    assert alert is not None, sorted(planted[1])
    assert rows is None or alert.rows == rows
    assert alert.said.endswith(".")
    assert alert.means
    assert alert.advice


def test_the_rows_behind_an_alert_are_as_many_as_it_says(planted: tuple[Table, dict[tuple[str, str], Alert]]) -> None:
    table, several = planted
    asked = [each for each in several.values() if each.where is not None]
    assert len(asked) >= 7
    for alert in asked:
        condition, values = filters.conditions(table.schema.names, alert.where)
        source = f"(SELECT * FROM read_parquet('{table.path}', file_row_number=true))"
        with table.opened() as con:
            text = condition.replace("FROM FILE", f"FROM {source}")
            ((count,),) = con.execute(f"SELECT count(*) FROM {source} WHERE {text}", values).fetchall()
        assert count == alert.rows, alert


def test_an_index_and_a_key_name_rows() -> None:
    at = range(100)
    several = found(Table.of(pd.DataFrame({"row": list(at), "order_id": [f"K{(i * 37) % 101:04d}" for i in at]})))
    assert ("identifier", "row") in several


@pytest.mark.parametrize(
    "file", ["report/gapminder", "regression/bike_day", "rfm/grocery_orders", "prophet/us_births_daily",
             "classification/penguins", "cohort/bike_shop_orders", "arima/co2_monthly"],
)  # fmt: skip
def test_good_tables_have_nothing_that_would_change_an_answer(file: str, tmp_path: Path) -> None:
    source = SHARED / f"{file}.csv"
    if not source.exists():
        pytest.skip("The real data is not here.")
    for name in ("made", "spill"):
        (tmp_path / name).mkdir()
    said = ingest(source, source.name, tmp_path / "made", spill=tmp_path / "spill", report=lambda *_: None)
    path = tmp_path / "made" / "data_full.parquet"
    made = described(Table(path=path, schema=said.schema, rows=said.rows, spill=tmp_path))
    assert [each for each in alerts(made) if each.severity == "change"] == []
    assert quality(made, said.as_json()).score > 99


def test_what_was_hidden_stays_hidden_until_it_is_shown_again(tmp_path: Path) -> None:
    assert ignored(tmp_path) == []
    ignore(tmp_path, "outliers amount", hidden=True)
    ignore(tmp_path, "outliers amount", hidden=True)
    ignore(tmp_path, "constant a", hidden=True)
    assert ignored(tmp_path) == ["outliers amount", "constant a"]
    ignore(tmp_path, "outliers amount", hidden=False)
    assert ignored(tmp_path) == ["constant a"]
    (tmp_path / "ignored.json").write_text("[1")
    assert ignored(tmp_path) == []


def test_a_profile_of_nothing_has_no_alerts() -> None:
    assert alerts({"rows": 0, "duplicates": 0, "columns": []}) == []


# -- how columns go together -------------------------------------------------------------------------


def test_relations_agree_with_pandas_and_scipy() -> None:
    draw = np.random.default_rng(1)
    size = 700
    x = draw.normal(size=size).round(2)
    frame = pd.DataFrame(
        {
            "x": np.where(draw.random(size) < 0.1, np.nan, x),
            "y": (x * 2 + draw.normal(size=size)).round(1),
            "n": draw.integers(0, 9, size),
            "kind": draw.choice(["a", "b", "c"], size),
            "group": draw.choice(["u", "v"], size),
        }
    )
    frame["other"] = np.where(draw.random(size) < 0.7, frame["kind"], "d")
    related = described(Table.of(frame))["relations"]
    numbers, categories = related["numbers"], related["categories"]
    assert set(numbers) == {"x", "y", "n"}
    for name, method in (("pearson", "pearson"), ("spearman", "spearman")):
        both = frame[numbers].corr(method="pearson" if method == "pearson" else "spearman").to_numpy()
        if method == "spearman":  # ranks are those of the whole column, where pandas ranks each pair anew
            both = frame[numbers].rank().corr().to_numpy()
        np.testing.assert_allclose(np.array(related[name], float), both, atol=1e-12)
    for a, one in enumerate(categories):
        for b, two in enumerate(categories):
            if a != b:
                counts = pd.crosstab(frame[one], frame[two]).to_numpy()
                assert related["cramers_v"][a][b] == pytest.approx(association(counts, method="cramer"), abs=1e-9)
    eta = np.array(related["eta"], float)
    known = frame[["y", "kind"]]
    between = sum(len(part) * (part["y"].mean() - known["y"].mean()) ** 2 for _, part in known.groupby("kind"))
    wanted = (between / ((known["y"] - known["y"].mean()) ** 2).sum()) ** 0.5
    place = (categories.index("kind"), numbers.index("y"))
    held = eta[place] if eta.shape == (len(categories), len(numbers)) else eta[place[::-1]]
    assert held == pytest.approx(wanted, abs=1e-9)


# -- quality ---------------------------------------------------------------------------------------

_CELLS = st.lists(
    st.tuples(st.sampled_from(["Lund", "lund", "Ystad", None, "N/A"]), st.sampled_from([1.5, 2.5, None, -999.0])),
    min_size=2, max_size=12,
)  # fmt: skip


def score(frame: pd.DataFrame) -> float:
    return quality(described(Table.of(frame)), {}).score


def table_of(cells: list[tuple[str | None, float | None]]) -> pd.DataFrame:
    return pd.DataFrame(
        {"town": pd.Series([town for town, _ in cells], dtype="str"), "size": [size for _, size in cells]}
    ).astype({"size": "float64"})


def test_a_stand_in_counts_the_same_when_it_is_all_there_is() -> None:
    """Else a cell that is filled would show the others for what they are, and the quality would fall."""
    assert score(table_of([("Lund", None), ("Lund", -999.0), ("lund", -999.0)])) <= score(
        table_of([("Lund", 77.25), ("Lund", -999.0), ("lund", -999.0)])
    )


@settings(max_examples=8, deadline=None)
@given(_CELLS, st.data())
def test_taking_a_defect_away_never_lowers_the_quality(
    cells: list[tuple[str | None, float | None]], data: st.DataObject
) -> None:
    frame = table_of(cells)
    before = score(frame)
    repeated = frame.duplicated()
    if repeated.any():
        drop = data.draw(st.sampled_from(list(np.flatnonzero(repeated))))
        assert score(frame.drop(index=drop).reset_index(drop=True)) >= before - 1e-9
    if frame["size"].isna().any():
        filled = frame.copy()
        filled.loc[data.draw(st.sampled_from(list(np.flatnonzero(frame["size"].isna())))), "size"] = 77.25
        assert score(filled) >= before - 1e-9
    if {"Lund", "lund"} <= set(frame["town"].dropna()):
        merged = frame.replace({"town": {"lund": "Lund"}})
        parts = {each.name: each.score for each in quality(described(Table.of(merged)), {}).parts}
        kept = {each.name: each.score for each in quality(described(Table.of(frame)), {}).parts}
        assert parts["Consistency"] >= kept["Consistency"] - 1e-9


def test_rejected_lines_and_cells_that_were_not_read_cost_validity() -> None:
    made = described(Table.of(a=[1.0, 2.0, 3.0], b=["x", "y", "z"]))
    assert quality(made, {}).said == 100
    assert quality(made, {"rejected": 3}).parts[2].score == 50
    assert quality(made, {"misfits": 3}).parts[2].score == 50
    assert sum(part.weight for part in quality(made, {}).parts) == pytest.approx(1)
