"""The first rows of a table as a recipe makes them, and how a column lies before and after."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dash import html
from dash.development.base_component import Component

from layouts import blocks, findings, ids, states, words
from services.cleaning.preview import Preview
from services.cleaning.shape import Shape
from services.quality import Quality

_WIDEST = 40  # columns that are shown of a table


def panel(seen: Preview, shape: Shape | None) -> html.Div:
    """The rows and the column that is looked at, with what switches between before and after."""
    sides = [
        html.Button(label, type="button", className="btn btn-sm", **{"data-shows": side, "aria-pressed": pressed})
        for label, side, pressed in (("Before", "before", "false"), ("After", "after", "true"))
    ]
    switch = html.Div(sides, className="side-switch", role="group", **{"aria-label": "Show the rows"})
    return html.Div(
        [switch, html.Div(rows(seen, shape), id=ids.BEFORE_AFTER)], className="cleaned-panel", **{"data-side": "after"}
    )


def rows(seen: Preview, shape: Shape | None) -> list[Component]:
    """The first rows as they would be, with the cells marked that change; then the column that is looked at."""
    if seen.note:
        return [states.note("interrupted", "There is no preview just now.", seen.note)]
    names = seen.schema.names[:_WIDEST]
    right = {name for name in names if seen.schema[name].is_number}
    body = [
        html.Tr([_cell(row[name], name in right, changed, name) for name in names])
        for row, changed in zip(seen.head, seen.changed, strict=True)
    ]
    heads = [html.Th(_head(name), scope="col", className="number" if name in right else "") for name in names]
    frame = html.Div(
        html.Table(
            [
                html.Caption("The first rows, cleaned", className="visually-hidden"),
                html.Thead(html.Tr(heads)),
                html.Tbody(body),
            ],
            className="dense cleaned",
        ),
        className="table-frame cleaned-frame", tabIndex=0, role="region", **{"aria-label": "The first rows, cleaned"},
    )  # fmt: skip
    part = "" if seen.rows == seen.of else f" of the first {words.count(seen.rows)} rows"
    left = f"{words.plural(seen.after, 'row')}{part} would be left" if seen.after != seen.rows else "no row goes"
    wide = f" · the first {_WIDEST} of {words.plural(len(seen.schema), 'column')}" if len(seen.schema) > _WIDEST else ""
    drawn = [blocks.section(blocks.heading("Preview", f"{left}; changed cells are marked{wide}"), frame)]
    return [*drawn, *([_shape(shape)] if shape is not None else [])]


def _head(name: str) -> html.Button:
    return html.Button(
        name, type="button", className="th-button", title=f"How {name} lies before and after",
        **{"data-recipe": "column", "data-place": "0", "data-name": name},
    )  # fmt: skip


def _cell(value: Any, right: bool, changed: Mapping[str, str | None], name: str) -> html.Td:
    text = _told(value, right)
    look = "number" if right else ""
    if name not in changed:
        return html.Td(text[:80], className=look or None)
    was = changed[name] or ""
    parts = [html.Span(text[:80], className="now"), html.Span(was[:80], className="was")]
    return html.Td(parts, className=f"{look} changed".strip(), title=f"Was: {was[:200]}" if was else "Was empty")


def _told(value: Any, right: bool) -> str:
    if value is None:
        return ""
    whole = isinstance(value, int) and not isinstance(value, bool)
    return words.count(value) if whole and right else str(value)


def _shape(shape: Shape) -> Component:
    """A column before and after, as two bars for each of its values."""
    most = max((count or 0 for _, *counts in shape.bars for count in counts), default=0) or 1
    lines = []
    for label, was, now in shape.bars:
        bars = [html.Td(_bar(count, most, side), className="look-bar") for count, side in ((was, "was"), (now, "now"))]
        lines.append(html.Tr([html.Th(_shown(label), scope="row", className="look-name"), *bars]))
    heads = [html.Th(title, scope="col") for title in ("Value", "Rows before", "Rows after")]
    table = html.Table(
        [
            html.Caption(f"{shape.column} before and after", className="visually-hidden"),
            html.Thead(html.Tr(heads)),
            html.Tbody(lines),
        ],
        className="dense shape",
    )
    head = blocks.heading(shape.column, "before and after, in the rows that were looked at")
    return blocks.section(head, html.Div(table, className="table-frame"))


def _shown(label: str) -> str:
    return label if label.strip() == label else f"“{label}”"


def _bar(count: int | None, most: int, side: str) -> Component:
    if count is None:
        return html.Span("no such column", className="quiet")
    mark = html.Span(className=f"fill fill-{side}", style={"width": f"{100 * count / most:.1f}%"})
    return html.Div(
        [html.Span(mark, className="in-cell", **{"aria-hidden": "true"}), html.Span(words.count(count))],
        className="bar-cell",
    )


def standing(now: Quality, newest: int | None) -> html.Div:
    """How good the table is, in its parts, and what its newest version has reached."""
    parts = ", ".join(f"{part.name.lower()} {int(part.score * 10) / 10:g}" for part in now.parts)
    reached = f" The newest version has {newest}." if newest is not None else ""
    return blocks.strip(
        html.Span([html.Strong(f"Quality {now.said} of 100"), f": {parts}.{reached}"]), findings.measured(now)
    )
