"""Takes memory in each way there is, up to a bound or without end, and may then wait for a file."""

from __future__ import annotations

import ctypes
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from services.analysis import Analysis, Cost, Job, Result, Shape
from services.memory import MB
from services.params import Choice, Column, Number, Text
from services.table import Table

if TYPE_CHECKING:
    from pandas import DataFrame

BLOCK = 8  # MB
WAYS = {
    "python": "Python",
    "native": "native code",
    "children": "Children",
    "slowly": "10 MB a second",
    "falls": "Falls over",
}


@dataclass(frozen=True, kw_only=True)
class EatsParams:
    """How to take memory, and how much of it."""

    item: Annotated[str, Column("Item")]
    how: Annotated[str, Choice("How", options=WAYS)] = "python"
    at_once_mb: Annotated[int, Number("Taken at once, MB", low=0, high=100_000)] = 0
    most_mb: Annotated[int, Number("At most, MB", low=0, high=100_000)] = 100_000
    gate: Annotated[str | None, Text("File that is waited for", longest=500)] = None


def run(table: Table, params: EatsParams, job: Job) -> Result:
    """Take block after block, and hold them."""
    job.report(0, 1, "Eating")
    held: list[object] = [b"x" * (params.at_once_mb * MB)]
    for _ in range(params.at_once_mb, params.most_mb, BLOCK):
        if params.how == "native":
            held.append(_native())
        elif params.how == "falls":
            _falls()
        elif params.how == "children":
            _child()
        else:
            held.append(b"x" * (BLOCK * MB))
        if params.how == "slowly":
            time.sleep(BLOCK / 10)
    while params.gate and not Path(params.gate).exists():
        time.sleep(0.02)
    return Result(facts={"blocks": len(held)}, tables={})


def _native() -> int:
    """Allocate and write as C does, past what Python counts; past the limit on data, all there is to tell is null."""
    libc = ctypes.CDLL(None)
    libc.malloc.restype = ctypes.c_void_p
    place = libc.malloc(ctypes.c_size_t(BLOCK * MB))
    if not place:
        time.sleep(0.01)  # a library that tries again for ever
        return 0
    ctypes.memset(place, 1, BLOCK * MB)
    return place


def _falls() -> None:
    """Reserve block after block and write into what was not given, as a library does that does not look."""
    libc = ctypes.CDLL(None)
    libc.malloc.restype = ctypes.c_void_p
    while place := libc.malloc(ctypes.c_size_t(BLOCK * MB)):
        time.sleep(0.01)
    ctypes.memset(place or 0, 1, BLOCK)


def _child() -> None:
    """A process of its own group that holds ten blocks: none of them is large."""
    if os.fork() == 0:
        os.setsid()
        held = b"x" * (10 * BLOCK * MB)
        while held:
            time.sleep(3_600)
    time.sleep(0.05)


def example(rows: int) -> tuple[DataFrame, EatsParams]:
    """One column of text."""
    import pandas as pd

    return pd.DataFrame({"item": [f"item {i % 7}" for i in range(rows)]}), EatsParams(item="item", most_mb=BLOCK)


def cost(shape: Shape, params: EatsParams) -> Cost:
    """Far too little, as a prediction may be."""
    return Cost(40, 1)


ANALYSIS = Analysis(
    slug="eats", title="Eats", summary="How much is there?", params=EatsParams, run=run, cost=cost, example=example,
)  # fmt: skip
