"""One model by itself: what it said of rows that it had not seen, and where it errs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import dash_bootstrap_components as dbc
from dash import dcc, html
from dash.development.base_component import Component

from layouts import blocks, charts, controls, ids, reasons, tables, words
from layouts.scored import Row, figure, in_pairs, score
from services.results import StoredResult

_MOST_CLASSES = 12  # of a confusion matrix that is drawn
_DRAWN = (
    "confusion", "per_class", "curves", "calibration", "thresholds", "gain", "fitted", "residuals", "quantiles",
    "importance", "partial", "ice",
)  # fmt: skip
HALF = 0.5


def of_model(task: str, result: StoredResult, model: str) -> list[Component]:
    """What one model said of held-out rows."""
    found = {
        name: [row for row in result.rows(name) if row.get("model", model) == model]
        for name in _DRAWN
        if name in result.tables
    }
    target = result.facts["target"]
    drawn = _classes(found, result.key, model) if task == "classification" else _numbers(found, target)
    if segments := segments_of(result, model):
        drawn.append(_segments(segments, task, result.key, model))
    drawn += reasons.looked(found, model, reasons.said(task, result))
    return drawn or [html.P("Nothing more is kept of this model.", className="quiet")]


def _classes(found: Mapping[str, Sequence[Row]], key: str, model: str) -> list[Component]:
    parts: list[Component] = []
    thresholds = found.get("thresholds")
    if thresholds:
        parts.append(_cut(thresholds, [row["class"] for row in found["per_class"]], key, model))
    elif confusion := found.get("confusion"):
        parts.append(_confusion(confusion))
    if not thresholds and (per_class := found.get("per_class")):
        heads = [tables.Column(title="Class", look="name"), tables.Column(title="Rows", look="number")]
        heads += [tables.Column(title=title, look="number") for title in ("Precision", "Recall", "F1")]
        rows = [
            [row["class"], words.count(row["rows"]), *(score(row[name]) for name in ("precision", "recall", "f1"))]
            for row in per_class[:50]
        ]
        parts.append(tables.table(heads, rows, caption="Each class"))
    curves = found.get("curves") or []
    named = (lambda kind: ids.cut_curve(key, model, kind)) if thresholds else (lambda _: None)
    pictures = [
        _curve(curves, "roc", "ROC curve", "Found wrongly", "Found rightly", named("roc")),
        _curve(curves, "pr", "Precision and recall", "Recall", "Precision", named("pr")),
        _calibration(found.get("calibration") or []),
        _gain(found.get("gain") or []),
    ]
    return [*parts, *in_pairs(pictures)]


# The threshold ------------------------------------------------------------------------------------


def _cut(rows: Sequence[Row], classes: Sequence[str], key: str, model: str) -> Component:
    """The matrix of two classes and what follows from it, at a threshold that is moved in the browser."""
    no, yes = classes

    def part(name: str) -> html.Span:
        return html.Span(words.NONE, id=ids.cut_part(key, model, name), className="cut-part")

    def cell(name: str) -> list[Component]:
        return [part(name), html.Span(" ", className="gap"), html.Span(part(f"{name}-share"), className="quiet")]

    numbers = (
        tables.Column(title=f"said to be {no}", look="number"),
        tables.Column(title=f"said to be {yes}", look="number"),
    )
    matrix = tables.table(
        [tables.Column(title="Is", look="name"), *numbers],
        [[no, cell("tn"), cell("fp")], [yes, cell("fn"), cell("tp")]],
        caption="Confusion matrix",
    )
    heads = [tables.Column(title="Class", look="name"), tables.Column(title="Rows", look="number")]
    heads += [tables.Column(title=title, look="number") for title in ("Precision", "Recall", "F1")]
    first = rows[0]
    counts = {no: first["tn"] + first["fp"], yes: first["tp"] + first["fn"]}
    lines = [
        [name, words.count(counts[name]), *(part(f"{what}-{side}") for what in ("precision", "recall", "f1"))]
        for side, name in (("no", no), ("yes", yes))
    ]
    slider = dcc.Slider(
        0, 1, 0.01, value=HALF, id=ids.cut(key, model), updatemode="drag", allow_direct_input=False,
        marks={at / 4: f"{at / 4:g}" for at in range(5)},
    )  # fmt: skip
    said: list[Any] = ["From ", part("at"), " on: accuracy ", part("accuracy"), ", balanced ", part("balanced"), "; "]
    over = html.P([*said, part("said"), f" said to be {yes}."], className="fine")
    return html.Div(
        [
            controls.field(f"Said to be “{yes}” from this probability on", slider),
            matrix,
            tables.table(heads, lines, caption="Each class"),
            over,
            dcc.Store(
                id=ids.cut_table(key, model),
                data={name: [row[name] for row in rows] for name in ("threshold", "tp", "fp", "tn", "fn")},
            ),
        ],
        className="cut",
    )


# Segments -----------------------------------------------------------------------------------------


def segments_of(result: StoredResult, model: str) -> list[Row]:
    """The parts of the rows in which the errors of a model are told apart."""
    if "segments" not in result.tables:
        return []
    return [row for row in result.rows("segments") if row["model"] == model]


def _segments(rows: Sequence[Row], task: str, key: str, model: str) -> Component:
    by_feature: dict[str, list[float]] = {}
    for row in rows:
        by_feature.setdefault(row["feature"], []).append(row["error"])
    # Where errors differ most comes first.
    worst = sorted(by_feature, key=lambda name: min(by_feature[name]) - max(by_feature[name]))
    select = dbc.Select(
        [{"label": name, "value": name} for name in worst], worst[0], id=ids.parted(key, model), size="sm"
    )
    title = "Where it errs"
    hint = "share of wrong rows" if task == "classification" else "how far off, in parts of the rows"
    return blocks.section(
        blocks.heading(title, hint),
        html.Div(controls.field("Along", select), className="one-model"),
        html.Div(segment(task, rows, worst[0]), id=ids.parted_view(key, model)),
    )


def segment(task: str, rows: Sequence[Row], feature: str) -> list[Component]:
    """The errors along one feature."""
    mine = [row for row in rows if row["feature"] == feature]
    names = [row["segment"] for row in mine]
    what = "Share wrong" if task == "classification" else "Mean error"
    figured = charts.bars(names, [row["error"] for row in mine], y_title=what.lower())
    columns = [feature, "Rows", what]
    lines = [[row["segment"], words.count(row["rows"]), figure(row["error"])] for row in mine]
    if task == "regression":
        columns += ["Quarter below", "Median", "Quarter above"]
        for line, row in zip(lines, mine, strict=True):
            line += [figure(row[name]) for name in ("low", "middle", "high")]
    twin = blocks.Twin(columns=columns, rows=lines, caption=f"Errors along {feature}")
    drawn = [
        blocks.picture(
            f"Errors along {feature}", "in each part of the rows",
            charts.graph(figured, height=240, label=f"Errors along {feature}"), twin,
        )
    ]  # fmt: skip
    numbers = [row for row in mine if row["at"] is not None]
    if task == "regression" and len(numbers) > 2:
        several = [
            charts.Series(x=[row["at"] for row in numbers], y=[row[name] for row in numbers], label=label)
            for name, label in (("high", "quarter above"), ("middle", "median"), ("low", "quarter below"))
        ]
        along = charts.lines([], several, x_title=feature, y_title="actual − predicted")
        drawn.append(
            blocks.picture(
                f"Residuals along {feature}", "a median that leaves zero says that something is missed",
                charts.graph(along, height=240, label=f"Residuals along {feature}"), twin,
            )
        )  # fmt: skip
    return in_pairs(drawn)


# Pictures of classes ------------------------------------------------------------------------------


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


def _curve(
    rows: Sequence[Row], kind: str, title: str, x_title: str, y_title: str, named: Any = None
) -> Component | None:
    """A curve of each class; one that is `named` has a mark for where the threshold is."""
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
    drawn = charts.lines([0, 1], several, x_title=x_title, y_title=y_title, from_zero=True)
    if named is not None:
        drawn = charts.pointed(drawn)
    twin = blocks.Twin(
        columns=["Class", x_title, y_title],
        rows=[[name, figure(row["x"]), figure(row["y"])] for name, points in by_class.items() for row in points[::6]],
        caption=title,
    )
    graph = charts.graph(drawn, named, height=260, label=title)
    hint = "each class against the others" if len(by_class) > 1 else f"of “{next(iter(by_class))}”"
    return blocks.picture(title, hint, graph, twin)


def _calibration(rows: Sequence[Row]) -> Component | None:
    if not rows:
        return None
    several = [
        charts.Series(x=[row["predicted"] for row in rows], y=[row["actual"] for row in rows], label="what was"),
        charts.Series(x=[0, 1], y=[0, 1], label="as said"),
    ]
    drawn = charts.lines([0, 1], several, x_title="Probability that was said", y_title="Share that was so")
    twin = blocks.Twin(
        columns=["Said", "Was", "Rows", "95 % from", "to"],
        rows=[
            [figure(row["predicted"]), figure(row["actual"]), words.count(row["rows"]), figure(row["low"]),
             figure(row["high"])]
            for row in rows
        ],
        caption="Calibration",
    )  # fmt: skip
    graph = charts.graph(drawn, height=260, label="Calibration")
    return blocks.picture("Calibration", "whether 70 % means 70 %", graph, twin)


def _gain(rows: Sequence[Row]) -> Component | None:
    if not rows:
        return None
    several = [
        charts.Series(x=[row["share"] for row in rows], y=[row["found"] for row in rows], label="model"),
        charts.Series(x=[0, 1], y=[0, 1], label="chance"),
    ]
    drawn = charts.lines([0, 1], several, x_title="Share of rows that are looked at", y_title="Share found")
    twin = blocks.Twin(
        columns=["Rows looked at", "Found", "Lift"],
        rows=[[words.percent(row["share"]), words.percent(row["found"]), figure(row["lift"])] for row in rows[::6]],
        caption="Gain",
    )
    graph = charts.graph(drawn, height=260, label="Gain")
    return blocks.picture("Gain", "the most likely rows first", graph, twin)


# Pictures of numbers ------------------------------------------------------------------------------


def _numbers(found: Mapping[str, Sequence[Row]], target: str) -> list[Component]:
    pictures = [
        _fitted(found.get("fitted") or [], target),
        _errors(found.get("residuals") or []),
        _quantiles(found.get("quantiles") or []),
    ]
    return in_pairs(pictures)


def _fitted(rows: Sequence[Row], target: str) -> Component | None:
    if not rows:
        return None
    group = charts.Group(
        x=[row["predicted"] for row in rows], y=[row["actual"] for row in rows], tone="rest",
        names=[words.plural(row["rows"], "row") for row in rows],
    )  # fmt: skip
    drawn = charts.scatter([group], x_title="Predicted", y_title=f"{target} as it was")
    title = "Actual against predicted"
    twin = blocks.Twin(
        columns=["Predicted", "Actual", "Rows"],
        rows=[[figure(row["predicted"]), figure(row["actual"]), words.count(row["rows"])] for row in rows[:50]],
        caption=title,
    )
    hint = "each held-out row, or where they are many, where they lie"
    return blocks.picture(title, hint, charts.graph(drawn, height=300, label=title), twin)


def _errors(rows: Sequence[Row]) -> Component | None:
    if not rows:
        return None
    edges = [row["low"] for row in rows] + [rows[-1]["high"]]
    drawn = charts.histogram(edges, [row["rows"] for row in rows], x_title="Actual − predicted")
    twin = blocks.Twin(
        columns=["From", "To", "Rows"],
        rows=[[figure(row["low"]), figure(row["high"]), words.count(row["rows"])] for row in rows],
        caption="Errors",
    )
    graph = charts.graph(drawn, height=300, label="Errors")
    return blocks.picture("Errors", "how far off, and to which side", graph, twin)


def _quantiles(rows: Sequence[Row]) -> Component | None:
    if not rows:
        return None
    x, y = [row["normal"] for row in rows], [row["error"] for row in rows]
    several = [charts.Series(x=x, y=y, label="errors"), charts.Series(x=[x[0], x[-1]], y=[x[0], x[-1]], label="normal")]
    title = "Q-Q plot of the errors"
    drawn = charts.lines([], several, x_title="If errors were normal", y_title="As they are")
    twin = blocks.Twin(
        columns=["If normal", "As it is"],
        rows=[[figure(one), figure(two)] for one, two in zip(x[::4], y[::4], strict=True)],
        caption=title,
    )
    hint = "ends that leave the line are errors larger than a bell curve has"
    return blocks.picture(title, hint, charts.graph(drawn, height=300, label=title), twin)
