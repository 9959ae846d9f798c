"""What a person is shown of how a file was read, before its types are accepted: a small JSON document.

Of each column of the file: its type, how many values read as it, examples of those that do not, the
tokens taken for missing, and what it could be read as instead. The record of the dataset says the rest.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from services.ingest import chosen, types
from services.ingest.dialect import NO_DELIMITER, Dialect
from services.ingest.encoding import Text
from services.ingest.types import Candidate, Decided
from services.reading import Reading, mark

MOST_MISFITS = 20
LONGEST = 200  # characters of a cell that are kept

_FIRST = 3


@dataclass(kw_only=True)
class Seen:
    """What a sample of a column held, and what was proved of all of it."""

    first: list[str]
    tokens: list[str]
    offers: list[dict[str, Any]]
    filled: int | None = None  # None: the column is left out
    orders: dict[str, int] = field(default_factory=dict)  # dates that read day first, and month first
    both: str = ""  # a date that reads both ways

    def proved(self, candidate: Candidate) -> None:
        """Note what was proved of every row."""
        self.filled = candidate.proved["filled"]
        ways = candidate.either if isinstance(candidate, chosen.Chosen) else candidate.formats
        if len(ways) == 2 and candidate.reads_as == "date" and "%m" in ways[0]:
            self.orders = {"day first": candidate.proved["fits0"], "month first": candidate.proved["fits1"]}


def see(cells: Sequence[str | None], missing: Sequence[str] | None) -> Seen:
    """Look at the sample `cells` of a column; `missing` are the tokens that were chosen for it."""
    filled = types.filled_cells(cells, missing)
    known = types.MISSING if missing is None else missing
    found = {cell.strip(" ") for cell in cells if cell is not None} & set(known) - {""}
    return Seen(
        first=[cell[:LONGEST] for cell in list(filled)[:_FIRST]],
        tokens=sorted(found if missing is None else {*missing} - {""}),
        offers=chosen.offers(filled),
        both=next(filter(_is_both, filled), ""),
    )


def _is_both(cell: str) -> bool:
    parts = cell[:10].replace("-", "/").replace(".", "/").split("/")
    days = [int(part) for part in parts[:2] if part.isdecimal()]
    return len(days) == 2 and days[0] != days[1] and all(1 <= day <= 12 for day in days)


def of_columns(rows: int, columns: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The document of a file that has typed columns."""
    return {"rows": rows, "mark": mark(each["from"] for each in columns), "columns": list(columns)}


def of_text(
    form: str,
    text: Text,
    dialect: Dialect,
    wanted: Reading,
    seen: Mapping[int, Seen],
    decided: Mapping[int, Decided],
    misfits: Mapping[int, Sequence[tuple[int, str]]],
    rows: int,
    empty: Sequence[int],
) -> dict[str, Any]:
    """The document of a delimited text; `empty` are the places of columns that nobody meant."""
    columns = [
        column(name, wanted, seen[place], decided.get(place), misfits.get(place, ()))
        for place, name in enumerate(dialect.names)
        if place not in empty
    ]
    own = {"encoding": text.codec.removesuffix("-sig"), "shown": text.encoding} if form == "text" else {}
    delimiter = {"delimiter": "" if dialect.delimiter == NO_DELIMITER else dialect.delimiter} if form == "text" else {}
    header = {"header": dialect.header} if form != "rows" else {}
    return {"rows": rows, "mark": mark(dialect.names), **own, **delimiter, **header, "columns": columns}


def column(
    source: str, wanted: Reading, seen: Seen, decided: Decided | None, misfits: Sequence[tuple[int, str]]
) -> dict[str, Any]:
    """What is shown of the column that the file calls `source`; `decided` is None when it is left out."""
    choice = wanted.of(source)
    shown: dict[str, Any] = {"from": source, "name": choice.name, "first": seen.first, "tokens": seen.tokens}
    if decided is None or seen.filled is None:
        return {**shown, "kind": None}
    shown |= {"kind": decided.column.kind, "filled": seen.filled, "fits": seen.filled - decided.misfits}
    if misfits:
        shown["misfits"] = [list(each) for each in misfits]
    if seen.orders and seen.both and decided.column.is_date:
        shown |= {"orders": seen.orders, "both": seen.both}
    if choice.format:
        shown["format"] = choice.format
    if seen.offers and decided.column.is_text:
        shown["offers"] = seen.offers
    return shown
