"""Another table as a model needs it: its columns checked, its rows in lots, and how it differs from what was learnt."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from pandas import DataFrame

from services.duck import literal, quote
from services.errors import ParamError
from services.numerics.learning.columns import Feature, sql_of
from services.numerics.learning.problem import Problem
from services.schema import ColumnType, Schema
from services.table import Columns

CELLS = 4_000_000  # of the matrix that are in memory at once
ROWS = 100_000
BINS = 10
MOVED, OTHER = 0.1, 0.25  # population stability index from which a column has moved, and is another one
_LEAST = 0.0005  # share that an empty bin counts as

Bound = tuple[Feature, ColumnType]


def bind(features: Sequence[Feature], schema: Schema, learnt: Schema, empty: Sequence[str] = ()) -> list[Bound]:
    """Each feature with the column of another table that it is read from; `empty` are columns without a value.

    Raises
    ------
    ParamError
        A column is not there, or is of another kind.
    """
    lacks = dict.fromkeys(each.column for each in features if each.column not in schema)
    if lacks:
        named = ", ".join(list(lacks)[:6]) + (f" and {len(lacks) - 6} more" if len(lacks) > 6 else "")
        raise ParamError(
            f"Predict: this table lacks {named}. Rename its columns in Cleaning, or leave them out above.",
            field="apply_to",
        )
    bound = []
    for each in features:
        column, was = schema[each.column], learnt[each.column]
        if column.name not in empty and not _fits(each, column):
            kind = "a date" if each.part else "a number"
            raise ParamError(
                f"Predict: {column.name} is {kind} in what was learnt from, and is none here. Change its type first.",
                field="apply_to",
            )
        bound.append((each, was if column.name in empty else column))
    return bound


def _fits(feature: Feature, column: ColumnType) -> bool:
    if feature.part:
        return column.is_date
    return feature.kind == "category" or column.is_number or column.kind == "flag"


@dataclass(frozen=True)
class Lot:
    """Rows `start`... of the other table: X is float32 (rows, features); `unknown` counts values never learnt."""

    start: int
    X: np.ndarray
    unknown: np.ndarray


def lots(other: Columns, bound: Sequence[Bound], empty: Sequence[str] = (), start: int = 0) -> Iterator[Lot]:
    """The rows of `other` from `start`, in its order, a lot at a time: never the whole table."""
    size = max(1_000, min(ROWS, CELLS // max(len(bound), 1)))
    source = f"read_parquet({literal(other.path.resolve())}, file_row_number = true)"
    with other.opened() as con:
        asked = []
        for place, (feature, column) in enumerate(bound):
            if feature.column in empty:
                asked.append(f"NULL::FLOAT AS v{place}")
            elif feature.kind == "number":
                asked.append(f"({sql_of(feature, column)})::DOUBLE AS v{place}")
            else:
                con.execute(
                    "CREATE OR REPLACE TEMP TABLE levels AS SELECT unnest($1::VARCHAR[]) AS v, "
                    "unnest(range(len($1::VARCHAR[]))) AS code", [list(feature.levels)],
                )  # fmt: skip
                con.execute(f"DROP TYPE IF EXISTS level{place}")  # of a table that was asked before
                con.execute(f"CREATE TYPE level{place} AS ENUM (SELECT v FROM levels ORDER BY code)")
                text = sql_of(feature, column)
                asked.append(f"enum_code(TRY_CAST({text} AS level{place}))::FLOAT AS v{place}")
                asked.append(f"({quote(column.name)} IS NOT NULL AND v{place} IS NULL) AS u{place}")
        while start < other.rows:
            found = con.execute(
                f"SELECT {', '.join(asked)} FROM {source} WHERE file_row_number >= {start} "
                f"AND file_row_number < {start + size} ORDER BY file_row_number"
            ).fetchnumpy()
            count = len(next(iter(found.values())))
            X, unknown = np.empty((count, len(bound)), dtype=np.float32), np.zeros(len(bound), dtype=np.int64)
            for place, _ in enumerate(bound):
                values = np.ma.filled(np.ma.asarray(found.pop(f"v{place}"), dtype=np.float64), np.nan)
                X[:, place] = np.where(np.isfinite(values), values, np.nan)
                if f"u{place}" in found:
                    unknown[place] = int(np.asarray(found.pop(f"u{place}"), dtype=bool).sum())
            yield Lot(start, X, unknown)
            start += size


def empty_columns(other: Columns, names: Sequence[str]) -> list[str]:
    """Those of the columns that hold no value at all: what type such a column has says nothing."""
    there = [name for name in dict.fromkeys(names) if name in other.schema]
    if not there or not other.rows:
        return []
    (counts,) = other.fetch(f"SELECT {', '.join(f'count({quote(name)})' for name in there)} FROM rows")
    return [name for name, count in zip(there, counts, strict=True) if not count]


class Drift:
    """How the features of other rows differ from those that were learnt from: counted lot by lot.

    The population stability index sums (p − q) ln(p / q) over deciles of a number, or levels of a category (the
    twenty most frequent, the rest together), missing and unknown values apart.
    """

    def __init__(self, problem: Problem) -> None:
        self._features = problem.features
        self._edges = [
            np.empty(0) if each.kind == "category" else _deciles(problem.X[:, place])
            for place, each in enumerate(problem.features)
        ]
        none = np.zeros(len(problem.features), dtype=np.int64)
        self._learnt = self._counted(problem.X, none)
        self._seen = [np.zeros_like(each) for each in self._learnt]
        self._missing = [float(np.isnan(problem.X[:, place]).mean()) for place in range(len(problem.features))]
        self.rows, self.unknown, self.gaps = 0, none.copy(), none.copy()

    def add(self, lot: Lot) -> None:
        """Count a lot."""
        for mine, more in zip(self._seen, self._counted(lot.X, lot.unknown), strict=True):
            mine += more
        self.rows += len(lot.X)
        self.unknown += lot.unknown
        self.gaps += np.isnan(lot.X).sum(axis=0) - lot.unknown

    def _counted(self, X: np.ndarray, unknown: np.ndarray) -> list[np.ndarray]:
        made = []
        for place, each in enumerate(self._features):
            values = X[:, place]
            known = values[~np.isnan(values)]
            bins = (
                np.searchsorted(self._edges[place], known, side="right")
                if each.kind == "number"
                else np.minimum(known.astype(np.int64), 20)
            )
            counts = np.bincount(bins, minlength=BINS + 1 if each.kind == "number" else 21)
            gaps = len(values) - len(known) - unknown[place]
            made.append(np.concatenate([counts, [gaps, unknown[place]]]).astype(np.int64))
        return made

    def table(self) -> DataFrame:
        """A row for each feature: feature, column, missing before and now, unknown (shares), psi, said."""
        rows = []
        for place, each in enumerate(self._features):
            psi = _psi(self._learnt[place], self._seen[place]) if self.rows else 0.0
            said = "another one" if psi >= OTHER else "moved" if psi >= MOVED else "alike"
            count = max(self.rows, 1)
            rows.append(
                (each.name, each.column, self._missing[place], self.gaps[place] / count, self.unknown[place] / count,
                 psi, said)
            )  # fmt: skip
        made = DataFrame(rows, columns=["feature", "column", "missing_before", "missing", "unknown", "psi", "said"])
        return made.astype({"feature": "str", "column": "str", "said": "str"})


def _deciles(values: np.ndarray) -> np.ndarray:
    known = values[~np.isnan(values)]
    return np.unique(np.quantile(known, np.linspace(0, 1, BINS + 1)[1:-1])) if len(known) else np.empty(0)


def _psi(before: np.ndarray, now: np.ndarray) -> float:
    p, q = (np.maximum(each / max(each.sum(), 1), _LEAST) for each in (before, now))
    return float(((q - p) * np.log(q / p)).sum())
