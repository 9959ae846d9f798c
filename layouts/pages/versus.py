"""Versions compared: two of one table held against each other, row by row and column by column."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import dash_bootstrap_components as dbc
from dash import html
from dash.development.base_component import Component

from layouts import blocks, controls, ids, runs, states, tables, words
from layouts.column_panel import different
from services.cleaning.versus import BY_CONTENT, BY_PLACE, Versus
from services.quality import quality
from services.schema import MEANS

Known = Mapping[str, Any]  # what is known of a dataset, with its `profile`

_WAYS = {BY_PLACE: "their place", BY_CONTENT: "what they hold"}


def page(root: Known, chosen: Component, drawn: Sequence[Component]) -> html.Div:
    """Lay out the page; `chosen` is what asks, `drawn` what differs."""
    back = blocks.button("Back to cleaning", symbol="brush-cleaning", href=f"/cleaning?dataset={root['id']}")
    return blocks.page(
        blocks.header("Compare versions", f"What is different between two versions of {root['name']}", [back]),
        chosen,
        html.Div(list(drawn), id=ids.versus("said"), **{"aria-live": "polite"}),
        *runs.slots({}),
        *runs.places(),
    )


def refused(why: str) -> html.Div:
    """The page where there is nothing to compare."""
    action = blocks.button("Go to cleaning", kind="primary", href="/cleaning")
    return blocks.page(
        blocks.header("Compare versions"),
        states.empty(why, "Each time a recipe is applied, a version is made. Two can be compared.", action, height=280),
        *runs.slots({}),
        *runs.places(),
    )


def choices(versions: Sequence[Known], before: str, after: str, ways: Sequence[str]) -> html.Div:
    """Which two, and how their rows are told apart."""
    options = [{"label": each["name"], "value": each["id"]} for each in versions]
    by = dbc.Select(way_options(ways), " ", id=ids.versus("by"), size="sm")
    return html.Div(
        [
            controls.field("From", dbc.Select(options, before, id=ids.versus("before"), size="sm")),
            controls.field("To", dbc.Select(options, after, id=ids.versus("after"), size="sm")),
            controls.field("Rows are told apart by", by),
        ],
        className="versus-asked",
    )


def way_options(ways: Sequence[str]) -> list[dict[str, str]]:
    """What may tell rows apart: a column, their place, or what they hold."""
    best = {"label": f"{_WAYS.get(ways[0], ways[0])} (the best way)", "value": " "}
    return [best, *({"label": _WAYS.get(way, way), "value": way} for way in ways[1:])]


def drawn(before: Known, after: Known, found: Versus | None, why: str = "") -> list[Component]:
    """What differs: in a sentence, in figures, by column, and in examples; without rows compared, `why`."""
    parts = [
        blocks.lede(said(before, after, found)),
        states.note("stale", "The rows are not compared.", why) if found is None else None,
        blocks.facts(*_facts(before, after, found)),
        blocks.section(
            blocks.heading("Columns", "over every row of both"),
            _columns(before, after, found),
        ),
        _examples(found),
    ]
    return [part for part in parts if part is not None]


def said(before: Known, after: Known, found: Versus | None) -> str:
    """What differs, in a sentence."""
    if before["id"] == after["id"]:
        return "These are one and the same version."
    if found is None:
        return f"{words.plural(before['rows'], 'row')} became {words.count(after['rows'])}."
    parts = [
        f"{words.plural(found.removed, 'row')} went" if found.removed else "",
        f"{words.plural(found.added, 'row')} came" if found.added else "",
    ]
    if found.columns is not None and found.changed:
        several = sum(1 for count in found.columns.values() if count)
        cells = sum(found.columns.values())
        parts.append(
            f"{words.plural(found.changed, 'row')} changed: {words.plural(cells, 'cell')} "
            f"in {words.plural(several, 'column')}"
        )
    told = ", ".join(filter(None, parts)) or "No row differs"
    named = [f"{words.plural(len(found.new), 'column')} new" if found.new else ""]
    named.append(f"{words.plural(len(found.gone), 'column')} gone" if found.gone else "")
    rest = "; ".join([told, *filter(None, named)])
    return f"{rest}. Rows are told apart by {_WAYS.get(found.by, found.by)}."


def _facts(before: Known, after: Known, found: Versus | None) -> list[html.Div]:
    def pair(one: Any, other: Any) -> str:
        return f"{one} → {other}"

    good = [quality(each["profile"], each).said for each in (before, after)]
    facts = [
        blocks.fact("Rows", pair(words.count(before["rows"]), words.count(after["rows"]))),
        blocks.fact("Columns", pair(len(before["columns"]), len(after["columns"]))),
        blocks.fact("Quality", pair(*good), "of 100"),
    ]
    if found is not None:
        facts.append(blocks.fact("Rows gone", words.count(found.removed)))
        facts.append(blocks.fact("Rows new", words.count(found.added)))
        if found.changed is not None:
            facts.append(blocks.fact("Rows changed", words.count(found.changed)))
    return facts


def _columns(before: Known, after: Known, found: Versus | None) -> Component:
    heads = [
        tables.Column(title="Column", look="name"), tables.Column(title="Type"),
        tables.Column(title="Missing", look="number"), tables.Column(title="Different values", look="number"),
        tables.Column(title="Cells changed", look="number"),
    ]  # fmt: skip
    old = {each["name"]: each for each in before["profile"]["columns"]}
    new = {each["name"]: each for each in after["profile"]["columns"]}
    counted = (found.columns if found else None) or {}
    names = sorted([*old, *(name for name in new if name not in old)], key=lambda name: -counted.get(name, 0))
    rows = []
    for name in names:
        one, other = old.get(name), new.get(name)
        cells = words.NONE if name not in counted else words.count(counted[name])
        if one is None or other is None:
            cells = "new" if one is None else "gone"
        rows.append(
            [
                name,
                _turned(one, other, lambda each: MEANS[each["type"]]),
                _turned(one, other, lambda each: words.count(each["missing"])),
                _turned(one, other, different),
                cells,
            ]
        )
    return tables.table(heads, rows, caption="Columns of both versions")


def _turned(one: Known | None, other: Known | None, told: Any) -> str:
    """A figure of both; once where it is the same, or where only one has it."""
    texts = [told(each) for each in (one, other) if each is not None]
    return texts[0] if len(set(texts)) == 1 else " → ".join(texts)


def _examples(found: Versus | None) -> Component | None:
    if found is None or not found.examples:
        return None
    heads = [
        tables.Column(title="Row" if found.by == BY_PLACE else found.by, look="name"), tables.Column(title="Column"),
        tables.Column(title="Before", look="raw"), tables.Column(title="After", look="raw"),
    ]  # fmt: skip
    rows = [[row, column, tables.raw(old), tables.raw(new)] for row, column, old, new in found.examples]
    head = blocks.heading("Examples", "of cells that changed")
    return blocks.section(head, tables.table(heads, rows, caption="Cells that changed"))
