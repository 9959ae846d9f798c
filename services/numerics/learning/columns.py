"""Columns of a table as features: numbers as they are, dates in parts, texts as codes; what cannot help, and why."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from services.duck import quote
from services.roles import words
from services.schema import ColumnType
from services.table import Session

MOST_LEVELS = 10_000  # different values of a text that are told apart; more are an identifier or free text
_LOT = 48  # columns that are asked for at once
_WORDY = 40  # characters that the values of a free text have on average, or more
_OWN = 0.95  # share of the rows with a value of their own: an identifier
DAYS = "days"  # since 1970, with what is left of them
_PARTS = {"year": "year", "month": "month", "weekday": "isodow", "hour": "hour"}


@dataclass(frozen=True, kw_only=True)
class Feature:
    """A column of the matrix: what people read, the table's column it is made of, and what it holds.

    `levels` are the values that the codes 0, 1, 2... of a category stand for, the most frequent first.
    """

    name: str
    column: str
    kind: Literal["number", "category"]
    levels: tuple[str, ...] = ()
    part: str = ""  # of a date: days, year, month, weekday, hour


def read(
    session: Session, columns: Sequence[ColumnType], rows: np.ndarray
) -> Iterator[tuple[ColumnType, np.ndarray | None]]:
    """Each column, with its values where it is a number or a flag: those are asked for by the dozen."""
    for start in range(0, len(columns), _LOT):
        lot = columns[start : start + _LOT]
        plain = [each for each in lot if each.is_number or each.kind == "flag"]
        found = {}
        if plain:
            asked = ", ".join(f"{quote(each.name)}::DOUBLE AS v{place}" for place, each in enumerate(plain))
            arrays = session.arrays(f"SELECT {asked} FROM rows")
            for place, each in enumerate(plain):
                found[each.name] = _filled(arrays.pop(f"v{place}"))[rows]
        for each in lot:
            yield each, found.pop(each.name, None)


def features_of(
    session: Session, column: ColumnType, values: np.ndarray | None, rows: np.ndarray, *, chosen: bool
) -> Iterator[tuple[Feature, np.ndarray] | str]:
    """The features that a column makes, or why it makes none."""
    name = column.name
    if values is not None:
        if (why := _useless(values)) is not None:
            yield why
        elif column.kind == "integer" and not chosen and _counts(name, values):
            yield "it numbers the rows"
        else:
            yield Feature(name=name, column=name, kind="number"), values
    elif column.is_date:
        elapsed = values_of(session, _part_of(column, DAYS), rows)
        if (why := _useless(elapsed)) is not None:
            yield why
            return
        yield Feature(name=f"{name} ({DAYS})", column=name, kind="number", part=DAYS), elapsed
        for part in _PARTS:
            values = values_of(session, _part_of(column, part), rows)
            if _useless(values) is None and (part != "hour" or column.kind == "datetime"):
                yield Feature(name=f"{name} ({part})", column=name, kind="number", part=part), values
    else:
        yield from _texts(session, column, rows)


def _texts(session: Session, column: ColumnType, rows: np.ndarray) -> Iterator[tuple[Feature, np.ndarray] | str]:
    name = column.name
    codes, levels = codes_of(session, name, rows, most=MOST_LEVELS)
    filled = int((codes >= 0).sum())
    if not filled:
        yield "it is empty"
    elif len(levels) == 1 and filled == len(rows):
        yield "it has one value"
    elif len(levels) > MOST_LEVELS or (len(levels) > _OWN * filled and filled > 20):
        ((length,),) = session.fetch(f"SELECT avg(length({quote(name)})) FROM rows")
        yield "it is free text" if length and length >= _WORDY else "it names rows: nearly every value is its own"
    else:
        values = codes.astype(np.float32)
        values[codes < 0] = np.nan
        yield Feature(name=name, column=name, kind="category", levels=tuple(levels)), values


def _useless(values: np.ndarray) -> str | None:
    known = values[np.isfinite(values)]
    if not len(known):
        return "it is empty"
    if known.min() == known.max() and len(known) == len(values):
        return "it has one value"
    return None


_NAMES = frozenset({"id", "no", "nr", "key", "index", "row", "number"})


def _counts(name: str, values: np.ndarray) -> bool:
    """Whether a column of whole numbers only numbers the rows: all different, one after another, or called so."""
    known = values[np.isfinite(values)]
    if len(known) < len(values) or len(np.unique(known)) < len(known):
        return False
    steps = np.diff(known)
    return bool((steps == 1).all() or _NAMES & set(words(name)))


def seconds_of(column: ColumnType) -> str:
    name = quote(column.name)
    return f"epoch({name}::TIMESTAMP)" if column.is_date else f"{name}::DOUBLE"


def _part_of(column: ColumnType, part: str) -> str:
    return f"{seconds_of(column)} / 86400" if part == DAYS else f"{_PARTS[part]}({quote(column.name)})::DOUBLE"


def sql_of(feature: Feature, column: ColumnType) -> str:
    """The feature as DuckDB reads it of a table with such a column: a number, or a category's text."""
    if feature.part:
        return _part_of(column, feature.part)
    return f"{quote(column.name)}::{'DOUBLE' if feature.kind == 'number' else 'VARCHAR'}"


def values_of(session: Session, sql: str, rows: np.ndarray) -> np.ndarray:
    """A column as float64, NaN where it is missing, of the rows that count."""
    return _filled(session.arrays(f"SELECT ({sql})::DOUBLE AS v FROM rows")["v"])[rows]


def _filled(values: np.ndarray) -> np.ndarray:
    return np.ma.filled(np.ma.asarray(values, dtype=np.float64), np.nan)


def codes_of(session: Session, name: str, rows: np.ndarray, most: int | None = None) -> tuple[np.ndarray, list[str]]:
    """A column as int32 codes of its values as text, the most frequent first, −1 where it is missing.

    With `most`, one value more than that is told at most, and codes are of no use then.
    """
    column = quote(name)
    limit = "" if most is None else f" LIMIT {most + 1}"
    counted = session.fetch(
        f"SELECT {column}::VARCHAR AS v, count(*) AS n FROM rows WHERE {column} IS NOT NULL "
        f"GROUP BY 1 ORDER BY n DESC, v{limit}"
    )
    levels = [value for value, _ in counted]
    if most is not None and len(levels) > most:
        return np.zeros(len(rows), dtype=np.int32), levels
    session.fetch(
        "CREATE OR REPLACE TEMP TABLE levels AS SELECT unnest($levels::VARCHAR[]) AS v, "
        "unnest(range(len($levels::VARCHAR[]))) AS code", levels=levels,
    )  # fmt: skip
    asked = (
        "SELECT coalesce(l.code, -1)::INTEGER AS code FROM (SELECT row_number() OVER () AS place, "
        f"{column}::VARCHAR AS v FROM rows) r LEFT JOIN levels l ON r.v = l.v ORDER BY place"
    )
    codes = np.asarray(session.arrays(asked)["code"], dtype=np.int32)[rows]
    # Only values that these rows have are levels: a sample, or a row without a target, may lack some.
    there = np.bincount(codes[codes >= 0], minlength=len(levels)) > 0
    if not there.all():
        renumbered = np.where(there, np.cumsum(there) - 1, -1).astype(np.int32)
        codes = np.where(codes >= 0, renumbered[codes], -1).astype(np.int32)
        levels = [level for level, is_there in zip(levels, there, strict=True) if is_there]
    return codes, levels
