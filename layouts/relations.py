"""How the columns of a table go together: what is missing in the same rows, and what moves together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from dash import html
from dash.development.base_component import Component

from layouts import blocks, charts, ids, tables, words

_MOST_PAIRS = 100  # in the table beside the picture


class Relation(NamedTuple):
    """How much two columns have to do with each other, and by which measure."""

    one: str
    other: str
    size: float
    measure: str
    ranks: float | None = None  # Spearman, between numbers


def missing_together(figures: Mapping[str, Any]) -> Component | None:
    """Which columns are empty in the same rows; nothing where fewer than two are."""
    found = figures.get("missing_together") or {}
    if len(found.get("columns") or ()) < 2:
        return None
    rows = figures["rows"]
    most = max((each["rows"] for each in found["patterns"]), default=1)
    lines = [
        [", ".join(each["columns"]), tables.bar(each["rows"] / most, words.count(each["rows"])),
         words.percent(each["rows"] / rows)]
        for each in found["patterns"]
    ]  # fmt: skip
    if found["other"]:
        lines.append(["In other ways", words.count(found["other"]), words.percent(found["other"] / rows)])
    columns = [
        tables.Column(title="Empty together", look="name"),
        tables.Column(title="Rows", look="number"),
        tables.Column(title="", look="quiet-number"),
    ]
    said = f"complete: {words.plural(found['complete'], 'row')} of {words.count(rows)}"
    left = words.plural(len(found["left_out"]), "more column") if found["left_out"] else None
    return blocks.section(
        blocks.heading("What is missing together", said),
        tables.table(
            columns,
            lines,
            caption="Columns that are empty in the same rows",
            more=left and f"{left} with empty cells not looked at.",
        ),
    )


def moves(figures: Mapping[str, Any]) -> list[Relation]:
    """Every pair that was compared, the closest first."""
    found = figures.get("relations") or {}
    numbers, categories = found.get("numbers") or [], found.get("categories") or []
    pairs = []
    for a, line in enumerate(found.get("pearson") or ()):
        for b in range(a + 1, len(line)):
            if line[b] is not None:
                ranks = found["spearman"][a][b] if found.get("spearman") else None
                pairs.append(Relation(numbers[a], numbers[b], line[b], "Pearson", ranks))
    for a, line in enumerate(found.get("cramers_v") or ()):
        pairs += [
            Relation(categories[a], categories[b], line[b], "Cramér’s V")
            for b in range(a + 1, len(line))
            if line[b] is not None
        ]
    for a, line in enumerate(found.get("eta") or ()):
        pairs += [
            Relation(categories[a], numbers[b], size, "Correlation ratio")
            for b, size in enumerate(line)
            if size is not None
        ]
    return sorted(pairs, key=lambda pair: -abs(pair.size))


def correlations(dataset: str, figures: Mapping[str, Any]) -> Component | None:
    """The pictures of what moves together; nothing where fewer than two columns can be compared."""
    pairs = moves(figures)
    if not pairs:
        return None
    found = figures["relations"]
    drawn = []
    if len(found["numbers"]) > 1:
        some = [pair for pair in pairs if pair.measure == "Pearson"]
        drawn.append(_picture(dataset, "numbers", "Numbers", "Pearson, −1 to 1; Spearman in the table", found, some))
    if found["cramers_v"] or found["eta"]:
        some = [pair for pair in pairs if pair.measure != "Pearson"]
        subtitle = "Cramér’s V between categories, correlation ratio with numbers; 0 to 1"
        drawn.append(_picture(dataset, "categories", "Categories", subtitle, found, some))
    left = found.get("left_out") or []
    named = ", ".join(left[:8]) + (" and others" if len(left) > 8 else "")
    return blocks.section(
        blocks.heading("What moves together", "every row, where both are filled"),
        *drawn,
        html.P(f"Not compared, to bound the time: {named}.", className="fine") if left else None,
    )


def figure(kind: str, found: Mapping[str, Any]) -> charts.Figure:
    """Draw the numbers against each other, or the categories against all."""
    numbers, categories = found["numbers"], found["categories"]
    if kind == "numbers":
        matrix = [[None if a == b else cell for b, cell in enumerate(line)] for a, line in enumerate(found["pearson"])]
        shown = _heatmap(numbers, numbers, matrix, "diverging", (-1, 1))
    else:
        across, matrix = [*categories, *numbers], []
        for a, _ in enumerate(categories):
            alike = found["cramers_v"][a] if found["cramers_v"] else [None] * len(categories)
            apart = found["eta"][a] if found["eta"] else [None] * len(numbers)
            matrix.append([*(None if a == b else cell for b, cell in enumerate(alike)), *apart])
        shown = _heatmap(across, categories, matrix, "sequential", (0, 1))
    return shown


def _heatmap(
    x: Sequence[str], y: Sequence[str], z: list[list[float | None]], scale: charts.Scale, ends: tuple[float, float]
) -> charts.Figure:
    texts = [["" if cell is None else words.number_of(cell, 2) for cell in line] for line in z]
    hover = "%{customdata[0]}, %{customdata[1]}<br><b>%{z:.3f}</b><extra></extra>"
    # The scale is the measure's own, whatever is there: 0.2 must not look like 1.
    shown = charts.heatmap(_cut(x), _cut(y), z, texts=texts, scale=scale, hover=hover, ends=ends)
    shown["data"][0]["customdata"] = [[[one, other] for other in x] for one in y]
    shown["layout"]["yaxis"]["autorange"] = "reversed"
    shown["layout"]["xaxis"]["tickangle"] = -40 if len(x) > 6 else 0
    return shown


def _cut(names: Sequence[str]) -> list[str]:
    return [name if len(name) <= 18 else f"{name[:17]}…" for name in names]


def _picture(
    dataset: str, kind: str, title: str, subtitle: str, found: Mapping[str, Any], pairs: Sequence[Relation]
) -> Component:
    across = len(found["numbers"]) + (len(found["categories"]) if kind == "categories" else 0)
    down = len(found["numbers"] if kind == "numbers" else found["categories"])
    closest = pairs[0] if pairs else None
    label = f"{title} that move together"
    if closest:
        label += f"; closest: {closest.one} and {closest.other}, {words.number_of(closest.size, 2)}"
    graph = charts.graph(
        figure(kind, found), ids.relations(dataset, kind), min(96 + 30 * down, 900), label=label, className="relations"
    )
    rows = []
    for pair in pairs[:_MOST_PAIRS]:
        ranks = words.NONE if pair.ranks is None else words.number_of(pair.ranks, 3)
        last = ranks if kind == "numbers" else pair.measure
        rows.append([f"{pair.one}, {pair.other}", words.number_of(pair.size, 3), last])
    more = f"The closest {_MOST_PAIRS} of {words.count(len(pairs))} pairs." if len(pairs) > _MOST_PAIRS else None
    heads = ["Columns", "Pearson", "Spearman"] if kind == "numbers" else ["Columns", "Size", "Measure"]
    twin = blocks.Twin(
        columns=heads, rows=rows, caption=label, more=more, texts=() if kind == "numbers" else ["Measure"]
    )
    wide = html.Div(html.Div(graph, style={"minWidth": 150 + 34 * across}), className="scrolls", tabIndex="0")
    return blocks.picture(title, subtitle, wide, twin)
