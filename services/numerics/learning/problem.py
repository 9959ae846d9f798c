"""What is learnt from: a target and features as one lean matrix, with what was left out and why."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from services.duck import quote
from services.errors import DataError, ParamError
from services.numerics.learning.columns import Feature, codes_of, features_of, read, seconds_of, values_of
from services.schema import ColumnType
from services.table import Sample, Session, Table

Task = Literal["classification", "regression"]

FEWEST_ROWS = 10
MOST_CLASSES = 100


@dataclass(frozen=True, kw_only=True)
class Problem:
    """A target and its features.

    X is float32 (rows, features), NaN where a value is missing, a category by its code. y holds int32 codes
    into `classes` (labels as text, in sorted order), or float64 values. `rows` are places in the table, 0-based.
    """

    task: Task
    target: str
    features: tuple[Feature, ...]
    X: np.ndarray
    y: np.ndarray
    classes: tuple[str, ...]
    rows: np.ndarray
    weight: np.ndarray | None = None
    group: np.ndarray | None = None
    time: np.ndarray | None = None
    time_column: ColumnType | None = None
    left_out: tuple[tuple[str, str], ...] = ()
    notes: tuple[str, ...] = ()


def load(
    table: Table,
    task: Task,
    target: str,
    *,
    features: Sequence[str] = (),
    weight: str | None = None,
    group: str | None = None,
    time: str | None = None,
    sample_rows: int | None = None,
    seed: int = 0,
) -> Problem:
    """Read what is to be learnt from `table`, column by column.

    Without `features`, every column that can help is one. Rows without a target, or without a weight above zero,
    are left out and counted.

    Raises
    ------
    DataError
        Nothing can be learnt: too few rows, one class or too many, a constant target, no feature.
    ParamError
        A column cannot be what it was chosen for.
    """
    if target in features:
        raise ParamError("Predict it from: the target cannot be one of its own features.", field="features")
    notes: list[str] = []
    with table.session() as session:
        rows = _rows(session, table, task, target, weight, sample_rows, seed, notes)
        y, classes = _target(session, table.schema[target], task, rows)
        made: list[tuple[Feature, np.ndarray]] = []
        left_out: list[tuple[str, str]] = []
        apart = {target, weight}
        wanted = [each for each in table.schema if each.name not in apart and (not features or each.name in features)]
        for column, values in read(session, wanted, rows):
            for each in features_of(session, column, values, rows, chosen=bool(features)):
                if isinstance(each, str):
                    left_out.append((column.name, each))
                else:
                    made.append(each)
        if not made:
            raise DataError("No column is left to predict it from. Choose others, or another target.")
        X = np.empty((len(rows), len(made)), dtype=np.float32)
        infinite = 0
        for place, (_, values) in enumerate(made):
            infinite += int(np.isinf(values).sum())
            X[:, place] = np.where(np.isfinite(values), values, np.nan)
        if infinite:
            notes.append(f"{infinite:,} infinite values are missing values here. No model can learn from them.")
        return Problem(
            task=task, target=target, features=tuple(feature for feature, _ in made), X=X, y=y, classes=classes,
            rows=rows, left_out=tuple(left_out), notes=tuple(notes),
            weight=None if weight is None else values_of(session, quote(weight), rows),
            group=None if group is None else codes_of(session, group, rows)[0],
            time=None if time is None else values_of(session, seconds_of(table.schema[time]), rows),
            time_column=None if time is None else table.schema[time],
        )  # fmt: skip


def _rows(
    session: Session,
    table: Table,
    task: Task,
    target: str,
    weight: str | None,
    sample_rows: int | None,
    seed: int,
    notes: list[str],
) -> np.ndarray:
    """The places of the rows that count, in the table's order; a sample keeps the share of each class."""
    known = is_known(table.schema[target])
    test = known + (f" AND {quote(weight)} > 0" if weight else "")
    source = f"SELECT row_number() OVER () - 1 AS place, {known} AS known, {test} AS kept FROM rows"
    found = session.arrays(f"SELECT place, known FROM ({source}) WHERE kept ORDER BY place")
    places = np.asarray(found["place"], dtype=np.int64)
    ((unknown, light),) = session.fetch(
        f"SELECT count(*) FILTER (NOT known), count(*) FILTER (known AND NOT coalesce(kept, false)) FROM ({source})"
    )
    if unknown:
        notes.append(f"{_rows_have(unknown)} no {target}. They are left out: there is nothing to learn from them.")
    if light:
        notes.append(f"{_rows_have(light)} no weight above zero. They are left out.")
    if len(places) < FEWEST_ROWS:
        raise DataError(
            f"{_rows_have(len(places))} a {target}; at least {FEWEST_ROWS} are needed to learn and to test. Add rows."
        )
    if sample_rows is not None and sample_rows < len(places):
        by = target if task == "classification" else None
        chosen = _drawn(session, places, Sample(sample_rows, seed, by), table.schema[target])
        notes.append(f"{len(chosen):,} of {len(places):,} rows are used. They were drawn with seed {seed}.")
        return chosen
    return places


def _rows_have(count: int) -> str:
    return f"{count:,} {'row has' if count == 1 else 'rows have'}"


def is_known(column: ColumnType) -> str:
    """The test in SQL that a target has a value to learn from."""
    name = quote(column.name)
    return f"({name} IS NOT NULL AND isfinite({name}::DOUBLE))" if column.is_number else f"({name} IS NOT NULL)"


def _drawn(session: Session, places: np.ndarray, sample: Sample, column: ColumnType) -> np.ndarray:
    random = np.random.default_rng(sample.seed)
    if sample.by is None:
        return np.sort(random.choice(places, sample.rows, replace=False))
    codes, _ = codes_of(session, column.name, places)
    share = sample.rows / len(places)
    kept = []
    for code in np.unique(codes):
        mine = places[codes == code]
        kept.append(random.choice(mine, max(min(2, len(mine)), round(len(mine) * share)), replace=False))
    return np.sort(np.concatenate(kept))


def _target(session: Session, column: ColumnType, task: Task, rows: np.ndarray) -> tuple[np.ndarray, tuple[str, ...]]:
    if task == "regression":
        if not column.is_number:
            raise ParamError(f"Target: {column.name} is no number. Choose a number, or classify it.", field="target")
        y = values_of(session, quote(column.name), rows)
        if y.min() == y.max():
            raise DataError(f"{column.name} has one value in every row: there is nothing to predict.")
        return y, ()
    codes, levels = codes_of(session, column.name, rows, most=MOST_CLASSES)
    if len(levels) > MOST_CLASSES:
        advice = "Predict it as a number instead." if column.is_number else "Group rare values first."
        raise DataError(f"{column.name} has more than {MOST_CLASSES} classes. {advice}")
    if len(levels) < 2:
        raise DataError(f"{column.name} has one class only: there is nothing to tell apart.")
    order = sorted(range(len(levels)), key=lambda place: _sorted(levels[place]))
    places = np.empty(len(levels), dtype=np.int32)
    places[order] = np.arange(len(levels), dtype=np.int32)
    told = {"false": "no", "true": "yes"} if column.kind == "flag" else {}
    return places[codes], tuple(told.get(levels[place], levels[place]) for place in order)


def _sorted(label: str) -> tuple[int, float, str]:
    try:
        return 0, float(label), label
    except ValueError:
        return 1, 0.0, label
