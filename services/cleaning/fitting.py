"""A recipe of one table for another: which columns it looks for in vain, and the same with others in their place."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from services import params
from services.cleaning import formula
from services.cleaning.recipe import Planned, Recipe
from services.explore.filters import EVERY
from services.params import Column, Pairs, Text, Where
from services.schema import Schema

_FORMULA = "formula"


def lacking(recipe: Recipe, schema: Schema) -> list[str]:
    """The columns that `recipe` speaks of, that a table of `schema` does not have, and that no step of it makes.

    A column that a step names by itself (a value put across, a part of a text) may be among them.
    """
    there, missed = {name.lower() for name in schema.names}, []
    for planned in recipe.active:
        for name in _used(planned):
            if name.lower() not in there and name not in missed:
                missed.append(name)
        there |= {name.lower() for name in _made(planned)}
    return missed


def renamed(recipe: Recipe, names: Mapping[str, str]) -> Recipe:
    """The same recipe for other columns: each of `names` stands for another."""
    return Recipe(tuple(_renamed(planned, names) for planned in recipe.steps))


def _used(planned: Planned) -> Iterator[str]:
    for each in params.fields(planned.step.params):
        given = planned.params.get(each.name)
        match each.kind:
            case Column() if isinstance(given, str):
                yield given
            case Column() if isinstance(given, list | tuple):
                yield from (name for name in given if isinstance(name, str))
            case Pairs(of_columns=True):
                yield from (str(one) for one, _ in given or ())
            case Where() if isinstance(given, Mapping):
                yield from (name for name in given if name != EVERY)
            case Text() if each.name == _FORMULA and isinstance(given, str):
                yield from formula.names(given)


def _made(planned: Planned) -> Iterator[str]:
    """The names that a step gives, as far as it is told them."""
    for each in params.fields(planned.step.params):
        given = planned.params.get(each.name, None if each.required else each.default)
        if isinstance(each.kind, Text) and each.name != _FORMULA and isinstance(given, str):
            yield given
        elif isinstance(each.kind, Pairs) and each.kind.of_columns:
            yield from (str(other) for _, other in given or ())


def _renamed(planned: Planned, names: Mapping[str, str]) -> Planned:
    changed: dict[str, Any] = {}
    for each in params.fields(planned.step.params):
        given = planned.params.get(each.name)
        match each.kind:
            case Column() if isinstance(given, str):
                changed[each.name] = names.get(given, given)
            case Column() if isinstance(given, list | tuple):
                changed[each.name] = [names.get(name, name) for name in given]
            case Pairs(of_columns=True) if given:
                changed[each.name] = [[names.get(one, one), other] for one, other in given]
            case Where() if isinstance(given, Mapping):
                changed[each.name] = {names.get(name, name): wanted for name, wanted in given.items()}
            case Text() if each.name == _FORMULA and isinstance(given, str):
                changed[each.name] = formula.renamed(given, names)
    return replace(planned, params={**planned.params, **changed})
