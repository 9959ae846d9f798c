"""Which column is the customer, which the date: proposed by type and whole words of the name.

A proposal is a default that the visitor can change (`datasets.assign`), never a gate. Whole words only: "to" is not
found in "customer", and a churn date is not an amount.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from services.schema import ColumnType, Schema

MEANINGS = {
    "customer": "Who bought, or whom a row is about: an id or a name that comes again.",
    "date": "When it happened.",
    "amount": "What a row is worth in money.",
    "quantity": "How many pieces a row is about.",
    "price": "What one piece costs.",
    "order": "Which rows are one purchase: an order or invoice number.",
    "item": "What was bought: a product or its number.",
    "target": "What a model learns to predict: yes or no, a group, or a number.",
    "text": "What people wrote, in sentences.",
    "value": "The number that is followed over time.",
    "group": "What rows are compared by: a store, a country, a segment.",
}
ROLES = tuple(MEANINGS)

_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+|[^\W\d_a-zA-Z]+")

_PIECES = re.compile(r"[^\W_]+")


def words(name: str) -> list[str]:
    """The words of a column name: `CustomerID`, `customer_id` and `customer id` are the same two."""
    return [word.lower() for word in _WORDS.findall(name)]


@dataclass(frozen=True)
class _Rule:
    """What makes a column likely to play a role: strong words, helping words, disqualifying words."""

    fits: Callable[[ColumnType], bool]
    strong: frozenset[str]
    helps: frozenset[str] = frozenset()
    never: frozenset[str] = frozenset()
    alone: bool = False  # the only column of its type plays the role whatever its name


def _set(text: str) -> frozenset[str]:
    return frozenset(text.split())


def _is_key(column: ColumnType) -> bool:
    return column.kind == "integer" or column.is_text


KEY = _set("id no number nr key code num")
_RULES: dict[str, _Rule] = {
    "customer": _Rule(
        _is_key,
        _set("customer client user member household buyer account shopper cust customerid userid clientid"),
        KEY,
        _set("name age segment type since city country state region gender email phone date group count"),
    ),
    "date": _Rule(
        lambda c: c.is_date,
        _set("date datetime timestamp day time at orderdate invoicedate purchased ordered"),
        _set("order invoice purchase transaction sale paid created"),
        _set("birth birthday dob delivery shipped ship due updated expiry end churn"),
        alone=True,
    ),
    "amount": _Rule(
        lambda c: c.is_number,
        _set("amount total revenue sales value spend spent payment turnover subtotal monetary paid amt"),
        _set("net gross order line sale price"),
        _set("quantity qty discount tax unit count id number no items pieces shipping disc"),
    ),
    "quantity": _Rule(lambda c: c.is_number, _set("quantity qty units pieces"), _set("sold ordered"), KEY),
    "price": _Rule(
        lambda c: c.is_number, _set("price unitprice"), _set("unit item each"), _set("total discount") | KEY
    ),
    "order": _Rule(
        _is_key,
        _set("order invoice transaction receipt basket bill ticket orderid invoiceno transactionid"),
        KEY,
        _set(
            "date type status amount total value customer day time method channel line length depth width height size"
        ),
    ),
    "item": _Rule(
        _is_key,
        _set("item product sku article stockcode description"),
        _set("name") | KEY,
        _set("price count quantity qty amount total"),
    ),
    "target": _Rule(lambda _: True, _set("target label class churn outcome diagnosis y")),
    "text": _Rule(
        lambda c: c.kind == "text",
        _set("text review comment feedback message body abstract sentence content description"),
        never=KEY,
    ),
    "value": _Rule(
        lambda c: c.is_number,
        _set("value sales revenue count amount demand births passengers volume price"),
        never=KEY,
    ),
    "group": _Rule(
        lambda c: c.is_text, _set("group segment category region country store channel type department city")
    ),
}


def fitting(role: str, schema: Schema) -> list[str]:
    """The columns that can play a role, in the order of the table."""
    return [column.name for column in schema if _RULES[role].fits(column)]


def propose(schema: Schema) -> dict[str, str]:
    """The likeliest column for each role that any column of `schema` can play."""
    found = {}
    for role, rule in _RULES.items():
        fitting = [column for column in schema if rule.fits(column)]
        ranked = [(_score(rule, column.name), -place, column.name) for place, column in enumerate(fitting)]
        best = max(ranked, default=(0, 0, ""))
        if best[0] > 0:
            found[role] = best[2]
        elif rule.alone and len(fitting) == 1:
            found[role] = fitting[0].name
    return found


def _score(rule: _Rule, name: str) -> int:
    said = set(words(name))
    said |= {piece.lower() for piece in _PIECES.findall(name)} & rule.strong  # StockCode is also stockcode
    if not said & rule.strong or said & rule.never:
        return 0
    return 10 + 2 * len(said & rule.helps) - len(said - rule.strong - rule.helps)
