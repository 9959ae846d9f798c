"""Data Cleaning: a recipe of small steps, applied to every row; what comes of it is a new version of the table.

Nothing is ever changed in place, and a step that cannot be applied leaves everything as it was.
"""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from services.analysis import Analysis, Cost, Job, Result, Shape
from services.cleaning.recipe import LONGEST, Recipe, parse
from services.cleaning.step import listed
from services.errors import DataError, ParamError
from services.params import Text
from services.table import Table

if TYPE_CHECKING:
    from pandas import DataFrame

    from services.cleaning.apply import Cleaned

EXAMPLE = """{"steps": [
    {"step": "trim"},
    {"step": "merge_spellings", "params": {"column": "town"}},
    {"step": "to_missing", "params": {"values": ["-999"]}},
    {"step": "drop_duplicates"},
    {"step": "fill", "params": {"columns": ["sold"], "by": "median"}}
]}"""


def _told(text: str) -> str:
    """The steps of a recipe in a few words."""
    try:
        titles = [planned.step.title.lower() for planned in parse(text).active]
    except ParamError:
        return "unreadable"
    return listed(titles) or "no steps"


@dataclass(frozen=True, kw_only=True)
class CleaningParams:
    """What is to be done."""

    recipe: Annotated[
        str, Text("Recipe", longest=LONGEST, help="A JSON document of steps, as the page saves it.", told=_told)
    ]


def run(table: Table, params: CleaningParams, job: Job) -> Result:
    """Apply the steps of the recipe to every row of `table`, in their order.

    Returns
    -------
    Result
        facts: steps; rows and columns before and after; cells that changed, and how many of them lost their value
        tables: steps, one row each: what it did in a sentence, rows before and after, rows and cells changed;
        changes, some examples: step, row (1 is the first of the table before the step), column, before, after;
        data, every row of the new version
        files: the recipe as JSON, the scripts that do the same (pandas, SQL); what was done as a report, and the
        columns of the new version as a dictionary, each as Markdown and HTML, and both for machines (summary.json)
        dataset: the new version, where a step changed something

    Raises
    ------
    StepFailed
        A step cannot be applied; the message says which and why.
    DataError
        The table has no rows.
    """
    from services.cleaning.apply import apply

    recipe = parse(params.recipe)
    if not table.rows:
        raise DataError("This table has no rows: there is nothing to clean.")
    job.report(0, 1, "Reading the recipe")
    cleaned = apply(table, recipe, job)
    made = replace(cleaned.table, schema=cleaned.schema) if cleaned.table else None
    rows = made.rows if made else table.rows
    steps = list(zip(recipe.active, cleaned.steps, strict=True))
    notes = [
        f"{step.counts.lost:,} values were lost in step {place}. {step.said}"
        for place, (planned, step) in enumerate(steps, 1)
        if step.counts.lost and planned.slug != "to_missing"
    ]
    if not rows:
        notes.insert(0, "No row is left. Look at the step that dropped the last ones.")
    return Result(
        facts={
            "steps": len(steps),
            "rows_before": table.rows, "rows_after": rows,
            "columns_before": len(table.schema), "columns_after": len(cleaned.schema),
            "cells": sum(step.counts.cells for _, step in steps), "lost": sum(step.counts.lost for _, step in steps),
        },
        tables=_tables(steps) | ({"data": made} if made else {}),
        files=_files(table, recipe, cleaned, job),
        notes=tuple(notes),
        dataset=made,
    )  # fmt: skip


def _files(table: Table, recipe: Recipe, cleaned: Cleaned, job: Job) -> dict[str, Path]:
    from services.cleaning import document
    from services.cleaning.scripts import Scripts

    scripts = Scripts(schema=table.schema, steps=cleaned.walked)
    # An id means nothing where the recipe is taken to.
    named = {id: each.measured["name"] for each in cleaned.walked for id in each.planned.others}
    texts = {
        "recipe.json": json.dumps(recipe.naming(named).as_json(), ensure_ascii=False, indent=2),
        "clean.py": scripts.pandas(),
        "clean.sql": scripts.sql(),
        **document.files(table, recipe, cleaned, job, made=dt.datetime.now(dt.UTC)),
    }
    files = {name: job.place("scripts").with_name(name) for name in texts}
    for name, path in files.items():
        path.write_text(texts[name], encoding="utf-8")
    return files


def _tables(steps: list[tuple[Any, Any]]) -> dict[str, DataFrame]:
    import pandas as pd

    done = pd.DataFrame(
        {
            "step": pd.Series(range(1, len(steps) + 1), dtype="int32"),
            "title": pd.Series([planned.step.title for planned, _ in steps], dtype="str"),
            "did": pd.Series([step.said for _, step in steps], dtype="str"),
            "remark": pd.Series([planned.note or None for planned, _ in steps], dtype="str"),
            "rows_before": pd.Series([step.counts.before for _, step in steps], dtype="int64"),
            "rows_after": pd.Series([step.counts.after for _, step in steps], dtype="int64"),
            "rows": pd.Series([step.counts.rows for _, step in steps], dtype="int64"),
            "cells": pd.Series([step.counts.cells for _, step in steps], dtype="int64"),
            "lost": pd.Series([step.counts.lost for _, step in steps], dtype="int64"),
        }
    )
    examples = [
        (place, each["row"] + 1, each["column"], each["before"], each["after"])
        for place, (_, step) in enumerate(steps, 1)
        for each in step.examples
    ]
    listed = pd.DataFrame(examples, columns=["step", "row", "column", "before", "after"])
    return {"steps": done, "changes": listed.astype({"column": "str", "before": "str", "after": "str"})}


def cost(shape: Shape, params: CleaningParams) -> Cost:
    """What the engine's buffers hold at most, and a scan of the table for every step."""
    steps = params.recipe.count('"step"') + 2
    cells = shape.rows * shape.columns
    return Cost(peak_mb=70 + min(190, cells * 12e-6), seconds=0.5 + cells * steps * 2.5e-8)


def example(rows: int) -> tuple[DataFrame, CleaningParams]:
    """Make sales in which towns are spelt three ways, -999 stands for nothing, and every tenth row is there twice."""
    import pandas as pd

    plain = max(1, rows * 10 // 11)
    towns = ["Rome", " Rome", "ROME", "Oslo", "Oslo", "oslo ", "Oslo", "Rome"]
    frame = pd.DataFrame(
        {
            "sale": range(plain),
            "town": [towns[each % len(towns)] for each in range(plain)],
            "sold": [-999 if each % 25 == 7 else each % 40 for each in range(plain)],
        }
    )
    return pd.concat([frame, frame.iloc[::10]], ignore_index=True), CleaningParams(recipe=EXAMPLE)


ANALYSIS = Analysis(
    slug="cleaning",
    title="Data Cleaning",
    summary="What is wrong with this table, and what mends it?",
    params=CleaningParams,
    run=run,
    cost=cost,
    example=example,
)
