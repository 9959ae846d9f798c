"""The page of any analysis: question, controls, answer, written once and filled by its two files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import dash_bootstrap_components as dbc
from dash import dcc, html
from dash.development.base_component import Component

from layouts import blocks, cards, controls, ids, question, runs, states, words
from layouts.icons import icon
from layouts.places import Place
from services.analysis import Analysis
from services.params import fields
from services.results import StoredResult
from services.samples import Sample
from services.schema import Schema


def page(
    analysis: Analysis[Any],
    schema: Schema,
    values: Mapping[str, Any],
    control: dict[str, Any],
    result: str | None,
    before: Component,
    own: tuple[Sequence[Component], Sequence[Component]] | None = None,
    title: str = "Question",
    strip: Component | None = None,
    others: Mapping[str, tuple[str, Schema]] | None = None,
) -> html.Div:
    """Lay out the page; `before` stands where the answer will, until there is one.

    `own` is a form of the page's own, and what stands above the answer; `title` names the form; `strip` is what
    must be known of the table first; `others` are the tables that may be chosen beside it, by id.
    """
    form, above = own or (question.form(fields(analysis.params), schema, values, others=others), ())
    asked = html.Div(list(form), id=ids.FORM)
    return blocks.page(
        blocks.header(analysis.title, analysis.summary, [html.Div(id=ids.EXPORT, className="actions")]),
        strip,
        blocks.two_columns(
            html.Div(
                [
                    html.Div(id=ids.RUNNING, className="running-slot"),
                    controls.column([asked, html.Div(id=ids.RUN_BAR)], title=title, line=html.Span(id=ids.LINE)),
                ],
                id=ids.ASKED,
                className="controls-slot",
            ),
            [
                *above,
                html.Div(id=ids.STATE),
                html.Div(states.loading_answer() if result else before, id=ids.ANSWER),
            ],
        ),
        *runs.slots(control, result),
        dcc.Store(id=ids.drawn()),
        dcc.Store(id=ids.PRESSED),
    )


def of_older(slug: str, known: Mapping[str, Any], newer: Mapping[str, Any]) -> Component:
    """Say that the table which this is about has a newer version."""
    return blocks.strip(
        icon("history"),
        html.Span(["This is about ", html.Strong(known["name"]), f". A newer version is {newer['name']}."]),
        blocks.button("Use the newer one", small=True, href=f"/{slug}?dataset={newer['id']}"),
    )


def empty(analysis: Analysis[Any], place: Place, samples: Sequence[Sample]) -> html.Div:
    """The page before there is any table."""
    actions = html.Div(
        [blocks.button("Add a table", kind="primary", href="/"), *(_try(sample) for sample in samples)],
        className="actions",
    )
    return blocks.page(
        blocks.header(analysis.title, analysis.summary),
        states.empty("There is no table yet", f"{place.brief} Upload one, or open a sample.", actions, height=280),
        *runs.slots({"slug": analysis.slug}),
        html.Div(runs.places(), className="intake"),
    )


def _try(sample: Sample) -> Component:
    return blocks.button("Try it on sample data", id=ids.sample(sample.slug))


def said_in_a_line(asked: Mapping[str, Any]) -> str:
    """The question in a line, for where the form is folded away."""
    return " · ".join(str(value) for value in asked.values() if value not in (None, ""))


def before(lede: str, place: Place, samples: Sequence[Sample], *, aims: bool = False) -> html.Div:
    """What stands in the answer's place before the first run: what one will get, when it misleads.

    One that `aims` at a target shows what it holds as soon as it is chosen.
    """
    parts: list[Component] = [blocks.lede(lede, "empty")]
    if aims:
        parts.append(html.Div(id=ids.aimed()))
    if place.gives:
        given = [cards.plain_card(title, text) for title, text in place.gives]
        parts.append(blocks.section(blocks.heading("What you will get"), html.Div(given, className="cards")))
    if place.misleads:
        lines = html.Ul([html.Li(line) for line in place.misleads], className="caveats")
        parts.append(blocks.section(blocks.heading("When it misleads"), lines))
    for sample in samples:
        about = f" {words.count(sample.rows)} rows ({sample.source}) with a known answer"
        start = html.Button("Try it on sample data", id=ids.sample(sample.slug), className="text-link", type="button")
        parts.append(html.P([start, html.Span(about, className="quiet")], className="try"))
    return html.Div(parts)


def provenance(result: StoredResult, asked_at: str) -> html.Div:
    """How many rows, when and how fast, and where the caveats are; of a result so far, that it is one."""
    about = result.about
    if result.is_partial:
        badge = blocks.badge("Partial", "partial")
        return blocks.provenance(badge, f"as it stood at {asked_at}, before the run had ended.")
    used, total = about["rows_used"], about["rows_total"]
    every = used == total
    badge = blocks.badge(f"All {words.count(total)} rows", "rows") if every else blocks.badge(
        f"{words.count(used)} of {words.count(total)} rows", "sample"
    )  # fmt: skip
    whole = html.Button("Use all rows", id=ids.use_rows(0), className="text-link", type="button")
    samples = not every and about["params"].get("sample_rows") is not None
    parts: list[Any] = [badge, *([whole] if samples else []), f"{asked_at}, in {words.duration(about['seconds'])}"]
    notes = len(result.notes)
    if notes:
        said = words.plural(notes, "caveat")
        parts.append(html.A([said], href="#caveats", className="text-link"))
    return blocks.provenance(*parts)


def export_menu(result: StoredResult, exports: Sequence[tuple[str, str]]) -> list[Component]:
    """Copy link, and what can be taken away."""
    items: list[Component] = []
    for table, form in exports:
        if table not in result.tables:
            continue
        rows = words.plural(result.tables[table]["rows"], "row")
        items.append(cards.menu_item(table.capitalize(), form.upper(), rows, id=ids.export(table, form)))
    items.append(cards.menu_item("Result", "Markdown", "facts, caveats, tables", id=ids.export("result", "md")))
    raw = dbc.Checkbox(id=ids.export_raw(), label="Raw values", value=False)
    hint = "Off: cells that start with = + \u2212 @ are made safe for spreadsheets."
    return [
        blocks.copy_link(),
        cards.menu("Export", "download", [*items, cards.menu_rule(), cards.menu_check(raw, hint)]),
    ]
