"""The battery of models: a table that fills while it runs."""

from __future__ import annotations

from dash import html

from layouts import answers, blocks, tables, words
from layouts.places import Place
from services.results import StoredResult

PLACE = Place(
    group="Machine learning",
    label="Battery",
    icon="split",
    brief="Which of twelve models is best.",
    exports=(("models", "csv"),),
)


def view(result: StoredResult) -> html.Div:
    """Draw the models by score."""
    rows = result.rows("models")
    said = f"{words.plural(len(rows), 'model')} scored"
    return answers.answer(
        result,
        f"So far: {said}." if result.is_partial else f"{said}; the first is best.",
        [("Models", words.count(len(rows)))],
        blocks.section(
            blocks.heading("Models"),
            tables.table(
                [tables.Column(title="Model", look="name"), tables.Column(title="Score", look="number")],
                [[f"Model {row['model']}", f"{row['score']:.3f}"] for row in rows],
                caption="Models by score",
            ),
        ),
    )
