"""Filters as people say them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from layouts import words
from services.explore.filters import EVERY

_SAID = {
    "equals": "is {0}", "notEqual": "is not {0}", "lessThan": "below {0}", "lessThanOrEqual": "at most {0}",
    "greaterThan": "above {0}", "greaterThanOrEqual": "at least {0}", "contains": "contains {0}",
    "notContains": "does not contain {0}", "startsWith": "starts with {0}", "endsWith": "ends with {0}",
    "blank": "is missing", "notBlank": "is not missing", "inRange": "from {0} to {1}",
}  # fmt: skip
_DATED = {"lessThan": "before {0}", "greaterThan": "after {0}"}
_NAMED = 3  # values of a list that are named


def said(column: str, wanted: Any) -> str:
    """One filter in words: “amount above 10”."""
    if column == EVERY:
        return _of_rows(wanted)
    return f"{column} {_rule(wanted)}"


def _of_rows(wanted: Any) -> str:
    if isinstance(wanted, Mapping) and isinstance(wanted.get("conditions"), list):
        joint = " or " if wanted.get("operator") == "OR" else " and "
        return joint.join(_of_rows(each) for each in wanted["conditions"])
    if isinstance(wanted, Mapping) and wanted.get("type") == "search":
        return f"any column contains {wanted.get('filter', '')}"
    return "rows that repeat an earlier one"


def _rule(wanted: Any) -> str:
    if not isinstance(wanted, Mapping):
        return f"is {_value(wanted)}"
    if isinstance(wanted.get("conditions"), list):
        joint = " or " if wanted.get("operator") == "OR" else " and "
        return joint.join(_rule(each) for each in wanted["conditions"])
    kind = str(wanted.get("type"))
    if kind == "in":
        values = [_value(each) for each in wanted.get("values") or []]
        more = f" or {words.plural(len(values) - _NAMED, 'other')}" if len(values) > _NAMED else ""
        return f"is {', '.join(values[:_NAMED])}{more}"
    is_date = wanted.get("filterType") == "date"
    given = wanted.get("filter", wanted.get("dateFrom"))
    last = wanted.get("filterTo", wanted.get("dateTo"))
    text = (_DATED if is_date else {}).get(kind) or _SAID.get(kind, "{0}")
    return text.format(*(_value(each, is_date) for each in (given, last)))


def _value(value: Any, is_date: bool = False) -> str:
    if value is None:
        return "missing"
    if isinstance(value, bool):
        return "yes" if value else "no"
    text = str(value)[:10] if is_date else f"{value:.12g}" if isinstance(value, float) else str(value)
    return text if len(text) <= 40 else f"{text[:39]}…"
