"""The queue and its dispatch: who may run, who waits, and how a run is asked for, found and stopped.

The records are the truth. The index (diskcache, JSON values, never culled) only says which records
are live and in which order they came, and is made again from them when it cannot be read.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
import subprocess
import sys
import threading
import time
import zlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from services import params, preflight, results, room
from services.analysis import Cost, Shape, find
from services.errors import DiskFull, NotFound, QueueFull
from services.jobs import events, lanes, record, tasks
from services.jobs.processes import sweep_strays
from services.jobs.record import Record
from services.jobs.supervisor import ENVIRONMENT, NO_ROOM, ROOT, Bounds, free_mb
from services.workspace import Home, Workspace, discard, is_id, new_id

if TYPE_CHECKING:
    from diskcache import Cache

MOST_QUEUED = 20
MOST_QUEUED_EACH = 3
MOST_SEEN = 2_000  # records held in memory
LEAST_FREE = 1 << 18  # bytes of disk without which nothing is started

# What reading an index of noise ends in.
_DAMAGED = (sqlite3.DatabaseError, zlib.error, ValueError)


def open_index(folder: Path) -> Cache:
    """A small diskcache with JSON values that never loses an entry by size.

    Its page cache and memory map are cut down: the defaults cost 100 MB over eight threads.
    """
    import diskcache

    return diskcache.Cache(
        str(folder),
        disk=diskcache.JSONDisk,
        eviction_policy="none",
        sqlite_mmap_size=0,
        sqlite_cache_size=256,
    )


class Engine:
    """Runs jobs for a server: one heavy at a time, one quick beside it when it fits."""

    def __init__(self, home: Home, bounds: Bounds, make_room: Callable[[], object] = lambda: None) -> None:
        """`make_room` ends what can be ended when a job needs its memory: the reader."""
        self.home, self.bounds, self._make_room = home, bounds, make_room
        self._seen: dict[str, tuple[int, Record]] = {}  # job -> when its record changed, and what it says
        self._noted: dict[str, Any] = {}  # what the disk had no room for beside the queue
        self._supervisors: list[subprocess.Popen[bytes]] = []
        self._guard = threading.Lock()
        try:
            self.index = open_index(home.server / "index")
            self._remember()
        except _DAMAGED:
            self._rebuild()
        self.recover()

    # Asking -------------------------------------------------------------------------------------

    def ask(
        self, workspace: Workspace, slug: str, dataset: dict[str, Any], raw: dict[str, Any], notes: tuple[str, ...] = ()
    ) -> Record:
        """Ask an analysis' question: the live run that asks it already, or a new one.

        Raises
        ------
        ParamError
            The question does not parse.
        QueueFull
            Too many runs wait.
        """
        return self.submit(workspace, [self.draft(workspace, slug, dataset, raw, notes)])[0]

    def draft(
        self, workspace: Workspace, slug: str, dataset: dict[str, Any], raw: dict[str, Any], notes: tuple[str, ...] = ()
    ) -> Record:
        """The run that would answer a question, before it is asked.

        Raises
        ------
        ParamError
            The question does not parse.
        """
        from services import datasets

        analysis = find(slug)
        parsed = params.parse(analysis.params, raw, datasets.schema(dataset))
        question = params.canonical(parsed)
        key = results.key(dataset["id"], slug, analysis.version, question)
        shape = Shape(dataset["rows"], len(dataset["columns"]))
        cost = analysis.cost(shape, parsed)
        expected = preflight.predict(self.home.server, analysis, shape, parsed)
        return Record(
            id=new_id(), visitor=workspace.visitor, task="analysis", slug=slug, title=analysis.title,
            dataset=dataset["id"], params=question, key=key, lane=lanes.HEAVY, notes=notes,
            cost_mb=cost.peak_mb, cost_seconds=cost.seconds, expected_mb=expected.peak_mb,
        )  # fmt: skip

    def again(
        self, workspace: Workspace, job: str, *, fresh: bool = False, changed: Mapping[str, Any] | None = None
    ) -> Record:
        """Ask the question of an earlier run once more: going on from the steps it kept, or from nothing.

        `changed` are parameters that are to be others than they were.

        Raises
        ------
        NotFound
            There is no such run of an analysis, or its dataset was removed.
        """
        from services import datasets

        known = self.get(workspace, job)
        if known.task != "analysis" or known.dataset is None:
            raise NotFound("Only the run of an analysis can be asked again.")
        dataset = datasets.about(workspace, known.dataset)
        if fresh:
            self.forget(workspace, known.key)
        return self.ask(workspace, known.slug, dataset, {**known.params, **(changed or {})}, known.notes)

    def forget(self, workspace: Workspace, key: str) -> None:
        """Remove the steps kept for a question and the result so far, unless a run of it is live."""
        with lanes.alone(self.home.server / "queue.lock"):
            if any(each.key == key and each.visitor == workspace.visitor for _, each in self.live()):
                return
            discard(workspace.steps(key))
            discard(workspace.result(key) / results.PARTIAL)

    def take_in(self, workspace: Workspace, asked: dict[str, Any], title: str, size: int) -> Record:
        """Read an upload (`{"upload", "name"}`) or a sample (`{"sample"}`) of `size` bytes into a dataset."""
        # 20 MB are read and profiled within the quick lane's ten seconds.
        lane = lanes.QUICK if size <= 20_000_000 else lanes.HEAVY
        return self.submit(workspace, [self._other(workspace, "ingest", asked, title, lane)])[0]

    def export(self, workspace: Workspace, asked: dict[str, Any], rows: int) -> Record:
        """Write a table of a result to a file: `{"result", "table", "format", "raw"}`."""
        lane = lanes.QUICK if rows <= 500_000 else lanes.HEAVY
        return self.submit(workspace, [self._other(workspace, "export", asked, "Export", lane)])[0]

    def order(self, workspace: Workspace, asked: dict[str, Any], rows: int) -> Record:
        """Sort the `rows` rows of a dataset once, for pages deep in the order: `{"dataset", "where", "sort"}`."""
        title = f"Sorting {rows:,} rows"
        return self.submit(workspace, [self._other(workspace, "order", asked, title, lanes.QUICK)])[0]

    @staticmethod
    def _other(workspace: Workspace, task: str, asked: dict[str, Any], title: str, lane: str) -> Record:
        return Record(
            id=new_id(), visitor=workspace.visitor, task=task, slug=task, title=title, dataset=None,
            params=asked, key=tasks.key_of(task, asked), lane=lane,
        )  # fmt: skip

    def submit(self, workspace: Workspace, drafts: Sequence[Record]) -> list[Record]:
        """Enter drafts into the queue, to run in this order: all of them or none.

        For each comes its run, which is the live one that asks the same question where there is one.

        Raises
        ------
        QueueFull
            Too many runs wait; what was asked together counts as one.
        DiskFull
            There is no room to note them.
        """
        if not self._has_room():
            raise room.full(self.home.root)
        asked, new = [], []
        with lanes.alone(self.home.server / "queue.lock"):
            live = [each for _, each in self.live()]
            known = {each.key: each for each in reversed(live) if each.visitor == workspace.visitor}
            for job in drafts:
                if job.key not in known:  # else the same question is already on its way
                    # A clock that was set back puts nobody before those who wait already.
                    last = new[-1].sequence if new else max((each.sequence for each in live), default=0)
                    sequence = max(time.time_ns(), last + 1)
                    known[job.key] = job.changed(sequence=sequence)
                    new.append(known[job.key])
                asked.append(known[job.key])
            heavy = next((job for job in new if job.lane == lanes.HEAVY), None)
            if heavy is not None and (full := self._full(live, heavy.visitor)):
                events.tell("refused", heavy)
                raise QueueFull(full)
            try:
                with room.needed(self.home.root):
                    for job in new:
                        folder = workspace.job(job.id)
                        folder.mkdir(parents=True)
                        job.write(folder)
                        self.index.set(job.id, {"visitor": job.visitor, "sequence": job.sequence})
            except OSError:  # a full disk, above all: none of them was asked then
                for job in new:
                    discard(workspace.job(job.id))
                    self._strike(job.id)
                raise
        for job in new:
            events.tell("asked", job)
        self.dispatch()
        return [self.get(workspace, job.id) for job in asked]

    @staticmethod
    def _full(live: Sequence[Record], visitor: str) -> str | None:
        """Why a visitor may ask for no other heavy run now, if so."""
        heavy = [each for each in live if each.lane == lanes.HEAVY]
        queued = [each for each in heavy if each.state == "queued"]
        if len(queued) == len(heavy):
            queued = queued[1:]  # nothing runs: the first of them is about to
        waiting = {each.together: each.visitor for each in queued}
        if len(waiting) >= MOST_QUEUED:
            return f"{MOST_QUEUED} runs wait already. Try again when some are done."
        if list(waiting.values()).count(visitor) >= MOST_QUEUED_EACH:
            return f"{MOST_QUEUED_EACH} of your runs wait already. Withdraw one, or let them finish."
        return None

    # Finding ------------------------------------------------------------------------------------

    def get(self, workspace: Workspace, job: str) -> Record:
        """The record of a visitor's job, with its place in the queue as `sequence` says."""
        return record.read(workspace.job(job))

    def live(self) -> list[tuple[Path, Record]]:
        """Every queued or running job with its folder, first come first."""
        try:
            return self._live()
        except _DAMAGED:
            with room.needed(self.home.root):
                self._rebuild()
                return self._live()

    def _live(self) -> list[tuple[Path, Record]]:
        found = []
        for job in list(self.index.iterkeys()):
            entry = self.index.get(job)
            if not is_id(job) or not isinstance(entry, dict):  # what Dash keeps beside: a refusal, waiting to be read
                continue
            try:
                folder = self.home.workspace(entry["visitor"]).job(job)
                each = record.read(folder)
            except NotFound:
                self._strike(job)
                continue
            if each.is_live:
                found.append((folder, each))
            elif self._strike(job):  # whoever deletes it, among workers, tells it once
                self._tell_end(each)
        return sorted(found, key=lambda pair: pair[1].sequence)

    def _strike(self, job: str) -> bool:
        """Take a job out of the index, and say whether it was there; where the disk is full, another look does so."""
        try:
            return self.index.delete(job)
        except sqlite3.OperationalError as error:
            if not room.is_out(error):
                raise
            return False

    def note(self, name: str, value: Any, seconds: float) -> None:
        """Remember something small beside the queue for a while: in memory where the index does not take it."""
        try:
            self.index.set(name, value, expire=seconds)
        except _DAMAGED:
            if len(self._noted) >= MOST_SEEN:
                self._noted.clear()
            self._noted[name] = value

    def noted(self, name: str) -> Any:
        """What was remembered under a name; None when nothing was, or it cannot be read any more."""
        if name in self._noted:
            return self._noted[name]
        try:
            return self.index.get(name)
        except _DAMAGED:
            return None

    def _tell_end(self, job: Record) -> None:
        """Log how a job ended, and learn from it what such a run takes here."""
        for step in job.stopped:
            events.tell("step_stopped", job, kind=step["kind"])
        events.tell("ended", job)
        if job.state == "done" and job.cost_mb is not None and not job.found and not job.stopped:
            predicted = Cost(job.cost_mb, job.cost_seconds or 0.0)
            preflight.note(self.home.server, job.slug, predicted, job.peak_mb, job.seconds)

    def before(self, job: Record) -> list[Record]:
        """The jobs of its lane that come before it, the running one included; any visitor's."""
        return [each for _, each in self.live() if each.lane == job.lane and each.sequence < job.sequence]

    def place(self, job: Record) -> int:
        """Its place among those that wait: 1 is the next."""
        return 1 + sum(each.state == "queued" for each in self.before(job))

    def mine(self, workspace: Workspace) -> list[Record]:
        """Every run of a visitor that has a record, newest first."""
        found = []
        for folder in workspace.each("jobs"):
            with contextlib.suppress(NotFound, FileNotFoundError):
                # Every tab asks once a second: a record that did not change is not read again.
                changed = (folder / record.FILE).stat().st_mtime_ns
                seen = self._seen.get(folder.name)
                if seen is None or seen[0] != changed:
                    if len(self._seen) >= MOST_SEEN:
                        self._seen.clear()
                    seen = self._seen[folder.name] = (changed, record.read(folder))
                found.append(seen[1])
        return sorted(found, key=lambda each: -each.made)

    # Stopping -----------------------------------------------------------------------------------

    def cancel(self, workspace: Workspace, job: str) -> None:
        """Withdraw a queued job, or ask the supervisor of a running one to end it."""
        with lanes.alone(self.home.server / "queue.lock"):
            folder = workspace.job(job)
            known = record.read(folder)
            if known.state == "queued":
                known.changed(state="cancelled", ended=time.time(), message="Withdrawn.").write(folder)
                self._strike(job)
            elif known.state == "running":
                (folder / record.CANCEL).touch()

    def skip(self, workspace: Workspace, job: str, step: str) -> None:
        """Ask the supervisor of a running job to stop the step called `step` alone, if that one is being made."""
        folder = workspace.job(job)
        known = record.read(folder)
        if known.state == "running" and known.may_skip and known.making == step:
            part = folder / f".{record.SKIP}"
            part.write_text(step, encoding="utf-8")
            part.replace(folder / record.SKIP)

    def end_early(self, workspace: Workspace, job: str) -> None:
        """Have a running job pass over the steps that are not begun yet, where it can do without them."""
        folder = workspace.job(job)
        if record.read(folder).state == "running":
            (folder / record.ENOUGH).touch()

    # Running ------------------------------------------------------------------------------------

    def dispatch(self) -> None:
        """Start the first queued job of each lane that is free. Safe to call by anyone, any time."""
        self._collect()
        with lanes.alone(self.home.server / "queue.lock"):
            for lane in lanes.LANES if self._has_room() else ():
                first = next((pair for pair in self.live() if self._waits(pair[1], lane)), None)
                if first is None or not (self._heavy_fits(first[1]) if lane == lanes.HEAVY else self._quick_fits()):
                    continue
                lock = lanes.take(self.home.server, lane)
                if lock is None:
                    continue
                try:
                    self._start(*first, lock)
                finally:
                    os.close(lock)

    def _has_room(self) -> bool:
        """Whether a job could even note that it runs; what waits does so until there is room again."""
        return shutil.disk_usage(self.home.root).free >= LEAST_FREE

    @staticmethod
    def _waits(job: Record, lane: str) -> bool:
        return job.lane == lane and job.state == "queued"

    def _heavy_fits(self, job: Record) -> bool:
        """Whether nothing that is about to end stands in a heavy job's way; else that goes first.

        What a prediction says will not fit even then is started all the same: a prediction may be
        wrong, and the ceiling is not.
        """
        if (job.expected_mb or 0) <= free_mb(self.bounds):
            return True
        self._make_room()
        return (job.expected_mb or 0) <= free_mb(self.bounds) or lanes.holder(self.home.server, lanes.QUICK) is None

    def _quick_fits(self) -> bool:
        """Whether a quick job fits beside the heavy one, if that one takes what it is expected to take.

        When it takes more, the quick job yields.
        """
        heavy = lanes.holder(self.home.server, lanes.HEAVY)
        free = free_mb(self.bounds)
        if heavy is None:
            return True
        try:
            running = record.read(self.home.workspace(heavy["visitor"]).job(heavy["job"]))
        except NotFound:  # its workspace was removed; it will end by itself
            return False
        expected = running.expected_mb if running.expected_mb is not None else running.ceiling_mb
        still = max(0.0, (expected or free) - running.memory_mb)
        return free - still >= lanes.QUICK_MB

    def _start(self, folder: Path, job: Record, lock: int) -> None:
        asked = [str(folder), str(self.home.server), self.bounds.as_text(), str(lock)]
        with open(folder / record.LOG, "ab") as log:
            supervisor = subprocess.Popen(
                [sys.executable, "-m", "services.jobs.supervisor", *asked],
                pass_fds=(lock,),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                cwd=ROOT,
                env=os.environ | ENVIRONMENT | {"PYTHONPATH": str(ROOT)},
            )
        events.tell("started", job)
        self._supervisors.append(supervisor)
        threading.Thread(target=self._after, args=(supervisor, folder), daemon=True).start()

    def _after(self, supervisor: subprocess.Popen[bytes], folder: Path) -> None:
        code = supervisor.wait()
        # Its workspace may be gone; and where the disk is full, the timer comes back to it.
        with contextlib.suppress(NotFound, DiskFull):
            job = record.read(folder)
            if not code and job.state == "queued":
                events.tell("requeued", job)
            # It never got as far as the record: do not try for ever.
            if code not in {0, NO_ROOM} and job.state == "queued":
                incident = new_id()[:6].upper()
                print(f"incident {incident}: the supervisor of job {job.id} ended with code {code}", file=sys.stderr)
                message = "This is our mistake: the run could not be started. Nothing of yours was lost."
                job.changed(state="failed", ended=time.time(), message=message, incident=incident).write(folder)
        self.recover()
        if code != NO_ROOM:  # else the timer tries again
            self.dispatch()
        self.index.close()  # this thread's connection: the index opens one for each that asks

    def _collect(self) -> None:
        with self._guard:
            self._supervisors = [each for each in self._supervisors if each.poll() is None]

    def _rebuild(self) -> None:
        """Make the index again: it cannot be read."""
        with self._guard:
            shutil.rmtree(self.home.server / "index", ignore_errors=True)
            self.index = open_index(self.home.server / "index")
            self._remember()

    def _remember(self) -> None:
        """Enter every live record into the index."""
        for workspace in self.home.workspaces():
            for each in self.mine(workspace):
                if each.is_live:
                    self.index.set(each.id, {"visitor": each.visitor, "sequence": each.sequence})

    def recover(self) -> None:
        """Mark what says it runs but has no living supervisor, and end what that one left behind."""
        for folder, each in self.live():
            if each.is_orphan:
                each = record.read(folder)  # it may have ended between the two looks
                if each.is_orphan:
                    sweep_strays(each.id)
                    shutil.rmtree(folder / "tmp", ignore_errors=True)
                    why = "the server was stopped or crashed while this ran."
                    if (folder / record.FULL).exists():
                        why = "the server's disk was full, so that this could not be brought to its end."
                    each = each.changed(
                        state="interrupted", ended=time.time(), pid=None, start=None, making="", may_skip=False,
                        message=f"Interrupted: {why}",
                    )  # fmt: skip
                    with contextlib.suppress(DiskFull):  # else said when there is room again
                        each.write(folder)
                        events.tell("recovered", each)
