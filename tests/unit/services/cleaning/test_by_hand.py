"""Each step on a table small enough to work by hand."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pandas as pd
import pytest

from services.cleaning import recipe
from services.cleaning.apply import StepFailed, apply
from services.cleaning.formula import parse
from services.cleaning.step import find_all
from services.errors import ParamError
from services.jobs.detached import Detached
from services.table import Table

DAY = dt.date
A, B, C = DAY(2024, 2, 28), DAY(2024, 2, 29), DAY(2024, 3, 2)

# step, parameters, the table before, the table after
CASES: list[tuple[str, dict[str, Any], dict[str, list[Any]], dict[str, list[Any]]]] = [
    ("rename", {"names": [["a", "b"]]}, {"a": [1]}, {"b": [1]}),
    ("plain_names", {}, {"Größe (cm)": [1], "Grösse cm": [2]}, {"grosse_cm": [1], "grosse_cm_2": [2]}),
    ("drop_column", {"columns": ["a"]}, {"a": [1], "b": [2]}, {"b": [2]}),
    ("keep_column", {"columns": ["c", "a"]}, {"a": [1], "b": [2], "c": [3]}, {"c": [3], "a": [1]}),
    ("first", {"columns": ["b"]}, {"a": [1], "b": [2]}, {"b": [2], "a": [1]}),
    ("drop_constant", {}, {"a": ["x", "x"], "b": ["x", None], "c": [1, 2]}, {"b": ["x", None], "c": [1, 2]}),
    ("drop_empty_columns", {"above": 50}, {"a": ["x", None, None], "b": ["x", None, "y"]}, {"b": ["x", None, "y"]}),
    ("split", {"column": "a", "at": ", "}, {"a": ["Ann, B, C"]}, {"a": ["Ann, B, C"], "a_1": ["Ann"], "a_2": ["B, C"]}),
    ("merge", {"columns": ["a", "b"], "name": "c", "between": "-", "keep": False}, {"a": ["x", "y"], "b": [1, None]},
     {"c": ["x-1", "y"]}),
    ("trim", {}, {"a": ["  a \t b ", " ", "02134"]}, {"a": ["a b", None, "02134"]}),
    ("case", {"to": "title"}, {"a": ["new YORK"]}, {"a": ["New York"]}),
    ("signs", {"accents": True, "markup": True}, {"a": ["<b>Zoe\u0301</b> &amp; co"]}, {"a": ["Zoe & co"]}),
    ("replace", {"find": "(\\d+) km", "to": "\\1", "how": "pattern"}, {"a": ["5 km", "km"]}, {"a": ["5", "km"]}),
    ("map", {"column": "a", "pairs": [["m", "male"], ["?", ""]]}, {"a": ["m", "f", "?"]}, {"a": ["male", "f", None]}),
    ("merge_spellings", {"column": "a"}, {"a": ["Oslo", "oslo ", "Oslo", "Rome", "Åre", "are"]},
     {"a": ["Oslo", "Oslo", "Oslo", "Rome", "Åre", "Åre"]}),
    ("group_rare", {"column": "a", "most": 1}, {"a": ["x", "x", "y", None]}, {"a": ["x", "x", "Other", None]}),
    ("mask", {"columns": ["a"], "how": "last"}, {"a": ["4111111111111111", "abc"]}, {"a": ["************1111", "***"]}),
    ("drop_duplicates", {"columns": ["a"], "keep": "fullest"}, {"a": [1, 1, 2], "b": [None, "x", "y"]},
     {"a": [1, 2], "b": ["x", "y"]}),
    ("filter", {"formula": "a >= 2"}, {"a": [1, 2, None, 3]}, {"a": [2, 3]}),
    ("drop_empty_rows", {}, {"a": [1, None], "b": ["x", None]}, {"a": [1], "b": ["x"]}),
    ("drop_gaps", {"columns": ["a"]}, {"a": [1, None], "b": [None, "x"]}, {"a": [1], "b": [None]}),
    ("sort", {"columns": ["a"], "down": True}, {"a": [1, None, 3, 2]}, {"a": [3, 2, 1, None]}),
    ("sample", {"rows": 9}, {"a": [1, 2]}, {"a": [1, 2]}),
    ("fill", {"columns": ["a"], "by": "median"}, {"a": [1, None, 3, 100]}, {"a": [1, 3, 3, 100]}),
    ("fill", {"columns": ["a"], "by": "linear", "order": "t"}, {"a": [0, None, 3], "t": [A, B, C]},
     {"a": [0, 1, 3], "t": [A, B, C]}),
    ("fill", {"columns": ["a"], "by": "previous", "group": "g"}, {"a": [1, None, None], "g": ["x", "y", "x"]},
     {"a": [1, None, 1], "g": ["x", "y", "x"]}),
    ("mark_missing", {"columns": ["a"]}, {"a": [1, None]}, {"a": [1, None], "a_missing": [False, True]}),
    ("to_missing", {"values": ["-999", "n/a"]}, {"a": [1, -999], "b": ["N/A ", "x"]},
     {"a": [1, None], "b": [None, "x"]}),
    ("negatives", {"columns": ["a"], "action": "absolute"}, {"a": [-1, 2, None]}, {"a": [1, 2, None]}),
    ("outliers", {"columns": ["a"], "action": "cap"}, {"a": [1, 2, 3, 4, 100]}, {"a": [1, 2, 3, 4, 7]}),
    ("outliers", {"columns": ["a"], "how": "z", "z": 1, "action": "missing"}, {"a": [0, 0, 3]}, {"a": [0, 0, None]}),
    ("outliers", {"columns": ["a"], "how": "mad", "z": 3.5}, {"a": [1, 2, 3, 4, 100]},
     {"a": [1, 2, 3, 4, 100], "a_outlier": [False, False, False, False, True]}),
    ("to_number", {"columns": ["a"]}, {"a": ["€1,234.50", "(2)", "12 %", "A12", "02134"]},
     {"a": [1234.5, -2, 12, None, 2134]}),
    ("to_number", {"columns": ["a"], "mark": "comma"}, {"a": ["1.234,5", "7 kg"]}, {"a": [1234.5, 7]}),
    ("to_date", {"columns": ["a"], "order": "month"}, {"a": ["02/28/2024", "2/29/2024", "2023-02-29"]},
     {"a": [A, B, None]}),
    ("to_flag", {"column": "a"}, {"a": ["Yes", "n", "perhaps"]}, {"a": [True, False, None]}),
    ("to_text", {"columns": ["a"]}, {"a": [7, None]}, {"a": ["7", None]}),
    ("to_category", {"columns": ["a"]}, {"a": [7, 8]}, {"a": ["7", "8"]}),
    ("derive", {"name": "c", "formula": "if(b = 0, 'none', text)"}, {"b": [0, 1], "text": ["x", "y"]},
     {"b": [0, 1], "text": ["x", "y"], "c": ["none", "y"]}),
    ("date_parts", {"column": "a", "parts": ["weekday", "week", "weekend"]}, {"a": [A, C]},
     {"a": [A, C], "a_weekday": [3, 6], "a_week": [9, 9], "a_weekend": [False, True]}),
    ("bin", {"column": "a", "how": "edges", "edges": "0, 18, 65"}, {"a": [17, 18, 65, 66]},
     {"a": [17, 18, 65, 66], "a_range": ["0 to 18", "18 to 65", "18 to 65", None]}),
    ("scale", {"columns": ["a"]}, {"a": [1, 3]}, {"a": [-(0.5**0.5), 0.5**0.5]}),
    ("one_hot", {"column": "a"}, {"a": ["x", "y", None]}, {"a_x": [1, 0, 0], "a_y": [0, 1, 0]}),
    ("ordinal", {"column": "a", "order": "low, high"}, {"a": ["high", "low", "?"]},
     {"a": ["high", "low", "?"], "a_code": [1, 0, None]}),
    ("group", {"by": ["g"], "columns": ["a"], "how": ["mean", "distinct"]}, {"g": ["x", None, "x"], "a": [1, 5, 2]},
     {"g": ["x", None], "rows": [2, 1], "a_mean": [1.5, 5], "a_distinct": [2, 1]}),
    ("across", {"by": ["g"], "names": "n", "values": "a"}, {"g": ["x", "x", "y"], "n": ["p", "q", "p"], "a": [1, 2, 3]},
     {"g": ["x", "y"], "p": [1, 3], "q": [2, None]}),
    ("along", {"columns": ["p", "q"]}, {"k": ["x", "y"], "p": [1, 2], "q": [3, 4]},
     {"k": ["x", "x", "y", "y"], "name": ["p", "q", "p", "q"], "value": [1, 3, 2, 4]}),
]  # fmt: skip


def _table(columns: dict[str, list[Any]]) -> Table:
    frame = pd.DataFrame({name: pd.Series(values, dtype="object") for name, values in columns.items()})
    for name, values in columns.items():
        present = [value for value in values if value is not None]
        if present and all(type(value) is int for value in present):
            frame[name] = frame[name].astype("Int64")
        elif present and all(isinstance(value, DAY) for value in present):
            frame[name] = pd.to_datetime(frame[name])
        else:
            frame[name] = frame[name].astype("float64" if present and isinstance(present[0], float) else "str")
    return Table.of(frame)


def _cleaned(columns: dict[str, list[Any]], *steps: dict[str, Any]) -> tuple[dict[str, list[Any]], Any]:
    table = _table(columns)
    job = Detached(table)
    made = apply(table, recipe.parse({"steps": list(steps)}), job)
    rows = (made.table or table).fetch("SELECT * FROM rows")
    return {name: [row[at] for row in rows] for at, name in enumerate(made.schema.names)}, made


@pytest.mark.parametrize(
    ("slug", "params", "before", "after"), CASES, ids=lambda each: each if isinstance(each, str) else ""
)
def test_it_does_what_one_works_out_by_hand(
    slug: str, params: dict[str, Any], before: dict[str, Any], after: dict[str, Any]
) -> None:
    found, _ = _cleaned(before, {"step": slug, "params": params})
    assert {
        name: [pytest.approx(v) if isinstance(v, float) else v for v in values] for name, values in after.items()
    } == found


def test_every_step_was_worked_by_hand() -> None:
    assert {slug for slug, *_ in CASES} | {"append", "join"} == set(find_all())  # those two: test_together


def test_what_could_not_be_read_is_counted_and_quoted() -> None:
    _, made = _cleaned({"a": ["1", "x", "y", "x"]}, {"step": "to_number", "params": {"columns": ["a"]}})
    assert made.steps[0].counts.lost == 3
    assert made.steps[0].said == "Read a as numbers. 3 cells could not be read and are missing now: “x”, “y”."


def test_conditions_of_the_grid_hold_whatever_a_column_is_called() -> None:
    where = {"a? 'b' \"c\"": {"type": "contains", "filter": "it's ?"}, "n": {"type": "in", "values": [1, None]}}
    found, _ = _cleaned(
        {"a? 'b' \"c\"": ["it's ?", "IT'S ??", "its"], "n": [1, None, 1]},
        {"step": "filter", "params": {"where": where}},
    )
    assert found["n"] == [1, None]


def test_two_units_in_one_column_are_refused_since_they_are_not_one_number() -> None:
    with pytest.raises(StepFailed, match=r"Step 1, Read as numbers: a has several units: g and kg"):
        _cleaned({"a": ["5 kg", "5 g"]}, {"step": "to_number", "params": {"columns": ["a"]}})


def test_dates_that_read_both_ways_are_asked() -> None:
    with pytest.raises(StepFailed, match="day first or month first") as refused:
        _cleaned({"a": ["01/02/2024"]}, {"step": "to_date", "params": {"columns": ["a"]}})
    assert refused.value.field == "order"
    assert refused.value.place == 0


def test_a_step_whose_column_is_gone_says_so_and_names_its_place() -> None:
    with pytest.raises(StepFailed, match=r"Step 2, Trim spaces: .*there is no column “a”") as refused:
        _cleaned(
            {"a": ["x"], "b": ["y"]},
            {"step": "drop_column", "params": {"columns": ["a"]}},
            {"step": "trim", "params": {"columns": ["a"]}},
        )
    assert refused.value.place == 1


def test_a_number_too_large_for_its_column_is_a_sentence() -> None:
    with pytest.raises(StepFailed, match="too large for its column"):
        _cleaned({"a": [2**40]}, {"step": "derive", "params": {"name": "b", "formula": "a * a"}})


def test_without_steps_a_table_is_as_it_was_and_nothing_is_written() -> None:
    found, made = _cleaned({"a": [1, None], "b": ["x", "y"]})
    assert found == {"a": [1, None], "b": ["x", "y"]}
    assert made.table is None


@pytest.mark.parametrize(
    ("formula", "why"),
    [
        ("", "it is empty"), ("n +", "it ends too early"), ("n + 'a'", "“+” needs a number, and this is a text"),
        ("nothing * 2", "there is no column nothing"), ("n = name", "a number cannot be compared with a text"),
        ("sin(n)", "there is no function sin"), ("1 + 1", "it names no column"),
        ("n; drop", "“; drop” is not understood"),
        ("left(name, n)", "left takes columns in its first place only"), ("(n", "“)” is missing at the end"),
        ("round(n, 1, 2)", "round needs 2 values, and has 3"), ("(" * 60 + "n", "too many brackets"),
        ("__import__('os')", "there is no function __import__"), ("date('x') < d", "date needs a day"),
    ],
)  # fmt: skip
def test_a_formula_that_is_none_says_where(formula: str, why: str) -> None:
    schema = _table({"n": [1], "name": ["x"], "d": [A]}).schema
    with pytest.raises(ParamError) as refused:
        parse(formula, schema)
    assert why in refused.value.message
    assert refused.value.field == "formula"
