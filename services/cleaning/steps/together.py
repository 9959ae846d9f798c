"""Steps that bring another table in: its rows below, or its columns beside."""

from __future__ import annotations

import pprint
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from services.cleaning.others import other_of
from services.cleaning.step import Asked, Change, Counts, Step, dtype, free_name, listed, many, new_name, sql
from services.duck import quote
from services.errors import DataError, ParamError
from services.params import Choice, Column, Dataset, Text, Theirs
from services.schema import ColumnType, Kind, Schema
from services.table import ROW_NUMBER

MOST_ROWS = 50_000_000  # that a join may make of fewer


# Rows of another table below ---------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Append:
    """Whose rows go below, and what becomes of columns that only one of the two has."""

    other: Annotated[str, Dataset("Table")]
    extra: Annotated[
        str, Choice("Columns that only that table has", {"keep": "Keep them", "drop": "Leave them out"})
    ] = "keep"
    mark: Annotated[
        str | None, Text("New column for where a row comes from", help="It holds the names of the two tables.")
    ] = None


def _measure_append(asked: Asked, params: Append) -> Mapping[str, Any]:
    return asked.other(params.other).as_json()


def _appended(schema: Schema, params: Append, theirs: Schema, name: str) -> dict[str, tuple[str | None, ColumnType]]:
    """The columns that both have, or one of them: by name, what the other calls it, and the type that holds both."""
    by_name = {column.name.lower(): column for column in theirs}
    made: dict[str, tuple[str | None, ColumnType]] = {}
    for mine in schema:
        other = by_name.pop(mine.name.lower(), None)
        kind, means = (mine.sql, mine.kind) if other is None else _common(mine, other, name)
        made[mine.name] = (other.name if other else None, ColumnType(name=mine.name, kind=means, sql=kind))
    if params.extra == "keep":
        made |= {column.name: (column.name, column) for column in theirs if column.name.lower() in by_name}
    return made


def _common(mine: ColumnType, other: ColumnType, name: str) -> tuple[str, Kind]:
    """The type that holds the values of both: SQL, and what it means."""
    kind: Kind = mine.kind if mine.kind == other.kind else "text"
    if mine.sql == other.sql:
        return mine.sql, kind
    if mine.is_number and other.is_number:
        whole = mine.kind == other.kind == "integer"
        return ("BIGINT", "integer") if whole else ("DOUBLE", "decimal")
    if mine.is_date and other.is_date:
        return "TIMESTAMP", "datetime"
    if mine.is_text and other.is_text:
        return "VARCHAR", kind
    raise ParamError(
        f"{mine.name} has one type here and another in {name}. Give it the same type in both first.", field="other"
    )


def _append(schema: Schema, params: Append, measured: Mapping[str, Any]) -> Change:
    called, name, theirs = other_of(measured)
    columns = _appended(schema, params, theirs, name)
    table, place = free_name("~table", columns), free_name("~place", columns)
    mine = [_cell(each if each in schema else None, kind) for each, (_, kind) in columns.items()]
    below = [_cell(source, kind) for source, kind in columns.values()]
    kinds = {each: kind.kind for each, (_, kind) in columns.items()}
    names = list(columns)
    if params.mark:
        mark = new_name(params.mark, Schema(tuple(kind for _, kind in columns.values())), "mark")
        mine.append(f"'this table' AS {quote(mark)}")
        below.append(f"{sql(name)} AS {quote(mark)}")
        kinds[mark] = "category"
        names.append(mark)
    return Change(
        columns={each: quote(each) for each in names}, kinds=kinds,
        source=f"SELECT * FROM (SELECT 0 AS {quote(table)}, {ROW_NUMBER} AS {quote(place)}, {', '.join(mine)} "
               f"FROM rows UNION ALL SELECT 1, {ROW_NUMBER}, {', '.join(below)} FROM {called}) "
               f"ORDER BY {quote(table)}, {quote(place)}",
    )  # fmt: skip


def _cell(source: str | None, column: ColumnType) -> str:
    return f"{quote(source) if source else 'NULL'}::{column.sql} AS {quote(column.name)}"


def _append_code(schema: Schema, params: Append, measured: Mapping[str, Any]) -> Iterator[str]:
    _, name, theirs = other_of(measured)
    columns = _appended(schema, params, theirs, name)
    yield from _read(name, theirs)
    renamed = {source: each for each, (source, _) in columns.items() if source and source != each}
    yield f"other = other.rename(columns={renamed!r})"
    types = {each: _pandas(kind) for each, (_, kind) in columns.items()}
    yield f"types = {types!r}"
    yield "both = [each.reindex(columns=list(types)).astype(types) for each in (table, other)]"
    if params.mark:
        yield f"both = [each.assign(**{{{params.mark!r}: name}}) for each, name in zip(both, ('this table', {name!r}))]"
    yield "table = pd.concat(both)"


def _read(name: str, schema: Schema) -> Iterator[str]:
    """Read the CSV of another table, which lies where the script is called."""
    types = {column.name: dtype(column) for column in schema if not column.is_date}
    dates = [column.name for column in schema if column.is_date]
    text = pprint.pformat(types, sort_dicts=False, width=10_000)
    yield f"other = read({name!r}, {text}, {dates!r})"


def _pandas(column: ColumnType) -> str:
    return "datetime64[us]" if column.is_date else dtype(column)


# Columns of another table beside -----------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Join:
    """Where things are looked up, by which columns, and what is brought along."""

    table: Annotated[str, Dataset("Table to look things up in")]
    on: Annotated[tuple[str, ...], Column("By these columns", many=True, help="What says that rows are of one thing.")]
    theirs: Annotated[
        tuple[str, ...],
        Theirs("Their names there", of="table", help="In the same order. None: the same names."),
    ] = ()
    take: Annotated[tuple[str, ...], Theirs("Bring along", of="table", help="None: every other column.")] = ()
    keep: Annotated[
        str,
        Choice(
            "Keep",
            {
                "all": "Every row of this table",
                "found": "Only rows that are found there",
                "others": "Only rows that are not found there",
            },
        ),
    ] = "all"
    several: Annotated[
        str,
        Choice(
            "Where several rows there fit",
            {"each": "A row for each of them", "first": "The first of them"},
            when={"keep": ("all", "found")},
        ),
    ] = "each"


@dataclass(frozen=True)
class _Joined:
    """A join as SQL sees it: the other table, the pairs of keys, and which of its columns come along as what."""

    called: str
    name: str
    keys: Sequence[tuple[ColumnType, ColumnType]]
    taken: Mapping[str, ColumnType]  # new name -> column there

    @property
    def fits(self) -> str:
        return " AND ".join(f"r.{quote(mine.name)} = o.{quote(other.name)}" for mine, other in self.keys)

    @property
    def theirs(self) -> str:
        return ", ".join(quote(other.name) for _, other in self.keys)


def _joined(schema: Schema, params: Join, measured: Mapping[str, Any]) -> _Joined:
    called, name, theirs = other_of(measured)
    named = params.theirs or params.on
    if len(named) != len(params.on):
        raise ParamError(
            f"{many(len(params.on), 'column')} here and {len(named):,} there: name as many there.", field="theirs"
        )
    for each in (*named, *params.take):
        if each not in theirs:
            field = "take" if each in params.take else "theirs"
            raise ParamError(f"{name} has no column {each}. It has: {listed(theirs.names)}.", field=field)
    keys = [(schema[mine], theirs[other]) for mine, other in zip(params.on, named, strict=True)]
    for mine, other in keys:
        if not any(getattr(mine, each) and getattr(other, each) for each in ("is_number", "is_date", "is_text")) and (
            mine.kind != other.kind
        ):
            raise ParamError(
                f"{mine.name} has one type here and {other.name} another in {name}. Give them the same type first.",
                field="on",
            )
    wanted = params.take or [each for each in theirs.names if each not in named]
    taken: dict[str, ColumnType] = {}
    if params.keep != "others":
        for each in wanted:
            taken[free_name(each, [*schema.names, *taken])] = theirs[each]
    return _Joined(called, name, keys, taken)


def _measure_join(asked: Asked, params: Join) -> Mapping[str, Any]:
    measured = asked.other(params.table).as_json()
    joined = _joined(asked.schema, params, measured)
    is_there = " AND ".join(f"{quote(other.name)} IS NOT NULL" for _, other in joined.keys)
    keyed = ", ".join(f"{quote(other.name)} AS k{at}" for at, (_, other) in enumerate(joined.keys))
    alike = " AND ".join(f"r.{quote(mine.name)} = o.k{at}" for at, (mine, _) in enumerate(joined.keys))
    ((found, made),) = asked.fetch(
        f"SELECT count(*), coalesce(sum(o.n), 0)::BIGINT FROM rows r JOIN (SELECT {keyed}, count(*) AS n "
        f"FROM {joined.called} WHERE {is_there} GROUP BY ALL) o ON {alike}"
    )
    ((several,),) = asked.fetch(
        f"SELECT count(*) FROM (SELECT {keyed} FROM {joined.called} WHERE {is_there} GROUP BY ALL HAVING count(*) > 1)"
    )
    ((unused,),) = asked.fetch(
        f"SELECT count(*) FROM {joined.called} o WHERE NOT EXISTS (SELECT 1 FROM rows r WHERE {joined.fits})"
    )
    after = made if params.keep == "found" else made + asked.rows - found
    if params.several == "each" and params.keep != "others" and after > max(MOST_ROWS, asked.rows):
        raise DataError(
            f"These {asked.rows:,} rows would become {after:,}, since keys stand several times in {joined.name}. "
            "Join by more columns, or take the first row of each."
        )
    return {**measured, "found": found, "several": several, "unused": unused}


def _join(schema: Schema, params: Join, measured: Mapping[str, Any]) -> Change:
    joined = _joined(schema, params, measured)
    mine = ", ".join(f"r.{quote(name)}" for name in schema.names)
    if params.keep == "others":
        text = f"FROM rows r WHERE NOT EXISTS (SELECT 1 FROM {joined.called} o WHERE {joined.fits})"
        text = f"SELECT {mine} {text} ORDER BY r.{ROW_NUMBER}"
    else:
        source = joined.called
        if params.several == "first":
            first = f"row_number() OVER (PARTITION BY {joined.theirs} ORDER BY {ROW_NUMBER}) = 1"
            source = f"(SELECT * FROM {joined.called} QUALIFY {first})"
        brought = "".join(f", o.{quote(other.name)} AS {quote(name)}" for name, other in joined.taken.items())
        how = "LEFT JOIN" if params.keep == "all" else "JOIN"
        text = f"SELECT {mine}{brought} FROM rows r {how} {source} o ON {joined.fits} "
        text += f"ORDER BY r.{ROW_NUMBER}, o.{ROW_NUMBER}"
    return Change(
        columns={name: quote(name) for name in (*schema.names, *joined.taken)},
        kinds={name: column.kind for name, column in joined.taken.items()},
        source=text,
    )


def _join_code(schema: Schema, params: Join, measured: Mapping[str, Any]) -> Iterator[str]:
    joined = _joined(schema, params, measured)
    yield from _read(joined.name, other_of(measured)[2])
    there = [other.name for _, other in joined.keys]
    keys = [free_name("~key", [*schema.names, *joined.taken]) + str(at) for at in range(len(there))]
    yield f"theirs = other[{there!r}].set_axis({keys!r}, axis=1)"
    for name, other in joined.taken.items():
        yield f"theirs[{name!r}] = other[{other.name!r}]"
    yield f"theirs = theirs.dropna(subset={keys!r})"
    mine = [each.name for each, _ in joined.keys]
    numbers = [(one.name, key) for (one, other), key in zip(joined.keys, keys, strict=True) if one.is_number]
    for name, key in numbers:
        if schema[name].kind != "integer":  # engines compare a number of one type with a number of the other
            yield f"theirs[{key!r}] = theirs[{key!r}].astype('float64')"
    if params.keep == "others":
        yield f"theirs = theirs.drop_duplicates({keys!r})"
        yield f"met = table.merge(theirs, how='left', left_on={mine!r}, right_on={keys!r}, indicator='~met')"
        yield "table = table[(met['~met'] == 'left_only').to_numpy()]"
        return
    if params.several == "first":
        yield f"theirs = theirs.drop_duplicates({keys!r})"
    how = "left" if params.keep == "all" else "inner"
    yield f"table = table.merge(theirs, how={how!r}, left_on={mine!r}, right_on={keys!r}).drop(columns={keys!r})"


def _join_said(params: Join, measured: Mapping[str, Any], counts: Counts) -> str:
    name, found = measured["name"], measured["found"]
    lost = counts.before - found
    said = f"Looked {many(counts.before, 'row')} up in {name} by {listed(params.on)}: {found:,} were found"
    said += f", {lost:,} were not" if lost else ""
    if params.keep != "all":
        said += f"; {many(counts.after, 'row')} stayed"
    elif counts.after > counts.before:
        said += f"; they became {many(counts.after, 'row')}, since {many(measured['several'], 'key')} "
        said += f"{'stands' if measured['several'] == 1 else 'stand'} several times there"
    elif measured["several"]:
        keys = many(measured["several"], "key")
        said += f"; {keys} {'stands' if measured['several'] == 1 else 'stand'} several times there"
    unused = measured["unused"]
    there = f" {many(unused, 'row')} there {'was' if unused == 1 else 'were'} not asked for." if unused else ""
    return f"{said}.{there}"


STEPS = (
    Step(
        slug="append", title="Append a table", group="Tables", params=Append, measure=_measure_append, change=_append,
        summary="The rows of another table below, columns of one name together.", code=_append_code, again=False,
        said=lambda params, measured, counts: (
            f"Put {many(measured['rows'], 'row')} of {measured['name']} below: "
            f"{counts.before:,} became {counts.after:,}."
        ),
    ),
    Step(
        slug="join", title="Join a table", group="Tables", params=Join, measure=_measure_join, change=_join,
        summary="Columns of another table beside, looked up by what both have.", code=_join_code, again=False,
        said=_join_said,
    ),
)  # fmt: skip
