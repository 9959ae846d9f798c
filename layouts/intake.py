"""Where tables come in: files dropped or chosen, a table pasted. assets/upload.js does the rest."""

from __future__ import annotations

from dash import dcc, html

from layouts import blocks, cards, runs
from services.uploads import ACCEPTED, ACCEPTED_SAID


def intake(limit_mb: int, fine: str | None = None) -> html.Div:
    """Where files come in, how far each is, and the run that reads the one to be opened."""
    browse = html.Label(
        ["Browse files", dcc.Input(type="file", id="browse", multiple=True, className="visually-hidden")],
        className="btn btn-primary", htmlFor="browse", **{"data-accept": ",".join(ACCEPTED)},
    )  # fmt: skip
    paste = blocks.button("Paste a table", symbol="clipboard", id="paste")
    return html.Div(
        [
            cards.drop_zone(f"{ACCEPTED_SAID}. Up to {limit_mb / 1000:g}\u202fGB each.", [browse, paste], fine=fine),
            html.Div(id="upload", className="upload-slot"),
            *runs.places(),
            _paste_dialog(),
        ],
        className="intake",
    )


def _paste_dialog() -> html.Dialog:
    """Asks for a table as text; shown and read by assets/paste.js."""
    return html.Dialog(
        [
            html.H2("Paste a table", id="paste-title"),
            html.P(
                "Cells copied from a spreadsheet or a web page, or lines of CSV. Column names go in the first line.",
                id="paste-hint",
            ),
            html.Textarea(
                id="paste-text", className="form-control", rows=10, spellCheck="false",
                **{"aria-labelledby": "paste-title", "aria-describedby": "paste-hint"},
            ),
            html.P(id="paste-said", className="error-slot", role="alert"),
            html.Div(
                [
                    blocks.button("Add this table", kind="primary", id="paste-take"),
                    blocks.button("Close", kind="quiet", id="paste-close"),
                ],
                className="actions",
            ),
        ],
        id="paste-dialog",
        className="paste-dialog",
        **{"aria-labelledby": "paste-title"},
    )  # fmt: skip
