"""Steps that make new columns from others: formulas, parts of dates, bins, scales, codes."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from services.cleaning import formula
from services.cleaning.step import Asked, Change, Step, cells, free_name, listed, many, new_name, sql
from services.duck import quote
from services.errors import DataError, ParamError
from services.params import Choice, Column, Flag, Number, Text
from services.schema import Kind, Schema


@dataclass(frozen=True, kw_only=True)
class Derive:
    """A new column, and how it is worked out."""

    name: Annotated[str, Text("Name of the column", help="An old name: that column is replaced.")]
    formula: Annotated[str, Text("Formula", longest=formula.LONGEST, help=formula.HELP)]


_KINDS: dict[str, Kind] = {"text": "text", "flag": "flag"}


def _made(schema: Schema, params: Derive) -> tuple[str, formula.Value]:
    name = new_name(params.name, schema, replaces=[params.name.strip()])
    return name, formula.parse(params.formula, schema)


def _derive(schema: Schema, params: Derive, measured: Mapping[str, Any]) -> Change:
    name, made = _made(schema, params)
    text = made.sql
    if made.type == "number":
        text = f"({text})::BIGINT" if made.whole else f"CASE WHEN isfinite({text}) THEN {text} END"
        return cells(schema, {name: text}, {name: "integer" if made.whole else "decimal"})
    if made.type == "date":
        days = measured["days"]
        return cells(schema, {name: f"({text})::DATE" if days else text}, {name: "date" if days else "datetime"})
    return cells(schema, {name: f"nullif({text}, '')" if made.type == "text" else text}, {name: _KINDS[made.type]})


def _measure_derive(asked: Asked, params: Derive) -> Mapping[str, Any]:
    _, made = _made(asked.schema, params)
    if made.type != "date":
        return {}
    ((clocks,),) = asked.fetch(f"SELECT count(*) FILTER (v <> v::DATE) FROM (SELECT {made.sql} AS v FROM rows)")
    return {"days": not clocks}


def _derive_code(schema: Schema, params: Derive, _: Mapping[str, Any]) -> Iterator[str]:
    name, made = _made(schema, params)
    cell = f"table[{name!r}]"
    yield f"{cell} = {made.code}"
    if made.type == "number":
        yield f"{cell} = {cell}.astype(float).where(np.isfinite({cell}.astype(float)))"
        if made.whole:
            yield f"{cell} = {cell}.round().astype('Int64')"
    elif made.type == "text":
        yield f"{cell} = {cell}.mask({cell} == '').astype('str')"


_PARTS = {
    "year": ("Year", "year({x})", ".dt.year"), "quarter": ("Quarter", "quarter({x})", ".dt.quarter"),
    "month": ("Month", "month({x})", ".dt.month"), "week": ("Week (ISO)", "week({x})", ".dt.isocalendar().week"),
    "day": ("Day of the month", "day({x})", ".dt.day"),
    "weekday": ("Day of the week (Monday is 1)", "isodow({x})", ".dt.isocalendar().day"),
    "hour": ("Hour", "hour({x}::TIMESTAMP)", ".dt.hour"),
    "weekend": ("Weekend", "isodow({x}) >= 6", ".dt.isocalendar().day"),
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Parts:
    """Which parts of a date become columns."""

    column: Annotated[str, Column("Date", kind="date")]
    parts: Annotated[tuple[str, ...], Choice("Parts", {key: each[0] for key, each in _PARTS.items()}, many=True)] = (
        "year", "month", "weekday",
    )  # fmt: skip


def _part_names(schema: Schema, params: Parts) -> dict[str, str]:
    if not params.parts:
        raise ParamError("Choose one part or more.", field="parts")
    names: dict[str, str] = {}
    for part in params.parts:
        names[part] = free_name(f"{params.column}_{part}", [*schema.names, *names.values()])
    return names


def _parts(schema: Schema, params: Parts, _: Mapping[str, Any]) -> Change:
    names = _part_names(schema, params)
    column = quote(params.column)
    made = {name: f"({_PARTS[part][1].replace('{x}', column)})" for part, name in names.items()}
    made = {
        name: text if part == "weekend" else f"{text}::BIGINT"
        for (part, name), text in zip(names.items(), made.values(), strict=True)
    }
    return cells(schema, made, {name: "flag" if part == "weekend" else "integer" for part, name in names.items()})


def _parts_code(schema: Schema, params: Parts, _: Mapping[str, Any]) -> Iterator[str]:
    column = f"table[{params.column!r}]"
    for part, name in _part_names(schema, params).items():
        value = f"{column}{_PARTS[part][2]}.astype('Int64')"
        yield (
            f"table[{name!r}] = ({value} >= 6).astype('boolean')" if part == "weekend" else f"table[{name!r}] = {value}"
        )


@dataclass(frozen=True, kw_only=True)
class Bins:
    """Into which ranges a number is put."""

    column: Annotated[str, Column("Column", kind="number")]
    how: Annotated[
        str,
        Choice(
            "Ranges", {"width": "Of one width", "count": "Of about as many rows each", "edges": "With edges of yours"}
        ),
    ] = "width"
    bins: Annotated[int, Number("How many", 2, 100, when={"how": ("width", "count")})] = 5
    edges: Annotated[str, Text("Edges", help="Numbers with commas between: 0, 18, 65.", when={"how": ("edges",)})] = ""
    name: Annotated[str, Text("Name of the column", help="None given: the column's, with _range.")] = ""


def _measure_bins(asked: Asked, params: Bins) -> Mapping[str, Any]:
    if params.how == "edges":
        try:
            found = sorted({float(edge) for edge in params.edges.split(",") if edge.strip()})
        except ValueError:
            raise ParamError("Edges are numbers with commas between. Write them anew.", field="edges") from None
        if len(found) < 2 or not all(abs(edge) < 1e300 for edge in found):
            raise ParamError("Give two edges or more.", field="edges")
        return {"edges": found}
    if params.how == "count":
        found = asked.quantiles(params.column, [part / params.bins for part in range(params.bins + 1)])
    else:
        ends = asked.quantiles(params.column, [0, 1])
        found = (
            [ends[0] + (ends[1] - ends[0]) * part / params.bins for part in range(params.bins)] + ends[1:]
            if ends
            else []
        )
    edges = sorted(set(found))
    if len(edges) == 1:
        raise DataError(f"{params.column} has one value only: there is nothing to part.")
    return {"edges": edges}


def _bin_name(schema: Schema, params: Bins) -> str:
    return new_name(params.name, schema) if params.name.strip() else free_name(f"{params.column}_range", schema.names)


def _labels(edges: list[float]) -> list[str]:
    """What each range is called; told apart by as many digits as that takes."""
    for digits in (6, 9, 17):
        said = [f"{edge:.{digits}g}" for edge in edges]
        if len(set(said)) == len(said):
            break
    return [f"{low} to {high}" for low, high in itertools.pairwise(said)]


def _bins(schema: Schema, params: Bins, measured: Mapping[str, Any]) -> Change:
    edges, name, value = measured["edges"], _bin_name(schema, params), f"{quote(params.column)}::DOUBLE"
    if not edges:
        return cells(schema, {name: "NULL::VARCHAR"}, {name: "category"})
    labels = _labels(edges)
    parts = [f"WHEN {value} < {sql(edges[0])} OR {value} > {sql(edges[-1])} THEN NULL"]
    parts += [f"WHEN {value} < {sql(edge)} THEN {sql(label)}" for edge, label in zip(edges[1:-1], labels, strict=False)]
    return cells(
        schema,
        {name: f"CASE {' '.join(parts)} WHEN {value} <= {sql(edges[-1])} THEN {sql(labels[-1])} END"},
        {name: "category"},
    )


def _bins_code(schema: Schema, params: Bins, measured: Mapping[str, Any]) -> Iterator[str]:
    edges, cell = measured["edges"], f"table[{_bin_name(schema, params)!r}]"
    if not edges:
        yield f"{cell} = pd.Series(None, index=table.index, dtype='str')"
        return
    yield f"edges = {edges!r}"
    yield f"value = table[{params.column!r}].astype(float)"
    # The last edge belongs to the last range.
    yield "value = value.mask(value == edges[-1], np.nextafter(edges[-1], -np.inf))"
    yield f"{cell} = pd.cut(value, edges, right=False, labels={_labels(edges)!r}).astype('str')"


@dataclass(frozen=True, kw_only=True)
class Scale:
    """To which scale numbers are brought."""

    columns: Annotated[tuple[str, ...], Column("Columns", kind="number", many=True)]
    to: Annotated[
        str,
        Choice("To", {"standard": "Mean 0, deviation 1", "range": "0 to 1", "log": "The logarithm of 1 + value"}),
    ] = "standard"


def _measure_scale(asked: Asked, params: Scale) -> Mapping[str, Any]:
    found: dict[str, Any] = {}
    for name in params.columns:
        column = f"{quote(name)}::DOUBLE"
        if params.to == "log":
            ((low,),) = asked.fetch(f"SELECT min({column}) FROM rows")
            if low is not None and low <= -1:
                raise DataError(f"{name} has values of -1 or less, which have no such logarithm. Choose another scale.")
            continue
        if params.to == "range":
            ((low, high),) = asked.fetch(f"SELECT min({column}), max({column}) FROM rows")
            found[name] = [low or 0.0, (high or 0.0) - (low or 0.0) or 1.0]
            continue
        ((mean, sd),) = asked.fetch(
            f"SELECT any_value(m), sqrt(fsum(({column} - m) ** 2) / nullif(count({column}) - 1, 0)) "
            f"FROM rows, (SELECT fsum({column}) / nullif(count({column}), 0) AS m FROM rows)"
        )
        found[name] = [mean or 0.0, sd or 1.0]
    return {"by": found}


def _scale(schema: Schema, params: Scale, measured: Mapping[str, Any]) -> Change:
    made = {}
    for name in params.columns:
        value = f"{quote(name)}::DOUBLE"
        if params.to == "log":
            made[name] = f"ln(1 + {value})"
        else:
            less, over = measured["by"][name]
            made[name] = f"({value} - {sql(less)}) / {sql(over)}"
    return cells(schema, made, dict.fromkeys(made, "decimal"))


def _scale_code(schema: Schema, params: Scale, measured: Mapping[str, Any]) -> Iterator[str]:
    for name in params.columns:
        cell = f"table[{name!r}]"
        if params.to == "log":
            yield f"{cell} = np.log1p({cell}.astype(float))"
        else:
            less, over = measured["by"][name]
            yield f"{cell} = ({cell}.astype(float) - {less!r}) / {over!r}"


@dataclass(frozen=True, kw_only=True)
class OneHot:
    """Of which values there is a column each."""

    column: Annotated[str, Column("Column", kind="text")]
    most: Annotated[int, Number("At most", 1, 100, help="The most frequent values; the others have a 0 in each.")] = 20
    keep: Annotated[bool, Flag("Keep the column")] = False


def _measure_hot(asked: Asked, params: OneHot) -> Mapping[str, Any]:
    column = quote(params.column)
    found = asked.fetch(
        f"SELECT {column} AS v FROM rows WHERE v IS NOT NULL GROUP BY 1 ORDER BY count(*) DESC, v LIMIT {params.most}"
    )
    return {"values": sorted(value for (value,) in found)}


def _hot_names(schema: Schema, params: OneHot, values: list[str]) -> dict[str, str]:
    names: dict[str, str] = {}
    for value in values:
        plain = " ".join("".join(sign if sign.isprintable() else " " for sign in value).split())[:100]
        names[value] = free_name(f"{params.column}_{plain}", [*schema.names, *names.values()])
    return names


def _hot(schema: Schema, params: OneHot, measured: Mapping[str, Any]) -> Change:
    column, names = quote(params.column), _hot_names(schema, params, measured["values"])
    made = {name: f"(coalesce({column} = {sql(value)}, false))::TINYINT" for value, name in names.items()}
    change = cells(schema, made, dict.fromkeys(made, "integer"))
    kept = {name: text for name, text in change.columns.items() if params.keep or name != params.column}
    return Change(columns=kept, kinds=change.kinds)


def _hot_code(schema: Schema, params: OneHot, measured: Mapping[str, Any]) -> Iterator[str]:
    yield f"values = table[{params.column!r}]"
    for value, name in _hot_names(schema, params, measured["values"]).items():
        yield f"table[{name!r}] = (values == {value!r}).fillna(False).astype('Int64')"
    if not params.keep:
        yield f"table = table.drop(columns=[{params.column!r}])"


@dataclass(frozen=True, kw_only=True)
class Ordinal:
    """In which order values are numbered."""

    column: Annotated[str, Column("Column", kind="text")]
    order: Annotated[
        str, Text("From low to high", longest=5_000, help="With commas between: low, middle, high. None: by alphabet.")
    ] = ""
    name: Annotated[str, Text("Name of the column", help="None given: the column's, with _code.")] = ""


def _measure_order(asked: Asked, params: Ordinal) -> Mapping[str, Any]:
    if params.order.strip():
        return {"values": list(dict.fromkeys(value.strip() for value in params.order.split(",") if value.strip()))}
    column = quote(params.column)
    found = asked.fetch(f"SELECT DISTINCT {column} AS v FROM rows WHERE v IS NOT NULL ORDER BY v LIMIT 1001")
    if len(found) > 1_000:
        raise DataError(f"{params.column} has more than 1,000 values. Group the rare ones first.")
    return {"values": [value for (value,) in found]}


def _code_name(schema: Schema, params: Ordinal) -> str:
    return new_name(params.name, schema) if params.name.strip() else free_name(f"{params.column}_code", schema.names)


def _ordinal(schema: Schema, params: Ordinal, measured: Mapping[str, Any]) -> Change:
    name, listed_values = _code_name(schema, params), ", ".join(map(sql, measured["values"]))
    made = (
        f"(list_position([{listed_values}], {quote(params.column)}) - 1)::SMALLINT"
        if listed_values
        else "NULL::SMALLINT"
    )
    return cells(schema, {name: made}, {name: "integer"})


def _ordinal_code(schema: Schema, params: Ordinal, measured: Mapping[str, Any]) -> Iterator[str]:
    codes = {value: place for place, value in enumerate(measured["values"])}
    yield f"table[{_code_name(schema, params)!r}] = table[{params.column!r}].map({codes!r}).astype('Int64')"


STEPS = (
    Step(
        slug="derive", title="Work out a column", group="Columns", params=Derive, measure=_measure_derive,
        summary="A new column by a formula over others.", change=_derive, code=_derive_code, again=False,
        said=lambda params, _, counts: f"Worked out {params.name}.",
    ),
    Step(
        slug="date_parts", title="Take dates apart", group="Columns", params=Parts, change=_parts, code=_parts_code,
        summary="Year, month, weekday and other parts of a date as columns.", safe=True, again=False,
        said=lambda params, _, counts: f"Took the {listed(params.parts)} of {params.column}.",
    ),
    Step(
        slug="bin", title="Put numbers into ranges", group="Columns", params=Bins, measure=_measure_bins, change=_bins,
        summary="A column that says in which range a number lies.", code=_bins_code, safe=True, again=False,
        said=lambda params, measured, _: (
            f"Put {params.column} into {many(max(0, len(measured['edges']) - 1), 'range')}."
        ),
    ),
    Step(
        slug="scale", title="Scale numbers", group="Scaling", params=Scale, measure=_measure_scale, change=_scale,
        summary="Bring numbers to one scale, for models that need it.", code=_scale_code, again=False,
        said=lambda params, _, counts: f"Scaled {listed(params.columns)}.",
    ),
    Step(
        slug="one_hot", title="A column for each value", group="Scaling", params=OneHot, measure=_measure_hot,
        summary="Columns of 0 and 1 that say which value a row has.", change=_hot, code=_hot_code, again=False,
        said=lambda params, measured, _: f"Made {many(len(measured['values']), 'column')} of {params.column}.",
    ),
    Step(
        slug="ordinal", title="Number values", group="Scaling", params=Ordinal, measure=_measure_order, change=_ordinal,
        summary="A number for each value, in an order.", code=_ordinal_code, safe=True, again=False,
        said=lambda params, measured, _: f"Numbered {many(len(measured['values']), 'value')} of {params.column}.",
    ),
)  # fmt: skip
