"""What a recipe did, to take along: a report, a dictionary of the table, and the same facts for machines.

All three are made of one summary, so they cannot disagree.
"""

from __future__ import annotations

import datetime as dt
import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

from services import paper
from services.analysis import Job
from services.cleaning import report
from services.cleaning.apply import Cleaned
from services.cleaning.figures import figures
from services.cleaning.lineage import Origin, gone, trace
from services.cleaning.recipe import Recipe
from services.errors import StepStopped
from services.schema import MEANS, ColumnType
from services.table import Columns, titled

FORMAT = 1


def files(table: Columns, recipe: Recipe, cleaned: Cleaned, job: Job, *, made: dt.datetime) -> dict[str, str]:
    """The documents by name, of what `recipe` made of `table` at the time `made`."""
    known = summary(table, recipe, cleaned, job, made=made)
    written = {
        "cleaning_report": (f"Cleaning report: {known['table']}", report.cleaning(known)),
        "data_dictionary": (f"Data dictionary: {known['table']}, cleaned", report.dictionary(known)),
    }
    texts = {"summary.json": json.dumps(known, ensure_ascii=False, indent=2, allow_nan=False)}
    for name, (title, blocks) in written.items():
        texts |= {f"{name}.md": paper.markdown(title, blocks), f"{name}.html": paper.page(title, blocks)}
    return texts


def summary(table: Columns, recipe: Recipe, cleaned: Cleaned, job: Job, *, made: dt.datetime) -> dict[str, Any]:
    """What the recipe did, and every column of the table after it, as JSON values.

    Of each column: its name, kind and SQL type; filled, distinct (distinct_is_exact says whether that is
    counted) and lowest, highest or examples, all None where the columns could not be looked at; and its
    origin. Steps and rows are counted from 1.
    """
    origins, after = trace(cleaned), cleaned.table or table
    steps = len(cleaned.steps)

    def tell(done: int, total: int) -> None:
        job.report(steps * total + done, (steps + 1) * total, "Describing the columns")

    try:
        found = job.keep("the columns, described", lambda: figures(after, tell))
    except StepStopped:  # then the dictionary says what is known without looking
        found = [{} for _ in cleaned.schema]
    return _plain(
        {
            "format": FORMAT,
            "table": titled(table),
            "made": made.isoformat(timespec="seconds"),
            "recipe": recipe.as_json(),
            "rows": {"before": table.rows, "after": after.rows},
            "columns": {"before": len(table.schema), "after": len(cleaned.schema)},
            "cells": sum(step.counts.cells for step in cleaned.steps),
            "lost": sum(step.counts.lost for step in cleaned.steps),
            "steps": _steps(cleaned),
            "skipped": [planned.step.title for planned in recipe.steps if not planned.on],
            "gone": gone(table.schema, origins),
            "dictionary": [
                _column(*each, rows=after.rows) for each in zip(cleaned.schema, origins, found, strict=True)
            ],
        }
    )


def _steps(cleaned: Cleaned) -> list[dict[str, Any]]:
    told = []
    for place, (walked, step) in enumerate(zip(cleaned.walked, cleaned.steps, strict=True), 1):
        planned, counts = walked.planned, step.counts
        told.append(
            {
                "step": place, "title": planned.step.title, "did": step.said, "why": planned.note,
                "slug": planned.slug, "params": planned.params,
                "rows_before": counts.before, "rows_after": counts.after,
                "rows": counts.rows, "cells": counts.cells, "lost": counts.lost,
                "columns": {name: cells for name, cells in counts.columns.items() if cells},
                "measured": step.measured,
                "examples": [{**each, "row": each["row"] + 1} for each in step.examples],
            }
        )  # fmt: skip
    return told


def _column(column: ColumnType, origin: Origin, found: Mapping[str, Any], *, rows: int) -> dict[str, Any]:
    return {
        "name": column.name, "kind": column.kind, "means": MEANS[column.kind], "sql": column.sql,
        "filled": found.get("filled"), "rows": rows,
        "distinct": found.get("distinct"), "distinct_is_exact": found.get("distinct_is_exact"),
        "lowest": found.get("low"), "highest": found.get("high"),
        "yes": found.get("yes"), "examples": found.get("examples"),
        "before": origin.before, "made_in": origin.made_in, "made_of": list(origin.made_of),
        "made_from": origin.made_from,
        "changed_in": list(origin.changed_in),
    }  # fmt: skip


def _plain(value: Any) -> Any:
    """A value as strict JSON can say it."""
    if isinstance(value, Mapping):
        return {str(name): _plain(each) for name, each in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_plain(each) for each in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if value is None or isinstance(value, str | bool | int) else str(value)
