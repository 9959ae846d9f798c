"""What a model is, for those who will rely on it: its data, its preparation, its scores, its limits.

After Mitchell, M. et al. (2019). Model cards for model reporting. Proceedings of FAT* 19, 220-229.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from services import paper
from services.numerics.learning.columns import Feature
from services.numerics.learning.problem import Problem

_PREPARED = {
    "native": "None: the model takes gaps and categories as they are.",
    "codes": "Gaps in numbers are filled with the median of the training rows, and flagged; categories are codes.",
    "onehot": "Gaps in numbers are filled with the median of the training rows, and flagged; a category of up to 20 "
    "values becomes a column for each, of more the cross-fitted mean target.",
    "scaled": "Gaps in numbers are filled with the median of the training rows, and flagged; a category of up to 20 "
    "values becomes a column for each, of more the cross-fitted mean target; all are scaled to mean 0, deviation 1.",
}


@dataclass(frozen=True, kw_only=True)
class Told:
    """What stands on the card beside the problem itself."""

    title: str  # of the model
    said: str  # how it thinks
    prepared: str
    table: str
    dataset: str  # the hash that names the data
    tested: str
    scores: Sequence[tuple[str, float, float | None]]  # title, mean, standard deviation over splits
    baseline: str
    parameters: Mapping[str, Any]
    importance: Sequence[tuple[str, float]]
    notes: Sequence[str]
    versions: Sequence[str]
    seed: int
    made: str
    more: Sequence[tuple[str, str]] = ()  # label, sentence


def card(problem: Problem, told: Told) -> list[paper.Block]:
    """The card, part by part."""
    is_classes = problem.task == "classification"
    what = f"the class of {problem.target}" if is_classes else problem.target
    blocks: list[paper.Block] = [
        paper.Line(
            f"{told.title}: {told.said} It predicts {what}, learnt from {len(problem.y):,} rows of {told.table}."
        ),
        paper.Line(told.made, "Made"),
        paper.Heading("How good it is"),
        paper.Line(f"Scores are of rows that it had not seen: {told.tested}. Seed {told.seed}.", "Tested"),
        paper.Line(told.baseline, "Baseline"),
        paper.Grid(
            ["Measure", "Mean", "Standard deviation"],
            [[title, _figure(mean), "" if sd is None else _figure(sd)] for title, mean, sd in told.scores],
            frozenset({1, 2}),
        ),
        *(paper.Line(sentence, label) for label, sentence in told.more),
        paper.Heading("What it was learnt from"),
        paper.Line(told.table, "Table"),
        paper.Line(told.dataset, "Hash of the data"),
        paper.Line(f"{len(problem.y):,}", "Rows with a target"),
    ]
    if is_classes:
        blocks.append(paper.Line(", ".join(problem.classes[:30]), "Classes"))
    columns: dict[str, list[Feature]] = {}
    for feature in problem.features:
        columns.setdefault(feature.column, []).append(feature)
    blocks += [
        paper.Grid(["Column", "As"], [[name, _as(made)] for name, made in columns.items()]),
        paper.Line(_PREPARED[told.prepared], "Preparation"),
    ]
    if problem.left_out:
        blocks += [
            paper.Heading("Columns that it does not use", 3),
            paper.Grid(["Column", "Why"], [list(each) for each in problem.left_out[:200]]),
        ]
    if told.importance:
        blocks += [
            paper.Heading("What it looks at"),
            paper.Line("How much worse it gets on held-out rows when a column is shuffled."),
            paper.Grid(
                ["Column", "Worse by"], [[name, _figure(value)] for name, value in told.importance], frozenset({1})
            ),
        ]
    blocks.append(paper.Heading("Where it misleads"))
    blocks += [paper.Line(note) for note in told.notes] or [paper.Line("Nothing was found.")]
    blocks += [
        paper.Line(
            "It knows the past that it was shown. Rows of another time, place or kind than those of the table are "
            "not what it was tested on; look at how columns have moved before you rely on it."
        ),
        paper.Heading("How to make it anew"),
        paper.Grid(["Parameter", "Value"], [[name, str(value)] for name, value in told.parameters.items()]),
        paper.Line("python model.py TABLE.parquet, the script beside this card, reaches the same scores.", "Code"),
        paper.Line(", ".join(told.versions), "Versions"),
    ]
    return blocks


def _as(made: Sequence[Feature]) -> str:
    if made[0].part:
        return f"date: {', '.join(each.part for each in made)}"
    if made[0].kind == "category":
        return f"category of {len(made[0].levels):,} values"
    return "number"


def _figure(value: float) -> str:
    return f"{value:.6g}"
