"""What only rows and columns together show: repeated rows, their order, equal columns, cells missing together."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from services.duck import literal, quote
from services.profiling.columns import value_of
from services.schema import Schema
from services.table import Columns, Session

MOST_PATTERNS = 8
MOST_TOGETHER = 60  # columns: each is a bit of a number
_AT_ONCE = 40  # columns that one question asks about

_WIDTHS = {
    "BOOLEAN": 1, "TINYINT": 1, "UTINYINT": 1, "SMALLINT": 2, "USMALLINT": 2, "INTEGER": 4, "UINTEGER": 4, "FLOAT": 4,
    "DATE": 4,
}  # fmt: skip


def in_order(session: Session, schema: Schema) -> dict[str, dict[str, Any]]:
    """The columns of whole numbers and dates without a gap that go only up or only down, row by row."""
    found = {}
    names = [column.name for column in schema if column.kind == "integer" or column.is_date]
    for start in range(0, len(names), _AT_ONCE):
        some = names[start : start + _AT_ONCE]
        asked = ", ".join(
            f"count(*) FILTER (v{at} IS NULL), count(*) FILTER (v{at} > b{at}), count(*) FILTER (v{at} < b{at}), "
            f"count(*) FILTER (v{at} = b{at})"
            for at in range(len(some))
        )
        before = ", ".join(f"v{at}, lag(v{at}) OVER () AS b{at}" for at in range(len(some)))
        values = ", ".join(f"{quote(name)} AS v{at}" for at, name in enumerate(some))
        counts = session.fetch(f"SELECT {asked} FROM (SELECT {before} FROM (SELECT {values} FROM rows))")[0]
        for at, name in enumerate(some):
            missing, up, down, same = counts[4 * at : 4 * at + 4]
            if not missing and (up or down) and not (up and down):
                found[name] = {"goes": "up" if up else "down", "strictly": not same}
    return found


def sizes(session: Session, table: Columns) -> list[int]:
    """The bytes that each column takes on disk."""
    source = f"parquet_metadata({literal(table.path.resolve())})"
    found = session.fetch(f"SELECT column_id, sum(total_compressed_size) FROM {source} GROUP BY 1")
    by_place = {place: int(size or 0) for place, size in found}
    return [by_place.get(place, 0) for place in range(len(table.schema))]


def held(column: Mapping[str, Any], sql: str, rows: int) -> int:
    """The bytes that a column takes in memory: texts of few different values as codes, others as their characters."""
    used = column.get("characters")
    if used is None:
        return rows * (16 if sql.startswith("DECIMAL") and not _fits_eight(sql) else _WIDTHS.get(sql, 8))
    if column["type"] == "category":
        code = 1 if column["distinct"] < 128 else 2
        return code * rows + int(column["distinct"] * (4 + used / max(column["count"], 1)))
    return 4 * rows + used


def _fits_eight(sql: str) -> bool:
    return int(sql.removeprefix("DECIMAL(").partition(",")[0]) <= 18


def duplicates(session: Session, schema: Schema, columns: Sequence[Mapping[str, Any]], rows: int) -> tuple[int, int]:
    """How many rows repeat an earlier one, and how many cells in those hold nothing."""
    if any(column["distinct"] == rows and column["distinct_is_exact"] for column in columns):
        return 0, 0
    empty = " + ".join(_holds_nothing(column) for column in columns)
    found = session.fetch(
        "WITH twice AS (SELECT hash({all}) AS h FROM rows GROUP BY 1 HAVING count(*) > 1) "
        "SELECT coalesce(sum(n - 1), 0)::BIGINT, coalesce(sum((n - 1) * empty), 0)::BIGINT FROM "
        f"(SELECT count(*) AS n, {empty} AS empty FROM rows WHERE hash({{all}}) IN (SELECT h FROM twice) "
        "GROUP BY {all})",
        all=schema.names,
    )
    return found[0]


def _holds_nothing(column: Mapping[str, Any]) -> str:
    name = quote(column["name"])
    stand = [value for value, _ in column.get("placeholders") or ()]
    listed = ", ".join(literal(value) if isinstance(value, str) else str(value) for value in stand)
    return f"(coalesce({name} IN ({listed}), true))::INT" if stand else f"({name} IS NULL)::INT"


def together(session: Session, schema: Schema, columns: Sequence[Mapping[str, Any]], rows: int) -> dict[str, Any]:
    """Which columns are missing in the same rows: the commonest patterns, and in how many rows each is."""
    lacking = [column["name"] for column in columns if column["missing"]]
    chosen, left_out = lacking[:MOST_TOGETHER], lacking[MOST_TOGETHER:]
    if len(lacking) < 2:
        return {"columns": chosen, "patterns": [], "other": 0, "complete": rows, "left_out": []}
    bits = " + ".join(
        f"CASE WHEN ({value_of(schema[name]).replace('{x}', quote(name))}) IS NULL THEN {1 << at} ELSE 0 END"
        for at, name in enumerate(chosen)
    )
    found = session.fetch(
        f"SELECT bits, n, sum(n) OVER () FROM (SELECT ({bits})::BIGINT AS bits, count(*) AS n FROM rows GROUP BY 1) "
        f"WHERE bits > 0 ORDER BY n DESC, bits LIMIT {MOST_PATTERNS}"
    )
    patterns = [
        {"columns": [name for at, name in enumerate(chosen) if bits >> at & 1], "rows": number}
        for bits, number, _ in found
    ]
    touched = int(found[0][2]) if found else 0
    return {
        "columns": chosen,
        "patterns": patterns,
        "other": touched - sum(each["rows"] for each in patterns),
        "complete": rows - touched,
        "left_out": left_out,
    }


def twins(session: Session, columns: Sequence[Mapping[str, Any]]) -> list[list[str]]:
    """Columns that are equal in every row, by their figures first: only those that agree in all are compared."""
    alike = defaultdict(list)
    for column in columns:
        if column["count"] and column["distinct"] > 1:
            said = [column.get(name) for name in ("count", "distinct", "min", "max", "sum", "q1", "top", "shortest")]
            alike[str((column["type"] in {"text", "category", "identifier"}, *said))].append(column["name"])
    found: list[list[str]] = []
    for names in alike.values():
        if len(names) < 2:
            continue
        pairs = list(pairwise(names))
        asked = ", ".join(f"count(*) FILTER ({quote(a)} IS DISTINCT FROM {quote(b)})" for a, b in pairs)
        same = [names[:1]]
        for (_, name), differ in zip(pairs, session.fetch(f"SELECT {asked} FROM rows")[0], strict=True):
            if differ:
                same.append([name])
            else:
                same[-1].append(name)
        found += [group for group in same if len(group) > 1]
    return found
