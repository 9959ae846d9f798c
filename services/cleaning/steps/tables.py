"""Steps that make another table of a table: groups, values across, values along."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from services.cleaning.step import Asked, Change, Counts, Step, free_name, listed, many, new_name, sql
from services.duck import quote
from services.errors import DataError, ParamError
from services.params import Choice, Column, Text
from services.schema import Kind, Schema

MOST_ACROSS = 100
_HOW = {
    "sum": "Sum", "mean": "Mean", "median": "Median", "min": "Lowest", "max": "Highest",
    "filled": "How many are filled", "distinct": "How many differ",
}  # fmt: skip
_SQL = {
    "sum": "sum({x})", "mean": "avg({x}::DOUBLE)", "median": "median({x}::DOUBLE)", "min": "min({x})",
    "max": "max({x})", "filled": "count({x})", "distinct": "count(DISTINCT {x})",
}  # fmt: skip
_PANDAS = {
    "sum": "lambda v: v.sum(min_count=1)", "mean": "'mean'", "median": "'median'", "min": "'min'", "max": "'max'",
    "filled": "'count'", "distinct": "'nunique'",
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Group:
    """Of what a row of the new table speaks, and what is worked out of each."""

    by: Annotated[tuple[str, ...], Column("For each", many=True)]
    columns: Annotated[tuple[str, ...], Column("Of", kind="number", many=True)] = ()
    how: Annotated[tuple[str, ...], Choice("Work out", _HOW, many=True)] = ("sum",)


def _kind(how: str, kind: Kind) -> Kind:
    return "integer" if how in {"filled", "distinct"} else "decimal" if how in {"mean", "median"} else kind


def _grouped(schema: Schema, params: Group) -> dict[str, tuple[str, str]]:
    """The new columns: name, and of what which figure."""
    if params.columns and not params.how:
        raise ParamError("Choose what is worked out.", field="how")
    names: dict[str, tuple[str, str]] = {}
    for column in params.columns:
        for how in params.how:
            names[free_name(f"{column}_{how}", [*params.by, "rows", *names])] = (column, how)
    return names


def _rows_name(params: Group) -> str:
    return free_name("rows", params.by)


def _group(schema: Schema, params: Group, _: Mapping[str, Any]) -> Change:
    keys = ", ".join(map(quote, params.by))
    names, rows = _grouped(schema, params), _rows_name(params)
    made = [f"count(*) AS {quote(rows)}"]
    for name, (column, how) in names.items():
        text = _SQL[how].replace("{x}", quote(column))
        if how == "sum" and schema[column].kind == "integer":
            text = f"({text})::BIGINT"
        made.append(f"{text} AS {quote(name)}")
    kinds: dict[str, Kind] = {rows: "integer"}
    kinds |= {name: _kind(how, schema[column].kind) for name, (column, how) in names.items()}
    return Change(
        columns={name: quote(name) for name in (*params.by, rows, *names)},
        kinds=kinds,
        source=f"SELECT {keys}, {', '.join(made)} FROM rows GROUP BY {keys} ORDER BY {_ordered(params.by)}",
    )


def _ordered(names: tuple[str, ...]) -> str:
    return ", ".join(f"{quote(name)} NULLS LAST" for name in names)


def _group_code(schema: Schema, params: Group, _: Mapping[str, Any]) -> Iterator[str]:
    yield f"groups = table.groupby({list(params.by)!r}, dropna=False, sort=False)"
    yield f"grouped = groups.size().rename({_rows_name(params)!r}).to_frame()"
    for name, (column, how) in _grouped(schema, params).items():
        yield f"grouped[{name!r}] = groups[{column!r}].agg({_PANDAS[how]})"
    yield f"table = grouped.reset_index().sort_values({list(params.by)!r}, kind='stable', na_position='last')"


@dataclass(frozen=True, kw_only=True)
class Across:
    """Which values become columns, and what stands in them."""

    by: Annotated[tuple[str, ...], Column("A row for each", many=True)]
    names: Annotated[str, Column("A column for each", kind="key")]
    values: Annotated[str, Column("In the cells", kind="number")]
    how: Annotated[str, Choice("Worked out as", {key: said for key, said in _HOW.items() if key != "distinct"})] = "sum"


def _measure_across(asked: Asked, params: Across) -> Mapping[str, Any]:
    if params.names in params.by or params.values in params.by:
        raise ParamError("A column is either what rows are for, or what columns are for.", field="by")
    column = quote(params.names)
    found = asked.fetch(
        f"SELECT DISTINCT {column}::VARCHAR AS v FROM rows WHERE v IS NOT NULL ORDER BY v LIMIT {MOST_ACROSS + 1}"
    )
    if len(found) > MOST_ACROSS:
        raise DataError(
            f"{params.names} has more than {MOST_ACROSS} values: they would make too many columns. Group them first."
        )
    return {"values": [value for (value,) in found]}


def _across_names(params: Across, values: list[str]) -> dict[str, str]:
    names: dict[str, str] = {}
    for value in values:
        plain = " ".join("".join(sign if sign.isprintable() else " " for sign in value).split())[:100] or "empty"
        names[value] = free_name(plain, [*params.by, *names.values()])
    return names


def _across(schema: Schema, params: Across, measured: Mapping[str, Any]) -> Change:
    names, keys = _across_names(params, measured["values"]), ", ".join(map(quote, params.by))
    made = []
    for value, name in names.items():
        figure = _SQL[params.how].replace("{x}", quote(params.values))
        text = f"{figure} FILTER ({quote(params.names)}::VARCHAR = {sql(value)})"
        whole = params.how == "sum" and schema[params.values].kind == "integer"
        made.append(f"{f'({text})::BIGINT' if whole else text} AS {quote(name)}")
    kind = _kind(params.how, schema[params.values].kind)
    return Change(
        columns={name: quote(name) for name in (*params.by, *names.values())},
        kinds=dict.fromkeys(names.values(), kind),
        source=f"SELECT {', '.join([keys, *made])} FROM rows GROUP BY {keys} ORDER BY {_ordered(params.by)}",
    )


def _across_code(schema: Schema, params: Across, measured: Mapping[str, Any]) -> Iterator[str]:
    yield f"groups = table.groupby({list(params.by)!r}, dropna=False, sort=False)"
    yield "across = groups.size().to_frame('')[[]]"
    yield f"kind = table[{params.names!r}].astype('str')"
    for value, name in _across_names(params, measured["values"]).items():
        some = f"table[kind == {value!r}].groupby({list(params.by)!r}, dropna=False)[{params.values!r}]"
        yield f"across[{name!r}] = {some}.agg({_PANDAS[params.how]})"
        if params.how == "filled":
            yield f"across[{name!r}] = across[{name!r}].fillna(0)"
    yield f"table = across.reset_index().sort_values({list(params.by)!r}, kind='stable', na_position='last')"


@dataclass(frozen=True, kw_only=True)
class Along:
    """Which columns become rows."""

    columns: Annotated[tuple[str, ...], Column("Columns", many=True)]
    names: Annotated[str, Text("Column for their names")] = "name"
    values: Annotated[str, Text("Column for their values")] = "value"


def _along_names(schema: Schema, params: Along) -> tuple[str, str]:
    kept = Schema(tuple(column for column in schema if column.name not in params.columns))
    name = new_name(params.names, kept, "names")
    value = new_name(params.values, kept, "values")
    if name.lower() == value.lower():
        raise ParamError("Names and values need columns of their own. Choose another name.", field="values")
    return name, value


def _along_kind(schema: Schema, params: Along) -> tuple[str, Kind]:
    """The type that holds the values of all the columns: their own, where they agree."""
    columns = [schema[name] for name in params.columns]
    if all(column.kind == "integer" for column in columns):
        return "BIGINT", "integer"
    if all(column.is_number for column in columns):
        return "DOUBLE", "decimal"
    if len({column.sql for column in columns}) == 1:
        return columns[0].sql, columns[0].kind
    if any(not column.is_text and column.kind != "integer" for column in columns):
        raise ParamError("These columns are not of one type. Read them as one first.", field="columns")
    return "VARCHAR", "text"


def _along(schema: Schema, params: Along, _: Mapping[str, Any]) -> Change:
    name, value = _along_names(schema, params)
    kind, means = _along_kind(schema, params)
    kept = [column for column in schema.names if column not in params.columns]
    made = ", ".join(f"{quote(column)}::{kind}" for column in params.columns)
    labels = ", ".join(map(sql, params.columns))
    listed_kept = "".join(f"{quote(column)}, " for column in kept)
    places = f"range({len(params.columns)})"
    inside = (
        f"SELECT {listed_kept}file_row_number, unnest([{labels}]) AS {quote(name)}, "
        f'unnest([{made}]) AS {quote(value)}, unnest({places}) AS "~" FROM rows'
    )
    return Change(
        columns={column: quote(column) for column in (*kept, name, value)},
        kinds={name: "category", value: means},
        source=f'SELECT {listed_kept}{quote(name)}, {quote(value)} FROM ({inside}) ORDER BY file_row_number, "~"',
    )


def _along_code(schema: Schema, params: Along, _: Mapping[str, Any]) -> Iterator[str]:
    name, value = _along_names(schema, params)
    kind, _means = _along_kind(schema, params)
    kept = [column for column in schema.names if column not in params.columns]
    cast = {"VARCHAR": ".astype('str')", "BIGINT": ".astype('Int64')", "DOUBLE": ".astype(float)"}.get(kind, "")
    yield f"kept, along = {kept!r}, {list(params.columns)!r}"
    made = f"**{{{name!r}: column, {value!r}: table[column]{cast}}}"
    yield f"parts = [table[kept].assign({made}) for column in along]"
    yield "table = pd.concat(parts).sort_index(kind='stable')"


def _said(what: str, counts: Counts) -> str:
    return f"{what}: {many(counts.before, 'row')} became {counts.after:,}."


STEPS = (
    Step(
        slug="group", title="Group and count", group="Tables", params=Group, change=_group, code=_group_code,
        summary="A row for each group, with counts, sums and means.", again=False,
        said=lambda params, _, counts: _said(f"Grouped by {listed(params.by)}", counts),
    ),
    Step(
        slug="across", title="Put values across", group="Tables", params=Across, measure=_measure_across,
        summary="A column for each value of one column (pivot).", change=_across, code=_across_code, again=False,
        said=lambda params, _, counts: _said(f"Put {params.names} across", counts),
    ),
    Step(
        slug="along", title="Put columns along", group="Tables", params=Along, change=_along, code=_along_code,
        summary="Several columns become rows of names and values (unpivot).", again=False,
        said=lambda params, _, counts: _said(f"Put {listed(params.columns)} along", counts),
    ),
)  # fmt: skip
