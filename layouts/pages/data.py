"""Data: what is in the open table, column by column, how it was read, and what it is called."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from dash import dcc, html
from dash.development.base_component import Component

from layouts import (
    blocks,
    cards,
    charts,
    controls,
    data_tabs,
    findings,
    ids,
    relations,
    runs,
    sampling,
    states,
    tables,
    words,
)
from layouts.column_panel import ICONS, different, value
from layouts.icons import icon
from layouts.pages.home import intake, sample_table
from layouts.roles import section as roles_section
from services import datasets
from services.alerts import Alert
from services.quality import Quality
from services.samples import Sample
from services.sampling import OFFERED, strata
from services.schema import MEANS

_MANY_COLUMNS = 30


def missing() -> html.Div:
    """The page of a table that is not there."""
    return blocks.page(
        blocks.header("Data"),
        states.empty(
            "This table is not here", "It was removed, or belongs to another browser.",
            blocks.button("See your tables", kind="primary", href="/tables"), height=280,
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
        blocks.button("See your tables", href="/tables"),
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
    quality: Quality,
    odd: Sequence[Alert],
    hidden: Sequence[str] = (),
    gone: Sequence[Mapping[str, Any]] = (),
    is_ephemeral: bool = False,
) -> html.Div:
    """Lay out the profile, the roles, then the way to other tables and the way in; `gone` can be brought back yet."""
    cells = figures["rows"] * len(figures["columns"])
    empty = sum(column["missing"] for column in figures["columns"])
    notes = known["notes"]
    read = (
        f"What is in it, and what is odd about it · all {words.plural(figures['rows'], 'row')} · "
        f"{words.duration(figures['seconds'])} · read as {_read_as(known)}"
    )
    caveats = [html.A(words.plural(len(notes), "caveat"), href="#caveats", className="text-link")] if notes else []
    page = blocks.page(
        blocks.header(known["name"], read, _actions(known)),
        html.P(known["description"], className="about") if known.get("description") else None,
        *undo(gone),
        data_tabs.tabs(known["id"], "/data"),
        _unchecked(known["id"]) if known.get("draft") else None,
        html.Div(verdict(quality, odd, hidden), id=ids.VERDICT),
        blocks.provenance(blocks.badge("All rows", "rows"), *caveats, findings.measured(quality)),
        blocks.facts(
            blocks.fact("Rows", words.count(figures["rows"])),
            blocks.fact("Columns", words.count(len(figures["columns"]))),
            blocks.fact("Empty", words.percent(empty / cells if cells else 0)),
            blocks.fact("Duplicates", words.count(figures["duplicates"])),
            blocks.fact("In memory", words.size(known["memory_after"]), f"was {words.size(known['memory_before'])}"),
            blocks.fact("On disk", words.size(figures["size_on_disk"]), words.file_of(known)),
        ),
        html.Section(findings.section(known["id"], odd, hidden), id=ids.ALERTS, className="section"),
        blocks.section(
            blocks.heading(
                "Columns",
                f"{len(figures['columns'])}, click one for its figures",
                actions=[_find()] if len(figures["columns"]) > _MANY_COLUMNS else [],
            ),
            _columns(figures),
        ),
        html.Section(roles_section(known), id=ids.ROLES, className="section"),
        html.Section(sampling.section(known, strata(known, figures)), id="sample", className="section")
        if known["rows"] > OFFERED
        else None,
        relations.missing_together(figures),
        relations.correlations(known["id"], figures),
        blocks.caveats(notes) if notes else None,
        _others(others, known["id"]) if len(others) > 1 else None,
        blocks.section(
            blocks.heading("Add a table"),
            intake(limit_mb, states.NOT_LASTING if is_ephemeral else None),
            html.Details([html.Summary("Samples"), sample_table(samples)], className="twin"),
            id="add",
        ),
        *slots,
    )
    return html.Div([page, html.Div(id=ids.SIDE, className="side-slot")], className="with-side")


def _unchecked(dataset: str) -> Component:
    """Say that nobody looked at how the file was read yet."""
    look = blocks.button("Check types", small=True, href=f"/types?dataset={dataset}")
    advice = "Look at them once, before you trust what is made of them."
    return states.note("stale", "The types of this table are as we found them.", advice, [look])


def undo(gone: Sequence[Mapping[str, Any]]) -> list[Component]:
    """Say which tables were removed just now, and bring them back."""
    return [
        blocks.strip(
            icon("trash-2"),
            html.Span(
                [html.Strong(each["name"]), f" was removed. It is kept for {words.duration(each['left'])} more."]
            ),
            blocks.button("Undo", symbol="undo-2", small=True, id=ids.restore(each["id"])),
        )
        for each in gone
    ]


def naming(known: Mapping[str, Any]) -> list[Component]:
    """The form that gives a table another name, and says what it is."""
    name = ids.described(known["id"], "name")
    text = ids.described(known["id"], "description")
    return [
        controls.field(
            "Name", dcc.Input(id=name, value=known["name"], className="form-control", maxLength=datasets.LONGEST_NAME)
        ),
        controls.field(
            "Description",
            dcc.Textarea(id=text, value=known.get("description", ""), className="form-control", rows=3),
            hint="What it is, where it is from. Shown below its name.",
        ),
        html.Div(id=ids.described(known["id"], "error"), className="error", role="alert"),
        blocks.button("Save", kind="primary", small=True, id=ids.described(known["id"], "save")),
    ]


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


def verdict(quality: Quality, odd: Sequence[Alert], hidden: Sequence[str]) -> Component:
    """How good the table is; alerts that were hidden do not count."""
    return findings.verdict(quality, [alert for alert in odd if alert.key not in hidden])


def _find() -> Component:
    """Narrow the columns to those whose name has these letters; assets/profile.js does it at once."""
    return dcc.Input(
        id=ids.FIND, type="search", placeholder="Find a column", className="form-control find", autoComplete="off"
    )


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
    return tables.table(columns, rows, caption="Columns", id="columns")


def _row(column: Mapping[str, Any], rows: int) -> list[Any]:
    name = html.Button(
        [icon(ICONS[column["type"]], label=MEANS[column["type"]]), html.Span(column["name"])],
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
        different(column),
        low,
        html.Span(middle, className="clip"),
        high,
    ]


def _shape(column: Mapping[str, Any]) -> Component:
    if column.get("histogram"):
        return charts.spark(column["histogram"]["counts"])
    if column["type"] in {"category", "flag"} and column.get("top"):
        return charts.spark([count for _, count in column["top"]])
    return html.Span(MEANS[column["type"]], className="quiet")


def _actions(known: Mapping[str, Any]) -> list[Component]:
    """What can be done with the table itself."""
    return [
        cards.menu("Rename", "pencil", [html.Div(naming(known), className="menu-form")]),
        blocks.button("Remove", symbol="trash-2", id=ids.remove(known["id"])),
    ]


def _others(others: Sequence[Mapping[str, Any]], current: str) -> Component:
    """The way to the other tables of this visitor."""
    more = len([each for each in others if each["id"] != current])
    said = f"{words.plural(more, 'other table')}: open, rename, compare or remove them there." if more else None
    return blocks.section(
        blocks.heading("Your tables", str(len(others)), actions=[blocks.button("See all", small=True, href="/tables")]),
        html.P(said, className="fine") if said else None,
    )
