"""Starts processes that leave its group and hang; hangs itself, unless the gate is open."""

import os
import signal
import time
from pathlib import Path

from services.analysis import Job, Result
from services.table import Table
from tests.analyses import Asked, declare


def run(table: Table, params: Asked, job: Job) -> Result:
    """Note the pids of three generations."""
    assert params.log is not None
    job.report(0, 1, "Forking")
    _note(params.log)
    if os.fork() == 0:
        os.setsid()
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        if os.fork() == 0:
            os.setsid()
        _note(params.log)
        while True:
            time.sleep(3_600)
    while len(Path(params.log).read_text().split()) < 3:
        time.sleep(0.02)
    while params.gate is None or not Path(params.gate).exists():
        time.sleep(0.02)
    return Result(facts={"left": 2}, tables={})


def _note(log: str) -> None:
    with open(log, "a") as file:
        file.write(f"{os.getpid()}\n")


ANALYSIS = declare("forks", run)
