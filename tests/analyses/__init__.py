"""Analyses that wait, fork, allocate or break, found through the setting EXTRA_ANALYSES."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from services.analysis import Analysis, Cost
from services.params import Column, Flag, Number, Text

if TYPE_CHECKING:
    from pandas import DataFrame


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What these analyses are told: files by which a test follows and steers them."""

    item: Annotated[str, Column("Item", role="item")]
    log: Annotated[str | None, Text("File that notes what was done", longest=500)] = None
    gate: Annotated[str | None, Text("File that is waited for", longest=500)] = None
    touch: Annotated[bool, Flag("Write into what is allocated")] = True
    others: Annotated[tuple[str, ...], Column("Other columns", many=True)] = ()
    size: Annotated[int, Number("Size", low=1, high=9)] = 5


def example(rows: int) -> tuple[DataFrame, Asked]:
    """One column of text."""
    import pandas as pd

    return pd.DataFrame({"item": [f"item {i % 7}" for i in range(rows)]}), Asked(item="item")


def declare(slug: str, run: object) -> Analysis[Asked]:
    """Declare `run` as an analysis of these parameters."""
    return Analysis(
        slug=slug,
        title=slug.capitalize(),
        summary="What happens then?",
        params=Asked,
        run=run,  # type: ignore[arg-type]
        cost=lambda shape, params: Cost(40, 1),
        example=example,
    )
