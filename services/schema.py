"""The columns of a dataset: what each is called, what it means, and how it lies on disk."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

Kind = Literal["integer", "decimal", "flag", "date", "datetime", "text", "category", "identifier"]

NUMERIC: frozenset[Kind] = frozenset({"integer", "decimal"})
TEMPORAL: frozenset[Kind] = frozenset({"date", "datetime"})
TEXTUAL: frozenset[Kind] = frozenset({"text", "category", "identifier"})

# What a column means, in words.
MEANS: Mapping[Kind, str] = {
    "integer": "Whole number", "decimal": "Decimal", "flag": "Yes or no", "date": "Date", "datetime": "Date and time",
    "text": "Text", "category": "Category", "identifier": "Identifier",
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class ColumnType:
    """One column: its unique name, its kind, and its DuckDB type in the Parquet file."""

    name: str
    kind: Kind
    sql: str  # SMALLINT, DECIMAL(12,2), DOUBLE, BOOLEAN, DATE, TIMESTAMP, VARCHAR

    @property
    def is_number(self) -> bool:
        return self.kind in NUMERIC

    @property
    def is_date(self) -> bool:
        return self.kind in TEMPORAL

    @property
    def is_text(self) -> bool:
        return self.kind in TEXTUAL


@dataclass(frozen=True)
class Schema:
    """The columns of a table, in its order."""

    columns: tuple[ColumnType, ...]

    def __iter__(self) -> Iterator[ColumnType]:
        return iter(self.columns)

    def __len__(self) -> int:
        return len(self.columns)

    def __contains__(self, name: object) -> bool:
        return any(column.name == name for column in self.columns)

    def __getitem__(self, name: str) -> ColumnType:
        for column in self.columns:
            if column.name == name:
                return column
        raise KeyError(name)

    @property
    def names(self) -> list[str]:
        return [column.name for column in self.columns]

    def as_json(self) -> list[dict[str, Any]]:
        return [{"name": c.name, "kind": c.kind, "sql": c.sql} for c in self.columns]

    @classmethod
    def from_json(cls, columns: list[dict[str, Any]]) -> Schema:
        return cls(tuple(ColumnType(name=c["name"], kind=c["kind"], sql=c["sql"]) for c in columns))
