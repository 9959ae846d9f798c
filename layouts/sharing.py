"""A workspace in another browser: its links on Settings, and the page that a link leads to."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from dash import dcc, html
from dash.development.base_component import Component

from layouts import blocks, ids, runs, states, tables, words
from layouts.icons import icon
from services.sharing import Link


def section(
    links: Sequence[Link], address: str | None = None, error: str | None = None, *, is_guest: bool
) -> list[Component]:
    """The links of a workspace; `address` is one that was made just now, and is told once. A guest has none to make."""
    if is_guest:
        return [
            states.note(
                "stale", "You came here by a link.",
                "This workspace is another browser's: its links are made and withdrawn there. Your own is kept.",
                [blocks.button("Go back to my own workspace", symbol="undo-2", id=ids.share("leave", ""))],
            ),
            *([states.note("failed", error)] if error else []),
        ]  # fmt: skip
    parts: list[Component | None] = [
        html.P(
            "A link opens this workspace in another browser, such as your telephone’s. Who has it sees all of your "
            "tables and answers, and can change them: treat it like a password. It holds until you withdraw it.",
            className="about",
        ),
        states.note("failed", error) if error else None,
        _made(address) if address else None,
        _table(links) if links else None,
        html.Div(
            [
                blocks.button("Make a link", symbol="link", id=ids.share("make", "")),
            ],
            className="actions",
        ),
    ]
    return [part for part in parts if part is not None]


def _made(address: str) -> Component:
    field = dcc.Input(id="share-address", value=address, readOnly=True, className="form-control")
    copy = html.Button(
        [icon("link"), html.Span("Copy")], type="button", className="btn btn-primary", **{"data-copy-link": address}
    )
    return html.Div(
        [
            html.Div([html.Label(["The new link", field], className="share-field"), copy], className="share-made"),
            html.P("It is shown this once: copy it now.", className="hint"),
        ],
        role="status",
    )


def _table(links: Sequence[Link]) -> Component:
    columns = [
        tables.Column(title="Link made", look="name"), tables.Column(title="Last used", look="quiet"),
        tables.Column(title="", look="link"),
    ]  # fmt: skip
    rows = []
    for link in links:
        made = words.moment(dt.datetime.fromtimestamp(link.made))
        used = words.moment(dt.datetime.fromtimestamp(link.used)) if link.used else "never"
        withdraw = html.Button(
            ["Withdraw", html.Span(f" the link of {made}", className="visually-hidden")],
            id=ids.share("withdraw", link.id), className="text-link", type="button",
        )  # fmt: skip
        rows.append([made, used, withdraw])
    return tables.table(columns, rows, caption="Links to this workspace")


def arrival(token: str, tables_there: int, *, is_own: bool, has_own: bool) -> html.Div:
    """The page of a link that holds: what it opens, and the button that does."""
    if is_own:
        text = "This link leads to the workspace that this browser has open already."
        action = blocks.button("Go on", kind="primary", href="/")
    else:
        held = words.plural(tables_there, "table")
        text = f"It has {held}, with their answers and runs. Whoever has it open can change it."
        action = blocks.button("Open this workspace", kind="primary", id=ids.enter(token))
    kept = "What this browser has now is kept: Settings leads back to it." if has_own and not is_own else None
    return blocks.page(
        blocks.header("A workspace of this server", "Somebody sent you a link to it."),
        states.empty(
            "Open this workspace here?" if not is_own else "You are there", text, html.Div([action]), height=260
        ),
        html.P(kept, className="about") if kept else None,
        *runs.slots({}), *runs.places(),
        width="text",
    )  # fmt: skip
