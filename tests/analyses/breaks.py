"""Has a bug."""

from services.analysis import Job, Result
from services.table import Table
from tests.analyses import Asked, declare


def run(table: Table, params: Asked, job: Job) -> Result:
    """Meet what nobody thought of."""
    raise ZeroDivisionError("the secret of this bug")


ANALYSIS = declare("breaks", run)
