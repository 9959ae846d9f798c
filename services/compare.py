"""What differs: a question from what it would be unasked, one answer from another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from services import params
from services.params import Column, Field
from services.schema import Schema


@dataclass(frozen=True)
class Pair:
    """The same thing of two runs; None where one has nothing to say."""

    name: str
    left: Any
    right: Any

    @property
    def differs(self) -> bool:
        return self.left != self.right

    @property
    def change(self) -> float | None:
        """What the right one has more, where both are numbers."""
        if _is_number(self.left) and _is_number(self.right):
            return self.right - self.left
        return None


def departures(
    declared: type, asked: Mapping[str, Any], schema: Schema | None, roles: Mapping[str, str]
) -> list[tuple[Field, Any]]:
    """The parameters that were given another value than they have unasked, as they were given.

    A column has what the table's roles suggest for it, or else its default; without a schema (the
    table was removed) nobody can say what that was, and columns are left out.
    """
    proposed = params.propose(declared, schema, roles) if schema is not None else {}
    unasked = {each["name"]: each["default"] for each in params.describe(declared)} | proposed
    found = []
    for each in params.fields(declared):
        if each.name not in asked or not each.matters(asked) or (isinstance(each.kind, Column) and schema is None):
            continue
        if asked[each.name] != unasked[each.name]:
            found.append((each, asked[each.name]))
    return found


def pairs(left: Mapping[str, Any], right: Mapping[str, Any]) -> list[Pair]:
    """Everything that either says, in the order in which they say it."""
    names = [*left, *(name for name in right if name not in left)]
    return [Pair(name, left.get(name), right.get(name)) for name in names]


def only(left: Sequence[str], right: Sequence[str]) -> tuple[list[str], list[str]]:
    """The notes that only the left one has, and those that only the right one has."""
    return [each for each in left if each not in right], [each for each in right if each not in left]


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
