"""How the values of a column lie before and after a recipe: a few bars of each."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from services.cleaning.chain import Chain
from services.duck import quote
from services.schema import ColumnType, Schema

BINS = 10
TOP = 8
_BEGAN = dt.datetime(1970, 1, 1)


@dataclass(frozen=True, kw_only=True)
class Shape:
    """Rows by what a column holds, before and after: (label, before, after); None where it is not there then."""

    column: str
    bars: Sequence[tuple[str, int | None, int | None]]


def shape(chain: Chain, before: Schema, column: str) -> Shape:
    """The values of `column` in the table that `chain` began with and as it is now.

    Numbers and dates are counted in bins of one width, other values one by one, the most frequent first.
    """
    sides = [side for side, schema in (("step_0", before), ("rows", chain.schema)) if column in schema]
    kinds = [schema[column] for schema in (before, chain.schema) if column in schema]
    counted = _binned if all(kind.is_number for kind in kinds) or all(kind.is_date for kind in kinds) else _listed
    found = counted(chain, column, sides, kinds)
    bars = [(label, _of(counts, sides, "step_0"), _of(counts, sides, "rows")) for label, counts in found]
    return Shape(column=column, bars=bars)


def _of(counts: dict[str, int], sides: list[str], side: str) -> int | None:
    return counts.get(side, 0) if side in sides else None


def _binned(chain: Chain, column: str, sides: list[str], kinds: list[ColumnType]) -> list[tuple[str, dict[str, int]]]:
    value = f"{quote(column)}::DOUBLE" if kinds[0].is_number else f"epoch({quote(column)}::TIMESTAMP)"
    union = " UNION ALL ".join(
        f"SELECT '{side}' AS side, CASE WHEN isfinite({value}) THEN {value} END AS v FROM {side}" for side in sides
    )
    ((low, high),) = chain.fetch(f"SELECT min(v), max(v) FROM ({union})")
    missing = dict(chain.fetch(f"SELECT side, count(*) FROM ({union}) WHERE v IS NULL GROUP BY 1"))
    bars: list[tuple[str, dict[str, int]]] = []
    if low is not None:
        width = (high - low) / BINS
        place = f"least(floor((v - {low!r}) / {width!r}), {BINS - 1})::INTEGER" if width else "0"
        found: dict[int, dict[str, int]] = {}
        for side, at, count in chain.fetch(
            f"SELECT side, {place} AS at, count(*) FROM ({union}) WHERE v IS NOT NULL GROUP BY 1, 2"
        ):
            found.setdefault(at, {})[side] = count
        for at in range(BINS if width else 1):
            edges = low + at * width, low + (at + 1) * width
            bars.append((_range(*edges, is_date=kinds[0].is_date), found.get(at, {})))
    return [*bars, *([("missing", missing)] if missing else [])]


def _range(low: float, high: float, *, is_date: bool) -> str:
    if is_date:
        one, other = ((_BEGAN + dt.timedelta(seconds=at)).date().isoformat() for at in (low, high))
        return one if one == other else f"{one} to {other}"
    return _number(low) if low == high else f"{_number(low)} to {_number(high)}"


def _number(value: float) -> str:
    text = f"{value:,.0f}" if abs(value) >= 1_000 or value == int(value) else f"{value:,.3g}"
    return text.replace("-", "−")


def _listed(chain: Chain, column: str, sides: list[str], _: list[ColumnType]) -> list[tuple[str, dict[str, int]]]:
    union = " UNION ALL ".join(f"SELECT '{side}' AS side, {quote(column)}::VARCHAR AS v FROM {side}" for side in sides)
    each = "".join(f", count(*) FILTER (side = '{side}') AS {side}" for side in sides)
    most = ", ".join(sides)
    greatest = f"greatest({most})" if len(sides) > 1 else most
    rows: Sequence[Sequence[Any]] = chain.fetch(
        f"SELECT v{each} FROM ({union}) WHERE v IS NOT NULL GROUP BY v ORDER BY {greatest} DESC, v LIMIT {TOP}"
    )
    bars = [(str(value), dict(zip(sides, counts, strict=True))) for value, *counts in rows]
    totals = chain.fetch(f"SELECT side, count(*), count(v) FROM ({union}) GROUP BY side")
    shown = {side: sum(counts[side] for _, counts in bars) for side in sides}
    others = {side: filled - shown[side] for side, _, filled in totals}
    missing = {side: rows - filled for side, rows, filled in totals}
    bars += [("others", others)] if any(others.values()) else []
    return bars + ([("missing", missing)] if any(missing.values()) else [])
