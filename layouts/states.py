"""What a page says when something is not as usual: notes, stops, emptiness, loading."""

from collections.abc import Sequence
from typing import Literal

from dash import html
from dash.development.base_component import Component

from layouts.blocks import Content, block
from layouts.icons import icon

NoteKind = Literal["done", "stale", "evicted", "sample", "stopped", "interrupted", "failed", "bug"]

NOT_LASTING = (
    "A restart of this server empties its disk: files, answers and runs are gone then. Download what you want to keep."
)

_NOTES: dict[str, tuple[str, str]] = {
    "done": ("ok", "circle-check"),
    "stale": ("accent", "history"),
    "evicted": ("watch", "trash-2"),
    "sample": ("watch", "percent"),
    "stopped": ("watch", "circle-stop"),
    "interrupted": ("high", "circle-stop"),
    "failed": ("crit", "circle-alert"),
    "bug": ("crit", "octagon-alert"),
}


def note(kind: NoteKind, bold: str, text: Content = None, buttons: Sequence[Component] = ()) -> html.Div:
    """Say what happened in bold, then what to do; the buttons do it."""
    tone, symbol = _NOTES[kind]
    said = [html.Strong(bold), *([html.Div(text, className="text")] if text else [])]
    done = [html.Div(list(buttons), className="actions")] if buttons else []
    return html.Div([icon(symbol), html.Div(said, className="said"), *done], className=f"note note-{tone}")


def mistake(incident: str, buttons: Sequence[Component] = ()) -> html.Div:
    """Own up to a bug, with the number that finds it in the log."""
    text = "Nothing of yours was lost. Run it again; if it fails again, send us the number."
    return note("bug", f"This is our mistake. Incident {incident}.", text, buttons)


def another_key() -> html.Div:
    """Say to who had been here that their cookie is not accepted any more."""
    text = (
        "The key by which this server knows its browsers was changed, so you begin anew. Files and answers of before "
        "are out of reach until whoever runs the server sets the earlier SECRET_KEY again."
    )
    return html.Div(note("interrupted", "What you did here before cannot be shown.", text), className="another-key")


def stopped(sentence: str, why: Content, buttons: Sequence[Component], costs: Content = None) -> html.Div:
    """Say where a run stopped and what is kept, then why, then what can be done and its cost."""
    return html.Div(
        [
            html.P(sentence, className="lede"),
            html.P(why, className="why"),
            html.Div(list(buttons), className="actions"),
            *([html.P(costs, className="fine")] if costs else []),
        ],
        className="stopped",
    )


def empty(title: str, text: Content = None, action: Component | None = None, *, height: int | None = None) -> html.Div:
    """Say what is missing and why, with the one thing to do about it."""
    return html.Div(
        [
            html.Strong(title),
            *([html.P(text)] if text else []),
            *([action] if action is not None else []),
        ],
        className="empty",
        style={"minHeight": height} if height else {},
    )


def loading_answer() -> html.Div:
    """Keep the place of a whole answer: sentence, facts, picture."""
    sentence = html.Div([block("82%", 26), block("54%", 26)], className="loading-lede")
    pieces = [html.Div([block(64, 10), block(92, 16)], className="fact") for _ in range(4)]
    return html.Div(
        [sentence, html.Div(pieces, className="facts facts-4"), block("100%", 300)],
        className="loading",
        **{"aria-busy": "true"},
    )
