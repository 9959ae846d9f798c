"""Home: what can be run, what is missing for it, where files are dropped; and menus."""

from collections.abc import Sequence
from typing import Any

import dash_bootstrap_components as dbc
from dash import html
from dash.development.base_component import Component

from layouts.blocks import Content
from layouts.icons import icon


def cards(*several: Component) -> html.Div:
    """Lay cards out three to a row, one on a small screen."""
    return html.Div(list(several), className="cards")


def ready_card(
    title: str,
    symbol: str,
    text: Content,
    *,
    href: str,
    action: str = "Run",
    cost: str | None = None,
    state: Component | None = None,
    tick: Component | None = None,
    press: Component | None = None,
) -> html.Div:
    """Offer an analysis that can run; `tick` is a checkbox at its right, `state` a badge.

    With `press`, a button that does it, the link stands quietly before.
    """
    left = [part for part in (state, html.Span(cost) if cost else None) if part is not None]
    return html.Div(
        [
            html.Div(
                [icon(symbol), html.H3(title), *([tick] if tick is not None else [])],
                className="card-head",
            ),
            html.P(text),
            html.Div(
                [html.Div(left, className="cost"), _link(action, href, title), *([press] if press is not None else [])],
                className="card-foot",
            ),
        ],
        className="analysis-card",
    )


def tick(id: Any, title: str, *, ticked: bool = False) -> dbc.Checkbox:
    """Tick an analysis to be run in turn; its label is heard, not seen."""
    label = html.Span(f"Run {title} in turn", className="visually-hidden")
    return dbc.Checkbox(id=id, value=ticked, label=label)


def needs_card(title: str, symbol: str, text: Content, *, href: str, action: str) -> html.Div:
    """Say what an analysis needs first, and where to give it."""
    return html.Div(
        [
            html.Div([icon(symbol), html.H3(title)], className="card-head"),
            html.P(text),
            html.Div([_link(action, href, title)], className="card-foot"),
        ],
        className="analysis-card needs",
    )


def needs_cards(summary: str, *several: Component) -> html.Details:
    """Hold the cards that miss something; on a small screen they fold into `summary`."""
    return html.Details(
        [html.Summary([html.Span(summary), icon("chevron-down")]), cards(*several)],
        className="needs-cards",
        open=True,
        **{"data-fold-small": ""},
    )


def plain_card(title: str, text: Content) -> html.Div:
    """Name one thing in two lines: what you will get."""
    return html.Div([html.H3(title), html.P(text)], className="plain-card")


def roles(pairs: Sequence[tuple[str, str]], *, href: str) -> html.Div:
    """Say which column is the customer, the date, and so on, in one line."""
    return html.Div(
        [
            html.Strong("Roles"),
            *([html.Span([f"{role} ", html.Strong(name)]) for role, name in pairs] or [html.Span("none yet")]),
            html.A("Change roles", href=href, className="text-link lockable", **{"data-nav": ""}),
        ],
        className="line-card roles",
    )


def drop_zone(text: Content, buttons: Sequence[Component], *, id: str = "drop-zone", fine: Content = None) -> html.Div:
    """Take files: dropped anywhere on the page, or by its buttons.

    The upload script sets `data-over` on it while a file hangs above the page.
    """
    return html.Div(
        [
            html.Div(
                [
                    icon("upload", size=32),
                    html.Div(
                        [html.Strong("Drop files anywhere on this page"), html.P(text)],
                        className="said",
                    ),
                    html.Div(list(buttons), className="actions"),
                ],
                id=id,
                className="drop-zone",
            ),
            *([html.P(fine, className="fine")] if fine else []),
        ]
    )


def menu(label: str, symbol: str, children: Sequence[Component], *, id: Any = None) -> html.Details:
    """Open a menu under a button; shell.js closes it on Esc and on a click elsewhere."""
    return html.Details(
        [
            html.Summary([icon(symbol), html.Span(label)], className="btn btn-outline-secondary"),
            html.Div(list(children), className="floating menu menu-right"),
        ],
        className="menu-slot",
        **({"id": id} if id else {}),
    )


def menu_item(what: str, form: str = "", aside: str = "", *, href: str | None = None, id: Any = None) -> Component:
    """Offer one thing: what, in which form, how much. A link downloads, a button calls back."""
    children = [
        html.Span(what, className="name"),
        html.Span(form, className="form"),
        html.Span(aside, className="aside"),
    ]
    named = {"id": id} if id else {}
    if href is not None:
        return html.A(children, href=href, className="menu-item", download="", **named)
    return html.Button(children, type="button", className="menu-item", **named)


def menu_rule() -> html.Div:
    """Part the items of a menu."""
    return html.Div(className="menu-rule")


def menu_check(control: Component, hint: str) -> html.Div:
    """End a menu with a switch and what it changes."""
    return html.Div([control, html.P(hint)], className="menu-check")


def _link(action: str, href: str, title: str) -> html.A:
    return html.A(
        [action, html.Span(f": {title}", className="visually-hidden")],
        href=href,
        className="text-link lockable",
        **{"data-nav": ""},
    )
