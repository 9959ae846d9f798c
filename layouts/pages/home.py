"""Home: a place to drop a table; then the table at a glance, and what can be asked of it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

from dash import dcc, html
from dash.development.base_component import Component

from layouts import blocks, cards, charts, ids, offers, runs, states, tables, words
from layouts.intake import intake
from layouts.offers import Offer
from layouts.pages.several import bar
from layouts.places import place
from services.samples import Sample


def welcome(
    samples: Sequence[Sample],
    limit_mb: int,
    days: int,
    slots: Sequence[Component],
    told: Component | None = None,
    *,
    is_ephemeral: bool = False,
) -> html.Div:
    """Greet who has no table yet; `told` stands above."""
    lasts = f" {states.NOT_LASTING}" if is_ephemeral else ""
    return blocks.page(
        told,
        blocks.hero(
            "Drop a table. Get answers you can check.",
            "Every column described, every row counted. "
            "Large tables stay on disk, so they do not have to fit in memory.",
        ),
        intake(limit_mb, f"Stored on this server for this browser only, removed after {days} days without use. "
               f"Nothing is sent elsewhere.{lasts}"),
        blocks.section(
            blocks.heading("Or start with a sample", "one click, then everything works"), sample_table(samples)
        ),
        *slots,
        width="text",
    )  # fmt: skip


def nowhere(slots: Sequence[Component]) -> html.Div:
    """Say that there is no such page, and where there are some."""
    return blocks.page(
        blocks.header("There is no page here"),
        states.empty(
            "The address leads nowhere", "It may be mistyped, or the page was renamed.",
            blocks.button("Go to Home", kind="primary", href="/"), height=280,
        ),
        *slots,
        *runs.places(),
    )  # fmt: skip


def sample_table(samples: Sequence[Sample]) -> Component:
    """The samples, each one click away."""
    columns = [
        tables.Column(title="Table", look="name"),
        tables.Column(title="Rows", look="number"),
        tables.Column(title="Columns", look="number"),
        tables.Column(title="Good for", look="advice"),
        tables.Column(title="Source", look="advice"),
        tables.Column(title="", look="link"),
    ]
    rows = []
    for sample in samples:
        labels = [there.label for slug in sample.good_for if (there := place(slug))]
        action = html.Button(
            ["Open", html.Span(f" {sample.title}", className="visually-hidden")],
            id=ids.sample(sample.slug), className="text-link", type="button",
        )  # fmt: skip
        good_for = ", ".join([*labels, "Profile"])
        rows.append(
            [sample.title, words.count(sample.rows), words.count(sample.columns), good_for, sample.source, action]
        )
    return tables.table(columns, rows, caption="Samples")


def glance(
    known: Mapping[str, Any], figures: Mapping[str, Any], asked: Sequence[Offer], slots: Sequence[Component]
) -> html.Div:
    """The open table in a sentence, its facts, and a card for each analysis."""
    made = words.moment(dt.datetime.fromtimestamp(known["made"]))
    cells = figures["rows"] * len(figures["columns"])
    missing = sum(column["missing"] for column in figures["columns"])
    ready = [offer for offer in asked if not offer.missing]
    needing = [offer for offer in asked if offer.missing]
    return blocks.page(
        blocks.header(
            known["name"],
            f"Added {made} · version {known['version']}",
            [blocks.button("Open data", symbol="table-2", href="/data")],
        ),
        blocks.lede(lede(known, figures)),
        blocks.provenance(blocks.badge("All rows", "rows"), f"profiled in {words.duration(figures['seconds'])}"),
        blocks.facts(
            blocks.fact("Rows", words.count(figures["rows"])),
            blocks.fact("Columns", words.count(len(figures["columns"]))),
            blocks.fact("Empty cells", words.percent(missing / cells if cells else 0), words.count(missing)),
            blocks.fact("Duplicate rows", words.count(figures["duplicates"])),
            blocks.fact("On disk", words.size(figures["size_on_disk"]), words.file_of(known)),
        ),
        _pictures(known, figures),
        cards.roles(list(known["roles"].items()), href=f"/data?dataset={known['id']}#{ids.ROLES}"),
        _ready(ready) if ready else None,
        blocks.section(
            blocks.heading("Needs something first", words.plural(len(needing), "analysis", "analyses")),
            cards.needs_cards(
                ", ".join(offer.title for offer in needing),
                *(offers.needing(offer, known["id"]) for offer in needing),
            ),
        ) if needing else None,
        dcc.Store(id=ids.SEVERAL, data={"dataset": known["id"], "chain": None, "elsewhere": True}),
        dcc.Store(id=ids.CHAIN_NEWS),
        html.Div(runs.places(), className="intake"),
        *slots,
    )  # fmt: skip


def _ready(ready: Sequence[Offer]) -> Component:
    """What can be asked as it is: each by a click, or what is ticked one after another."""
    many = len(ready) > 1
    return blocks.section(
        blocks.heading(
            "Ready to run",
            words.plural(len(ready), "analysis", "analyses"),
            actions=[blocks.button("Tick all", small=True, id=ids.TICK_ALL)] if many else [],
        ),
        cards.cards(*(offers.ready(offer, runs=True, ticks=many) for offer in ready)),
        offers.foot(bar()) if many else html.Div(id=ids.SEVERAL_NOTE, role="status"),
    )


def lede(known: Mapping[str, Any], figures: Mapping[str, Any]) -> str:
    """What the table is, in a sentence, as far as the roles say it."""
    roles = known["roles"]
    by_name = {column["name"]: column for column in figures["columns"]}
    said = words.plural(figures["rows"], "row")
    if "customer" in roles:
        said += f" by {words.plural(by_name[roles['customer']]['distinct'], 'customer')}"
    date = by_name.get(roles.get("date", ""))
    if date and date.get("min"):
        low, high = (words.day(dt.date.fromisoformat(date[end][:10])) for end in ("min", "max"))
        said += f", {low} to {high}"
    amount = by_name.get(roles.get("amount", ""))
    if amount and amount.get("sum") is not None and "customer" in roles:
        said += f", worth {words.count(amount['sum'])} in all"
    return said + ("." if said != words.plural(figures["rows"], "row") else f" in {len(by_name)} columns.")


def _pictures(known: Mapping[str, Any], figures: Mapping[str, Any]) -> Component | None:
    """How the two most telling columns are spread: the date and the amount, by their roles."""
    drawn = []
    for role, title in (("date", "Rows over time"), ("amount", "Amounts")):
        name = known["roles"].get(role)
        column = next((each for each in figures["columns"] if each["name"] == name), None)
        if column and column.get("histogram"):
            drawn.append(spread(column, title, name))
    return blocks.pair(*drawn) if len(drawn) == 2 else (drawn[0] if drawn else None)


def spread(column: Mapping[str, Any], title: str, subtitle: str, height: int = 220) -> Component:
    """A column's histogram as a picture."""
    edges, counts = column["histogram"]["edges"], column["histogram"]["counts"]
    dated = bool(edges) and isinstance(edges[0], str)
    rows = [
        [edge[:10] if dated else words.short(edge), words.count(count)]
        for edge, count in zip(edges[:-1], counts, strict=True)
    ]
    twin = blocks.Twin(columns=["From", "Rows"], rows=rows, caption=title)
    label = f"{title}: {words.count(sum(counts))} values of {column['name']} in {len(counts)} bars"
    return blocks.picture(
        title, subtitle, charts.graph(spread_figure(column), ids.spread(column["name"]), height, label=label), twin
    )


def spread_figure(column: Mapping[str, Any]) -> charts.Figure:
    """Draw a column's histogram: dates as they are, numbers with their median."""
    edges, counts = column["histogram"]["edges"], column["histogram"]["counts"]
    if edges and isinstance(edges[0], str):
        return charts.bars([edge[:10] for edge in edges[:-1]], counts)
    return charts.histogram(edges, counts, median=column.get("median"))
