"""Files that have typed columns already: Parquet, and Arrow or Feather, through DuckDB to columns of ours.

The file's own types are kept, in the smallest form that holds every value. What has no place in a
table (lists, structures, times of day) becomes text, and is named.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from services import duck
from services.errors import FileRefused
from services.ingest import chosen, review, types
from services.ingest.dialect import MOST_COLUMNS, unique
from services.ingest.types import Candidate, Decided
from services.reading import ColumnReading, Reading
from services.schema import ColumnType

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

_INTEGERS = {
    "TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT", "UHUGEINT",
}  # fmt: skip
_WIDTHS = {"TINYINT": 1, "SMALLINT": 2, "INTEGER": 4, "BIGINT": 8, "DECIMAL(38,0)": 16}
_SAMPLE = 1_000  # cells that are looked at
_NESTED = ("STRUCT", "MAP", "UNION", "JSON", "VARIANT")
_CALENDAR = "BETWEEN TIMESTAMP '0001-01-01' AND TIMESTAMP '9999-12-31 23:59:59.999999'"

_DAMAGED = "This {what} file is damaged or cut off. Write it again, or upload it whole."


@dataclass(frozen=True, kw_only=True)
class Columns:
    """A file's columns, ready to be written: what each becomes, and what is to be said."""

    rows: int
    decided: tuple[Decided, ...]
    notes: tuple[str, ...]
    review: tuple[dict[str, Any], ...]


def bring(con: DuckDBPyConnection, source: Path, kind: str, work: Path, watch: Callable[[float], None]) -> None:
    """Make `cells` of the file: a view of a Parquet file, or a copy of an Arrow one.

    Raises
    ------
    FileRefused
        It is encrypted, damaged, or of a kind that cannot be read.
    """
    import duckdb

    path = source
    try:
        if kind != "Parquet":
            path = work / "arrow.parquet"
            con.register("arrow", _arrow(source))
            copied = f"COPY (FROM arrow) TO {duck.literal(path.resolve())} ({duck.PARQUET})"
            con.execute(copied)
            con.unregister("arrow")
        read = f"SELECT * FROM read_parquet({duck.literal(path.resolve())})"
        con.execute(f"CREATE VIEW cells AS {read}")
        watch(1.0)
    except duckdb.OutOfMemoryException:
        raise
    except (duckdb.Error, RuntimeError, ValueError, OSError) as error:
        said = str(error).lower()
        if "encrypt" in said:
            raise FileRefused(f"This {kind} file is encrypted. Write it without encryption and upload that.") from None
        raise FileRefused(_DAMAGED.format(what=kind)) from None


def names(con: DuckDBPyConnection) -> list[str]:
    """What the columns of `cells` are called here: each has a name of its own, whatever the case."""
    return unique([name for name, *_ in con.execute("DESCRIBE cells").fetchall()])[0]


def decide(con: DuckDBPyConnection, wanted: Reading, report: Callable[[float, str], None]) -> Columns:
    """Decide what each column of `cells` becomes, over every row; what is decided is read from the view `typed`."""
    described = [(name, sql) for name, sql, *_ in con.execute("DESCRIBE cells").fetchall()]
    if len(described) > MOST_COLUMNS:
        raise FileRefused(
            f"The file has {len(described):,} columns; at most {MOST_COLUMNS:,} can be read. Keep the columns you need."
        )
    ((rows,),) = con.execute("SELECT count(*) FROM cells").fetchall()
    if not rows or not described:
        raise FileRefused("The file has columns but no rows. Choose a file with at least one row.")
    named, notes = unique([name for name, _ in described])
    decided, shown, texts = [], [], []
    for place, ((own, sql), name) in enumerate(zip(described, named, strict=True)):
        report(place / len(described), name)
        choice, cell = wanted.of(name), duck.quote(own)
        text = _Text(name=duck.quote(f"\x1f{place}"), sql=_as_written(cell, sql))
        asked = con.execute(f"SELECT {text.sql} FROM cells WHERE {cell} IS NOT NULL LIMIT {_SAMPLE}").fetchall()
        cells = [value for (value,) in asked]
        seen = review.see(cells, choice.missing)
        one = None
        if choice.keep:
            one = _decide(con, cell, choice.name, sql, rows)
            seen.filled = con.execute(f"SELECT count({cell}) FROM cells").fetchall()[0][0]
            if (choice.kind or one.column.kind) != one.column.kind or choice.missing is not None:
                kind = choice.kind or one.column.kind
                one = _read_as(con, replace(choice, kind=kind), text, cells, rows, seen)
                texts.append(text)
            notes += one.notes
            decided.append(one)
        misfits = _misfits(con, text, one) if one and one.misfits else []
        if one and one.misfits:
            many = f"{one.misfits:,} values" if one.misfits > 1 else "1 value"
            notes.append(f"{many} of {one.column.name} cannot be read as {one.what}. Missing now.")
        shown.append(review.column(name, wanted, seen, one, misfits))
    beside = "".join(f", {text.sql} AS {text.name}" for text in texts)
    con.execute(f"CREATE VIEW typed AS SELECT *{beside} FROM cells")
    return Columns(rows=rows, decided=tuple(decided), notes=tuple(notes), review=tuple(shown))


@dataclass(frozen=True, kw_only=True)
class _Text:
    """A column as text: what it is called beside the file's own columns, and the SQL that makes it."""

    name: str
    sql: str

    @property
    def cells(self) -> str:
        return f"(SELECT {self.sql} AS {self.name} FROM cells)"


def _as_written(cell: str, sql: str) -> str:
    """SQL: the cell as a person would write it."""
    return f"to_json({cell})::VARCHAR" if sql.endswith("]") or sql.startswith(_NESTED) else f"{cell}::VARCHAR"


def _read_as(
    con: DuckDBPyConnection, choice: ColumnReading, text: _Text, cells: list[str], rows: int, seen: review.Seen
) -> Decided:
    """Read a column through its text, as it was chosen."""
    candidate = chosen.candidate(choice, text.name, cells)
    sql, asked = types.prove(candidate, text.cells)
    candidate.proved |= dict(zip(asked, con.execute(sql).fetchall()[0], strict=True))
    seen.proved(candidate)
    return candidate.decide(rows)


def _misfits(con: DuckDBPyConnection, text: _Text, one: Decided) -> list[tuple[int, str]]:
    asked = (
        f"SELECT number, {text.name} FROM (SELECT row_number() OVER () AS number, * FROM {text.cells}) "
        f"WHERE {one.misfit} LIMIT {review.MOST_MISFITS}"
    )
    return [(row, cell[: review.LONGEST]) for row, cell in con.execute(asked).fetchall()]


def _decide(con: DuckDBPyConnection, cell: str, name: str, sql: str, rows: int) -> Decided:
    plain = sql.partition("(")[0]
    if plain in _INTEGERS:
        return _integer(con, cell, name, rows)
    if plain == "DECIMAL":
        return _as(name, "decimal", sql, cell, rows, 16 if int(sql[8:].partition(",")[0]) > 18 else 8)
    if plain in {"DOUBLE", "FLOAT"}:
        return _as(name, "decimal", "DOUBLE", f"{cell}::DOUBLE", rows, 8)
    if plain == "BOOLEAN":
        return _as(name, "flag", "BOOLEAN", cell, rows, 1)
    if plain == "DATE" or plain.startswith("TIMESTAMP"):
        return _moment(con, cell, name, sql, rows)
    return _text(con, cell, name, sql, rows)


def _as(name: str, kind: Any, sql: str, value: str, rows: int, width: int, notes: tuple[str, ...] = ()) -> Decided:
    return Decided(
        column=ColumnType(name=name, kind=kind, sql=sql), value=value, notes=notes, before=8 * rows, after=width * rows
    )


def _integer(con: DuckDBPyConnection, cell: str, name: str, rows: int) -> Decided:
    ((low, high),) = con.execute(f"SELECT min({cell}), max({cell}) FROM cells").fetchall()
    low, high = low or 0, high or 0
    for sql, width in _WIDTHS.items():
        bound = 10**38 if sql.startswith("DECIMAL") else 1 << (8 * width - 1)
        if -bound <= low and high < bound:
            return _as(name, "integer", sql, f"{cell}::{sql}", rows, width)
    said = f"{name} holds integers of more than 38 digits. It stays text, so that no digit is lost."
    return _as(name, "identifier", "VARCHAR", f"{cell}::VARCHAR", rows, 40, (said,))


def _moment(con: DuckDBPyConnection, cell: str, name: str, sql: str, rows: int) -> Decided:
    notes = []
    value = cell if sql == "DATE" else f"{cell}::TIMESTAMP"
    if "TIME ZONE" in sql:
        value = f"({cell} AT TIME ZONE 'UTC')"
        notes.append(f"{name} has times with a zone. They are shown in UTC.")
    known = f"CASE WHEN {value}::TIMESTAMP {_CALENDAR} THEN {value} END"
    asked = f"SELECT count({cell}), count({known}), count(*) FILTER ({known}::DATE <> {known}) FROM cells"
    ((filled, fits, clocks),) = con.execute(asked).fetchall()
    if filled > fits:
        notes.append(f"{filled - fits:,} values of {name} are no date of the calendar. They are missing now.")
        value = known
    kind, type_, width = ("datetime", "TIMESTAMP", 8) if clocks else ("date", "DATE", 4)
    return _as(name, kind, type_, f"({value})::{type_}", rows, width, tuple(notes))


def _text(con: DuckDBPyConnection, cell: str, name: str, sql: str, rows: int) -> Decided:
    notes: list[str] = []
    value = cell
    if sql != "VARCHAR":
        value = f"{cell}::VARCHAR"
    if sql.endswith("[]") or sql.endswith("]") or sql.startswith(_NESTED):
        value = f"to_json({cell})::VARCHAR"
        notes.append(f"{name} holds lists or objects. They are kept as JSON text.")
    elif sql.startswith("TIME") or sql == "INTERVAL":
        notes.append(f"{name} holds times without a day. They are kept as text.")
    elif sql == "BLOB":
        value = f"hex({cell})"
        notes.append(f"{name} holds bytes. They are kept as hexadecimal text.")
    candidate = Candidate(name=name, cell=value, raw=value)
    proofs = candidate.proofs("NULL")
    row = con.execute(f"SELECT {', '.join(proof.sql for proof in proofs)} FROM cells").fetchall()[0]
    candidate.proved |= dict(zip((proof.name for proof in proofs), row, strict=True))
    candidate.proved["tokens"] = 0
    decided = types.decide(candidate, rows)
    return Decided(
        column=decided.column, value=value, notes=tuple(notes), before=decided.before, after=decided.after
    )  # fmt: skip


# -- Arrow -------------------------------------------------------------------------------------------

_MAGIC = b"ARROW1\0\0"
_CONTINUES = 0xFFFFFFFF
_SCHEMA, _DICTIONARY, _BATCH = 1, 2, 3  # kinds of message
_COMPRESSION = 3  # of a record batch, by the place of its field


def _arrow(source: Path) -> Any:
    """A stream of the batches of an Arrow file: the file format is the stream's, with a word before it."""
    import nanoarrow
    from nanoarrow import ipc

    if _has_packed_dictionary(source):
        raise FileRefused(
            "This Arrow file has categories and is compressed, which cannot be read here. "
            "Write it as Parquet, or as Feather without compression, and upload that."
        )
    file = open(source, "rb")  # noqa: SIM115 - the stream reads on, and closes it
    if file.read(len(_MAGIC)) != _MAGIC:
        file.seek(0)
    return nanoarrow.ArrayStream(ipc.InputStream.from_readable(file))


def _has_packed_dictionary(source: Path) -> bool:
    """Whether any batch of categories is compressed: nanoarrow would take its bytes as they lie."""
    with open(source, "rb") as file:
        if file.read(len(_MAGIC)) != _MAGIC:
            file.seek(0)
        for kind, packed in _messages(file):
            if kind == _DICTIONARY and packed:
                return True
            if kind == _BATCH:
                return False  # categories come before the rows
    return False


def _messages(file: Any) -> Iterator[tuple[int, bool]]:
    """The kind of each message of a stream, and whether its body is compressed."""
    while len(head := file.read(8)) == 8:
        marker, length = struct.unpack("<Ii", head)
        if marker != _CONTINUES or not 0 < length < 1 << 28:
            return
        table = _Flat(file.read(length))
        root = table.root()
        kind, header = table.number(root, 1, "B"), table.child(root, 2)
        if header is not None and kind == _DICTIONARY:
            header = table.child(header, 1)
        packed = header is not None and kind != _SCHEMA and table.child(header, _COMPRESSION) is not None
        yield kind, packed
        file.seek(table.number(root, 3, "q"), 1)


class _Flat:
    """The few reads of a flatbuffer that the head of a message needs."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def root(self) -> int:
        return self._at("<I", 0)

    def number(self, table: int, field: int, form: str) -> int:
        place = self._field(table, field)
        return self._at(f"<{form}", place) if place else 0

    def child(self, table: int, field: int) -> int | None:
        place = self._field(table, field)
        return place + self._at("<I", place) if place else None

    def _field(self, table: int, field: int) -> int:
        slots = table - self._at("<i", table)
        offset = self._at("<H", slots + 4 + 2 * field) if 4 + 2 * field < self._at("<H", slots) else 0
        return table + offset if offset else 0

    def _at(self, form: str, place: int) -> int:
        return struct.unpack_from(form, self._data, place)[0]
