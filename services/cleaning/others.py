"""Other tables of the same visitor, which a step brings together with the one it works on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from services.errors import NotFound
from services.results import link
from services.schema import Schema
from services.table import ABOUT, DATA
from services.workspace import is_id, read_json

_GONE = "The other table is not here. Add it again, or choose another one in this step."


@dataclass(frozen=True, kw_only=True)
class Other:
    """A table that a step names: what it is called, its rows on disk, its columns."""

    id: str
    name: str
    path: Path
    schema: Schema
    rows: int

    def as_json(self) -> dict[str, Any]:
        """What the SQL and the scripts of a step need of it."""
        return {"id": self.id, "name": self.name, "rows": self.rows, "columns": self.schema.as_json()}


Others = Callable[[str], Other]


def known_as(id: str) -> str:
    """What the table is called in SQL."""
    return f"other_{id}"


def nowhere(_: str) -> Other:
    """There are no other tables.

    Raises
    ------
    NotFound
        Always.
    """
    raise NotFound(_GONE)


def beside(table: Path, keep: Path | None = None) -> Others:
    """The tables that lie beside the one at `table`; linked into the folder `keep`, they stay while a job runs."""

    def other(id: str) -> Other:
        folder = table.parent.parent / id
        if not is_id(id) or not (folder / DATA).is_file():
            raise NotFound(_GONE)
        known, path = read_json(folder / ABOUT), folder / DATA
        if keep is not None:
            path = keep / f"{known_as(id)}.parquet"
            if not path.exists():
                link(folder / DATA, path)
        return Other(
            id=id, name=known["name"], path=path, schema=Schema.from_json(known["columns"]), rows=known["rows"]
        )

    return other


def other_of(measured: Mapping[str, Any]) -> tuple[str, str, Schema]:
    """Of a table that a step measured: what SQL calls it, what people call it, its columns."""
    return known_as(measured["id"]), measured["name"], Schema.from_json(measured["columns"])
