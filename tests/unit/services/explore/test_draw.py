"""What charts are drawn from agrees with pandas, on real tables and on made ones with everything that is odd."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pytest

from services import duck, samples, table
from services.errors import DataError
from services.explore import draw as drawing
from services.explore.chart import MARKS, TYPES, Drawn, Spec, parse
from services.explore.filters import matching
from services.schema import Schema
from services.table import Spilled

ROWS = 4_000
CON = duckdb.connect()


class Made:
    """A table on disk and the same in pandas."""

    def __init__(self, frame: pd.DataFrame, folder: Path) -> None:
        table.write(frame, folder / "made.parquet")
        self.path, self.frame = folder / "made.parquet", frame
        self.schema: Schema = Spilled.at(self.path, spill=folder).schema

    def draw(self, where: dict[str, Any] | None = None, **asked: Any) -> Drawn:
        source = f"SELECT * FROM read_parquet({duck.literal(self.path)}, file_row_number=true)"
        CON.execute(f"CREATE OR REPLACE VIEW FILE AS {source}")

        def ask(sql: str, values: Sequence[Any]) -> list[list[Any]]:
            rows = CON.execute(sql, list(values) or None).fetchall()
            from services.reader import _told

            return [[_told(value) for value in row] for row in rows]

        return drawing.draw(ask, self.schema, parse(asked, self.schema), where or {})


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """Numbers below nothing, gaps, long integers, money, days, words of the world and names that are SQL."""
    random = np.random.default_rng(1)
    frame = pd.DataFrame({
        "name": random.choice(["Öl", "茶", "it's", None, "a%"], ROWS),
        "many": [f"p{min(number, 39 - number)}" for number in random.integers(0, 40, ROWS)],
        'x"; --': random.normal(0, 100, ROWS).round(3),
        "whole": pd.array(random.integers(-20, 200, ROWS), dtype="Int64"),
        "long": random.integers(2**53, 2**54, ROWS),
        "when": pd.Timestamp("2020-01-01") + pd.to_timedelta(random.integers(0, 900 * 86_400, ROWS), unit="s"),
        "yes": random.random(ROWS) < 0.3,
    })  # fmt: skip
    frame.loc[::9, "whole"] = pd.NA
    frame.loc[::11, 'x"; --'] = np.nan
    return Made(frame, tmp_path_factory.mktemp("made"))


HOWS = {"sum": "sum", "mean": "mean", "median": "median", "min": "min", "max": "max", "distinct": "nunique"}


@pytest.mark.parametrize("how", ["count", *HOWS])
def test_bars_agree_with_a_group_by(made: Made, how: str) -> None:
    drawn = made.draw(type="bar", x="name", y="whole", how=how)
    grouped = made.frame.assign(name=made.frame["name"].fillna("(missing)")).groupby("name")
    expected = grouped.size() if how == "count" else getattr(grouped["whole"], HOWS[how])()
    assert dict(drawn.rows) == pytest.approx(expected.to_dict())


def test_what_is_beyond_twenty_categories_is_one(made: Made) -> None:
    frame = made.frame.assign(every=[f"c{number % 50 if number < 900 else number % 7}" for number in range(ROWS)])
    other = Made(frame, made.path.parent)
    drawn = other.draw(type="bar", x="every", y="whole", how="median")
    top = frame["every"].value_counts().sort_index(kind="stable").sort_values(ascending=False, kind="stable").index[:20]
    assert len(drawn.rows) == 21
    named = dict(drawn.rows)
    assert named["Other (30)"] == frame[~frame["every"].isin(top)]["whole"].median()
    assert "30 values of every are drawn as one" in drawn.notes
    table.write(made.frame, made.path)


@pytest.mark.parametrize(("grain", "freq"), [("month", "M"), ("day", "D"), ("year", "Y"), ("quarter", "Q")])
def test_lines_follow_days_months_and_years(made: Made, grain: str, freq: str) -> None:
    drawn = made.draw(type="line", x="when", y='x"; --', how="mean", grain=grain)
    expected = made.frame.groupby(made.frame["when"].dt.to_period(freq).dt.start_time)['x"; --'].mean()
    assert [row[0] for row in drawn.rows] == [day.date().isoformat() for day in expected.index]
    assert [row[1] for row in drawn.rows] == [None if np.isnan(mean) else pytest.approx(mean) for mean in expected]


def test_colour_and_facet_part_the_rows(made: Made) -> None:
    drawn = made.draw(type="bar", x="name", colour="yes", facet="many")
    assert len({row[0] for row in drawn.rows}) == 9
    counts = made.frame.assign(name=made.frame["name"].fillna("(missing)")).groupby(["many", "yes", "name"]).size()
    for many, yes, name, count in drawn.rows:
        assert count == counts[many, yes == "yes", name]


@pytest.mark.parametrize("column", ["whole", 'x"; --', "long"])
@pytest.mark.parametrize("bins", [5, 30, 200])
def test_bars_of_a_histogram_hold_what_lies_between_their_edges(made: Made, column: str, bins: int) -> None:
    drawn = made.draw(type="histogram", x=column, bins=bins)
    values = made.frame[column].dropna().to_numpy(dtype=float)
    assert sum(count for *_, count in drawn.rows) == len(values)
    assert len(drawn.rows) <= bins + 1
    if column != "long":
        for low, high, count in drawn.rows:
            assert count == ((values >= low) & (values < high)).sum()


def test_a_tenth_lies_in_the_bin_that_it_begins(tmp_path: Path) -> None:
    tenths = pd.DataFrame({"n": [number / 10 for number in range(30)]})
    drawn = Made(tenths, tmp_path).draw(type="histogram", x="n", bins=30)
    assert [count for *_, count in drawn.rows] == [1] * 30


def test_a_log_histogram_leaves_out_what_has_no_logarithm(made: Made) -> None:
    drawn = made.draw(type="histogram", x="whole", log_x=True, bins=10)
    values = made.frame["whole"].dropna()
    assert sum(count for *_, count in drawn.rows) == (values > 0).sum()
    assert f"{ROWS - (values > 0).sum():,} rows without a positive whole are left out" in drawn.notes


@pytest.mark.parametrize("kind", ["box", "violin"])
@pytest.mark.parametrize("column", ["whole", 'x"; --'])
def test_quartiles_whiskers_and_outliers_are_those_of_pandas(made: Made, kind: str, column: str) -> None:
    drawn = made.draw(type=kind, x="name", y=column)
    frame = made.frame.assign(name=made.frame["name"].fillna("(missing)"))
    for name, count, low, fence_low, q1, q2, q3, fence_high, high, outside in drawn.rows:
        values = frame[frame["name"] == name][column].dropna().astype(float)
        assert [low, q1, q2, q3, high] == pytest.approx(values.quantile([0, 0.25, 0.5, 0.75, 1]).tolist())
        inside = values[(values >= q1 - 1.5 * (q3 - q1)) & (values <= q3 + 1.5 * (q3 - q1))]
        assert (count, outside) == (len(values), len(values) - len(inside))
        assert [fence_low, fence_high] == [inside.min(), inside.max()]
    if kind == "violin":
        assert sum(each[2] for each in drawn.facts["shape"]) == frame[column].notna().sum()


def test_few_points_are_points_and_many_are_counted_where_they_lie(made: Made) -> None:
    few = made.draw(type="scatter", x="whole", y='x"; --', colour="yes")
    both = made.frame[["whole", 'x"; --']].dropna()
    assert not few.facts["dense"]
    assert sorted((row[1], row[2]) for row in few.rows) == sorted(map(tuple, both.to_numpy(dtype=float)))
    drawing.POINTS, before = 1_000, drawing.POINTS
    try:
        many = made.draw(type="scatter", x="when", y="long")
    finally:
        drawing.POINTS = before
    assert many.facts["dense"]
    assert sum(count for *_, count in many.rows) == ROWS
    assert len(many.rows) <= MARKS


def test_correlations_are_those_of_pandas(made: Made) -> None:
    drawn = made.draw(type="correlation")
    expected = made.frame[['x"; --', "whole", "long"]].astype(float).corr()
    assert {(a, b): value for a, b, value in drawn.rows} == pytest.approx(
        {(a, b): expected.loc[a, b] for a, b, _ in drawn.rows}
    )


def test_a_heatmap_agrees_with_a_pivot(made: Made) -> None:
    drawn = made.draw(type="heatmap", x="name", y="yes", z="whole", how="sum")
    frame = made.frame.assign(name=made.frame["name"].fillna("(missing)"))
    expected = frame.groupby(["name", "yes"])["whole"].sum()
    assert {(name, yes == "yes"): value for name, yes, value in drawn.rows} == expected.to_dict()


@pytest.mark.parametrize("kind", [each for each in TYPES if each not in ("correlation",)])
def test_charts_see_only_the_rows_that_match(made: Made, kind: str) -> None:
    where = {"name": {"type": "in", "values": ["茶", None]}, "*": {"type": "search", "filter": "p1"}}
    asked = {"type": kind, "x": "whole", "y": "long"} if kind != "bar" else {"type": kind, "x": "name"}
    drawn = made.draw(where, **asked)
    told = made.frame.astype(object).where(made.frame.notna(), None).to_dict("records")
    kept = pd.DataFrame(matching(told, where))
    with_both = kept.dropna(subset=["whole"] if kind != "bar" else [])
    counts = {"box": [row[1] for row in drawn.rows], "violin": [row[1] for row in drawn.rows]}
    if kind == "scatter":
        assert len(drawn.rows) == len(with_both)
    elif kind in counts:
        assert sum(counts[kind]) == len(kept)
    else:
        assert sum(row[-1] for row in drawn.rows) == len(with_both)


def test_a_sample_is_the_same_each_time_and_says_so(made: Made) -> None:
    drawing.SHARE, before = 0.5, drawing.SHARE
    try:
        one, other = (made.draw(type="bar", x="name", sample=True) for _ in range(2))
    finally:
        drawing.SHARE = before
    assert one == other
    assert 0.4 * ROWS < sum(count for _, count in one.rows) < 0.6 * ROWS


def test_real_tips_agree_with_pandas(tmp_path: Path) -> None:
    frame = pd.read_csv(samples.write("tips", tmp_path))
    here = Made(frame, tmp_path)
    drawn = here.draw(type="bar", x="day", y="tip", how="mean")
    assert dict(drawn.rows) == pytest.approx(frame.groupby("day")["tip"].mean().to_dict())
    box = here.draw(type="box", x="sex", y="total_bill")
    assert {row[0]: row[5] for row in box.rows} == pytest.approx(frame.groupby("sex")["total_bill"].median().to_dict())


@pytest.mark.parametrize(
    "asked",
    [
        {"type": "pie", "x": "name"}, {"type": "bar", "x": "none"}, {"type": "bar"}, {"type": "histogram", "x": "name"},
        {"type": "bar", "x": "name", "how": "sum"}, {"type": "bar", "x": "name", "how": "sum", "y": "name"},
        {"type": "bar", "x": "name", "how": "1); --"}, {"type": "line", "x": "when", "grain": "x', 1"},
        {"type": "scatter", "x": "whole"}, {"type": "scatter", "x": "whole", "y": "name"},
        {"type": "histogram", "x": "whole", "bins": "many"}, {"type": "box", "x": "name", "y": "name"},
    ],
)  # fmt: skip
def test_what_cannot_be_drawn_is_refused_with_a_sentence(made: Made, asked: dict[str, Any]) -> None:
    with pytest.raises(DataError):
        made.draw(**asked)


def test_a_chart_survives_the_way_through_text(made: Made) -> None:
    drawn = made.draw(type="box", x="name", y="whole")
    assert Drawn.from_json(drawn.as_json()) == drawn
    assert drawn.spec.as_json() == {"type": "box", "x": "name", "y": "whole"}
    assert Spec().as_json() == {}


def test_nothing_that_matches_is_said(made: Made) -> None:
    with pytest.raises(DataError, match="Nothing is left to draw"):
        made.draw({"name": "nobody"}, type="bar", x="many")
