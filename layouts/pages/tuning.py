"""Tuning: which settings suit a model best, and what they are worth."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from dash import html
from dash.development.base_component import Component

from layouts import answers, blocks, charts, tables, words
from layouts.links import asked
from layouts.places import Place
from layouts.scored import figure, in_words, metric_of, score
from services.numerics.learning.metrics import Metric
from services.results import StoredResult

PLACE = Place(
    group="Machine learning",
    label="Tuning",
    icon="sliders-horizontal",
    brief="Find settings that suit a model better.",
    gives=(
        ("Settings", "Each as the model comes, and as it was found."),
        ("What they are worth", "The score on held-out rows, beside that of the model as it comes."),
        ("Every candidate", "What was tried, on how many rows, and how it scored."),
    ),
    misleads=(
        "The best of many settings looks better than it is: its score was the highest partly by chance.",
        "Better data, or a column more, are usually worth more than better settings.",
    ),
    exports=(("candidates", "csv"), ("candidates", "xlsx"), ("best", "csv")),
)
ALIKE = 0.05


def before(known: Mapping[str, Any], _: Mapping[str, Any]) -> str:
    """What stands in the answer's place before the first run."""
    return f"{words.plural(known['rows'], 'row')} are ready. Choose the model whose settings are tried."


def view(result: StoredResult) -> html.Div:
    """Draw what was found, and what was tried."""
    facts = result.facts
    metric = metric_of(str(facts["task"]), str(facts["metric"]))
    whole = not result.is_partial
    return answers.answer(
        result,
        _lede(facts, in_words(metric), so_far=not whole),
        [
            (metric.title, score(facts["score"], facts["sd"])),
            ("As it comes", score(facts["default_score"])),
            ("Settings tried", words.count(facts["tried"])),
            ("Fits", words.count(facts["fits"])),
            ("Learnt from", words.plural(facts["tested_on"], "row")),
        ],
        _use(result) if whole and not facts["is_default"] else None,
        _settings(result),
        _rounds(result, metric.title),
        _candidates(result, metric) if whole else None,
    )


def _lede(facts: Mapping[str, Any], metric: str, *, so_far: bool) -> str:
    if facts["score"] is None:
        return "No candidate has ended yet."
    begin = "So far, " if so_far else ""
    if facts["is_default"]:
        return f"{begin}{facts['model']} is best as it comes: {metric} {score(facts['score'], facts['sd'])}."
    said = (
        f"{begin}{facts['model']} reaches {metric} {score(facts['score'], facts['sd'])} with settings that were found"
    )
    said += f", against {score(facts['default_score'])} as it comes"
    if facts["p"] is not None and facts["p"] >= ALIKE:
        return f"{said}; the difference is within noise."
    return f"{said}."


def _use(result: StoredResult) -> Component:
    known = result.about["params"]
    same = {name: value for name, value in known.items() if name not in {"candidates", "budget", "sample_rows"}}
    chosen = {**same, "task": result.facts["task"], "settings": result.facts["settings"]}
    link = asked("model", result.about["dataset"], chosen)
    return html.Div(blocks.button("Use these settings", kind="primary", href=link), className="actions")


def _settings(result: StoredResult) -> Component | None:
    if "best" not in result.tables:
        return None
    heads = [
        tables.Column(title="Setting", look="name"), tables.Column(title="In the script", look="quiet"),
        tables.Column(title="As it comes", look="number"), tables.Column(title="Found", look="number"),
    ]  # fmt: skip
    rows = [[row["setting"], row["name"], row["before"], row["found"]] for row in result.rows("best")]
    return blocks.section(blocks.heading("Settings"), tables.table(heads, rows, caption="Settings"))


def _rounds(result: StoredResult, metric: str) -> Component | None:
    """Every candidate by the rows it learnt from; nothing where all learnt from as many."""
    rows = [row for row in result.rows("candidates") if row["score"] is not None]
    others = [row for row in rows if row["place"]]
    usual = [row for row in rows if not row["place"]]
    if len({row["round"] for row in rows}) < 2:
        return None
    groups = [
        charts.Group(
            x=[row["rows"] for row in others], y=[row["score"] for row in others], tone="rest",
            names=[_named(row["settings"]) for row in others],
        ),
        charts.Group(
            x=[row["rows"] for row in usual], y=[row["score"] for row in usual], tone=0, label="as it comes",
            label_at=(usual[-1]["rows"], usual[-1]["score"]) if usual else None,
            names=["as it comes"] * len(usual),
        ),
    ]  # fmt: skip
    drawn = charts.scatter(groups, x_title="Rows learnt from", y_title=metric, size=8)
    twin = blocks.Twin(
        columns=["Settings", "Rows", metric],
        rows=[[_named(row["settings"]), words.count(row["rows"]), figure(row["score"])] for row in rows],
        caption="Candidates",
    )
    hint = "each mark is a set of settings; the best third goes on to three times the rows"
    graph = charts.graph(drawn, height=280, label="Candidates by rows")
    return blocks.picture("Candidates", hint, graph, twin)


def _candidates(result: StoredResult, metric: Metric) -> Component:
    sign = -1 if metric.higher else 1
    rows = sorted(result.rows("candidates"), key=lambda row: (-row["round"], sign * (row["score"] or 0), row["place"]))
    heads = [
        tables.Column(title=metric.title, look="number"), tables.Column(title="State"),
        tables.Column(title="Rows", look="number"), tables.Column(title="Time", look="quiet-number"),
        tables.Column(title="Settings", look="text"),
    ]  # fmt: skip
    drawn = []
    for row in rows[:100]:
        state = tables.state("done" if row["state"] == "done" else "failed", row["state"].capitalize())
        if row["score"] is None:
            drawn.append(tables.Row(cells=[words.NONE, state], reason=f"{_named(row['settings'])}: {row['reason']}"))
            continue
        told = [words.count(row["rows"]), words.duration(row["fit_seconds"]), _named(row["settings"])]
        drawn.append(tables.Row(cells=[score(row["score"], row["sd"]), state, *told]))
    return blocks.section(blocks.heading("What was tried"), tables.table(heads, drawn, caption="What was tried"))


def _named(text: str) -> str:
    """Settings as people read them."""
    try:
        settings = json.loads(text)
    except ValueError:
        return text
    return ", ".join(f"{name.removeprefix('regressor__')} {value:g}" for name, value in settings.items())
