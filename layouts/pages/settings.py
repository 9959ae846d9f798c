"""Settings: what a visitor has stored here and how all of it goes; what this server allows."""

from __future__ import annotations

from collections.abc import Sequence

from dash import html
from dash.development.base_component import Component

from layouts import blocks, ids, runs, states, tables, words
from layouts.icons import icon
from services.visitors import Extent


def page(
    extent: Extent,
    days: int,
    limits: Sequence[tuple[str, str, str]],
    shared: Sequence[Component] = (),
    *,
    is_ephemeral: bool = False,
    is_guest: bool = False,
) -> html.Div:
    """Lay out the page; `limits` is name, value and help of each setting, `is_ephemeral` a disk that does not last.

    `shared` is the section of links to the workspace; a guest, who came by one, does not delete what is another's.
    """
    return blocks.page(
        blocks.header("Settings", "What is stored for you on this server, and what it allows."),
        blocks.section(
            blocks.heading("Your data"),
            blocks.facts(
                blocks.fact("Datasets", words.count(extent.datasets)),
                blocks.fact("Runs", words.count(extent.runs)),
                blocks.fact("On disk", words.size(extent.bytes)),
                blocks.fact("Kept", words.plural(days, "day"), "after last use"),
            ),
            html.P(
                "Stored on this server, and seen only by this browser and by those that came by a link of yours. "
                "Nothing is sent elsewhere.",
                className="about",
            ),
            html.P(states.NOT_LASTING, className="about") if is_ephemeral else None,
            html.Div(None if is_guest else ask(), id=ids.DELETING, className="deleting", **{"aria-live": "polite"}),
        ),
        blocks.section(
            blocks.heading("In another browser"),
            html.Div(list(shared), id=ids.shared(), className="shared"),
            id="links",
        ),
        blocks.section(
            blocks.heading("This server", "set where it is started, by these environment variables"),
            html.Div(
                tables.table(
                    [
                        tables.Column(title="Setting", look="raw"),
                        tables.Column(title="Value", look="number"),
                        tables.Column(title="What it does", look="text"),
                    ],
                    [list(limit) for limit in limits],
                    caption="Settings of this server",
                ),
                className="limits",
            ),
        ),
        *runs.slots({}),
        *runs.places(),
        width="text",
    )


def ask(*, again: bool = False) -> Component:
    """Offer to delete everything; `again` takes the focus back from the question."""
    return blocks.button(
        [icon("trash-2"), html.Span("Delete everything of mine now")],
        id=ids.delete("ask"), className="btn-danger-outline", autoFocus=again,
    )  # fmt: skip


def confirm(extent: Extent, live: int) -> Component:
    """Say what would go, and ask once more."""
    found = [
        words.plural(extent.datasets, "dataset"),
        words.plural(extent.runs, "run"),
        f"{words.size(extent.bytes)} on disk",
    ]
    stops = f" {words.plural(live, 'run')} that {'is' if live == 1 else 'are'} on will be cancelled." if live else ""
    return states.note(
        "failed",
        f"Delete {', '.join(found[:-1])} and their results, {found[-1]}?",
        f"This cannot be undone.{stops}",
        [
            blocks.button("Yes, delete everything", kind="primary", id=ids.delete("sure")),
            blocks.button("Keep it", kind="quiet", id=ids.delete("keep"), autoFocus=True),
        ],
    )


def left_over() -> Component:
    """Own up that something of it is still there."""
    return html.Div(
        [
            states.note(
                "failed", "Some of it could not be deleted yet.", "A run of yours has not ended. Try again in a moment."
            ),
            ask(again=True),
        ]
    )


def deleted() -> Component:
    """Say that everything is gone; stands above Home's greeting."""
    gone = "Files, results and runs, and the cookie that named them."
    return html.Div(states.note("done", "Everything of yours was deleted.", gone), className="deleted")
