"""The job's keeper: holds the lane, starts the worker, watches, stops steps, cancels, writes the record.

Light on purpose (the standard library and our own small modules): it lives as long as its job.
Run by the server as `python -m services.jobs.supervisor FOLDER SERVER BOUNDS LOCK`; the command
line calls `supervise` in its own process.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import selectors
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from services import memory, room, serving
from services.errors import DiskFull
from services.jobs import checkpoints, lanes, record
from services.jobs.processes import JOB, end_reader, ends, sweep
from services.jobs.record import Record
from services.jobs.worker import SLACK_MB
from services.workspace import Workspace, new_id

PR_SET_CHILD_SUBREAPER = 36
LOOK_EVERY = 0.05  # seconds between two looks at the job's memory and the cancel mark
SHORT = 0.1  # seconds that memory must be short: a process that is being started counts as its parent for a moment
LOOK_CLOSELY = 0.01  # ... once it holds more than half of what it may: a gigabyte a second can be allocated
WRITE_EVERY = 0.25  # seconds between two writes of a running job's record
WRITE_LAST = 10.0  # seconds in which its last state is tried to be written to a disk that is full
NO_ROOM = 28  # what a supervisor ends with that could not write it
SERVER_EVERY = 0.5  # seconds between two looks whether the server lives
SERVER_GRACE = 5.0  # seconds in which a server may come back: a platform gives ten before it kills
ROOT = Path(__file__).parents[2]

# One native thread, and allocators that give memory back: measured, see "How it is built".
ENVIRONMENT = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "NUMEXPR_NUM_THREADS": "1",
    "POLARS_MAX_THREADS": "1",
    "MALLOC_ARENA_MAX": "2",
    "ARROW_DEFAULT_MEMORY_POOL": "system",
    "DUCKDB_JE_MALLOC_CONF": memory.DUCKDB_GIVES_BACK,
    "PYTHONUNBUFFERED": "1",
}


@dataclass(frozen=True, kw_only=True)
class Bounds:
    """What memory there is and what must stay free of jobs, in MB."""

    limit_mb: int
    reserve_mb: int
    server: int | None = None  # the server's topmost process, whose tree counts as in use

    def as_text(self) -> str:
        return json.dumps(asdict(self))


@dataclass(frozen=True, kw_only=True)
class Lane:
    """The lock that a supervisor holds and the folder where the lanes are."""

    server: Path
    lock: int


def free_mb(bounds: Bounds, besides: frozenset[int] = frozenset()) -> int:
    """What is left: the limit less the reserve less what every process but `besides` holds now."""
    here = memory.limit(bounds.limit_mb)
    others = {os.getpid(), *(memory.tree(bounds.server) if bounds.server else ())}
    if here.members is not None:
        others |= {int(pid) for pid in here.members.read_text().split()}
    return int(here.mb - bounds.reserve_mb - memory.anonymous_mb(others - besides))


def begin(folder: Path, job: Record) -> Record:
    """Say in the record that the job runs, and under whom."""
    now, me = time.time(), os.getpid()
    job = job.changed(
        state="running", started=now, step_started=now, pid=me, start=memory.started(me), label="Starting"
    )
    job.write(folder)
    return job


def supervise(
    folder: Path, bounds: Bounds, changed: Callable[[Record], None] = lambda _: None, lane: Lane | None = None
) -> Record:
    """Run the job of `folder` to its end, whatever end that is, and return the last record.

    A job of the quick lane that turns out not to be quick comes back queued, for the heavy one.
    """
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1)  # its orphans come to us, to be swept
    job = begin(folder, record.read(folder))
    ceiling = max(0, free_mb(bounds))
    time.sleep(LOOK_CLOSELY)  # see SHORT
    ceiling = max(ceiling, free_mb(bounds))
    if job.lane == lanes.QUICK:
        ceiling = min(ceiling, lanes.QUICK_MB)
    keeper = _Keeper(folder, job.changed(ceiling_mb=ceiling), bounds, changed, lane)
    previous = {each: signal.signal(each, keeper.interrupt) for each in (signal.SIGTERM, signal.SIGINT)}
    try:
        return keeper.run()
    finally:
        for each, handler in previous.items():
            signal.signal(each, handler)


@dataclass
class _Making:
    """A step that the worker makes now."""

    name: str
    seconds: float | None  # at most; one with a bound is one that may be skipped
    began: float

    @property
    def is_over(self) -> bool:
        return self.seconds is not None and time.monotonic() - self.began > self.seconds


class _Keeper:
    def __init__(
        self, folder: Path, job: Record, bounds: Bounds, changed: Callable[[Record], None], lane: Lane | None
    ) -> None:
        self._folder, self._job, self._bounds, self._changed, self._lane = folder, job, bounds, changed, lane
        self._steps = Workspace(folder.parent.parent).steps(job.key)
        self._ceiling = job.ceiling_mb or 0
        self._is_quick = job.lane == lanes.QUICK
        self._began = self._written = self._looked = time.monotonic()
        self._served = self._began  # when the server was last seen alive
        self._interrupted: int | None = None
        self._said: dict[str, Any] = {}
        self._code: int | None = None
        self._enough = self._began  # when there was last enough memory beside the job
        self._data_mb = 0.0  # the most that the worker had allocated, touched or not
        self._making: list[_Making] = []
        self._reached = 0  # how far an earlier worker of this run had come

    def interrupt(self, number: int, _: object) -> None:
        self._interrupted = number

    def run(self) -> Record:
        for mark in (record.SKIP, record.ENOUGH, record.FULL):
            (self._folder / mark).unlink(missing_ok=True)
        self._job = self._job.changed(stopped=tuple(checkpoints.stopped(self._steps).values()))
        self._write(self._job)
        while True:
            reason = self._must_end() or self._attempt()
            stopped = self._stopped_step(reason)
            if stopped is None:
                break
            # The step alone is lost: the next worker finds those before it and is told to pass over this one.
            checkpoints.stop(self._steps, stopped)
            job = self._job.changed(stopped=(*self._job.stopped, stopped), making="", may_skip=False, memory_mb=0.0)
            self._reached = job.done
            self._write(job)
        ended = self._ended(reason)
        shutil.rmtree(self._folder / "tmp", ignore_errors=True)
        self._write_last(ended)
        return ended

    def _attempt(self) -> str | None:
        """Start a worker and see it to its end; the reason why it had to be ended, if it had."""
        self._said, self._making, self._data_mb = {}, [], 0.0
        listening, speaking = os.pipe()
        os.set_blocking(listening, False)
        with open(self._folder / record.LOG, "ab") as log:
            worker = subprocess.Popen(
                [sys.executable, "-m", "services.jobs.worker", str(self._folder), str(speaking)],
                pass_fds=(speaking,),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                cwd=ROOT,
                env=os.environ | ENVIRONMENT | {"PYTHONPATH": _python_path(), JOB: self._job.id},
            )
        os.close(speaking)
        try:
            return self._watch(worker, listening)
        finally:
            sweep(worker)
            os.close(listening)
            self._code = worker.returncode

    def _watch(self, worker: subprocess.Popen[bytes], listening: int) -> str | None:
        """Listen and look until the worker ends (None) or must be ended: the reason why."""
        heard = b""
        with selectors.DefaultSelector() as selector:
            selector.register(listening, selectors.EVENT_READ)
            while True:
                is_near = self._job.memory_mb > self._ceiling / 2
                if selector.select(LOOK_CLOSELY if is_near else LOOK_EVERY):
                    block = os.read(listening, 1 << 16)
                    heard += block
                    *lines, heard = heard.split(b"\n")
                    for line in lines:
                        self._hear(json.loads(line))
                    if not block:  # closed: the worker has ended, or is about to
                        return None if ends(worker.pid, seconds=5) else "hung"
                elif ends(worker.pid):  # a child of its own still holds the pipe
                    return None
                below = memory.tree(worker.pid)
                held = memory.anonymous_mb(below)
                self._data_mb = max(self._data_mb, memory.data_mb(worker.pid))
                self._job = self._job.changed(memory_mb=held, peak_mb=max(held, self._job.peak_mb))
                reason = self._must_end() or self._must_stop(held, below) or self._must_yield(held, below)
                if reason is not None:
                    return reason
                if time.monotonic() - self._written > WRITE_EVERY:
                    self._write(self._job)

    def _must_end(self) -> str | None:
        """Whether the whole job must end now, and why."""
        if self._interrupted is not None:
            return "cancelled" if self._interrupted == signal.SIGINT else "interrupted"
        if (self._folder / record.CANCEL).exists():
            return "cancelled"
        now = time.monotonic()
        if self._lane is not None and now - self._looked > SERVER_EVERY:
            self._looked = now
            if not serving.is_gone(self._lane.server):
                self._served = now
            elif now - self._served > SERVER_GRACE:
                return "interrupted"
        return None

    def _must_stop(self, held: float, below: list[int]) -> str | None:
        """Whether memory ran out, or a step overran its time or is to be skipped."""
        if not self._is_quick and (held > self._ceiling or self._is_short(held, below)):
            return "memory"
        if any(each.is_over for each in self._making):
            return "time"
        if self._making and self._making[-1].seconds is not None:
            try:
                name = (self._folder / record.SKIP).read_text(encoding="utf-8")
            except FileNotFoundError:
                return None
            (self._folder / record.SKIP).unlink(missing_ok=True)
            if name == self._making[-1].name:
                return "skipped"
        return None

    def _is_short(self, held: float, below: list[int]) -> bool:
        """Whether others grew since the job began, so that half of what is kept for the server is gone.

        A reader that came since goes first, and the look after that decides.
        """
        now = time.monotonic()
        # Of a job that holds little, others cannot be in the way: spare the look.
        if held < self._ceiling / 2 or held <= free_mb(self._bounds, frozenset(below)) + self._bounds.reserve_mb / 2:
            self._enough = now
            return False
        if self._bounds.server and end_reader(self._bounds.server):
            self._enough = now
            return False
        return now - self._enough > SHORT

    def _must_yield(self, held: float, below: list[int]) -> str | None:
        """Whether a quick job is not quick, or in the way of others: it goes back into the queue."""
        if not self._is_quick:
            return None
        if held > self._ceiling:
            return "heavy"
        is_late = self._job.lane == lanes.QUICK and time.monotonic() - self._began > lanes.QUICK_SECONDS
        if is_late and not self._change_lane():
            return "heavy"
        # What the heavy job takes meanwhile comes first.
        if free_mb(self._bounds, frozenset(below)) < held:
            return "room"
        return None

    def _change_lane(self) -> bool:
        """Go on in the heavy lane, when it is free."""
        if self._lane is None:
            return True
        lock = lanes.take(self._lane.server, lanes.HEAVY)
        if lock is None:
            return False
        job = self._job.changed(lane=lanes.HEAVY)
        lanes.sign(lock, {"pid": job.pid, "start": job.start, "visitor": job.visitor, "job": job.id})
        lanes.sign(self._lane.lock, {})
        os.close(self._lane.lock)
        self._lane = Lane(server=self._lane.server, lock=lock)
        self._write(job)
        return True

    def _hear(self, said: dict[str, Any]) -> None:
        job, now = self._job, time.time()
        if "progress" in said:
            done, total, label = said["progress"]
            if done >= self._reached:  # a worker that passes over what is kept says nothing new
                is_new = label != job.label
                if is_new and job.label:
                    took = {"label": job.label, "seconds": max(0.0, now - (job.step_started or now))}
                    job = job.changed(steps=(*job.steps, took), step_started=now)
                moved = now if done != job.done or job.moved is None else job.moved
                job = job.changed(done=done, total=total, label=label, moved=moved)
                if is_new:
                    self._changed(job)  # however short the step: a terminal lists each one
        if "step" in said:
            self._making.append(_Making(said["step"], said["seconds"], time.monotonic()))
        if "kept" in said:
            name = said["kept"]
            # One step may be made inside another.
            self._making = [each for each in self._making if each.name != name]
            if name not in job.kept:
                job = job.changed(kept=(*job.kept, name), found=job.found + bool(said.get("found")))
        if "step" in said or "kept" in said:
            last = self._making[-1] if self._making else None
            job = job.changed(making=last.name if last else "", may_skip=bool(last and last.seconds is not None))
        if "partial" in said:
            job = job.changed(partial=said["partial"])
        if "end" in said:
            self._said = said
        self._job = job

    def _stopped_step(self, reason: str | None) -> dict[str, str] | None:
        """The step that was lost alone, with the reason; None when there is none, or the job itself is to end."""
        if not self._making or reason in {"cancelled", "interrupted", "hung", "heavy", "room"}:
            return None
        last, end, code = self._making[-1], self._said.get("end"), self._code or 0
        if reason == "time":
            over = next(each for each in self._making if each.is_over)
            return {"name": over.name, "kind": "time", "reason": f"It took longer than its {over.seconds:g} s."}
        if reason == "skipped":
            return {"name": last.name, "kind": "skipped", "reason": "You skipped it."}
        if reason == "memory" or end == "memory" or (end is None and self._ran_out()):
            said = _memory_said(self._job, reason or end, code)
            return {"name": last.name, "kind": "memory", "reason": said}
        if end is None and code not in (0, -signal.SIGTERM):
            return {"name": last.name, "kind": "crash", "reason": _crash_said(code)}
        return None

    def _ran_out(self) -> bool:
        """Whether the worker died as one does when there is no memory.

        The kernel kills, libraries abort; some do not look whether they were given any, and fall over.
        """
        if self._code in (-signal.SIGKILL, -signal.SIGABRT):
            return True
        is_near = self._data_mb > 0.8 * (self._ceiling + SLACK_MB)
        return is_near and self._code in (-signal.SIGSEGV, -signal.SIGBUS)

    def _ended(self, reason: str | None) -> Record:
        """The record of how it ended: what the worker said, else why it was ended, else how it died."""
        job, said, code = self._job, self._said, self._code
        job = job.changed(ended=time.time(), memory_mb=0.0, pid=None, start=None, making="", may_skip=False)
        end = said.get("end") or reason
        if self._is_quick and (end == "memory" or (end is None and self._ran_out())):
            end = "heavy"  # where there is more
        if end == "done":
            took = {"label": job.label, "seconds": max(0.0, time.time() - (job.step_started or time.time()))}
            return job.changed(state="done", outcome=said.get("outcome"), done=job.total, steps=(*job.steps, took))
        if end == "failed":
            incident = said.get("incident")
            message = said.get("message") or "This is our mistake. Nothing of yours was lost; run it again."
            return job.changed(state="failed", message=message, field=said.get("field"), incident=incident)
        if end == "full":  # its steps are kept: once there is room, it goes on
            return job.changed(state="interrupted", message=said["message"])
        if end == "stopped":
            return self._missed(job, said["name"])
        if end in {"heavy", "room"}:
            lane = lanes.HEAVY if end == "heavy" else job.lane
            return job.changed(
                state="queued", lane=lane, started=None, ended=None, step_started=None, moved=None, done=0, total=0,
                label="", steps=(), peak_mb=0.0, ceiling_mb=None,
            )  # fmt: skip
        if end == "cancelled":
            return job.changed(state="cancelled", message="Cancelled.")
        if end == "interrupted" or code == -signal.SIGTERM:
            return job.changed(state="interrupted", message="Interrupted: the server was stopped.")
        if end == "memory" or self._ran_out():
            return job.changed(state="killed", message=_memory_said(job, end, code))
        incident = new_id()[:6].upper()
        print(f"incident {incident}: worker of job {job.id} ended with code {code}", file=sys.stderr)
        message = "This is our mistake: the run ended without a word. Nothing of yours was lost; run it again."
        return job.changed(state="failed", message=message, incident=incident)

    def _missed(self, job: Record, name: str) -> Record:
        """How a job ends that cannot go on without a step that was stopped; another run tries that step again."""
        lost = next((each for each in job.stopped if each["name"] == name), {"kind": "crash", "reason": ""})
        checkpoints.try_again(self._steps, name)
        job = job.changed(stopped=tuple(each for each in job.stopped if each["name"] != name))
        match lost["kind"]:
            case "memory":
                return job.changed(state="killed", message=lost["reason"])
            case "skipped":
                return job.changed(state="cancelled", message=f"You skipped “{name}”, and the rest needs it.")
            case "time":
                said = lost["reason"][:1].lower() + lost["reason"][1:]
                return job.changed(state="killed", message=f"Stopped at “{name}”: {said}")
        incident = new_id()[:6].upper()
        print(f"incident {incident}: step {name!r} of job {job.id}: {lost['reason']}", file=sys.stderr)
        message = f"This is our mistake: “{name}” crashed. Nothing of yours was lost; run it again."
        return job.changed(state="failed", message=message, incident=incident)

    def _write(self, job: Record) -> None:
        """Write the record as it is now; a disk that is full passes over what the next write says anew."""
        self._job = job
        self._written = time.monotonic()
        with contextlib.suppress(DiskFull):
            job.write(self._folder)
        self._changed(job)

    def _write_last(self, job: Record) -> None:
        """Write how it ended: what the job put aside is gone, so there mostly is room, and others may make some.

        Raises
        ------
        DiskFull
            Nobody did: the server says so in the record as soon as it can.
        """
        until = time.monotonic() + WRITE_LAST
        while True:
            try:
                job.write(self._folder)
                break
            except DiskFull:
                if time.monotonic() > until or self._interrupted is not None:
                    with contextlib.suppress(OSError):  # a name alone mostly finds room
                        (self._folder / record.FULL).touch()
                    raise
                time.sleep(0.2)
        self._job = job
        self._changed(job)


def _memory_said(job: Record, said: str | None, code: int | None) -> str:
    """Why a job or step ended for memory: by our watch, by a clean MemoryError, or by a signal (`said` is None)."""
    held, free = round(job.peak_mb), job.ceiling_mb or 0
    if said is None and code == -signal.SIGKILL:
        return f"Stopped at {held} MB: the system ended it, as it does when memory runs out."
    more = "needed more memory" if held >= 0.9 * free else "asked for more memory at once"
    return f"Stopped at {held} MB: it {more} than this server has free ({free} MB)."


def _crash_said(code: int) -> str:
    how = signal.Signals(-code).name if code < 0 else f"code {code}"
    return f"It crashed ({how})."


def _python_path() -> str:
    return os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH", "")]))


def main(folder: Path, server: Path, bounds: Bounds, lock: int) -> None:
    me = os.getpid()
    with lanes.alone(server / "queue.lock"):
        job = record.read(folder)
        if job.state != "queued":  # withdrawn a moment ago
            return
        lanes.sign(lock, {"pid": me, "start": memory.started(me), "visitor": job.visitor, "job": job.id})
        begin(folder, job)
    supervise(folder, bounds, lane=Lane(server=server, lock=lock))


if __name__ == "__main__":
    try:
        main(Path(sys.argv[1]), Path(sys.argv[2]), Bounds(**json.loads(sys.argv[3])), int(sys.argv[4]))
    except OSError as error:
        if not room.is_out(error):
            raise
        sys.exit(NO_ROOM)
