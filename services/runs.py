"""A visitor's runs as they see them: each record, and what they noted about it.

The record is the engine's and is replaced by a living supervisor at any time; what the visitor says
of a run (a name, deleted, seen) therefore lies apart, in one file of the workspace.
"""

from __future__ import annotations

import contextlib
import dataclasses
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from services.errors import DiskFull, NotFound, ParamError
from services.jobs import lanes
from services.jobs.engine import Engine
from services.jobs.record import Record
from services.workspace import Workspace, read_json, write_json
from services.workspace import discard as discard_folder

UNDO_SECONDS = 600  # how long a deleted run can be brought back
LONGEST_NAME = 80

_FILE = "runs.json"
_LOCK = "runs.lock"
_MOST_KNOWN = 500  # workspaces whose marks are held in memory
_known: dict[Path, tuple[int, dict[str, Marks]]] = {}


@dataclass(frozen=True, kw_only=True)
class Marks:
    """What a visitor noted about a run; `deleted` is when, in seconds since 1970."""

    name: str = ""
    seen: bool = False  # how it ended was shown
    dismissed: bool = False  # its early end was put away
    deleted: float | None = None


@dataclass(frozen=True)
class Run:
    """A run with its marks."""

    record: Record
    marks: Marks

    @property
    def name(self) -> str:
        """The visitor's own name for it, else the analysis' title."""
        return self.marks.name or self.record.title

    @property
    def is_news(self) -> bool:
        """It has ended, not by its visitor's own hand, and they have not seen how."""
        known = self.record.is_live or self.record.state == "cancelled"
        return not (known or self.marks.seen or self.marks.dismissed)


def each(engine: Engine, workspace: Workspace) -> list[Run]:
    """The visitor's runs of analyses that are not deleted, newest first."""
    return among(workspace, engine.mine(workspace))


def among(workspace: Workspace, jobs: list[Record]) -> list[Run]:
    """What `each` says, of jobs that were looked up already."""
    return [run for run in _all(workspace, jobs) if run.marks.deleted is None]


def deleted(engine: Engine, workspace: Workspace, now: float) -> list[Run]:
    """The runs that were deleted together last, while they can still be brought back."""
    found = [run for run in _all(workspace, engine.mine(workspace)) if now - (run.marks.deleted or 0) <= UNDO_SECONDS]
    last = max((run.marks.deleted or 0 for run in found), default=0)
    return [run for run in found if run.marks.deleted == last]


def newest(engine: Engine, workspace: Workspace, slug: str, dataset: str | None) -> Run | None:
    """The visitor's newest run of an analysis on a dataset."""
    return next(
        (run for run in each(engine, workspace) if run.record.slug == slug and run.record.dataset == dataset), None
    )


def get(engine: Engine, workspace: Workspace, job: str) -> Run:
    """One run, deleted or not.

    Raises
    ------
    NotFound
        There is no such run of this visitor.
    """
    return Run(engine.get(workspace, job), _marks(workspace).get(job, Marks()))


def rename(workspace: Workspace, job: str, name: str) -> None:
    """Give a run a name of its own; an empty one takes it away.

    Raises
    ------
    ParamError
        The name is too long.
    """
    name = " ".join(name.split())
    if len(name) > LONGEST_NAME:
        raise ParamError(f"A name has at most {LONGEST_NAME} characters; this one has {len(name)}.", field="name")
    mark(workspace, [job], name=name)


def delete(engine: Engine, workspace: Workspace, jobs: list[str]) -> list[str]:
    """Put ended runs away, to be removed for good later; return which were. A live one is cancelled first by hand."""
    ended = [job for job in jobs if not engine.get(workspace, job).is_live]
    mark(workspace, ended, deleted=time.time())
    return ended


def restore(workspace: Workspace, jobs: list[str]) -> None:
    """Bring deleted runs back."""
    mark(workspace, jobs, deleted=None)


def see(engine: Engine, workspace: Workspace, *shown: str) -> None:
    """Note that the visitor was shown how runs ended: those called as one of `shown`, or with a result of that key."""
    told = [
        run.record.id for run in each(engine, workspace) if run.is_news and {run.record.id, run.record.key} & set(shown)
    ]
    with contextlib.suppress(DiskFull):  # it is told once more, and that is all
        mark(workspace, told, seen=True)


def mark(workspace: Workspace, jobs: list[str], **changes: Any) -> None:
    """Note something about runs of this visitor.

    Raises
    ------
    NotFound
        One of them does not exist.
    """
    for job in jobs:
        if not workspace.job(job).is_dir():
            raise NotFound("This run does not exist any more, or never did.")
    if not jobs:
        return
    with lanes.alone(workspace.folder / _LOCK):
        marks = dict(_marks(workspace))
        for job in jobs:
            marks[job] = dataclasses.replace(marks.get(job, Marks()), **changes)
        _write(workspace, marks)


def purge(engine: Engine, workspace: Workspace, now: float) -> None:
    """Remove for good what was deleted long enough ago: its record, and its result when no other run shows it."""
    gone = [job for job, marks in _marks(workspace).items() if marks.deleted and now - marks.deleted > UNDO_SECONDS]
    if not gone:
        return
    left = {job.key for job in engine.mine(workspace) if job.id not in gone}
    for job in gone:
        folder = workspace.job(job)
        try:
            key = engine.get(workspace, job).key
        except NotFound:
            key = None
        if key is not None and key not in left:
            discard_folder(workspace.result(key))
        discard_folder(folder)
    with lanes.alone(workspace.folder / _LOCK):
        _write(workspace, {job: marks for job, marks in _marks(workspace).items() if job not in gone})


def discard(engine: Engine, workspace: Workspace, job: str) -> None:
    """Forget what a run that ended early kept, and put its message away."""
    known = engine.get(workspace, job)
    if not known.is_live:
        engine.forget(workspace, known.key)
        mark(workspace, [job], dismissed=True)


def resumes(workspace: Workspace, job: Record) -> bool:
    """Whether asking the run's question again would go on from steps that are kept."""
    return bool(job.kept) and not job.is_live and workspace.steps(job.key).is_dir()


def forget_marks() -> None:
    """Hold no marks in memory: they are read again when they are asked for."""
    _known.clear()


def _all(workspace: Workspace, jobs: list[Record]) -> list[Run]:
    marks = _marks(workspace)
    return [Run(job, marks.get(job.id, Marks())) for job in jobs if job.task == "analysis"]


def _marks(workspace: Workspace) -> dict[str, Marks]:
    """Every mark of a visitor by run; read again only when the file changed, since every tab asks each second."""
    path = workspace.folder / _FILE
    try:
        changed = path.stat().st_mtime_ns
    except FileNotFoundError:
        return {}
    known = _known.get(path)
    if known is None or known[0] != changed:
        names = {field.name for field in dataclasses.fields(Marks)}
        try:
            said = {
                job: Marks(**{name: value for name, value in marks.items() if name in names})
                for job, marks in read_json(path).items()
            }
        except (NotFound, AttributeError, TypeError):  # damaged: the records are whole, only the notes are lost
            said = {}
        if len(_known) >= _MOST_KNOWN:
            _known.clear()
        known = _known[path] = (changed, said)
    return known[1]


def _write(workspace: Workspace, marks: dict[str, Marks]) -> None:
    write_json(workspace.folder / _FILE, {job: dataclasses.asdict(each) for job, each in marks.items()})
