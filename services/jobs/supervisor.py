"""The job's keeper: holds the lane, starts the worker, watches, cancels, and writes the record.

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

from services import memory
from services.jobs import lanes, record
from services.jobs.record import Record
from services.workspace import new_id

PR_SET_CHILD_SUBREAPER = 36
LOOK_EVERY = 0.05  # seconds between two looks at the job's memory and the cancel mark
WRITE_EVERY = 0.25  # seconds between two writes of a running job's record
ROOT = Path(__file__).parents[2]
JOB = "DATAINSIGHTS_JOB"  # tells every process of a job, by its environment, whose it is

# One native thread, and allocators that give memory back: measured, see "How it is built".
ENVIRONMENT = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "NUMEXPR_NUM_THREADS": "1",
    "POLARS_MAX_THREADS": "1",
    "MALLOC_ARENA_MAX": "2",
    "ARROW_DEFAULT_MEMORY_POOL": "system",
    # DuckDB's allocator keeps the address space that it freed, 309 MB of it after two million rows were read
    # (82 with this), and RLIMIT_DATA counts it: a job on ten million rows was ended while it held 189 MB.
    "DUCKDB_JE_MALLOC_CONF": "retain:false",
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


def ceiling_mb(bounds: Bounds) -> int:
    """What a job may hold: the limit less the reserve less what everything else holds now."""
    here = memory.limit(bounds.limit_mb)
    others = {os.getpid(), *(memory.tree(bounds.server) if bounds.server else ())}
    if here.members is not None:
        others |= {int(pid) for pid in here.members.read_text().split()}
    return max(0, int(here.mb - bounds.reserve_mb - memory.anonymous_mb(others)))


def begin(folder: Path, job: Record) -> Record:
    """Say in the record that the job runs, and under whom."""
    now, me = time.time(), os.getpid()
    job = job.changed(
        state="running", started=now, step_started=now, pid=me, start=memory.started(me), label="Starting"
    )
    job.write(folder)
    return job


def supervise(folder: Path, bounds: Bounds, changed: Callable[[Record], None] = lambda _: None) -> Record:
    """Run the job of `folder` to its end, whatever end that is, and return the last record."""
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1)  # its orphans come to us, to be swept
    job = begin(folder, record.read(folder)).changed(ceiling_mb=ceiling_mb(bounds))
    keeper = _Keeper(folder, job, changed)
    previous = {each: signal.signal(each, keeper.interrupt) for each in (signal.SIGTERM, signal.SIGINT)}
    try:
        return keeper.run()
    finally:
        for each, handler in previous.items():
            signal.signal(each, handler)


class _Keeper:
    def __init__(self, folder: Path, job: Record, changed: Callable[[Record], None]) -> None:
        self._folder, self._job, self._changed = folder, job, changed
        self._ceiling = job.ceiling_mb or 0
        self._interrupted: int | None = None
        self._said: dict[str, Any] | None = None
        self._written = 0.0

    def interrupt(self, number: int, _: object) -> None:
        self._interrupted = number

    def run(self) -> Record:
        self._write(self._job)
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
            reason = self._watch(worker, listening)
        finally:
            sweep(worker)
            os.close(listening)
        ended = self._ended(worker.returncode, reason)
        shutil.rmtree(self._folder / "tmp", ignore_errors=True)
        self._write(ended)
        return ended

    def _watch(self, worker: subprocess.Popen[bytes], listening: int) -> str | None:
        """Listen and look until the worker ends (None) or must be ended: the reason why."""
        heard = b""
        with selectors.DefaultSelector() as selector:
            selector.register(listening, selectors.EVENT_READ)
            while True:
                if selector.select(LOOK_EVERY):
                    block = os.read(listening, 1 << 16)
                    heard += block
                    *lines, heard = heard.split(b"\n")
                    for line in lines:
                        self._hear(json.loads(line))
                    if not block:  # closed: the worker has ended, or is about to
                        return None if _ends(worker.pid, seconds=5) else "hung"
                elif _ends(worker.pid):  # a child of its own still holds the pipe
                    return None
                if self._interrupted is not None:
                    return "cancelled" if self._interrupted == signal.SIGINT else "interrupted"
                if (self._folder / record.CANCEL).exists():
                    return "cancelled"
                held = memory.anonymous_mb(memory.tree(worker.pid))
                self._job = self._job.changed(memory_mb=held, peak_mb=max(held, self._job.peak_mb))
                if held > self._ceiling:
                    return "memory"
                if time.monotonic() - self._written > WRITE_EVERY:
                    self._write(self._job)

    def _hear(self, said: dict[str, Any]) -> None:
        job, now = self._job, time.time()
        if "progress" in said:
            done, total, label = said["progress"]
            if label != job.label and job.label:
                took = {"label": job.label, "seconds": now - (job.step_started or now)}
                job = job.changed(steps=(*job.steps, took), step_started=now)
            job = job.changed(done=done, total=total, label=label)
        if "kept" in said:
            job = job.changed(kept=(*job.kept, said["kept"]))
        if "end" in said:
            self._said = said
        self._job = job

    def _ended(self, code: int | None, reason: str | None) -> Record:
        """The record of how it ended: what the worker said, else why it was ended, else how it died."""
        job, said = self._job, self._said or {}
        job = job.changed(ended=time.time(), memory_mb=0.0, pid=None, start=None)
        end = said.get("end") or reason
        if end == "done":
            took = {"label": job.label, "seconds": time.time() - (job.step_started or time.time())}
            return job.changed(state="done", outcome=said.get("outcome"), done=job.total, steps=(*job.steps, took))
        if end == "failed":
            incident = said.get("incident")
            message = said.get("message") or "This is our mistake. Nothing of yours was lost; run it again."
            return job.changed(state="failed", message=message, field=said.get("field"), incident=incident)
        if end == "cancelled":
            return job.changed(state="cancelled", message="Cancelled.")
        if end == "interrupted":
            return job.changed(state="interrupted", message="Interrupted: the server was stopped.")
        if end == "memory" or code in (-signal.SIGKILL, -signal.SIGABRT):
            held, free = round(job.peak_mb), job.ceiling_mb or 0
            more = "needed more memory" if held >= 0.9 * free else "asked for more memory at once"
            message = f"Stopped at {held} MB: it {more} than this server has free ({free} MB)."
            return job.changed(state="killed", message=message)
        incident = new_id()[:6].upper()
        print(f"incident {incident}: worker of job {job.id} ended with code {code}", file=sys.stderr)
        message = "This is our mistake: the run ended without a word. Nothing of yours was lost; run it again."
        return job.changed(state="failed", message=message, incident=incident)

    def _write(self, job: Record) -> None:
        self._job = job
        self._written = time.monotonic()
        job.write(self._folder)
        self._changed(job)


def _ends(pid: int, seconds: float = 0) -> bool:
    """Whether a child has ended, or does so in time. It is not collected: until it is, its pid is its own."""
    until = time.monotonic() + seconds
    while os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
        if time.monotonic() >= until:
            return False
        time.sleep(0.01)
    return True


def sweep_strays(job: str) -> None:
    """Kill what a job's worker started and left, when the supervisor that should have done so is dead."""
    mark = f"{JOB}={job}".encode()
    for place in Path("/proc").glob("[0-9]*"):
        try:
            if mark in (place / "environ").read_bytes().split(b"\0"):
                _kill(os.kill, int(place.name))
        except OSError:
            continue


def sweep(worker: subprocess.Popen[bytes]) -> None:
    """Kill the worker, its group and whatever came to us as its orphan, and collect them."""
    for pid in memory.tree(worker.pid):
        _kill(os.kill, pid)
    _kill(os.killpg, worker.pid)
    worker.wait()
    while left := [pid for pid in memory.tree(os.getpid()) if pid != os.getpid()]:
        for pid in left:
            _kill(os.kill, pid)
        try:
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        except ChildProcessError:
            return
        time.sleep(0.01)


def _kill(how: Callable[[int, int], None], pid: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        how(pid, signal.SIGKILL)


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
    supervise(folder, bounds)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), Bounds(**json.loads(sys.argv[3])), int(sys.argv[4]))
