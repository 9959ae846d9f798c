"""RFM: who the customers are, what they are worth, and what to do about each group."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

from dash import html
from dash.development.base_component import Component

from layouts import answers, blocks, charts, ids, tables, words
from layouts.places import Place
from services.results import StoredResult

PLACE = Place(
    group="Customers",
    label="RFM",
    icon="users",
    brief="Who buys recently, often and for much.",
    gives=(
        ("Segments", "Eleven named groups with size, revenue and one line on what to do."),
        ("Customers", "Recency, frequency, monetary and scores for each, to filter and export."),
        ("Pictures", "Treemap, recency against frequency, every customer as a mark."),
    ),
    misleads=(
        "Scores compare customers with each other, so a fifth is always “best”, even in a bad year.",
        "Shops with one purchase per customer (cars, kitchens) get no meaning from frequency.",
    ),
    exports=(("customers", "csv"), ("customers", "xlsx"), ("segments", "csv")),
)

# Worth a colour of their own among the marks: the best, and the most expensive to lose.
_SHOWN = ("Champions", "Cannot lose them")
_MEASURES = {"recency_days": "Days since the last purchase", "frequency": "Purchases", "monetary": "Paid in all"}


def before(known: Mapping[str, Any], figures: Mapping[str, Any]) -> str:
    """What can be said before the first run, from the profile alone."""
    by_name = {column["name"]: column for column in figures["columns"]}
    customer = by_name.get(known["roles"].get("customer", ""))
    rows = words.plural(figures["rows"], "row")
    if customer is None:
        return f"{rows} are ready. Say which column names the customer."
    return f"{words.plural(customer['distinct'], 'customer')} in {rows} are ready to be scored."


def view(result: StoredResult) -> html.Div:
    """Draw the segments, the scores and the customers."""
    facts = result.facts
    return answers.answer(
        result,
        _lede(facts),
        [
            ("Customers", words.count(facts["customers"])),
            ("Revenue", words.count(facts["revenue"])),
            ("Orders" if facts["frequency_unit"] == "orders" else "Days with a purchase", words.count(facts["orders"])),
            ("Period", f"{_day(facts['period_start'])} \u2013 {_day(facts['period_end'])}"),
        ],
        _treemap(result),
        blocks.pair(_scores(result), _marks(result)),
        _segments(result),
        _spreads(result),
        answers.grid(
            result,
            "customers",
            [
                answers.Shown("customer", "Customer", plain=True),
                answers.Shown("recency_days", "Recency, days"),
                answers.Shown("frequency", "Frequency"),
                answers.Shown("monetary", "Monetary"),
                answers.Shown("r", "R", width=72),
                answers.Shown("f", "F", width=72),
                answers.Shown("m", "M", width=72),
                answers.Shown("segment", "Segment"),
            ],
            title="Customers",
        ),
    )  # fmt: skip


def _lede(facts: Mapping[str, Any]) -> str:
    said = f"{words.count(facts['champions'])} Champions are {words.percent(facts['champions_share'])} of customers"
    if facts["champions_revenue_share"] is not None:
        said += f" and bring {words.percent(facts['champions_revenue_share'])} of revenue"
    said += "."
    if facts["slipping"]:
        worth = facts["slipping_revenue_share"]
        value = f", worth {words.percent(worth)}," if worth is not None else ""
        said += f" {words.count(facts['slipping'])} good customers{value} are slipping away."
    return said


def _day(text: str) -> str:
    return words.day(dt.date.fromisoformat(text[:10]))


def _share(part: float | None) -> str:
    return words.NONE if part is None else words.percent(part)


def _treemap(result: StoredResult) -> Component:
    rows = [row for row in result.rows("segments") if row["customers"]]
    each = [(row["revenue"] or 0) / row["customers"] for row in rows]
    texts = [[words.plural(row["customers"], "customer"), f"{_share(row['revenue_share'])} of revenue"] for row in rows]
    names = [row["segment"] for row in rows]
    brief = [f"{words.count(row['customers'])} · {_share(row['revenue_share'])}" for row in rows]
    figure = charts.treemap(names, [row["customers"] for row in rows], each, texts, brief=brief)
    twin = blocks.Twin(
        columns=["Segment", "Customers", "Revenue per customer"],
        rows=[
            [row["segment"], words.count(row["customers"]), words.count(worth)]
            for row, worth in zip(rows, each, strict=True)
        ],
        caption="Customers and revenue per customer by segment",
    )
    explained = [
        "Area: customers. Colour: revenue per customer ", blocks.scale(words.count(min(each)), words.count(max(each))),
        " Click a tile to filter the customers.",
    ]  # fmt: skip
    graph = charts.graph(
        figure, ids.mark("customers", "segment"), 300, label="Segments by customers and revenue", className="treemap"
    )
    return blocks.picture("Who they are, what they are worth", explained, graph, twin, main=True)


def _scores(result: StoredResult) -> Component:
    rows = result.rows("rf_grid")
    scale = list(range(1, result.about["params"]["quantiles"] + 1))
    counts = {(row["r"], row["f"]): row["customers"] for row in rows}
    cells = [[counts.get((r, f), 0) for f in scale] for r in scale]
    figure = charts.heatmap(
        scale, scale, cells, x_title="Frequency score: rare → often", y_title="Recency score: long ago → lately"
    )
    body = [[str(r), *(words.count(count) for count in row)] for r, row in zip(scale, cells, strict=True)]
    heads = ["Recency \\ frequency", *map(str, scale)]
    twin = blocks.Twin(columns=heads, rows=body, caption="Customers by recency and frequency score")
    graph = charts.graph(figure, height=300, label="Customers by recency and frequency score")
    return blocks.picture("Recency against frequency", "customers per cell", graph, twin)


def _marks(result: StoredResult) -> Component:
    rows = result.rows("scatter")
    each = bool(result.facts["marks"])
    groups = []
    for tone, segment in enumerate(("rest", *_SHOWN)):
        mine = [row for row in rows if (row["segment"] == segment if tone else row["segment"] not in _SHOWN)]
        if not mine:
            continue
        x, y = [max(row["recency_days"], 0.5) for row in mine], [row["frequency"] for row in mine]
        label = segment if tone else "everyone else"
        at = _middle(x, y, high=bool(tone))
        groups.append(charts.Group(x=x, y=y, label=label, label_at=at, tone=tone - 1 if tone else "rest"))
    said = f"{words.plural(len(rows), 'mark')}, log scales" if each else (
        f"{words.plural(len(rows), 'cell')} of {words.count(result.facts['customers'])} customers, log scales"
    )  # fmt: skip
    unit = result.facts["frequency_unit"].capitalize()
    figure = charts.scatter(groups, x_title="Days since the last purchase", y_title=unit, log_x=True, log_y=True)
    cells = [
        [row["segment"], *(words.short(row[at]) for at in ("recency_days", "frequency")), words.count(row["customers"])]
        for row in rows[:100]
    ]
    twin = blocks.Twin(
        columns=["Segment", "Days", unit, "Customers"],
        rows=cells,
        caption="Recency and frequency",
        more=f"and {words.count(len(rows) - 100)} more" if len(rows) > 100 else None,
    )
    graph = charts.graph(figure, height=300, label="Every customer by recency and frequency")
    return blocks.picture("Every customer", said, graph, twin)


def _middle(x: list[float], y: list[float], *, high: bool) -> tuple[float, float]:
    """Where to write a group's name: above its marks, or below everyone's."""
    ordered = sorted(x)
    return ordered[len(ordered) // 2], max(y) * 1.25 if high else min(y) * 1.1


def _segments(result: StoredResult) -> Component:
    rows = result.rows("segments")
    longest = max((row["revenue_share"] or 0 for row in rows), default=0) or 1
    columns = [
        tables.Column(title="Segment", look="name"),
        tables.Column(title="Customers", look="number"),
        tables.Column(title="Share of revenue", look="bar"),
        tables.Column(title="Recency", look="number", unit="days"),
        tables.Column(title="Frequency", look="number"),
        tables.Column(title="Monetary", look="number"),
        tables.Column(title="What to do", look="advice"),
    ]
    drawn = []
    for row in rows:
        name = html.Button(
            row["segment"], id=ids.pick("customers", "segment", row["segment"]), className="text-link row-link",
            type="button", title=f"Show the customers of {row['segment']}",
        )  # fmt: skip
        share = row["revenue_share"]
        strong = row["segment"] in ("Champions", "At risk", "Cannot lose them")
        drawn.append(
            [
                name,
                tables.with_share(words.count(row["customers"]), words.percent(row["share"])),
                words.NONE
                if share is None
                else tables.bar(max(share, 0) / longest, words.percent(share), strong=strong),
                *(
                    words.NONE if row[at] is None else words.number_of(row[at], 1)
                    for at in ("recency_days", "frequency")
                ),
                words.NONE if row["monetary"] is None else words.count(row["monetary"]),
                row["advice"],
            ]
        )
    return blocks.section(
        blocks.heading("Segments", f"{len(rows)}, by revenue"), tables.table(columns, drawn, caption="Segments")
    )


def _spreads(result: StoredResult) -> Component:
    rows = result.rows("distributions")
    drawn = []
    for measure, title in _MEASURES.items():
        bars = [row for row in rows if row["measure"] == measure]
        if not bars:
            continue
        # The last bar reaches to the largest value: it is counted in the subtitle, not drawn.
        cut = (
            bars.pop()
            if len(bars) > 2 and bars[-1]["high"] - bars[-1]["low"] > 2 * (bars[0]["high"] - bars[0]["low"])
            else None
        )
        edges = [*(row["low"] for row in bars), bars[-1]["high"]]
        counts = [row["customers"] for row in bars]
        said = (
            f"{words.count(cut['customers'])} above {words.short(cut['low'])} not drawn" if cut else "customers per bar"
        )
        median = result.facts[f"{measure.removesuffix('_days')}_median"]
        figure = charts.histogram(edges, counts, median=median)
        twin = blocks.Twin(
            columns=["From", "Customers"],
            rows=[[words.short(low), words.count(count)] for low, count in zip(edges, counts, strict=False)],
            caption=title,
        )
        graph = charts.graph(figure, height=220, label=f"{title}: how customers are spread")
        drawn.append(blocks.picture(title, said, graph, twin))
    return html.Div(drawn, className="triple")
