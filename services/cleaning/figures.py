"""A few figures of every column of a table, out of core: each column is read twice at most, some at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from services.duck import literal, quote
from services.schema import ColumnType
from services.table import Columns

AT_ONCE = 50  # columns in one question: each holds its lowest and highest value
LONGEST = 100  # characters of a value that are looked at
COUNTED = 10  # columns whose different values are counted at once: each takes 2 MB before it has counted one
EXACT = 500_000  # different values, of all columns of a question, that are counted one by one
HEAD = 1_000  # rows that examples are of
EXAMPLES = 3

Fetch = Callable[..., Sequence[Sequence[Any]]]


def figures(table: Columns, report: Callable[[int, int], None]) -> list[dict[str, Any]]:
    """Of every column: filled, distinct and whether that is exact, low and high as texts, yes, examples.

    Values that are not finite are no values. More than some hundred thousand different values are told
    approximately. Texts have examples, and the others low and high.
    """
    columns, found = list(table.schema), []
    # Not the table `rows`: a view of two thousand columns takes five times as long to look up as the question.
    source = f"read_parquet({literal(table.path.resolve())})"
    with table.opened() as con:

        def fetch(asked: Sequence[str], most: int = 1) -> Sequence[Sequence[Any]]:
            return con.execute(f"SELECT {', '.join(asked)} FROM {source} LIMIT {most}").fetchall()

        for start in range(0, len(columns), AT_ONCE):
            report(start, len(columns))
            some = columns[start : start + AT_ONCE]
            described = _described(fetch, some)
            _exact(fetch, some, described)
            found += described
    return found


def _described(fetch: Fetch, columns: Sequence[ColumnType]) -> list[dict[str, Any]]:
    asked = []
    for column in columns:
        value = _value(column)
        asked += [f"count({value})", f"approx_count_distinct({value})", f"count(*) FILTER ({_yes(column)})"]
        asked += [f"{end}({_short(column, value)})::VARCHAR" for end in ("min", "max")]
    (row,) = fetch(asked)
    head = fetch([_short(each, _value(each)) for each in columns], HEAD)
    made = []
    for at, column in enumerate(columns):
        filled, distinct, yes, low, high = row[5 * at : 5 * at + 5]
        known = {"filled": filled, "distinct": min(distinct, filled), "distinct_is_exact": False}
        if column.kind == "flag":
            known["yes"] = yes
        elif column.is_text:
            seen = dict.fromkeys(line[at] for line in head if line[at] is not None)
            known["examples"] = list(map(str, list(seen) or dict.fromkeys(filter(None, (low, high)))))[:EXAMPLES]
        else:
            known |= {"low": low, "high": high}
        made.append(known)
    return made


def _exact(fetch: Fetch, columns: Sequence[ColumnType], described: Sequence[dict[str, Any]]) -> None:
    """Count the different values one by one, of as many columns at once as need little memory."""
    for places in _few(described):
        # By their hashes: what a long value takes, its hash does not.
        asked = [
            f"count(DISTINCT CASE WHEN {value} IS NOT NULL THEN hash({value}) END)"
            for value in (_value(columns[at]) for at in places)
        ]
        (row,) = fetch(asked)
        for at, distinct in zip(places, row, strict=True):
            described[at] |= {"distinct": distinct, "distinct_is_exact": True}


def _few(described: Sequence[dict[str, Any]]) -> Iterator[list[int]]:
    places, many = [], 0
    for at, known in enumerate(described):
        if known["distinct"] > EXACT:
            continue
        if places and (len(places) == COUNTED or many + known["distinct"] > EXACT):
            yield places
            places, many = [], 0
        places.append(at)
        many += known["distinct"]
    if places:
        yield places


def _value(column: ColumnType) -> str:
    """SQL of a value: missing where it is not finite."""
    name = quote(column.name)
    can_be_endless = column.sql in {"DOUBLE", "FLOAT", "DATE"} or column.sql.startswith("TIMESTAMP")
    return f"CASE WHEN isfinite({name}) THEN {name} END" if can_be_endless else name


def _short(column: ColumnType, value: str) -> str:
    """SQL of a value, cut where it is long: the lowest of the beginnings is the beginning of the lowest."""
    return f"left({value}, {LONGEST})" if column.sql == "VARCHAR" else value


def _yes(column: ColumnType) -> str:
    return quote(column.name) if column.sql == "BOOLEAN" else "false"
