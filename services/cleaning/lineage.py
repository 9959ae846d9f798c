"""Where each column of a cleaned table comes from, and which steps had a hand in it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from services.cleaning.apply import Cleaned
from services.duck import quote
from services.schema import ColumnType, Schema

_NAMED = re.compile(r"'(?:[^']|'')*'|\"((?:[^\"]|\"\")+)\"")  # a text of SQL, or a name
_ONLY = re.compile(r"\"((?:[^\"]|\"\")+)\"")


@dataclass(frozen=True, kw_only=True)
class Origin:
    """One column: what it was called in the table before, or which step made it, and of which columns."""

    name: str
    before: str | None = None
    made_in: int | None = None  # steps are counted from 1
    made_of: tuple[str, ...] = ()
    made_from: str | None = None  # the other table that the step brought together with this one
    changed_in: tuple[int, ...] = ()

    @property
    def is_untouched(self) -> bool:
        return self.before == self.name and not self.changed_in


def trace(cleaned: Cleaned) -> list[Origin]:
    """Follow every column of the table after `cleaned` back through its steps."""
    schemas = [*(each.schema for each in cleaned.walked), cleaned.schema]
    known = [{column.name: column for column in schema} for schema in schemas]
    return [_followed(column.name, cleaned, known) for column in cleaned.schema]


def gone(before: Schema, origins: Sequence[Origin]) -> list[str]:
    """The columns of the table before of which no column is left."""
    left = {origin.before for origin in origins}
    return [name for name in before.names if name not in left]


def _followed(last: str, cleaned: Cleaned, known: Sequence[Mapping[str, ColumnType]]) -> Origin:
    name, touched = last, []
    for place in range(len(cleaned.walked), 0, -1):
        change, counts = cleaned.walked[place - 1].change, cleaned.steps[place - 1].counts
        before, after = known[place - 1], known[place]
        made = change.columns[name]
        only = _ONLY.fullmatch(made)
        source = None if change.source is not None else only[1].replace('""', '"') if only else None
        if change.source is not None:
            if name not in before or _is_made(name, change.source):
                other = (
                    cleaned.steps[place - 1].measured.get("name") if cleaned.walked[place - 1].planned.others else None
                )
                return Origin(name=last, made_in=place, made_from=other, changed_in=tuple(reversed(touched)))
        elif source is not None and source != name and source in before:
            touched.append(place)
            name = source
            continue
        elif name not in before:
            return Origin(name=last, made_in=place, made_of=_named(made, before), changed_in=tuple(reversed(touched)))
        was, became = before[name], after[name]
        if counts.columns.get(name) or (was.kind, was.sql) != (became.kind, became.sql):
            touched.append(place)
    return Origin(name=last, before=name, changed_in=tuple(reversed(touched)))


def _is_made(name: str, source: str) -> bool:
    """Whether a table made of the one before has a column of this name that is none of that one's."""
    column = quote(name)
    only_cast = re.escape(column) + r"::[A-Z0-9(), ]+ AS " + re.escape(column)
    return f" AS {column}" in source and not re.search(only_cast, source)


def _named(made: str, before: Mapping[str, ColumnType]) -> tuple[str, ...]:
    """The columns that an expression speaks of."""
    names = (found[1].replace('""', '"') for found in _NAMED.finditer(made) if found[1])
    return tuple(dict.fromkeys(name for name in names if name in before))
