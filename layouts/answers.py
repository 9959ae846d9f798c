"""What the views of analyses share: the whole answer, a grid of a stored table, plain words for its columns."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from dash import html
from dash.development.base_component import Component

from layouts import blocks, ids, states, tables, words
from layouts.analysis_page import provenance
from services.results import StoredResult

HEIGHT = 404


def answer(result: StoredResult, lede: str, facts: Sequence[tuple[str, Any]], *parts: Component | None) -> html.Div:
    """One sentence, what it rests on, the facts; then pictures and tables; then the caveats."""
    made = dt.datetime.fromtimestamp(result.about["made"])
    gone = result.evicted()
    lost = (
        states.note(
            "evicted",
            f"{words.plural(len(gone), 'large table')} of this result made room for others.",
            "Facts, charts and caveats are kept. Run again makes the same answer anew.",
        )
        if gone
        else None
    )
    notes = result.notes
    return html.Div(
        [
            blocks.lede(lede, "partial") if result.is_partial else blocks.lede(lede),
            provenance(result, f"{made:%H:%M:%S}" if result.is_partial else words.moment(made)),
            lost,
            _stopped(result),
            blocks.facts(*(blocks.fact(label, value) for label, value in facts)),
            *parts,
            blocks.caveats(notes) if notes else None,
        ]
    )


def _stopped(result: StoredResult) -> Component | None:
    """The steps that this answer had to do without, each with its reason."""
    lost = result.about.get("stopped")
    if not lost:
        return None
    listed = html.Ul([html.Li([html.Strong(each["name"]), f": {each['reason']}"]) for each in lost])
    again = [] if result.is_partial else [blocks.button("Try again", id=ids.again("restart", result.about["job"]))]
    return states.note("stopped", f"{words.plural(len(lost), 'step')} stopped, and left out here.", listed, again)


@dataclass(frozen=True)
class Shown:
    """A column of a grid: its name in the table, its title; `plain` shows numbers as the ids they are."""

    name: str
    title: str
    plain: bool = False
    width: int | None = None


def grid(result: StoredResult, table: str, shown: Sequence[Shown], *, title: str) -> Component:
    """A stored table as a grid, asked for by page."""
    if table in result.evicted():
        return blocks.section(
            blocks.heading(title), states.empty("These rows made room for others", "Run again makes them anew.")
        )
    kinds = {column["name"]: column["kind"] for column in result.tables[table]["columns"]}
    columns = []
    for each in shown:
        column: dict[str, Any] = {"field": each.name, "headerName": each.title}
        if kinds[each.name] in {"integer", "decimal"}:
            column["filter"] = "agNumberColumnFilter"
        else:
            column["filter"] = "agTextColumnFilter"
        if kinds[each.name] in {"integer", "decimal"} and not each.plain:
            decimals = 2 if kinds[each.name] == "decimal" else 0
            # A number that is too long for the browser comes as text, and is shown as it stands.
            number = f"d3.format(',.{decimals}f')(params.value)"
            written = f"params.value == null ? '' : params.value === params.value + '' ? params.value : {number}"
            column |= {"type": "number", "valueFormatter": {"function": written}}
        column["minWidth"] = each.width or 124
        if each.width:
            column["maxWidth"] = each.width
        columns.append(column)
    rows = result.tables[table]["rows"]
    drawn = tables.grid(ids.grid(table), columns, height=min(HEIGHT, 40 + 34 * max(rows, 1)), label=title)
    said = html.Span(words.count(rows), id=ids.picked(table))
    return blocks.section(blocks.heading(title, said), drawn)
