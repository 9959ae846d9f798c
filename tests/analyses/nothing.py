"""Does nothing, and imports nothing to do it."""

from services.analysis import Job, Result
from services.table import Table
from tests.analyses import Asked, declare


def run(table: Table, params: Asked, job: Job) -> Result:
    """Say what was asked."""
    job.report(0, 1, "Nothing")
    return Result(facts={"log": params.log}, tables={})


ANALYSIS = declare("nothing", run)
