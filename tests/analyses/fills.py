"""Writes more than a small disk holds: steps that are kept, or one large table.

The second step may wait for a file.
"""

import random
import time
from pathlib import Path

from services.analysis import Job, Result
from services.table import Table
from tests.analyses import Asked, declare

STEP = 400_000  # bytes of each step


def run(table: Table, params: Asked, job: Job) -> Result:
    """Keep `size` steps of random text; where nothing is to be touched, a table of three million rows."""
    if not params.touch:
        job.report(0, 1, "Writing a table")
        many = job.table("many", "SELECT {item}, random() AS r FROM rows, range(1000000)", item=params.item)
        return Result(facts={"rows": many.rows}, tables={"many": many})
    for step in range(params.size):
        job.report(step, params.size, f"Step {step}")
        job.keep(f"Step {step}", lambda step=step: _make(step, params))
    return Result(facts={"steps": params.size}, tables={})


def _make(step: int, params: Asked) -> str:
    while step == 1 and params.gate and not Path(params.gate).exists():
        time.sleep(0.02)
    if params.log:
        with open(params.log, "a") as log:
            print(step, file=log)
    return random.Random(step).randbytes(STEP // 2).hex()


ANALYSIS = declare("fills", run)
