"""Every step, on a hostile table: the engine, the exported pandas script and the exported SQL make the same of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import duckdb
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.cleaning import recipe
from services.cleaning.apply import Cleaned, apply
from services.cleaning.scripts import Scripts
from services.cleaning.step import find, find_all
from services.errors import Expected
from services.jobs.detached import Detached
from services.schema import Schema
from services.table import Table

FRAME = pd.DataFrame(
    {
        "name": [" Anna ", "anna", "ANNA", "Zoë", "zoe", "zoe ", None, "=1+1", "a\tb  c", "Łódź", "N/A", 'o\'neil "x"'],
        "town": ["Rome", "rome", "Rome ", "Oslo", "Oslo", None, "Paris", "Paris", "Paris", "Bonn", "?", "?"],
        "amount": ["€1,234.50", "(5)", "-3", "12%", "1e3", None, "abc", "7", "0.10", "1,000", "NA", "-"],
        "when": [
            "2020-01-31",
            "31/01/2020",
            "2020-02-29",
            "30/02/2020",
            "1/2/2021",
            None,
            "13/12/2020",
            "2021-05-05",
            None,
            "2020-01-01",
            "5 Jan 2020",
            "x",
        ],
        "n": pd.array([1, -2, 3, None, 5, -999, 7, 8, 9, 100, 11, 1], dtype="Int64"),
        "x": [1.5, -2.25, None, 4.0, 1e6, 0.1, 0.2, 0.3, -0.0, 2.5, 2.5, None],
        "day": pd.to_datetime(
            [
                "2020-01-01",
                "2020-01-02",
                None,
                "2020-01-05",
                "2020-01-09",
                "2021-01-01",
                "2020-02-29",
                "1970-01-01",
                "2020-01-01",
                "2020-01-01",
                "2024-12-31",
                None,
            ]
        ),
        "yes": pd.array([True, False, None, True, True, False, True, True, None, False, True, True], dtype="boolean"),
        "k": ["c"] * 12,
        "k2": [0.5 * i for i in range(12)],
        "gone": pd.Series([None] * 12, dtype="str"),
        "code": ["02134", "A12", "007", "1", "2", "3", "4", "5", "6", "7", "8", "9"],
    }
)
CASES = [
    ("rename", {"names": [["name", "Name "], ["n", "x2"]]}),
    ("plain_names", {}),
    ("drop_column", {"columns": ["name", "k"]}),
    ("keep_column", {"columns": ["x", "name"]}),
    ("first", {"columns": ["day", "n"]}),
    ("drop_constant", {}),
    ("drop_constant", {"gaps": False}),
    ("drop_empty_columns", {"above": 50}),
    ("split", {"column": "name", "at": " "}),
    ("split", {"column": "when", "at": "-", "parts": 3, "keep": False}),
    ("split", {"column": "code", "by": "pattern", "at": r"([A-Z]*)(\d+)"}),
    ("merge", {"columns": ["name", "n", "town"], "name": "all", "between": "-"}),
    ("merge", {"columns": ["name", "town"], "name": "name", "keep": False}),
    ("trim", {}),
    ("trim", {"inside": False, "columns": ["name"]}),
    *[("case", {"to": t}) for t in ("lower", "upper", "sentence", "title")],
    ("signs", {"accents": True, "markup": True}),
    ("signs", {}),
    ("replace", {"find": "a", "to": "b\\1"}),
    ("replace", {"find": "rome", "to": "R", "how": "whole", "case": False}),
    ("replace", {"find": "(o)(.)", "to": r"\2\1", "how": "pattern"}),
    ("replace", {"find": "A.", "to": "x", "case": False}),
    ("replace", {"find": "Rome", "to": "", "how": "whole"}),
    ("map", {"column": "town", "pairs": [["Rome", "Roma"], ["?", ""]]}),
    ("map", {"column": "town", "pairs": [["Rome", "Roma"]], "others": "missing"}),
    ("merge_spellings", {"column": "town"}),
    ("merge_spellings", {"column": "name"}),
    ("group_rare", {"column": "town", "most": 2}),
    *[("mask", {"columns": ["name", "code"], "how": h}) for h in ("hash", "last", "none")],
    *[
        ("drop_duplicates", {"columns": c, "keep": k})
        for c in ([], ["town"], ["town", "yes"])
        for k in ("first", "last", "fullest")
    ],
    ("filter", {"where": {"n": {"type": "greaterThan", "filter": 2}}}),
    ("filter", {"where": {"town": {"type": "in", "values": ["Rome", None]}}, "keep": False}),
    ("filter", {"where": {"name": {"type": "contains", "filter": "AN"}, "x": {"type": "notBlank"}}}),
    ("filter", {"where": {"name": {"type": "notContains", "filter": "an"}}}),
    (
        "filter",
        {"where": {"day": {"filterType": "date", "type": "inRange", "dateFrom": "2020-01-01", "dateTo": "2020-01-31"}}},
    ),
    ("filter", {"where": {"n": {"type": "notEqual", "filter": 3}}}),
    (
        "filter",
        {
            "where": {"n": {"operator": "OR", "conditions": [{"type": "equals", "filter": 3}, {"type": "blank"}]}},
            "keep": False,
        },
    ),
    ("sample", {"rows": 5, "seed": 3}),
    ("sample", {"rows": 50}),
    ("filter", {"formula": "n > 2 and not missing(town)"}),
    ("filter", {"formula": "x < 1", "where": {"town": {"type": "notBlank"}}, "keep": False}),
    ("drop_empty_rows", {}),
    ("drop_gaps", {}),
    ("drop_gaps", {"columns": ["name", "n", "x"], "above": 34}),
    ("sort", {"columns": ["town", "n"]}),
    ("sort", {"columns": ["x"], "down": True}),
    ("sort", {"columns": ["day", "name"], "down": True}),
    *[("negatives", {"columns": ["n", "x"], "action": a}) for a in ("absolute", "zero", "missing", "drop")],
    ("to_missing", {}),
    ("to_missing", {"values": ["-999", "0.2", "1970-01-01", "?"]}),
    ("to_missing", {"columns": ["n"], "values": ["-999"]}),
    *[("fill", {"columns": ["n", "x"], "by": b}) for b in ("median", "mean", "mode", "previous", "next", "linear")],
    ("fill", {"columns": ["n", "x"], "by": "value", "value": "3"}),
    ("fill", {"columns": ["name"], "by": "value", "value": "it's"}),
    ("fill", {"columns": ["town", "yes", "day", "name"], "by": "mode"}),
    ("fill", {"columns": ["day"], "by": "value", "value": "2020-06-01"}),
    ("fill", {"columns": ["yes"], "by": "value", "value": "yes"}),
    ("fill", {"columns": ["n", "x"], "by": "group", "group": "town"}),
    *[("fill", {"columns": ["x", "name"], "by": b, "group": "town", "order": "day"}) for b in ("previous", "next")],
    ("fill", {"columns": ["x"], "by": "linear", "order": "day"}),
    ("fill", {"columns": ["x"], "by": "linear", "group": "town", "order": "n"}),
    ("fill", {"columns": ["x"], "by": "linear", "group": "town"}),
    ("mark_missing", {"columns": ["x", "name"]}),
    *[
        ("outliers", {"columns": ["n", "x"], "how": h, "action": a, "z": 1.0, "share": 10, "low": 0, "high": 10})
        for h in ("iqr", "z", "mad", "share", "limits")
        for a in ("flag", "cap", "missing", "drop")
    ],
    ("to_number", {"columns": ["amount"]}),
    ("to_number", {"columns": ["amount", "code"], "money": False}),
    ("to_date", {"columns": ["when"], "order": "day"}),
    ("to_date", {"columns": ["when"]}),
    *[
        ("derive", {"name": "new", "formula": f})
        for f in (
            "n * 2 + 1",
            "x / n",
            "n % 3",
            "-x ^ 2",
            "if(n > 3, 'big', name & '!')",
            "coalesce(x, n, 0)",
            "min(n, x, 5)",
            "max(n, 2)",
            "round(x)",
            "round(x, 1)",
            "floor(x) + ceil(x)",
            "sqrt(n)",
            "ln(x)",
            "log10(n)",
            "exp(n)",
            "abs(n)",
            "upper(name) & [town]",
            "trim(name)",
            "length(name)",
            "left(name, 2)",
            "right(code, 3)",
            "replace(code, '0', 'o')",
            "contains(name, 'n') and not yes",
            "starts(name,'a') or ends(name, 'A')",
            "number(code)",
            "year(day) * 100 + month(day)",
            "day(day)",
            "weekday(day) >= 6",
            "hour(day)",
            "days(day, date('2020-01-01'))",
            "add_days(day, n)",
            "missing(x) or n = 1",
            "name = 'anna'",
            "town != 'Rome'",
            "day > date('2020-01-03')",
            "n > x",
            "if(yes, n, 0)",
            "yes = true",
            "if(missing(town), 'none', town)",
        )
    ],
    ("derive", {"name": "x", "formula": "x * 2"}),
    (
        "date_parts",
        {"column": "day", "parts": ["year", "quarter", "month", "week", "day", "weekday", "hour", "weekend"]},
    ),
    ("bin", {"column": "x"}),
    ("bin", {"column": "n", "how": "count", "bins": 4}),
    ("bin", {"column": "n", "how": "edges", "edges": "0, 5, 10", "name": "size"}),
    *[("scale", {"columns": ["n", "x"], "to": t}) for t in ("standard", "range")],
    ("scale", {"columns": ["k2"], "to": "log"}),
    ("one_hot", {"column": "town"}),
    ("one_hot", {"column": "town", "most": 2, "keep": True}),
    ("ordinal", {"column": "town"}),
    ("ordinal", {"column": "town", "order": "Rome, Oslo", "name": "t"}),
    (
        "group",
        {"by": ["town"], "columns": ["n", "x"], "how": ["sum", "mean", "median", "min", "max", "filled", "distinct"]},
    ),
    ("group", {"by": ["day", "yes"]}),
    ("group", {"by": ["town", "yes"], "columns": ["n"]}),
    ("across", {"by": ["town"], "names": "code", "values": "n"}),
    ("across", {"by": ["yes"], "names": "town", "values": "x", "how": "mean"}),
    ("across", {"by": ["yes", "k"], "names": "town", "values": "n", "how": "filled"}),
    ("along", {"columns": ["n", "x"], "names": "what"}),
    ("along", {"columns": ["name", "town", "code"], "names": "what", "values": "it"}),
    ("along", {"columns": ["n"], "names": "what"}),
    ("to_flag", {"column": "yes"}),
    ("to_flag", {"column": "town", "yes": "rome", "no": "oslo, paris"}),
    ("to_text", {"columns": ["n"]}),
    ("to_category", {"columns": ["code", "n"]}),
]


ONE = FRAME.head(1)
NOTHING = FRAME.head(2).assign(**dict.fromkeys(FRAME.columns)).astype(FRAME.dtypes)


def plain(frame: pd.DataFrame, schema: Schema) -> pd.DataFrame:
    """A table as it is compared: numbers as floats, dates as timestamps, missing texts as None."""
    made = {}
    for column in schema:
        values = frame[column.name]
        if column.is_number:
            made[column.name] = pd.to_numeric(values.astype("object").where(values.notna(), None)).astype(float)
        elif column.is_date:
            made[column.name] = pd.to_datetime(values).astype("datetime64[us]")
        elif column.kind == "flag":
            made[column.name] = values.astype("boolean")
        else:
            made[column.name] = values.astype("object").where(values.notna(), None)
    return pd.DataFrame(made)


_DUCK = duckdb.connect()
_TABLES: dict[int, tuple[pd.DataFrame, Table]] = {}


def of(frame: pd.DataFrame) -> Table:
    """The same table for the same frame."""
    if id(frame) not in _TABLES:
        _TABLES[id(frame)] = frame, Table.of(frame)
    return _TABLES[id(frame)][1]


def cleaned(table: Table, *steps: tuple[str, dict[str, Any]]) -> tuple[Cleaned, pd.DataFrame]:
    # In the table's own folder, so that one connection serves all cases: opening one takes longer than most steps.
    job = Detached(table, table.path.parent)
    asked = recipe.parse({"steps": [{"step": slug, "params": params} for slug, params in steps]})
    made = apply(table, asked, job)
    return made, plain((made.table or table).query("SELECT * FROM rows"), made.schema)


def by_scripts(table: Table, asked: recipe.Recipe, schema: Schema) -> Iterator[pd.DataFrame]:
    """What the two scripts make of a table, each in a namespace of its own."""
    file = table.path.parent / "before.csv"
    if not file.exists():
        table.copy(file, "FORMAT csv, HEADER")
    space: dict[str, Any] = {"__name__": "clean"}
    made = Scripts.of(table, asked)
    exec(compile(made.pandas(), "clean.py", "exec"), space)
    yield plain(space["clean"](space["read"](file)).reset_index(drop=True), schema)
    _DUCK.execute(f"CREATE OR REPLACE VIEW source AS SELECT * FROM read_parquet('{table.path}')")
    yield plain(_DUCK.execute(made.sql()).df(), schema)


def check(frame: pd.DataFrame, slug: str, params: dict[str, Any]) -> Cleaned:
    """One step on one table: three ways to one outcome, and counts that a comparison of the tables confirms."""
    table = of(frame)
    made, found = cleaned(table, (slug, params))
    asked = recipe.parse({"steps": [{"step": slug, "params": params}]})
    if slug != "sample":
        for other in by_scripts(table, asked, made.schema):
            pd.testing.assert_frame_equal(found, other, check_dtype=False, rtol=1e-9)
    counts, before = made.steps[0].counts, table.query("SELECT * FROM rows")
    assert (counts.before, counts.after) == (len(before), len(found))
    if len(found) == len(before):
        for name, number in counts.columns.items():
            if made.schema[name].kind == table.schema[name].kind:
                same = plain(before, table.schema)[name], found[name]
                differ = ~((same[0] == same[1]).fillna(False).astype(bool) | (same[0].isna() & same[1].isna()))
                assert number == differ.sum(), name
        untouched = [name for name in table.schema.names if name in made.schema and name not in counts.columns]
        if find(slug).group not in {"Tables"} and slug not in {"sort", "rename"}:
            pd.testing.assert_frame_equal(plain(before, table.schema)[untouched], found[untouched], check_dtype=False)
    return made


def refused(frame: pd.DataFrame, slug: str, params: dict[str, Any]) -> str:
    """The same where a question may have no answer, of so little: it is told so, in a sentence."""
    try:
        check(frame, slug, params)
    except Expected as error:
        if not error.message.endswith("."):
            raise AssertionError(error.message) from None
        return error.message
    return ""


@pytest.mark.parametrize(("slug", "params"), CASES, ids=lambda each: each if isinstance(each, str) else "")
def test_the_engine_and_both_scripts_make_the_same_table(slug: str, params: dict[str, Any]) -> None:
    said = check(FRAME, slug, params).steps[0].said
    assert said[0].isupper()
    assert said.endswith(".")
    for rows in (ONE, NOTHING):
        refused(rows, slug, params)


def test_every_step_has_a_case() -> None:
    assert {slug for slug, _ in CASES} | {"append", "join"} == set(find_all())  # those two: test_together


@pytest.mark.parametrize(("slug", "params"), CASES, ids=lambda each: each if isinstance(each, str) else "")
def test_a_second_time_changes_nothing_more_where_a_step_says_so(slug: str, params: dict[str, Any]) -> None:
    if not find(slug).again:
        return
    table = of(FRAME)
    once, found = cleaned(table, (slug, params))
    try:
        _, twice = cleaned(table, (slug, params), (slug, params))
    except Expected:  # its column is gone
        return
    pd.testing.assert_frame_equal(found, twice, check_dtype=False)
    assert once.steps[0].said


# Not every sign: of ß and a few others, engines do not agree on the capital.
SIGNS = st.characters(codec="ascii", min_codepoint=9, exclude_characters="\r\n") | st.sampled_from(
    "éÀöŁžñ€−\xa0\u2003\x1f\x85"
)
TEXTS = st.one_of(
    st.none(),
    st.text(SIGNS, min_size=1, max_size=12),
    st.sampled_from(
        [" a ", "A", "a", "1,234", "-5", "(3)", "7 kg", "2020-02-30", "N/A", "é", "x  y", "1.234,5", "5 %", "$3"]
    ),
)
NUMBERS = st.one_of(st.none(), st.integers(-(2**40), 2**40))
FLOATS = st.one_of(st.none(), st.floats(-1e12, 1e12, allow_nan=False))


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(rows=st.lists(st.tuples(TEXTS, TEXTS, NUMBERS, FLOATS), min_size=1, max_size=12), data=st.data())
def test_whatever_is_in_a_table_the_three_agree(rows: list[tuple[Any, ...]], data: st.DataObject) -> None:
    frame = pd.DataFrame(rows, columns=["name", "town", "n", "x"])
    frame = frame.astype({"name": "str", "town": "str", "n": "Int64", "x": "float64"})
    slug, params = data.draw(st.sampled_from([each for each in CASES if _within(each[1], set(frame.columns))]))
    refused(frame, slug, params)


def _within(params: dict[str, Any], columns: set[str]) -> bool:
    """Whether a case names columns of a smaller table only."""
    given = [
        params.get(name)
        for name in ("column", "group", "order", "names", "values", "formula")
        if isinstance(params.get(name), str)
    ]
    listed = [each for name in ("columns", "by") if isinstance(params.get(name), list | tuple) for each in params[name]]
    return (
        all(each in columns for each in [*given, *listed] if each)
        and not params.get("where")
        and "formula" not in params
    )
