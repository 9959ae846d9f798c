"""Allocates without end: what it touches is seen by the watch, what it only reserves by the limit on data."""

import time

from services.analysis import Job, Result
from services.table import Table
from tests.analyses import Asked, declare


def run(table: Table, params: Asked, job: Job) -> Result:
    """Hold more and more."""
    import numpy as np

    job.report(0, 1, "Allocating")
    held: list[object] = []
    while True:
        held.append(b"x" * (1 << 20) if params.touch else np.empty(32 << 20, dtype="int8"))
        time.sleep(0.002)


ANALYSIS = declare("allocates", run)
