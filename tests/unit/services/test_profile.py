"""Every figure of the profile against pandas, which holds the rows and computes it another way."""

from __future__ import annotations

import datetime as dt
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from services.ingest import ingest
from services.profile import profile
from services.table import DATA, Table

GROCERY = Path(__file__).parents[4] / "shared" / "data" / "rfm" / "grocery_orders.csv"
PENGUINS = Path(__file__).parents[4] / "shared" / "data" / "cleaning" / "penguins_clean.csv"


def quiet(done: int, total: int, label: str) -> None:
    assert 0 <= done <= total
    assert label


def column(table: Table, name: str = "x") -> dict[str, Any]:
    found = profile(table, quiet)
    json.dumps(found, allow_nan=False)
    return next(one for one in found["columns"] if one["name"] == name)


def agrees(found: dict[str, Any], values: pd.Series) -> None:
    """Compare the figures of a number column with pandas' own."""
    held = values.dropna()
    assert found["count"] == len(held)
    assert found["missing"] == len(values) - len(held)
    assert found["distinct"] == held.nunique()
    assert found["zeros"] == (held == 0).sum()
    assert found["negatives"] == (held < 0).sum()
    for name, expected in {
        "min": held.min(),
        "max": held.max(),
        "mean": held.mean(),
        "sd": held.std(),
        "sum": held.sum(),
        "q1": held.quantile(0.25),
        "median": held.quantile(0.5),
        "q3": held.quantile(0.75),
        "skewness": held.skew(),
    }.items():
        if math.isnan(expected):
            assert found[name] is None, name
            continue
        assert found[name] == pytest.approx(expected, rel=1e-9, abs=1e-9), name
    edges, counts = found["histogram"]["edges"], found["histogram"]["counts"]
    assert counts == np.histogram(held.astype(float), edges)[0].tolist()
    assert sum(counts) == len(held)
    assert 1 <= len(counts) <= 40


NUMBERS = {
    "whole": np.random.default_rng(1).integers(-1_000, 5_000, 20_000),
    "few": np.random.default_rng(2).integers(1, 8, 20_000),
    "normal": np.random.default_rng(3).normal(10, 3, 120_000),
    "skewed": np.random.default_rng(4).lognormal(3, 2, 120_000),
    "tiny": np.random.default_rng(5).normal(0, 1e-12, 5_000),
    "huge": np.random.default_rng(6).normal(0, 1e12, 5_000),
    "an outlier far off": np.append(np.random.default_rng(7).normal(0, 1, 120_000), 1e9),
    "tenths": np.round(np.random.default_rng(8).uniform(0, 3, 20_000), 1),
    "missing": np.where(np.random.default_rng(9).random(5_000) < 0.3, np.nan, 7.25),
    "two": np.array([1.0, 4.0]),
    "three": np.array([1.0, 2.0, 7.5]),
    "around zero": np.array([-0.5, 0.0, 0.5, 0.0]),
}


@pytest.mark.parametrize("name", [name for name in NUMBERS if name != "two"])
def test_numbers_agree_with_pandas(name: str) -> None:
    frame = pd.DataFrame({"x": NUMBERS[name]})
    agrees(column(Table.of(frame)), frame["x"])


def test_two_values_have_a_deviation_but_no_skewness() -> None:
    found = column(Table.of(x=[1.0, 4.0]))
    assert (found["mean"], found["q1"], found["skewness"]) == (2.5, 1.75, None)
    assert found["sd"] == pytest.approx(math.sqrt(4.5))


def test_one_value_has_no_deviation() -> None:
    found = column(Table.of(x=[3.5]))
    assert (found["mean"], found["median"], found["sd"], found["skewness"]) == (3.5, 3.5, None, None)


def test_a_constant_does_not_deviate() -> None:
    found = column(Table.of(x=[0.1] * 7))
    assert (found["mean"], found["sd"], found["skewness"], found["distinct"]) == (0.1, 0.0, None, 1)
    assert found["histogram"]["counts"] == [7]


@pytest.mark.parametrize(
    ("values", "mean", "sd"),
    [
        (["10000001", "10000003", "10000002"], 10000002, 1.0),
        (["1.2", *["1.1", "1.3"] * 500], 1.2, 0.1),
        (["1000000.2", *["1000000.1", "1000000.3"] * 500], 1000000.2, 0.1),
        (["10000000.2", *["10000000.1", "10000000.3"] * 500], 10000000.2, 0.1),
    ],
    ids=["NumAcc1", "NumAcc2", "NumAcc3", "NumAcc4"],
)
def test_has_the_mean_and_deviation_that_nist_certifies(
    values: list[str], mean: float, sd: float, tmp_path: Path
) -> None:
    (tmp_path / "content").write_text("x\n" + "\n".join(values) + "\n")
    exact = column(taken(tmp_path / "content", tmp_path / "made"))
    assert exact["mean"] == mean
    assert exact["sd"] == pytest.approx(sd, rel=1e-14)
    # As floats the values are not what was certified, but for eight digits of the deviation.
    floats = column(Table.of(x=[float(value) for value in values]))
    assert floats["mean"] == pytest.approx(mean, rel=1e-15)
    assert floats["sd"] == pytest.approx(sd, rel=1e-8)


def test_sums_of_money_are_exact(tmp_path: Path) -> None:
    (tmp_path / "content").write_text("x\n" + "0.1\n0.2\n" * 5_000)
    found = column(taken(tmp_path / "content", tmp_path / "made"))
    assert (found["sum"], found["mean"]) == (1500.0, 0.15)


def test_many_small_amounts_beside_a_large_one_have_exact_quartiles(tmp_path: Path) -> None:
    amounts = np.append(np.random.default_rng(1).integers(1, 90_000, 150_000) / 100, 9_999_999.99)
    (tmp_path / "content").write_text("x\n" + "\n".join(f"{amount:.2f}" for amount in amounts) + "\n")
    agrees(column(taken(tmp_path / "content", tmp_path / "made")), pd.Series(amounts))


def test_numbers_that_a_float_can_hardly_part_have_quartiles() -> None:
    tiny = 5e-324
    found = column(Table.of(pd.DataFrame({"x": np.repeat([tiny, 2 * tiny, 3 * tiny], 40_000)})))
    assert (found["q1"], found["median"], found["q3"]) == (tiny, 2 * tiny, 3 * tiny)


def test_numbers_at_the_end_of_floats_have_figures() -> None:
    found = column(Table.of(x=[-1.7e308, 1.7e308, 0.0, 1.0]))
    assert (found["min"], found["max"], found["median"]) == (-1.7e308, 1.7e308, 0.5)
    assert sum(found["histogram"]["counts"]) == 4


def test_what_is_not_finite_is_missing() -> None:
    found = column(Table.of(x=[1.0, float("inf"), float("-inf"), 3.0]))
    assert (found["count"], found["missing"], found["mean"]) == (2, 2, 2.0)


def test_integers_beyond_a_float_keep_their_digits() -> None:
    found = column(Table.of(x=[900_000_000_000_000_001, 900_000_000_000_000_003]))
    assert (found["min"], found["sum"]) == (900_000_000_000_000_001, 1_800_000_000_000_000_004)


def test_integers_of_a_short_range_have_a_bin_each() -> None:
    found = column(Table.of(x=[1, 1, 2, 4]))
    assert found["histogram"] == {"edges": [0.5, 1.5, 2.5, 3.5, 4.5], "counts": [2, 1, 0, 1]}


def test_an_empty_column_has_no_figures() -> None:
    frame = pd.DataFrame({"x": pd.array([None, None], dtype="Float64"), "y": [1, 2]})
    found = column(Table.of(frame))
    assert (found["count"], found["missing"], found["mean"]) == (0, 2, None)


def test_dates_have_a_range_a_middle_and_bins() -> None:
    days = pd.date_range("2024-01-01", periods=1_001, freq="D")
    found = column(Table.of(pd.DataFrame({"x": days})))
    assert (found["min"], found["median"], found["max"]) == ("2024-01-01", "2025-05-15", "2026-09-27")
    edges = pd.to_datetime(found["histogram"]["edges"])
    assert (edges.day == 1).all()
    assert (
        found["histogram"]["counts"] == pd.cut(days.to_series(), edges, right=False).value_counts(sort=False).tolist()
    )


def test_times_agree_with_pandas() -> None:
    seconds = np.random.default_rng(1).integers(0, 40_000_000, 30_000)
    times = pd.Series(pd.Timestamp("2023-03-01") + pd.to_timedelta(seconds, unit="s"))
    found = column(Table.of(pd.DataFrame({"x": times})))
    assert found["distinct"] == times.nunique()
    assert pd.Timestamp(found["median"]) == times.median()
    assert (pd.Timestamp(found["min"]), pd.Timestamp(found["max"])) == (times.min(), times.max())
    edges = pd.to_datetime(found["histogram"]["edges"])
    assert found["histogram"]["counts"] == np.histogram(times, edges)[0].tolist()


def test_texts_have_lengths_and_most_frequent_values() -> None:
    found = column(Table.of(x=["tea", "milk", "tea", None, "jam", "milk", "tea"]))
    assert (found["count"], found["missing"], found["distinct"]) == (6, 1, 3)
    assert (found["shortest"], found["longest"]) == (3, 4)
    assert found["top"] == [["tea", 3], ["milk", 2], ["jam", 1]]


def test_equally_frequent_values_stand_in_order() -> None:
    assert [value for value, _ in column(Table.of(x=["c", "b", "a"]))["top"]] == ["a", "b", "c"]


def test_yes_and_no_are_counted() -> None:
    found = column(Table.of(x=[True, False, True, None]))
    assert (found["true"], found["false"], found["missing"]) == (2, 1, 1)


def test_duplicate_rows_are_those_that_repeat_an_earlier_one() -> None:
    rng = np.random.default_rng(1)
    frame = pd.DataFrame(
        {"a": rng.integers(0, 20, 3_000), "b": rng.choice(["x", "y", None], 3_000), "c": rng.integers(0, 20, 3_000) / 4}
    )
    assert frame.duplicated().any()
    assert profile(Table.of(frame), quiet)["duplicates"] == frame.duplicated().sum()


def test_a_table_with_a_column_of_different_values_has_no_duplicates() -> None:
    assert profile(Table.of(a=[1, 2, 3], b=[1, 1, 1]), quiet)["duplicates"] == 0


def taken(source: Path, folder: Path) -> Table:
    folder.mkdir()
    said = ingest(source, source.name, folder, spill=folder.parent / "spill", report=lambda *_: None)
    return Table(path=folder / DATA, schema=said.schema, rows=said.rows, spill=folder.parent / "spill")


@pytest.mark.skipif(not GROCERY.parent.exists(), reason="the shared data folder is not here")
@pytest.mark.parametrize("source", [GROCERY, PENGUINS], ids=lambda path: path.stem)
def test_real_tables_agree_with_pandas_column_by_column(source: Path, tmp_path: Path) -> None:
    table = taken(source, tmp_path / "made")
    found = profile(table, quiet)
    frame = pd.read_csv(source)
    assert (found["rows"], found["duplicates"]) == (len(frame), frame.duplicated().sum())
    assert found["size_on_disk"] == table.path.stat().st_size
    assert [one["name"] for one in found["columns"]] == list(frame.columns)
    for one in found["columns"]:
        values = frame[one["name"]]
        if one["type"] in {"integer", "decimal"}:
            agrees(one, values)
        elif one["type"] == "date":
            days = values.map(dt.date.fromisoformat, na_action="ignore")
            assert (one["min"], one["max"]) == (str(days.min()), str(days.max()))
            assert one["distinct"] == days.nunique()
        else:
            counts = values.value_counts()
            assert (one["count"], one["distinct"]) == (values.count(), values.nunique())
            assert dict(one["top"]) == {value: counts[value] for value, _ in one["top"]}
            assert [count for _, count in one["top"]] == counts.head(10).tolist()


@pytest.mark.parametrize(
    "name", ["v", "V", "n", "h", "u", "place", "less", "rows", "values", "count", "rowid", "twice"]
)
def test_no_name_of_a_column_is_taken_for_one_of_ours(name: str) -> None:
    for text, number in ((name, "other"), ("other", name)):
        found = profile(Table.of(pd.DataFrame({text: ["a", "b", "a", "a"], number: [1, 2, 1, 3]})), quiet)
        words, numbers = found["columns"]
        assert (found["duplicates"], words["top"]) == (1, [["a", 3], ["b", 1]])
        assert (numbers["sum"], numbers["median"], numbers["distinct"]) == (7, 1.5, 3)


@pytest.mark.parametrize(
    ("first", "last"),
    [
        ("9999-12-30", "9999-12-31"), ("9999-12-31", "9999-12-31"), ("0001-01-01", "0001-01-02"),
        ("0001-01-01", "0001-12-31"), ("2020-01-01", "9999-12-31"), ("0001-01-01", "9999-12-31"),
        ("9999-12-31 23:00:00", "9999-12-31 23:59:59.999999"), ("2020-01-01 10:00:00", "9999-12-31 23:59:59.999999"),
    ],
)  # fmt: skip
def test_days_at_the_ends_of_the_calendar_have_a_histogram(first: str, last: str, tmp_path: Path) -> None:
    source = tmp_path / "content"
    source.write_text(f"x,n\n{first},1\n{last},2\n")
    found = column(taken(source, tmp_path / "made"))
    assert (found["min"], found["max"]) == (first.replace(" ", "T"), last.replace(" ", "T"))
    assert sum(found["histogram"]["counts"]) == 2
    assert found["histogram"]["edges"] == sorted(found["histogram"]["edges"])


def test_numbers_of_many_digits_have_figures(tmp_path: Path) -> None:
    source = tmp_path / "content"
    source.write_text("x\n-" + "9" * 29 + ".9999999\n" + "9" * 29 + ".9999999\n" + "9" * 29 + ".9999998\n0.5\n")
    found = column(taken(source, tmp_path / "made"))
    assert (found["distinct"], found["min"], found["max"]) == (4, -1e29, 1e29)
    assert found["mean"] == pytest.approx(2.5e28)


def test_money_at_the_end_of_its_type_has_figures(tmp_path: Path) -> None:
    source = tmp_path / "content"
    source.write_text("x\n" + "99999999999999.9999\n" * 1_000 + "99999999999998.1\n")
    assert column(taken(source, tmp_path / "made"))["count"] == 1_001
