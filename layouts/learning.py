"""How models compare: the leaderboard, what the best looks at, and each model by itself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import dash_bootstrap_components as dbc
from dash import html
from dash.development.base_component import Component

from layouts import answers, blocks, charts, controls, ids, one_model, places, tables, words
from layouts.links import asked
from layouts.scored import Row, figure, in_words, metric_of, score
from services.numerics.learning.metrics import Metric
from services.numerics.learning.question import JOINED
from services.results import StoredResult

ALIKE = 0.05  # p from which two models are within noise of each other
_STATES = {"done": "Done", "stopped": "Stopped", "skipped": "Skipped", "failed": "Failed"}
_ALSO = {"classification": ("roc_auc", "f1_macro", "mcc"), "regression": ("mae", "r2", "mape")}


def view(task: str, result: StoredResult) -> html.Div:
    """Draw the comparison: a sentence, the facts, the leaderboard, and what is known of the best."""
    facts = result.facts
    rows = result.rows("leaderboard")
    unfinished = facts["unfinished"]
    return answers.answer(
        result,
        _lede(task, facts, so_far=result.is_partial),
        [
            ("Models done", f"{facts['done']} of {facts['models']}"),
            ("Not finished", words.count(unfinished) if unfinished else "none"),
            ("Rows", words.count(facts["rows"])),
            ("Predicted from", words.plural(facts["columns"], "column")),
            *_more(task, facts),
        ],
        _leaderboard(task, facts, rows),
        None if result.is_partial else _by_model(task, result, rows),
        target_of(task, result),
        _left_out(result),
        None if result.is_partial else _predictions(task, result),
    )


def _lede(task: str, facts: Row, *, so_far: bool) -> str:
    if facts["best"] is None:
        return "No model has ended yet." if so_far else "No model came to an end."
    metric = metric_of(task, facts["metric"])
    begin = "So far " if so_far else ""
    said = f"{begin}{facts['best']} is best: {in_words(metric)} {score(facts['score'], facts['sd'])}"
    if facts["baseline_score"] is not None:
        what = "the mean" if task == "regression" else f"“{facts['most_frequent']}”"
        said += f", against {score(facts['baseline_score'])} for always saying {what}"
    alike = facts["within_noise"]
    if alike:
        first = facts["alike"].split(", ")[0]
        others = f" and {words.plural(alike - 1, 'other')}" if alike > 1 else ""
        said += f"; {first}{others} {'are' if alike > 1 else 'is'} within noise"
    return f"{said}."


def _more(task: str, facts: Row) -> list[tuple[str, str]]:
    if task == "classification":
        return [("Classes", f"{facts['classes']}, {words.percent(facts['most_frequent_share'])} the largest")]
    width = facts.get("interval_80")
    return [("80 % of errors within", f"± {words.short(width, 3)}")] if width is not None else []


def _leaderboard(task: str, facts: Row, rows: Sequence[Row]) -> Component:
    metric = metric_of(task, facts["metric"])
    also = [metric_of(task, slug) for slug in _ALSO[task] if slug != metric.slug][:2]
    done = [row[metric.slug] for row in rows if row["state"] == "done" and row[metric.slug] is not None]
    low, high = (min(done), max(done)) if done else (0.0, 1.0)
    columns = [
        tables.Column(title="Model", look="name"), tables.Column(title="State"),
        tables.Column(title=metric.title, look="number", sorted="descending" if metric.higher else "ascending"),
        tables.Column(title="", look="bar"),
        *(tables.Column(title=each.title, look="number") for each in also),
        tables.Column(title="Fit", look="quiet-number"), tables.Column(title="Peak", look="quiet-number"),
    ]  # fmt: skip
    drawn = [_row(row, facts, metric, also, low, high) for row in rows]
    hint = "mean ± standard deviation over folds, on rows that were held out"
    return blocks.section(
        blocks.heading("Leaderboard", hint),
        tables.table(columns, drawn, caption="Leaderboard"),
        html.P(f"{metric.title}: {metric.said}", className="fine"),
    )


def _row(row: Row, facts: Row, metric: Metric, also: Sequence[Metric], low: float, high: float) -> tables.Row:
    is_best, is_base = row["slug"] == facts["best_slug"], row["slug"].startswith("baseline")
    alike = row.get("p") is not None and row["p"] >= ALIKE and not is_best
    name: list[Any] = [row["model"], *([" ", blocks.badge("within noise")] if alike else [])]
    state = tables.state(row["state"], _STATES[row["state"]])
    if row["state"] != "done" or row[metric.slug] is None:
        reason = row["reason"] or f"{metric.title} cannot be worked out of what it said."
        return tables.Row(cells=[name, state], reason=reason)
    at = (row[metric.slug] - low) / ((high - low) or 1)
    dot = tables.dot(at if metric.higher else 1 - at, tone="best" if is_best else "rest")
    shown = tables.score(figure(row[metric.slug]), None if row.get(f"{metric.slug}_sd") is None
                         else figure(row[f"{metric.slug}_sd"]))  # fmt: skip
    fit, peak = row.get("fit_seconds"), row.get("peak_mb")
    cells = [
        name, state, shown, dot, *(score(row.get(each.slug)) for each in also),
        words.NONE if fit is None else words.duration(fit), words.NONE if peak is None else words.megabytes(peak),
    ]  # fmt: skip
    return tables.Row(cells=cells, tone="baseline" if is_base else "plain")


def _by_model(task: str, result: StoredResult, rows: Sequence[Row]) -> Component | None:
    """Each model by itself: which one is chosen above what is drawn."""
    done = [row["model"] for row in rows if row["state"] == "done"]
    if not done:
        return None
    best = result.facts["best"]
    select = dbc.Select([{"label": name, "value": name} for name in done], best, id=ids.learnt(result.key), size="sm")
    return blocks.section(
        blocks.heading("One model", "on rows that it had not seen"),
        html.Div(controls.field("Model", select), className="one-model"),
        html.Div(of_model(task, result, best), id=ids.learnt_view(result.key)),
    )


def of_model(task: str, result: StoredResult, model: str) -> list[Component]:
    """One model of the comparison, and where it is used or tuned."""
    slug = next((row["slug"] for row in result.rows("leaderboard") if row["model"] == model), "")
    drawn = one_model.of_model(task, result, model)
    if slug.startswith("baseline") or slug in JOINED or not slug:
        return drawn
    same = {name: value for name, value in result.about["params"].items() if name not in {"models", "sample_rows"}}
    chosen = {**same, "task": task, "model": slug}
    dataset = result.about["dataset"]
    ways = [
        blocks.button("Use this model", kind="primary", href=asked("model", dataset, chosen)),
        blocks.button("Tune it", href=asked("tuning", dataset, chosen)) if places.place("tuning") else None,
    ]
    return [html.Div(ways, className="actions"), *drawn]


def target_of(task: str, result: StoredResult) -> Component:
    """What the target holds."""
    rows = result.rows("target")
    title = f"{result.facts['target']}, as it is"
    if task == "classification":
        shown = sorted(rows, key=lambda row: -row["rows"])[:20]
        drawn = charts.bars([row["value"] for row in shown], [row["rows"] for row in shown])
        lines = [[row["value"], words.count(row["rows"])] for row in shown]
        columns = ["Class", "Rows"]
    else:
        drawn = charts.histogram([*(row["low"] for row in rows), rows[-1]["high"]], [row["rows"] for row in rows])
        lines = [[figure(row["low"]), figure(row["high"]), words.count(row["rows"])] for row in rows]
        columns = ["From", "To", "Rows"]
    twin = blocks.Twin(columns=columns, rows=lines, caption=title)
    return blocks.picture(title, "in the rows that were used", charts.graph(drawn, height=200, label=title), twin)


def _left_out(result: StoredResult) -> Component | None:
    if "left_out" not in result.tables:
        return None
    heads = [tables.Column(title="Column", look="name"), tables.Column(title="Why it is not used")]
    rows = [[row["column"], row["why"]] for row in result.rows("left_out")[:100]]
    return blocks.section(blocks.heading("Left out"), tables.table(heads, rows, caption="Columns that are not used"))


def _predictions(task: str, result: StoredResult) -> Component | None:
    if "predictions" not in result.tables:
        return None
    shown = [answers.Shown("row", "Row", width=96), answers.Shown("actual", "Actual")]
    names = [column["name"] for column in result.tables["predictions"]["columns"]]
    if task == "classification":
        shown.append(answers.Shown("predicted", "Said"))
        shown += [answers.Shown(name, name.removeprefix("p ")) for name in names if name.startswith("p ")][:6]
    else:
        best = result.facts["best_slug"]
        shown += [answers.Shown(name, name.replace("_", " ")) for name in names if name == best]
        shown += [answers.Shown(name, name.replace("_", " ")) for name in names[3:] if name != best][:4]
    return answers.grid(result, "predictions", shown, title="Held-out rows")
