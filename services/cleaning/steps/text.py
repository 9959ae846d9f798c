"""Steps about how texts are written: spaces, letters, parts of them, and spellings of one thing."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from services.cleaning import spelling
from services.cleaning.step import Asked, Change, Counts, Step, cells, listed, many, sql
from services.duck import quote
from services.errors import DataError, ParamError
from services.params import Choice, Column, Flag, Number, Pairs, Text, Values
from services.schema import ColumnType, Schema

# What counts as a space, as Python and as the engine write it: \s is not the same to both.
SPACES = r"[ \t-\r\x1c-\x1f\x85\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000\ufeff]+"
_ENGINE_SPACES = re.sub(r"\\[xu]([0-9a-f]+)", r"\\x{\1}", SPACES)
ALL_TEXTS = "None chosen: every column of text."
_MARKUP = "<[^<>]*>"
_SIGNS = {"&nbsp;": " ", "&lt;": "<", "&gt;": ">", "&quot;": '"', "&#39;": "'", "&apos;": "'", "&amp;": "&"}
STAND_INS = ("NA", "N/A", "#N/A", "NaN", "null", "none", "nil", "missing", "unknown", "undefined", "-", "--", "?", ".")


def _is_text(column: ColumnType) -> bool:
    return column.sql == "VARCHAR"


def _texts(schema: Schema, names: Sequence[str]) -> list[str]:
    """The texts that were named, or all of them."""
    return list(names) or [column.name for column in schema if _is_text(column)]


def _each(schema: Schema, names: Sequence[str], made: str) -> Change:
    """Every text column `x` becomes `made`; an empty text is a missing value."""
    return cells(schema, {name: f"nullif({made.replace('{x}', quote(name))}, '')" for name in _texts(schema, names)})


def _each_code(schema: Schema, names: Sequence[str], made: str) -> Iterator[str]:
    yield f"for name in {_texts(schema, names)!r}:"
    yield f"    texts = {made}"
    yield "    table[name] = texts.mask(texts == '')"


def _in(names: Sequence[str], counts: Counts) -> str:
    """Where it was done: the columns in which something changed."""
    changed = [name for name, number in counts.columns.items() if number]
    return listed(changed or names) or "no column"


@dataclass(frozen=True, kw_only=True)
class Trim:
    """Where spaces are taken away."""

    columns: Annotated[tuple[str, ...], Column("Columns", kind="text", many=True, help=ALL_TEXTS)] = ()
    inside: Annotated[bool, Flag("Also inside", help="Several spaces, tabs and line ends become one space.")] = True


def _trim_sql(params: Trim) -> str:
    ends = f"regexp_replace({{x}}, {sql(f'^{_ENGINE_SPACES}|{_ENGINE_SPACES}$')}, '', 'g')"
    return f"regexp_replace({ends}, {sql(_ENGINE_SPACES)}, ' ', 'g')" if params.inside else ends


def _trim_code(schema: Schema, params: Trim, _: Mapping[str, Any]) -> Iterator[str]:
    ends = f"table[name].str.replace(re.compile({f'^{SPACES}|{SPACES}$'!r}), '', regex=True)"
    inside = f".str.replace(re.compile({SPACES!r}), ' ', regex=True)" if params.inside else ""
    yield from _each_code(schema, params.columns, ends + inside)


@dataclass(frozen=True, kw_only=True)
class Case:
    """Which letters."""

    columns: Annotated[tuple[str, ...], Column("Columns", kind="text", many=True, help=ALL_TEXTS)] = ()
    to: Annotated[
        str,
        Choice("Letters", {"lower": "small", "upper": "CAPITALS", "sentence": "First capital", "title": "Each Word"}),
    ] = "lower"


_FIRST = "upper({x}[1]) || lower({x}[2:])"
_CASES = {
    "lower": "lower({x})", "upper": "upper({x})", "sentence": _FIRST,
    "title": "list_aggregate(list_transform(string_split({x}, ' '), lambda w: upper(w[1]) || lower(w[2:])), "
             "'string_agg', ' ')",
}  # fmt: skip
_CASE_CODE = {
    "lower": "table[name].str.lower()", "upper": "table[name].str.upper()",
    "sentence": "table[name].str[:1].str.upper() + table[name].str[1:].str.lower()",
    "title": "table[name].map(lambda text: ' '.join(word[:1].upper() + word[1:].lower() for word in text.split(' ')),"
             " na_action='ignore')",
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Signs:
    """Which signs are made alike."""

    columns: Annotated[tuple[str, ...], Column("Columns", kind="text", many=True, help=ALL_TEXTS)] = ()
    accents: Annotated[bool, Flag("Take accents off", help="é becomes e. Names lose what tells them apart.")] = False
    markup: Annotated[
        bool, Flag("Take markup off", help="<b>, <br/> and signs such as &amp; as web pages write them.")
    ] = False


def _signs_sql(params: Signs) -> str:
    made = "nfc_normalize({x})"
    if params.markup:
        made = f"regexp_replace({made}, {sql(_MARKUP)}, '', 'g')"
        for sign, plain in _SIGNS.items():
            made = f"replace({made}, {sql(sign)}, {sql(plain)})"
    return f"strip_accents({made})" if params.accents else made


def _signs_code(schema: Schema, params: Signs, _: Mapping[str, Any]) -> Iterator[str]:
    made = "table[name].str.normalize('NFC')"
    if params.markup:
        made += f".str.replace({_MARKUP!r}, '', regex=True)"
        for sign, plain in _SIGNS.items():
            made += f".str.replace({sign!r}, {plain!r}, regex=False)"
    if params.accents:
        yield "marks = re.compile('[\\u0300-\\u036f]')"
        made += ".str.normalize('NFD').str.replace(marks, '', regex=True).str.normalize('NFC')"
    yield from _each_code(schema, params.columns, made)


@dataclass(frozen=True, kw_only=True)
class Replace:
    """What is looked for, and what it becomes."""

    columns: Annotated[tuple[str, ...], Column("Columns", kind="text", many=True, help=ALL_TEXTS)] = ()
    find: Annotated[str, Text("Find", longest=1_000)]
    to: Annotated[str, Text("Replace by", longest=1_000, help="Nothing: what is found goes.")] = ""
    how: Annotated[
        str, Choice("Where", {"part": "Anywhere in a text", "whole": "The whole text", "pattern": "By a pattern"})
    ] = "part"
    case: Annotated[bool, Flag("Capitals matter")] = True


def _pattern(params: Replace) -> str:
    """A pattern in which what must not count as one is taken literally."""
    if params.how != "pattern":
        plain = re.sub(r"([^\w\s])", r"\\\1", params.find, flags=re.ASCII)
        return f"^{plain}$" if params.how == "whole" else plain
    try:
        re.compile(params.find)
    except re.error as error:
        raise ParamError(f"This is no pattern: {error}.", field="find") from None
    return params.find


def _replaced_sql(schema: Schema, params: Replace, _: Mapping[str, Any]) -> Change:
    if params.how == "part" and params.case:
        made = f"replace({{x}}, {sql(params.find)}, {sql(params.to)})"
    elif params.how == "whole" and params.case:
        made = f"CASE WHEN {{x}} = {sql(params.find)} THEN {sql(params.to)} ELSE {{x}} END"
    else:
        to = params.to if params.how == "pattern" else params.to.replace("\\", "\\\\")
        made = f"regexp_replace({{x}}, {sql(_pattern(params))}, {sql(to)}, '{'g' if params.case else 'gi'}')"
    return _each(schema, params.columns, made)


def _replace_code(schema: Schema, params: Replace, _: Mapping[str, Any]) -> Iterator[str]:
    if params.how == "part" and params.case:
        made = f"table[name].str.replace({params.find!r}, {params.to!r}, regex=False)"
    elif params.how == "whole" and params.case:
        made = f"table[name].mask(table[name] == {params.find!r}, {params.to!r})"
    else:
        to = params.to if params.how == "pattern" else params.to.replace("\\", "\\\\")
        flags = "" if params.case else ", re.IGNORECASE"
        made = f"table[name].str.replace(re.compile({_pattern(params)!r}{flags}), {to!r}, regex=True)"
    yield from _each_code(schema, params.columns, made)


@dataclass(frozen=True, kw_only=True)
class Missing:
    """What stands for a missing value."""

    columns: Annotated[tuple[str, ...], Column("Columns", many=True, help="None chosen: every column.")] = ()
    values: Annotated[
        tuple[str, ...],
        Values("Values", of="columns", help="Written in capitals or not. A number stands for itself: -999."),
    ] = STAND_INS


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _stand_in(column: ColumnType, values: Sequence[str]) -> str | None:
    """SQL: whether a cell of `column` stands for a missing value; None where none of `values` can be there."""
    name = quote(column.name)
    if column.is_text:
        return f"lower(trim({name})) IN ({', '.join(sql(value.strip().lower()) for value in values)})"
    if column.is_number:
        numbers = [number for number in map(_number, values) if number is not None]
        return f"{name}::DOUBLE IN ({', '.join(map(sql, numbers))})" if numbers else None
    if column.is_date:
        days = [value for value in values if re.fullmatch(r"\d{4}-\d{2}-\d{2}", value)]
        return f"{name}::DATE::VARCHAR IN ({', '.join(map(sql, days))})" if days else None
    return None


def _missing_in(schema: Schema, params: Missing) -> dict[str, str]:
    if not params.values:
        raise ParamError("Say which values stand for a missing one.", field="values")
    found = {}
    for name in params.columns or schema.names:
        stands = _stand_in(schema[name], params.values)
        if stands:
            found[name] = stands
    return found


def _to_missing(schema: Schema, params: Missing, _: Mapping[str, Any]) -> Change:
    stands = _missing_in(schema, params)
    return cells(
        schema, {name: f"CASE WHEN NOT coalesce({sql}, false) THEN {quote(name)} END" for name, sql in stands.items()}
    )


def _to_missing_code(schema: Schema, params: Missing, _: Mapping[str, Any]) -> Iterator[str]:
    yield f"stand_ins = {[value.strip().lower() for value in params.values]!r}"
    for name in _missing_in(schema, params):
        column, cell = schema[name], f"table[{name!r}]"
        if column.is_text:
            yield f"{cell} = {cell}.mask({cell}.str.strip(' ').str.lower().isin(stand_ins))"
        elif column.is_number:
            numbers = [number for number in map(_number, params.values) if number is not None]
            yield f"{cell} = {cell}.mask({cell}.isin({numbers!r}))"
        else:
            yield f"{cell} = {cell}.mask({cell}.dt.strftime('%Y-%m-%d').isin(stand_ins))"


@dataclass(frozen=True, kw_only=True)
class Map:
    """What each value becomes."""

    column: Annotated[str, Column("Column", kind="text")]
    pairs: Annotated[tuple[tuple[str, str], ...], Pairs("Values", help="Nothing on the right: a missing value.")]
    others: Annotated[str, Choice("All others", {"keep": "Stay", "missing": "Become missing"})] = "keep"


def _mapped(schema: Schema, column: str, pairs: Sequence[tuple[str, str]], others: str = "keep") -> Change:
    name = quote(column)
    if not pairs:
        return cells(schema, {})
    # A map, not a CASE of thousands of parts, each of which costs the engine memory.
    keys = ", ".join(sql(old) for old, _ in pairs)
    values = ", ".join(sql(new or None) for _, new in pairs)
    place = f"list_position([{keys}], {name})"
    rest = name if others == "keep" else "NULL"
    return cells(schema, {column: f"CASE WHEN {place} IS NOT NULL THEN [{values}][{place}] ELSE {rest} END"})


def _map_code(column: str, pairs: Sequence[tuple[str, str]], others: str = "keep") -> Iterator[str]:
    cell = f"table[{column!r}]"
    yield f"becomes = { ({old: new or None for old, new in pairs})!r}"
    if others == "keep":
        yield f"{cell} = {cell}.where(~{cell}.isin(list(becomes)), {cell}.map(becomes)).astype('str')"
    else:
        yield f"{cell} = {cell}.map(becomes).astype('str')"


@dataclass(frozen=True, kw_only=True)
class Spellings:
    """Which spellings mean one thing."""

    column: Annotated[str, Column("Column", kind="text")]
    alike: Annotated[
        str,
        Choice(
            "Taken for one",
            {
                "fingerprint": "Same words: capitals, spaces, accents, signs and order aside",
                "gram": "Same pairs of letters: finds some slips of the pen too",
            },
        ),
    ] = "fingerprint"
    pairs: Annotated[
        tuple[tuple[str, str], ...], Pairs("Only these", help="None given: every spelling that is found.")
    ] = ()


def _find_spellings(asked: Asked, params: Spellings) -> Mapping[str, Any]:
    if params.pairs:
        return {"pairs": [list(pair) for pair in params.pairs]}
    found = spelling.counted(asked.fetch, params.column)
    if len(found) > spelling.MOST:
        raise DataError(
            f"{params.column} has more than {spelling.MOST:,} different values: no names that are spelt otherwise."
        )
    return {"pairs": [list(pair) for cluster in spelling.clusters(found, params.alike) for pair in cluster.pairs]}


@dataclass(frozen=True, kw_only=True)
class Rare:
    """How many values keep their name."""

    column: Annotated[str, Column("Column", kind="text")]
    most: Annotated[int, Number("Keep the most frequent", 1, 1_000)] = 10
    name: Annotated[str, Text("The others become")] = "Other"


def _find_frequent(asked: Asked, params: Rare) -> Mapping[str, Any]:
    column = quote(params.column)
    found = asked.fetch(
        f"SELECT {column} AS v FROM rows WHERE v IS NOT NULL GROUP BY 1 ORDER BY count(*) DESC, v "
        f"LIMIT {params.most + 1}"
    )
    kept = [value for (value,) in found]
    return {"kept": kept[: params.most], "others": len(kept) > params.most}


def _rare(schema: Schema, params: Rare, measured: Mapping[str, Any]) -> Change:
    if not params.name.strip():
        raise ParamError("The others need a name. Write one.", field="name")
    name = quote(params.column)
    kept = ", ".join(map(sql, measured["kept"]))
    if not measured["others"]:
        return cells(schema, {})
    return cells(
        schema,
        {params.column: f"CASE WHEN {name} IS NULL OR {name} IN ({kept}) THEN {name} ELSE {sql(params.name)} END"},
    )


def _rare_code(schema: Schema, params: Rare, measured: Mapping[str, Any]) -> Iterator[str]:
    cell = f"table[{params.column!r}]"
    if measured["others"]:
        yield f"frequent = {measured['kept']!r}"
        yield f"{cell} = {cell}.where({cell}.isna() | {cell}.isin(frequent), {params.name!r})"


@dataclass(frozen=True, kw_only=True)
class Mask:
    """What is left of a text that nobody should read."""

    columns: Annotated[tuple[str, ...], Column("Columns", kind="text", many=True)]
    how: Annotated[
        str,
        Choice(
            "Leave",
            {"hash": "A code that is the same for the same text", "last": "The last four signs", "none": "Nothing"},
        ),
    ] = "hash"
    salt: Annotated[
        str,
        Text(
            "Secret", help="With a secret of yours, nobody can find a text by coding guesses.", when={"how": ("hash",)}
        ),
    ] = ""


def _mask(schema: Schema, params: Mask, _: Mapping[str, Any]) -> Change:
    made = {
        "hash": f"left(sha256({sql(params.salt)} || {{x}}), 16)",
        "last": "CASE WHEN length({x}) > 4 THEN repeat('*', (length({x}) - 4)::INTEGER) || right({x}, 4) "
                "ELSE repeat('*', length({x})::INTEGER) END",
        "none": "CASE WHEN {x} IS NOT NULL THEN '***' END",
    }[params.how]  # fmt: skip
    return cells(schema, {name: made.replace("{x}", quote(name)) for name in params.columns})


def _mask_code(schema: Schema, params: Mask, _: Mapping[str, Any]) -> Iterator[str]:
    made = {
        "hash": f"hashlib.sha256(({params.salt!r} + text).encode()).hexdigest()[:16]",
        "last": "'*' * (len(text) - 4) + text[-4:] if len(text) > 4 else '*' * len(text)",
        "none": "'***'",
    }[params.how]
    yield f"for name in {list(params.columns)!r}:"
    yield f"    table[name] = table[name].map(lambda text: {made}, na_action='ignore')"


STEPS = (
    Step(
        slug="trim", title="Trim spaces", group="Text", summary="Take spaces away before, after and inside texts.",
        params=Trim, change=lambda schema, params, _: _each(schema, params.columns, _trim_sql(params)), safe=True,
        code=_trim_code,
        said=lambda params, _, counts: f"Trimmed {many(counts.cells, 'cell')} of {_in(params.columns, counts)}.",
    ),
    Step(
        slug="case", title="Change capitals", group="Text", summary="Small letters, capitals, or a capital first.",
        params=Case, change=lambda schema, params, _: _each(schema, params.columns, _CASES[params.to]),
        code=lambda schema, params, _: _each_code(schema, params.columns, _CASE_CODE[params.to]),
        said=lambda params, _, counts: (
            f"Changed the capitals of {many(counts.cells, 'cell')} of {_in(params.columns, counts)}."
        ),
    ),
    Step(
        slug="signs", title="Make signs alike", group="Text", params=Signs,
        summary="One way to write each accented letter; accents and markup off where wanted.",
        change=lambda schema, params, _: _each(schema, params.columns, _signs_sql(params)), code=_signs_code,
        said=lambda params, _, counts: (
            f"Made signs alike in {many(counts.cells, 'cell')} of {_in(params.columns, counts)}."
        ),
    ),
    Step(
        slug="replace", title="Find and replace", group="Text", params=Replace, change=_replaced_sql, again=False,
        summary="Replace a text, a whole cell, or what a pattern finds.", code=_replace_code,
        said=lambda params, _, counts: (
            f"Replaced “{params.find}” by “{params.to}” in {many(counts.cells, 'cell')}."
        ),
    ),
    Step(
        slug="to_missing", title="Set stand-ins to missing", group="Missing values", params=Missing, change=_to_missing,
        summary="Values such as -999, N/A or ? that only say that there is none.", code=_to_missing_code,
        said=lambda params, _, counts: f"Set {many(counts.cells, 'cell')} of {_in(params.columns, counts)} to missing.",
    ),
    Step(
        slug="map", title="Map values", group="Text", params=Map, again=False,
        summary="Give values other names, from a list.",
        change=lambda schema, params, _: _mapped(schema, params.column, params.pairs, params.others),
        code=lambda schema, params, _: _map_code(params.column, params.pairs, params.others),
        said=lambda params, _, counts: f"Mapped {many(counts.cells, 'cell')} of {params.column}.",
    ),
    Step(
        slug="merge_spellings", title="Merge spellings", group="Text", params=Spellings, measure=_find_spellings,
        summary="Different spellings of one thing become its most frequent one.",
        change=lambda schema, params, measured: _mapped(schema, params.column, measured["pairs"]),
        code=lambda schema, params, measured: _map_code(params.column, measured["pairs"]) if measured["pairs"] else (),
        said=lambda params, measured, counts: (
            f"Merged {many(len(measured['pairs']), 'spelling')} of {params.column} in {many(counts.cells, 'cell')}."
        ),
    ),
    Step(
        slug="group_rare", title="Group rare values", group="Text", params=Rare, measure=_find_frequent, change=_rare,
        summary="Keep the most frequent values and put the others together.", code=_rare_code, again=False,
        said=lambda params, _, counts: (
            f"Put {many(counts.cells, 'cell')} of {params.column} together as {params.name}."
        ),
    ),
    Step(
        slug="mask", title="Mask", group="Text", params=Mask, change=_mask, code=_mask_code, again=False,
        summary="Make personal data unreadable before it is shared.",
        said=lambda params, _, counts: f"Masked {many(counts.cells, 'cell')} of {listed(params.columns)}.",
    ),
)  # fmt: skip
