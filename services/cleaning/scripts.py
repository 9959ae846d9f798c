"""A recipe to take along: as plain pandas and as SQL, each of which runs by itself and makes the same table.

What was measured of a table (a median, the most frequent values) stands in the scripts as a number, so
that they make this table again, whatever else they are given. Of the capitals of a few letters (ß) engines
do not agree.
"""

from __future__ import annotations

import pprint
from collections.abc import Sequence
from dataclasses import dataclass

from services.cleaning import formula
from services.cleaning.apply import Walked
from services.cleaning.chain import Chain, on_disk
from services.cleaning.others import beside, known_as
from services.cleaning.recipe import Planned, Recipe
from services.cleaning.step import dtype, many
from services.duck import literal, quote
from services.schema import Schema
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


_SCRIPT = '''"""Clean {name}: {steps}. Needs pandas 3.

    python clean.py {name} cleaned.csv
"""

import hashlib
import operator
import re
import sys

import numpy as np
import pandas as pd

TYPES = {types}
DATES = {dates!r}
{helpers}

def read(path, types=TYPES, dates=DATES):
    """Read a table as it was before: empty cells are missing values, and nothing else is."""
    table = pd.read_csv(path, dtype=types, parse_dates=dates, keep_default_na=False, na_values=[""])
    return table.astype(dict.fromkeys(dates, "datetime64[us]"))


def clean(table):
    """Do the steps, one after another."""{body}
    return table


if __name__ == "__main__":
    clean(read(sys.argv[1])).to_csv(sys.argv[2], index=False)
'''


@dataclass(frozen=True, kw_only=True)
class Scripts:
    """The scripts of a recipe for one table, which is asked once for what the steps measure."""

    schema: Schema
    steps: Sequence[Walked]

    @classmethod
    def of(cls, table: Columns, recipe: Recipe) -> Scripts:
        steps = []
        others = beside(table.path)
        with table.opened(*(others(id).path.parent for each in recipe.active for id in each.others)) as con:
            chain = Chain(
                lambda sql: con.execute(sql).fetchall(), on_disk(table.path), table.schema, table.rows, others
            )
            for planned in recipe.active:
                schema, measured = chain.schema, chain.measure(planned)
                change = chain.change(planned, measured)
                rows = chain.count(change).after
                steps.append(Walked(planned=planned, schema=schema, measured=measured, change=change))
                chain.apply(planned, change, rows)
        return cls(schema=table.schema, steps=steps)

    def pandas(self, name: str = "table.csv") -> str:
        """A script that reads the CSV of the table as it was before, cleans it, and writes it."""
        lines: list[str] = []
        for place, each in enumerate(self.steps, 1):
            lines += ["", f"# {_headed(place, each.planned)}"]
            lines += each.planned.step.code(each.schema, each.planned.question(each.schema), each.measured)
            if each.change.where or each.change.remakes:
                lines.append("table = table.reset_index(drop=True)")
        body = "\n".join(f"    {line}" if line else "" for line in lines)
        has_formula = any(each.planned.params.get("formula") for each in self.steps)
        helpers = (_BETWEEN if "between(" in body else "") + (formula.CODE if has_formula else "")
        types = {column.name: dtype(column) for column in self.schema if not column.is_date}
        return _SCRIPT.format(
            name=_line(name), steps=many(len(self.steps), "step"), helpers=helpers, body=body,
            types=pprint.pformat(types, sort_dicts=False, width=110),
            dates=[column.name for column in self.schema if column.is_date],
        )  # fmt: skip

    def sql(self, name: str = "table.csv") -> str:
        """A query for DuckDB that does the same over a table called `source`, of the same columns and types."""
        parts = [f"step_0 AS (SELECT row_number() OVER () - 1 AS {ROW_NUMBER}, * FROM source)"]
        for place, each in enumerate(self.steps, 1):
            change = each.change
            columns = ", ".join(f"{made} AS {quote(column)}" for column, made in change.columns.items())
            where = f" WHERE {change.where}" if change.where else ""
            number = f"row_number() OVER () - 1 AS {ROW_NUMBER}" if change.remakes else ROW_NUMBER
            source = f"({change.source})" if change.source else "rows"
            parts.append(
                f"\n-- {_headed(place, each.planned)}\nstep_{place} AS (WITH rows AS (FROM step_{place - 1}) "
                f"SELECT {number}, {columns} FROM {source}{where})"
            )
        views = [_view("source", name, self.schema)]
        others = {id: each.measured for each in self.steps for id in each.planned.others}
        for id, other in others.items():
            views.append(_view(known_as(id), other["name"], Schema.from_json(other["columns"]), numbered=True))
        chain = ",\n".join(parts)
        last = f"step_{len(self.steps)}"
        return (
            f"-- Clean {_line(name)}: {many(len(self.steps), 'step')}, for DuckDB 1.4 or newer.\n"
            f"{''.join(views)}"
            f"WITH {chain}\nSELECT * EXCLUDE ({ROW_NUMBER}) FROM {last} ORDER BY {ROW_NUMBER};\n"
        )


def _view(called: str, name: str, schema: Schema, *, numbered: bool = False) -> str:
    """How a table is made known to the query, as a comment: where it lies is up to who runs it."""
    types = ", ".join(f"{literal(column.name)}: {literal(column.sql)}" for column in schema)
    number = f"row_number() OVER () - 1 AS {ROW_NUMBER}, " if numbered else ""
    return (
        f"-- CREATE VIEW {called} AS SELECT {number}* FROM read_csv({literal(_line(name))}, header = true, "
        f"nullstr = '', columns = {{{types}}});\n"
    )


def _headed(place: int, planned: Planned) -> str:
    return f"{place}. {planned.step.title}{f': {_line(planned.note)}' if planned.note else ''}"


def _line(text: str) -> str:
    """A text on one line of a comment, in which it can do nothing."""
    return " ".join(text.replace('"', "'").replace("\\", "/").split())
