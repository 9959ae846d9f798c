"""Charts worth a first look, from the kinds of the columns and what each of them is."""

from __future__ import annotations

from collections.abc import Mapping

from services import roles as naming
from services.explore.chart import Spec
from services.schema import ColumnType, Schema

MOST = 6

_KEYS = frozenset({"id", "no", "nr", "key", "code", "number", "zip", "year"})


def suggest(schema: Schema, roles: Mapping[str, str]) -> list[tuple[str, Spec]]:
    """A title and a chart each, at most MOST."""
    numbers = _first([each for each in schema if each.is_number and not _names(each)], roles, "amount", "price")
    dates = _first([each for each in schema if each.is_date], roles, "date")
    groups = _first([each for each in schema if each.kind in ("category", "flag")], roles, "group", "target")
    groups = groups or [each.name for each in schema if each.kind == "text"]
    found: list[tuple[str, Spec]] = []
    if dates and numbers:
        found.append((f"{numbers[0]} over time", Spec(type="line", x=dates[0], y=numbers[0], how="sum")))
    elif dates:
        found.append(("Rows over time", Spec(type="line", x=dates[0])))
    if groups:
        found.append((f"Rows by {groups[0]}", Spec(type="bar", x=groups[0])))
    if numbers:
        found.append((f"How {numbers[0]} is spread", Spec(type="histogram", x=numbers[0])))
    if groups and numbers:
        title = f"{numbers[0]} by {groups[0]}"
        found.append((title, Spec(type="box", x=groups[0], y=numbers[0])))
    if len(numbers) > 1:
        found.append((f"{numbers[1]} against {numbers[0]}", Spec(type="scatter", x=numbers[0], y=numbers[1])))
    if len(groups) > 1:
        title = f"{groups[0]} and {groups[1]}"
        found.append((title, Spec(type="heatmap", x=groups[0], y=groups[1])))
    if len(numbers) > 2:
        found.append(("What goes together", Spec(type="correlation")))
    return found[:MOST]


def _names(column: ColumnType) -> bool:
    """Whether a number is a name: nobody adds up order numbers."""
    return bool(_KEYS & set(naming.words(column.name)))


def _first(columns: list[ColumnType], roles: Mapping[str, str], *wanted: str) -> list[str]:
    """Their names, those that play a role first."""
    playing = [roles.get(role) for role in wanted]
    names = [each.name for each in columns]
    return sorted(names, key=lambda name: playing.index(name) if name in playing else len(playing))
