"""What a filter means: in SQL over columns on disk, and the same over a few rows in memory.

A filter is `{column: wanted}`, all of which hold. `wanted` is a value, or what the grid sends:
`{"type": "contains", "filter": "x"}`, several as `{"operator": "OR", "conditions": [...]}`. To the
grid's own kinds come `{"type": "in", "values": [...]}`, where None means missing, and for the whole
row, under the name EVERY: `{"type": "duplicate"}`, a row that repeats an earlier one, and
`{"type": "search", "filter": "text"}`, which any column contains. A filter of "filterType" date
compares days, whatever time of day a column holds.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import operator
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from services.duck import quote
from services.errors import DataError

EVERY = "*"  # stands for all columns: no column's name is checked against it before theirs are
MOST_VALUES = 1_000  # of a list

_COMPARE = {
    "equals": "=", "notEqual": "<>", "lessThan": "<", "lessThanOrEqual": "<=",
    "greaterThan": ">", "greaterThanOrEqual": ">=",
}  # fmt: skip
_COMPARED: dict[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq, "<>": operator.ne, "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge,
}  # fmt: skip
_BLANK = {"blank": "IS NULL", "notBlank": "IS NOT NULL"}
_PARTS = ("contains", "notContains", "startsWith", "endsWith")
_KINDS = {*_COMPARE, *_BLANK, *_PARTS, "inRange"}

Row = Mapping[str, Any]


def both(one: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    """The filter of rows that match `one` and `other`."""
    joined = {**one, **other}
    for name in {*one} & {*other}:
        if one[name] != other[name]:
            joined[name] = {"operator": "AND", "conditions": [_as_rule(one[name]), _as_rule(other[name])]}
    return joined


def _as_rule(wanted: Any) -> Any:
    return wanted if isinstance(wanted, Mapping) else {"type": "equals", "filter": wanted}


def conditions(columns: Sequence[str], where: Mapping[str, Any]) -> tuple[str, list[Any]]:
    """The WHERE text for `where` over the table FILE, which has `columns`; and its bound values."""
    parts, values = ["true"], []
    for name, wanted in where.items():
        if name not in columns and name != EVERY:
            raise DataError(f"There is no column “{name}” to filter by.")
        text, bound = _condition(quote(name), wanted) if name in columns else _of_rows(columns, wanted)
        parts.append(text)
        values += bound
    return " AND ".join(parts), values


def _of_rows(columns: Sequence[str], wanted: Any) -> tuple[str, list[Any]]:
    """The same of a filter that looks at whole rows."""
    if several := _several(wanted):
        return _joined(wanted, [_of_rows(columns, each) for each in several])
    kind = _row_kind(wanted)
    if kind == "duplicate":
        listed = ", ".join(map(quote, columns))
        # By hash first: only rows that may be among others are held to tell them apart.
        twice = f"SELECT hash({listed}) FROM FILE GROUP BY hash({listed}) HAVING count(*) > 1"
        first = f"SELECT min(file_row_number) FROM FILE WHERE hash({listed}) IN ({twice}) GROUP BY {listed}"
        return f"(hash({listed}) IN ({twice}) AND file_row_number NOT IN ({first}))", []
    texts = [f"contains(lower({quote(name)}::VARCHAR), lower(?))" for name in columns]
    return f"coalesce({' OR '.join(texts)}, false)", [str(wanted.get("filter", ""))] * len(columns)


def _row_kind(wanted: Any) -> str:
    kind = wanted.get("type") if isinstance(wanted, Mapping) else wanted
    if kind not in ("duplicate", "search"):
        raise DataError(f"“{kind}” is not a filter this grid knows.")
    return kind


def _condition(column: str, wanted: Any) -> tuple[str, list[Any]]:
    if not isinstance(wanted, Mapping):
        return f"{column} = ?", [wanted]
    if several := _several(wanted):
        return _joined(wanted, [_condition(column, each) for each in several])
    if wanted.get("type") == "in":
        present = [value for value in _values(wanted) if value is not None]
        missing = [f"{column} IS NULL"] * (len(present) < len(_values(wanted)))
        listed = [f"{column} IN ({', '.join('?' * len(present))})"] if present else []
        return f"({' OR '.join([*listed, *missing]) or 'false'})", present
    kind, given, last = _said(wanted)
    if kind in _BLANK:
        return f"{column} {_BLANK[kind]}", []
    if kind in _PARTS:
        how = {"startsWith": "starts_with", "endsWith": "ends_with"}.get(kind, "contains")
        negate = "NOT " if kind == "notContains" else ""
        return f"{negate}{how}(lower({column}::VARCHAR), lower(?))", [str(given)]
    if _is_day(wanted):
        column, given, last = f"{column}::DATE", _day(given), _day(last)
    if kind == "inRange":
        return f"{column} BETWEEN ? AND ?", [given, last]
    return f"{column} {_COMPARE[kind]} ?", [given]


def _joined(wanted: Mapping[str, Any], parts: Sequence[tuple[str, list[Any]]]) -> tuple[str, list[Any]]:
    texts, bound = zip(*parts, strict=True)
    joint = " OR " if wanted.get("operator") == "OR" else " AND "
    return f"({joint.join(texts)})", [value for values in bound for value in values]


def _several(wanted: Any) -> Sequence[Any]:
    """The conditions of a filter that joins some."""
    listed = wanted.get("conditions") if isinstance(wanted, Mapping) else None
    return listed if isinstance(listed, list) else ()


def _values(wanted: Mapping[str, Any]) -> list[Any]:
    listed = wanted.get("values")
    if not isinstance(listed, list) or any(isinstance(each, list | Mapping) for each in listed):
        raise DataError("A filter by a list needs values to look for.")
    if len(listed) > MOST_VALUES:
        raise DataError(f"A filter by a list takes at most {MOST_VALUES:,} values.")
    return listed


def _said(wanted: Mapping[str, Any]) -> tuple[str, Any, Any]:
    """The kind of a filter, its value, and the end of its range."""
    kind = wanted.get("type")
    if not isinstance(kind, str) or kind not in _KINDS:
        raise DataError(f"“{kind}” is not a filter this grid knows.")
    return kind, wanted.get("filter", wanted.get("dateFrom")), wanted.get("filterTo", wanted.get("dateTo"))


def _is_day(wanted: Mapping[str, Any]) -> bool:
    return wanted.get("filterType") == "date"


def _day(value: Any) -> Any:
    return value[:10] if isinstance(value, str) else value


def matching(rows: Sequence[Row], where: Mapping[str, Any]) -> list[Row]:
    """Those of a few `rows` in memory that match `where`, in their order."""
    for name in where:
        if rows and name not in rows[0] and name != EVERY:
            raise DataError(f"There is no column “{name}” to filter by.")
    try:
        found = list(zip(rows, _repeats(rows), strict=True))
        for name, wanted in where.items():
            if rows and name not in rows[0]:
                found = [each for each in found if _row_matches(*each, wanted)]
            else:
                found = [each for each in found if _matches(each[0][name], wanted)]
    except TypeError:
        raise DataError("A column cannot be compared with a value of another kind.") from None
    return [row for row, _ in found]


def _repeats(rows: Sequence[Row]) -> Iterator[bool]:
    """Of each row, whether it repeats an earlier one."""
    seen: set[tuple[Any, ...]] = set()
    for row in rows:
        cells = tuple(row.values())
        yield cells in seen
        seen.add(cells)


def _row_matches(row: Row, repeats: bool, wanted: Any) -> bool:
    if several := _several(wanted):
        join = any if wanted.get("operator") == "OR" else all
        return join(_row_matches(row, repeats, each) for each in several)
    if _row_kind(wanted) == "duplicate":
        return repeats
    part = str(wanted.get("filter", "")).lower()
    return any(part in _text(value) for value in row.values() if value is not None)


def _text(value: Any) -> str:
    return str(value).lower()


def _as_number(value: Any, given: Any) -> Any:
    """What is compared with a number: a long one comes back as the text it was told as."""
    if isinstance(value, int | float) and isinstance(given, str):
        with contextlib.suppress(ValueError):
            return int(given)
    return given


def _matches(value: Any, wanted: Any) -> bool:
    if not isinstance(wanted, Mapping):
        return value == _as_number(value, wanted)
    if several := _several(wanted):
        return (any if wanted.get("operator") == "OR" else all)(_matches(value, each) for each in several)
    if wanted.get("type") == "in":
        return any(value is None if each is None else value == _as_number(value, each) for each in _values(wanted))
    kind, given, last = _said(wanted)
    if kind in _BLANK:
        return (value is None) == (kind == "blank")
    if value is None:
        return False
    if kind in _PARTS:
        text, part = _text(value), _text(given)
        found = {"startsWith": text.startswith, "endsWith": text.endswith}.get(kind, text.__contains__)(part)
        return found != (kind == "notContains")
    if _is_day(wanted):
        value = value.isoformat() if isinstance(value, dt.date) else value
        value, given, last = _day(value), _day(given), _day(last)
    given, last = _as_number(value, given), _as_number(value, last)
    if kind == "inRange":
        return given <= value <= last
    return _COMPARED[_COMPARE[kind]](value, given)
