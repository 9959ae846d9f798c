"""What is in a table: every column's figures over every row, exact and out of core.

Three choices keep it exact in little memory. Quartiles come from counts in 3,840 narrow bins,
looked at again only inside the bin that holds the middle (DuckDB's own quantile_cont holds every
value). Mean, deviation and skewness are sums of distances from a centre close to the mean, so
numbers that differ in their eighth digit lose nothing. Duplicates are found by hash and then
compared cell by cell, so that two rows of one hash are not taken for one.

Beyond a million different values, a column's are told approximately, and said to be.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from services.profiling import columns, pairs, rows
from services.profiling.columns import Asked
from services.profiling.texts import texts
from services.schema import ColumnType
from services.table import Columns

Report = Callable[[int, int, str], None]

VERSION = 2  # of what is written; before there was a number, it had the figures alone


def profile(table: Columns, report: Report, *, now: float | None = None) -> dict[str, Any]:
    """Describe `table`: its rows, its duplicate rows, each of its columns, and how they go together.

    Values that are not finite count as missing. Figures are not rounded; dates are ISO texts,
    quartiles lie between two values as they do in pandas (linear), deviations are of a sample
    (n - 1), skewness is corrected for bias. `now`, in seconds since 1970, is what dates are in the
    future of.
    """
    described: list[dict[str, Any]] = []
    steps = len(table.schema) + 3
    report(0, steps, "Looking at the order of the rows")
    with table.session() as session:
        order = rows.in_order(session, table.schema)
        sizes = rows.sizes(session, table)
        for done, column in enumerate(table.schema):
            report(done, steps, f"Describing {column.name}")
            asked = Asked(
                session=session,
                column=column,
                rows=table.rows,
                strict=order.get(column.name, {}).get("strictly", False),
                now=int((time.time() if now is None else now) * 1_000_000),
            )
            known = {"name": column.name, "type": column.kind, "sql": column.sql} | _describe(asked)
            known |= {"order": order.get(column.name), "on_disk": sizes[done]}
            known["in_memory"] = rows.held(known, column.sql, table.rows)
            described.append(known)
        report(steps - 3, steps, "Looking for duplicate rows")
        duplicates, within = rows.duplicates(session, table.schema, described, table.rows)
        report(steps - 2, steps, "Looking at what is missing together")
        together = rows.together(session, table.schema, described, table.rows)
        twins = rows.twins(session, described)
        report(steps - 1, steps, "Comparing columns")
        relations = pairs.relate(session, table, described)
    report(steps, steps, "Described")
    return {
        "version": VERSION,
        "rows": table.rows,
        "duplicates": duplicates,
        "empty_in_duplicates": within,
        "size_on_disk": table.path.stat().st_size,
        "columns": described,
        "missing_together": together,
        "twins": twins,
        "relations": relations,
    }


def _describe(asked: Asked) -> dict[str, Any]:
    column: ColumnType = asked.column
    if column.is_text:
        return texts(asked)
    if column.kind == "flag":
        return columns.flags(asked)
    return columns.dates(asked) if column.is_date else columns.numbers(asked)
