"""Tables: all that a visitor has, and how alike their columns are."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

import dash_bootstrap_components as dbc
from dash import html
from dash.development.base_component import Component

from layouts import blocks, data_tabs, ids, runs, states, tables, words
from layouts.column_panel import ICONS
from layouts.icons import icon
from layouts.pages.data import naming, undo
from services import datasets, likeness
from services.likeness import Likeness
from services.schema import MEANS

MOST = 6  # tables side by side
_NAMED = 3  # columns that a sentence names


def page(known: Sequence[Mapping[str, Any]], current: str, gone: Sequence[Mapping[str, Any]]) -> html.Div:
    """List the tables; `current` is the open one, `gone` can be brought back yet."""
    add = [blocks.button("Add a table", symbol="plus", href="/data#add")]
    drawn = blocks.page(
        blocks.header("Tables", "Each file you added is one. Open one to work with it.", add),
        *undo(gone),
        blocks.lede(lede(known)),
        blocks.section(_list(known, current)),
        html.Section(hint(len(known)), id=ids.COMPARED, className="section", **{"aria-live": "polite"}),
        *runs.slots({}),
        *runs.places(),
    )
    return html.Div([drawn, html.Div(id=ids.SIDE, className="side-slot")], className="with-side")


def empty(gone: Sequence[Mapping[str, Any]]) -> html.Div:
    """Say what a table is and how to get one."""
    return blocks.page(
        blocks.header("Tables"),
        *undo(gone),
        states.empty(
            "No tables yet",
            "Add a CSV, a workbook, JSON or Parquet. Each becomes a table here: to be opened, named and described, "
            "compared with others, and removed when you are done.",
            blocks.button("Add a table", kind="primary", href="/"), height=280,
        ),
        *runs.slots({}),
        *runs.places(),
    )  # fmt: skip


def lede(known: Sequence[Mapping[str, Any]]) -> str:
    """How many tables there are, and how much that is."""
    rows, size = sum(each["rows"] for each in known), sum(each.get("on_disk", 0) for each in known)
    return f"{words.plural(len(known), 'table')}, {words.plural(rows, 'row')}, {words.size(size)} on disk."


def edit(known: Mapping[str, Any]) -> Component:
    """Name and describe a table, beside the list."""
    close = html.Button(
        icon("x", size=18), id=ids.column("*"), className="icon-button", type="button", **{"aria-label": "Close"}
    )
    form = html.Div(naming(known), className="menu-form")
    return blocks.side_panel("Rename", known["name"], close, form, label=f"Rename {known['name']}")


def hint(tables: int) -> Component:
    """Say what ticking does."""
    more = "Tick two tables or more" if tables > 1 else "Add a second table, then tick both"
    return html.P(f"{more} to see which columns they share and which differ.", className="fine")


def compared(known: Sequence[Mapping[str, Any]]) -> list[Component]:
    """The columns of tables side by side: what differs in a sentence, then each, those that differ first."""
    shown = list(known)[:MOST]
    found = likeness.compare([datasets.schema(each) for each in shown])
    names = _titles(shown)
    columns = [tables.Column(title="Column", look="name"), *(tables.Column(title=name) for name in names)]
    rows = [
        [each.name, *(_cell(each, place) for place in range(len(shown))), _difference(each)]
        for each in sorted(found, key=lambda each: each.is_same)
    ]
    left_out = [f"Only the first {MOST} that are ticked are shown."] if len(known) > MOST else []
    return [
        blocks.heading("Columns side by side", words.plural(len(shown), "table")),
        html.P(said(found, names), className="compared-said"),
        *(html.P(each, className="fine") for each in left_out),
        tables.table([*columns, tables.Column(title="Difference", look="advice")], rows, caption="Columns compared"),
    ]


def said(found: Sequence[Likeness], names: Sequence[str]) -> str:
    """What differs between tables, in a sentence or two; what is the same comes last."""
    same = [each for each in found if each.is_same]
    everywhere = [each for each in found if each.is_everywhere]
    told = []
    kinds = [each for each in found if not each.is_of_one_kind]
    if len(names) == 2 and len(kinds) <= _NAMED:
        told += [f"{each.name} is {_kind(each, 0)} in {names[0]} and {_kind(each, 1)} in {names[1]}" for each in kinds]
    elif kinds:
        told.append(f"{_listed([each.name for each in kinds])} {'is' if len(kinds) == 1 else 'are'} of another kind")
    if spelt := [each.name for each in everywhere if not each.is_of_one_name]:
        told.append(f"{_listed(spelt)} {'is' if len(spelt) == 1 else 'are'} written another way")
    for place, name in enumerate(names):
        if alone := [each.name for each in found if [at for at, one in enumerate(each.columns) if one] == [place]]:
            told.append(f"{_listed(alone)} {'is' if len(alone) == 1 else 'are'} only in {name}")
    some = [each.name for each in found if not each.is_everywhere and sum(one is not None for one in each.columns) > 1]
    if some:
        told.append(f"{_listed(some)} {'is' if len(some) == 1 else 'are'} not in every table")
    if not told:
        return f"The same {words.plural(len(same), 'column')}, of the same kinds."
    rest = f"{len(same)} of {words.plural(len(found), 'column')} {'is' if len(same) == 1 else 'are'} the same."
    return f"{'; '.join(told)}. {rest}"


def _list(known: Sequence[Mapping[str, Any]], current: str) -> Component:
    columns = [
        tables.Column(title=""),
        tables.Column(title="Table", look="name"),
        tables.Column(title="Rows", look="number"),
        tables.Column(title="Columns", look="number"),
        tables.Column(title="On disk", look="number"),
        tables.Column(title="Added", look="quiet"),
        tables.Column(title="", look="link"),
    ]
    return html.Div(
        tables.table(columns, [_row(each, each["id"] == current) for each in known], caption="Your tables"),
        className="tables-list",
    )


def _row(each: Mapping[str, Any], is_open: bool) -> list[Any]:
    reviews = each.get("draft") and data_tabs.has("/types")
    link = html.A(
        each["name"],
        href=f"{'/types' if reviews else '/data'}?dataset={each['id']}", className="text-link lockable",
        **{"data-nav": ""},
    )  # fmt: skip
    badges = [
        blocks.badge("Open", "done") if is_open else None,
        blocks.badge("Draft", "warning") if each.get("draft") else None,
        blocks.badge(f"Version {each['version']}") if each.get("version", 1) > 1 else None,
    ]
    about = [html.Div(each["description"], className="about")] if each.get("description") else []
    tick = dbc.Checkbox(
        id=ids.compare(each["id"]), value=False,
        label=html.Span(f"Compare {each['name']}", className="visually-hidden"),
    )  # fmt: skip
    return [
        tick,
        [html.Div([link, *(badge for badge in badges if badge)], className="table-name"), *about],
        words.count(each["rows"]),
        words.count(len(each["columns"])),
        words.size(each["on_disk"]) if "on_disk" in each else words.NONE,
        words.moment(dt.datetime.fromtimestamp(each["made"])),
        html.Div(
            [_does("Rename", each, ids.edit(each["id"])), _does("Remove", each, ids.remove(each["id"]))],
            className="table-does",
        ),
    ]


def _does(label: str, each: Mapping[str, Any], id: Any) -> Component:
    return html.Button(
        [label, html.Span(f" {each['name']}", className="visually-hidden")], id=id, className="text-link", type="button"
    )


def _titles(known: Sequence[Mapping[str, Any]]) -> list[str]:
    """The names of tables; where two are called the same, with when they were added."""
    names = [each["name"] for each in known]
    return [
        f"{name}, {words.moment(dt.datetime.fromtimestamp(each['made']))}" if names.count(name) > 1 else name
        for name, each in zip(names, known, strict=True)
    ]


def _cell(each: Likeness, place: int) -> Component:
    column = each.columns[place]
    if column is None:
        return html.Span("not in it", className="quiet")
    name = [] if column.name == each.name else [html.Span(f" as {column.name}", className="quiet")]
    return html.Span([icon(ICONS[column.kind]), html.Span(MEANS[column.kind]), *name], className="kind")


def _kind(each: Likeness, place: int) -> str:
    column = each.columns[place]
    return MEANS[column.kind].lower() if column is not None else ""


def _difference(each: Likeness) -> str:
    told = [
        "" if each.is_everywhere else "not in all",
        "" if each.is_of_one_kind else "another kind",
        "" if each.is_of_one_name else "another name",
    ]
    return ", ".join(filter(None, told)) or "same"


def _listed(names: Sequence[str]) -> str:
    if len(names) > _NAMED:
        return f"{', '.join(names[:_NAMED])} and {words.plural(len(names) - _NAMED, 'other')}"
    return " and ".join(filter(None, [", ".join(names[:-1]), names[-1]]))
