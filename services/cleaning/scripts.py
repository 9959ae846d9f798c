"""A recipe to take along: as plain pandas and as SQL, each of which runs by itself and makes the same table.

What was measured of a table (a median, the most frequent values) stands in the scripts as a number, so
that they make this table again, whatever else they are given.
"""

from __future__ import annotations

import pprint
from collections.abc import Iterator, Mapping
from typing import Any

from services.cleaning import formula
from services.cleaning.chain import Chain
from services.cleaning.recipe import Planned, Recipe
from services.cleaning.step import Change
from services.duck import literal, quote
from services.schema import ColumnType, Schema
from services.table import ROW_NUMBER, Columns

_BETWEEN = '''
def between(values, at):
    """Fill gaps between two values by a straight line over `at`; what lies outside stays empty."""
    known = values.notna() & at.notna()
    before = values.where(known).ffill(), at.where(known).ffill()
    after = values.where(known).bfill(), at.where(known).bfill()
    width = (after[1] - before[1]).replace(0, float("nan"))
    return values.fillna(before[0] + (after[0] - before[0]) * (at - before[1]) / width)
'''


def as_pandas(table: Columns, recipe: Recipe, name: str = "table.csv") -> str:
    """A script that reads the CSV of this table as it was before, cleans it, and writes it.

    `table` is asked again for what the steps measure.
    """
    lines = []
    for place, (planned, schema, measured, change) in enumerate(_walked(table, recipe), 1):
        lines += ["", f"# {place}. {planned.step.title}{f': {_line(planned.note)}' if planned.note else ''}"]
        lines += planned.step.code(schema, planned.question(schema), measured)
        lines += ["table = table.reset_index(drop=True)"] if change.where or change.remakes else []
    body = "\n".join(f"    {line}" if line else "" for line in lines)
    has_formula = any(planned.slug == "derive" for planned in recipe.active)
    helper = (_BETWEEN if "between(" in body else "") + (formula.CODE if has_formula else "")
    return f'''"""Clean {_line(name)}: {len(recipe.active)} steps. Needs pandas 3.

    python clean.py {_line(name)} cleaned.csv
"""

import hashlib
import operator
import re
import sys

import numpy as np
import pandas as pd

TYPES = {pprint.pformat({c.name: _dtype(c) for c in table.schema if not c.is_date}, sort_dicts=False, width=110)}
DATES = {[c.name for c in table.schema if c.is_date]!r}
{helper}

def read(path):
    """Read the table as it was before: empty cells are missing values, and nothing else is."""
    table = pd.read_csv(path, dtype=TYPES, parse_dates=DATES, keep_default_na=False, na_values=[""])
    return table.astype({{name: "datetime64[us]" for name in DATES}})


def clean(table):
    """Do the steps, one after another."""{body}
    return table


if __name__ == "__main__":
    clean(read(sys.argv[1])).to_csv(sys.argv[2], index=False)
'''


def as_sql(table: Columns, recipe: Recipe, name: str = "table.csv") -> str:
    """A query for DuckDB that does the same over a table called `source`, of the same columns and types."""
    parts = [f"step_0 AS (SELECT row_number() OVER () - 1 AS {ROW_NUMBER}, * FROM source)"]
    schema = table.schema
    for place, (planned, _, _, change) in enumerate(_walked(table, recipe), 1):
        note = f"\n-- {place}. {planned.step.title}{f': {_line(planned.note)}' if planned.note else ''}\n"
        columns = ", ".join(f"{made} AS {quote(column)}" for column, made in change.columns.items())
        where = f" WHERE {change.where}" if change.where else ""
        number = f"row_number() OVER () - 1 AS {ROW_NUMBER}" if change.remakes else ROW_NUMBER
        source = f"({change.source})" if change.source else "rows"
        parts.append(
            f"{note}step_{place} AS (WITH rows AS (FROM step_{place - 1}) "
            f"SELECT {number}, {columns} FROM {source}{where})"
        )
    types = ", ".join(f"{literal(c.name)}: {literal(c.sql)}" for c in schema)
    header = (
        f"-- Clean {_line(name)}: {len(recipe.active)} steps, for DuckDB 1.4 or newer.\n"
        f"-- CREATE VIEW source AS SELECT * FROM read_csv({literal(_line(name))}, header = true, nullstr = '', "
        f"columns = {{{types}}});\n"
    )
    chain = ",\n".join(parts)
    return (
        f"{header}WITH {chain}\nSELECT * EXCLUDE ({ROW_NUMBER}) FROM step_{len(recipe.active)} ORDER BY {ROW_NUMBER};\n"
    )


def _walked(table: Columns, recipe: Recipe) -> Iterator[tuple[Planned, Schema, Mapping[str, Any], Change]]:
    """Each step that counts, the schema it finds, what it measures there, and what it does."""
    from services.cleaning.apply import on_disk

    with table.opened() as con:
        chain = Chain(con, on_disk(table.path), table.schema, table.rows)
        for planned in recipe.active:
            schema, measured = chain.schema, chain.measure(planned)
            change = chain.change(planned, measured)
            rows = chain.count(change).after
            yield planned, schema, measured, change
            chain.apply(planned, change, rows)


def _dtype(column: ColumnType) -> str:
    return {"integer": "Int64", "decimal": "float64", "flag": "boolean"}.get(column.kind, "str")


def _line(text: str) -> str:
    """A text on one line of a comment, in which it can do nothing."""
    return " ".join(text.replace('"', "'").replace("\\", "/").split())
