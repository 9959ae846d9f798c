"""A recipe: an ordered list of steps, as a small JSON document that is checked on the way in."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from services import params
from services.cleaning.step import Step, find
from services.errors import NotFound, ParamError
from services.params import Dataset
from services.schema import Schema
from services.workspace import is_id

FORMAT = 1
MOST_STEPS = 200
LONGEST_NOTE = 1_000
LONGEST = 1_000_000  # characters of the whole document


@dataclass(frozen=True, kw_only=True)
class Planned:
    """A step of a recipe as it was asked for: which, with what, whether it counts, and a remark."""

    slug: str
    params: Mapping[str, Any] = field(default_factory=dict, hash=False)
    on: bool = True
    note: str = ""

    @property
    def step(self) -> Step[Any]:
        return find(self.slug)

    @property
    def _tables(self) -> list[str]:
        return [each.name for each in params.fields(self.step.params) if isinstance(each.kind, Dataset)]

    def naming(self, there: Mapping[str, str]) -> Planned:
        """The same with the tables that it names called as `there` says."""
        named = {name: there.get(str(self.params.get(name)), self.params.get(name)) for name in self._tables}
        return replace(self, params={**self.params, **named}) if named else self

    @property
    def others(self) -> tuple[str, ...]:
        """The ids of the other tables that it names."""
        named = (
            self.params.get(each.name) for each in params.fields(self.step.params) if isinstance(each.kind, Dataset)
        )
        return tuple(id for id in named if isinstance(id, str) and is_id(id))

    def question(self, schema: Schema) -> Any:
        """Its parameters, checked against the columns that it finds.

        Raises
        ------
        ParamError
            One of them is missing, wrong, or names a column that is not there.
        """
        return params.parse(self.step.params, self.params, schema)

    def as_json(self) -> dict[str, Any]:
        said: dict[str, Any] = {"step": self.slug, "params": dict(self.params)}
        return said | ({} if self.on else {"on": False}) | ({"note": self.note} if self.note else {})


@dataclass(frozen=True)
class Recipe:
    """Steps in their order."""

    steps: tuple[Planned, ...] = ()

    @property
    def active(self) -> tuple[Planned, ...]:
        return tuple(step for step in self.steps if step.on)

    def as_json(self) -> dict[str, Any]:
        return {"format": FORMAT, "steps": [step.as_json() for step in self.steps]}

    def naming(self, there: Mapping[str, str]) -> Recipe:
        """The same with other tables called as `there` says: by name where it travels, by id where it is applied."""
        return Recipe(tuple(step.naming(there) for step in self.steps))

    @property
    def mark(self) -> list[Any]:
        """What tells the outcome from others: the steps that count, without remarks."""
        return [[step.slug, dict(step.params)] for step in self.active]


def parse(sent: object) -> Recipe:
    """Check the document `sent` by a browser, or read from a file.

    Raises
    ------
    ParamError
        It is no recipe, or names a step there is not.
    """
    if isinstance(sent, str):
        try:
            sent = json.loads(sent) if len(sent) <= LONGEST else None
        except (ValueError, RecursionError):
            sent = None
    steps = sent.get("steps") if isinstance(sent, Mapping) else None
    if not isinstance(sent, Mapping) or sent.get("format", FORMAT) != FORMAT or not isinstance(steps, list):
        raise ParamError("This is no recipe. Choose a file that was saved on the Cleaning page.", field="recipe")
    if len(steps) > MOST_STEPS:
        raise ParamError(f"A recipe has at most {MOST_STEPS} steps; this one has {len(steps):,}.", field="recipe")
    return Recipe(tuple(_planned(each, place) for place, each in enumerate(steps, 1)))


def _planned(sent: object, place: int) -> Planned:
    given = sent if isinstance(sent, Mapping) else {}
    slug, asked, on, note = given.get("step"), given.get("params", {}), given.get("on", True), given.get("note", "")
    wrong = not isinstance(asked, Mapping) or not isinstance(on, bool) or not isinstance(note, str)
    if wrong or not isinstance(slug, str) or not all(isinstance(name, str) for name in asked):
        raise ParamError(f"Step {place} of this recipe cannot be read.", field="recipe")
    try:
        find(slug)
    except NotFound as error:
        raise ParamError(f"Step {place}: {error.message}", field="recipe") from None
    if "\0" in json.dumps(asked, ensure_ascii=False, default=str).replace("\\u0000", "\0"):
        raise ParamError(f"Step {place} holds a sign that no text may have.", field="recipe")
    return Planned(slug=slug, params=dict(asked), on=on, note=note[:LONGEST_NOTE])
