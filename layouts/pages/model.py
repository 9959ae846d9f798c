"""Use a model: how good it is, why, what it says of other rows, and what is taken along."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dash import html
from dash.development.base_component import Component

from layouts import answers, blocks, charts, learning, one_model, reasons, tables, words
from layouts.places import Place
from layouts.scored import figure, in_words, metric_of, score
from services.results import StoredResult

PLACE = Place(
    group="Machine learning",
    label="Use a model",
    icon="target",
    brief="Predict rows whose answer nobody knows yet.",
    gives=(
        ("Predictions", "Every row of another table with its class and probability, or its value and interval."),
        ("Reasons", "What the model looks at, and what each column adds to what is said of one row."),
        ("To take along", "A model card, a script that reaches the same score by itself, the model as a file."),
    ),
    misleads=(
        "Rows of another time or place are not what the model was tested on: how columns have moved is told.",
        "A probability is as good as the calibration curve says, and no better.",
    ),
    exports=(("predicted", "csv"), ("predicted", "xlsx"), ("scores", "csv"), ("contributions", "csv")),
)
_FILES = {
    "model_card.html": "Model card (HTML)", "model_card.md": "Model card (Markdown)",
    "model.py": "Python script", "model.skops": "Model file (skops)",
}  # fmt: skip
_MOVED = {"alike": "as before", "moved": "has moved", "another one": "is another one"}


def before(known: Mapping[str, Any], _: Mapping[str, Any]) -> str:
    """What stands in the answer's place before the first run."""
    return (
        f"{words.plural(known['rows'], 'row')} are ready to learn from. Choose a model, and which rows it is asked of."
    )


def view(result: StoredResult) -> html.Div:
    """Draw what one model is, and what it said."""
    facts, task = result.facts, str(result.facts["task"])
    metric = metric_of(task, str(facts["metric"]))
    told: list[tuple[str, Any]] = [
        (metric.title, score(facts["score"], facts["sd"])),
        ("Learnt from", words.plural(facts["fitted_on"], "row")),
        ("Predicted", words.plural(facts["predicted_rows"], "row") if facts["predicted_of"] else "none"),
    ]
    if facts.get("interval_80") is not None:
        told.append(("80 % interval", f"± {words.short(facts['interval_80'], 3)}"))
    if facts["threshold"] is not None:
        told.append(("Threshold", f"{facts['threshold']:.2f}"))
    parts: list[Component | None] = []
    if not result.is_partial:
        parts = [
            _ways(result),
            _predicted(result),
            _columns(result),
            reasons.of_rows(result),
            _curve(result, metric.title),
        ]
    return answers.answer(
        result,
        _lede(result, in_words(metric)),
        told,
        *parts,
        _scores(result),
        html.Div(one_model.of_model(task, result, str(facts["model"]))),
        learning.target_of(task, result),
    )


def _lede(result: StoredResult, metric: str) -> str:
    facts = result.facts
    said = f"{facts['model']} reaches {metric} {score(facts['score'], facts['sd'])} on rows that it had not seen"
    if result.is_partial:
        return f"{said}."
    for share in ("80", "95"):
        if facts.get(f"covered_{share}") is not None:
            said += f"; its {share} % interval held {words.percent(facts[f'covered_{share}'])} of them"
            break
    if facts["predicted_of"]:
        return f"{said}. {words.plural(facts['predicted_rows'], 'row')} of {facts['predicted_of']} are predicted."
    return f"{said}. Choose another table to have it predicted."


def _ways(result: StoredResult) -> Component | None:
    made = result.about.get("made_dataset")
    links = [
        blocks.button(label, symbol="download", small=True, href=f"/_files/{result.key}/{name}", target="_self",
                      download="")
        for name, label in _FILES.items()
        if name in result.about.get("files", ())
    ]  # fmt: skip
    ways = []
    if made:
        ways = [
            blocks.button("Open the predictions", kind="primary", href=f"/data?dataset={made}"),
            blocks.button("Look at its rows", href=f"/explore?dataset={made}"),
            blocks.button("Parquet", symbol="download", href=f"/_tables/{made}.parquet", target="_self", download=""),
        ]
    head = blocks.heading("Take it along", "the script runs by itself and reaches the same score")
    return html.Div([html.Div(ways, className="actions") if ways else None,
                     blocks.section(head, html.Div(links, className="actions"))])  # fmt: skip


def _predicted(result: StoredResult) -> Component | None:
    if "predicted" not in result.tables:
        return None
    names = [column["name"] for column in result.tables["predicted"]["columns"]]
    start = max(at for at, name in enumerate(names) if name.startswith("predicted"))
    shown = [answers.Shown(name, name) for name in [*names[start:][:6], *names[: min(start, 6)]]]
    return answers.grid(result, "predicted", shown, title="Predictions")


def _columns(result: StoredResult) -> Component | None:
    """How the rows that were asked differ from those that were learnt from."""
    if "columns" not in result.tables:
        return None
    heads = [
        tables.Column(title="Feature", look="name"), tables.Column(title="It"),
        tables.Column(title="Stability index", look="number"), tables.Column(title="Missing before", look="number"),
        tables.Column(title="Missing now", look="number"), tables.Column(title="Never seen", look="number"),
    ]  # fmt: skip
    rows = sorted(result.rows("columns"), key=lambda row: -row["psi"])
    lines = [
        [
            row["feature"], _MOVED[row["said"]], figure(row["psi"]),
            *(words.percent(row[name]) for name in ("missing_before", "missing", "unknown")),
        ]
        for row in rows[:30]
    ]  # fmt: skip
    hint = "whether the rows that were asked are like those that were learnt from; an index of 0.25 is another column"
    return blocks.section(
        blocks.heading("Columns, then and now", hint), tables.table(heads, lines, caption="Columns, then and now")
    )


def _scores(result: StoredResult) -> Component:
    heads = [tables.Column(title="Measure", look="name"), tables.Column(title="Score", look="number")]
    rows = [[row["measure"], score(row["mean"], row["sd"])] for row in result.rows("scores")]
    hint = "mean ± standard deviation over splits, on rows that were held out"
    return blocks.section(blocks.heading("Scores", hint), tables.table(heads, rows, caption="Scores"))


def _curve(result: StoredResult, metric: str) -> Component | None:
    if "learning_curve" not in result.tables:
        return None
    rows = result.rows("learning_curve")
    x = [row["rows"] for row in rows]
    several = [
        charts.Series(x=x, y=[row["held_out"] for row in rows], label="held out"),
        charts.Series(x=x, y=[row["seen"] for row in rows], label="seen"),
    ]
    drawn = charts.lines(x, several, x_title="Rows learnt from", y_title=metric)
    twin = blocks.Twin(
        columns=["Rows", "Held out", "Seen"],
        rows=[[words.count(row["rows"]), figure(row["held_out"]), figure(row["seen"])] for row in rows],
        caption="Learning curve",
    )
    hint = "a held-out line that still improves at its end says that more rows would help"
    graph = charts.graph(drawn, height=260, label="Learning curve")
    return blocks.picture("Learning curve", hint, graph, twin)
