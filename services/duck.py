"""DuckDB, opened one way: little memory, one thread, sees one folder and nothing else.

The order of the settings matters: spill limits given by `config` are ignored (only SET is
enforced), and after `enable_external_access=false` no folder can be added any more.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import shutil
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

_ROWS, _CELLS, _STEP = 122_880, 4_000_000, 2_048  # of a row group: at most so many, in such steps


def parquet(columns: int) -> str:
    """How every Parquet file of ours is written; small row groups keep reads and writes lean, of wide tables too."""
    rows = min(_ROWS, max(_STEP, _CELLS // max(columns, 1) // _STEP * _STEP))
    return f"FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 1, ROW_GROUP_SIZE {rows}"


PARQUET = parquet(1)


def quote(name: str) -> str:
    """A column name as an SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str | Path) -> str:
    """A text as an SQL string literal, for the few places that take no bound value."""
    return "'" + str(text).replace("'", "''") + "'"


def connect(
    *folders: Path, spill: Path, memory_mb: int = 160, spill_mb: int = 4_000, threads: int = 1
) -> DuckDBPyConnection:
    """Open an in-memory database that can read and write below `folders` and `spill` only.

    `memory_mb` bounds DuckDB's own buffers; the process holds about 30 MB more. `spill` must not
    be shared by two processes: its owner removes it, since a killed process leaves its spill behind.
    """
    import duckdb

    spill.mkdir(parents=True, exist_ok=True)
    con = duckdb.connect(":memory:", config={"memory_limit": f"{memory_mb}MB", "threads": threads})
    allowed = ", ".join(literal(folder.resolve()) for folder in (*folders, spill))
    for setting in (
        f"temp_directory={literal(spill.resolve())}",
        f"max_temp_directory_size='{spill_mb}MB'",
        "TimeZone='UTC'",
        "preserve_insertion_order=true",
        "enable_progress_bar=true",
        "enable_progress_bar_print=false",
        "progress_bar_time=0",
        "enable_external_file_cache=false",  # the operating system has it already
        "autoinstall_known_extensions=false",
        "autoload_known_extensions=false",
        "allow_community_extensions=false",
        "python_enable_replacements=false",
        f"allowed_directories=[{allowed}]",
        "enable_external_access=false",
        "lock_configuration=true",
    ):
        con.execute(f"SET {setting}")
    return con


_kept: dict[tuple[Any, ...], _Database] = {}  # those in use, and the one used last


@dataclass
class _Database:
    """An open database, where it spills, and how many use it."""

    root: DuckDBPyConnection
    spill: Path
    users: int = 0

    def close(self) -> None:
        self.root.close()
        shutil.rmtree(self.spill, ignore_errors=True)


@contextlib.contextmanager
def connection(*folders: Path, spill: Path, memory_mb: int = 160) -> Iterator[DuckDBPyConnection]:
    """A connection to the database that was asked last, if it sees and holds just this, else to a new one.

    Opening a database takes 15 ms, a connection to an open one next to nothing, and an analysis asks
    some dozen times. Only one stays open when nobody uses it: each reserves some 68 MB of address
    space. A connection has temporary views of its own, and what it spilled goes with it; an empty
    folder stays below `spill` as long as the database.
    """
    asked = (os.getpid(), frozenset(folder.resolve() for folder in folders), spill.resolve(), memory_mb)
    for other in [each for each, kept in _kept.items() if not kept.users and each != asked]:
        _kept.pop(other).close()
    database = _kept.get(asked)
    if database is None or not database.spill.is_dir():
        own = spill / f"spill-{uuid.uuid4().hex[:12]}"
        database = _kept[asked] = _Database(connect(*folders, spill=own, memory_mb=memory_mb), own)
    database.users += 1
    try:
        with database.root.cursor() as con:
            yield con
    finally:
        database.users -= 1


@atexit.register
def _close_all() -> None:
    while _kept:
        _kept.popitem()[1].close()


def rest() -> None:
    """Close the database that was used last, if nobody uses it: what its buffers and threads hold is free again."""
    for asked, database in list(_kept.items()):
        if not database.users:
            del _kept[asked]
            database.close()


def execute(con: DuckDBPyConnection, sql: str, watch: Callable[[float], None], values: Any = None) -> Any:
    """Execute `sql` and tell `watch` meanwhile how much of it is done, 0 to 1.

    The query runs in a thread of its own and `watch` is called in the caller's, so whatever
    interrupts the caller (Ctrl-C, a deadline) interrupts the query.
    """
    with ThreadPoolExecutor(1, thread_name_prefix="query") as pool:
        asked = pool.submit(con.execute, sql, values)
        try:
            while True:
                try:
                    return asked.result(timeout=0.2)
                except TimeoutError:
                    watch(min(max(con.query_progress(), 0.0), 100.0) / 100)
        finally:
            if not asked.done():
                con.interrupt()
