"""Data: what is in the open table, column by column, how it was read, and the other tables."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping, Sequence
from typing import Any

from dash import html
from dash.development.base_component import Component

from layouts import blocks, charts, ids, runs, states, tables, words
from layouts.icons import icon
from layouts.pages.home import intake, sample_table, spread
from services import roles
from services.samples import Sample
from services.schema import NUMERIC, TEXTUAL

_MANY_COLUMNS = 30
_WIDTHS = {"datetime": 172, "text": 160}  # of a column of the grid at least, in pixels
_GRID_HEIGHT = 422

_ICONS = {
    "integer": "hash", "decimal": "hash", "flag": "toggle-left", "date": "calendar", "datetime": "calendar",
    "text": "type", "category": "tag", "identifier": "key-round",
}  # fmt: skip
_KINDS = {
    "integer": "Whole number", "decimal": "Decimal", "flag": "Yes or no", "date": "Date", "datetime": "Date and time",
    "text": "Text", "category": "Category", "identifier": "Identifier",
}  # fmt: skip


def missing() -> html.Div:
    """The page of a table that is not there."""
    return blocks.page(
        blocks.header("Data"),
        states.empty(
            "This table is not here", "It was removed, or belongs to another browser.",
            blocks.button("See your tables", kind="primary", href="/data"), height=280,
        ),
        *runs.slots({}), *runs.places(),
    )  # fmt: skip


def damaged(known: Mapping[str, Any]) -> html.Div:
    """The page of a table of which a file is damaged."""
    remove = blocks.button("Remove it", kind="primary", id=ids.remove(known["id"]))
    return blocks.page(
        blocks.header(known["name"]),
        states.empty(
            "This table cannot be shown",
            "A file of it is damaged on the server. Remove it, and add its file again. Your other tables are whole.",
            remove, height=280,
        ),
        blocks.button("See your tables", href="/data"),
        *runs.slots({}), *runs.places(),
    )  # fmt: skip


def page(
    known: Mapping[str, Any],
    figures: Mapping[str, Any],
    others: Sequence[Mapping[str, Any]],
    samples: Sequence[Sample],
    limit_mb: int,
    slots: Sequence[Component],
    *,
    is_ephemeral: bool = False,
) -> html.Div:
    """Lay out the profile, then the tables of this visitor, then the way in."""
    cells = figures["rows"] * len(figures["columns"])
    empty = sum(column["missing"] for column in figures["columns"])
    rows, notes = words.plural(figures["rows"], "row"), known["notes"]
    read = f"What is in it · all {rows} · {words.duration(figures['seconds'])} · read as {_read_as(known)}"
    caveats = [html.A(words.plural(len(notes), "caveat"), href="#caveats", className="text-link")] if notes else []
    page = blocks.page(
        blocks.header(known["name"], read),
        blocks.lede(_lede(figures, empty, known)),
        blocks.provenance(blocks.badge("All rows", "rows"), *caveats),
        blocks.facts(
            blocks.fact("Rows", words.count(figures["rows"])),
            blocks.fact("Columns", words.count(len(figures["columns"]))),
            blocks.fact("Empty", words.percent(empty / cells if cells else 0)),
            blocks.fact("Duplicates", words.count(figures["duplicates"])),
            blocks.fact("In memory", words.size(known["memory_after"]), f"was {words.size(known['memory_before'])}"),
            blocks.fact("On disk", words.size(figures["size_on_disk"]), words.file_of(known)),
        ),
        blocks.section(
            blocks.heading("Columns", f"{len(figures['columns'])}, click one for its figures"), _columns(figures)
        ),
        _rows_of(known),
        blocks.caveats(notes) if notes else None,
        blocks.section(blocks.heading("Your tables", str(len(others))), _tables(others, known["id"])),
        blocks.section(
            blocks.heading("Add a table"),
            intake(limit_mb, states.NOT_LASTING if is_ephemeral else None),
            html.Details([html.Summary("Samples"), sample_table(samples)], className="twin"),
            id="add",
        ),
        *slots,
    )
    return html.Div([page, html.Div(id=ids.SIDE, className="side-slot")], className="with-side")


def _read_as(known: Mapping[str, Any]) -> str:
    source = known.get("source") or {}
    if "sheet" in source:
        return f"{source['format']}, sheet “{source['sheet']}”"
    if source.get("format", "CSV") != "CSV":
        return source["format"]
    delimiter = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}.get(
        known["delimiter"], known["delimiter"]
    )
    return f"{known['encoding']}, {delimiter}"


def _lede(figures: Mapping[str, Any], empty: int, known: Mapping[str, Any]) -> str:
    full = sum(column["missing"] == 0 for column in figures["columns"])
    total = len(figures["columns"])
    said = "Every cell is filled" if not empty else f"{full} of {total} columns are complete"
    twice = figures["duplicates"]
    said += ", no row comes twice." if not twice else f", {words.plural(twice, 'row repeats', 'rows repeat')} another."
    if known["rejected"]:
        said += f" {words.plural(known['rejected'], 'line')} could not be read."
    return said


def _columns(figures: Mapping[str, Any]) -> Component:
    columns = [
        tables.Column(title="Column", look="name"),
        tables.Column(title="Shape", look="advice"),
        tables.Column(title="Empty", look="number"),
        tables.Column(title="Distinct", look="number"),
        tables.Column(title="Low", look="quiet-number"),
        tables.Column(title="Middle or top", look="number"),
        tables.Column(title="High", look="quiet-number"),
    ]
    rows = [_row(column, figures["rows"]) for column in figures["columns"]]
    return tables.table(columns, rows, caption="Columns")


def _rows_of(known: Mapping[str, Any]) -> Component:
    """The table itself, asked for by page; columns go by their place, since a name may hold anything."""
    columns = [grid_column(f"c{place}", column) for place, column in enumerate(known["columns"])]
    # Cells out of sight are left out where there are many columns: a hundred rows of them would be 20,000 elements.
    options = {"suppressColumnVirtualisation": len(columns) <= _MANY_COLUMNS}
    height = min(_GRID_HEIGHT, 42 + 34 * max(known["rows"], 1))
    drawn = tables.grid(ids.rows(known["id"]), columns, height=height, label="Rows", options=options)
    said = html.Span(words.count(known["rows"]), id=ids.rows_said(known["id"]))
    return blocks.section(blocks.heading("Rows", said), drawn)


def grid_column(field: str, column: Mapping[str, Any]) -> dict[str, Any]:
    drawn: dict[str, Any] = {"field": field, "headerName": column["name"], "minWidth": _WIDTHS.get(column["kind"], 124)}
    if column["kind"] in NUMERIC:
        scale = re.fullmatch(r"DECIMAL\(\d+,\s*(\d+)\)", column["sql"])
        number = f"d3.format(',.{scale[1]}f')(params.value)" if scale else "d3.format(',')(params.value)"
        if column["kind"] == "integer" and _names_something(column["name"]):
            number = "params.value + ''"
        # A number that is too long for the browser comes as text, and is shown as it stands.
        written = f"params.value == null ? '' : params.value === params.value + '' ? params.value : {number}"
        drawn |= {"type": "number", "filter": "agNumberColumnFilter", "valueFormatter": {"function": written}}
    elif column["kind"] in TEXTUAL:
        drawn["filter"] = "agTextColumnFilter"
    return drawn


def _row(column: Mapping[str, Any], rows: int) -> list[Any]:
    name = html.Button(
        [icon(_ICONS[column["type"]], label=_KINDS[column["type"]]), html.Span(column["name"])],
        id=ids.column(column["name"]), className="column-name", type="button",
    )  # fmt: skip
    share = column["missing"] / rows if rows else 0
    empty = "0" if not column["missing"] else words.percent(share)
    low, middle, high = "", "", ""
    if column["type"] in {"integer", "decimal", "date", "datetime"}:
        low, middle, high = (value(column.get(name), column) for name in ("min", "median", "max"))
    elif column.get("top"):
        middle = str(column["top"][0][0])
    return [
        name,
        _shape(column),
        empty,
        words.count(column["distinct"]),
        low,
        html.Span(middle, className="clip"),
        high,
    ]


def _shape(column: Mapping[str, Any]) -> Component:
    if column.get("histogram"):
        return charts.spark(column["histogram"]["counts"])
    if column["type"] in {"category", "flag"} and column.get("top"):
        return charts.spark([count for _, count in column["top"]])
    return html.Span(_KINDS[column["type"]], className="quiet")


def value(number: Any, column: Mapping[str, Any]) -> str:
    """A figure of a column as people read it: dates as dates, whole numbers whole."""
    if number is None:
        return words.NONE
    if isinstance(number, str):
        return words.day(dt.date.fromisoformat(number[:10]))
    if column["type"] == "integer" and float(number).is_integer():
        return str(int(number)) if _names_something(column["name"]) else words.count(number)
    return words.number_of(number, 2) if abs(number) >= 0.01 or number == 0 else words.short(number)


def _names_something(name: str) -> bool:
    """Whether a number is an id: nobody parts the thousands of an order number."""
    return bool({"id", "no", "nr", "key", "code", "number", "zip", "year"} & set(roles.words(name)))


def _tables(others: Sequence[Mapping[str, Any]], current: str) -> Component:
    columns = [
        tables.Column(title="Table", look="name"),
        tables.Column(title="Rows", look="number"),
        tables.Column(title="Columns", look="number"),
        tables.Column(title="Added", look="quiet"),
        tables.Column(title="", look="link"),
    ]
    rows = []
    for each in others:
        link = html.A(
            each["name"], href=f"/data?dataset={each['id']}", className="text-link lockable", **{"data-nav": ""}
        )
        remove = html.Button(
            ["Remove", html.Span(f" {each['name']}", className="visually-hidden")],
            id=ids.remove(each["id"]), className="text-link", type="button",
        )  # fmt: skip
        made = words.moment(dt.datetime.fromtimestamp(each["made"]))
        name = html.Strong(each["name"]) if each["id"] == current else link
        rows.append([name, words.count(each["rows"]), words.count(len(each["columns"])), made, remove])
    return tables.table(columns, rows, caption="Your tables")


def column_panel(column: Mapping[str, Any]) -> html.Aside:
    """Everything that is known of a column."""
    kind = _KINDS[column["type"]]
    filled = words.count(column["count"])
    body: list[Any] = []
    if column.get("histogram"):
        body.append(spread(column, "How it is spread", f"{filled} values"))
    body.append(blocks.pairs(_figures(column)))
    if column.get("top"):
        top = max(count for _, count in column["top"]) or 1
        rows = [[str(name), tables.bar(count / top, words.count(count))] for name, count in column["top"]]
        heads = [tables.Column(title="Value", look="name"), tables.Column(title="Rows", look="number")]
        body += [
            html.H3("Most frequent"),
            tables.table(heads, rows, caption=f"Most frequent values of {column['name']}"),
        ]
    close = html.Button(
        icon("x", size=18), id=ids.column("*"), className="icon-button", type="button", **{"aria-label": "Close"}
    )
    title = html.Span([icon(_ICONS[column["type"]]), html.Span(column["name"])], className="column-name")
    return blocks.side_panel(title, f"{kind} · {filled} filled", close, body, label=f"Figures of {column['name']}")


def _figures(column: Mapping[str, Any]) -> list[tuple[str, Any]]:
    found: list[tuple[str, Any]] = []
    if column.get("mean") is not None:
        sd = column.get("sd")
        spread_ = f" ± {words.number_of(sd)}" if sd is not None else ""
        found.append(("Mean ± sd", f"{words.number_of(column['mean'])}{spread_}"))
        quartiles = [value(column.get(name), column) for name in ("q1", "median", "q3")]
        found.append(("Quartiles", " · ".join(quartiles)))
    if column.get("min") is not None:
        found.append(("Lowest, highest", f"{value(column['min'], column)}, {value(column['max'], column)}"))
    if column.get("sum") is not None:
        found.append(("Sum", value(column["sum"], column)))
    for name, said in (("zeros", "Zero"), ("negatives", "Negative"), ("true", "Yes"), ("false", "No")):
        if column.get(name) is not None:
            found.append((said, words.count(column[name])))
    if column.get("shortest") is not None:
        found.append(("Shortest, longest", f"{column['shortest']}, {column['longest']} characters"))
    found += [("Empty", words.count(column["missing"])), ("Distinct", words.count(column["distinct"]))]
    if column.get("skewness") is not None:
        found.append(("Skewness", words.number_of(column["skewness"])))
    return found
