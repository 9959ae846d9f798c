"""Steps about which columns there are: their names, their order, and those that say nothing."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
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
    new_name,
    sql,
)  # fmt: skip
from services.duck import quote
from services.errors import DataError, ParamError
from services.params import Choice, Column, Flag, Number, Pairs, Text
from services.schema import Schema
from services.table import ROW_NUMBER

_SIGNS = re.compile(r"[^0-9a-z]+")


@dataclass(frozen=True, kw_only=True)
class Rename:
    """New names for some columns."""

    names: Annotated[tuple[tuple[str, str], ...], Pairs("Names", to="is called", of_columns=True)]


def _renamed(schema: Schema, params: Rename) -> dict[str, str]:
    given = {old: new_name(new, Schema(()), "names") for old, new in params.names}
    for old in given:
        if old not in schema:
            raise ParamError(f"There is no column {old} to rename.", field="names")
    names = {name: given.get(name, name) for name in schema.names}
    taken: set[str] = set()
    for name in names.values():
        if name.lower() in taken:
            raise ParamError(f"Two columns would be called {name}. Choose another name.", field="names")
        taken.add(name.lower())
    return names


def _rename(schema: Schema, params: Rename, _: Mapping[str, Any]) -> Change:
    return _under(schema, _renamed(schema, params))


def _under(schema: Schema, names: Mapping[str, str]) -> Change:
    return Change(
        columns={names[name]: quote(name) for name in schema.names},
        kinds={names[column.name]: column.kind for column in schema},
    )


def _rename_code(names: Mapping[str, str]) -> Iterator[str]:
    changed = {old: new for old, new in names.items() if old != new}
    yield f"table = table.rename(columns={changed!r})"


def snake(names: Iterable[str]) -> dict[str, str]:
    """Each name in small letters, digits and `_`, told apart by a number where two come out alike.

    A name that keeps no letter or digit is column_1, column_2... by its place.
    """
    made: dict[str, str] = {}
    taken = {ROW_NUMBER}
    for place, name in enumerate(names, 1):
        plain = _SIGNS.sub("_", _latin(name)).strip("_") or f"column_{place}"
        made[name] = free_name(plain, taken)
        taken.add(made[name])
    return made


def _latin(name: str) -> str:
    import unicodedata

    apart = unicodedata.normalize("NFKD", name.replace("ß", "ss"))
    return "".join(sign for sign in apart if not unicodedata.combining(sign)).lower()


@dataclass(frozen=True, kw_only=True)
class Plain:
    """Nothing to choose."""


def _snaked(schema: Schema) -> dict[str, str]:
    return snake(schema.names)


def _said_names(params: Plain, measured: Mapping[str, Any], counts: Counts) -> str:
    return "Gave the columns plain names: small letters, digits and _."


@dataclass(frozen=True, kw_only=True)
class Drop:
    """Columns that go."""

    columns: Annotated[tuple[str, ...], Column("Columns", many=True)]


def _kept(schema: Schema, gone: Iterable[str]) -> Change:
    left = [name for name in schema.names if name not in set(gone)]
    if not left:
        raise ParamError("No column would be left. Keep at least one.", field="columns")
    return Change(columns={name: quote(name) for name in left})


def _drop_code(gone: Iterable[str]) -> Iterator[str]:
    yield f"table = table.drop(columns={list(gone)!r})"


@dataclass(frozen=True, kw_only=True)
class Keep:
    """Columns that stay, in the order they are given."""

    columns: Annotated[tuple[str, ...], Column("Columns", many=True, help="In the order they should have.")]


def _keep(schema: Schema, params: Keep, _: Mapping[str, Any]) -> Change:
    return Change(columns={name: quote(name) for name in params.columns})


def _keep_code(schema: Schema, params: Keep, _: Mapping[str, Any]) -> Iterator[str]:
    yield f"table = table[{list(params.columns)!r}]"


@dataclass(frozen=True, kw_only=True)
class First:
    """Columns that come first."""

    columns: Annotated[tuple[str, ...], Column("First", many=True, help="The others follow as they are.")]


def _ordered(schema: Schema, params: First) -> list[str]:
    return [*params.columns, *(name for name in schema.names if name not in params.columns)]


def _first(schema: Schema, params: First, _: Mapping[str, Any]) -> Change:
    return Change(columns={name: quote(name) for name in _ordered(schema, params)})


@dataclass(frozen=True, kw_only=True)
class Constant:
    """Whether gaps count as a second value."""

    gaps: Annotated[
        bool, Flag("A column with gaps has two values", help="Then a column of one value and gaps stays.")
    ] = True


def _find_constant(asked: Asked, params: Constant) -> Mapping[str, Any]:
    # One at a time: a question about many wide columns at once holds a value of each for every thread.
    gone = []
    for name in asked.schema.names:
        column = quote(name)
        ((low, high, filled),) = asked.fetch(
            f"SELECT min({column})::VARCHAR, max({column})::VARCHAR, count({column}) FROM rows"
        )
        if asked.rows and low == high and (not filled or filled == asked.rows or not params.gaps):
            gone.append(name)
    return {"gone": gone}


def _gone(schema: Schema, measured: Mapping[str, Any]) -> Change:
    gone = measured["gone"]
    if gone and len(gone) == len(schema):
        raise DataError("No column would be left: none of them varies. Drop those you do not need by name.")
    return _kept(schema, gone)


def _said_constant(params: Constant, measured: Mapping[str, Any], counts: Counts) -> str:
    gone = measured["gone"]
    return f"Dropped {listed(gone)}, the same in every row." if gone else "No column is the same in every row."


@dataclass(frozen=True, kw_only=True)
class Emptier:
    """How empty a column must be to go."""

    above: Annotated[
        float, Number("Missing in more than (%)", 0, 100, help="At 0, any gap is too many; at 100 nothing goes.")
    ] = 80.0


def _find_empty(asked: Asked, params: Emptier) -> Mapping[str, Any]:
    gone = []
    for name in asked.schema.names:
        ((missing,),) = asked.fetch(f"SELECT count(*) - count({quote(name)}) FROM rows")
        if asked.rows and 100 * missing > params.above * asked.rows:
            gone.append(name)
    return {"gone": gone}


def _said_empty(params: Emptier, measured: Mapping[str, Any], counts: Counts) -> str:
    gone, share = measured["gone"], f"{params.above:g} %"
    return (
        f"Dropped {listed(gone)}, empty in more than {share}." if gone else f"No column is empty in more than {share}."
    )


@dataclass(frozen=True, kw_only=True)
class Split:
    """Where a text is parted, and into how many columns."""

    column: Annotated[str, Column("Column", kind="text")]
    by: Annotated[str, Choice("Part", {"text": "At a text", "pattern": "By a pattern with (groups)"})] = "text"
    at: Annotated[str, Text("At", help="A text such as “, ”; or a pattern such as (\\d+) ([A-Z]+).")] = " "
    parts: Annotated[
        int, Number("Columns", 2, 20, help="What is beyond the last part stays in it.", when={"by": ("text",)})
    ] = 2
    keep: Annotated[bool, Flag("Keep the column")] = True


def _groups(params: Split) -> int:
    try:
        return re.compile(params.at).groups
    except re.error as error:
        raise ParamError(f"This is no pattern: {error}.", field="at") from None


def _part_names(schema: Schema, params: Split) -> list[str]:
    if not params.at:
        raise ParamError("Say at which text it is parted.", field="at")
    number = params.parts if params.by == "text" else _groups(params)
    if not 1 <= number <= 20:
        raise ParamError("A pattern needs 1 to 20 (groups): each becomes a column.", field="at")
    names: list[str] = []
    for part in range(1, number + 1):
        names.append(free_name(f"{params.column}_{part}", [*schema.names, *names]))
    return names


def _split(schema: Schema, params: Split, _: Mapping[str, Any]) -> Change:
    names, column = _part_names(schema, params), quote(params.column)
    if params.by == "text":
        parts = f"string_split({column}, {sql(params.at)})"
        made = [f"{parts}[{part}]" for part in range(1, len(names))]
        made.append(f"array_to_string({parts}[{len(names)}:], {sql(params.at)})")
    else:
        made = [f"regexp_extract({column}, {sql(params.at)}, {group})" for group in range(1, len(names) + 1)]
    change = cells(
        schema,
        {name: f"nullif({value}, '')" for name, value in zip(names, made, strict=True)},
        dict.fromkeys(names, "text"),
    )
    if params.keep:
        return change
    return Change(columns={k: v for k, v in change.columns.items() if k != params.column}, kinds=change.kinds)


def _split_code(schema: Schema, params: Split, _: Mapping[str, Any]) -> Iterator[str]:
    names = _part_names(schema, params)
    if params.by == "text":
        yield f"parts = table[{params.column!r}].str.split({params.at!r}, n={len(names) - 1}, expand=True, regex=False)"
        yield f"parts = parts.reindex(columns=range({len(names)})).astype('str')"
    else:
        yield f"parts = table[{params.column!r}].str.extract({params.at!r})"
    yield f"table[{names!r}] = parts.mask(parts == '').astype('str')"
    if not params.keep:
        yield from _drop_code([params.column])


@dataclass(frozen=True, kw_only=True)
class Merge:
    """Columns that become one text."""

    columns: Annotated[tuple[str, ...], Column("Columns", kind="key", many=True, help="Texts and whole numbers.")]
    name: Annotated[str, Text("Name of the new column")]
    between: Annotated[str, Text("Between them", longest=20)] = " "
    keep: Annotated[bool, Flag("Keep the columns")] = True


def _merge_name(schema: Schema, params: Merge) -> str:
    return new_name(params.name, schema, replaces=() if params.keep else params.columns)


def _merge(schema: Schema, params: Merge, _: Mapping[str, Any]) -> Change:
    name = _merge_name(schema, params)
    texts = ", ".join(f"{quote(each)}::VARCHAR" for each in params.columns)
    gone = () if params.keep else params.columns
    columns = {each: quote(each) for each in schema.names if each not in gone}
    return Change(
        columns={**columns, name: f"nullif(concat_ws({sql(params.between)}, {texts}), '')"}, kinds={name: "text"}
    )


def _merge_code(schema: Schema, params: Merge, _: Mapping[str, Any]) -> Iterator[str]:
    name = _merge_name(schema, params)
    yield f"texts = table[{list(params.columns)!r}].astype('str')"
    yield f"merged = [{params.between!r}.join(text for text in row if pd.notna(text)) for row in texts.to_numpy()]"
    if not params.keep:
        yield from _drop_code(params.columns)
    yield "merged = pd.Series(merged, index=table.index, dtype='str')"
    yield f"table[{name!r}] = merged.mask(merged == '')"


STEPS = (
    Step(
        slug="rename", title="Rename columns", group="Columns", summary="Give columns other names.", params=Rename,
        change=_rename, code=lambda schema, params, _: _rename_code(_renamed(schema, params)), safe=True, again=False,
        said=lambda params, _, counts: f"Renamed {listed(f'{old} to {new}' for old, new in params.names)}.",
    ),
    Step(
        slug="plain_names", title="Make names plain", group="Columns", params=Plain, safe=True,
        summary="Small letters, digits and _, each name once.",
        change=lambda schema, params, _: _under(schema, _snaked(schema)),
        code=lambda schema, params, _: _rename_code(_snaked(schema)), said=_said_names,
    ),
    Step(
        slug="drop_column", title="Drop columns", group="Columns", params=Drop, again=False,
        summary="Leave out columns that are not needed.",
        change=lambda schema, params, _: _kept(schema, params.columns),
        code=lambda schema, params, _: _drop_code(params.columns),
        said=lambda params, _, counts: f"Dropped {listed(params.columns)}.",
    ),
    Step(
        slug="keep_column", title="Keep columns", group="Columns", params=Keep, change=_keep, code=_keep_code,
        summary="Keep only some columns, in an order of yours.",
        said=lambda params, _, counts: f"Kept {many(len(params.columns), 'column')}: {listed(params.columns)}.",
    ),
    Step(
        slug="first", title="Move columns to the front", group="Columns", params=First, change=_first, safe=True,
        summary="Change the order of columns.",
        code=lambda schema, params, _: [f"table = table[{_ordered(schema, params)!r}]"],
        said=lambda params, _, counts: f"Moved {listed(params.columns)} to the front.",
    ),
    Step(
        slug="drop_constant", title="Drop constant columns", group="Columns", params=Constant, measure=_find_constant,
        summary="Columns that say the same in every row.",
        change=lambda schema, params, measured: _gone(schema, measured),
        code=lambda schema, params, measured: _drop_code(measured["gone"]), said=_said_constant,
    ),
    Step(
        slug="drop_empty_columns", title="Drop columns with many gaps", group="Columns", params=Emptier,
        summary="Columns with more missing values than a share of the rows.", measure=_find_empty,
        change=lambda schema, params, measured: _gone(schema, measured),
        code=lambda schema, params, measured: _drop_code(measured["gone"]), said=_said_empty,
    ),
    Step(
        slug="split", title="Split a column", group="Columns", params=Split, change=_split, code=_split_code,
        summary="Part a text into several columns.", safe=True, again=False,
        said=lambda params, _, counts: f"Split {params.column}.",
    ),
    Step(
        slug="merge", title="Join columns into one", group="Columns", params=Merge, change=_merge, code=_merge_code,
        summary="Put several columns together as one text; gaps are left out.", safe=True, again=False,
        said=lambda params, _, counts: f"Joined {listed(params.columns)} into {params.name}.",
    ),
)  # fmt: skip
