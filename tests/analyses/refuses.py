"""Refuses its table."""

from services.analysis import Job, Result
from services.errors import DataError
from services.table import Table
from tests.analyses import Asked, declare


def run(table: Table, params: Asked, job: Job) -> Result:
    """Say what is wrong and where."""
    raise DataError(f"“{params.item}” has no items to count; choose another column.", field="item")


ANALYSIS = declare("refuses", run)
