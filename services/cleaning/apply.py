"""A recipe over every row: counted step by step, kept as it goes, written once at the end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from services import duck
from services.analysis import Job
from services.cleaning.chain import Applied, Chain, on_disk, told
from services.cleaning.others import beside
from services.cleaning.recipe import Planned, Recipe
from services.cleaning.step import Change
from services.errors import DataError, Expected, ParamError
from services.schema import Schema
from services.table import Columns, Spilled

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection


@dataclass(frozen=True, kw_only=True)
class Walked:
    """A step that counts: the columns it found, what it measured there, and what it did."""

    planned: Planned
    schema: Schema
    measured: Mapping[str, Any]
    change: Change


@dataclass(frozen=True, kw_only=True)
class Cleaned:
    """What a recipe made of a table: its rows on disk, its schema, and what each step did.

    `table` is None where nothing was to be done.
    """

    table: Spilled | None
    schema: Schema
    steps: Sequence[Applied]
    walked: Sequence[Walked]


class StepFailed(DataError):
    """A step of a recipe cannot be applied; `place` is its place among those that count, from 0."""

    def __init__(self, message: str, *, place: int, field: str | None = None) -> None:
        super().__init__(message, field=field)
        self.place = place


def apply(table: Columns, recipe: Recipe, job: Job) -> Cleaned:
    """Apply the steps of `recipe` that count to every row of `table`.

    Each step's counts, and each table that is written on the way, are kept by the job, so that the same
    recipe goes on from there.

    Raises
    ------
    StepFailed
        A step cannot be applied; the message says which and why.
    """
    steps, done, walked = recipe.active, [], []
    written: Spilled | None = None
    folder = job.place("the table").parent
    with table.opened(folder) as con:
        others = beside(table.path, folder)
        chain = Chain(lambda sql: con.execute(sql).fetchall(), on_disk(table.path), table.schema, table.rows, others)
        for place, planned in enumerate(steps):
            job.report(place, len(steps) + 1, planned.step.title)
            name = f"{place + 1:03d} {planned.slug}"
            try:
                measured = job.keep(f"{name}, measured", partial(chain.measure, planned))
                change = chain.change(planned, measured)
                if change.scans or change.remakes:
                    written = _settled(con, chain, table, job, f"{name}, before") or written
                kept = job.keep(name, partial(_counted, chain, planned, measured, change))
                walked.append(Walked(planned=planned, schema=chain.schema, measured=measured, change=change))
                chain.apply(planned, change, kept["counts"]["after"])
                if change.scans or change.remakes:
                    written = _settled(con, chain, table, job, f"{name}, after")
            except Expected as error:
                field = error.field if isinstance(error, ParamError) else None
                said = f"Step {place + 1}, {planned.step.title}: {error.message}"
                raise StepFailed(said, place=place, field=field) from None
            done.append(Applied.from_json(kept))
        job.report(len(steps), len(steps) + 1, "Writing the table")
        written = _settled(con, chain, table, job, "the table") or written
    return Cleaned(table=written, schema=chain.schema, steps=done, walked=walked)


def applied(chain: Chain, planned: Planned, measured: Mapping[str, Any], change: Change) -> Applied:
    """Count what `change` does, and say it."""
    with told():
        counts = chain.count(change)
        examples = chain.examples(change, counts)
    said = planned.step.said(chain.question(planned), measured, counts)
    return Applied(measured=measured, counts=counts, said=said, examples=examples)


def _counted(chain: Chain, planned: Planned, measured: Mapping[str, Any], change: Change) -> dict[str, Any]:
    return applied(chain, planned, measured, change).as_json()


def _settled(con: DuckDBPyConnection, chain: Chain, table: Columns, job: Job, name: str) -> Spilled | None:
    """Write the table as it is now to columns on disk and go on from there, if it is not there already."""
    if chain.is_fresh:
        return None

    def write() -> Spilled:
        path = job.place(name)
        part = path.with_name(f".{path.name}")
        try:
            form = duck.parquet(len(chain.schema))
            con.execute(f"COPY ({chain.select}) TO {duck.literal(part.resolve())} ({form})")
            part.replace(path)
        except BaseException:  # a full disk, above all: half a table would keep it full
            part.unlink(missing_ok=True)
            raise
        return Spilled.at(path, spill=table.spill, memory_mb=table.memory_mb)

    made = job.keep(name, write)
    chain.begin(on_disk(made.path), chain.schema, made.rows)
    return made
