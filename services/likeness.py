"""How alike the columns of tables are: the same, of another kind, written another way, or not in all."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from services.roles import words
from services.schema import ColumnType, Kind, Schema


@dataclass(frozen=True)
class Likeness:
    """One column as each of the tables has it; None where a table has it not."""

    columns: tuple[ColumnType | None, ...]

    @property
    def name(self) -> str:
        """Its name in the first table that has it."""
        return next(column.name for column in self.columns if column is not None)

    @property
    def kinds(self) -> set[Kind]:
        return {column.kind for column in self.columns if column is not None}

    @property
    def is_everywhere(self) -> bool:
        return None not in self.columns

    @property
    def is_of_one_kind(self) -> bool:
        return len(self.kinds) == 1

    @property
    def is_of_one_name(self) -> bool:
        return len({column.name for column in self.columns if column is not None}) == 1

    @property
    def is_same(self) -> bool:
        return self.is_everywhere and self.is_of_one_kind and self.is_of_one_name


def compare(schemas: Sequence[Schema]) -> list[Likeness]:
    """The columns of all tables side by side, in the order of the first table, then of the next.

    `Customer ID` and `customer_id` are one column, unless a table has both.
    """
    ambiguous = {
        key for schema in schemas for key, count in Counter(map(_key, schema.names)).items() if count > 1
    }  # fmt: skip

    def named(name: str) -> str:
        return name if _key(name) in ambiguous else _key(name)

    tables = [{named(column.name): column for column in schema} for schema in schemas]
    every = dict.fromkeys(key for columns in tables for key in columns)
    return [Likeness(tuple(columns.get(key) for columns in tables)) for key in every]


def _key(name: str) -> str:
    return " ".join(words(name)) or name
