"""RFM: which customers buy recently, often and for much, and what to do about each group.

Hughes, A. M. (1994). Strategic Database Marketing. Chicago: Probus. (Recency, frequency, monetary.)

Each customer has three figures: recency, the days from the last purchase to the reference date;
frequency, the number of orders (of days with a purchase where there is no order id); monetary, what
they paid in all. Each becomes a score from 1 to q: 1 + floor(q x customers strictly worse /
customers), so that equal customers always share a score and ties never fail. Scores on the scale 1
to 5, R = ceil(5 x score / q) and FM = ceil((F + M) / 2), place the customer in one of 11 segments:

    =====  =================  ===================  ===================  ================  ================
    R      FM 1               FM 2                 FM 3                 FM 4              FM 5
    =====  =================  ===================  ===================  ================  ================
    **5**  New customers      Potential loyalists  Potential loyalists  Champions         Champions
    **4**  Promising          Potential loyalists  Potential loyalists  Loyal customers   Champions
    **3**  About to sleep     About to sleep       Need attention       Loyal customers   Loyal customers
    **2**  Hibernating        Hibernating          At risk              At risk           Cannot lose them
    **1**  Lost               Lost                 At risk              Cannot lose them  Cannot lose them
    =====  =================  ===================  ===================  ================  ================

A refund is a line with a negative amount. It is not a purchase: it neither makes a customer recent
nor counts as an order, so a customer with nothing but refunds is left out. It is taken off what the
customer paid, unless refunds are excluded; recency and frequency are the same either way. A line
without an amount is a purchase that adds nothing.
"""

from __future__ import annotations

import datetime as dt
import math
import re
from dataclasses import dataclass
from itertools import accumulate
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

from services.analysis import Analysis, Cost, Job, Result, Shape
from services.errors import DataError, ParamError
from services.params import Choice, Column, Date, Number
from services.table import Spilled, Table

if TYPE_CHECKING:
    from pandas import DataFrame

SEGMENTS = {  # what to do about each
    "Champions": "Thank them, ask for a review",
    "Loyal customers": "Offer the larger basket",
    "Potential loyalists": "Win the next order",
    "New customers": "Ease the second order",
    "Promising": "Show what others buy next",
    "Need attention": "Give a reason to return",
    "About to sleep": "Remind them early",
    "At risk": "Write now, by product",
    "Cannot lose them": "Call them this week",
    "Hibernating": "Send a cheap reminder",
    "Lost": "One last offer, then stop",
}

# The segment of R, FM: a row for each R from 1 to 5, in it a segment for each FM from 1 to 5.
GRID = (
    ("Lost", "Lost", "At risk", "Cannot lose them", "Cannot lose them"),
    ("Hibernating", "Hibernating", "At risk", "At risk", "Cannot lose them"),
    ("About to sleep", "About to sleep", "Need attention", "Loyal customers", "Loyal customers"),
    ("Promising", "Potential loyalists", "Potential loyalists", "Loyal customers", "Champions"),
    ("New customers", "Potential loyalists", "Potential loyalists", "Champions", "Champions"),
)

MARKS = 5_000  # up to so many customers are drawn one by one
CELLS = (50, 40)  # recency x frequency beyond that: at most 2,000 cells
MEASURES = ("recency_days", "frequency", "monetary")

_WHOLE = {"TINYINT": 3, "SMALLINT": 5, "INTEGER": 10, "BIGINT": 19, "UTINYINT": 3, "USMALLINT": 5, "UINTEGER": 10}
_FLOAT_SCALE = 9  # floats are summed as decimals of nine places: exactly, and in any order the same
_LARGEST = 1e28


@dataclass(frozen=True, kw_only=True)
class RfmParams:
    """Who bought, when and for how much; how finely to score; what to do with refunds."""

    customer: Annotated[str, Column("Customer", kind="key", role="customer", help="Who bought.")]
    date: Annotated[str, Column("Date", kind="date", role="date", help="When they bought.")]
    amount: Annotated[
        str | None,
        Column("Amount", kind="number", role="amount", help="What was paid. Empty: quantity times price."),
    ] = None
    quantity: Annotated[str | None, Column("Quantity", kind="number", role="quantity", when={"amount": (None,)})] = None
    price: Annotated[str | None, Column("Unit price", kind="number", role="price", when={"amount": (None,)})] = None
    order: Annotated[
        str | None,
        Column("Order", kind="key", role="order", help="Frequency counts orders; without it, days with a purchase."),
    ] = None
    reference_date: Annotated[
        dt.date | None,
        Date("Reference date", help="Recency counts back from here. Empty: the day after the last purchase."),
    ] = None
    quantiles: Annotated[int, Number("Scores from 1 to", low=3, high=10)] = 5
    refunds: Annotated[str, Choice("Refunds", options={"keep": "Keep in the amount", "exclude": "Leave out"})] = "keep"

    def __post_init__(self) -> None:
        if self.amount is None and (self.quantity is None or self.price is None):
            raise ParamError(
                "Amount: choose the column that holds it, or both a quantity and a unit price.", field="amount"
            )


class _Counts(NamedTuple):
    """What one pass over the rows finds; a row is kept that has a customer, a date, and is not too late."""

    rows: int
    customers: int  # rows with one
    dates: int
    dated: int  # rows with both
    first_day: dt.date | None
    late: int
    kept: int
    no_amount: int
    no_order: int
    refunds: int
    refunded: float
    largest: float
    first: dt.date | None  # of the purchases kept
    last: dt.date | None


class _Spread(NamedTuple):
    """How the customers spread over one measure; 99 % of them lie at or below `most`."""

    lowest: float
    median: float
    most: float
    highest: float


def run(table: Table, params: RfmParams, job: Job) -> Result:
    """Score every customer of `table` (one row per order, or per line of one) and name their segment.

    Returns
    -------
    Result
        facts: customers; revenue, the sum of monetary, in the unit given; orders; frequency_unit
        ("orders" or "days"); period_start, period_end, first and last day with a purchase;
        reference_date; quantiles; refunds, rows with a negative amount; refunded, their sum;
        champions, champions_share (of customers), champions_revenue, champions_revenue_share;
        slipping (at risk, or cannot be lost), slipping_share, slipping_revenue,
        slipping_revenue_share; once, customers with a frequency of one; recency_median,
        frequency_median, monetary_median; marks, true where each row of `scatter` is one customer.
        Shares are fractions of 1; shares of revenue are null where revenue is not positive
        tables, all written straight to disk:
        customers, one row per customer, by monetary, largest first, then customer: customer,
        recency_days, frequency, monetary, r, f, m (1 to `quantiles`), segment;
        segments, one row for each of the 11, by revenue, largest first: segment, customers, share,
        revenue, revenue_share, recency_days, frequency, monetary (means; null where nobody is in
        it), advice;
        rf_grid, one row for each pair of scores: r, f, customers;
        scatter, one row per customer, or per cell of a log grid above 5,000 of them: recency_days,
        frequency (means of the cell), customers, segment (most frequent in the cell);
        distributions, one row per bar: measure ("recency_days", "frequency", "monetary"), low, high
        (low <= x < high; the last bar of a measure reaches to its largest value), customers

    Raises
    ------
    DataError
        No row has a customer, a date or an amount, none lies before the reference date, all are
        refunds, there is only one customer, or no day comes after the last purchase.
    """
    job.report(0, 5, "Counting rows")
    counts = _count(table, params)
    job.report(1, 5, "Adding up each customer's purchases")
    scored = job.keep("customers", lambda: _score(table, params, counts, job))
    customers = scored["customers"]
    job.report(3, 5, "Summing up the segments")
    sql = _SEGMENTS.format(total=_total(customers))
    segments = _beside(customers, "segments", sql, names=list(SEGMENTS), advice=list(SEGMENTS.values()))
    job.report(4, 5, "Preparing the charts")
    spreads = _spreads(customers)
    tables = {
        "customers": customers,
        "segments": segments,
        "rf_grid": _beside(customers, "rf_grid", _RF_GRID, q=params.quantiles),
        "scatter": _scatter(customers, spreads),
        "distributions": _distributions(customers, spreads),
    }
    facts = _facts(customers, segments, spreads, params, counts)
    notes = _notes(facts, params, counts, scored, segments)
    job.report(5, 5, "Done")
    return Result(facts=facts, tables=tables, notes=tuple(notes))


def preview(table: Table, params: RfmParams) -> Result:
    """Count what the run will score, before it is asked for.

    Returns
    -------
    Result
        facts: customers, orders, frequency_unit, orders_median (per customer), once (customers
        with one), once_share, refunds, period_start, period_end, reference_date
    """
    counts = _count(table, params)
    groups = table.fetch(
        f"WITH {_measures(params, _rough(params))} "
        "SELECT frequency, count(*) FROM measures WHERE frequency > 0 GROUP BY frequency ORDER BY frequency",
        **_names(params),
    )
    customers = sum(many for _, many in groups)
    _check_two(customers)
    upto = accumulate(many for _, many in groups)
    once = dict(groups).get(1, 0)
    facts = {
        "customers": customers,
        "orders": sum(frequency * many for frequency, many in groups),
        "frequency_unit": _unit(params),
        "orders_median": next(group[0] for group, sofar in zip(groups, upto, strict=True) if 2 * sofar >= customers),
        "once": once,
        "once_share": once / customers,
        "refunds": counts.refunds,
        **_period(params, counts),
    }
    return Result(facts=facts, tables={})


def cost(shape: Shape, _: RfmParams) -> Cost:
    """Predict peak memory and time; DuckDB's own limit bounds the first."""
    millions = shape.rows / 1e6
    return Cost(peak_mb=30 + min(150.0, 30 * millions), seconds=0.8 + 0.6 * millions)


def _names(params: RfmParams) -> dict[str, Any]:
    columns = ("customer", "date", "amount", "quantity", "price", "order")
    given = {name: getattr(params, name) for name in columns if getattr(params, name) is not None}
    return given | {"reference": params.reference_date}


def _factors(params: RfmParams) -> tuple[str, ...]:
    """The parameters whose product is the amount of a row."""
    return ("amount",) if params.amount is not None else ("quantity", "price")


def _rough(params: RfmParams) -> str:
    """The amount of a row as a float: good enough to count by, null where it is not finite."""
    product = " * ".join(f"{{{name}}}::DOUBLE" for name in _factors(params))
    return f"CASE WHEN isfinite({product}) THEN {product} END"


def _lines(params: RfmParams, amount: str) -> str:
    """The common table `lines`: customer, day, order_id and amount of each row, under names that are ours."""
    order = "{order}" if params.order else "NULL"
    # Alone in its SELECT, so that no column of the dataset can be taken for a name of ours.
    named = f"{{customer}} AS customer, {{date}}::DATE AS day, {order} AS order_id, {amount} AS amount"
    return f"lines AS (SELECT {named} FROM rows)"


def _count(table: Table, params: RfmParams) -> _Counts:
    """Count what is there and what is missing in one pass, and refuse what cannot be scored."""
    counts = _Counts(
        *table.fetch(
            f"""
            WITH {_lines(params, _rough(params))},
            flags AS (
                SELECT *, customer IS NOT NULL AND day IS NOT NULL AS dated,
                    dated AND coalesce(day <= $reference::DATE, true) AS kept,
                    kept AND coalesce(amount >= 0, true) AS purchase
                FROM lines
            )
            SELECT count(*), count(customer), count(day), count_if(dated), min(day) FILTER (dated),
                count_if(dated AND NOT kept), count_if(kept), count_if(kept AND amount IS NULL),
                count_if(purchase AND order_id IS NULL), count_if(kept AND amount < 0),
                coalesce(fsum(amount) FILTER (kept AND amount < 0), 0), coalesce(max(abs(amount)) FILTER (kept), 0),
                min(day) FILTER (purchase), max(day) FILTER (purchase)
            FROM flags
            """,
            **_names(params),
        )[0]
    )
    _refuse(counts, params)
    return counts


def _refuse(counts: _Counts, params: RfmParams) -> None:
    what = " times ".join(f"“{getattr(params, name)}”" for name in _factors(params))
    field = _factors(params)[0]
    if not counts.rows:
        raise DataError("This table has no rows. Use one with purchases in it.")
    if not counts.customers:
        raise DataError(
            f"“{params.customer}” is empty in every row; choose the column that says who bought.", field="customer"
        )
    if not counts.dates:
        raise DataError(
            f"“{params.date}” is empty in every row; choose the column that says when they bought.", field="date"
        )
    if not counts.dated:
        raise DataError(
            f"No row has both a “{params.customer}” and a “{params.date}”; choose other columns.", field="date"
        )
    if not counts.kept:
        raise DataError(
            f"Every purchase is after {_day(params.reference_date)}, the first on {_day(counts.first_day)}; "
            "choose a later reference date.",
            field="reference_date",
        )
    if counts.no_amount == counts.kept:
        raise DataError(f"{what} is missing in every row; choose another column for the amount.", field=field)
    if counts.last is None:
        raise DataError(
            f"{what} is negative in every row, so nothing was bought; if purchases are written with a minus, "
            "turn the sign round.",
            field=field,
        )
    if params.reference_date is None and counts.last == dt.date.max:
        raise DataError(
            f"“{params.date}” goes up to {_day(counts.last)}; give a reference date.", field="reference_date"
        )
    if counts.largest * counts.kept > _LARGEST:
        raise DataError(
            f"{what} goes up to {counts.largest:.0e}, which is no sum of money; choose another column.", field=field
        )


def _check_two(customers: int) -> None:
    if customers < 2:
        raise DataError(
            "Only one customer has bought here, and RFM compares customers with each other; "
            "choose another customer column.",
            field="customer",
        )


def _money(table: Table, params: RfmParams, counts: _Counts) -> tuple[str, str]:
    """The amount of a row as SQL that is exact, and the type its sums are stored in.

    DuckDB multiplies DECIMAL(12,2) by DECIMAL(12,2) in 18 digits and raises on the first product
    that has more, and INTEGER by INTEGER in 32 bits: factors are widened first where they need it.
    """
    factors = _factors(params)
    kinds = [_digits(table.schema[getattr(params, name)].sql) for name in factors]
    scale = sum(kind[1] for kind in kinds if kind)
    total = counts.largest * counts.kept * 10**scale
    if None in kinds or total > 1e37 or scale > 30:
        return f"({_rough(params)})::DECIMAL(38,{_FLOAT_SCALE})", "DOUBLE"
    narrow = counts.largest * 10**scale < 1e17 and scale < 18 and all(kind[0] <= 18 for kind in kinds if kind)
    digits = 18 if narrow else 38
    product = " * ".join(
        f"{{{name}}}::DECIMAL({digits},{kind[1]})" for name, kind in zip(factors, kinds, strict=True) if kind
    )
    if scale == 0:
        return product, "BIGINT" if total < 1e18 else "DOUBLE"
    return product, f"DECIMAL({18 if total < 1e17 and scale < 18 else 38},{scale})"


def _digits(sql: str) -> tuple[int, int] | None:
    """Digits and decimal places of an exact number type; None for floats and what is wider."""
    if match := re.fullmatch(r"DECIMAL\((\d+),(\d+)\)", sql):
        return int(match[1]), int(match[2])
    return (_WHOLE[sql], 0) if sql in _WHOLE else None


def _measures(params: RfmParams, amount: str) -> str:
    """The common table `measures`: customer, last day, frequency (0: nothing but refunds), monetary.

    Grouped by customer and order first, then by customer: count(DISTINCT) would hold a set for
    each customer in memory and cannot spill.
    """
    # Lines without an order id are one order a day.
    key = "order_id, CASE WHEN order_id IS NULL THEN day END" if params.order else "day"
    refunds = "amount" if params.refunds == "keep" else "CASE WHEN amount >= 0 THEN amount END"
    return f"""
        {_lines(params, amount)},
        orders AS (
            SELECT customer, max(CASE WHEN amount < 0 THEN NULL ELSE day END) AS last, sum({refunds}) AS paid
            FROM lines
            WHERE customer IS NOT NULL AND day IS NOT NULL AND coalesce(day <= $reference::DATE, true)
            GROUP BY customer, {key}
        ),
        measures AS (
            SELECT customer, max(last) AS last, count(last) AS frequency, coalesce(sum(paid), 0) AS monetary
            FROM orders GROUP BY customer
        )
    """


def _score(table: Table, params: RfmParams, counts: _Counts, job: Job) -> dict[str, Any]:
    """Make `customers`, and count those that it leaves out because they only have refunds."""
    amount, stored = _money(table, params, counts)
    measures = job.table(
        "measures",
        f"WITH {_measures(params, amount)} SELECT customer, last, frequency::INTEGER AS frequency, "
        f"monetary::{stored} AS monetary FROM measures",
        **_names(params),
    )
    bought, refunded = measures.fetch("SELECT count_if(frequency > 0), count_if(frequency = 0) FROM rows")[0]
    _check_two(bought)
    job.report(2, 5, "Scoring customers")
    reference = dt.date.fromisoformat(_period(params, counts)["reference_date"])
    customers = _beside(
        measures, "customers", _CUSTOMERS, reference=reference, q=params.quantiles, n=bought,
        grid=[segment for row in GRID for segment in row],
    )  # fmt: skip
    measures.path.unlink()
    return {"customers": customers, "refunded": refunded}


# rank() - 1 is the number of customers strictly worse; for recency the worse bought last earlier.
_CUSTOMERS = """
    WITH ranked AS (
        SELECT *, (1 + $q * (rank() OVER (ORDER BY last) - 1) // $n)::TINYINT AS r,
            (1 + $q * (rank() OVER (ORDER BY frequency) - 1) // $n)::TINYINT AS f,
            (1 + $q * (rank() OVER (ORDER BY monetary) - 1) // $n)::TINYINT AS m
        FROM rows WHERE frequency > 0
    ),
    fifths AS (
        SELECT *, (5 * r + $q - 1) // $q AS r5, ((5 * f + $q - 1) // $q + (5 * m + $q - 1) // $q + 1) // 2 AS fm5
        FROM ranked
    )
    SELECT customer, date_diff('day', last, $reference::DATE)::INTEGER AS recency_days, frequency, monetary,
        r, f, m, ($grid)[5 * (r5 - 1) + fm5] AS segment
    FROM fifths ORDER BY monetary DESC, customer
"""

_SEGMENTS = """
    WITH found AS (
        SELECT segment, count(*) AS customers, {total} AS revenue,
            avg(recency_days) AS recency_days, avg(frequency) AS frequency
        FROM rows GROUP BY segment
    ),
    every AS (SELECT unnest($names) AS segment, unnest($advice) AS advice, unnest(range(len($names))) AS place),
    filled AS (
        SELECT * EXCLUDE (customers, revenue), coalesce(customers, 0) AS customers, coalesce(revenue, 0) AS revenue
        FROM every LEFT JOIN found USING (segment)
    )
    SELECT segment, customers, customers / sum(customers) OVER () AS share, revenue,
        CASE WHEN sum(revenue) OVER () > 0 THEN revenue / sum(revenue) OVER () END AS revenue_share,
        recency_days, frequency, revenue / nullif(customers, 0) AS monetary, advice
    FROM filled ORDER BY revenue DESC, customers DESC, place
"""

_RF_GRID = """
    WITH scores AS (SELECT unnest(range(1, $q + 1))::TINYINT AS score),
    found AS (SELECT r, f, count(*) AS customers FROM rows GROUP BY r, f)
    SELECT a.score AS r, b.score AS f, coalesce(customers, 0) AS customers
    FROM scores a CROSS JOIN scores b LEFT JOIN found ON r = a.score AND f = b.score ORDER BY a.score, b.score
"""

_MARKS = """
    SELECT recency_days::DOUBLE AS recency_days, frequency::DOUBLE AS frequency, 1 AS customers, segment
    FROM rows ORDER BY recency_days, frequency, segment
"""

_CELLS = """
    WITH parts AS (
        SELECT floor($across * ln(1 + recency_days)) AS x, floor($up * ln(frequency)) AS y, segment,
            count(*) AS n, sum(recency_days) AS days, sum(frequency) AS orders
        FROM rows GROUP BY ALL
    )
    SELECT sum(days) / sum(n) AS recency_days, sum(orders) / sum(n) AS frequency, sum(n)::BIGINT AS customers,
        arg_max(segment, (n, segment)) AS segment
    FROM parts GROUP BY x, y ORDER BY x, y
"""

_BARS = """
    SELECT '{measure}' AS measure, (${measure}_start + bar) * ${measure}_width::DOUBLE AS low,
        CASE WHEN bar = ${measure}_bars - 1 THEN ${measure}_end
            ELSE (${measure}_start + bar + 1) * ${measure}_width END::DOUBLE AS high,
        coalesce(n, 0) AS customers
    FROM (SELECT unnest(range(${measure}_bars)) AS bar)
    LEFT JOIN (
        SELECT count(*) AS n,
            least(floor({measure}::DOUBLE / ${measure}_width) - ${measure}_start, ${measure}_bars - 1)::BIGINT AS bar
        FROM rows GROUP BY bar
    ) USING (bar)
"""


def _beside(source: Spilled, name: str, sql: str, **names: Any) -> Spilled:
    """Store the answer to `sql`, asked of `source`, as the table `name` in the same folder."""
    return source.store(source.path.with_name(f"{name}.parquet"), sql, **names)


def _spreads(customers: Spilled) -> dict[str, _Spread]:
    """Each measure's spread, by sorting it on disk: the quantile functions hold all values in memory."""
    places = (0, (customers.rows - 1) // 2, math.ceil(0.99 * customers.rows) - 1, customers.rows - 1)
    parts = [
        f"(SELECT {measure}::DOUBLE FROM rows ORDER BY {measure} LIMIT 1 OFFSET {place})"
        for measure in MEASURES
        for place in places
    ]
    found = iter(customers.fetch(f"SELECT {', '.join(parts)}")[0])
    return {measure: _Spread(*(next(found) for _ in _Spread._fields)) for measure in MEASURES}


def _scatter(customers: Spilled, spreads: dict[str, _Spread]) -> Spilled:
    if customers.rows <= MARKS:
        return _beside(customers, "scatter", _MARKS)
    tops = (1 + spreads["recency_days"].highest, spreads["frequency"].highest)
    # A hair less than the number of cells, so that the largest value falls into the last one.
    across, up = (cells * (1 - 1e-9) / (math.log(top) or 1.0) for cells, top in zip(CELLS, tops, strict=True))
    return _beside(customers, "scatter", _CELLS, across=across, up=up)


def _distributions(customers: Spilled, spreads: dict[str, _Spread]) -> Spilled:
    """Bars of one round width up to the 99th percentile; the last bar takes all beyond it."""
    parts = []
    names: dict[str, float] = {}
    for measure, spread in spreads.items():
        width = _round_width((spread.most - spread.lowest) / 20, whole=measure != "monetary")
        start = math.floor(spread.lowest / width)
        bars = math.floor(spread.most / width) - start + 1
        names |= {f"{measure}_width": width, f"{measure}_start": start, f"{measure}_bars": bars}
        names[f"{measure}_end"] = max(spread.highest, (start + bars) * width)
        parts.append(_BARS.format(measure=measure))
    return _beside(
        customers, "distributions", f"SELECT * FROM ({' UNION ALL '.join(parts)}) ORDER BY measure, low", **names
    )


def _round_width(width: float, *, whole: bool) -> float:
    """The next of 1, 2, 5, 10, 20, ... times a power of ten; at least 1 where the values are whole."""
    if width <= 0 or (whole and width <= 1):
        return 1.0
    power = 10.0 ** math.floor(math.log10(width))
    return next(step * power for step in (1, 2, 5, 10) if step * power >= width * (1 - 1e-9))


def _unit(params: RfmParams) -> str:
    return "orders" if params.order else "days"


def _period(params: RfmParams, counts: _Counts) -> dict[str, str]:
    assert counts.first is not None
    assert counts.last is not None
    reference = params.reference_date or counts.last + dt.timedelta(days=1)
    return {
        "period_start": counts.first.isoformat(),
        "period_end": counts.last.isoformat(),
        "reference_date": reference.isoformat(),
    }


def _total(customers: Spilled) -> str:
    """The SQL that sums monetary exactly, as `_money` summed it."""
    if customers.schema["monetary"].sql == "DOUBLE":
        return f"sum(monetary::DECIMAL(38,{_FLOAT_SCALE}))::DOUBLE"
    return "sum(monetary)"


def _facts(
    customers: Spilled, segments: Spilled, spreads: dict[str, _Spread], params: RfmParams, counts: _Counts
) -> dict[str, Any]:
    revenue, orders, once = customers.fetch(
        f"SELECT {_total(customers)}, sum(frequency), count_if(frequency = 1) FROM rows"
    )[0]
    found = {row[0]: row[1:] for row in segments.fetch("SELECT segment, customers, revenue FROM rows")}
    facts: dict[str, Any] = {
        "customers": customers.rows,
        "revenue": _plain(revenue),
        "orders": int(orders),
        "frequency_unit": _unit(params),
        **_period(params, counts),
        "quantiles": params.quantiles,
        "refunds": counts.refunds,
        "refunded": counts.refunded,
    }
    for name, group in {"champions": ["Champions"], "slipping": ["At risk", "Cannot lose them"]}.items():
        many = sum(found[segment][0] for segment in group)
        worth = sum(found[segment][1] for segment in group)
        facts |= {
            name: many,
            f"{name}_share": many / customers.rows,
            f"{name}_revenue": _plain(worth),
            f"{name}_revenue_share": float(worth / revenue) if revenue > 0 else None,
        }
    facts["once"] = once
    for measure, spread in spreads.items():
        facts[f"{measure.removesuffix('_days')}_median"] = spread.median
    return facts | {"marks": customers.rows <= MARKS}


def _plain(number: Any) -> int | float:
    """A sum as JSON can say it."""
    return number if isinstance(number, int) else float(number)


def _notes(
    facts: dict[str, Any], params: RfmParams, counts: _Counts, scored: dict[str, Any], segments: Spilled
) -> list[str]:
    """The caveats that apply, each as a bold fact and what it means."""
    notes = []

    def note(count: int, one: str, more: str, meaning: str) -> None:
        if count:
            notes.append(f"{_many(count, one, more)}. {meaning}")

    note(counts.rows - counts.customers, "row has no customer", "rows have no customer", "They are left out.")
    note(counts.customers - counts.dated, "row has no date", "rows have no date", "They are left out.")
    if counts.late:
        after = f"after {_day(params.reference_date)}"
        note(
            counts.late, f"row is {after}", f"rows are {after}", "They are left out: recency counts back from that day."
        )
    meaning = "They count as purchases and add nothing to revenue."
    note(counts.no_amount, "row has no amount", "rows have no amount", meaning)
    done = "left out" if params.refunds == "exclude" else "kept in the amounts"
    meaning = f"They sum to \u2212{-counts.refunded:,.2f}; a refund is no purchase, so recency and frequency ignore it."
    note(counts.refunds, f"refund is {done}", f"refunds are {done}", meaning)
    meaning = "They bought nothing in this table and are left out, their refunds with them."
    note(scored["refunded"], "customer has only refunds", "customers have only refunds", meaning)
    if not params.order:
        notes.append("Frequency counts days with a purchase. Without an order column, all purchases of a day are one.")
    else:
        meaning = "Those of one customer and day count as one order."
        note(counts.no_order, "row has no order id", "rows have no order id", meaning)
    if params.reference_date is None:
        last, reference = (_day(dt.date.fromisoformat(facts[name])) for name in ("period_end", "reference_date"))
        meaning = f"The reference date is therefore {reference}; recency 1 means the day before it."
        notes.append(f"The last purchase is on {last}. {meaning}")
    if facts["once"] * 2 > facts["customers"]:
        notes.append(
            f"{facts['once']:,} of {facts['customers']:,} customers bought once. "
            "They share one frequency score, so frequency tells little here."
        )
    if facts["revenue"] <= 0:
        notes.append("Revenue is not above zero. Shares of it would mean nothing and are left empty.")
    if unreached := [name for name in SEGMENTS if name not in _reached(params.quantiles)]:
        notes.append(
            f"Scores from 1 to {params.quantiles} are too coarse for all 11 segments. "
            f"Nobody can be in {', '.join(unreached)}."
        )
    absent = segments.fetch("SELECT recency_days FROM rows WHERE segment = 'At risk'")[0][0]
    at_risk = (
        f"; an “At risk” customer has been away {_many(round(absent), 'day', 'days')} on average" if absent else ""
    )
    notes.append(
        f"Scores compare these {facts['customers']:,} customers with each other. "
        f"Half of them bought within {facts['recency_median']:,.0f} days of the reference date{at_risk}."
    )
    return notes


def _reached(quantiles: int) -> set[str]:
    """The segments that scores from 1 to `quantiles` can lead to."""
    fifths = {math.ceil(5 * score / quantiles) for score in range(1, quantiles + 1)}
    return {GRID[r - 1][math.ceil((f + m) / 2) - 1] for r in fifths for f in fifths for m in fifths}


def _many(count: int, one: str, more: str) -> str:
    return f"{count:,} {one if count == 1 else more}"


def _day(day: dt.date | None) -> str:
    assert day is not None
    return f"{day.day} {day:%b %Y}"


# Of every 100 customers planted, by recency score (rows, 1 to 5) and frequency score (columns, 1 to 5);
# each row and column sums to 20, so that each score is a true fifth. Amount goes with frequency.
_PLANTED = ((10, 6, 3, 1, 0), (6, 5, 4, 3, 2), (2, 4, 6, 5, 3), (1, 3, 4, 6, 6), (1, 2, 3, 5, 9))


def example(rows: int) -> tuple[DataFrame, RfmParams]:
    """Make the lines of a shop's orders whose customers' segments are known: of every 100, exactly

    Champions 20, Loyal customers 14, Potential loyalists 12, New customers 1, Promising 1, Need
    attention 6, About to sleep 6, At risk 10, Cannot lose them 3, Hibernating 11, Lost 16. The
    ranges of the five scores do not touch, in any of the three measures, refunds included. Columns:
    customer_id (text with leading zeros), order_id, order_date, product, quantity, unit_price. At
    least 700 rows are made, since that many are needed for 100 customers.
    """
    import numpy as np
    import pandas as pd

    random = np.random.default_rng(1994)
    n = 100 * max(1, rows // 1_400)
    pairs = [(r, f) for r in range(5) for f in range(5) for _ in range(_PLANTED[r][f])]
    r, f = np.array(pairs * (n // 100)).T[:, random.permutation(n)]

    def within(ranges: list[tuple[int, int]], level: Any) -> Any:
        low, high = np.array(ranges).T
        return random.integers(low[level], high[level], endpoint=True)

    end = np.datetime64("2025-06-30")
    days = within([(180, 360), (75, 150), (25, 60), (8, 20), (0, 6)], r)
    orders = within([(1, 1), (2, 3), (4, 5), (6, 9), (12, 18)], f)
    # Lines vary by a fifth, so totals stay within 8-24, 28-72, 88-240, 280-720 and from 1,200 up.
    worth = within([(10, 20), (35, 60), (110, 200), (350, 600), (1_500, 4_000)], f)

    buyer = np.repeat(np.arange(n), orders)
    first = np.r_[0, orders.cumsum()[:-1]]
    before = random.integers(1, 400, len(buyer))
    before[first] = 0  # one order of each customer is the last
    ordered = end - (days[buyer] + before)
    refunds = n // 20
    rows = max(rows, len(buyer) + refunds)
    lines = np.full(len(buyer), (rows - refunds) // len(buyer))
    lines[random.permutation(len(buyer))[: (rows - refunds) % len(buyer)]] += 1
    line = np.repeat(np.arange(len(buyer)), lines)
    per_buyer = np.bincount(buyer[line], minlength=n)
    quantity = random.integers(1, 4, len(line), endpoint=True)
    spread = random.uniform(0.8, 1.2, len(line))
    price = np.maximum(0.01, np.round(worth[buyer[line]] / per_buyer[buyer[line]] * spread / quantity, 2))
    minutes = random.integers(8 * 60, 20 * 60, len(buyer))

    # Some who bought most often send back one unit of one of their many lines: too little to lose a score.
    back = np.searchsorted(buyer[line], random.choice(np.flatnonzero(f == 4), refunds, replace=False))
    every = np.r_[np.arange(len(line)), back]
    is_refund = np.arange(len(every)) >= len(line)
    order = line[every]
    number = np.where(is_refund, len(buyer) + np.arange(len(every)) - len(line), order)
    frame = pd.DataFrame(
        {
            "customer_id": pd.Series(buyer[order] + 1).astype(str).str.zfill(6),
            "order_id": number + 500_001,
            "order_date": ordered[order] + minutes[order].astype("timedelta64[m]"),
            "product": np.array(["Tea", "Coffee", "Cocoa", "Cup", "Pot", "Filter", "Biscuits"])[order % 7],
            "quantity": np.where(is_refund, -1, quantity[every]),
            "unit_price": price[every],
        }
    ).sort_values(["order_date", "order_id"], kind="stable", ignore_index=True)
    return frame, RfmParams(
        customer="customer_id", date="order_date", quantity="quantity", price="unit_price", order="order_id"
    )


ANALYSIS = Analysis(
    slug="rfm",
    title="RFM segments",
    summary="Which customers buy recently, often and for much, and what to do about each group?",
    params=RfmParams,
    run=run,
    cost=cost,
    example=example,
    preview=preview,
)
