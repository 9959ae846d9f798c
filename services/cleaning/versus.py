"""Two versions of a table held against each other: rows added, removed and changed, column by column.

Rows are told apart by a column whose values are all different in both, or nearly: the first row of a
value is held against the first, the second against the second. Where there is none, by their place, if
both have as many rows; else by what they hold, and then no row is a changed one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from services.cleaning.chain import on_disk
from services.duck import quote
from services.errors import DataError, ParamError
from services.schema import Schema
from services.table import ROW_NUMBER, kind_of

Ask = Callable[[str], Sequence[Sequence[Any]]]

BY_PLACE, BY_CONTENT = "~place", "~content"  # no column may begin like this
MOST_COLUMNS = 300  # that are compared cell by cell
EXAMPLES = 20
NEARLY = 0.9  # of the rows have a value of their own


@dataclass(frozen=True, kw_only=True)
class Side:
    """One of the two: its rows on disk, its columns, and its profile."""

    path: Path
    schema: Schema
    rows: int
    profile: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Versus:
    """What differs; `by` is a column, or how rows are told apart otherwise.

    `columns` counts the cells that changed by column, `changed` the rows; without a key that says which row is
    which, both are None.
    """

    by: str
    removed: int
    added: int
    changed: int | None
    columns: Mapping[str, int] | None
    gone: Sequence[str]  # columns that only the first one has
    new: Sequence[str]
    examples: Sequence[tuple[str, str, str | None, str | None]] = ()  # which row, column, before, after


def ways(before: Side, after: Side) -> list[str]:
    """How the rows of the two can be told apart, the best way first."""
    shares = {name: min(_own(name, before), _own(name, after)) for name in before.schema.names}
    # A measured number may be different in every row too: what names things comes first.
    ranks = {"identifier": 0, "integer": 2}
    kinds = before.schema, after.schema
    found = [
        name for name, share in shares.items() if share >= NEARLY and len({side[name].is_text for side in kinds}) == 1
    ]
    found.sort(key=lambda name: (ranks.get(before.schema[name].kind, 1), -shares[name]))
    if before.rows == after.rows:
        found.append(BY_PLACE)
    return [*found, BY_CONTENT]


def _own(name: str, side: Side) -> float:
    """Which share of the rows has a value of its own there; none, where one has no value."""
    if name not in side.schema or not (side.schema[name].is_text or side.schema[name].kind == "integer"):
        return 0.0
    known = next((each for each in side.profile["columns"] if each["name"] == name), None)
    if known is None or not known.get("distinct_is_exact") or not side.rows or known["missing"]:
        return 0.0
    return known["distinct"] / side.rows


def versus(ask: Ask, before: Side, after: Side, by: str | None = None) -> Versus:
    """Hold `after` against `before`, row by row; `by` is one of `ways`, the best one if it is not said.

    Raises
    ------
    ParamError
        Rows cannot be told apart in this way.
    DataError
        There are too many columns, or none that both have.
    """
    possible = ways(before, after)
    by = possible[0] if by is None else by
    if by not in possible:
        raise ParamError("The rows of these two cannot be told apart like this. Choose another way.", field="by")
    shared = [name for name in before.schema.names if name in after.schema and name != by]
    gone = [name for name in before.schema.names if name not in after.schema]
    new = [name for name in after.schema.names if name not in before.schema]
    if len(shared) > MOST_COLUMNS:
        raise DataError(f"These tables share {len(shared):,} columns; at most {MOST_COLUMNS} are compared row by row.")
    if not shared and by == BY_CONTENT:
        raise DataError("These tables have no column in common: there is nothing to compare.")
    pair = _Pair(before, after, by, shared)
    if by == BY_CONTENT:
        removed, added = pair.by_content(ask)
        return Versus(by=by, removed=removed, added=added, changed=None, columns=None, gone=gone, new=new)
    removed, added, changed, cells = pair.counted(ask)
    return Versus(
        by=by, removed=removed, added=added, changed=changed, columns=cells, gone=gone, new=new,
        examples=pair.examples(ask, cells),
    )  # fmt: skip


@dataclass(frozen=True)
class _Pair:
    before: Side
    after: Side
    by: str
    shared: Sequence[str]

    def counted(self, ask: Ask) -> tuple[int, int, int, dict[str, int]]:
        """Rows removed, added and changed, and the cells that changed by column."""
        differs = [self._differs(place, name) for place, name in enumerate(self.shared)]
        both = "lk IS NOT NULL AND rk IS NOT NULL"
        asked = [
            "count(*) FILTER (rk IS NULL)", "count(*) FILTER (lk IS NULL)",
            f"count(*) FILTER ({both} AND ({' OR '.join(differs) or 'false'}))",
            *(f"count(*) FILTER ({both} AND {test})" for test in differs),
        ]  # fmt: skip
        ((removed, added, changed, *cells),) = ask(f"SELECT {', '.join(asked)} FROM ({self._joined(self.shared)})")
        return removed, added, changed, dict(zip(self.shared, cells, strict=True))

    def examples(self, ask: Ask, cells: Mapping[str, int]) -> list[tuple[str, str, str | None, str | None]]:
        """Some cells that changed: which row, column, before and after."""
        found: list[tuple[str, str, str | None, str | None]] = []
        several = [name for name, count in cells.items() if count]
        each = max(1, EXAMPLES // max(1, len(several)))
        for name in several[:EXAMPLES]:
            row = "(lk + 1)::VARCHAR" if self.by == BY_PLACE else "lk::VARCHAR"
            rows = ask(
                f"SELECT {row}, l0::VARCHAR, r0::VARCHAR FROM ({self._joined([name])}) WHERE lk IS NOT NULL "
                f"AND rk IS NOT NULL AND {self._differs(0, name)} LIMIT {each}"
            )
            found += [(row, name, old, new) for row, old, new in rows]
        return found

    def by_content(self, ask: Ask) -> tuple[int, int]:
        """Rows that only the first has, and those that only the second has, each as often as it is there."""
        casts = [(self._cast(name, "l"), self._cast(name, "r")) for name in self.shared]
        parts = []
        for at, (side, alias, mark) in enumerate(((self.before, "l", 1), (self.after, "r", -1))):
            cells = ", ".join(cast[at] for cast in casts)
            parts.append(f"SELECT hash({cells}) AS h, {mark} AS s FROM ({on_disk(side.path)}) {alias}")
        ((removed, added),) = ask(
            "SELECT coalesce(sum(greatest(d, 0)), 0)::BIGINT, coalesce(sum(greatest(-d, 0)), 0)::BIGINT FROM "
            f"(SELECT sum(s) AS d FROM ({' UNION ALL '.join(parts)}) GROUP BY h)"
        )
        return removed, added

    def _joined(self, names: Sequence[str]) -> str:
        """SQL of the rows of both, side by side: lk and rk tell which, l0, r0 and so on are their values."""
        key = ROW_NUMBER if self.by == BY_PLACE else quote(self.by)
        several = self.by != BY_PLACE and min(_own(self.by, self.before), _own(self.by, self.after)) < 1
        sides = []
        for side, mark in ((self.before, "l"), (self.after, "r")):
            values = "".join(f", {quote(name)} AS {mark}{place}" for place, name in enumerate(names))
            time = f", row_number() OVER (PARTITION BY {key} ORDER BY {ROW_NUMBER}) AS {mark}t" if several else ""
            sides.append(f"(SELECT {key} AS {mark}k{time}{values} FROM ({on_disk(side.path)}))")
        join = " POSITIONAL JOIN " if self.by == BY_PLACE else " FULL JOIN "
        on = "" if self.by == BY_PLACE else f" ON lk = rk{' AND lt = rt' if several else ''}"
        return f"SELECT * FROM {sides[0]}{join}{sides[1]}{on}"

    def _differs(self, place: int, name: str) -> str:
        """Whether a cell is another; what a plain cast to another type gives is none."""
        old = f"l{place}"
        if not self._is_alike(name):
            old = f"TRY_CAST(l{place} AS {self.after.schema[name].sql})"
        return f"((l{place} IS NULL) <> (r{place} IS NULL) OR {old} IS DISTINCT FROM r{place})"

    def _cast(self, name: str, alias: str) -> str:
        cell = f"{alias}.{quote(name)}"
        if self.before.schema[name].sql == self.after.schema[name].sql:
            return cell
        return f"{cell}::{'DOUBLE' if self._is_number(name) else 'VARCHAR'}"

    def _is_number(self, name: str) -> bool:
        return self.before.schema[name].is_number and self.after.schema[name].is_number

    def _is_alike(self, name: str) -> bool:
        """Whether the two are compared as they are."""
        one, other = (kind_of(side.schema[name].sql) for side in (self.before, self.after))
        return one == other or self._is_number(name)
