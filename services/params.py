"""How a question is declared: typed fields that carry label, bounds and help.

From one declaration come the control, its default and help, its check and message, the columns to
read, the command-line option and the result's key.
"""

from __future__ import annotations

import contextlib
import dataclasses
import datetime as dt
import json
import re
import types
import typing
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar

from services.errors import Expected, ParamError
from services.explore import filters
from services.schema import ColumnType, Schema
from services.workspace import is_id

P = TypeVar("P")

When = Mapping[str, tuple[Any, ...]]  # field -> the values of it for which this one matters


@dataclass(frozen=True)
class Column:
    """A column of the table; `kind` says which may be chosen."""

    label: str
    kind: Literal["any", "number", "date", "text", "key"] = "any"
    role: str | None = None
    many: bool = False
    help: str = ""
    when: When | None = None

    def takes(self, column: ColumnType) -> bool:
        match self.kind:
            case "number":
                return column.is_number
            case "date":
                return column.is_date
            case "text":
                return column.is_text
            case "key":  # names something: never a measured decimal, a date or a yes/no
                return column.is_text or column.kind == "integer"
        return True


@dataclass(frozen=True)
class Number:
    """A number from `low` to `high`, whole where the field is an int."""

    label: str
    low: float
    high: float
    step: float = 1
    help: str = ""
    when: When | None = None


@dataclass(frozen=True)
class Choice:
    """One of `options`, or several: value -> what the person reads."""

    label: str
    options: Mapping[str, str] = field(hash=False)
    many: bool = False
    help: str = ""
    when: When | None = None


@dataclass(frozen=True)
class Flag:
    """Yes or no."""

    label: str
    help: str = ""
    when: When | None = None


@dataclass(frozen=True)
class Date:
    """A day."""

    label: str
    help: str = ""
    when: When | None = None


@dataclass(frozen=True)
class Text:
    """A line of text of at most `longest` characters; `told` says in a few words what a long one holds."""

    label: str
    longest: int = 200
    help: str = ""
    when: When | None = None
    told: Callable[[str], str] | None = None


@dataclass(frozen=True)
class Values:
    """Values of the column that the field named `of` holds, searched on the server."""

    label: str
    of: str
    many: bool = True
    help: str = ""
    when: When | None = None


@dataclass(frozen=True)
class Pairs:
    """Texts that become others: (from, to), `from` at most once."""

    label: str
    to: str = "becomes"
    of_columns: bool = False  # what becomes another is a column of the table
    most: int = 5_000
    help: str = ""
    when: When | None = None


@dataclass(frozen=True)
class Where:
    """Conditions of rows, as `services.explore.filters` knows them: column -> what is wanted of it."""

    label: str
    help: str = ""
    when: When | None = None


@dataclass(frozen=True)
class Dataset:
    """Another table of the same visitor, by its id."""

    label: str
    help: str = ""
    when: When | None = None


@dataclass(frozen=True)
class Theirs:
    """Columns of the other table that the field named `of` holds, in an order of their own."""

    label: str
    of: str
    help: str = ""
    when: When | None = None


Kind = Column | Number | Choice | Flag | Date | Text | Values | Pairs | Where | Dataset | Theirs
_MISSING = dataclasses.MISSING
_DAY = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2})([T ]00:00(:00([.]0+)?)?)?")
_THOUSANDS = re.compile("[+-]?[0-9]{1,3}([, \u00a0\u2009\u202f])[0-9]{3}(?:\\1[0-9]{3})*")


@dataclass(frozen=True)
class Field:
    """One parameter as declared: its name, what it is, its default, and whether it may be empty."""

    name: str
    kind: Kind
    default: Any
    whole: bool
    optional: bool

    @property
    def required(self) -> bool:
        return self.default is _MISSING

    def matters(self, answers: Mapping[str, Any]) -> bool:
        """Whether this field matters, given the other answers."""
        when = self.kind.when or {}
        return all(answers.get(name) in values for name, values in when.items())


def fields(params: type) -> tuple[Field, ...]:
    """The parameters that the dataclass `params` declares, in order."""
    hints = typing.get_type_hints(params, include_extras=True)
    found = []
    for each in dataclasses.fields(params):
        plain, kind, *_ = typing.get_args(hints[each.name])
        inner = set(typing.get_args(plain)) if isinstance(plain, types.UnionType) else {plain}
        found.append(
            Field(
                name=each.name,
                kind=kind,
                default=each.default if each.default_factory is _MISSING else each.default_factory(),
                whole=int in inner,
                optional=type(None) in inner,
            )
        )
    return tuple(found)


def propose(
    params: type, schema: Schema, roles: Mapping[str, str], sample: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """What the table suggests for the fields of `params`: columns by their roles, and the sample of its rows.

    `sample` counts only where `params` has rows to hold, a field `sample_rows`.
    """
    names = {each.name for each in fields(params)}
    found = {name: value for name, value in (sample or {}).items() if name in names} if "sample_rows" in names else {}
    held = next((each.kind for each in fields(params) if each.name == "sample_rows"), None)
    if "sample_rows" in found and isinstance(held, Number):
        found["sample_rows"] = int(min(found["sample_rows"], held.high))
    for each in fields(params):
        if isinstance(each.kind, Column) and each.kind.role in roles and not each.kind.many:
            name = roles[each.kind.role]
            if name in schema and each.kind.takes(schema[name]):
                found[each.name] = name
    return found


def parse(params: type[P], raw: Mapping[str, Any], schema: Schema) -> P:
    """Make the question from what the browser or the command line sent.

    What does not matter beside the other answers is not checked, and has its default: the same
    question is told from others by what matters to it.

    Raises
    ------
    ParamError
        A name that is not a parameter, or a value that is missing, of the wrong kind or out of
        bounds; `field` names the control.
    """
    declared = {each.name: each for each in fields(params)}
    for name in raw:
        if name not in declared:
            raise ParamError(f"There is no parameter “{name}”. There are: {', '.join(declared)}.", field=name)
    values = {}
    # Those that others depend on come first.
    for name, each in sorted(declared.items(), key=lambda item: bool(item[1].kind.when)):
        if each.required or each.matters(values):
            values[name] = _answer(each, raw, schema)
        else:
            values[name] = each.default
    return params(**values)


def acceptable(params: type, raw: Mapping[str, Any], schema: Schema) -> dict[str, Any]:
    """Of the answers in `raw`, those that a person could give, as `canonical` writes them; the rest is passed over."""
    found = {}
    for each in fields(params):
        if raw.get(each.name) is not None:
            with contextlib.suppress(ParamError):
                found[each.name] = _canonical(_answer(each, raw, schema))
    return found


def _answer(each: Field, raw: Mapping[str, Any], schema: Schema) -> Any:
    given = raw.get(each.name)
    if isinstance(given, str) and not given.strip():
        # A number that was wiped out is told, never quietly the default; null asks for the default.
        given = _number(each, given) if isinstance(each.kind, Number) and not each.optional else None
    if given is not None:
        return _checked(each, given, schema)
    if each.required:
        raise ParamError(f"{each.kind.label}: {_missing(each, schema)}", field=each.name)
    return None if each.name in raw and each.optional else each.default


def _missing(each: Field, schema: Schema) -> str:
    if isinstance(each.kind, Column) and not any(each.kind.takes(column) for column in schema):
        needed = {"number": "number", "date": "date", "text": "text"}.get(each.kind.kind, "fitting")
        return f"this table has no {needed} column. Check the types of its columns, or use another table."
    return "choose one." if isinstance(each.kind, Column | Choice | Dataset) else "give a value."


def _checked(each: Field, given: Any, schema: Schema) -> Any:
    match each.kind:
        case Column():
            if not each.kind.many:
                return _column(each, given, schema)
            if not isinstance(given, list):
                raise ParamError(f"{each.kind.label}: give a list of columns.", field=each.name)
            if each.required and not given:
                raise ParamError(f"{each.kind.label}: choose one or more.", field=each.name)
            return tuple(dict.fromkeys(_column(each, name, schema) for name in given))
        case Number():
            return _number(each, given)
        case Choice():
            chosen = given if each.kind.many and isinstance(given, list) else [given]
            if not all(isinstance(one, str) and one in each.kind.options for one in chosen):
                options = ", ".join(each.kind.options)
                raise ParamError(f"{each.kind.label}: choose one of {options}.", field=each.name)
            return tuple(dict.fromkeys(chosen)) if each.kind.many else given
        case Flag():
            flags = {"true": True, "false": False, "yes": True, "no": False}
            flag = given if isinstance(given, bool) else flags.get(str(given).lower())
            if flag is None:
                raise ParamError(f"{each.kind.label}: say true or false.", field=each.name)
            return flag
        case Date():
            day = _DAY.fullmatch(str(given))
            try:
                return dt.date.fromisoformat(day[1] if day else "")
            except ValueError:
                raise ParamError(f"{each.kind.label}: give a day as 2018-01-31.", field=each.name) from None
        case Text():
            if not isinstance(given, str) or len(given) > each.kind.longest:
                raise ParamError(
                    f"{each.kind.label}: a text of at most {each.kind.longest} characters.", field=each.name
                )
            return given
        case Values():
            listed = given if isinstance(given, list) else [given]
            if not each.kind.many and len(listed) != 1:
                raise ParamError(f"{each.kind.label}: choose one.", field=each.name)
            return tuple(str(value) for value in listed) if each.kind.many else str(listed[0])
        case Dataset():
            if not is_id(given):
                raise ParamError(f"{each.kind.label}: choose one.", field=each.name)
            return given
        case Theirs():
            listed = given if isinstance(given, list) else [given]
            return tuple(dict.fromkeys(str(name) for name in listed))
        case Pairs():
            return _pairs(each, given)
        case Where():
            return _where(each, given, schema)


def _pairs(each: Field, given: Any) -> tuple[tuple[str, str], ...]:
    assert isinstance(each.kind, Pairs)
    listed = list(given.items()) if isinstance(given, Mapping) else given
    if not isinstance(listed, list | tuple) or len(listed) > each.kind.most:
        raise ParamError(f"{each.kind.label}: at most {each.kind.most:,} pairs of texts.", field=each.name)
    pairs = []
    for pair in listed:
        if not isinstance(pair, list | tuple) or len(pair) != 2 or not all(isinstance(one, str) for one in pair):
            raise ParamError(
                f"{each.kind.label}: each is a pair of texts, what it is and what it becomes.", field=each.name
            )
        pairs.append((pair[0], pair[1]))
    if each.required and not pairs:
        raise ParamError(f"{each.kind.label}: give one pair or more.", field=each.name)
    twice = next((one for one, count in Counter(one for one, _ in pairs).items() if count > 1), None)
    if twice is not None:
        raise ParamError(f"{each.kind.label}: “{twice}” is there twice. Keep one of them.", field=each.name)
    return tuple(pairs)


def _where(each: Field, given: Any, schema: Schema) -> dict[str, Any]:
    if not isinstance(given, Mapping) or (each.required and not given):
        raise ParamError(f"{each.kind.label}: say which rows.", field=each.name)
    try:
        filters.conditions(schema.names, given)
    except Expected as error:
        raise ParamError(f"{each.kind.label}: {error.message}", field=each.name) from None
    return dict(given)


def _column(each: Field, name: Any, schema: Schema) -> str:
    assert isinstance(each.kind, Column)
    allowed = [column.name for column in schema if each.kind.takes(column)]
    if not isinstance(name, str) or name not in schema:
        listed = ", ".join(allowed) or "none that fits"
        raise ParamError(f"{each.kind.label}: there is no column “{name}”. There is: {listed}.", field=each.name)
    if name not in allowed:
        needed = {"number": "a number", "date": "a date", "text": "text"}.get(each.kind.kind, "an identifier")
        fit = f" Choose from: {', '.join(allowed)}." if allowed else ""
        raise ParamError(
            f"{each.kind.label}: “{name}” is {_plain(schema[name])}, and {needed} is needed.{fit}", field=each.name
        )
    return name


def _plain(column: ColumnType) -> str:
    return {
        "integer": "a whole number", "decimal": "a number", "flag": "yes or no", "date": "a date",
        "datetime": "a date and time", "identifier": "an identifier",
    }.get(column.kind, "text")  # fmt: skip


def _number(each: Field, given: Any) -> int | float:
    assert isinstance(each.kind, Number)
    low, high = each.kind.low, each.kind.high
    if each.whole and isinstance(given, str) and (parted := _THOUSANDS.fullmatch(given.strip())):
        given = given.replace(parted[1], "")
    try:
        value = float(given)
    except (TypeError, ValueError, OverflowError):
        value = float("nan")
    if isinstance(given, bool) or "_" in str(given) or not low <= value <= high or (each.whole and value != int(value)):
        whole = "a whole number " if each.whole else ""
        raise ParamError(f"{each.kind.label}: {whole}from {low:,.15g} to {high:,.15g}.", field=each.name)
    return int(value) if each.whole else value


def canonical(params: Any) -> dict[str, Any]:
    """The question as JSON values in declared order: what the key is made of, and what a form refills."""

    return {each.name: _canonical(getattr(params, each.name)) for each in dataclasses.fields(params)}


def _canonical(value: Any) -> Any:
    if isinstance(value, dt.date):
        return value.isoformat()
    return [_canonical(one) for one in value] if isinstance(value, tuple) else value


def from_text(text: str) -> Any:
    """A command-line value: lists as JSON, `null` clears, the rest as written."""
    if text == "null":
        return None
    if text.startswith("["):
        try:
            return json.loads(text)
        except ValueError:
            return text
    return text


def describe(params: type) -> list[dict[str, Any]]:
    """Each parameter as JSON: name, kind, label, default, required, bounds, choices, help."""
    described = []
    for each in fields(params):
        kind = each.kind
        entry: dict[str, Any] = {
            "name": each.name,
            "kind": type(kind).__name__.lower(),
            "label": kind.label,
            "default": None if each.required else _json(each.default),
            "required": each.required,
            "bounds": [kind.low, kind.high] if isinstance(kind, Number) else None,
            "choices": dict(kind.options) if isinstance(kind, Choice) else None,
            "help": kind.help,
        }
        if isinstance(kind, Column):
            entry |= {"column": kind.kind, "role": kind.role, "many": kind.many}
        described.append(entry)
    return described


def _json(value: Any) -> Any:
    if isinstance(value, dt.date):
        return value.isoformat()
    return list(value) if isinstance(value, tuple) else value
