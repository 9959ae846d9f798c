"""Everything that is known of one column, in words, beside the page."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

from dash import html

from layouts import blocks, charts, findings, ids, relations, tables, words
from layouts.icons import icon
from services import roles
from services.alerts import Alert
from services.schema import MEANS

ICONS = {
    "integer": "hash", "decimal": "hash", "flag": "toggle-left", "date": "calendar", "datetime": "calendar",
    "text": "type", "category": "tag", "identifier": "key-round",
}  # fmt: skip

_CLOSEST = 5  # columns that one moves with
_LEAST = 0.1


def value(number: Any, column: Mapping[str, Any]) -> str:
    """A figure of a column as people read it: dates as dates, whole numbers whole."""
    if number is None:
        return words.NONE
    if isinstance(number, str):
        return words.day(dt.date.fromisoformat(number[:10]))
    if column["type"] == "integer" and float(number).is_integer():
        return str(int(number)) if names_something(column["name"]) else words.count(number)
    return words.number_of(number, 2) if abs(number) >= 0.01 or number == 0 else words.short(number)


def names_something(name: str) -> bool:
    """Whether a number is an id: nobody parts the thousands of an order number."""
    return bool({"id", "no", "nr", "key", "code", "number", "zip", "year"} & set(roles.words(name)))


def different(column: Mapping[str, Any]) -> str:
    """How many different values a column has; about how many, where they were not counted one by one."""
    if column.get("distinct_is_exact", True):
        return words.count(column["distinct"])
    rounded = float(f"{column['distinct']:.2g}")
    return f"about {words.count(rounded)}"


def column_panel(
    column: Mapping[str, Any],
    figures: Mapping[str, Any] | None = None,
    dataset: str = "",
    found: Sequence[Alert] = (),
) -> html.Aside:
    """Lay out a column's figures; with those of its table, what it moves with; and its alerts."""
    body: list[Any] = []
    if column.get("histogram") and column["histogram"]["counts"]:
        body.append(_spread(column))
    body.append(blocks.pairs(_figures(column)))
    top = [] if column["distinct"] == column["count"] else column.get("top") or []
    if top:
        most = max(count for _, count in top) or 1
        rows = [[_written(one, column), tables.bar(count / most, words.count(count))] for one, count in top]
        heads = [tables.Column(title="Value", look="name"), tables.Column(title="Rows", look="number")]
        body += [
            html.H3("Most frequent"),
            tables.table(heads, rows, caption=f"Most frequent values of {column['name']}"),
        ]
    if figures is not None:
        body += _moves_with(column["name"], figures)
    odd = findings.of_column(dataset, column["name"], found)
    if odd:
        body += [html.H3("What is odd"), *odd]
    close = html.Button(
        icon("x", size=18), id=ids.column("*"), className="icon-button", type="button", **{"aria-label": "Close"}
    )
    filled = words.count(column["count"])
    of = f" of {words.count(column['count'] + column['missing'])}" if column["missing"] else ""
    title = html.Span([icon(ICONS[column["type"]]), html.Span(column["name"])], className="column-name")
    return blocks.side_panel(
        title, f"{MEANS[column['type']]} · {filled}{of} filled", close, body, label=f"Figures of {column['name']}"
    )


def shaded_figure(column: Mapping[str, Any]) -> charts.Figure:
    """Draw a column's histogram: dates as they are, numbers with their median and where outliers lie."""
    edges, counts = column["histogram"]["edges"], column["histogram"]["counts"]
    if edges and isinstance(edges[0], str):
        return charts.bars([edge[:10] for edge in edges[:-1]], counts)
    outliers = column.get("outliers") or {}
    above = outliers.get("above") and column["q3"] > column["q1"] and outliers["high"] < edges[-1]
    return charts.histogram(
        edges, counts, median=column.get("median"),
        shade_above=outliers["high"] if above else None,
        shade_label=f"outliers above {value(outliers['high'], {**column, 'type': 'decimal'})}" if above else "",
    )  # fmt: skip


def _spread(column: Mapping[str, Any]) -> Any:
    edges, counts = column["histogram"]["edges"], column["histogram"]["counts"]
    dated = isinstance(edges[0], str)
    rows = [
        [edge[:10] if dated else words.short(edge), words.count(count)]
        for edge, count in zip(edges[:-1], counts, strict=True)
    ]
    label = f"{words.count(sum(counts))} values of {column['name']} in {len(counts)} bars"
    graph = charts.graph(shaded_figure(column), ids.shaded(column["name"]), 220, label=label)
    twin = blocks.Twin(columns=["From", "Rows"], rows=rows, caption=label)
    return blocks.picture("How it is spread", f"{words.count(column['count'])} values", graph, twin)


def _written(one: Any, column: Mapping[str, Any]) -> str:
    if column["type"] in {"text", "category", "identifier"}:
        return str(one)
    return str(one).replace("T", " ") if isinstance(one, str) else value(one, column)


def _moves_with(name: str, figures: Mapping[str, Any]) -> list[Any]:
    """The columns that this one goes together with most closely."""
    pairs = [pair for pair in relations.moves(figures) if name in (pair.one, pair.other) and abs(pair.size) >= _LEAST]
    if not pairs:
        return []
    heads = [tables.Column(title="Column", look="name"), tables.Column(title="Size", look="number")]
    rows = [
        [
            html.Span(pair.other if pair.one == name else pair.one, title=pair.measure),
            tables.bar(abs(pair.size), words.number_of(pair.size, 2), strong=True),
        ]
        for pair in pairs[:_CLOSEST]
    ]
    return [html.H3("Moves with"), tables.table(heads, rows, caption=f"Columns that move with {name}")]


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
    if column.get("mean_length") is not None:
        found.append(("Mean length", f"{words.number_of(column['mean_length'], 1)} characters"))
    found += _time(column.get("gaps"))
    found += [("Empty", words.count(column["missing"])), ("Distinct", _distinct(column))]
    if column.get("skewness") is not None:
        found.append(("Skewness", words.number_of(column["skewness"])))
    if column.get("infinite"):
        found.append(("Not finite", words.count(column["infinite"])))
    if column.get("order"):
        found.append(("Row by row", "it rises" if column["order"]["goes"] == "up" else "it falls"))
    if column.get("on_disk") is not None:
        memory = f", {words.size(column['in_memory'])} in memory" if column.get("in_memory") is not None else ""
        found.append(("Size", f"{words.size(column['on_disk'])} on disk{memory}"))
    return found


def _distinct(column: Mapping[str, Any]) -> str:
    exact = column.get("distinct_is_exact")
    return different(column) + (", exact" if exact else "")


def _time(gaps: Mapping[str, Any] | None) -> list[tuple[str, Any]]:
    """Of dates: how many days there are, which are missing, the longest time without any."""
    if not gaps:
        return []
    found: list[tuple[str, Any]] = [("Days", f"{words.count(gaps['days'])} of {words.count(gaps['span'])}")]
    if gaps.get("missing_days"):
        share = words.percent(gaps["missing_days"] / gaps["span"])
        found.append(("Missing days", f"{words.count(gaps['missing_days'])} ({share})"))
    longest = gaps.get("longest")
    if longest and longest["days"] > 1:
        begin = words.day(dt.date.fromisoformat(longest["from"]))
        found.append(("Longest gap", f"{words.plural(longest['days'], 'day')} from {begin}"))
    return found
