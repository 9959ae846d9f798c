"""Chained work: several analyses asked together, run one after another.

Each part is a run of its own in the ordinary queue, so one that fails, is killed or cancelled never
stops the next, and a restart loses nothing. A chain only remembers what was asked together, in one
small file; when that is gone, its runs are runs as any.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from services import datasets, params, results, room, sampling
from services.analysis import find as find_analysis
from services.errors import Expected, NotFound, ParamError
from services.jobs.engine import Engine
from services.jobs.record import Record
from services.workspace import Workspace, is_id, new_id, read_json, write_json

MOST_KEPT = 50  # chains of a visitor that are remembered
REMOVED = "removed"  # the state of a part whose run and answer are gone

SAMPLE = frozenset({"sample_rows", "sample_by", "seed"})  # what a table's sample is, to an analysis that holds rows
_ENDINGS = ("done", "failed", "killed", "interrupted", "cancelled", REMOVED)


@dataclass(frozen=True, kw_only=True)
class Part:
    """One of the analyses of a chain: its run, unless its question was answered before it was asked."""

    place: int  # from 1
    slug: str
    title: str
    key: str  # of its result
    job: Record | None
    is_answered: bool  # its question has an answer, by this run or another

    @property
    def state(self) -> str:
        if self.job is not None:
            return self.job.state
        return "done" if self.is_answered else REMOVED

    @property
    def is_live(self) -> bool:
        return self.job is not None and self.job.is_live


@dataclass(frozen=True, kw_only=True)
class Chain:
    """What was asked together: `made` in seconds since 1970, `data` is the name of the dataset."""

    id: str
    made: float
    data: str
    parts: tuple[Part, ...]

    @property
    def is_live(self) -> bool:
        return any(part.is_live for part in self.parts)

    @property
    def ended(self) -> tuple[Part, ...]:
        return tuple(part for part in self.parts if not part.is_live)

    @property
    def current(self) -> Part | None:
        """The part that runs, else the one that is next."""
        live = sorted((part for part in self.parts if part.job and part.is_live), key=_turn)
        return live[0] if live else None

    def counts(self) -> dict[str, int]:
        """How many parts ended in each way, the good one first; what did not happen is left out."""
        found = {state: sum(part.state == state for part in self.parts) for state in _ENDINGS}
        return {state: number for state, number in found.items() if number}


def question(slug: str, dataset: Mapping[str, Any]) -> tuple[Any, dict[str, str]]:
    """What an analysis is asked without anybody choosing: its parameters, and the columns that roles proposed.

    Raises
    ------
    ParamError
        Something must be chosen first.
    """
    declared, schema = find_analysis(slug).params, datasets.schema(dataset)
    proposed = params.propose(declared, schema, dataset["roles"], sampling.proposed(dataset))
    return params.parse(declared, proposed, schema), proposed


def notes(proposed: Mapping[str, str]) -> tuple[str, ...]:
    """What an answer says of the columns that nobody chose for it."""
    return tuple(
        f"{name} is “{column}”, by the roles of the table." for name, column in proposed.items() if name not in SAMPLE
    )


def answer(workspace: Workspace, slug: str, dataset: str, parsed: Any) -> results.StoredResult | None:
    """The whole answer of a question, when there is one already."""
    key = results.key(dataset, slug, find_analysis(slug).version, params.canonical(parsed))
    with contextlib.suppress(NotFound):
        stored = results.get(workspace.result(key))
        return None if stored.evicted() else stored
    return None


def ask(engine: Engine, workspace: Workspace, dataset: dict[str, Any], slugs: Sequence[str]) -> str:
    """Ask several analyses about a dataset, in this order, and return the id of their chain.

    What is answered already is not run again. What is on its way already, as a run of its own, is not
    asked twice; a whole chain that is, is that chain.

    Raises
    ------
    ParamError
        None was named, or one cannot be asked without a choice.
    QueueFull, DiskFull
        Too many runs wait, or there is no room to note these; none of them was asked.
    """
    chosen = list(dict.fromkeys(slugs))
    if not chosen:
        raise ParamError("Tick one analysis or more.")
    chain, drafts, parts = new_id(), [], []
    for place, slug in enumerate(chosen, 1):
        try:
            parsed, proposed = question(slug, dataset)
        except ParamError as error:
            raise ParamError(f"{find_analysis(slug).title}. {error.message}", field=slug) from None
        job = engine.draft(workspace, slug, dataset, params.canonical(parsed), notes(proposed))
        job = job.changed(chain=chain, part=place, parts=len(chosen))
        runs = answer(workspace, slug, dataset["id"], parsed) is None
        parts.append({"slug": slug, "title": job.title, "key": job.key, "job": job.id if runs else None})
        if runs:
            drafts.append(job)
    made = {"made": datetime.now().timestamp(), "data": dataset["name"], "parts": parts}
    path = workspace.chain(chain)
    with room.needed(workspace.folder.parent):
        path.parent.mkdir(parents=True, exist_ok=True)
    write_json(path, made)
    try:
        asked = engine.submit(workspace, drafts)
    except (Expected, OSError):
        path.unlink()
        raise
    known = {job.chain for job in asked}
    if len(known) == 1 and not known & {chain, None}:
        path.unlink()  # asked twice: by a second click, or from another tab
        return str(known.pop())
    instead = {draft.id: job.id for draft, job in zip(drafts, asked, strict=True) if draft.id != job.id}
    if instead:
        for part in parts:
            part["job"] = instead.get(part["job"], part["job"])
        write_json(path, made)
    for old in _files(workspace)[MOST_KEPT:]:
        old.unlink(missing_ok=True)
    return chain


def find(workspace: Workspace, chain: str, jobs: Sequence[Record]) -> Chain:
    """The chain of that id, its parts as `jobs`, the visitor's records, say.

    Raises
    ------
    NotFound
        There is none of this visitor, or its file is damaged.
    """
    said = read_json(workspace.chain(chain))
    known = {job.id: job for job in jobs}
    try:
        return Chain(
            id=chain,
            made=float(said["made"]),
            data=str(said["data"]),
            parts=tuple(_part(workspace, place, each, known) for place, each in enumerate(said["parts"], 1)),
        )
    except (KeyError, TypeError, ValueError):
        raise NotFound("This does not exist any more, or never did.") from None


def newest(workspace: Workspace, jobs: Sequence[Record]) -> Chain | None:
    """The chain that was asked last and of which something is left."""
    for path in _files(workspace):
        with contextlib.suppress(NotFound):
            found = find(workspace, path.stem, jobs)
            if any(part.state != REMOVED for part in found.parts):
                return found
    return None


def cancel(engine: Engine, workspace: Workspace, chain: str) -> None:
    """Withdraw every part that waits, and then cancel the one that runs.

    Raises
    ------
    NotFound
        There is no such chain of this visitor.
    """
    found = find(workspace, chain, engine.mine(workspace))
    # The last first: a part that starts meanwhile is one that is still to be cancelled.
    for part in sorted((part for part in found.parts if part.job and part.is_live), key=_turn, reverse=True):
        with contextlib.suppress(NotFound):
            engine.cancel(workspace, part.job.id)  # type: ignore[union-attr]


def _part(workspace: Workspace, place: int, said: Mapping[str, Any], known: Mapping[str, Record]) -> Part:
    key = str(said["key"])
    return Part(
        place=place,
        slug=str(said["slug"]),
        title=str(said["title"]),
        key=key,
        job=known.get(said["job"]),
        is_answered=(workspace.result(key) / results.FILE).is_file(),
    )


def _turn(part: Part) -> tuple[bool, int]:
    assert part.job is not None
    return part.job.state != "running", part.job.sequence


def _files(workspace: Workspace) -> list[Path]:
    """The files of the visitor's chains, newest first."""
    with contextlib.suppress(FileNotFoundError, NotADirectoryError):
        found = [path for path in (workspace.folder / "chains").iterdir() if is_id(path.stem) and path.is_file()]
        return sorted(found, key=lambda path: -path.stat().st_mtime_ns)
    return []
