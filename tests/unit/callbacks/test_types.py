"""What the controls of the types page say becomes choices: those that were changed, and no others."""

from __future__ import annotations

from typing import Any

import pytest

from callbacks.types import _reading
from services.errors import ParamError
from services.reading import Reading

COLUMN = {"from": "day", "name": "day", "kind": "date", "tokens": ["NA"], "first": [], "filled": 3, "fits": 3}
REVIEW = {"columns": [COLUMN, {**COLUMN, "from": "n", "name": "n", "kind": "integer", "tokens": []}]}
KNOWN = {"source": {"format": "Excel workbook", "sheet": "A", "sheets": ["A", "B"]}}


def shown(**changed: Any) -> list[tuple[dict[str, Any], Any]]:
    """The controls of the page as they are drawn, with what was changed."""
    found: dict[str, Any] = {
        "keep0": True, "name0": "day", "kind0": "date|", "missing0": "NA", "keep1": True, "name1": "n",
        "kind1": "integer|", "missing1": "", "header": "", "sheet": "A", "encoding": "auto", **changed,
    }  # fmt: skip
    given: list[tuple[dict[str, Any], Any]] = []
    for name, value in found.items():
        if name[-1].isdigit():
            given.append(({"type": "typed", "what": name[:-1], "place": int(name[-1])}, value))
        else:
            given.append(({"type": "read-as", "what": name}, value))
    return given


def read(before: Reading | None = None, **changed: Any) -> Reading:
    return _reading(shown(**changed), KNOWN, REVIEW, before or Reading())


def test_a_page_on_which_nothing_was_changed_chooses_nothing() -> None:
    assert read() == Reading()


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"kind0": "date|month first"}, {"kind": "date", "format": "month first"}),
        ({"name0": " Day "}, {"name": "Day"}),
        ({"keep0": False}, {"keep": False}),
        ({"missing0": "?, NA ,"}, {"missing": ("?", "NA")}),
        ({"missing0": ""}, {"missing": ()}),
    ],
)
def test_a_column_is_chosen_as_its_controls_say(changed: dict[str, Any], expected: dict[str, Any]) -> None:
    column = read(**changed).of("day")
    assert {name: getattr(column, name) for name in expected} == expected
    assert [each.source for each in read(**changed).columns] == ["day"]


def test_the_file_as_a_whole_is_chosen_as_its_controls_say() -> None:
    assert read(sheet="B", header="3", encoding="cp1250") == Reading(sheet="B", header=3, encoding="cp1250")
    assert read(Reading(sheet="B", header=0), header="0") == Reading(sheet="A", header=0)  # chosen back


@pytest.mark.parametrize("line", ["x", "-1", "1.5", "9" * 9, "２"])
def test_a_line_that_is_no_number_is_said_at_its_control(line: str) -> None:
    with pytest.raises(ParamError) as caught:
        read(header=line)
    assert caught.value.field == "header"


def test_a_name_that_is_taken_is_said_at_the_column() -> None:
    with pytest.raises(ParamError) as caught:
        read(name1="DAY")
    assert caught.value.field == "n"
