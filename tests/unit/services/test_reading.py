"""Reading choices: what is sent is checked, and the same choices are the same document."""

from __future__ import annotations

from typing import Any

import pytest

from services.errors import ParamError
from services.reading import parse


def chosen(*columns: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"format": 1, "columns": list(columns), **more}


def test_what_was_saved_is_loaded_again() -> None:
    reading = parse(
        chosen({"from": "Day", "name": "day", "kind": "date", "format": "day first", "missing": ["?", ""]}, header=3)
    )
    assert parse(reading.as_json()) == reading


def test_the_same_choices_have_the_same_mark() -> None:
    one = parse(chosen({"from": "a", "missing": ["x", "y"]}, encoding="utf-8"))
    other = parse(chosen({"missing": ["y", "x"], "from": "a", "name": "a"}, encoding="utf-8"))
    assert one.mark == other.mark


def test_day_and_month_swapped_is_another_mark() -> None:
    column = {"from": "a", "kind": "date"}
    first, second = (parse(chosen({**column, "format": order})) for order in ("day first", "month first"))
    assert first.mark != second.mark


@pytest.mark.parametrize(
    ("sent", "said"),
    [
        ([], "no file of reading choices"),
        ({"format": 2}, "no file of reading choices"),
        (chosen() | {"columns": "a"}, "cannot be read"),
        (chosen({"name": "a"}), "cannot be read"),
        (chosen(encoding="utf-99"), "encoding is not known"),
        (chosen(encoding="base64"), "encoding is not known"),
        (chosen(delimiter="ab"), "one sign"),
        (chosen(delimiter='"'), "one sign"),
        (chosen(header=-1), "The header is a line"),
        (chosen(header=True), "The header is a line"),
        (chosen({"from": "a", "name": " "}), "The name of a needs"),
        (chosen({"from": "a", "kind": "money"}), "The type of a is not known"),
        (chosen({"from": "a", "kind": "text", "format": "day first"}), "in this way"),
        (chosen({"from": "a", "format": ["day first"]}), "in this way"),
        (chosen({"from": "a", "keep": "no"}), "kept or left out"),
        (chosen({"from": "a", "missing": "NA"}), "missing value of a"),
        (chosen({"from": "a", "keep": False}), "Every column is left out"),
        (chosen({"from": "a"}, {"from": "b", "name": "A"}), "The name A is taken"),
    ],
)
def test_what_cannot_be_is_refused(sent: object, said: str) -> None:
    with pytest.raises(ParamError, match=said):
        parse(sent)


def test_a_column_left_out_frees_its_name() -> None:
    reading = parse(chosen({"from": "a", "keep": False}, {"from": "b", "name": "a"}))
    assert [column.name for column in reading.columns if column.keep] == ["a"]
