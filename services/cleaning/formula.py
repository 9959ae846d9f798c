"""A small language for new columns: arithmetic, comparison, texts and dates. It is parsed, checked, and
compiled to SQL and to pandas; nothing in it is ever evaluated as Python.

    price * quantity          if(age >= 18, 'adult', 'child')      days(shipped, ordered) > 7
    [unit price] & ' each'    coalesce(nick, name)                 year(day) = 2024 and not missing(email)

A missing value makes what is worked out from it missing; so does a division by zero.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from services.cleaning.step import sql
from services.duck import quote
from services.errors import ParamError
from services.schema import ColumnType, Schema

Type = Literal["number", "text", "flag", "date"]
LONGEST = 2_000
DEEPEST = 50

_TOKEN = re.compile(
    r"\s*(?:(?P<number>\d+(?:\.\d*)?(?:[eE][+-]?\d+)?|\.\d+)|(?P<text>'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\")"
    r"|(?P<column>\[[^\]]+\])|(?P<name>[^\W\d]\w*)|(?P<sign><=|>=|!=|<>|[-+*/%^&=<>(),]))"
)
_WORDS = {"and", "or", "not", "true", "false"}
_COMPARE = {"=": "equal", "!=": "unequal", "<>": "unequal", "<": "less", "<=": "at_most", ">": "more", ">=": "at_least"}
_SQL_COMPARE = {"equal": "=", "unequal": "<>", "less": "<", "at_most": "<=", "more": ">", "at_least": ">="}


class Value(NamedTuple):
    """A part of a formula: its type, whether it is a whole number, its SQL, its pandas."""

    type: Type
    whole: bool
    sql: str
    code: str


class _Function(NamedTuple):
    takes: str  # a letter for each argument: number, text, flag, date, anything; * for more of the last
    gives: Type
    sql: str  # {0}, {1}... are the arguments, {all} all of them
    whole: bool = False  # gives whole numbers; None: where its arguments are
    keeps: bool = False  # gives whole numbers where it is given them


_NAMES = {"n": "a number", "t": "a text", "f": "a condition", "d": "a date"}
_TYPES = {"n": "number", "t": "text", "f": "flag", "d": "date"}
FUNCTIONS: dict[str, _Function] = {
    "abs": _Function("n", "number", "abs({0})", keeps=True),
    "round": _Function("nn", "number", "round({0}, ({1})::INTEGER)"),
    "floor": _Function("n", "number", "floor({0})", whole=True),
    "ceil": _Function("n", "number", "ceil({0})", whole=True),
    "sqrt": _Function("n", "number", "CASE WHEN {0} >= 0 THEN sqrt({0}) END"),
    "ln": _Function("n", "number", "CASE WHEN {0} > 0 THEN ln({0}) END"),
    "log10": _Function("n", "number", "CASE WHEN {0} > 0 THEN log10({0}) END"),
    "exp": _Function("n", "number", "CASE WHEN {0} < 700 THEN exp({0}) END"),
    "lower": _Function("t", "text", "lower({0})"),
    "upper": _Function("t", "text", "upper({0})"),
    "trim": _Function("t", "text", "trim({0})"),
    "length": _Function("t", "number", "length({0})::DOUBLE", whole=True),
    "left": _Function("tn", "text", "left({0}, greatest(({1})::INTEGER, 0))"),
    "right": _Function("tn", "text", "right({0}, greatest(({1})::INTEGER, 0))"),
    "replace": _Function("ttt", "text", "replace({0}, {1}, {2})"),
    "contains": _Function("tt", "flag", "contains({0}, {1})"),
    "starts": _Function("tt", "flag", "starts_with({0}, {1})"),
    "ends": _Function("tt", "flag", "ends_with({0}, {1})"),
    "number": _Function(
        "t", "number", "CASE WHEN regexp_full_match(trim({0}), '[-+]?([0-9]+[.]?[0-9]*|[.][0-9]+)') "
        "THEN try_cast(trim({0}) AS DOUBLE) END"),
    "year": _Function("d", "number", "year({0})::DOUBLE", whole=True),
    "month": _Function("d", "number", "month({0})::DOUBLE", whole=True),
    "day": _Function("d", "number", "day({0})::DOUBLE", whole=True),
    "hour": _Function("d", "number", "hour({0})::DOUBLE", whole=True),
    "weekday": _Function("d", "number", "isodow({0})::DOUBLE", whole=True),
    "days": _Function("dd", "number", "date_diff('day', ({1})::DATE, ({0})::DATE)::DOUBLE", whole=True),
    "add_days": _Function("dn", "date", "({0} + to_days(floor({1})::INTEGER))"),
    "missing": _Function("a", "flag", "({0}) IS NULL"),
}  # fmt: skip
HELP = (
    "Columns by name, [in brackets] where it has spaces; + - * / % ^, & joins texts; = != < <= > >=, and, or, not; "
    "if(a, b, c), coalesce, min, max, " + ", ".join(FUNCTIONS) + "."
)


def names(text: str) -> list[str]:
    """The columns that a formula speaks of, as far as it can be read."""
    return [text[start:end].strip("[] ") for start, end in _columns_in(text)]


def renamed(text: str, others: Mapping[str, str]) -> str:
    """The same formula with other columns in the place of those in `others`."""
    for start, end in reversed(list(_columns_in(text))):
        if (name := text[start:end].strip("[] ")) in others:
            text = f"{text[:start]}[{others[name]}]{text[end:]}"
    return text


def _columns_in(text: str) -> Iterator[tuple[int, int]]:
    """Where the names of columns begin and end."""
    at = 0
    while found := _TOKEN.match(text, at):
        at = found.end()
        called = text[at:].lstrip().startswith("(")
        plain = found["name"] and not called and found["name"].lower() not in _WORDS
        if found["column"] or plain:
            yield found.span("column" if found["column"] else "name")


# What a pandas script that has a formula brings along: missing stays missing, as in SQL.
CODE = '''
def known(*values):
    """Where no value is missing."""
    held = pd.Series(True, index=table_index(values))
    for value in values:
        held &= pd.Series(value, index=held.index).notna()
    return held


def table_index(values):
    return next(value.index for value in values if isinstance(value, pd.Series))


def num(column):
    return column.astype(float)


def text(column):
    return column.astype("string")


def flag(column):
    return column.astype("boolean")


def compare(one, other, how):
    said = getattr(operator, how)(one, other)
    return said.astype("boolean").where(known(one, other)) if isinstance(said, pd.Series) else said


def divide(one, other):
    return one / (other.where(other != 0) if isinstance(other, pd.Series) else (other or np.nan))


def remainder(one, other):
    """The sign of what is divided, as in SQL."""
    return np.fmod(one, other.where(other != 0) if isinstance(other, pd.Series) else (other or np.nan))


def day_of(value):
    return value.dt.normalize() if isinstance(value, pd.Series) else value.normalize()


def choose(test, one, other):
    test = pd.Series(test, index=table_index([test])).fillna(False).astype(bool)
    one, other = (pd.Series(value, index=test.index) for value in (one, other))
    return one.where(test, other)


def first(*values):
    index = table_index(values)
    made = values[0] if isinstance(values[0], pd.Series) else pd.Series(values[0], index=index)
    for value in values[1:]:
        made = made.where(made.notna(), value)
    return made


def extreme(how, *values):
    index = table_index(values)
    return pd.concat([pd.Series(value, index=index).astype(float) for value in values], axis=1).agg(how, axis=1)


def last(value, many):
    return value.map(lambda said: said[max(0, len(said) - many):] if many > 0 else "", na_action="ignore")


def within(value, low, high=np.inf):
    return value.where((value >= low) & (value < high))


def positive(value):
    return value.where(value > 0)


def rounded(value, digits):
    """Half away from zero, as in SQL."""
    scaled = value.abs() * 10.0 ** digits
    return np.sign(value) * np.floor(scaled + 0.5) / 10.0 ** digits


def as_number(value):
    fits = value.str.strip(" ").str.fullmatch("[-+]?([0-9]+[.]?[0-9]*|[.][0-9]+)").fillna(False).astype(bool)
    return pd.to_numeric(value.str.strip(" ").where(fits)).astype(float)
'''

_CODE = {
    "abs": "({0}).abs()", "round": "rounded({0}, {1})", "floor": "np.floor({0})", "ceil": "np.ceil({0})",
    "sqrt": "np.sqrt(within({0}, 0))", "ln": "np.log(positive({0}))", "log10": "np.log10(positive({0}))",
    "exp": "np.exp(within({0}, -np.inf, 700))", "lower": "({0}).str.lower()", "upper": "({0}).str.upper()",
    "trim": "({0}).str.strip(' ')", "length": "({0}).str.len().astype(float)",
    "left": "({0}).str[:max(int({1}), 0)]", "right": "last({0}, int({1}))",
    "replace": "({0}).str.replace({1}, {2}, regex=False)", "contains": "({0}).str.contains({1}, regex=False)",
    "starts": "({0}).str.startswith({1})", "ends": "({0}).str.endswith({1})", "number": "as_number({0})",
    "year": "({0}).dt.year.astype(float)", "month": "({0}).dt.month.astype(float)", "day": "({0}).dt.day.astype(float)",
    "hour": "({0}).dt.hour.astype(float)", "weekday": "({0}).dt.day_of_week.astype(float) + 1",
    "days": "(day_of({0}) - day_of({1})).dt.days.astype(float)",
    "add_days": "({0} + pd.to_timedelta(np.floor({1}), unit='D'))", "missing": "({0}).isna().astype('boolean')",
}  # fmt: skip
_PLAIN_ONLY = {
    "left": (1,),
    "right": (1,),
    "replace": (1, 2),
    "contains": (1,),
    "starts": (1,),
    "ends": (1,),
    "round": (1,),
}


@dataclass
class _Parser:
    """Recursive descent over the tokens of a formula."""

    schema: Schema
    tokens: list[tuple[str, str]]
    at: int = 0
    depth: int = 0

    def parse(self) -> Value:
        made = self.either()
        if self.at < len(self.tokens):
            raise _wrong(f"“{self.tokens[self.at][1]}” is not expected here")
        return made

    def peek(self) -> str:
        return self.tokens[self.at][1] if self.at < len(self.tokens) else ""

    def take(self, *signs: str) -> str:
        kind = self.tokens[self.at][0] if self.at < len(self.tokens) else ""
        if kind in {"sign", "name"} and self.peek().lower() in signs:
            self.at += 1
            return self.tokens[self.at - 1][1].lower()
        return ""

    def expect(self, sign: str) -> None:
        if not self.take(sign):
            raise _wrong(f"“{sign}” is missing {f'before “{self.peek()}”' if self.peek() else 'at the end'}")

    def either(self) -> Value:
        self.depth += 1
        if self.depth > DEEPEST:
            raise _wrong("it has too many brackets inside each other")
        made = self.all()
        while self.take("or"):
            made = _logic("OR", "|", made, self.all())
        self.depth -= 1
        return made

    def all(self) -> Value:
        made = self.negated()
        while self.take("and"):
            made = _logic("AND", "&", made, self.negated())
        return made

    def negated(self) -> Value:
        if self.take("not"):
            made = _of(self.negated(), "flag", "not")
            return Value("flag", False, f"(NOT {made.sql})", f"(~{made.code})")
        return self.compared()

    def compared(self) -> Value:
        made = self.sum()
        if sign := self.take(*_COMPARE):
            how, other = _COMPARE[sign], self.sum()
            if made.type != other.type:
                raise _wrong(f"{_told(made.type)} cannot be compared with {_told(other.type)}")
            names = {"equal": "eq", "unequal": "ne", "less": "lt", "at_most": "le", "more": "gt", "at_least": "ge"}
            return Value(
                "flag", False, f"({made.sql} {_SQL_COMPARE[how]} {other.sql})",
                f"compare({made.code}, {other.code}, {names[how]!r})",
            )  # fmt: skip
        return made

    def sum(self) -> Value:
        made = self.product()
        while sign := self.take("+", "-", "&"):
            other = self.product()
            if sign == "&":
                one, two = _of(made, "text", "&"), _of(other, "text", "&")
                made = Value("text", False, f"({one.sql} || {two.sql})", f"({one.code} + {two.code})")
            else:
                made = _arithmetic(sign, made, other)
        return made

    def product(self) -> Value:
        made = self.signed()
        while sign := self.take("*", "/", "%"):
            made = _arithmetic(sign, made, self.signed())
        return made

    def signed(self) -> Value:
        if self.take("-"):
            made = _of(self.signed(), "number", "-")
            return Value("number", made.whole, f"(-{made.sql})", f"(-{made.code})")
        made = self.atom()
        if self.take("^"):
            one, two = _of(made, "number", "^"), _of(self.signed(), "number", "^")
            return Value("number", False, f"pow({one.sql}, {two.sql})", f"({one.code} ** {two.code})")
        return made

    def atom(self) -> Value:
        if self.at >= len(self.tokens):
            raise _wrong("it ends too early")
        kind, said = self.tokens[self.at]
        self.at += 1
        if kind == "number":
            return Value("number", said.isdecimal(), sql(float(said)), repr(float(said)))
        if kind == "text":
            text = said[1:-1].replace(said[0] * 2, said[0])
            return Value("text", False, sql(text), repr(text))
        if kind == "column":
            return self.column(said[1:-1].strip())
        if kind == "name":
            if self.peek() == "(" and said.lower() not in {"and", "or", "not"}:
                return self.call(said.lower())
            if said.lower() in {"true", "false"}:
                return Value("flag", False, said.lower(), repr(said.lower() == "true"))
            return self.column(said)
        if said == "(":
            made = self.either()
            self.expect(")")
            return made
        raise _wrong(f"“{said}” is not expected here")

    def column(self, name: str) -> Value:
        found = next((column for column in self.schema if column.name == name), None) or next(
            (column for column in self.schema if column.name.lower() == name.lower()), None
        )
        if found is None:
            raise _wrong(f"there is no column {name}. Put a name with spaces into [brackets]")
        return _column(found)

    def call(self, name: str) -> Value:
        self.expect("(")
        given: list[Value] = []
        if not self.take(")"):
            given.append(self.either())
            while self.take(","):
                given.append(self.either())
            self.expect(")")
        return _called(name, given)


def parse(formula: str, schema: Schema) -> Value:
    """Compile `formula` over the columns of `schema`.

    Raises
    ------
    ParamError
        It is not understood; the message says where and why. The field is `formula`.
    """
    if len(formula) > LONGEST:
        raise _wrong(f"it has more than {LONGEST:,} characters")
    tokens, at = [], 0
    while formula[at:].strip():
        found = _TOKEN.match(formula, at)
        if found is None or not found.group().strip():
            raise _wrong(f"“{formula[at:].strip()[:10]}” is not understood")
        assert found.lastgroup is not None
        tokens.append((found.lastgroup, found[found.lastgroup]))
        at = found.end()
    if not tokens:
        raise _wrong("it is empty")
    made = _Parser(schema, tokens).parse()
    if "table[" not in made.code:
        raise _wrong("it names no column")
    return made


def _column(column: ColumnType) -> Value:
    name, code = quote(column.name), f"table[{column.name!r}]"
    if column.is_number:
        return Value("number", column.kind == "integer", f"{name}::DOUBLE", f"num({code})")
    if column.kind == "flag":
        return Value("flag", False, name, f"flag({code})")
    if column.is_date:
        return Value("date", False, f"{name}::TIMESTAMP", code)
    return Value("text", False, name, f"text({code})")


def _called(name: str, given: list[Value]) -> Value:
    if name == "if":
        _count(name, given, 3)
        test, one, two = _of(given[0], "flag", "if"), given[1], given[2]
        _alike(name, [one, two])
        return Value(
            one.type, one.whole and two.whole, f"CASE WHEN {test.sql} THEN {one.sql} ELSE {two.sql} END",
            f"choose({test.code}, {one.code}, {two.code})",
        )  # fmt: skip
    if name in {"coalesce", "min", "max"}:
        if len(given) < 2:
            raise _wrong(f"{name} needs two values or more")
        _alike(name, given)
        if name != "coalesce" and given[0].type != "number":
            raise _wrong(f"{name} is of numbers")
        whole, listed = all(each.whole for each in given), ", ".join(each.sql for each in given)
        codes = ", ".join(each.code for each in given)
        if name == "coalesce":
            return Value(given[0].type, whole, f"coalesce({listed})", f"first({codes})")
        return Value(
            "number", whole, f"{'least' if name == 'min' else 'greatest'}({listed})", f"extreme({name!r}, {codes})"
        )
    if name == "date":
        return _day(given)
    if name not in FUNCTIONS:
        raise _wrong(f"there is no function {name}. There are: if, coalesce, min, max, date, {', '.join(FUNCTIONS)}")
    function = FUNCTIONS[name]
    if name == "round" and len(given) == 1:
        given = [*given, Value("number", True, "0e0", "0.0")]
    _count(name, given, len(function.takes))
    for letter, each in zip(function.takes, given, strict=True):
        if letter != "a" and each.type != _TYPES[letter]:
            raise _wrong(f"{name} needs {_NAMES[letter]}, and this is {_told(each.type)}")
    for place in _PLAIN_ONLY.get(name, ()):
        if "table[" in given[place].code:
            raise _wrong(f"{name} takes columns in its first place only; write a value in the others")
    if "table[" not in given[0].code:
        raise _wrong(f"{name} needs a column")
    whole = function.whole or (function.keeps and given[0].whole) or (name == "round" and given[1].code == "0.0")
    return Value(
        function.gives, whole, f"({function.sql.format(*(each.sql for each in given))})",
        _CODE[name].format(*(each.code for each in given)),
    )  # fmt: skip


def _day(given: list[Value]) -> Value:
    text = given[0].code[1:-1] if len(given) == 1 and given[0].type == "text" else ""
    try:
        day = dt.date.fromisoformat(text)
    except ValueError:
        raise _wrong("date needs a day as date('2024-01-31')") from None
    return Value("date", False, f"{sql(day)}::TIMESTAMP", f"pd.Timestamp({text!r})")


def _arithmetic(sign: str, one: Value, other: Value) -> Value:
    one, other = _of(one, "number", sign), _of(other, "number", sign)
    if sign == "/":
        return Value("number", False, f"({one.sql} / nullif({other.sql}, 0))", f"divide({one.code}, {other.code})")
    if sign == "%":
        whole = one.whole and other.whole
        return Value("number", whole, f"({one.sql} % nullif({other.sql}, 0))", f"remainder({one.code}, {other.code})")
    return Value(
        "number", one.whole and other.whole, f"({one.sql} {sign} {other.sql})", f"({one.code} {sign} {other.code})"
    )


def _logic(word: str, sign: str, one: Value, other: Value) -> Value:
    one, other = _of(one, "flag", word.lower()), _of(other, "flag", word.lower())
    return Value("flag", False, f"({one.sql} {word} {other.sql})", f"({one.code} {sign} {other.code})")


def _of(value: Value, wanted: Type, where: str) -> Value:
    if value.type != wanted:
        raise _wrong(f"“{where}” needs {_told(wanted)}, and this is {_told(value.type)}")
    return value


def _alike(name: str, values: Sequence[Value]) -> None:
    if len({value.type for value in values}) > 1:
        raise _wrong(f"the values of {name} are not of one type")


def _count(name: str, given: Sequence[Value], wanted: int) -> None:
    if len(given) != wanted:
        raise _wrong(f"{name} needs {wanted} value{'' if wanted == 1 else 's'}, and has {len(given)}")


def _told(kind: Type) -> str:
    return {"number": "a number", "text": "a text", "flag": "a condition", "date": "a date"}[kind]


def _wrong(why: str) -> ParamError:
    return ParamError(f"The formula is not understood: {why}.", field="formula")
