"""A dataset on disk, in columns, read by need.

Nothing here reads a whole table: `query` is exact SQL over every row, out of core; `frame` brings
the named columns into memory, and only a job may afford that.
"""

from __future__ import annotations

import os
import re
import shutil
import tempfile
import uuid
import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from services import duck
from services.errors import DataError, NotFound
from services.schema import ColumnType, Kind, Schema
from services.workspace import read_json

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection
    from pandas import DataFrame

DATA = "data_full.parquet"  # every row of the dataset, always
ABOUT = "dataset.json"
DAMAGED = "The rows of this table cannot be read: their file is damaged. Remove the table, and add its file again."
ROW_NUMBER = "file_row_number"  # what DuckDB calls the place of a row in its file: no column may be called so

Roles = Mapping[str, str]  # role -> column

_COLUMN = re.compile(r"\{(\w+)\}")
_VALUE = re.compile(r"\$(\w+)")
_HIGHEST = 2**64 - 1  # what a lot can be


@dataclass(frozen=True)
class Sample:
    """How many rows, drawn with which seed: the same rows every time.

    With `by`, every value of that column (missing is one) has its share of them, by largest remainder.
    """

    rows: int
    seed: int = 0
    by: str | None = None


@dataclass(frozen=True, kw_only=True)
class Columns:
    """A Parquet file and what its columns mean; `rows` is how many rows it has."""

    path: Path
    schema: Schema
    rows: int
    spill: Path = field(default_factory=lambda: Path(tempfile.gettempdir()))
    memory_mb: int = 160

    def query(self, sql: str, **names: Any) -> DataFrame:
        """Ask `sql` of every row and return the answer, which should be small.

        In `sql`, `rows` is the only table, `{name}` a column given by keyword (a list becomes a
        comma list) and `$name` a bound value. Decimals come back as float64, dates as datetime64.

        Raises
        ------
        DataError
            A column that the table does not have.
        """
        with self._asked(sql, names) as relation:
            return relation.df()

    def fetch(self, sql: str, **names: Any) -> list[tuple[Any, ...]]:
        """The same as `query`, as plain tuples: loads neither numpy nor pandas, decimals stay exact."""
        with self._asked(sql, names) as relation:
            return relation.fetchall()

    def store(self, path: Path, sql: str, **names: Any) -> Spilled:
        """Write the answer to `sql` straight to a new Parquet file at `path`, through no memory."""
        text, values = self._bind(sql, names)
        part = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
        try:
            with self.opened(path.parent) as con:
                con.execute(f"COPY ({text}) TO {duck.literal(part.resolve())} ({duck.PARQUET})", values)
            part.replace(path)
        except BaseException:  # a full disk, above all: half a table would keep it full
            part.unlink(missing_ok=True)
            raise
        return Spilled.at(path, spill=self.spill, memory_mb=self.memory_mb)

    def copy(self, path: Path, form: str) -> None:
        """Write every row to the new file `path`, through no memory; `form` is how DuckDB's COPY is told the format."""
        with self.opened(path.parent) as con:
            con.execute(f"COPY (SELECT * FROM rows) TO {duck.literal(path.resolve())} ({form})")

    def frame(self, columns: list[str], sample: Sample | None = None) -> DataFrame:
        """Bring `columns` into memory, whole or as a seeded sample in the table's order."""
        source = f"read_parquet({duck.literal(self.path.resolve())}, file_row_number=true)"
        wanted = ", ".join(duck.quote(self._known(name)) for name in columns)
        if sample is None or sample.rows >= self.rows:
            return self.query("SELECT {columns} FROM rows", columns=columns)
        by = "NULL::VARCHAR" if sample.by is None else f"{duck.quote(self._known(sample.by))}::VARCHAR"
        with self.opened() as con:
            groups = [(None, self.rows)]
            if sample.by is not None:
                groups = con.execute(f"SELECT {by}, count(*) FROM {source} GROUP BY ALL ORDER BY ALL").fetchall()
            shares = shared([many for _, many in groups], sample.rows)
            likely = [_likely(share, many) for share, (_, many) in zip(shares, groups, strict=True)]
            for below in (likely, [_HIGHEST] * len(shares)):
                held = con.execute(
                    "WITH shares AS (SELECT unnest(?::VARCHAR[]) AS g, unnest(?::BIGINT[]) AS most, "
                    "unnest(?::UBIGINT[]) AS below), "
                    f"drawn AS (SELECT file_row_number AS r, {by} AS g, "
                    f"hash(file_row_number, {int(sample.seed)}) AS lot FROM {source}), "
                    "ranked AS (SELECT r, most, row_number() OVER (PARTITION BY shares.g ORDER BY lot, r) AS k "
                    "FROM drawn JOIN shares ON drawn.g IS NOT DISTINCT FROM shares.g WHERE lot <= below) "
                    f"SELECT {wanted} FROM {source} WHERE file_row_number IN (SELECT r FROM ranked WHERE k <= most) "
                    "ORDER BY file_row_number",
                    [[group for group, _ in groups], shares, below],
                ).df()
                if len(held) == sample.rows:
                    break
            return held

    @contextmanager
    def session(self) -> Iterator[Session]:
        """Ask many questions over one connection: opening one takes longer than most answers."""
        with self.opened() as con:
            yield Session(con, self._bind)

    def slice(self, start: int, stop: int) -> list[tuple[Any, ...]]:
        """Rows `start` to `stop` (half open) in the table's order, as plain tuples."""
        source = f"read_parquet({duck.literal(self.path.resolve())}, file_row_number=true)"
        with self.opened() as con:
            return con.execute(
                f"SELECT * EXCLUDE (file_row_number) FROM {source} WHERE file_row_number >= ? AND file_row_number < ? "
                "ORDER BY file_row_number",
                [start, stop],
            ).fetchall()

    def _known(self, name: str) -> str:
        if name not in self.schema:
            raise DataError(f"There is no column “{name}”. This table has: {', '.join(self.schema.names)}.")
        return name

    def _bind(self, sql: str, names: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
        def column(match: re.Match[str]) -> str:
            given = names[match[1]]
            listed = [given] if isinstance(given, str) else given
            return ", ".join(duck.quote(self._known(name)) for name in listed)

        values = {name: names[name] for name in set(_VALUE.findall(sql))}
        return _COLUMN.sub(column, sql), values

    @contextmanager
    def _asked(self, sql: str, names: Mapping[str, Any]) -> Iterator[Any]:
        text, values = self._bind(sql, names)
        with self.opened() as con:
            yield con.execute(text, values or None)

    @contextmanager
    def opened(self, *folders: Path) -> Iterator[DuckDBPyConnection]:
        """A connection that sees this file, as the table `rows`, and may write to `folders`."""
        with duck.connection(self.path.parent, *folders, spill=self.spill, memory_mb=self.memory_mb) as con:
            con.execute(f"CREATE TEMP VIEW rows AS SELECT * FROM read_parquet({duck.literal(self.path.resolve())})")
            yield con


@dataclass(frozen=True)
class Session:
    """Questions to one table, each as `Columns.fetch` takes it."""

    _con: DuckDBPyConnection
    _bind: Callable[[str, Mapping[str, Any]], tuple[str, dict[str, Any]]]

    def fetch(self, sql: str, **names: Any) -> list[tuple[Any, ...]]:
        return self._asked(sql, names).fetchall()

    def arrays(self, sql: str, **names: Any) -> dict[str, Any]:
        """The answer as numpy arrays by name, masked where values are missing."""
        return self._asked(sql, names).fetchnumpy()

    def _asked(self, sql: str, names: Mapping[str, Any]) -> Any:
        text, values = self._bind(sql, names)
        return self._con.execute(text, values or None)


@dataclass(frozen=True, kw_only=True)
class Spilled(Columns):
    """A table that a job wrote to disk: its rows never were, and never are, all in memory."""

    @classmethod
    def at(cls, path: Path, *, spill: Path, memory_mb: int = 160) -> Spilled:
        """Describe the Parquet file at `path` by its own schema."""
        source = f"read_parquet({duck.literal(path.resolve())})"
        with duck.connection(path.parent, spill=spill, memory_mb=memory_mb) as con:
            described = con.execute(f"DESCRIBE SELECT * FROM {source}").fetchall()
            ((rows,),) = con.execute(f"SELECT count(*) FROM {source}").fetchall()
        columns = tuple(ColumnType(name=d[0], kind=kind_of(d[1]), sql=d[1]) for d in described)
        return cls(path=path, schema=Schema(columns), rows=rows, spill=spill, memory_mb=memory_mb)


@dataclass(frozen=True, kw_only=True)
class Table(Columns):
    """One dataset: every row on disk, its schema, and which column plays which role."""

    roles: Roles = field(default_factory=dict)

    @classmethod
    def open(cls, folder: Path, *, spill: Path, memory_mb: int = 160) -> Table:
        """Open the dataset kept in `folder`.

        Raises
        ------
        NotFound
            It was removed.
        DataError
            A file of it is damaged.
        """
        about = read_json(folder / ABOUT)
        if not is_whole(folder / DATA):
            raise DataError(DAMAGED)
        return cls(
            path=folder / DATA,
            schema=Schema.from_json(about["columns"]),
            rows=about["rows"],
            roles=about["roles"],
            spill=spill,
            memory_mb=memory_mb,
        )

    @classmethod
    def of(cls, frame: DataFrame | None = None, **columns: list[Any]) -> Table:
        """Make a table from a frame or from lists, in a folder that goes when the table goes."""
        import pandas as pd

        from services.roles import propose

        frame = pd.DataFrame(columns) if frame is None else frame
        folder = Path(tempfile.mkdtemp(prefix="datainsights-"))
        write(frame, folder / DATA)
        spilled = Spilled.at(folder / DATA, spill=folder)
        table = cls(
            path=spilled.path,
            schema=spilled.schema,
            rows=spilled.rows,
            spill=folder,
            roles=propose(spilled.schema),
        )
        weakref.finalize(table, shutil.rmtree, folder, ignore_errors=True)
        return table


def titled(table: Columns) -> str:
    """What people call the dataset that the table is of."""
    try:
        return str(read_json(table.path.with_name(ABOUT))["name"])
    except (NotFound, KeyError, TypeError):
        return "table"


def shared(sizes: Sequence[int], rows: int) -> list[int]:
    """How many of `rows` each group of `sizes` has: its share rounded down, what is left by largest remainder."""
    whole = sum(sizes)
    exact = [rows * size / whole for size in sizes]
    shares = [int(each) for each in exact]
    by_rest = sorted(range(len(sizes)), key=lambda at: (shares[at] - exact[at], at))
    for at in by_rest[: rows - sum(shares)]:
        shares[at] += 1
    return shares


def _likely(share: int, size: int) -> int:
    """A lot below which, all but surely, `share` of `size` rows are: with the others left out, few are ranked."""
    return min(_HIGHEST, int((share + 7 * share**0.5 + 30) / size * _HIGHEST))


def write(frame: DataFrame, path: Path, spill: Path | None = None) -> None:
    """Write `frame` (without its index) to the Parquet file `path`; what does not fit into memory goes to `spill`."""
    with duck.connection(path.parent, spill=spill or Path(tempfile.gettempdir())) as con:
        con.register("frame", frame)
        # A datetime with no time of day in any row is a date.
        days = [
            name
            for name, dtype in frame.dtypes.items()
            if dtype.kind == "M" and (frame[name].isna() | (frame[name] == frame[name].dt.normalize())).all()
        ]
        replaced = ", ".join(f"{duck.quote(name)}::DATE AS {duck.quote(name)}" for name in days)
        chosen, form = f"* REPLACE ({replaced})" if days else "*", duck.parquet(len(frame.columns))
        con.execute(f"COPY (SELECT {chosen} FROM frame) TO {duck.literal(path.resolve())} ({form})")


def is_whole(path: Path) -> bool:
    """Whether the file begins and ends as a Parquet file does: one cut short does not."""
    try:
        with open(path, "rb") as file:
            head = file.read(4)
            file.seek(-4, os.SEEK_END)
            return head == file.read(4) == b"PAR1"
    except OSError:
        return False


def kind_of(sql: str) -> Kind:
    """The kind of column that a DuckDB type most plainly is."""
    plain = sql.partition("(")[0].upper()
    if plain.endswith(("INT", "INTEGER")):
        return "integer"
    if plain in {"DOUBLE", "FLOAT", "DECIMAL"}:
        return "decimal"
    if plain == "BOOLEAN":
        return "flag"
    if plain == "DATE":
        return "date"
    return "datetime" if plain.startswith("TIMESTAMP") else "text"
