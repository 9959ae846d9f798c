"""What is to be predicted, before anything is run: its classes or its spread, and how it had better be tested."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from dash import html
from dash.development.base_component import Component

from layouts import blocks, charts, words
from layouts.column_panel import names_something, shaded_figure, value
from layouts.links import asked

FEW = 20  # rows of a class
MOST_CLASSES = 100
NUMBERS = ("integer", "decimal")
_SHOWN = 12


def ahead(
    task: str, target: str, known: Mapping[str, Any], figures: Mapping[str, Any], values: Mapping[str, Any]
) -> list[Component]:
    """Draw the column `target` of the dataset `known`; `task` is regression, classification, or auto.

    `values` are the answers of the form so far, with the analysis' own slug.
    """
    column = next((each for each in figures["columns"] if each["name"] == target), None)
    if column is None:
        return []
    is_number = task == "regression" or (task == "auto" and column["type"] == "decimal")
    sentences = _numbers(column) if is_number else _classes(column)
    parts: list[Component] = [html.P(" ".join(sentences))]
    picture = _spread(column) if is_number else _balance(column)
    if picture is not None:
        parts.append(picture)
    parts += _better_tested(known, figures, target, values)
    return [blocks.section(blocks.heading(f"{target}, as it is"), *parts)]


def _missing(column: Mapping[str, Any]) -> list[str]:
    if not column["missing"]:
        return []
    return [f"{words.plural(column['missing'], 'row')} without it are left out, and can be predicted afterwards."]


def _classes(column: Mapping[str, Any]) -> list[str]:
    count, distinct = max(column["count"], 1), column["distinct"]
    top = _top(column)
    if distinct < 2:
        return ["It has one value in every row: there is nothing to tell apart. Choose another target."]
    if distinct > MOST_CLASSES:
        advice = "Predict it as a number." if column["type"] in NUMBERS else "Group rare values in Cleaning first."
        return [f"It has {words.count(distinct)} values; up to {MOST_CLASSES} classes can be told apart. {advice}"]
    first = ", ".join(f"{one} {words.percent(rows / count)}" for one, rows in top[:4])
    said = [f"{words.plural(distinct, 'class', 'classes')}: {first}{' and others' if distinct > 4 else ''}."]
    rare = [f"{one} ({rows})" for one, rows in top if rows < FEW]
    if rare:
        said.append(f"Few rows have {', '.join(rare[:3])}: what is said of them will rest on little.")
    elif top and distinct == len(top) and top[-1][1] / count < 0.1:
        said.append("Rare classes weigh more while models learn, unless you choose otherwise.")
    return said + _missing(column)


def _numbers(column: Mapping[str, Any]) -> list[str]:
    if column["type"] not in NUMBERS:
        return ["It is no number. Choose another target, or tell its classes apart."]
    if column["distinct"] < 2:
        return ["It has one value in every row: there is nothing to predict. Choose another target."]
    low, high, middle = (value(column.get(name), column) for name in ("q1", "q3", "median"))
    said = [f"Half of it lies between {low} and {high}; its median is {middle}."]
    if (column.get("skewness") or 0) > 3:
        said.append("Few values are very large: the mean error and RMSLE tell more of it than RMSE does.")
    return said + _missing(column)


def _top(column: Mapping[str, Any]) -> list[tuple[str, int]]:
    """The most frequent values with their rows."""
    if column["type"] == "flag":
        found = [("yes", column["true"]), ("no", column["false"])]
        return sorted(found, key=lambda each: -each[1])
    return [(str(one), rows) for one, rows in column.get("top") or []]


def _balance(column: Mapping[str, Any]) -> Component | None:
    top = _top(column)[:_SHOWN]
    if not top or column["distinct"] > MOST_CLASSES:
        return None
    names = [one for one, _ in top]
    title = "Rows of each class"
    twin = blocks.Twin(
        columns=["Class", "Rows"], rows=[[name, words.count(rows)] for name, (_, rows) in zip(names, top, strict=True)],
        caption=title,
    )  # fmt: skip
    drawn = charts.bars(names, [rows for _, rows in top])
    return blocks.picture(title, None, charts.graph(drawn, height=180, label=title), twin)


def _spread(column: Mapping[str, Any]) -> Component | None:
    if not (column.get("histogram") or {}).get("counts"):
        return None
    edges, counts = column["histogram"]["edges"], column["histogram"]["counts"]
    title = "How it is spread"
    twin = blocks.Twin(
        columns=["From", "Rows"],
        rows=[[words.short(edge), words.count(count)] for edge, count in zip(edges[:-1], counts, strict=True)],
        caption=title,
    )
    return blocks.picture(title, None, charts.graph(shaded_figure(column), height=180, label=title), twin)


def _better_tested(
    known: Mapping[str, Any], figures: Mapping[str, Any], target: str, values: Mapping[str, Any]
) -> list[Component]:
    """Where rows belong together, or to a moment: how a split keeps them apart, a click away."""
    if values.get("scheme", "kfold") in {"grouped", "forward"}:
        return []
    slug, said = values["slug"], []
    given = {name: each for name, each in values.items() if name != "slug" and each not in (None, "", [])}
    group = _repeats(figures, target)
    if group is not None:
        each = group["count"] / group["distinct"]
        link = asked(slug, known["id"], {**given, "scheme": "grouped", "group": group["name"]})
        said.append(_offer(f"About {each:.1f} rows share one {group['name']}: models may only learn to know it again.",
                           "Keep them on one side of every split", link))  # fmt: skip
    date = next((column for column in figures["columns"] if column["type"] in {"date", "datetime"}), None)
    if date is not None and date["distinct"] > 10 and date["name"] != target:
        link = asked(slug, known["id"], {**given, "scheme": "forward", "time": date["name"]})
        said.append(_offer(f"Rows have a time, {date['name']}: if later ones will be predicted, test so.",
                           "Train on earlier rows, test on later ones", link))  # fmt: skip
    return said


def _repeats(figures: Mapping[str, Any], target: str) -> Mapping[str, Any] | None:
    """A column that names something of which several rows tell, if there is one."""
    rows = figures["rows"]
    named: Sequence[Mapping[str, Any]] = [
        column for column in figures["columns"]
        if (column["type"] == "identifier" or names_something(column["name"])) and column["name"] != target
        and 10 < column["distinct"] < 0.8 * column["count"] and column["count"] > 0.9 * rows
    ]  # fmt: skip
    return max(named, key=lambda column: column["distinct"], default=None)


def _offer(text: str, does: str, href: str) -> Component:
    return html.P([f"{text} ", html.A(f"{does}.", href=href, className="text-link lockable", **{"data-nav": ""})])
