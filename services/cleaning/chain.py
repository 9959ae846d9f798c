"""A table and what is done to it, step by step, as views: nothing is written until it must be.

Each step is a view over the one before. Its counts are asked over every row as it is applied, from
the columns it touches alone. Where a step looks at other rows, or makes rows anew, what came before
is written to columns on disk first, so that it is worked out once.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from services.cleaning.others import Other, Others, known_as, nowhere
from services.cleaning.recipe import Planned
from services.cleaning.step import MOST_COLUMNS, Change, Counts
from services.cleaning.step import sql as literal
from services.duck import literal as text_literal
from services.duck import quote
from services.errors import DataError
from services.profiling.columns import value_of
from services.profiling.scale import Scale
from services.schema import ColumnType, Schema
from services.table import ROW_NUMBER, Session, kind_of

Ask = Callable[[str], Sequence[Sequence[Any]]]

EXAMPLES = 5

_READ = "The table could not be read: "
_REFUSED = frozenset({"ConversionException", "OutOfRangeException", "InvalidInputException"})
_BOUND = re.compile(r"\$(\w+)")

# Whether a cell changes: r as it is, o the same in the type it gets, v what it becomes.
_DIFFERS = "((r{at} IS NULL) <> (v{at} IS NULL) OR o{at} IS DISTINCT FROM v{at})"

# Where a step fails for what is in the data, in the engine's words, and in ours.
_SAID = (
    ("out of range", "A value is too large for its column"),
    ("Out of Range", "A value is too large for its column"),
    ("Overflow", "A value is too large for its column"),
    ("Conversion", "A value cannot be converted"),
)


@dataclass(frozen=True, kw_only=True)
class Applied:
    """A step as it was applied: what it measured, what it changed, and examples of that."""

    measured: Mapping[str, Any]
    counts: Counts
    said: str
    examples: Sequence[Mapping[str, Any]] = ()  # row (0-based), column, before, after

    def as_json(self) -> dict[str, Any]:
        counts = {name: getattr(self.counts, name) for name in ("before", "after", "rows", "cells", "lost")}
        return {
            "measured": dict(self.measured), "said": self.said, "examples": [dict(each) for each in self.examples],
            "counts": counts | {"columns": dict(self.counts.columns)},
        }  # fmt: skip

    @classmethod
    def from_json(cls, kept: Mapping[str, Any]) -> Applied:
        return cls(**{**kept, "counts": Counts(**kept["counts"])})


@dataclass(frozen=True)
class _Asked:
    """What a step may ask of the view before it."""

    chain: Chain
    schema: Schema
    rows: int

    def fetch(self, sql: str) -> Sequence[Sequence[Any]]:
        return self.chain.fetch(sql)

    def quantiles(self, column: str, shares: Sequence[float], around: float | None = None) -> list[float]:
        return self.chain.quantiles(column, shares, around)

    def other(self, id: str) -> Other:
        return self.chain.other(id)


class Chain:
    """Steps over one table; `ask` answers SQL with rows, here or in another process."""

    def __init__(self, ask: Ask, source: str, schema: Schema, rows: int, others: Others = nowhere) -> None:
        """`source` is the SQL of a table that has `schema`, and the numbers of its rows."""
        self._ask, self._find = ask, others
        self._others: dict[str, Other] = {}
        self.begin(source, schema, rows)

    def begin(self, source: str, schema: Schema, rows: int) -> None:
        """Go on from a table that was written meanwhile."""
        self._steps = [source]
        self.schema, self.rows = schema, rows
        self._is_in_order = True  # as it is read

    @property
    def is_fresh(self) -> bool:
        """Whether nothing was done to it since it was written."""
        return len(self._steps) == 1

    @property
    def name(self) -> str:
        return f"step_{len(self._steps) - 1}"

    @property
    def select(self) -> str:
        """SQL of the table as it is now, in its order, without the numbers of its rows."""
        columns = ", ".join(quote(name) for name in self.schema.names)
        order = "" if self._is_in_order else f" ORDER BY {ROW_NUMBER}"  # a sort holds every column of many rows
        return f"{self.head} SELECT {columns} FROM {self.name}{order}"

    @property
    def head(self) -> str:
        """SQL in front of a question: the steps as tables, the last of which is also called `rows`."""
        steps = [f"{known_as(id)} AS NOT MATERIALIZED ({on_disk(each.path)})" for id, each in self._others.items()]
        steps += [f"step_{place} AS NOT MATERIALIZED ({text})" for place, text in enumerate(self._steps)]
        return f"WITH {', '.join(steps)}, rows AS NOT MATERIALIZED (FROM {self.name})"

    def fetch(self, sql: str) -> Sequence[Sequence[Any]]:
        """Ask `sql` of the table `rows`, which may be described, and may bring tables of its own."""
        describe = "DESCRIBE " if sql.startswith("DESCRIBE ") else ""
        sql = sql.removeprefix(describe)
        return self._ask(f"{describe}{self.head}{', ' + sql[5:] if sql.startswith('WITH ') else ' ' + sql}")

    def quantiles(self, column: str, shares: Sequence[float], around: float | None = None) -> list[float]:
        """Exact quantiles of a column of numbers, by straight line; none where it has no values."""
        value = value_of(self.schema[column]).replace("{x}", quote(column))
        if around is not None:
            value = f"abs(({value})::DOUBLE - {literal(around)})"
        ((count, low, high),) = self.fetch(f"SELECT count(v), min(v), max(v) FROM (SELECT {value} AS v FROM rows)")
        if not count:
            return []
        scale = Scale(session=_Over(self), column=column, value=value, count=count)
        return scale.quantiles(scale.bins(low, high), shares)

    def other(self, id: str) -> Other:
        """Another table of the same visitor.

        Raises
        ------
        NotFound
            It is not there.
        """
        if id not in self._others:
            self._others[id] = self._find(id)
        return self._others[id]

    def question(self, planned: Planned) -> Any:
        """The parameters of a step, checked against the table as it is now; other tables it names are there."""
        for id in planned.others:
            self.other(id)
        return planned.question(self.schema)

    def measure(self, planned: Planned) -> dict[str, Any]:
        """What the step must know of every row first."""
        with told():
            return dict(planned.step.measure(_Asked(self, self.schema, self.rows), self.question(planned)))

    def change(self, planned: Planned, measured: Mapping[str, Any]) -> Change:
        """What the step does to the table as it is now."""
        change = planned.step.change(self.schema, self.question(planned), measured)
        if len(change.columns) > MOST_COLUMNS:
            raise DataError(f"This makes {len(change.columns):,} columns. Make at most {MOST_COLUMNS:,}.")
        return change

    def count(self, change: Change) -> Counts:
        """Count over every row what `change` does."""
        if change.source is not None:
            ((after,),) = self.fetch(f"SELECT count(*) FROM ({change.source})")
            return Counts(before=self.rows, after=after)
        kept = f"coalesce({change.where}, false)" if change.where else "true"
        touched = self._compared(change)
        # New columns are worked out too: what fails, fails at its step and not when all is written.
        new = [made for name, made in change.columns.items() if name not in self.schema and not self._is_other(made)]
        if not touched and not new:
            if not change.where:
                return Counts(before=self.rows, after=self.rows)
            ((after,),) = self.fetch(f"SELECT count(*) FROM rows WHERE {kept}")
            return Counts(before=self.rows, after=after)
        # Worked out in a table of its own: what looks at other rows may stand nowhere else.
        values = [
            f"{quote(name)} AS r{at}, {old} AS o{at}, {new} AS v{at}"
            for at, (name, (old, new)) in enumerate(touched.items())
        ]
        values += [f"({made}) AS n{at}" for at, made in enumerate(new)]
        places = range(len(touched))
        differs = [_DIFFERS.format(at=at) for at in places]
        asked = [
            "count(*)", "count(*) FILTER (kept)", f"count(*) FILTER (kept AND ({' OR '.join(differs) or 'false'}))",
            " + ".join(f"count(*) FILTER (kept AND r{at} IS NOT NULL AND v{at} IS NULL)" for at in places) or "0",
            *(f"count(*) FILTER (kept AND {test})" for test in differs),
            *(f"count(n{at})" for at in range(len(new))),
        ]  # fmt: skip
        ((before, after, rows, lost, *cells),) = self.fetch(
            f"SELECT {', '.join(asked)} FROM (SELECT {kept} AS kept, {', '.join(values)} FROM rows)"
        )
        cells = cells[: len(touched)]
        return Counts(
            before=before, after=after, rows=rows, cells=sum(cells), lost=lost,
            columns=dict(zip(touched, cells, strict=True)),
        )  # fmt: skip

    def examples(self, change: Change, counts: Counts, most: int = EXAMPLES) -> list[dict[str, Any]]:
        """Some cells that change: row, column, before and after as texts."""
        found: list[dict[str, Any]] = []
        for name, (old, new) in self._compared(change).items():
            if counts.columns.get(name) and len(found) < most:
                held = f"SELECT {ROW_NUMBER} AS place, {quote(name)} AS r0, {old} AS o0, {new} AS v0 FROM rows"
                rows = self.fetch(
                    f"SELECT place, r0::VARCHAR, v0::VARCHAR FROM ({held}) WHERE {_DIFFERS.format(at=0)} "
                    f"LIMIT {most - len(found)}"
                )
                found += [{"row": row, "column": name, "before": old, "after": new} for row, old, new in rows]
        return found

    def _compared(self, change: Change) -> dict[str, tuple[str, str]]:
        """What is compared of each column that may change: its value before and after, of one type.

        What a plain cast to another type gives, is no change: 7 is 7, as a text and as a number.
        """
        touched = self._touched(change)
        if not touched:
            return {}
        made = ", ".join(f"({new}) AS c{at}" for at, new in enumerate(touched.values()))
        types = [row[1] for row in self.fetch(f"DESCRIBE SELECT {made} FROM rows")]
        compared = {}
        for (name, new), sql_type in zip(touched.items(), types, strict=True):
            old = quote(name)
            if _family(self.schema[name].sql) != _family(sql_type):
                old = f"TRY_CAST({old} AS {sql_type})"
            compared[name] = (old, f"({new})")
        return compared

    def _touched(self, change: Change) -> dict[str, str]:
        """The columns that were there before and whose values may change: name and SQL of the new value."""
        if change.source is not None:
            return {}
        return {
            name: made
            for name, made in change.columns.items()
            if name in self.schema and made != quote(name) and not self._is_other(made)
        }

    def _is_other(self, made: str) -> bool:
        """Whether `made` is just another column, under a new name."""
        return any(made == quote(name) for name in self.schema.names)

    def apply(self, planned: Planned, change: Change, rows: int) -> None:
        """Make the table what the step makes of it, of `rows` rows."""
        before = self.schema
        columns = ", ".join(f"{made} AS {quote(name)}" for name, made in change.columns.items())
        given = f"WITH rows AS NOT MATERIALIZED (FROM {self.name}) "
        if change.source is not None:
            text = f"{given}SELECT row_number() OVER () - 1 AS {ROW_NUMBER}, {columns} FROM ({change.source})"
        else:
            where = f" WHERE {change.where}" if change.where else ""
            text = f"{given}SELECT {ROW_NUMBER}, {columns} FROM rows{where}"
        self._steps.append(text)
        # A window gives rows back in an order of its own; windows of a step's columns are taken for that too.
        made = (*change.columns.values(), change.where or "")
        self._is_in_order &= change.source is None and not any(" OVER " in text.upper() for text in made)
        with told():
            self.schema = self._described(before, change)
        self.rows = rows

    def _described(self, before: Schema, change: Change) -> Schema:
        found = self.fetch("DESCRIBE SELECT * FROM rows")
        types = {name: sql for name, sql, *_ in found}
        columns = []
        for name in change.columns:
            kind = kind_of(types[name])
            if name in change.kinds:
                kind = change.kinds[name]
            elif name in before and kind_of(before[name].sql) == kind:
                kind = before[name].kind
            columns.append(ColumnType(name=name, kind=kind, sql=types[name]))
        return Schema(tuple(columns))


def on_disk(path: Path) -> str:
    """SQL of a table on disk with the numbers of its rows."""
    return f"SELECT * FROM read_parquet({text_literal(path.resolve())}, file_row_number=true)"


class _Over(Session):
    """Questions of `Scale` to a chain."""

    def __init__(self, chain: Chain) -> None:
        object.__setattr__(self, "_chain", chain)

    def fetch(self, sql: str, **names: Any) -> Sequence[Sequence[Any]]:
        chain: Chain = self._chain  # type: ignore[attr-defined]
        return chain.fetch(_BOUND.sub(lambda found: literal(names[found[1]]), sql))


def _family(sql_type: str) -> str:
    """Types of one family are compared as they are."""
    kind = kind_of(sql_type)
    return {"integer": "number", "decimal": "number", "date": "time", "datetime": "time"}.get(kind, kind)


@contextlib.contextmanager
def told() -> Iterator[None]:
    """What the engine refuses because of the data, as a sentence about the step."""
    try:
        yield
    except Exception as error:
        # Asked here, the engine raises an error of its own; asked through the reader, one that begins like this.
        if not str(error).startswith(_READ) and type(error).__name__ not in _REFUSED:
            raise
        text = str(error).removeprefix(_READ)
        why = next((ours for theirs, ours in _SAID if theirs in text), text.splitlines()[0].rstrip("."))
        raise DataError(f"{why}. Change the step, or the type of its column first.") from None
