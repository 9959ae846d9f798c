"""Columns of tables side by side: found again under another spelling, never taken for another."""

from services.likeness import compare
from services.schema import ColumnType, Kind, Schema


def schema(**kinds: Kind) -> Schema:
    return Schema(tuple(ColumnType(name=name, kind=kind, sql="") for name, kind in kinds.items()))


def test_the_same_columns_are_the_same_in_any_order() -> None:
    found = compare([schema(a="text", b="date"), schema(b="date", a="text")])
    assert [(each.name, each.is_same) for each in found] == [("a", True), ("b", True)]


def test_another_kind_another_spelling_and_what_one_table_lacks_are_told_apart() -> None:
    found = compare(
        [schema(CustomerID="text", amount="decimal", old="flag"), schema(customer_id="text", amount="text", new="date")]
    )
    assert [(each.name, each.is_everywhere, each.is_of_one_kind, each.is_of_one_name) for each in found] == [
        ("CustomerID", True, True, False),
        ("amount", True, False, True),
        ("old", False, True, True),
        ("new", False, True, True),
    ]
    assert not any(each.is_same for each in found)


def test_a_table_that_has_both_spellings_keeps_them_apart() -> None:
    found = compare([schema(order_id="text", OrderID="integer"), schema(OrderID="integer")])
    assert [(each.name, each.is_same) for each in found] == [("order_id", False), ("OrderID", True)]


def test_names_without_letters_are_names_too() -> None:
    found = compare([schema(**{"__": "text", "%": "decimal"}), schema(**{"%": "decimal"})])
    assert [(each.name, each.is_everywhere) for each in found] == [("__", False), ("%", True)]
