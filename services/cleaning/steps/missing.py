"""Steps about values that are not there: fill them, or say where they were."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from services.cleaning.step import (
    Asked,
    Change,
    Counts,
    Step,
    cells,
    free_name,
    listed,
    many,
    sql,
)  # fmt: skip
from services.duck import quote
from services.errors import ParamError
from services.params import Choice, Column, Text
from services.schema import ColumnType, Kind, Schema

_PLACE = "file_row_number"
_WAYS = {
    "median": "The median", "mean": "The mean", "mode": "The most frequent value", "value": "A value of yours",
    "previous": "The value before", "next": "The value after", "group": "The median of a group",
    "linear": "A straight line between its neighbours",
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Fill:
    """What a gap is filled with."""

    columns: Annotated[tuple[str, ...], Column("Columns", many=True)]
    by: Annotated[str, Choice("With", _WAYS)] = "median"
    value: Annotated[str, Text("Value", when={"by": ("value",)})] = ""
    group: Annotated[
        str | None,
        Column(
            "Within", help="Each group of this column for itself.", when={"by": ("previous", "next", "group", "linear")}
        ),
    ] = None
    order: Annotated[
        str | None,
        Column("In the order of", help="None: as the rows are.", when={"by": ("previous", "next", "linear")}),
    ] = None


def _wants_number(params: Fill) -> bool:
    return params.by in {"median", "mean", "group", "linear"}


def _checked(schema: Schema, params: Fill) -> None:
    for name in params.columns:
        if _wants_number(params) and not schema[name].is_number:
            how = _WAYS[params.by].lower()
            raise ParamError(
                f"{name} is not a number, so there is no {how.partition(' ')[2]}. Choose another way.", field="by"
            )
    if params.by == "group" and params.group is None:
        raise ParamError("Choose the column of the groups.", field="group")
    if {params.group, params.order} & set(params.columns):
        raise ParamError("A column cannot be filled by its own groups or order. Choose another.", field="group")
    if (
        params.by == "linear"
        and params.order is not None
        and not (schema[params.order].is_date or schema[params.order].is_number)
    ):
        raise ParamError(f"{params.order} is neither a date nor a number. Choose another order.", field="order")


def _measure(asked: Asked, params: Fill) -> Mapping[str, Any]:
    _checked(asked.schema, params)
    found: dict[str, Any] = {}
    for name in params.columns:
        column = quote(name)
        if params.by == "median":
            middle = asked.quantiles(name, [0.5])
            found[name] = middle[0] if middle else None
        elif params.by == "mean":
            ((found[name],),) = asked.fetch(f"SELECT fsum({column}::DOUBLE) / nullif(count({column}), 0) FROM rows")
        elif params.by == "mode":
            top = asked.fetch(
                f"SELECT {column}::VARCHAR FROM rows WHERE {column} IS NOT NULL GROUP BY {column} "
                f"ORDER BY count(*) DESC, {column} LIMIT 1"
            )
            found[name] = top[0][0] if top else None
    return {"values": found}


def _value(column: ColumnType, text: str) -> str:
    """SQL of a value of yours for `column`, checked to be one of its kind."""
    kept = text.strip()
    if column.is_text:
        if not kept:
            raise ParamError("Give the value that fills the gaps.", field="value")
        return sql(text)
    if column.is_number:
        try:
            number = float(kept)
        except ValueError:
            number = float("nan")
        if number - number != 0 or (column.kind == "integer" and number != int(number)):
            what = "a whole number" if column.kind == "integer" else "a number"
            raise ParamError(f"{column.name} needs {what}. Give one.", field="value")
        return str(int(number)) if column.kind == "integer" else sql(number)
    if column.kind == "flag":
        if kept.lower() not in {"true", "false", "yes", "no"}:
            raise ParamError(f"{column.name} needs yes or no. Give one.", field="value")
        return sql(kept.lower() in {"true", "yes"})
    import datetime as dt

    try:
        return sql(dt.datetime.fromisoformat(kept) if column.kind == "datetime" else dt.date.fromisoformat(kept))
    except ValueError:
        raise ParamError(f"{column.name} needs a day as 2018-01-31. Give one.", field="value") from None


def _number_type(column: ColumnType, value: float | None) -> tuple[str, Kind]:
    """The type of a column of numbers once `value` is in it: a whole one stays as it is."""
    if column.kind == "integer" and value is not None and value == int(value):
        return column.sql, column.kind
    return "DOUBLE", "decimal"


def _change(schema: Schema, params: Fill, measured: Mapping[str, Any]) -> Change:
    _checked(schema, params)
    made, kinds = {}, {}
    for name in params.columns:
        column, held = schema[name], quote(name)
        if params.by in {"median", "mean"}:
            value = measured["values"][name]
            if value is None:  # there is no value at all
                continue
            kind, kinds[name] = _number_type(column, value)
            made[name] = f"coalesce({held}::{kind}, {sql(value)}::{kind})"
        elif params.by == "mode":
            made[name] = f"coalesce({held}, {sql(measured['values'][name])}::{column.sql})"
        elif params.by == "value":
            wider = column.sql if not column.is_number else _wide(column)
            made[name] = f"coalesce({held}::{wider}, {_value(column, params.value)}::{wider})"
        elif params.by == "group":
            middle = f"median({held}) OVER (PARTITION BY {quote(params.group or '')})"
            made[name], kinds[name] = f"coalesce({held}::DOUBLE, {middle}::DOUBLE)", "decimal"
        elif params.by == "linear":
            made[name], kinds[name] = _line(schema, params, held), "decimal"
        else:
            made[name] = _neighbour(params, held)
    change = cells(schema, made, kinds)
    over = params.by in {"group", "linear", "previous", "next"}
    return Change(columns=change.columns, kinds=kinds, scans=over)


def _wide(column: ColumnType) -> str:
    return (
        "BIGINT"
        if column.kind == "integer" and column.sql != "DECIMAL(38,0)"
        else "DOUBLE"
        if column.kind == "decimal"
        else column.sql
    )


def _window(params: Fill, *, back: bool = False) -> str:
    parted = f"PARTITION BY {quote(params.group)} " if params.group else ""
    way = "DESC" if back else "ASC"
    by = f"{quote(params.order)} {way} NULLS {'FIRST' if back else 'LAST'}, " if params.order else ""
    return f"({parted}ORDER BY {by}{_PLACE} {way} ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)"


def _neighbour(params: Fill, held: str) -> str:
    return f"last_value({held} IGNORE NULLS) OVER {_window(params, back=params.by == 'next')}"


def _line(schema: Schema, params: Fill, held: str) -> str:
    """SQL: between the value before and the one after, by how far each is in the order."""
    if params.order is None:
        at = _PLACE
    elif schema[params.order].is_date:
        at = f"epoch_us({quote(params.order)}::TIMESTAMP)"
    else:
        at = quote(params.order)
    before, after = _window(params), _window(params, back=True)
    place = f"CASE WHEN {held} IS NOT NULL THEN {at} END"
    low, high = (f"last_value({held}::DOUBLE IGNORE NULLS) OVER {each}" for each in (before, after))
    left, right = (f"last_value({place} IGNORE NULLS) OVER {each}" for each in (before, after))
    share = f"(({at})::DOUBLE - ({left})::DOUBLE) / nullif(({right})::DOUBLE - ({left})::DOUBLE, 0)"
    return f"coalesce({held}::DOUBLE, {low} + ({high} - {low}) * {share})"


def _code(schema: Schema, params: Fill, measured: Mapping[str, Any]) -> Iterator[str]:
    if params.order is not None:
        yield f"ordered = table.sort_values({params.order!r}, kind='stable', na_position='last')"
    else:
        yield "ordered = table"
    for name in params.columns:
        column, cell = schema[name], f"table[{name!r}]"
        within = f"ordered.groupby({params.group!r}, dropna=False)[{name!r}]" if params.group else f"ordered[{name!r}]"
        match params.by:
            case "median" | "mean":
                value = measured["values"][name]
                if value is None:
                    continue
                whole = _number_type(column, value)[1] == "integer"
                yield f"{cell} = {cell}{'' if whole else '.astype(float)'}.fillna({int(value) if whole else value!r})"
            case "mode":
                value = measured["values"][name]
                if value is not None:
                    yield f"{cell} = {cell}.fillna({_python(column, value)})"
            case "value":
                given = params.value if column.is_text else params.value.strip()
                yield f"{cell} = {cell}.fillna({_python(column, given)})"
            case "previous" | "next":
                yield f"{cell} = {within}.{'ffill' if params.by == 'previous' else 'bfill'}()"
            case "group":
                yield f"medians = table.groupby({params.group!r}, dropna=False)[{name!r}].transform('median')"
                yield f"{cell} = {cell}.astype(float).fillna(medians.astype(float))"
            case "linear":
                at = (
                    "pd.Series(range(len(ordered)), index=ordered.index)"
                    if params.order is None
                    else f"ordered[{params.order!r}]"
                )
                yield f"at = {at}"
                yield "at = (at - at.min()).dt.total_seconds() if at.dtype.kind == 'M' else at.astype(float)"
                yield f"filled = ordered[{name!r}].astype(float)"
                if params.group:
                    yield f"filled = filled.groupby(ordered[{params.group!r}], dropna=False, group_keys=False).apply("
                    yield "    lambda part: between(part, at[part.index])"
                    yield ")"
                else:
                    yield "filled = between(filled, at)"
                yield f"{cell} = filled"


def _python(column: ColumnType, text: str) -> str:
    if column.is_number:
        return text if column.kind == "integer" else repr(float(text))
    if column.kind == "flag":
        return repr(text.lower() in {"true", "yes"})
    return f"pd.Timestamp({text!r})" if column.is_date else repr(text)


def _said(params: Fill, measured: Mapping[str, Any], counts: Counts) -> str:
    values = measured.get("values") or {}
    with_what = _WAYS[params.by].lower() if params.by != "value" else f"“{params.value}”"
    if params.by in {"median", "mean", "mode"} and len(params.columns) == 1:
        value = values.get(params.columns[0])
        with_what += f" ({value:,.6g})" if isinstance(value, int | float) else f" ({value})"
    return f"Filled {many(counts.cells, 'gap')} of {listed(params.columns)} with {with_what}."


@dataclass(frozen=True, kw_only=True)
class Marked:
    """Columns whose gaps are marked."""

    columns: Annotated[tuple[str, ...], Column("Columns", many=True)]


def _marks(schema: Schema, params: Marked) -> dict[str, str]:
    names: dict[str, str] = {}
    for name in params.columns:
        names[name] = free_name(f"{name}_missing", [*schema.names, *names.values()])
    return names


STEPS = (
    Step(
        slug="fill", title="Fill missing values", group="Missing values", params=Fill, measure=_measure, change=_change,
        summary="With a middle value, a neighbour, a line between neighbours, or a value of yours.",
        code=_code, said=_said,
    ),
    Step(
        slug="mark_missing", title="Mark missing values", group="Missing values", params=Marked, safe=True, again=False,
        summary="A yes/no column that says where a value is missing.",
        change=lambda schema, params, _: cells(
            schema,
            {new: f"{quote(name)} IS NULL" for name, new in _marks(schema, params).items()},
            dict.fromkeys(_marks(schema, params).values(), "flag"),
        ),
        code=lambda schema, params, _: [
            f"table[{new!r}] = table[{name!r}].isna().astype('boolean')" for name, new in _marks(schema, params).items()
        ],
        said=lambda params, _, counts: f"Marked the gaps of {listed(params.columns)}.",
    ),
)  # fmt: skip
