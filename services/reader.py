"""Questions to columns on disk, asked by the web process, answered by a small process of its own.

DuckDB would cost the web process 25 to 120 MB; here it lives in one child per server, started at
the first question, with little memory, no numpy, one thread, and no time to waste: a question that
takes too long is interrupted, a child that dies is started again and asked once more, an idle one
ends. The two speak JSON lines over a pipe.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import math
import os
import resource
import selectors
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

from services import memory
from services.duck import connect, literal, quote
from services.errors import DataError, Unanswered
from services.explore.filters import conditions, matching
from services.table import DAMAGED, is_whole

MEMORY_MB = 96  # what DuckDB may hold
MOST_MB = 256  # what the process may allocate, DuckDB's tables of its own and all libraries' reserves included
DEADLINE = 5.0  # seconds a question may take
MOST_ASKERS = 1_000  # whose last question is remembered
IDLE = 60.0  # seconds without a question until the process ends
ROOT = Path(__file__).parents[1]
ENVIRONMENT = {
    "PYTHONPATH": str(ROOT),
    "MALLOC_ARENA_MAX": "2",
    "DUCKDB_JE_MALLOC_CONF": memory.DUCKDB_GIVES_BACK,
}
Ask = Callable[..., list[list[Any]]]

_EXACT = 2**53  # a float holds every integer up to here


class TooMuch(Unanswered):
    """The question would take more than reading may: time, or memory."""


class NotNow(TooMuch):
    """Nobody could be asked just now, whatever the question: a job may need the memory, or others ask."""


class Superseded(Unanswered):
    """Who asked has asked for something else meanwhile: nobody waits for this answer."""


def page(
    columns: Sequence[str], start: int, stop: int, *, sort: Sequence[tuple[str, bool]] = (), where: Mapping[str, Any]
) -> tuple[str, list[Any]]:
    """The SQL for rows `start` to `stop` (0-based, half open) of FILE, and its bound values.

    `sort` is (column, descending) pairs, `where` a filter as `services.explore.filters` knows them. Only
    columns of `columns` are let in.
    """
    condition, values = conditions(columns, where)
    order = [f"{quote(name)} {'DESC' if down else 'ASC'} NULLS LAST" for name, down in sort if name in columns]
    ordered = ", ".join([*order, "file_row_number"])
    listed = ", ".join(quote(name) for name in columns)
    first, count = max(0, int(start)), max(0, int(stop) - int(start))
    if not order and not where:
        held = f"file_row_number >= {first} AND file_row_number < {first + count}"
    else:
        # The numbers of the rows first, then those rows: a sort that carries every column takes five times as long.
        numbers = f"SELECT file_row_number FROM FILE WHERE {condition} ORDER BY {ordered} LIMIT {count} OFFSET {first}"
        held = f"file_row_number IN ({numbers})"
    return f"SELECT {listed} FROM FILE WHERE {held} ORDER BY {ordered}", values


def page_of(
    rows: Sequence[dict[str, Any]],
    start: int,
    stop: int,
    *,
    sort: Sequence[tuple[str, bool]] = (),
    where: Mapping[str, Any],
) -> tuple[list[dict[str, Any]], int]:
    """The same of a small table that is in memory already: its rows, and how many match."""
    found = matching(rows, where)
    for name, down in reversed(sort):
        present = [row for row in found if row.get(name) is not None]
        absent = [row for row in found if row.get(name) is None]
        found = sorted(present, key=lambda row: row[name], reverse=down) + absent
    shown = found[max(0, start) : max(0, stop)]
    return [{name: _told(value) for name, value in row.items()} for row in shown], len(found)


def _told(value: Any) -> Any:
    """A value as a browser can show it: numbers are floats to it, so those that no float holds are told in text."""
    if isinstance(value, int):
        return value if abs(value) <= _EXACT else str(value)
    if isinstance(value, Decimal):
        number = float(value)
        return number if Decimal(repr(number)) == value else f"{value:f}"
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value.isoformat() if isinstance(value, dt.date) else value


class Reader:
    """The web process' side: asks one question at a time."""

    def __init__(self, root: Path) -> None:
        """`root` is the folder below which files may be read."""
        self._root = root
        self._process: subprocess.Popen[bytes] | None = None
        self._spill: Path | None = None  # the child's, removed here, since a killed child cannot
        self._turn = threading.Lock()
        self._last = 0.0
        self._newest: dict[str, int] = {}  # who asks -> the number of their last question

    @property
    def pid(self) -> int | None:
        process = self._process
        return process.pid if process is not None and process.poll() is None else None

    def asker(self, name: str) -> Ask:
        """A way to ask, for a question in several parts; once `name` has another, what is left of it is not asked."""
        number = time.monotonic_ns()
        if len(self._newest) >= MOST_ASKERS:
            self._newest.clear()
        self._newest[name] = number

        def ask(path: Path, sql: str, values: Sequence[Any] = ()) -> list[list[Any]]:
            return self.ask(path, sql, values, is_stale=lambda: self._newest.get(name, number) > number)

        return ask

    def ask(
        self, path: Path, sql: str, values: Sequence[Any] = (), *, is_stale: Callable[[], bool] = bool
    ) -> list[list[Any]]:
        """Ask `sql`, in which FILE is the table of the Parquet file at `path`; rows come as plain lists.

        Raises
        ------
        Superseded
            By its turn, it `is_stale`.
        TooMuch
            No answer within the deadline, or not within the reader's memory.
        DataError
            DuckDB refused the question.
        """
        question = json.dumps({"file": str(path), "sql": sql, "values": list(values)}).encode() + b"\n"
        if not self._turn.acquire(timeout=DEADLINE):
            raise NotNow("Others read large tables just now. Try again in a moment.")
        try:
            if is_stale():
                raise Superseded("Something else was asked meanwhile.")
            answer = self._exchange(question)
        except (BrokenPipeError, EOFError):
            self._end()
            answer = self._exchange_again(question)
        finally:
            self._turn.release()
        if "full" in answer:
            raise TooMuch("This needs more memory than reading may take. Filter first, or sort by fewer columns.")
        if "error" in answer and not is_whole(path):
            raise DataError(DAMAGED)
        if "error" in answer:
            raise DataError(f"The table could not be read: {answer['error']}")
        return answer["rows"]

    def _exchange_again(self, question: bytes) -> dict[str, Any]:
        try:
            return self._exchange(question)  # it died: once more
        except (BrokenPipeError, EOFError):
            self._end()
            said = "The table could not be read just now: a run may need the memory. Try again in a moment."
            raise NotNow(said) from None

    def rest(self, idle: float | None = None) -> None:
        """End the process when it was idle for so many seconds, IDLE of them by itself.

        A question that is asked now is answered first.
        """
        with self._turn:
            if self._process is not None and time.monotonic() - self._last > (IDLE if idle is None else idle):
                self._end()

    def stop(self) -> None:
        """End the process now. Amid a question it is only killed: who asked sees that, and asks a new one again."""
        if self._turn.acquire(blocking=False):
            try:
                self._end()
            finally:
                self._turn.release()
        elif (process := self._process) is not None:
            process.kill()

    def _exchange(self, question: bytes) -> dict[str, Any]:
        process = self._running()
        assert process.stdin is not None
        assert process.stdout is not None
        self._last = time.monotonic()
        process.stdin.write(question)
        process.stdin.flush()
        heard = b""
        with selectors.DefaultSelector() as selector:
            selector.register(process.stdout, selectors.EVENT_READ)
            while not heard.endswith(b"\n"):
                if not selector.select(self._last + DEADLINE - time.monotonic()):
                    self._end()
                    raise TooMuch("This took too long to read. Filter or sort by fewer columns.")
                block = os.read(process.stdout.fileno(), 1 << 20)
                if not block:
                    raise EOFError
                heard += block
        self._last = time.monotonic()
        return json.loads(heard)

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is not None and self._process.poll() is not None:
            self._end()
        if self._process is None:
            self._spill = Path(tempfile.mkdtemp(prefix="datainsights-reader-"))
            self._process = subprocess.Popen(
                [sys.executable, "-m", "services.reader", str(self._root), str(self._spill)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                cwd=ROOT,
                env=os.environ | ENVIRONMENT,
            )
        return self._process

    def _end(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            for pipe in (self._process.stdin, self._process.stdout):
                assert pipe is not None
                with contextlib.suppress(BrokenPipeError):  # half a question may still wait in it
                    pipe.close()
            self._process = None
        if self._spill is not None:
            shutil.rmtree(self._spill, ignore_errors=True)
            self._spill = None


def serve(root: Path, spill: Path) -> None:
    """Answer questions from standard input until it closes: the child's side."""
    # Before the server, and after a job, when memory runs out; and never past a limit of its own.
    memory.offer(500)
    resource.setrlimit(resource.RLIMIT_DATA, (MOST_MB * memory.MB, MOST_MB * memory.MB))
    import duckdb

    con = connect(root, spill=spill, memory_mb=MEMORY_MB, spill_mb=500)
    for line in sys.stdin:
        asked = json.loads(line)
        # A view: put into the text of the question, it would also stand where a column is called FILE.
        source = f"SELECT * FROM read_parquet({literal(asked['file'])}, file_row_number=true)"
        try:
            con.execute(f"CREATE OR REPLACE VIEW FILE AS {source}")
            rows = con.execute(asked["sql"], asked["values"] or None).fetchall()
            answer: dict[str, Any] = {"rows": [[_told(value) for value in row] for row in rows]}
        except (MemoryError, duckdb.OutOfMemoryException):
            answer = {"full": True}
        except duckdb.Error as error:
            answer = {"error": str(error).splitlines()[0][:300]}
        print(json.dumps(answer, default=str), flush=True)
    shutil.rmtree(spill, ignore_errors=True)  # the server is gone


if __name__ == "__main__":
    serve(Path(sys.argv[1]), Path(sys.argv[2]))
