"""Why a model says what it says: what it looks at, what it says along a column, what each column adds for a row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import dash_bootstrap_components as dbc
from dash import html
from dash.development.base_component import Component

from layouts import blocks, charts, controls, ids, words
from layouts.scored import Row, figure, in_pairs
from services.results import StoredResult

_ALONG = 4  # columns that are followed


def said(task: str, result: StoredResult) -> str:
    """What is followed along a column."""
    if task == "regression":
        return "the prediction"
    return f"the probability of “{[row['value'] for row in result.rows('target')][-1]}”"


def looked(found: Mapping[str, Sequence[Row]], model: str, what: str) -> list[Component]:
    """What a model looks at, and what it says along that; nothing where neither was asked."""
    rows = (found.get("importance") or [])[:15]
    if not rows:
        return []
    title = f"What {model} looks at"
    drawn = charts.bars([row["feature"] for row in rows], [row["mean"] for row in rows], lying=True, x_title="worse by")
    twin = blocks.Twin(
        columns=["Column", "Worse by", "±"],
        rows=[[row["feature"], figure(row["mean"]), figure(row["sd"])] for row in rows],
        caption=title,
    )
    hint = (
        "how much worse it gets on held-out rows when a column is shuffled; columns that say the same hide each other"
    )
    graph = charts.graph(drawn, height=max(160, 26 * len(rows) + 60), label=title)
    return [blocks.section(blocks.picture(title, hint, graph, twin), *_partial(found, what))]


def _partial(found: Mapping[str, Sequence[Row]], what: str) -> list[Component]:
    """What it says along the features that matter most: on average, and of single rows where they were followed."""
    by_feature: dict[str, list[Row]] = {}
    for row in found.get("partial") or []:
        by_feature.setdefault(row["feature"], []).append(row)
    singles: dict[str, dict[int, list[Row]]] = {}
    for row in found.get("ice") or []:
        singles.setdefault(row["feature"], {}).setdefault(row["row"], []).append(row)
    return in_pairs(
        [_along(feature, rows, singles.get(feature, {}), what) for feature, rows in list(by_feature.items())[:_ALONG]]
    )


def _along(feature: str, rows: Sequence[Row], singles: Mapping[int, Sequence[Row]], what: str) -> Component:
    at, mean, names = ([row[name] for row in rows] for name in ("at", "mean", "value"))
    if at[0] is None:
        drawn = charts.bars(names, mean)
    elif singles:
        lines = [charts.Series(x=at, y=mean, label="on average")]
        lines += [
            charts.Series(x=[one["at"] for one in each], y=[one["said"] for one in each], label="")
            for each in singles.values()
        ]
        drawn = charts.lines(at, lines, x_title=feature, highlight=(0,))
    else:
        drawn = charts.line(at, mean, x_title=feature)
    twin = blocks.Twin(
        columns=[feature, "On average"],
        rows=[[name, figure(one)] for name, one in zip(names, mean, strict=True)],
        caption=f"The prediction along {feature}",
    )
    hint = f"{what} on average, if every row had this value"
    if singles:
        hint += f"; thin, {words.plural(len(singles), 'row')} by themselves"
    graph = charts.graph(drawn, height=220, label=f"The prediction along {feature}")
    return blocks.picture(feature, hint, graph, twin)


def of_rows(result: StoredResult) -> Component | None:
    """What each column adds to what is said of a row, which is chosen above."""
    if "contributions" not in result.tables:
        return None
    rows = list(dict.fromkeys(result.columns("contributions")["row"]))
    options = [{"label": f"Row {row:,}", "value": row} for row in rows]
    select = dbc.Select(options, rows[0], id=ids.explained(result.key), size="sm")
    whose = result.facts["predicted_of"] or "held-out rows"
    return blocks.section(
        blocks.heading("One row", f"why, of {whose}: {result.facts['contributions']}"),
        html.Div(controls.field("Row", select), className="one-model"),
        html.Div(of_row(result, rows[0]), id=ids.explained_view(result.key)),
    )


def of_row(result: StoredResult, row: int) -> list[Component]:
    """What each column adds, for one row."""
    mine = [each for each in result.rows("contributions") if each["row"] == row]
    if not mine:
        return []
    base, parts = mine[0]["adds"], mine[1:]
    names = [" = ".join(filter(None, (each["feature"], each["value"]))) for each in parts]
    adds: list[Any] = [each["adds"] for each in parts]
    drawn = charts.bars(names, adds, lying=True, x_title=result.facts["contributions_unit"] or "")
    unit = result.facts["contributions_unit"]
    title = f"Row {row:,}"
    twin = blocks.Twin(
        columns=["Column", "Adds"], rows=[[name, figure(one)] for name, one in zip(names, adds, strict=True)],
        caption=title,
    )  # fmt: skip
    hint = f"{figure(base)} on average; with what is added, {figure(base + sum(adds))} ({unit})"
    graph = charts.graph(drawn, height=max(160, 26 * len(parts) + 60), label=f"What adds up for row {row:,}")
    return [blocks.picture(title, hint, graph, twin)]
