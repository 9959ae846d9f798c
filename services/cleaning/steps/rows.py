"""Steps about which rows stay, and in which order."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any

from services.cleaning import conditions, formula
from services.cleaning.step import Asked, Change, Counts, Step, listed, many, only, sql
from services.duck import quote
from services.errors import ParamError
from services.params import Choice, Column, Flag, Number, Text, Where
from services.schema import Schema

_PLACE = "file_row_number"


def _columns(schema: Schema, names: Sequence[str]) -> list[str]:
    return list(names) or schema.names


@dataclass(frozen=True, kw_only=True)
class Duplicates:
    """Which rows repeat another, and which of them stays."""

    columns: Annotated[tuple[str, ...], Column("Same in", many=True, help="None chosen: every column.")] = ()
    keep: Annotated[
        str, Choice("Keep", {"first": "The first", "last": "The last", "fullest": "The one with fewest gaps"})
    ] = "first"


def _key(names: Sequence[str]) -> str:
    return ", ".join(map(quote, names))


def _best(schema: Schema, keep: str) -> str:
    """SQL: of rows that are the same, the number of the one that stays."""
    if keep == "fullest":
        gaps = " + ".join(f"({quote(name)} IS NULL)::INTEGER" for name in schema.names)
        return f"arg_min({_PLACE}, struct_pack(gaps := {gaps}, place := {_PLACE}))"
    return f"{'min' if keep == 'first' else 'max'}({_PLACE})"


def _unique(schema: Schema, params: Duplicates, _: Mapping[str, Any]) -> Change:
    key = _key(_columns(schema, params.columns))
    # By hash first: only rows that may be among others are held to tell them apart.
    twice = f"SELECT hash({key}) FROM rows GROUP BY hash({key}) HAVING count(*) > 1"
    kept = f"SELECT {_best(schema, params.keep)} FROM rows WHERE hash({key}) IN ({twice}) GROUP BY {key}"
    return only(schema, f"hash({key}) NOT IN ({twice}) OR {_PLACE} IN ({kept})", scans=True)


def _unique_code(schema: Schema, params: Duplicates, _: Mapping[str, Any]) -> Iterator[str]:
    names = _columns(schema, params.columns)
    if params.keep == "fullest":
        yield "fullest = table.isna().sum(axis=1).sort_values(kind='stable').index"
        yield f"table = table.loc[fullest].drop_duplicates({names!r}).sort_index()"
    else:
        yield f"table = table.drop_duplicates({names!r}, keep={params.keep!r})"


@dataclass(frozen=True, kw_only=True)
class Filter:
    """Rows for which all conditions hold."""

    formula: Annotated[
        str, Text("Rows where", longest=formula.LONGEST, help="Such as amount > 10 and town = 'Rome', or missing(day).")
    ] = ""
    where: Annotated[dict[str, Any], Where("And as filtered in Explore")] = field(default_factory=dict)
    keep: Annotated[bool, Flag("Keep them", help="Else they go, and all others stay.")] = True


def _condition(schema: Schema, params: Filter) -> formula.Value | None:
    if not params.formula.strip():
        if not params.where:
            raise ParamError("Say which rows.", field="formula")
        return None
    made = formula.parse(params.formula, schema)
    if made.type != "flag":
        raise ParamError("This is no condition. Compare something: amount > 10.", field="formula")
    return made


def _filter(schema: Schema, params: Filter, _: Mapping[str, Any]) -> Change:
    made = _condition(schema, params)
    parts = [] if made is None else [f"({made.sql})"]
    if params.where:
        parts.append(f"({conditions.as_sql(schema, params.where)})")
    text = " AND ".join(parts)
    return only(schema, text if params.keep else f"NOT coalesce({text}, false)")


def _filter_code(schema: Schema, params: Filter, _: Mapping[str, Any]) -> Iterator[str]:
    made = _condition(schema, params)
    if made is not None:
        yield f"chosen = ({made.code}).fillna(False).astype(bool)"
    if params.where:
        also = "chosen & " if made is not None else ""
        yield f"chosen = {also}({conditions.as_pandas(schema, params.where)}).fillna(False).astype(bool)"
    yield f"table = table[{'' if params.keep else '~'}chosen]"


@dataclass(frozen=True, kw_only=True)
class Gaps:
    """How many gaps a row may have."""

    columns: Annotated[tuple[str, ...], Column("In", many=True, help="None chosen: every column.")] = ()
    above: Annotated[
        float, Number("Missing in more than (%)", 0, 100, help="Of these columns. At 0, one gap is too many.")
    ] = 0.0


def _full(schema: Schema, names: Sequence[str], above: float) -> str:
    """SQL: whether at most `above` percent of the cells are missing."""
    gaps = " + ".join(f"({quote(name)} IS NULL)::INTEGER" for name in names)
    return f"100 * ({gaps}) <= {sql(above)} * {len(names)}"


def _gaps_code(schema: Schema, names: Sequence[str], above: float) -> Iterator[str]:
    yield f"table = table[100 * table[{list(names)!r}].isna().sum(axis=1) <= {above!r} * {len(names)}]"


@dataclass(frozen=True, kw_only=True)
class Nothing:
    """Nothing to choose."""


def _filled(schema: Schema) -> str:
    return f"coalesce({', '.join(f'{quote(name)}::VARCHAR' for name in schema.names)}) IS NOT NULL"


@dataclass(frozen=True, kw_only=True)
class Sort:
    """By what the rows are ordered."""

    columns: Annotated[tuple[str, ...], Column("By", many=True, help="The first counts most.")]
    down: Annotated[bool, Flag("Largest first", help="Missing values come last either way.")] = False


def _sort(schema: Schema, params: Sort, _: Mapping[str, Any]) -> Change:
    ways = ", ".join(f"{quote(name)} {'DESC' if params.down else 'ASC'} NULLS LAST" for name in params.columns)
    return Change(
        columns={name: quote(name) for name in schema.names},
        source=f"SELECT * FROM rows ORDER BY {ways}, {_PLACE}",
    )


def _sort_code(schema: Schema, params: Sort, _: Mapping[str, Any]) -> Iterator[str]:
    # By code points, as the engine does; missing values last.
    names = list(params.columns)
    yield f"table = table.sort_values({names!r}, ascending={not params.down}, na_position='last', kind='stable')"


@dataclass(frozen=True, kw_only=True)
class Sample:
    """How many rows are drawn."""

    rows: Annotated[int, Number("Rows", 1, 100_000_000)]
    seed: Annotated[int, Number("Seed", 0, 2**31 - 1, help="The same seed draws the same rows.")] = 0


def _lots(asked: Asked, params: Sample) -> Mapping[str, Any]:
    """The lot below which rows are drawn: the one of the last that is."""
    if params.rows >= asked.rows:
        return {"all": True}
    # Few rows can have the lot of the last one: those after it by their place.
    likely = min(2**64 - 1, int((params.rows + 7 * params.rows**0.5 + 30) / asked.rows * 2**64))
    for below in (likely, 2**64 - 1):
        found = asked.fetch(
            f"SELECT {_PLACE}, hash({_PLACE}, {params.seed}) AS lot FROM rows WHERE lot <= {below} "
            f"ORDER BY lot, {_PLACE} LIMIT 1 OFFSET {params.rows - 1}"
        )
        if found:
            break
    return {"place": found[0][0], "lot": str(found[0][1])}


def _sample(schema: Schema, params: Sample, measured: Mapping[str, Any]) -> Change:
    if measured.get("all"):
        return only(schema, "true")
    lot = f"hash({_PLACE}, {params.seed})"
    last, place = measured["lot"], measured["place"]
    return only(schema, f"{lot} < {last} OR ({lot} = {last} AND {_PLACE} <= {place})")


def _sample_code(schema: Schema, params: Sample, measured: Mapping[str, Any]) -> Iterator[str]:
    yield "# The engine draws by a hash of its own: as many rows, but not the same ones."
    yield f"table = table.sample(min({params.rows}, len(table)), random_state={params.seed}).sort_index()"


@dataclass(frozen=True, kw_only=True)
class Negatives:
    """What becomes of numbers below zero."""

    columns: Annotated[tuple[str, ...], Column("Columns", kind="number", many=True)]
    action: Annotated[
        str,
        Choice(
            "They",
            {
                "absolute": "Lose their sign",
                "zero": "Become 0",
                "missing": "Become missing",
                "drop": "Go, with their rows",
            },
        ),
    ] = "missing"


def _negatives(schema: Schema, params: Negatives, _: Mapping[str, Any]) -> Change:
    if params.action == "drop":
        return only(schema, " AND ".join(f"({quote(name)} IS NULL OR {quote(name)} >= 0)" for name in params.columns))
    columns = {name: quote(name) for name in schema.names}
    for name in params.columns:
        made = {"absolute": _absolute(schema[name].sql, name), "zero": f"0::{schema[name].sql}", "missing": "NULL"}[
            params.action
        ]
        columns[name] = f"CASE WHEN {quote(name)} < 0 THEN {made} ELSE {quote(name)} END"
    return Change(columns=columns)


def _absolute(kind: str, name: str) -> str:
    """The number without its sign: the least of a small type is one too many for it."""
    wider = {"TINYINT": "SMALLINT", "SMALLINT": "INTEGER", "INTEGER": "BIGINT", "BIGINT": "DECIMAL(38,0)"}.get(
        kind, kind
    )
    return f"-({quote(name)}::{wider})"


def _negatives_code(schema: Schema, params: Negatives, _: Mapping[str, Any]) -> Iterator[str]:
    if params.action == "drop":
        yield f"table = table[~(table[{list(params.columns)!r}] < 0).fillna(False).any(axis=1)]"
        return
    yield f"for name in {list(params.columns)!r}:"
    made = {"absolute": "-table[name]", "zero": "0", "missing": "None"}[params.action]
    yield f"    table[name] = table[name].mask((table[name] < 0).fillna(False).astype(bool), {made})"


_NEGATIVE = {
    "absolute": "Took the sign off {n}", "zero": "Set {n} to 0", "missing": "Set {n} to missing",
    "drop": "Dropped {r} with a number below zero",
}  # fmt: skip


def _gone(params: Any, _: Mapping[str, Any], counts: Counts) -> str:
    return f"Dropped {many(counts.removed, 'row')}."


STEPS = (
    Step(
        slug="drop_duplicates", title="Drop repeated rows", group="Rows", params=Duplicates, change=_unique,
        summary="Rows that say the same as another, in all or in some columns.", code=_unique_code,
        said=lambda params, _, counts: (
            f"Dropped {many(counts.removed, 'row')} that "
            f"{'repeats' if counts.removed == 1 else 'repeat'} another"
            f"{f' in {listed(params.columns)}' if params.columns else ''}."
        ),
    ),
    Step(
        slug="filter", title="Filter rows", group="Rows", params=Filter, change=_filter, code=_filter_code,
        summary="Keep the rows, or drop the rows, for which conditions hold.", said=_gone,
    ),
    Step(
        slug="drop_empty_rows", title="Drop empty rows", group="Rows", params=Nothing, safe=True, said=_gone,
        summary="Rows without a value in any column.", change=lambda schema, params, _: only(schema, _filled(schema)),
        code=lambda schema, params, _: ["table = table.dropna(how='all')"],
    ),
    Step(
        slug="drop_gaps", title="Drop rows with gaps", group="Missing values", params=Gaps, said=_gone,
        summary="Rows with missing values, in any column or in some.",
        change=lambda schema, params, _: only(schema, _full(schema, _columns(schema, params.columns), params.above)),
        code=lambda schema, params, _: _gaps_code(schema, _columns(schema, params.columns), params.above),
    ),
    Step(
        slug="sort", title="Sort rows", group="Rows", params=Sort, change=_sort, code=_sort_code, safe=True,
        summary="Put the rows in an order.", said=lambda params, _, counts: f"Sorted by {listed(params.columns)}.",
    ),
    Step(
        slug="sample", title="Draw a sample", group="Rows", params=Sample, measure=_lots, change=_sample,
        summary="Keep some rows, drawn with a seed.", code=_sample_code,
        said=lambda params, _, counts: (
            f"Drew {many(counts.after, 'row')} of {counts.before:,} with seed {params.seed}."
        ),
    ),
    Step(
        slug="negatives", title="Mend negative numbers", group="Outliers", params=Negatives, change=_negatives,
        summary="Amounts and counts that cannot be below zero.", code=_negatives_code,
        said=lambda params, _, counts: (
            _NEGATIVE[params.action].format(n=many(counts.cells, "number"), r=many(counts.removed, "row"))
            + f" in {listed(params.columns)}."
        ),
    ),
)  # fmt: skip
