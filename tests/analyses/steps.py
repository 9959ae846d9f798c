"""Keeps three steps and notes each one it makes; waits for the gate before the last."""

import os
import time
from pathlib import Path

from services.analysis import Job, Result
from services.table import Table
from tests.analyses import Asked, declare


def run(table: Table, params: Asked, job: Job) -> Result:
    """Make three steps."""

    def make(step: int) -> dict[str, int]:
        if step == 2 and params.gate:
            while not Path(params.gate).exists():
                time.sleep(0.02)
        if params.log:
            with open(params.log, "a") as log:
                print(f"step {step} {os.getpid()}", file=log)
        return {"square": step * step}

    squares = []
    for step in range(3):
        job.report(step, 3, f"Step {step}")
        squares.append(job.keep(f"step {step}", lambda step=step: make(step))["square"])
    items = job.table("items", "SELECT DISTINCT {item} AS item FROM rows", item=params.item)
    return Result(facts={"sum": sum(squares)}, tables={"items": items})


ANALYSIS = declare("steps", run)
