"""Which row of a table comes where under a sort and a filter: found anew for what lies near the top, kept for the rest.

The first rows of an order cost one scan. Deep ones would cost the reader more time and memory than it has: a short job
writes the numbers of all rows in their order to a small file beside the table, and any page of it is two quick looks.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from services import duck
from services.explore.filters import EVERY, conditions
from services.table import ABOUT, DATA
from services.workspace import read_json

FOLDER = "order"  # within a dataset's
DEEP = 10_000  # rows that are kept while the first ones of an order are looked for
FEW = 200_000  # rows of a table that is sorted anew for any page
SEARCHED = 10_000_000  # cells that the reader searches through at once
MOST = 8  # orders that are kept of a table
MOST_BYTES = 250 << 20  # that they take together

Sort = Sequence[tuple[str, bool]]  # column, descending
Ask = Callable[[Path, str, Sequence[Any]], list[list[Any]]]


@dataclass(frozen=True, kw_only=True)
class Question:
    """Rows of the table in `folder`, which has `rows` of them, under a filter and a sort."""

    folder: Path
    columns: Sequence[str]
    rows: int
    where: Mapping[str, Any]
    sort: Sort = ()

    @property
    def key(self) -> str:
        """What names the order: the table's folder is named by its content already."""
        asked = json.dumps([self.where, [list(each) for each in self.sort]], sort_keys=True)
        return hashlib.sha256(asked.encode()).hexdigest()[:32]

    @property
    def file(self) -> Path:
        return self.folder / FOLDER / f"{self.key}.parquet"

    def needs_order(self, stop: int) -> bool:
        """Whether rows up to `stop` are beyond what the reader should look for each time."""
        if EVERY in self.where and self.rows * len(self.columns) > SEARCHED:
            return True
        return bool(self.sort) and stop > DEEP and self.rows > FEW

    def page(self, ask: Ask, start: int, stop: int) -> list[list[Any]]:
        """Rows `start` to `stop` (half open): from the file of the order where there is one, else by a scan."""
        start, stop = max(0, int(start)), max(0, int(stop))
        listed = ", ".join(map(duck.quote, self.columns))
        if not self.where and not self.sort:
            within = "file_row_number >= ? AND file_row_number < ?"
            return ask(
                self.folder / DATA, f"SELECT {listed} FROM FILE WHERE {within} ORDER BY file_row_number", [start, stop]
            )
        numbers = self._numbers(ask, start, stop)
        if not numbers:
            return []
        # The row's number stands last: a column may be called anything.
        sql = f"SELECT {listed}, file_row_number FROM FILE WHERE file_row_number = ANY(?)"
        found = {row[-1]: row[:-1] for row in ask(self.folder / DATA, sql, [numbers])}
        return [found[number] for number in numbers]

    def _numbers(self, ask: Ask, start: int, stop: int) -> list[int]:
        if self.file.exists():
            sql = "SELECT r FROM FILE WHERE file_row_number >= ? AND file_row_number < ? ORDER BY file_row_number"
            rows = ask(self.file, sql, [start, stop])
            with contextlib.suppress(FileNotFoundError):
                os.utime(self.file)  # those that were not used for longest go first
        else:
            condition, values = conditions(self.columns, self.where)
            sql = f"SELECT file_row_number FROM FILE WHERE {condition} {self._by} LIMIT {stop - start} OFFSET {start}"
            rows = ask(self.folder / DATA, sql, values) if stop > start else []
        return [number for (number,) in rows]

    @property
    def _by(self) -> str:
        """The ORDER BY; rows come in the file's order without one, and need not be held for it."""
        order = [
            f"{duck.quote(name)} {'DESC' if down else 'ASC'} NULLS LAST"
            for name, down in self.sort
            if name in self.columns
        ]
        return f"ORDER BY {', '.join([*order, 'file_row_number'])}" if order else ""

    def count(self, ask: Ask) -> int:
        """How many rows match the filter."""
        if not self.where:
            return self.rows
        if self.file.exists():
            return ask(self.file, "SELECT count(*) FROM FILE", [])[0][0]
        condition, values = conditions(self.columns, self.where)
        return ask(self.folder / DATA, f"SELECT count(*) FROM FILE WHERE {condition}", values)[0][0]


def build(folder: Path, asked: Mapping[str, Any], say: Callable[[float], None], *, spill: Path, memory_mb: int) -> Path:
    """Write the order that `asked` wants of the table in `folder`: {"where", "sort"}. Part of a job.

    Raises
    ------
    NotFound
        The table was removed.
    DataError
        It has no such column.
    """
    about = read_json(folder / ABOUT)
    names = [column["name"] for column in about["columns"]]
    sort = [(str(name), bool(down)) for name, down in asked["sort"]]
    question = Question(folder=folder, columns=names, rows=about["rows"], where=asked["where"], sort=sort)
    condition, values = conditions(names, question.where)
    target = question.file
    target.parent.mkdir(exist_ok=True)
    part = target.with_name(f".{target.name}.{uuid.uuid4().hex}")
    source = f"read_parquet({duck.literal((folder / DATA).resolve())}, file_row_number=true)"
    try:
        with duck.connect(folder, spill=spill / "order", memory_mb=memory_mb) as con:
            con.execute(f"CREATE VIEW FILE AS SELECT * FROM {source}")
            # Named outside of what is sorted: a column of the table may be called r.
            inside = f"SELECT file_row_number FROM FILE WHERE {condition} {question._by}"
            chosen = f"SELECT file_row_number::INTEGER AS r FROM ({inside})"
            duck.execute(con, f"COPY ({chosen}) TO {duck.literal(part.resolve())} ({duck.PARQUET})", say, values)
        part.replace(target)
    except BaseException:  # a full disk, above all: half an order would keep it full
        part.unlink(missing_ok=True)
        read_json(folder / ABOUT)  # removed meanwhile: that is to be said then
        raise
    trim(target.parent, target)
    return target


def trim(folder: Path, newest: Path) -> None:
    """Remove the orders that were not used for longest, until few and small enough are left; never `newest`."""
    found = sorted(
        ((path.stat().st_mtime, path.stat().st_size, path) for path in folder.glob("[!.]*.parquet") if path != newest),
        reverse=True,
    )
    total = newest.stat().st_size
    for place, (_, size, path) in enumerate(found, 1):
        total += size
        if place >= MOST or total > MOST_BYTES:
            path.unlink(missing_ok=True)
