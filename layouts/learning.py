"""How models compare: the leaderboard, what the best looks at, and each model by itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import dash_bootstrap_components as dbc
from dash import html
from dash.development.base_component import Component

from layouts import answers, blocks, charts, controls, ids, tables, words
from services.numerics.learning.metrics import BY_TASK, Metric
from services.results import StoredResult

ALIKE = 0.05  # p from which two models are within noise of each other
_STATES = {"done": "Done", "stopped": "Stopped", "skipped": "Skipped", "failed": "Failed"}
_ALSO = {"classification": ("roc_auc", "f1_macro", "mcc"), "regression": ("mae", "r2", "mape")}
_MOST_CLASSES = 12  # of a confusion matrix that is drawn

Row = Mapping[str, Any]


def metric_of(task: str, slug: str) -> Metric:
    """The metric called `slug`."""
    return next(metric for metric in BY_TASK[task] if metric.slug == slug)


def score(value: float | None, sd: float | None = None) -> str:
    """A score with what it varies by over folds."""
    if value is None:
        return words.NONE
    told = _figure(value)
    return told if sd is None else f"{told} ± {_figure(sd)}"


def _figure(value: float) -> str:
    if abs(value) < 10:
        return f"{value:.3f}".replace("-", "\u2212")
    return words.short(value, 4)


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
        None if result.is_partial else _importance(result),
        None if result.is_partial else _by_model(task, result, rows),
        _target(task, result),
        _left_out(result),
        None if result.is_partial else _predictions(task, result),
    )


def _lede(task: str, facts: Row, *, so_far: bool) -> str:
    if facts["best"] is None:
        return "No model has ended yet." if so_far else "No model came to an end."
    metric = metric_of(task, facts["metric"])
    begin = "So far " if so_far else ""
    said = f"{begin}{facts['best']} is best: {metric.title.lower()} {score(facts['score'], facts['sd'])}"
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
    shown = tables.score(_figure(row[metric.slug]), None if row.get(f"{metric.slug}_sd") is None
                         else _figure(row[f"{metric.slug}_sd"]))  # fmt: skip
    fit, peak = row.get("fit_seconds"), row.get("peak_mb")
    cells = [
        name, state, shown, dot, *(score(row.get(each.slug)) for each in also),
        words.NONE if fit is None else words.duration(fit), words.NONE if peak is None else words.megabytes(peak),
    ]  # fmt: skip
    return tables.Row(cells=cells, tone="baseline" if is_base else "plain")


def _importance(result: StoredResult) -> Component | None:
    if "importance" not in result.tables:
        return None
    rows = result.rows("importance")[:15]
    model = rows[0]["model"]
    figure = charts.bars(
        [row["feature"] for row in rows], [row["mean"] for row in rows], lying=True, x_title="worse by"
    )
    twin = blocks.Twin(
        columns=["Column", "Worse by", "±"],
        rows=[[row["feature"], _figure(row["mean"]), _figure(row["sd"])] for row in rows],
        caption=f"What {model} looks at",
    )
    hint = (
        "how much worse it gets on held-out rows when a column is shuffled; columns that say the same hide each other"
    )
    drawn = charts.graph(figure, height=max(160, 26 * len(rows) + 60), label=f"What {model} looks at")
    return blocks.section(blocks.picture(f"What {model} looks at", hint, drawn, twin), *_partial(result))


def _partial(result: StoredResult) -> list[Component]:
    """What the best says along the features that matter most."""
    if "partial" not in result.tables:
        return []
    classes = [row["value"] for row in result.rows("target")] if result.about["slug"] == "classification" else []
    said = f"the probability of “{classes[-1]}”" if classes else "the prediction"
    by_feature: dict[str, list[Row]] = {}
    for row in result.rows("partial"):
        by_feature.setdefault(row["feature"], []).append(row)
    drawn = []
    for feature, rows in list(by_feature.items())[:4]:
        at, mean = [row["at"] for row in rows], [row["mean"] for row in rows]
        names = [row["value"] for row in rows]
        figure = charts.bars(names, mean) if at[0] is None else charts.line(at, mean, x_title=feature)
        twin = blocks.Twin(
            columns=[feature, "On average"], rows=[[name, _figure(one)] for name, one in zip(names, mean, strict=True)],
            caption=f"The prediction along {feature}",
        )  # fmt: skip
        graph = charts.graph(figure, height=220, label=f"The prediction along {feature}")
        drawn.append(blocks.picture(feature, f"{said} on average, if every row had this value", graph, twin))
    return [blocks.pair(*drawn[place : place + 2]) if len(drawn[place : place + 2]) == 2 else drawn[place]
            for place in range(0, len(drawn), 2)]  # fmt: skip


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
    """What one model said of held-out rows."""
    found = {
        name: [row for row in result.rows(name) if row["model"] == model]
        for name in ("confusion", "per_class", "curves", "calibration", "gain", "fitted", "residuals")
        if name in result.tables
    }
    drawn = _classes(found) if task == "classification" else _numbers(found, result.facts["target"])
    return drawn or [html.P("Nothing more is kept of this model.", className="quiet")]


def _classes(found: Mapping[str, Sequence[Row]]) -> list[Component]:
    parts: list[Component] = []
    if confusion := found.get("confusion"):
        parts.append(_confusion(confusion))
    if per_class := found.get("per_class"):
        heads = [tables.Column(title="Class", look="name"), tables.Column(title="Rows", look="number")]
        heads += [tables.Column(title=title, look="number") for title in ("Precision", "Recall", "F1")]
        rows = [
            [row["class"], words.count(row["rows"]), *(score(row[name]) for name in ("precision", "recall", "f1"))]
            for row in per_class[:50]
        ]
        parts.append(tables.table(heads, rows, caption="Each class"))
    curves = found.get("curves") or []
    pictures = [
        _curve(curves, "roc", "ROC curve", "Found wrongly", "Found rightly"),
        _curve(curves, "pr", "Precision and recall", "Recall", "Precision"),
        _calibration(found.get("calibration") or []),
        _gain(found.get("gain") or []),
    ]
    there = [picture for picture in pictures if picture is not None]
    for place in range(0, len(there), 2):
        two = there[place : place + 2]
        parts.append(blocks.pair(*two) if len(two) == 2 else two[0])
    return parts


def _confusion(rows: Sequence[Row]) -> Component:
    names = list(dict.fromkeys(row["actual"] for row in rows))
    if len(names) > _MOST_CLASSES:
        worst = sorted((row for row in rows if row["actual"] != row["predicted"]), key=lambda row: -row["rows"])[:20]
        heads = [tables.Column(title="Is", look="name"), tables.Column(title="Was taken for"),
                 tables.Column(title="Rows", look="number")]  # fmt: skip
        shown = [[row["actual"], row["predicted"], words.count(row["rows"])] for row in worst]
        return blocks.section(
            blocks.heading("What is mixed up most"), tables.table(heads, shown, caption="What is mixed up most")
        )
    cells = {(row["actual"], row["predicted"]): row for row in rows}
    heads = [tables.Column(title="Is \\ is said to be", look="name")]
    heads += [tables.Column(title=name, look="number") for name in names]
    shown = []
    for actual in names:
        line: list[Any] = [actual]
        for predicted in names:
            row = cells[actual, predicted]
            line.append(tables.with_share(words.count(row["rows"]), words.percent(row["share"])))
        shown.append(line)
    return tables.table(heads, shown, caption="Confusion matrix")


def _curve(rows: Sequence[Row], kind: str, title: str, x_title: str, y_title: str) -> Component | None:
    by_class: dict[str, list[Row]] = {}
    for row in rows:
        if row["kind"] == kind:
            by_class.setdefault(row["class"], []).append(row)
    if not by_class:
        return None
    several = [
        charts.Series(x=[row["x"] for row in points], y=[row["y"] for row in points], label=name)
        for name, points in by_class.items()
    ]
    figure = charts.lines([0, 1], several, x_title=x_title, y_title=y_title, from_zero=True)
    twin = blocks.Twin(
        columns=["Class", x_title, y_title],
        rows=[[name, _figure(row["x"]), _figure(row["y"])] for name, points in by_class.items() for row in points[::6]],
        caption=title,
    )
    return blocks.picture(title, "each class against the others", charts.graph(figure, height=260, label=title), twin)


def _calibration(rows: Sequence[Row]) -> Component | None:
    if not rows:
        return None
    x = [row["predicted"] for row in rows]
    several = [charts.Series(x=x, y=[row["actual"] for row in rows], label="what was"),
               charts.Series(x=[0, 1], y=[0, 1], label="as said")]  # fmt: skip
    figure = charts.lines([0, 1], several, x_title="Probability that was said", y_title="Share that was so")
    twin = blocks.Twin(
        columns=["Said", "Was", "Rows", "95 % from", "to"],
        rows=[[*(_figure(row[name]) for name in ("predicted", "actual")), words.count(row["rows"]),
               _figure(row["low"]), _figure(row["high"])] for row in rows],
        caption="Calibration",
    )  # fmt: skip
    drawn = charts.graph(figure, height=260, label="Calibration")
    return blocks.picture("Calibration", "whether 70 % means 70 %", drawn, twin)


def _gain(rows: Sequence[Row]) -> Component | None:
    if not rows:
        return None
    several = [charts.Series(x=[row["share"] for row in rows], y=[row["found"] for row in rows], label="model"),
               charts.Series(x=[0, 1], y=[0, 1], label="chance")]  # fmt: skip
    figure = charts.lines([0, 1], several, x_title="Share of rows that are looked at", y_title="Share found")
    twin = blocks.Twin(
        columns=["Rows looked at", "Found", "Lift"],
        rows=[[words.percent(row["share"]), words.percent(row["found"]), _figure(row["lift"])] for row in rows[::6]],
        caption="Gain",
    )
    return blocks.picture(
        "Gain", "the most likely rows first", charts.graph(figure, height=260, label="Gain"), twin
    )  # fmt: skip


def _numbers(found: Mapping[str, Sequence[Row]], target: str) -> list[Component]:
    drawn: list[Component] = []
    if fitted := found.get("fitted"):
        group = charts.Group(
            x=[row["predicted"] for row in fitted], y=[row["actual"] for row in fitted], tone="rest",
            names=[words.plural(row["rows"], "row") for row in fitted],
        )  # fmt: skip
        figure = charts.scatter([group], x_title="Predicted", y_title=f"{target} as it was")
        twin = blocks.Twin(
            columns=["Predicted", "Actual", "Rows"],
            rows=[[_figure(row["predicted"]), _figure(row["actual"]), words.count(row["rows"])] for row in fitted[:50]],
            caption="Actual against predicted",
        )
        hint = "each held-out row, or where they are many, where they lie"
        graph = charts.graph(figure, height=300, label="Actual against predicted")
        drawn.append(blocks.picture("Actual against predicted", hint, graph, twin))
    if residuals := found.get("residuals"):
        edges = [row["low"] for row in residuals] + [residuals[-1]["high"]]
        figure = charts.histogram(edges, [row["rows"] for row in residuals], x_title="Actual − predicted")
        twin = blocks.Twin(
            columns=["From", "To", "Rows"],
            rows=[[_figure(row["low"]), _figure(row["high"]), words.count(row["rows"])] for row in residuals],
            caption="Errors",
        )
        graph = charts.graph(figure, height=300, label="Errors")
        drawn.append(blocks.picture("Errors", "how far off, and to which side", graph, twin))
    return [blocks.pair(*drawn)] if len(drawn) == 2 else drawn


def _target(task: str, result: StoredResult) -> Component | None:
    rows = result.rows("target")
    title = f"{result.facts['target']}, as it is"
    if task == "classification":
        shown = sorted(rows, key=lambda row: -row["rows"])[:20]
        figure = charts.bars([row["value"] for row in shown], [row["rows"] for row in shown])
        lines = [[row["value"], words.count(row["rows"])] for row in shown]
        columns = ["Class", "Rows"]
    else:
        figure = charts.histogram([*(row["low"] for row in rows), rows[-1]["high"]], [row["rows"] for row in rows])
        lines = [[_figure(row["low"]), _figure(row["high"]), words.count(row["rows"])] for row in rows]
        columns = ["From", "To", "Rows"]
    twin = blocks.Twin(columns=columns, rows=lines, caption=title)
    return blocks.picture(title, "in the rows that were used", charts.graph(figure, height=200, label=title), twin)


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
