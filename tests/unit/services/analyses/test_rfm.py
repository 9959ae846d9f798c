"""RFM, held against a case worked by hand, a plain computation, published figures and a planted answer."""

import datetime as dt
import json
import math
from collections import Counter, defaultdict
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.analyses import rfm
from services.analyses.rfm import ANALYSIS, GRID, SEGMENTS, RfmParams, preview
from services.analysis import Result
from services.errors import DataError, ParamError
from services.jobs.detached import Detached
from services.table import Table

SHARED = Path(__file__).resolve().parents[5] / "shared" / "data"
BY_AMOUNT = RfmParams(customer="customer", date="date", amount="amount", order="order")
JAN = dt.datetime(2024, 1, 1)


def ask(table: Table, params: RfmParams) -> tuple[Result, dict[str, list[dict[str, Any]]]]:
    """Run, and read every table as rows."""
    job = Detached(table)
    result = ANALYSIS.run(table, params, job)
    return result, {
        name: [dict(zip(made.schema.names, row, strict=True)) for row in made.fetch("SELECT * FROM rows")]
        for name, made in result.tables.items()
    }


def noted(result: Result, words: str) -> str:
    """The only note that says `words`."""
    (note,) = [note for note in result.notes if words in note]
    return note


def day(number: int) -> dt.datetime:
    return JAN + dt.timedelta(days=number - 1)


def shop(*lines: tuple[Any, Any, Any, Any]) -> Table:
    """A table of (customer, order, day of January 2024, amount)."""
    return Table.of(
        pd.DataFrame(
            {
                "customer": pd.Series([line[0] for line in lines], dtype="str"),
                "order": pd.Series([line[1] for line in lines], dtype="Int64"),
                "date": pd.Series([line[2] and day(line[2]) for line in lines], dtype="datetime64[us]"),
                "amount": pd.Series([line[3] for line in lines], dtype="float64"),
            }
        )
    )


# -- by hand ---------------------------------------------------------------------------------------

BY_HAND = (
    ("ann", 1, 1, 10.0),
    ("ann", 1, 1, 5.0),  # the same order
    ("ann", 2, 30, 20.0),
    ("bob", 3, 10, 7.0),
    ("bob", 4, 31, -2.0),  # a refund is no purchase: bob was last here on the 10th, once
    ("cid", 5, 31, 33.0),
    ("dan", 6, 20, 33.0),
    ("eve", 7, 31, -9.0),  # bought nothing
)


def test_five_customers_worked_by_hand() -> None:
    result, tables = ask(shop(*BY_HAND), BY_AMOUNT)
    assert [tuple(row.values()) for row in tables["customers"]] == [
        # Of 4: R from last days 30, 10, 31, 20; F from 2, 1, 1, 1; M from 35, 5, 33, 33.
        ("ann", 2, 2, 35.0, 1 + 5 * 2 // 4, 1 + 5 * 3 // 4, 1 + 5 * 3 // 4, "Loyal customers"),
        ("cid", 1, 1, 33.0, 1 + 5 * 3 // 4, 1, 1 + 5 * 1 // 4, "Potential loyalists"),
        ("dan", 12, 1, 33.0, 1 + 5 * 1 // 4, 1, 1 + 5 * 1 // 4, "Hibernating"),
        ("bob", 22, 1, 5.0, 1, 1, 1, "Lost"),
    ]
    facts = result.facts
    assert (facts["customers"], facts["orders"], facts["revenue"]) == (4, 5, 106.0)
    assert (facts["period_start"], facts["period_end"]) == ("2024-01-01", "2024-01-31")
    assert (facts["reference_date"], facts["frequency_unit"]) == ("2024-02-01", "orders")
    assert (facts["refunds"], facts["refunded"], facts["once"]) == (2, -11.0, 3)


def test_without_an_order_column_days_are_counted_and_it_says_so() -> None:
    table = shop(("ann", 1, 1, 1.0), ("ann", 2, 1, 1.0), ("ann", 3, 2, 1.0), ("bob", 4, 2, 1.0))
    result, tables = ask(table, RfmParams(customer="customer", date="date", amount="amount"))
    assert {row["customer"]: row["frequency"] for row in tables["customers"]} == {"ann": 2, "bob": 1}
    assert result.facts["frequency_unit"] == "days"
    assert noted(result, "Frequency counts days with a purchase.")


def test_a_given_amount_beats_quantity_times_price() -> None:
    table = Table.of(customer=["a", "b"], date=[day(1), day(2)], paid=[5.0, 6.0], n=[2, 2], each=[100.0, 100.0])
    asked = RfmParams(customer="customer", date="date", amount="paid", quantity="n", price="each")
    assert ask(table, asked)[0].facts["revenue"] == 11
    asked = RfmParams(customer="customer", date="date", quantity="n", price="each")
    assert ask(table, asked)[0].facts["revenue"] == 400


def test_refunds_change_what_was_paid_and_nothing_else() -> None:
    kept = ask(shop(*BY_HAND), BY_AMOUNT)
    left_out = ask(shop(*BY_HAND), RfmParams(**{**BY_AMOUNT.__dict__, "refunds": "exclude"}))
    assert (kept[0].facts["revenue"], left_out[0].facts["revenue"]) == (106.0, 108.0)
    same = ("customer", "recency_days", "frequency", "r", "f")
    assert sorted([row[name] for name in same] for row in kept[1]["customers"]) == sorted(
        [row[name] for name in same] for row in left_out[1]["customers"]
    )
    assert noted(kept[0], "2 refunds are kept in the amounts. They sum to \N{MINUS SIGN}11.00;")
    assert noted(left_out[0], "2 refunds are left out.")
    assert noted(kept[0], "1 customer has only refunds.")


def test_purchases_after_the_reference_date_are_left_out_and_counted() -> None:
    asked = RfmParams(**{**BY_AMOUNT.__dict__, "reference_date": dt.date(2024, 1, 20)})
    result, tables = ask(shop(*BY_HAND), asked)
    assert {row["customer"]: row["recency_days"] for row in tables["customers"]} == {"ann": 19, "bob": 10, "dan": 0}
    assert noted(result, "4 rows are after 20 Jan 2024. They are left out")
    assert result.facts["period_end"] == "2024-01-20"


def test_missing_values_are_counted_and_said() -> None:
    table = shop(
        ("ann", 1, 1, 10.0), ("ann", 2, 2, None), (None, 3, 3, 1.0), ("ann", 4, None, 1.0), (None, 5, None, 1.0),
        ("bob", None, 5, 2.0), ("bob", None, 5, 2.0), ("bob", None, 6, 2.0),
    )  # fmt: skip
    result, tables = ask(table, BY_AMOUNT)
    assert {row["customer"]: (row["frequency"], row["monetary"]) for row in tables["customers"]} == {
        "ann": (2, 10.0),
        "bob": (2, 6.0),
    }
    for said in (
        "2 rows have no customer. They are left out.",
        "1 row has no date. They are left out.",
        "1 row has no amount. They count as purchases and add nothing to revenue.",
        "3 rows have no order id. Those of one customer and day count as one order.",
    ):
        assert noted(result, said)


def test_infinite_amounts_are_missing_amounts() -> None:
    result, _ = ask(shop(("ann", 1, 1, 10.0), ("bob", 2, 1, math.inf), ("cid", 3, 1, -math.inf)), BY_AMOUNT)
    assert result.facts["revenue"] == 10
    assert noted(result, "2 rows have no amount.")


# -- exactness -------------------------------------------------------------------------------------


def test_cents_add_up_exactly_in_any_order() -> None:
    tenths = [("ann", i, 1, 0.1) for i in range(9)] + [("ann", 9, 1, 0.2)]
    result, tables = ask(shop(*tenths, *[("bob", *line[1:]) for line in reversed(tenths)]), BY_AMOUNT)
    assert [row["monetary"] for row in tables["customers"]] == [1.1, 1.1]
    assert result.facts["revenue"] == 2.2
    assert len({(row["r"], row["f"], row["m"]) for row in tables["customers"]}) == 1


@pytest.mark.parametrize(
    ("quantity", "price"),
    [
        ("32000::SMALLINT", "9999.99::DECIMAL(12,2)"),
        ("32000::INTEGER", "2000000000::INTEGER"),
        ("32000::DECIMAL(18,3)", "99999999999999::DECIMAL(18,4)"),
        ("32000::BIGINT", "99999999999.99::DECIMAL(38,10)"),
        ("3::DECIMAL(38,20)", "1::DECIMAL(38,20)"),
        ("3::DECIMAL(18,12)", "0::DECIMAL(18,10)"),
        ("32000::UBIGINT", "12.5::DOUBLE"),
        ("32000::HUGEINT", "7::HUGEINT"),
    ],
)
def test_a_product_never_overflows(tmp_path: Path, quantity: str, price: str) -> None:
    buyers = Table.of(customer=["a", "b"], date=[day(1), day(2)])
    made = buyers.store(tmp_path / "data.parquet", f"SELECT *, {quantity} AS n, {price} AS each FROM rows")
    table = Table(path=made.path, schema=made.schema, rows=made.rows, spill=tmp_path)
    asked = RfmParams(customer="customer", date="date", quantity="n", price="each")
    worth = math.prod(Decimal(factor.split("::")[0]) for factor in (quantity, price))
    assert ask(table, asked)[0].facts["revenue"] == pytest.approx(float(2 * worth), rel=1e-15)


def test_names_of_our_own_are_allowed_as_column_names() -> None:
    plain = shop(*BY_HAND).frame(["customer", "order", "date", "amount"])
    odd = {"customer": "day", "order": "last", "date": "amount", "amount": "order_id"}
    table = Table.of(plain.rename(columns=odd).assign(rows=1, customer="x", frequency=2, product="tea"))
    asked = RfmParams(customer="day", date="amount", amount="order_id", order="last")
    assert ask(table, asked)[1] == ask(shop(*BY_HAND), BY_AMOUNT)[1]


# -- against a plain computation -------------------------------------------------------------------


def plainly(frame: pd.DataFrame, params: RfmParams) -> dict[str, tuple[Any, ...]]:
    """The same question in Python, a customer at a time, with exact sums and no ranks."""
    amounts = frame["amount"] if params.amount else frame["quantity"] * frame["price"]
    last: dict[str, pd.Timestamp] = {}
    orders = defaultdict(set)
    money: dict[str, Decimal] = defaultdict(Decimal)
    for who, when, number, amount in zip(frame["customer"], frame["date"], frame["order"], amounts, strict=True):
        if pd.isna(who) or pd.isna(when):
            continue
        date = when.normalize()
        if params.reference_date and date > pd.Timestamp(params.reference_date):
            continue
        paid = Decimal(0) if pd.isna(amount) else Decimal(str(round(float(amount), 6)))
        if paid < 0:
            if params.refunds == "keep":
                money[who] += paid
            continue
        money[who] += paid
        last[who] = max(last.get(who, date), date)
        orders[who].add(number if params.order and not pd.isna(number) else ("day", date))
    if len(last) < 2:
        return {}
    reference = pd.Timestamp(params.reference_date or max(last.values()) + pd.Timedelta(days=1))
    measures = {who: ((reference - last[who]).days, len(orders[who]), money[who]) for who in last}
    q, answer = params.quantiles, {}
    for who, (recency, frequency, monetary) in measures.items():
        worse = (
            sum(other[0] > recency for other in measures.values()),
            sum(other[1] < frequency for other in measures.values()),
            sum(other[2] < monetary for other in measures.values()),
        )
        r, f, m = (1 + math.floor(q * each / len(measures)) for each in worse)
        fifth = [math.ceil(5 * score / q) for score in (r, f, m)]
        answer[who] = (
            recency, frequency, float(monetary), r, f, m,
            NAMED[fifth[0]][math.ceil((fifth[1] + fifth[2]) / 2) - 1],
        )  # fmt: skip
    return answer


# The grid once more, as it stands in words in the docstring of the analysis.
NAMED = {
    int(line.split()[0].strip("*")): [name.strip() for name in line.strip().split("  ")[1:] if name.strip()]
    for line in (rfm.__doc__ or "").splitlines()
    if line.strip().startswith("**")
}


def agree(frame: pd.DataFrame, params: RfmParams) -> None:
    """Customer by customer, the analysis finds what the plain computation finds."""
    expected = plainly(frame, params)
    if not expected:
        with pytest.raises(DataError):
            ask(Table.of(frame), params)
        return
    _, tables = ask(Table.of(frame), params)
    found = {row["customer"]: tuple(row.values())[1:] for row in tables["customers"]}
    assert found.keys() == expected.keys()
    for who, row in expected.items():
        assert (*found[who][:2], *found[who][3:]) == (*row[:2], *row[3:]), who
        assert found[who][2] == pytest.approx(row[2], abs=1e-9), who
    counted = Counter(row[-1] for row in expected.values())
    assert {row["segment"]: row["customers"] for row in tables["segments"]} == {
        name: counted[name] for name in SEGMENTS
    }
    for row in tables["segments"]:
        of_it = [each for each in expected.values() if each[-1] == row["segment"]]
        assert row["revenue"] == pytest.approx(sum(each[2] for each in of_it), abs=1e-6)
        if of_it:
            assert row["recency_days"] == pytest.approx(sum(each[0] for each in of_it) / len(of_it))
            assert row["frequency"] == pytest.approx(sum(each[1] for each in of_it) / len(of_it))
    for row in tables["rf_grid"]:
        assert row["customers"] == sum((each[3], each[4]) == (row["r"], row["f"]) for each in expected.values())
    spread = defaultdict(int)
    for row in tables["distributions"]:
        spread[row["measure"]] += row["customers"]
    assert set(spread.values()) == {len(expected)} == {sum(row["customers"] for row in tables["scatter"])}


def hostile(seed: int, rows: int) -> pd.DataFrame:
    """Ties, refunds, missing values, times of day, one-order customers, one day with most of the orders."""
    import numpy as np

    random = np.random.default_rng(seed)
    customer = pd.Series(random.zipf(1.4, rows) % 400).astype(str).str.zfill(5)
    when = pd.Timestamp("2023-11-01") + pd.to_timedelta(random.integers(0, 90 * 24 * 60, rows), unit="min")
    frame = pd.DataFrame(
        {
            "customer": customer.mask(random.random(rows) < 0.02),
            "date": pd.Series(when).mask(random.random(rows) < 0.02),
            "order": pd.Series(random.integers(0, rows // 3, rows), dtype="Int64").mask(random.random(rows) < 0.02),
            "quantity": random.choice([-2, -1, 0, 1, 1, 1, 2, 12], rows),
            "price": pd.Series(random.choice([0.01, 0.1, 1.99, 5.0, 19.95], rows)).mask(random.random(rows) < 0.02),
        }
    )
    frame.loc[random.random(rows) < 0.3, "date"] = pd.Timestamp("2024-01-15 23:59:59")
    return frame.assign(amount=(frame["quantity"] * frame["price"]).round(2))


BY_LINE = {"customer": "customer", "date": "date", "quantity": "quantity", "price": "price"}


@pytest.mark.parametrize("asked", [
    RfmParams(**BY_LINE, order="order"),
    RfmParams(**BY_LINE),
    RfmParams(**BY_LINE, order="order", refunds="exclude", quantiles=10),
    RfmParams(**BY_LINE, order="order", reference_date=dt.date(2023, 12, 24), quantiles=3),
    RfmParams(customer="customer", date="date", amount="amount", order="order", quantiles=7),
])  # fmt: skip
def test_agrees_with_a_plain_computation_customer_by_customer(asked: RfmParams) -> None:
    agree(hostile(7, 4_000), asked)


LINES = st.lists(
    st.tuples(
        st.sampled_from(["00001", "00002", "b", "Ä", None]),
        st.sampled_from([1, 2, 3, None]),
        st.integers(0, 5 * 24) | st.none(),
        st.integers(-3, 3),
        st.sampled_from([0.1, 0.2, 1.15, None]),
    ),
    min_size=1,
    max_size=30,
)


@settings(max_examples=15, deadline=None)
@given(
    lines=LINES,
    quantiles=st.integers(3, 10),
    order=st.sampled_from(["order", None]),
    refunds=st.sampled_from(["keep", "exclude"]),
    reference=st.sampled_from([None, dt.date(2024, 1, 3)]),
)
def test_agrees_on_whatever_small_table(
    lines: list[Any], quantiles: int, order: str | None, refunds: str, reference: dt.date | None
) -> None:
    frame = pd.DataFrame(
        {
            "customer": pd.Series([line[0] for line in lines], dtype="str"),
            "order": pd.Series([line[1] for line in lines], dtype="Int64"),
            "date": pd.Series(
                [None if line[2] is None else JAN + dt.timedelta(hours=line[2]) for line in lines],
                dtype="datetime64[us]",
            ),
            "quantity": [line[3] for line in lines],
            "price": pd.Series([line[4] for line in lines], dtype="float64"),
        }
    )
    asked = RfmParams(**BY_LINE, order=order, quantiles=quantiles, refunds=refunds, reference_date=reference)
    kept = frame.dropna(subset=["customer", "date"])
    if reference is not None:
        kept = kept[kept["date"].dt.date <= reference]
    if kept["price"].isna().all():
        with pytest.raises(DataError):
            ask(Table.of(frame), asked)
        return
    agree(frame, asked)


# -- segments --------------------------------------------------------------------------------------


def test_every_cell_has_one_segment_as_the_docstring_says() -> None:
    assert {r: list(GRID[r - 1]) for r in range(1, 6)} == NAMED
    assert {len(row) for row in GRID} == {5}
    assert {name for row in GRID for name in row} == set(SEGMENTS)
    assert len(SEGMENTS) == 11


@pytest.mark.parametrize("quantiles", range(5, 11))
def test_all_eleven_segments_are_reached(quantiles: int) -> None:
    # Every combination of recency, frequency and amount, each value as often as every other.
    lines = []
    for number in range(quantiles**3):
        recent, often, much = number % quantiles, number // quantiles % quantiles, number // quantiles**2
        for order in range(often + 1):
            lines.append((f"{number:04}", number * 10 + order, 1 + recent, (much + 1) / (often + 1) * 2520))
    result, tables = ask(shop(*lines), RfmParams(**{**BY_AMOUNT.__dict__, "quantiles": quantiles}))
    assert all(row["customers"] for row in tables["segments"])
    assert not [note for note in result.notes if "too coarse" in note]


@pytest.mark.parametrize(("quantiles", "lacking"), [(3, "New customers"), (4, "Lost")])
def test_coarse_scores_say_what_they_cannot_reach(quantiles: int, lacking: str) -> None:
    result, _ = ask(shop(*BY_HAND), RfmParams(**{**BY_AMOUNT.__dict__, "quantiles": quantiles}))
    assert lacking in noted(result, f"Scores from 1 to {quantiles} are too coarse for all 11 segments.")


def test_equal_customers_get_equal_scores_and_ties_never_fail() -> None:
    lines = [(f"{i:03}", i, 1, 9.99) for i in range(97)] + [("big", 1_000 + i, 2, 50.0) for i in range(3)]
    result, tables = ask(shop(*lines), BY_AMOUNT)
    assert Counter((row["r"], row["f"], row["m"]) for row in tables["customers"]) == {(1, 1, 1): 97, (5, 5, 5): 1}
    assert noted(result, "97 of 98 customers bought once.")


def test_shares_sum_to_one_and_are_empty_where_revenue_is_not_positive() -> None:
    _, tables = ask(shop(*BY_HAND), BY_AMOUNT)
    assert sum(row["share"] for row in tables["segments"]) == pytest.approx(1)
    assert sum(row["revenue_share"] for row in tables["segments"]) == pytest.approx(1)
    result, tables = ask(shop(("ann", 1, 1, 0.0), ("bob", 2, 1, 5.0), ("bob", 3, 2, -9.0)), BY_AMOUNT)
    assert {row["revenue_share"] for row in tables["segments"]} == {None}
    assert result.facts["champions_revenue_share"] is result.facts["slipping_revenue_share"] is None
    assert noted(result, "Revenue is not above zero.")


def test_finds_the_planted_segments() -> None:
    frame, params = ANALYSIS.example(20_000)
    result, tables = ask(Table.of(frame), params)
    assert len(frame) == 20_000
    per_hundred = {
        "Champions": 20, "Loyal customers": 14, "Potential loyalists": 12, "New customers": 1, "Promising": 1,
        "Need attention": 6, "About to sleep": 6, "At risk": 10, "Cannot lose them": 3, "Hibernating": 11, "Lost": 16,
    }  # fmt: skip
    assert {row["segment"]: row["customers"] for row in tables["segments"]} == {
        name: many * 14 for name, many in per_hundred.items()
    }
    assert result.facts["revenue"] == pytest.approx((frame["quantity"] * frame["unit_price"]).sum())
    assert result.facts["refunds"] == (frame["quantity"] < 0).sum() == 70
    assert frame["customer_id"].str.startswith("0").all()


# -- charts ----------------------------------------------------------------------------------------


def test_many_customers_are_drawn_as_cells_and_all_are_in_them() -> None:
    import numpy as np

    random = np.random.default_rng(3)
    n = 60_000
    frame = pd.DataFrame(
        {
            "customer": np.minimum(random.zipf(1.3, n), 10**9).astype(str),
            "order": np.arange(n),
            "date": pd.Timestamp("2020-01-01") + pd.to_timedelta(random.integers(0, 1_500, n), unit="D"),
            "amount": random.lognormal(3, 2, n).round(2),
        }
    )
    result, tables = ask(Table.of(frame), BY_AMOUNT)
    customers = result.facts["customers"]
    assert customers > 5_000
    assert not result.facts["marks"]
    assert len(tables["scatter"]) <= 2_000
    assert sum(row["customers"] for row in tables["scatter"]) == customers
    assert {row["segment"] for row in tables["scatter"]} <= set(SEGMENTS)


def test_a_cell_is_named_after_the_segment_most_of_it_is_in() -> None:
    lines = [(f"{i:04}", i, 1, 1.0 if i < 5_000 else 2.0) for i in range(5_500)]
    assert ask(shop(*lines), BY_AMOUNT)[1]["scatter"] == [
        {"recency_days": 1.0, "frequency": 1.0, "customers": 5_500, "segment": "Lost"}
    ]


def test_bars_touch_and_hold_what_lies_between_their_edges() -> None:
    frame, params = ANALYSIS.example(5_000)
    _, tables = ask(Table.of(frame), params)
    for measure in ("recency_days", "frequency", "monetary"):
        bars = [row for row in tables["distributions"] if row["measure"] == measure]
        values = [float(row[measure]) for row in tables["customers"]]
        assert len(bars) <= 25
        assert all(left["high"] == pytest.approx(right["low"]) for left, right in pairwise(bars))
        assert bars[-1]["high"] >= max(values)
        for bar in bars[:-1]:
            assert bar["customers"] == sum(bar["low"] <= value < bar["high"] for value in values)


# -- real data -------------------------------------------------------------------------------------


@pytest.mark.skipif(not SHARED.exists(), reason="the folder of shared data is not here")
def test_agrees_with_published_figures_on_real_orders() -> None:
    expected = json.loads((SHARED / "expected.json").read_text())["rfm"]
    frame = pd.read_csv(SHARED / "rfm" / "grocery_orders.csv", dtype={"customer_id": str}, parse_dates=["order_date"])
    asked = RfmParams(customer="customer_id", date="order_date", amount="amount", order="order_id")
    result, tables = ask(Table.of(frame), asked)
    found = pd.DataFrame(tables["customers"])
    assert len(frame) == expected["rows"]
    assert result.facts["customers"] == len(found) == expected["customers"]
    assert result.facts["reference_date"] == expected["snapshot"]
    measures = ["recency_days", "frequency", "monetary"]
    assert found[measures].mean().tolist() == pytest.approx(expected["means"], abs=1e-9)
    fifths = [0, 0.2, 0.4, 0.6, 0.8, 1]
    for measure, name in zip(measures, ("recency_q", "frequency_q", "monetary_q"), strict=True):
        assert found[measure].quantile(fifths).tolist() == pytest.approx(expected[name], abs=1e-9)
    top = found.head(3)[["customer", *measures]].values.tolist()
    assert top == [list(row.values()) for row in expected["top3"]]
    renamed = frame.rename(columns={"customer_id": "customer", "order_date": "date", "order_id": "order"})
    agree(renamed, BY_AMOUNT)


# -- refusals --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("lines", "params", "field", "said"),
    [
        ([(None, 1, 1, 1.0)], {}, "customer", "“customer” is empty in every row"),
        ([("a", 1, None, 1.0)], {}, "date", "“date” is empty in every row"),
        ([("a", 1, None, 1.0), (None, 2, 1, 1.0)], {}, "date", "No row has both"),
        ([("a", 1, 1, None), ("b", 2, 1, None)], {}, "amount", "“amount” is missing in every row"),
        ([("a", 1, 1, -1.0), ("b", 2, 1, -1.0)], {}, "amount", "“amount” is negative in every row"),
        ([("a", 1, 1, 1.0), ("a", 2, 2, 1.0)], {}, "customer", "Only one customer"),
        ([("a", 1, 1, 1.0), ("b", 2, 2, -1.0)], {}, "customer", "Only one customer"),
        ([("a", 1, 1, 1e300), ("b", 2, 2, 1.0)], {}, "amount", "no sum of money"),
        (
            [("a", 1, 5, 1.0), ("b", 2, 6, 1.0)],
            {"reference_date": dt.date(2023, 1, 1)},
            "reference_date",
            "after 1 Jan 2023, the first on 5 Jan 2024; choose a later",
        ),
    ],
)
def test_what_cannot_be_scored_is_refused_in_one_sentence(
    lines: list[Any], params: dict[str, Any], field: str, said: str
) -> None:
    with pytest.raises(DataError) as refused:
        ask(shop(*lines), RfmParams(**{**BY_AMOUNT.__dict__, **params}))
    assert refused.value.field == field
    assert said in refused.value.message
    assert refused.value.message.count(". ") == 0


def test_no_rows_is_refused() -> None:
    with pytest.raises(DataError, match="no rows"):
        ask(shop(), BY_AMOUNT)


@pytest.mark.parametrize("given", [{}, {"quantity": "order"}, {"price": "amount"}])
def test_an_amount_is_needed(given: dict[str, str]) -> None:
    with pytest.raises(ParamError) as refused:
        ask(shop(*BY_HAND), RfmParams(customer="customer", date="date", **given))
    assert refused.value.field == "amount"


# -- before and during the run ---------------------------------------------------------------------


def test_preview_counts_what_the_run_then_scores() -> None:
    frame, params = ANALYSIS.example(3_000)
    table = Table.of(frame)
    assert ANALYSIS.preview is not None
    before, after = ANALYSIS.preview(table, params).facts, ask(table, params)[0].facts
    for name in ("customers", "orders", "frequency_unit", "once", "refunds", "period_end", "reference_date"):
        assert before[name] == after[name], name
    assert before["orders_median"] == after["frequency_median"]


def test_steps_are_reported_in_order() -> None:
    table = shop(*BY_HAND)
    job = Detached(table)
    ANALYSIS.run(table, BY_AMOUNT, job)
    assert [done for done, _, _ in job.reports] == [0, 1, 2, 3, 4, 5]
    assert {total for _, total, _ in job.reports} == {5}


@pytest.mark.parametrize("swap", range(4))
def test_no_name_of_a_column_is_taken_for_one_of_ours(swap: int) -> None:
    ours = ["day", "customer", "order_id", "amount", "paid", "last", "frequency", "rows", "monetary"]
    names = [*ours[swap:], *ours[:swap]]
    lines = shop(("a", 1, 1, 10.0), ("a", 2, 5, 20.0), ("b", 3, 9, 5.0), ("c", 4, 2, 7.0))
    frame = lines.query("SELECT * FROM rows").rename(
        columns=dict(zip(("customer", "order", "date", "amount"), names[:4], strict=True))
    )
    for name in names[4:]:
        frame[name] = range(4)
    who, order, date, amount = names[:4]
    asked = RfmParams(customer=who, order=order, date=date, amount=amount)
    found = ask(Table.of(frame), asked)
    assert (found[0].facts, found[1]) == (ask(lines, BY_AMOUNT)[0].facts, ask(lines, BY_AMOUNT)[1])
    assert preview(Table.of(frame), asked).facts == preview(lines, BY_AMOUNT).facts


def test_a_last_day_that_none_follows_asks_for_a_reference_date() -> None:
    frame = pd.DataFrame(
        {"customer": ["a", "b"], "date": [dt.date(9999, 12, 31), dt.date(2024, 1, 1)], "amount": [1, 2]}
    )
    frame["date"] = pd.Series(frame["date"], dtype="object")
    table = Table.of(frame)
    with pytest.raises(DataError, match="“date” goes up to 31 Dec 9999; give a reference date") as refused:
        ask(table, RfmParams(customer="customer", date="date", amount="amount"))
    assert refused.value.field == "reference_date"
    given = RfmParams(customer="customer", date="date", amount="amount", reference_date=dt.date(9999, 12, 31))
    assert ask(table, given)[0].facts["customers"] == 2
