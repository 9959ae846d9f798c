"""Conditions of rows in a recipe: as SQL without bound values, and the same as pandas.

They are the filters of the grid (`services.explore.filters`), so what was filtered there becomes a step.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from services.cleaning.step import sql
from services.errors import DataError
from services.explore.filters import EVERY, conditions
from services.schema import ColumnType, Schema

_COMPARE = {
    "equals": "==", "notEqual": "!=", "lessThan": "<", "lessThanOrEqual": "<=", "greaterThan": ">",
    "greaterThanOrEqual": ">=",
}  # fmt: skip


def as_sql(schema: Schema, where: Mapping[str, Any]) -> str:
    """The WHERE text over the table `rows`."""
    _check(schema, where)
    text, values = conditions(schema.names, where)
    return _filled(text, values)


def _filled(text: str, values: list[Any]) -> str:
    """`text` with each ? outside of quotes replaced by the SQL of a value."""
    made, left, quoted = [], list(values), ""
    for sign in text:
        if quoted:
            quoted = "" if sign == quoted else quoted
        elif sign in "\"'":
            quoted = sign
        made.append(sql(left.pop(0)) if sign == "?" and not quoted else sign)
    return "".join(made)


def _check(schema: Schema, where: Mapping[str, Any]) -> None:
    for name in where:
        if name == EVERY:
            raise DataError("A search of all columns is no condition of a recipe. Name the columns.")
        if name not in schema:
            raise DataError(f"There is no column “{name}” to filter by.")


def as_pandas(schema: Schema, where: Mapping[str, Any]) -> str:
    """The same as a pandas expression over `table`: a mask of rows, missing where it cannot be said."""
    _check(schema, where)
    return (
        " & ".join(f"({_condition(schema[name], wanted)})" for name, wanted in where.items())
        or "table.index == table.index"
    )


def _condition(column: ColumnType, wanted: Any) -> str:
    cell = f"table[{column.name!r}]"
    if not isinstance(wanted, Mapping):
        return f"{cell} == {_value(column, wanted)}"
    if several := wanted.get("conditions"):
        joint = " | " if wanted.get("operator") == "OR" else " & "
        return joint.join(f"({_condition(column, each)})" for each in several)
    kind, given, last = (
        wanted["type"],
        wanted.get("filter", wanted.get("dateFrom")),
        wanted.get("filterTo", wanted.get("dateTo")),
    )
    if kind == "in":
        present = [value for value in wanted["values"] if value is not None]
        gaps = f" | {cell}.isna()" if len(present) < len(wanted["values"]) else ""
        return f"({cell}.isin([{', '.join(_value(column, value) for value in present)}])){gaps}"
    if kind == "blank":
        return f"{cell}.isna()"
    if kind == "notBlank":
        return f"{cell}.notna()"
    if kind in {"contains", "notContains", "startsWith", "endsWith"}:
        texts = f"{cell}.astype('str').str.lower()"
        part = repr(str(given).lower())
        found = {
            "startsWith": f"{texts}.str.startswith({part})", "endsWith": f"{texts}.str.endswith({part})",
        }.get(kind, f"{texts}.str.contains({part}, regex=False)")  # fmt: skip
        return f"(~{found}.fillna(False).astype(bool)) & {cell}.notna()" if kind == "notContains" else found
    if wanted.get("filterType") == "date":
        cell, given, last = f"{cell}.dt.normalize()", _day(given), _day(last)
    if kind == "inRange":
        return f"{cell}.between({_value(column, given)}, {_value(column, last)})"
    compared = f"{cell} {_COMPARE[kind]} {_value(column, given)}"
    return f"({compared}) & {cell}.notna()" if kind == "notEqual" else compared


def _day(value: Any) -> Any:
    return value[:10] if isinstance(value, str) else value


def _value(column: ColumnType, value: Any) -> str:
    if column.is_date:
        return f"pd.Timestamp({value!r})"
    if column.is_number and isinstance(value, str):
        return repr(float(value) if "." in value or "e" in value.lower() else int(value))
    return repr(value)
