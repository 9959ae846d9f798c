"""Explore: every row in a grid, and charts of them; both see the same rows."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import dash_bootstrap_components as dbc
from dash import dcc, html
from dash.development.base_component import Component

from layouts import (
    blocks,
    charts,
    controls,
    data_tabs,
    explore_charts,
    filter_words,
    ids,
    links,
    runs,
    states,
    tables,
    words,
)
from layouts.column_panel import names_something
from layouts.icons import icon
from services.explore.chart import GRAINS, MEASURES, SHARE, TYPES, Drawn, Spec
from services.explore.filters import EVERY
from services.schema import NUMERIC, TEMPORAL, Schema
from services.workspace import new_id

_MANY_COLUMNS = 30
_HEIGHT = 560
_WIDTHS = {"datetime": 172, "text": 160}  # of a column at least, in pixels
_ICONS = {
    "histogram": "chart-column", "bar": "chart-column", "line": "chart-line", "scatter": "chart-scatter",
    "box": "sliders-horizontal", "violin": "sliders-horizontal", "heatmap": "layers", "correlation": "link",
}  # fmt: skip
_NONE = " "  # a blank, since an empty value would show as no choice at all
# What the grid's own filters can show; anything else stands beside them.
_SHOWN = {
    "number": {"equals", "notEqual", "lessThan", "lessThanOrEqual", "greaterThan", "greaterThanOrEqual", "inRange",
               "blank", "notBlank"},
    "text": {"contains", "notContains", "equals", "notEqual", "startsWith", "endsWith", "blank", "notBlank"},
    "date": {"equals", "notEqual", "lessThan", "greaterThan", "inRange", "blank", "notBlank"},
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Look:
    """What an address of the page says: filter, sort, hidden columns, view, chart."""

    where: Mapping[str, Any] = field(default_factory=dict)
    sort: Sequence[tuple[str, bool]] = ()
    hide: Sequence[str] = ()
    view: str = "rows"
    chart: Mapping[str, Any] = field(default_factory=dict)


def page(
    known: Mapping[str, Any],
    schema: Schema,
    look: Look,
    suggested: Sequence[tuple[str, Spec]],
    fault: str | None = None,
) -> html.Div:
    """Lay out the page as `look` says; `fault` is what of its address could not be followed."""
    names = {column["name"]: f"c{place}" for place, column in enumerate(known["columns"])}
    own, also = parted(known, look.where)
    sort = [{"colId": names[name], "sort": "desc" if down else "asc"} for name, down in look.sort if name in names]
    state = {
        # Which page it is: what it asked before is given up when it asks anew.
        "page": new_id(), "dataset": known["id"], "names": list(names), "also": also, "filter": own, "sort": sort,
        "hide": [name for name in look.hide if name in names], "view": look.view, "chart": dict(look.chart),
    }  # fmt: skip
    drawn = blocks.page(
        blocks.header(known["name"], "Every row, and charts of them", [blocks.copy_link()]),
        data_tabs.tabs(known["id"], "/explore"),
        states.note("failed", fault, "All rows are shown.") if fault else None,
        _bar(state),
        html.Div(id=ids.explored_said(known["id"]), className="explored-said", **{"aria-live": "polite"}),
        html.Div(_grid(known, state), className="explore-rows"),
        html.Div(_builder(schema, look.chart, suggested), className="explore-chart"),
        dcc.Store(id=ids.EXPLORED, data=state),
        dcc.Store(id=ids.CHART_ASKED),
        *runs.slots({}), *runs.places(),
    )  # fmt: skip
    slot = html.Div(id=ids.SIDE, className="side-slot")
    return html.Div([drawn, slot], className="with-side explore", id="explore", **{"data-view": look.view})


def missing() -> html.Div:
    """The page where there is no table to look at."""
    action = blocks.button("Add a table", kind="primary", href="/")
    said = "Add one, or open a sample: its rows and charts are here then."
    return blocks.page(
        blocks.header("Explore", "Every row, and charts of them"),
        states.empty("There is no table to explore", said, action, height=280),
        *runs.slots({}), *runs.places(),
    )  # fmt: skip


def parted(known: Mapping[str, Any], where: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Of a filter, what the grid's own filters can show, by the place of the column; and the rest by its name."""
    own, also = {}, {}
    for place, column in enumerate(known["columns"]):
        name = column["name"]
        if name in where:
            kind = "number" if column["kind"] in ("integer", "decimal") else "text"
            kind = "date" if column["kind"] in TEMPORAL else kind
            if _is_shown(where[name], kind):
                own[f"c{place}"] = where[name]
            else:
                also[name] = where[name]
    if EVERY in where and EVERY not in also:
        also[EVERY] = where[EVERY]
    return own, also


def _is_shown(wanted: Any, kind: str) -> bool:
    if not isinstance(wanted, Mapping):
        return False
    several = wanted.get("conditions")
    if isinstance(several, list):
        return wanted.get("filterType") == kind and 0 < len(several) <= 2 and all(_is_shown(e, kind) for e in several)
    return wanted.get("filterType") == kind and wanted.get("type") in _SHOWN[kind]


def said(known: Mapping[str, Any], where: Mapping[str, Any], count: int) -> list[Any]:
    """How many rows match, and by which filters, each to be removed."""
    total = words.count(known["rows"])
    if not where:
        return [html.Span(f"{total} rows", className="count")]
    badges = [
        blocks.filter_badge(filter_words.said(name, wanted), ids.unfilter(name)) for name, wanted in where.items()
    ]
    clear = [blocks.button("Show all rows", kind="link", id=ids.unfilter(""))] if len(where) > 1 else []
    return [
        html.Span(f"{words.count(count)} of {total} rows", className="count"),
        *badges,
        *clear,
        *_kept(known, where),
    ]


def _kept(known: Mapping[str, Any], where: Mapping[str, Any]) -> list[Component]:
    """The way from a filter to a step of the table's recipe that keeps what matches."""
    if EVERY in where or "cleaned" in known or not data_tabs.has("/cleaning"):
        return []
    href = links.cleaning(known["id"], {"step": "filter", "where": where})
    return [blocks.button("Keep these rows in cleaning", kind="link", href=href, className="lockable")]


def _bar(state: Mapping[str, Any]) -> html.Div:
    """What is above both: the view, the search, the columns."""
    view = dbc.RadioItems(
        [{"label": "Rows", "value": "rows"}, {"label": "Chart", "value": "chart"}], state["view"], id=ids.EXPLORE_VIEW,
        inline=True, className="view-switch",
    )  # fmt: skip
    search = dcc.Input(
        id=ids.EXPLORE_SEARCH, value=_sought(state["also"].get(EVERY)), type="search", debounce=0.5,
        placeholder="Search all columns", className="form-control form-control-sm", maxLength=200,
    )  # fmt: skip
    named = html.Label([html.Span("Search all columns", className="visually-hidden"), search], className="search")
    names = state["names"]
    shown = dcc.Checklist(
        [{"label": name, "value": name} for name in names], [name for name in names if name not in state["hide"]],
        id=ids.EXPLORE_COLUMNS, className="column-list",
    )  # fmt: skip
    figures = [html.Button(name, id=ids.column(name), className="menu-item", type="button") for name in names]
    menus = html.Div(
        [
            _menu("Columns", "columns-3", shown),
            _menu("Figures", "info", html.Div(figures, className="column-list")),
        ],
        className="menus",
    )
    return html.Div([view, named, menus], className="explore-bar")


def _sought(wanted: Any) -> str:
    """What is searched for in all columns."""
    rules = wanted.get("conditions", [wanted]) if isinstance(wanted, Mapping) else []
    found = [each.get("filter", "") for each in rules if isinstance(each, Mapping) and each.get("type") == "search"]
    return str(found[0]) if found else ""


def _menu(label: str, symbol: str, body: Component) -> html.Details:
    summary = html.Summary([icon(symbol), html.Span(label)], className="btn btn-outline-secondary btn-sm")
    return html.Details([summary, html.Div(body, className="menu menu-right")], className="menu-slot")


def column(field: str, column: Mapping[str, Any]) -> dict[str, Any]:
    """How a grid shows a column of a dataset that it knows as `field`."""
    drawn: dict[str, Any] = {"field": field, "headerName": column["name"], "minWidth": _WIDTHS.get(column["kind"], 124)}
    if column["kind"] in NUMERIC:
        scale = re.fullmatch(r"DECIMAL\(\d+,\s*(\d+)\)", column["sql"])
        number = f"d3.format(',.{scale[1]}f')(params.value)" if scale else "d3.format(',')(params.value)"
        if column["kind"] == "integer" and names_something(column["name"]):
            number = "params.value + ''"
        # A number that is too long for the browser comes as text, and is shown as it stands.
        written = f"params.value == null ? '' : params.value === params.value + '' ? params.value : {number}"
        drawn |= {"type": "number", "filter": "agNumberColumnFilter", "valueFormatter": {"function": written}}
    if column["kind"] == "flag":
        written = "params.value == null ? '' : params.value ? 'yes' : 'no'"
        drawn |= {"cellDataType": False, "valueFormatter": {"function": written}}
    return drawn


def _grid(known: Mapping[str, Any], state: Mapping[str, Any]) -> Component:
    columns = []
    sorts = {each["colId"]: (each["sort"], place) for place, each in enumerate(state["sort"])}
    for place, each in enumerate(known["columns"]):
        drawn = column(f"c{place}", each)
        drawn.setdefault("filter", "agDateColumnFilter" if each["kind"] in TEMPORAL else "agTextColumnFilter")
        drawn["filterParams"] = {"buttons": ["reset", "apply"], "closeOnApply": True, "maxNumConditions": 2}
        drawn["hide"] = each["name"] in state["hide"]
        if f"c{place}" in sorts:
            drawn["sort"], drawn["sortIndex"] = sorts[f"c{place}"]
        columns.append(drawn)
    options = {
        "suppressColumnVirtualisation": len(columns) <= _MANY_COLUMNS,
        # Its answers carry no name of what they answer: two at once would be taken for each other.
        "maxConcurrentDatasourceRequests": 1,
        "blockLoadDebounceMillis": 60,
        **({"initialState": {"filter": {"filterModel": state["filter"]}}} if state["filter"] else {}),
    }
    height = min(_HEIGHT, 60 + 34 * max(known["rows"], 4))
    return tables.grid(ids.explored(known["id"]), columns, height=height, label="Rows", options=options)


def _builder(schema: Schema, asked: Mapping[str, Any], suggested: Sequence[tuple[str, Spec]]) -> list[Component]:
    cards = [
        html.Button([icon(_ICONS[spec.type]), html.Span(title)], type="button", className="suggestion",
                    **{"data-chart": json.dumps(spec.as_json(), ensure_ascii=False)})
        for title, spec in suggested
    ]  # fmt: skip
    offered = html.Div([html.H2("Worth a look"), html.Div(cards, className="suggestions")], className="offered")
    place = dcc.Loading(html.Div(id=ids.CHART), delay_show=400, overlay_style={"visibility": "visible", "opacity": 0.5})
    form = controls.column(_form(schema, asked), title="Chart")
    return [*([offered] if cards else []), blocks.two_columns(form, place)]


def _form(schema: Schema, asked: Mapping[str, Any]) -> list[Component]:
    """The controls of a chart; style sheets hide those that do not count for its type."""
    every = [(column.name, column.name) for column in schema]
    grouping = [("None", _NONE), *((each.name, each.name) for each in schema if not each.is_date)]
    choose = [("Choose a column", _NONE), *every]
    steps = [("By itself", _NONE), *((each.capitalize(), each) for each in GRAINS)]
    types = [(label, name) for name, label in TYPES.items()]
    measures = [(label, name) for name, label in MEASURES.items()]
    numbers = [(str(number), str(number)) for number in (10, 20, 30, 50, 100, 200)]
    return [
        _field("Type", "type", types, asked.get("type") or "bar"),
        _field("X", "x", choose, asked.get("x")),
        _field("Measure", "how", measures, asked.get("how") or "count"),
        _field("Y", "y", choose, asked.get("y")),
        _field("Of", "z", choose, asked.get("z")),
        _field("Step of dates", "grain", steps, asked.get("grain")),
        _field("Colour", "colour", grouping, asked.get("colour")),
        _field("A picture for each", "facet", grouping, asked.get("facet")),
        _field("Bars", "bins", numbers, str(asked.get("bins") or 30)),
        _flag("Logarithmic X", "log_x", asked),
        _flag("Logarithmic Y", "log_y", asked),
        _flag(f"Only {words.percent(SHARE)} of the rows", "sample", asked),
    ]


def _field(label: str, name: str, options: Sequence[tuple[str, str]], value: Any) -> html.Div:
    known = {option for _, option in options}
    listed = [{"label": text, "value": option} for text, option in options]
    control = dbc.Select(listed, value if value in known else _NONE, id=ids.chart(name), size="sm")
    drawn = controls.field(label, control)
    drawn.children[0].htmlFor = json.dumps(ids.chart(name), sort_keys=True, separators=(",", ":"))
    return html.Div(drawn, className=f"for-{name}")


def _flag(label: str, name: str, asked: Mapping[str, Any]) -> html.Div:
    return html.Div(dbc.Checkbox(id=ids.chart(name), value=bool(asked.get(name)), label=label), className=f"for-{name}")


def drawn(what: Drawn, count: int, known: Mapping[str, Any], csv: str) -> list[Component]:
    """The chart with its title, what it rests on, its table and its files."""
    figure, tall = explore_charts.figure(what), explore_charts.height(what)
    total = words.count(known["rows"])
    rows = blocks.badge(f"All {total} rows", "rows") if count == known["rows"] else blocks.badge(
        f"{words.count(count)} of {total} rows", "plain")  # fmt: skip
    badges = [rows]
    if what.spec.sample:
        badges = [blocks.badge(f"Sample of {words.percent(SHARE)}, seed 0", "sample")]
    if what.facts.get("dense"):
        badges.append(blocks.badge("Density", "plain"))
    picture = blocks.picture(
        what.title, explore_charts.subtitle(what), charts.graph(figure, height=tall, label=what.title),
        explore_charts.twin(what),
    )  # fmt: skip
    to_csv = [icon("download"), html.Span("CSV")]
    files = html.Div(
        [
            blocks.button("PNG", symbol="download", small=True, **{"data-picture": "png"}),
            blocks.button("SVG", symbol="download", small=True, **{"data-picture": "svg"}),
            html.A(to_csv, href=csv, download="", className="btn btn-outline-secondary btn-sm"),
        ],
        className="chart-files",
    )  # fmt: skip
    return [html.Div([blocks.provenance(*badges), files], className="chart-head"), picture]


def refused(message: str) -> Component:
    """Why there is no chart, and what to do about it."""
    return states.note("stale", message)


def too_much(*, is_sample: bool) -> Component:
    """That the chart takes more time or memory than reading may take; from a sample it may not."""
    if is_sample:
        return states.note("sample", "Even a sample of this is more than can be read at once.", "Filter first.")
    share = words.percent(SHARE)
    said = f"Filter first, or draw {share} of the rows: the same ones each time."
    sample = blocks.button(f"Draw {share} of the rows", small=True, **{"data-sample": ""})
    return states.note("sample", "This chart needs more time or memory than reading may take.", said, [sample])


def nothing() -> Component:
    """Before a chart is asked for."""
    return states.empty("Choose what to draw", "Pick a suggestion, or a type and its columns.", height=280)
