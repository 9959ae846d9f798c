"""What the views of analyses share: the whole answer, a grid of a stored table, plain words for its columns."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

from dash import html
from dash.development.base_component import Component

from layouts import blocks, ids, states, tables, words
from layouts.analysis_page import provenance
from services.results import StoredResult

HEIGHT = 404


def answer(
    result: StoredResult, lede: str, facts: Sequence[tuple[str, Any]], *parts: Component | None
) -> html.Div:
    """One sentence, what it rests on, the facts; then pictures and tables; then the caveats."""
    made = dt.datetime.fromtimestamp(result.about["made"])
    gone = result.evicted()
    lost = (
        states.note(
            "evicted",
            f"{words.plural(len(gone), 'large table')} of this result made room for others.",
            "Facts, segments and caveats are kept. Run again to make it anew.",
        )
        if gone
        else None
    )
    notes = result.notes
    return html.Div(
        [
            blocks.lede(lede),
            provenance(result, words.moment(made)),
            lost,
            blocks.facts(*(blocks.fact(label, value) for label, value in facts)),
            *parts,
            blocks.caveats(notes) if notes else None,
        ]
    )


def grid(
    result: StoredResult,
    table: str,
    titles: Mapping[str, str],
    *,
    title: str,
    numbers: Sequence[str] = (),
) -> Component:
    """A stored table as a grid, asked for by page; `titles` names its columns, in the order shown."""
    if table in result.evicted():
        return blocks.section(
            blocks.heading(title), states.empty("These rows made room for others", "Run again.")
        )
    kinds = {column["name"]: column["kind"] for column in result.tables[table]["columns"]}
    columns = []
    for name, said in titles.items():
        column: dict[str, Any] = {"field": name, "headerName": said}
        if kinds[name] in {"integer", "decimal"}:
            column |= {"type": "number", "filter": "agNumberColumnFilter"}
            decimals = 2 if kinds[name] == "decimal" else 0
            column["valueFormatter"] = {
                "function": f"params.value == null ? '' : d3.format(',.{decimals}f')(params.value)"
            }
        else:
            column["filter"] = "agTextColumnFilter"
        columns.append(column)
    rows = result.tables[table]["rows"]
    drawn = tables.grid(
        ids.grid(table), columns, height=min(HEIGHT, 40 + 34 * max(rows, 1)), label=title
    )
    said = html.Span(words.count(rows), id=ids.picked(table))
    return blocks.section(blocks.heading(title, said), drawn)
