"""What a recipe would do to the first rows of a table, within a moment; every row is counted when it is applied."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from services.cleaning.apply import applied
from services.cleaning.chain import Applied, Ask, Chain
from services.cleaning.others import Others, nowhere
from services.cleaning.recipe import Recipe
from services.duck import quote
from services.errors import Expected, Unanswered
from services.schema import Schema
from services.table import ROW_NUMBER

ROWS = 20_000
SHOWN = 100


@dataclass(frozen=True, kw_only=True)
class Shown:
    """A step in the rail: what it does, or why it cannot be applied; `waits` when one before it cannot."""

    did: Applied | None = None
    wrong: str = ""
    field: str | None = None  # the control that this belongs to
    waits: bool = False


@dataclass(frozen=True, kw_only=True)
class Preview:
    """The first rows as they would be, and which of their cells would be others.

    `rows` is how many were looked at, `of` how many the table has.
    """

    steps: Sequence[Shown]
    schema: Schema
    rows: int
    of: int
    after: int
    head: Sequence[Mapping[str, Any]] = ()
    changed: Sequence[Mapping[str, str | None]] = ()  # of each of those rows, the columns that changed: what they were
    note: str = ""  # why there are none
    chain: Chain | None = None  # to ask more of the same rows


def preview(ask: Ask, schema: Schema, rows: int, recipe: Recipe, others: Others = nowhere) -> Preview:
    """Try the steps of `recipe` on the first rows of FILE, a table with numbered rows, of `rows` rows."""
    seen = min(rows, ROWS)
    chain = Chain(ask, f"SELECT * FROM FILE LIMIT {ROWS}", schema, seen, others)
    steps: list[Shown] = []
    remade = False
    for planned in recipe.steps:
        if not planned.on:
            steps.append(Shown())
        elif any(step.wrong for step in steps):
            steps.append(Shown(waits=True))
        else:
            try:
                measured = chain.measure(planned)
                change = chain.change(planned, measured)
                did = applied(chain, planned, measured, change)
                chain.apply(planned, change, did.counts.after)
            except Unanswered:  # it says nothing of the step
                raise
            except Expected as error:
                steps.append(Shown(wrong=error.message, field=error.field))
            else:
                remade = remade or change.remakes
                steps.append(Shown(did=did))
    head, changed = _head(chain, schema, remade)
    return Preview(
        steps=steps, schema=chain.schema, rows=seen, of=rows, after=chain.rows, head=head, changed=changed, chain=chain
    )  # fmt: skip


def _head(chain: Chain, before: Schema, remade: bool) -> tuple[list[dict[str, Any]], list[dict[str, str | None]]]:
    """The first rows as they are now, and of each the columns in which it was another, with what stood there."""
    names = chain.schema.names
    both = [] if remade else [name for name in names if name in before]
    columns = ", ".join(f"n.{quote(name)}" for name in names)
    pairs = [(f"o.{quote(name)}::VARCHAR", f"n.{quote(name)}::VARCHAR") for name in both]
    olds = "".join(f", {old} IS DISTINCT FROM {new}, {old}" for old, new in pairs)
    joined = "" if remade else f" JOIN step_0 o ON o.{ROW_NUMBER} = n.{ROW_NUMBER}"
    found = chain.fetch(
        f"SELECT {columns}{olds} FROM (FROM rows ORDER BY {ROW_NUMBER} LIMIT {SHOWN}) n{joined} ORDER BY n.{ROW_NUMBER}"
    )
    new: dict[str, str | None] = {name: None for name in names if name not in before}
    head, changed = [], []
    for row in found:
        head.append(dict(zip(names, row, strict=False)))
        flags, texts = row[len(names) :: 2], row[len(names) + 1 :: 2]
        changed.append(new | {name: old for name, flag, old in zip(both, flags, texts, strict=True) if flag})
    return head, changed
