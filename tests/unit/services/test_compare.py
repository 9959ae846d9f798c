"""What differs from the default, and between two answers."""

import datetime as dt
from dataclasses import dataclass
from typing import Annotated, Any

from services import compare
from services.compare import Pair
from services.params import Choice, Column, Date, Flag, Number
from services.schema import Schema
from services.table import Table


@dataclass(frozen=True, kw_only=True)
class Asked:
    """One parameter of each kind that matters here."""

    customer: Annotated[str, Column("Customer", role="customer")]
    amount: Annotated[str | None, Column("Amount", kind="number", role="amount")] = None
    price: Annotated[str | None, Column("Price", kind="number", when={"amount": (None,)})] = None
    others: Annotated[tuple[str, ...], Column("Others", many=True)] = ()
    scores: Annotated[int, Number("Scores", low=3, high=10)] = 5
    refunds: Annotated[str, Choice("Refunds", options={"keep": "Keep", "drop": "Leave out"})] = "keep"
    strict: Annotated[bool, Flag("Strict")] = False
    until: Annotated[dt.date | None, Date("Until")] = dt.date(2018, 1, 2)


USUAL: dict[str, Any] = {
    "customer": "who", "amount": "paid", "price": None, "others": [], "scores": 5, "refunds": "keep", "strict": False,
    "until": "2018-01-02",
}  # fmt: skip
ROLES = {"customer": "who", "amount": "paid"}


def schema() -> Schema:
    return Table.of(who=["a", "b"], paid=[1.0, 2.0], price=[1.0, 2.0]).schema


def differing(asked: dict[str, Any], known: Schema | None = None) -> dict[str, Any]:
    return {field.name: value for field, value in compare.departures(Asked, asked, known, ROLES)}


def test_what_the_roles_suggest_and_the_defaults_say_nothing() -> None:
    assert differing(USUAL, schema()) == {}


def test_another_column_than_the_role_suggests_differs_and_so_does_none() -> None:
    assert differing({**USUAL, "customer": "price"}, schema()) == {"customer": "price"}
    assert differing({**USUAL, "amount": None}, schema()) == {"amount": None}


def test_values_other_than_their_defaults_differ_in_declared_order() -> None:
    asked = {**USUAL, "until": None, "strict": True, "refunds": "drop", "scores": 3, "others": ["paid"]}
    found = differing(asked, schema())
    assert found == {"others": ["paid"], "scores": 3, "refunds": "drop", "strict": True, "until": None}
    assert list(found) == ["others", "scores", "refunds", "strict", "until"]


def test_what_does_not_matter_and_what_was_not_known_then_is_left_out() -> None:
    assert differing({**USUAL, "price": "price"}, schema()) == {}  # there is an amount
    assert differing({**USUAL, "amount": None, "price": "price"}, schema()) == {"amount": None, "price": "price"}
    assert differing({"scores": 7}, schema()) == {"scores": 7}


def test_without_the_table_columns_are_left_out() -> None:
    assert differing({**USUAL, "customer": "x", "scores": 4}) == {"scores": 4}


def test_pairs_keep_the_order_and_know_what_changed() -> None:
    found = compare.pairs({"a": 1, "b": 2.0, "c": "x"}, {"c": "y", "b": 2.0, "d": True})
    assert [(pair.name, pair.left, pair.right) for pair in found] == [
        ("a", 1, None), ("b", 2.0, 2.0), ("c", "x", "y"), ("d", None, True),
    ]  # fmt: skip
    assert [pair.name for pair in found if pair.differs] == ["a", "c", "d"]
    assert Pair("n", 5, 3).change == -2
    assert Pair("n", True, 3).change is None
    assert Pair("n", None, 3).change is None


def test_notes_are_parted_into_what_only_one_has() -> None:
    assert compare.only(["one", "both"], ["both", "two"]) == (["one"], ["two"])
