"""The record of a run: one JSON file in the job's folder, replaced atomically, is the truth."""

from __future__ import annotations

import dataclasses
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from services.errors import NotFound
from services.memory import is_alive
from services.workspace import read_json, write_json

State = Literal["queued", "running", "done", "failed", "cancelled", "killed", "interrupted"]
LIVE = frozenset({"queued", "running"})

FILE = "record.json"
CANCEL = "cancel"  # a file of this name in the job's folder asks the supervisor to stop
SKIP = "skip"  # ... to stop the step whose name it holds, and to go on
ENOUGH = "enough"  # ... has the run end after the step that is being made, with what there is by then
FULL = "full"  # ... says that the disk had no room for how it ended
LOG = "log.txt"


@dataclass(frozen=True, kw_only=True)
class Record:
    """What is known of one run, for every tab, every worker and the next server.

    Times are seconds since 1970, memory is in MB, `progress` is what the job last reported.
    """

    id: str
    visitor: str
    task: str  # "analysis", "ingest", "export" or "order"
    slug: str  # the analysis', or the task's own name
    title: str
    dataset: str | None
    params: dict[str, Any]
    key: str  # of the result; of the ingest's or export's question
    lane: str
    made: float = dataclasses.field(default_factory=time.time)
    sequence: int = 0  # place in the queue: lower is earlier
    state: State = "queued"
    started: float | None = None
    ended: float | None = None
    done: int = 0
    total: int = 0
    label: str = ""
    steps: tuple[dict[str, Any], ...] = ()  # finished steps: label, seconds
    step_started: float | None = None
    moved: float | None = None  # when `done` changed last
    pid: int | None = None  # the supervisor
    start: int | None = None  # its start time, in clock ticks since boot
    ceiling_mb: int | None = None
    memory_mb: float = 0
    peak_mb: float = 0
    cost_mb: float | None = None  # peak that the analysis predicts
    cost_seconds: float | None = None  # time that it predicts
    expected_mb: float | None = None  # that peak, corrected by what such runs took here
    kept: tuple[str, ...] = ()  # steps on disk
    found: int = 0  # how many of them an earlier run had made
    making: str = ""  # the step being made now
    may_skip: bool = False  # whether its visitor may have it skipped
    stopped: tuple[dict[str, str], ...] = ()  # steps stopped: name, reason
    partial: int = 0  # how often a result so far was shown
    message: str = ""  # how it ended and why, in a sentence
    field: str | None = None  # the control that the message belongs to
    incident: str | None = None
    outcome: str | None = None  # what it made: a dataset's id, a file's name
    notes: tuple[str, ...] = ()  # said before the run: roles proposed, defaults taken
    chain: str | None = None  # what it was asked together with
    part: int = 0  # its place there, from 1
    parts: int = 0  # and of how many

    @property
    def is_live(self) -> bool:
        return self.state in LIVE

    @property
    def together(self) -> str:
        """What it counts as where a chain counts as one."""
        return self.chain or self.id

    @property
    def is_orphan(self) -> bool:
        """Says that it runs, but its supervisor does not live any more."""
        return self.state == "running" and not is_alive(self.pid, self.start)

    @property
    def seconds(self) -> float:
        """How long it ran, or has run so far."""
        # Never less than none: the clock may have been set back meanwhile.
        return 0.0 if self.started is None else max(0.0, (self.ended or time.time()) - self.started)

    @property
    def left(self) -> float | None:
        """Seconds left, when that can be estimated: what is done says how fast it goes.

        A step that takes much longer than those before it says that nobody knows.
        """
        if self.state != "running" or self.started is None or self.moved is None:
            return None
        if not 0.1 * self.total <= self.done < self.total:
            return None
        each, here = (self.moved - self.started) / self.done, time.time() - self.moved
        if min(each, here) < 0:  # the clock was set back
            return None
        if here > max(3 * each, each + 5):
            return None
        return each * (self.total - self.done - 1) + max(0.0, each - here)

    def changed(self, **fields: Any) -> Record:
        return dataclasses.replace(self, **fields)

    def write(self, folder: Path) -> None:
        write_json(folder / FILE, dataclasses.asdict(self))


def read(folder: Path) -> Record:
    """The record kept in a job's folder.

    Raises
    ------
    NotFound
        There is none, or it is damaged.
    """
    said = read_json(folder / FILE)
    known = {each.name for each in dataclasses.fields(Record)}
    try:
        for name in ("steps", "kept", "stopped", "notes"):
            said[name] = tuple(said.get(name, ()))
        return Record(**{name: value for name, value in said.items() if name in known})
    except (AttributeError, TypeError):
        raise NotFound("This does not exist any more, or never did.") from None
