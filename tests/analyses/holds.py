"""Holds the rows it counts in memory: all of them, or a seeded sample."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from services.analysis import Analysis, Cost, Job, Result, Shape
from services.params import Column, Number
from services.table import Sample, Table

if TYPE_CHECKING:
    from pandas import DataFrame


@dataclass(frozen=True, kw_only=True)
class HoldsParams:
    """What to count, and on how many rows."""

    item: Annotated[str, Column("Item", role="item")]
    sample_rows: Annotated[int | None, Number("Rows", low=100, high=10_000_000, help="Empty: all of them.")] = None
    sample_by: Annotated[str | None, Column("A share of each")] = None
    takes: Annotated[int, Number("KB that a row takes besides", low=0, high=1_000)] = 0
    seed: Annotated[int, Number("Seed", low=0, high=999_999)] = 0


def run(table: Table, params: HoldsParams, job: Job) -> Result:
    """Count the distinct items among the rows held."""
    job.report(0, 1, "Holding rows")
    sample = None if params.sample_rows is None else Sample(params.sample_rows, params.seed, params.sample_by)
    frame = table.frame([params.item], sample)
    held = [b"x" * (params.takes << 10) for _ in range(len(frame))] if params.takes else []
    counted = frame[params.item].value_counts().rename_axis("item").reset_index(name="n").sort_values(["n", "item"])
    held.clear()
    return Result(facts={"items": len(counted), "rows_used": len(frame)}, tables={"items": counted})


def cost(shape: Shape, params: HoldsParams) -> Cost:
    """A base, and 2 KB for each row held."""
    held = min(shape.rows, params.sample_rows or shape.rows)
    return Cost(peak_mb=40 + held / 500, seconds=0.5 + held / 50_000)


def example(rows: int) -> tuple[DataFrame, HoldsParams]:
    """One column of text."""
    import pandas as pd

    return pd.DataFrame({"item": [f"item {i % 7}" for i in range(rows)]}), HoldsParams(item="item")


ANALYSIS = Analysis(
    slug="holds",
    title="Holds",
    summary="How many items are there?",
    params=HoldsParams,
    run=run,
    cost=cost,
    example=example,
    holds_rows=True,
)
