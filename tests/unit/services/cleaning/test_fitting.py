"""A recipe of one table for another: what it lacks there, and the same for other columns."""

from __future__ import annotations

from services.cleaning import formula
from services.cleaning.fitting import lacking, renamed
from services.cleaning.recipe import parse
from services.schema import ColumnType, Schema

SCHEMA = Schema(
    (ColumnType(name="town", kind="text", sql="VARCHAR"), ColumnType(name="n", kind="integer", sql="BIGINT"))
)
RECIPE = parse(
    {
        "steps": [
            {"step": "trim", "params": {"columns": ["city", "town"]}},
            {"step": "rename", "params": {"names": [["count", "number"]]}},
            {"step": "derive", "params": {"name": "twice", "formula": "number * 2 + [unit price] + abs(n)"}},
            {"step": "filter", "params": {"where": {"day": {"type": "notBlank"}, "*": {"type": "duplicate"}}}},
            {"step": "fill", "params": {"columns": ["twice"], "by": "group", "group": "city"}},
            {"step": "drop_column", "params": {"columns": ["off"]}, "on": False},
        ]
    }
)


def test_what_a_table_lacks_is_said_once_and_what_steps_make_is_not() -> None:
    assert lacking(RECIPE, SCHEMA) == ["city", "count", "unit price", "day"]


def test_other_columns_take_their_place_everywhere() -> None:
    others = {"city": "town", "count": "n", "unit price": "price each", "day": "when"}
    made = renamed(RECIPE, others)
    assert [dict(step.params) for step in made.steps[:5]] == [
        {"columns": ["town", "town"]},
        {"names": [["n", "number"]]},
        {"name": "twice", "formula": "number * 2 + [price each] + abs(n)"},
        {"where": {"when": {"type": "notBlank"}, "*": {"type": "duplicate"}}},
        {"columns": ["twice"], "by": "group", "group": "town"},
    ]
    assert lacking(made, SCHEMA) == ["price each", "when"]
    assert renamed(RECIPE, {}) == RECIPE


def test_the_columns_of_a_formula_are_told_from_its_words() -> None:
    assert formula.names("if(a > 2 and not missing([b c]), 'd', true)") == ["a", "b c"]
    assert formula.names("§") == []
    assert formula.renamed("A + A", {"A": "b c"}) == "[b c] + [b c]"
