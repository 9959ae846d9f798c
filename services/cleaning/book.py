"""The recipe of a table as it is worked on: kept with the table, undone and redone without end, over a reload too."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from services.cleaning.recipe import Planned, Recipe, parse
from services.errors import Expected, NotFound, ParamError
from services.workspace import read_json, write_json

FILE = "recipe.json"
MOST = 500  # states that are kept


@dataclass(frozen=True)
class Book:
    """Every state a recipe was in, and which one counts."""

    states: tuple[Recipe, ...] = (Recipe(),)
    at: int = 0

    @property
    def recipe(self) -> Recipe:
        return self.states[self.at]

    @property
    def undoes(self) -> bool:
        return self.at > 0

    @property
    def redoes(self) -> bool:
        return self.at + 1 < len(self.states)

    def changed(self, steps: tuple[Planned, ...]) -> Book:
        """The same with another state at its end; what was undone is forgotten."""
        if steps == self.recipe.steps:
            return self
        kept = (*self.states[: self.at + 1], parse(Recipe(steps).as_json()))[-MOST:]
        return Book(kept, len(kept) - 1)

    def added(self, planned: Planned) -> Book:
        return self.changed((*self.recipe.steps, planned))

    def edited(self, place: int, change: Callable[[Planned], Planned | None]) -> Book:
        """The same with the step at `place` (from 0) as `change` makes it, or without it."""
        steps = list(self.recipe.steps)
        made = change(steps[self._place(place)])
        steps[place : place + 1] = [] if made is None else [made]
        return self.changed(tuple(steps))

    def moved(self, place: int, by: int) -> Book:
        """The same with the step at `place` so many places further down."""
        steps = list(self.recipe.steps)
        step = steps.pop(self._place(place))
        steps.insert(max(0, place + by), step)
        return self.changed(tuple(steps))

    def undone(self) -> Book:
        return replace(self, at=max(0, self.at - 1))

    def redone(self) -> Book:
        return replace(self, at=min(len(self.states) - 1, self.at + 1))

    def _place(self, place: int) -> int:
        if not 0 <= place < len(self.recipe.steps):
            raise ParamError("This step is not there any more. Load the page again.")
        return place


def read(folder: Path) -> Book:
    """The recipe of the dataset in `folder`; an empty one where there is none, or it is damaged."""
    try:
        said = read_json(folder / FILE)
        states = tuple(map(parse, said["states"]))
        return Book(states, min(max(int(said["at"]), 0), len(states) - 1)) if states else Book()
    except (NotFound, Expected, KeyError, TypeError, ValueError):
        return Book()


def write(folder: Path, book: Book) -> None:
    write_json(folder / FILE, {"states": [state.as_json() for state in book.states], "at": book.at})
