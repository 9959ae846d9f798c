"""What an address fills into a form: never more than a person could, whatever it says."""

from __future__ import annotations

import json

import pytest

from callbacks.analyses import _given
from services.analysis import find
from services.schema import ColumnType, Schema

SHOP = Schema(
    (ColumnType(name="left", kind="text", sql="VARCHAR"), ColumnType(name="age", kind="integer", sql="INTEGER"))
)


@pytest.mark.parametrize("text", ["", "{", "[" * 100_000, "[1]", "7", "null", '{"a": 1}', '{"target": {"x": 1}}'])
def test_what_is_no_answer_is_none(text: str) -> None:
    assert _given(find("classification"), text, SHOP) == {}


def test_what_is_one_is_taken() -> None:
    told = {"target": "left", "folds": 5, "models": ["quick"], "features": ["age", "nowhere"], "seed": -1}
    assert _given(find("classification"), json.dumps(told), SHOP) == {
        "target": "left", "folds": 5, "models": ["quick"],
    }  # fmt: skip
