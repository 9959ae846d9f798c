"""Twelve models one after the other, as a battery of models runs: each kept, the table so far shown.

One may wait for a file, one may hang in native code, one may allocate without end.
"""

from __future__ import annotations

import ctypes
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from services.analysis import Analysis, Cost, Job, Result, Shape
from services.errors import StepStopped
from services.params import Column, Number, Text
from services.table import Table

if TYPE_CHECKING:
    from pandas import DataFrame

MODELS = 12


@dataclass(frozen=True, kw_only=True)
class BatteryParams:
    """Which model does what; 0 is none of them."""

    item: Annotated[str, Column("Item")]
    log: Annotated[str | None, Text("File that notes what was made", longest=500)] = None
    gate: Annotated[str | None, Text("File that is waited for", longest=500)] = None
    waits: Annotated[int, Number("Model that waits for it", low=0, high=MODELS)] = 0
    hangs: Annotated[int, Number("Model that hangs", low=0, high=MODELS)] = 0
    eats: Annotated[int, Number("Model that eats memory", low=0, high=MODELS)] = 0
    dies: Annotated[int, Number("Model that crashes", low=0, high=MODELS)] = 0
    seconds: Annotated[float, Number("Seconds a model may take", low=0.1, high=1_000)] = 600.0


def run(table: Table, params: BatteryParams, job: Job) -> Result:
    """Score every model that can be scored."""
    scores: list[tuple[int, float]] = []
    for model in range(1, MODELS + 1):
        job.report(model - 1, MODELS, f"Model {model}")
        try:
            score = job.keep(f"Model {model}", lambda model=model: _make(model, params), seconds=params.seconds)
        except StepStopped:
            continue
        scores.append((model, score))
        job.show(_result(scores))
    return _result(scores)


def _make(model: int, params: BatteryParams) -> float:
    if model == params.waits and params.gate:
        while not Path(params.gate).exists():
            time.sleep(0.02)
    if model == params.hangs:
        ctypes.PyDLL(None).pause()  # native, and it keeps the interpreter: nothing in this process can end it
    held = []
    while model == params.eats:
        held.append(b"x" * (4 << 20))
    if model == params.dies:
        os.kill(os.getpid(), 11)
    if params.log:
        with open(params.log, "a") as log:
            print(model, file=log)
    return 1 / model


def _result(scores: list[tuple[int, float]]) -> Result:
    import pandas as pd

    frame = pd.DataFrame(scores, columns=["model", "score"])
    return Result(
        facts={"models": len(scores), "best": float(frame["score"].max()) if scores else None},
        tables={"models": frame},
        notes=("Scores are made up. They fall as one over the number.",),
    )


def example(rows: int) -> tuple[DataFrame, BatteryParams]:
    """One column of text."""
    import pandas as pd

    return pd.DataFrame({"item": [f"item {i % 7}" for i in range(rows)]}), BatteryParams(item="item")


def cost(shape: Shape, params: BatteryParams) -> Cost:
    """What pandas takes."""
    return Cost(90, 5)


ANALYSIS = Analysis(
    slug="battery",
    title="Battery of models",
    summary="Which of twelve models is best?",
    params=BatteryParams,
    run=run,
    cost=cost,
    example=example,
)
