"""Steps about what the values of a column are: numbers, dates, yes or no, categories, texts."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from services.cleaning.step import Asked, Change, Step, cells, listed, many, sql
from services.duck import quote
from services.errors import DataError, ParamError
from services.ingest.types import date_formats
from services.params import Choice, Column, Flag, Text
from services.schema import Schema

_ENOUGH = 20_000  # different texts that are looked at for the format of dates
_MARKS = {"point": "1,234.50", "comma": "1.234,50"}
_PLAIN = r"[0-9]+([.][0-9]*)?|[.][0-9]+"
_NUMBER = rf"[-+]?({_PLAIN})([eE][-+]?[0-9]+)?"


@dataclass(frozen=True, kw_only=True)
class ToNumber:
    """How texts are read as numbers."""

    columns: Annotated[tuple[str, ...], Column("Columns", kind="text", many=True)]
    mark: Annotated[str, Choice("Written as", _MARKS)] = "point"
    money: Annotated[bool, Flag("Take currencies and % off", help="5 % is 5. (5) is -5, as accountants write it.")] = (
        True
    )
    unit: Annotated[
        str,
        Text("Unit", longest=20, help="Taken off after a number. None given: the one that a column has, if it is one."),
    ] = ""


_MONEY = r"[$€£¥₹₽₩₺₴₫฿₪%]|USD|EUR|GBP|CHF|JPY|CAD|AUD|SEK|NOK|DKK|PLN|CZK|HUF|INR|CNY|BRL|MXN|ZAR"
_GAPS_CODE = r"[ \t-\r\u00a0\u2009\u202f]"
_GAPS = re.sub(r"\\u([0-9a-f]+)", r"\\x{\1}", _GAPS_CODE)
_UNIT = r"^[-+]?[0-9][0-9.,']*([a-zA-Zµ°²³/]{1,10})$"


def _marks(params: ToNumber) -> tuple[str, str]:
    return (",", ".") if params.mark == "point" else (".", ",")


def _patterns(params: ToNumber, unit: str) -> list[tuple[str, str]]:
    """What is replaced by what in a text without spaces, in order, once each; patterns as any engine reads them."""
    found = [("−", "-")]
    if params.money:
        found += [
            (r"^[(](.*)[)]$", r"-\1"),
            (rf"^([-+]?)({_MONEY})([-+]?[0-9.,])", r"\1\3"),
            (rf"([0-9.,])({_MONEY})$", r"\1"),
        ]
    if unit:
        plain = "".join(sign if sign.isalnum() else f"[{sign}]" for sign in unit)
        found.append((rf"([0-9.,])({plain})$", r"\1"))
    return found


def _grouped(params: ToNumber) -> str:
    thousands, mark = _marks(params)
    return rf"^[-+]?[0-9]{{1,3}}([{thousands}'][0-9]{{3}})+([{mark}][0-9]*)?$"


def _number(name: str, params: ToNumber, unit: str) -> str:
    """SQL: the text as a DOUBLE, NULL where it is no number."""
    thousands, mark = _marks(params)
    text = f"regexp_replace({quote(name)}, {sql(_GAPS)}, '', 'g')"
    for pattern, becomes in _patterns(params, unit):
        text = f"regexp_replace({text}, {sql(pattern)}, {sql(becomes)})"
    parted = f"replace(replace(t, {sql(thousands)}, ''), {sql(chr(39))}, '')"
    parted = f"CASE WHEN regexp_matches(t, {sql(_grouped(params))}) THEN {parted} ELSE t END"
    if mark == ",":
        parted = (
            f"list_transform([{parted}], lambda p: CASE WHEN NOT contains(p, '.') THEN replace(p, ',', '.') END)[1]"
        )
    # Through lists of one, so that each text is worked out once.
    value = f"CASE WHEN regexp_full_match(t, {sql(_NUMBER)}) THEN try_cast(t AS DOUBLE) END"
    return f"list_transform(list_transform([{text}], lambda t: {parted}), lambda t: {value})[1]"


def _to_number(schema: Schema, params: ToNumber, measured: Mapping[str, Any]) -> Change:
    made, kinds = {}, {}
    for name in params.columns:
        whole = measured["whole"][name]
        made[name] = f"({_number(name, params, measured['units'][name])})::{'BIGINT' if whole else 'DOUBLE'}"
        kinds[name] = "integer" if whole else "decimal"
    return cells(schema, made, kinds)


def _unit(asked: Asked, params: ToNumber, name: str) -> str:
    """The unit that stands after the numbers of a column.

    Raises
    ------
    DataError
        There are several: 5 kg and 5 g are not the same number.
    """
    if params.unit.strip():
        return params.unit.strip()
    plain = f"regexp_replace(regexp_replace({quote(name)}, {sql(_GAPS)}, '', 'g'), {sql(f'({_MONEY})$')}, '')"
    found = [
        unit
        for (unit,) in asked.fetch(
            f"SELECT regexp_extract({plain}, {sql(_UNIT)}, 1) AS u FROM rows WHERE u <> '' "
            "GROUP BY u ORDER BY count(*) DESC, u LIMIT 5"
        )
        if not _is_power(unit)
    ]
    if len(found) > 1:
        raise DataError(
            f"{name} has several units: {listed(found)}. Bring them to one first, or say which one to take off."
        )
    return found[0] if found else ""


def _is_power(unit: str) -> bool:
    return unit in {"e", "E"}


def _measure_number(asked: Asked, params: ToNumber) -> Mapping[str, Any]:
    whole, failed, quoted, units = {}, {}, {}, {}
    for name in params.columns:
        units[name] = _unit(asked, params, name)
        value = _number(name, params, units[name])
        inside = f"(SELECT {quote(name)} AS t, {value} AS v FROM rows WHERE {quote(name)} IS NOT NULL)"
        ((fits, all_whole, wrong),) = asked.fetch(
            "SELECT count(v), coalesce(bool_and(v = floor(v) AND abs(v) <= 9007199254740992) FILTER (v IS NOT NULL), "
            f"false), count(*) FILTER (v IS NULL) FROM {inside}"
        )
        if wrong and not fits:
            raise DataError(f"No value of {name} is a number. Choose another column, or how they are written.")
        whole[name], failed[name] = bool(all_whole), wrong
        if wrong:
            found = asked.fetch(f"SELECT t FROM {inside} WHERE v IS NULL GROUP BY t ORDER BY count(*) DESC, t LIMIT 5")
            quoted[name] = [text for (text,) in found]
    return {"whole": whole, "failed": failed, "quoted": quoted, "units": units}


def _to_number_code(schema: Schema, params: ToNumber, measured: Mapping[str, Any]) -> Iterator[str]:
    thousands, mark = _marks(params)
    for name in params.columns:
        cell = f"table[{name!r}]"
        yield f"text = {cell}.str.replace(re.compile({_GAPS_CODE!r}), '', regex=True)"
        for pattern, becomes in _patterns(params, measured["units"][name]):
            yield f"text = text.str.replace(re.compile({pattern!r}), {becomes!r}, n=1, regex=True)"
        yield f"parted = text.str.fullmatch(re.compile({_grouped(params)!r})).fillna(False).astype(bool)"
        yield f"plain = text.str.replace({thousands!r}, '', regex=False).str.replace(\"'\", '', regex=False)"
        yield "text = text.mask(parted, plain)"
        if mark == ",":
            yield "text = text.mask(text.str.contains('.', regex=False).fillna(False).astype(bool))"
            yield "text = text.str.replace(',', '.', regex=False)"
        yield f"number = text.str.fullmatch(re.compile({_NUMBER!r})).fillna(False).astype(bool)"
        yield f"{cell} = pd.to_numeric(text.where(number), errors='coerce').astype(float)"
        if measured["whole"][name]:
            yield f"{cell} = {cell}.astype('Int64')"


@dataclass(frozen=True, kw_only=True)
class ToDate:
    """How texts are read as dates."""

    columns: Annotated[tuple[str, ...], Column("Columns", kind="text", many=True)]
    order: Annotated[
        str,
        Choice("Written", {"found": "As found out", "day": "Day first", "month": "Month first"},
               help="04/03/2017 is 4 March day first, and 3 April month first."),
    ] = "found"  # fmt: skip


_ISO = ("%Y-%m-%d", "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M")


def _measure_date(asked: Asked, params: ToDate) -> Mapping[str, Any]:
    """The formats of each column, most common first: a text is read by the first that fits it."""
    formats, failed, quoted, clocks = {}, {}, {}, {}
    for name in params.columns:
        found = asked.fetch(
            f"SELECT trim({quote(name)}) AS t, count(*) AS n FROM rows WHERE t <> '' "
            f"GROUP BY 1 ORDER BY n DESC, t LIMIT {_ENOUGH}"
        )
        formats[name] = _formats(Counter(dict(found)), params, name)
        if not formats[name]:
            raise DataError(f"No value of {name} is a date. Choose another column.")
        value = _date(name, formats[name])
        ((failed[name], clocks[name]),) = asked.fetch(
            f"SELECT count(*) FILTER (t <> '' AND v IS NULL), count(*) FILTER (v <> v::DATE) "
            f"FROM (SELECT trim({quote(name)}) AS t, {value} AS v FROM rows)"
        )
        if failed[name]:
            wrong = asked.fetch(
                f"SELECT t FROM (SELECT trim({quote(name)}) AS t, {value} AS v FROM rows) WHERE t <> '' AND v IS NULL "
                "GROUP BY t ORDER BY count(*) DESC, t LIMIT 5"
            )
            quoted[name] = [text for (text,) in wrong]
    return {"formats": formats, "failed": failed, "quoted": quoted, "clocks": clocks}


def _formats(cells_: Counter[str], params: ToDate, name: str) -> list[str]:
    import datetime as dt

    def reads(text: str, form: str) -> bool:
        try:
            dt.datetime.strptime(text, form)
        except ValueError:
            return False
        return True

    found: list[str] = []
    left = cells_
    while left and len(found) < 8:
        iso = next((form for form in _ISO if any(reads(text, form) for text in left)), None)
        if iso:
            found.append(iso)
        else:
            shape = next(filter(None, (_fitting(left, text, reads) for text, _ in left.most_common(200))), None)
            if shape is None:
                break
            found.append(_ordered(*shape, params, name))
        left = Counter({text: count for text, count in left.items() if not reads(text, found[-1])})
    return [form for form in found if any(reads(text, form) for text in cells_)]


def _fitting(
    left: Counter[str], text: str, reads: Callable[[str, str], bool]
) -> tuple[tuple[str, ...], dict[str, int]] | None:
    """The formats that `text` may be written in, and how many texts each reads; None where it is none."""
    forms, _ = date_formats(Counter({text: 1}), 1, 0)
    fits = {form: sum(count for each, count in left.items() if reads(each, form)) for form in forms}
    return (forms, fits) if any(fits.values()) else None


def _ordered(forms: tuple[str, ...], fits: Mapping[str, int], params: ToDate, name: str) -> str:
    both = "%m" in forms[0] and len(forms) == 2 and not forms[0].startswith("%Y")
    if not both:
        return max(forms, key=lambda form: fits[form])
    if params.order == "found":
        if fits[forms[0]] == fits[forms[1]] and fits[forms[0]]:
            raise ParamError(
                f"{name} could be day first or month first: every date fits both. Choose one.", field="order"
            )
        return max(forms, key=lambda form: fits[form])
    return forms[0] if params.order == "day" else forms[1]


def _date(name: str, formats: list[str]) -> str:
    """SQL: the text as a TIMESTAMP by the first format that fits."""
    tries = ", ".join(f"try_strptime(trim({quote(name)}), {sql(form)})" for form in formats)
    return f"coalesce({tries})"


def _to_date(schema: Schema, params: ToDate, measured: Mapping[str, Any]) -> Change:
    made, kinds = {}, {}
    for name in params.columns:
        clock = measured["clocks"][name]
        made[name] = f"({_date(name, measured['formats'][name])})::{'TIMESTAMP' if clock else 'DATE'}"
        kinds[name] = "datetime" if clock else "date"
    return cells(schema, made, kinds)


def _to_date_code(schema: Schema, params: ToDate, measured: Mapping[str, Any]) -> Iterator[str]:
    for name in params.columns:
        yield f"text = table[{name!r}].str.strip(' ')"
        yield "day = pd.Series(pd.NaT, index=table.index, dtype='datetime64[us]')"
        yield f"for form in {measured['formats'][name]!r}:"
        yield "    day = day.fillna(pd.to_datetime(text, format=form, errors='coerce'))"
        yield f"table[{name!r}] = day"


@dataclass(frozen=True, kw_only=True)
class ToFlag:
    """Which values mean yes, and which no."""

    column: Annotated[str, Column("Column")]
    yes: Annotated[str, Text("Yes is", help="Several with commas between; capitals do not matter.")] = (
        "yes, y, true, t, 1"
    )
    no: Annotated[str, Text("No is")] = "no, n, false, f, 0"


def _sides(params: ToFlag) -> tuple[list[str], list[str]]:
    yes, no = ([one.strip().lower() for one in side.split(",") if one.strip()] for side in (params.yes, params.no))
    if not yes or not no:
        raise ParamError("Say what means yes and what means no.", field="yes" if not yes else "no")
    if twice := set(yes) & set(no):
        raise ParamError(f"“{min(twice)}” cannot mean both. Take it from one side.", field="no")
    return yes, no


def _to_flag(schema: Schema, params: ToFlag, _: Mapping[str, Any]) -> Change:
    yes, no = _sides(params)
    text = f"lower(trim({quote(params.column)}::VARCHAR))"
    sides = [
        f"WHEN {text} IN ({', '.join(map(sql, side))}) THEN {sql(means)}" for side, means in ((yes, True), (no, False))
    ]
    made = f"CASE {' '.join(sides)} END"
    return cells(schema, {params.column: made}, {params.column: "flag"})


def _to_flag_code(schema: Schema, params: ToFlag, _: Mapping[str, Any]) -> Iterator[str]:
    yes, no = _sides(params)
    yield f"text = table[{params.column!r}].astype('str').str.strip(' ').str.lower()"
    yield f"sides = { ({**dict.fromkeys(yes, True), **dict.fromkeys(no, False)})!r}"
    yield f"table[{params.column!r}] = text.map(sides).astype('boolean')"


@dataclass(frozen=True, kw_only=True)
class Meant:
    """Columns that are taken for something else."""

    columns: Annotated[tuple[str, ...], Column("Columns", kind="key", many=True)]


def _as_text(schema: Schema, params: Meant, _: Mapping[str, Any]) -> Change:
    made = {name: f"{quote(name)}::VARCHAR" for name in params.columns if schema[name].sql != "VARCHAR"}
    return cells(schema, made, dict.fromkeys(params.columns, "text"))


def _as_category(schema: Schema, params: Meant, _: Mapping[str, Any]) -> Change:
    made = {name: f"{quote(name)}::VARCHAR" for name in params.columns if schema[name].sql != "VARCHAR"}
    return cells(schema, made, dict.fromkeys(params.columns, "category"))


def _text_code(schema: Schema, params: Meant, _: Mapping[str, Any]) -> Iterator[str]:
    for name in params.columns:
        if schema[name].sql != "VARCHAR":
            yield f"table[{name!r}] = table[{name!r}].astype('str')"


def _said_types(what: str, params: Any, measured: Mapping[str, Any]) -> str:
    failed = sum(measured["failed"].values())
    if not failed:
        return f"Read {listed(params.columns)} as {what}."
    examples = [text for texts in measured["quoted"].values() for text in texts][:3]
    said = ", ".join(f"“{text}”" for text in examples)
    are = "is" if failed == 1 else "are"
    unread = f"{many(failed, 'cell')} could not be read and {are} missing now: {said}."
    return f"Read {listed(params.columns)} as {what}. {unread}"


STEPS = (
    Step(
        slug="to_number", title="Read as numbers", group="Types", params=ToNumber, measure=_measure_number,
        summary="Texts with thousands marks, currencies, units or a decimal comma become numbers.",
        change=_to_number, code=_to_number_code, again=False,
        said=lambda params, measured, counts: _said_types("numbers", params, measured),
    ),
    Step(
        slug="to_date", title="Read as dates", group="Types", params=ToDate, measure=_measure_date, change=_to_date,
        summary="Texts become dates; several ways to write them may stand in one column.", code=_to_date_code,
        again=False,
        said=lambda params, measured, counts: _said_types("dates", params, measured),
    ),
    Step(
        slug="to_flag", title="Read as yes or no", group="Types", params=ToFlag, change=_to_flag, code=_to_flag_code,
        summary="Say which values mean yes and which mean no.", again=False,
        said=lambda params, _, counts: f"Read {params.column} as yes or no; {many(counts.lost, 'cell')} is neither."
        if counts.lost == 1 else f"Read {params.column} as yes or no; {many(counts.lost, 'cell')} are neither.",
    ),
    Step(
        slug="to_text", title="Take as text", group="Types", params=Meant, change=_as_text, code=_text_code, safe=True,
        summary="Numbers that are names, such as postcodes, become text.",
        said=lambda params, _, counts: f"Took {listed(params.columns)} as text.",
    ),
    Step(
        slug="to_category", title="Take as category", group="Types", params=Meant, change=_as_category, safe=True,
        summary="A column that says to which group a row belongs.", code=_text_code,
        said=lambda params, _, counts: f"Took {listed(params.columns)} as a category.",
    ),
)  # fmt: skip
