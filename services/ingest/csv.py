"""A delimited text file into typed columns on disk, streamed: neither the file nor a column is in memory."""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from services import duck
from services.errors import DoesNotFit, FileRefused
from services.ingest import chosen, dialect, encoding, quick, review, types
from services.ingest.dialect import Dialect
from services.ingest.encoding import Text
from services.ingest.quick import Guess
from services.ingest.records import Mended, mend
from services.ingest.types import Candidate, Decided
from services.reading import Reading
from services.schema import Schema
from services.table import DATA

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

REJECTS = "rejects.csv"

Report = Callable[[int, int, str], None]
Remembered = Callable[[list[str]], Reading | None]  # what was chosen for an earlier file of these columns

_FEW = 100  # filled cells: with fewer the sample says little of a column
_QUOTED = 3  # how many misfits a note quotes


@dataclass(frozen=True, kw_only=True)
class Ingested:
    """A file that has become columns on disk, and all that a person should know about how."""

    schema: Schema
    rows: int
    rejected: int
    encoding: str
    delimiter: str  # the character; empty for a table of one column
    content: str  # sha256 of the original bytes
    bytes: int
    memory_before: int
    memory_after: int
    notes: tuple[str, ...]
    source: dict[str, Any] = field(default_factory=lambda: {"format": "CSV"})  # what it was: format, sheet, member
    reading: Reading = Reading()  # what was chosen, as far as it holds for this file
    review: dict[str, Any] = field(default_factory=dict)  # what a person checks: see `services.ingest.review`

    def as_json(self) -> dict[str, Any]:
        return {
            "columns": self.schema.as_json(),
            "rows": self.rows,
            "rejected": self.rejected,
            "encoding": self.encoding,
            "delimiter": self.delimiter,
            "content": self.content,
            "bytes": self.bytes,
            "memory_before": self.memory_before,
            "memory_after": self.memory_after,
            "notes": list(self.notes),
            "source": self.source,
            **({"reading": self.reading.as_json()} if self.reading else {}),
        }


def ingest(
    source: Path, name: str, folder: Path, *, spill: Path, report: Report, memory_mb: int = 160,
    form: str = "text", wanted: Reading | None = None, remembered: Remembered | None = None, thorough: bool = False,
) -> Ingested:  # fmt: skip
    """Read the CSV `source`, called `name`, into `folder`: its rows, and its rejected lines if there are any.

    `form` is "text" for a file as it came; where we wrote it, it has commas, and is a "sheet" or its first line
    names the columns ("rows"). `wanted` is what was chosen; without it, `remembered` is asked once the columns are
    known. `thorough` reads step by step what could be read in one pass: slower, and the same comes of it. After an
    error `folder` is as it was before.

    Raises
    ------
    FileRefused
        The file is no table; the message says what it is and what to do.
    DoesNotFit
        Memory or disk do not suffice.
    """
    import duckdb

    work = spill / f"ingest-{uuid.uuid4().hex[:12]}"
    work.mkdir(parents=True)
    part = folder / f".{DATA}.{work.name}"
    con = duck.connect(folder, source.parent, work, spill=work / "spill", memory_mb=memory_mb)
    try:
        read = _File(con=con, source=source, work=work, report=_forward(report), form=form, wanted=wanted or Reading())
        read.look()
        if wanted is None and remembered is not None and (known := remembered(list(read.dialect.names))):
            read.wanted = known
        read.wanted = read.wanted.among(read.dialect.names)
        decided = None if thorough else read.at_once(part)
        misfits: dict[int, list[tuple[int, str]]] = {}
        if decided is None:
            read.take_text()
            decided = read.find_types()
            read.write(decided, part)
            misfits = read.misfits(decided)
        notes = (*read.notes, *read.said(decided, misfits))
        rejected = read.mended.rejected if read.mended else 0
        if rejected:
            shutil.copyfile(work / REJECTS, folder / f".{REJECTS}.{work.name}")
            (folder / f".{REJECTS}.{work.name}").replace(folder / REJECTS)
        part.replace(folder / DATA)
    except duckdb.OutOfMemoryException as error:
        lacking = "disk" if "offload" in str(error) else "memory"
        raise DoesNotFit(f"{name} needs more {lacking} than this server has free. Leave columns out.") from error
    finally:
        con.close()
        part.unlink(missing_ok=True)
        shutil.rmtree(work, ignore_errors=True)
    report(100, 100, "Read")
    return Ingested(
        schema=Schema(tuple(one.column for one in decided.values())),
        rows=read.rows,
        rejected=rejected,
        encoding=read.text.encoding,
        delimiter="" if read.dialect.delimiter == dialect.NO_DELIMITER else read.dialect.delimiter,
        content=read.text.content,
        bytes=read.text.size,
        memory_before=sum(one.before for one in decided.values()),
        memory_after=sum(one.after for one in decided.values()),
        notes=notes,
        reading=read.wanted,
        review=review.of_text(
            form, read.text, read.dialect, read.wanted, read.seen, decided, misfits, read.rows, read.empty
        ),
    )


def _forward(report: Report) -> Report:
    """The same, but never back: where one pass was not enough, the thorough way begins behind it."""
    furthest = 0

    def forward(done: int, total: int, label: str) -> None:
        nonlocal furthest
        furthest = max(furthest, done)
        report(furthest, total, label)

    return forward


@dataclass(kw_only=True)
class _File:
    """One file on its way: bytes, text, cells as text, types, columns."""

    con: DuckDBPyConnection
    source: Path
    work: Path
    report: Report
    form: str
    wanted: Reading
    path: Path = field(init=False)  # UTF-8, the original where it is that already
    text: Text = field(init=False)
    dialect: Dialect = field(init=False)
    mended: Mended | None = None
    rows: int = 0
    notes: list[str] = field(default_factory=list)
    seen: dict[int, review.Seen] = field(default_factory=dict)  # by place
    empty: list[int] = field(default_factory=list)  # places of columns that nobody meant

    def look(self) -> None:
        """Find encoding and dialect."""
        self.path = self.source
        asked = self.wanted if self.form == "text" else Reading(header=self.wanted.header, delimiter=",")
        watch = self._share(0, 6, "Reading the file")
        self.text = text = encoding.inspect(self.source, watch, asked.encoding)
        if not text.is_plain:
            self.path = self.work / "text.csv"
            encoding.rewrite(self.source, text, self.path, self._share(6, 10, "Converting to UTF-8"))
        if text.codec not in {"utf-8", "utf-8-sig"} and not asked.encoding:
            self.notes.append(f"The file is written in {text.encoding}. It was converted; look at a word with accents.")
        if text.nulls:
            stood = (
                "zero byte stood in the text. It was" if text.nulls == 1 else "zero bytes stood in the text. They were"
            )
            self.notes.append(f"{text.nulls:,} {stood} left out.")
        if text.damaged:
            are = "character is damaged. It is" if text.damaged == 1 else "characters are damaged. They are"
            self.notes.append(f"{text.damaged:,} {are} shown as “\ufffd”; the rest is {text.encoding}.")
        self.dialect = dialect.sniff(
            self.path, delimiter=asked.delimiter, named=self.form == "rows", header=asked.header
        )
        self.notes += self.dialect.notes

    def at_once(self, part: Path) -> dict[int, Decided] | None:
        """Write the typed columns to the file `part` in one pass; None where the file is not clean enough for that."""
        import duckdb

        rows = self.text.lines - self.dialect.skip
        chosen_too = any(column.kind or column.missing is not None for column in self.wanted.columns)
        if rows < 1 or chosen_too or self.dialect.unnamed or not (self.dialect.plain and self._counts_lines):
            return None
        try:
            guessed = self._guess(rows)
            if not guessed:
                return None
            candidates, guesses = zip(*guessed.values(), strict=True)
            typed = quick.select(candidates, guesses, self._cells(self.path, self.dialect.skip))
            self._run(
                f"COPY ({typed}) TO {duck.literal(part.resolve())} ({duck.parquet(len(guesses))})",
                self._share(10, 90, "Reading the rows"),
            )
            names = [proof.name for guess in guesses for proof in guess.proofs]
            asked = ", ".join(["count(*)", *(proof.sql for guess in guesses for proof in guess.proofs)])
            written, *proved = self._run(
                f"SELECT {asked} FROM read_parquet({duck.literal(part.resolve())})",
                self._share(90, 100, "Checking the types"),
            ).fetchone()
        except duckdb.Error:  # some cell is not as guessed; or so many columns do not fit at once
            return None
        if written != rows:
            return None
        self.rows = rows
        counted = iter(zip(names, proved, strict=True))
        for candidate, guess in guessed.values():
            candidate.proved |= guess.known | dict(islice(counted, len(guess.proofs)))
        decided = {place: types.decide(candidate, rows) for place, (candidate, _) in guessed.items()}
        if any(one.column.sql != guessed[place][1].sql or one.misfits for place, one in decided.items()):
            return None
        for place, (candidate, _) in guessed.items():
            self.seen[place].proved(candidate)
        return decided

    def _guess(self, rows: int) -> dict[int, tuple[Candidate, Guess]] | None:
        """What every column that is kept may be, by its place; None where one is not clean."""
        sample = self._sample
        self._run(
            f"CREATE TEMP TABLE head AS SELECT * FROM {self._cells(self.path, self.dialect.skip)} LIMIT {sample}",
            self._share(6, 10, "Reading the first rows"),
        )
        try:
            return self._guessed(rows, sample)
        finally:
            self.con.execute("DROP TABLE head")

    def _guessed(self, rows: int, sample: int) -> dict[int, tuple[Candidate, Guess]] | None:
        others = quick.elsewhere(self.path, self.dialect.delimiter, self.dialect.width) if rows > sample else []
        found = {}
        for place, name in enumerate(self.dialect.names):
            column, choice = f"c{place}", self.wanted.of(name)
            cells = [cell for (cell,) in self._ask(f"SELECT {column} FROM head")]
            if sum(map(bool, cells)) < _FEW and rows > sample:
                return None
            self.seen[place] = review.see(cells, choice.missing)
            if not choice.keep:
                continue
            candidate = types.suspect(choice.name, column, cells, rows=rows, comma=self.dialect.delimiter != ",")
            guess = quick.guess(candidate, [*cells, *(row[place] for row in others)])
            if guess is None:
                return None
            found[place] = candidate, guess
        return found

    def take_text(self) -> None:
        """Write all cells as text to columns on disk: as it is when it is clean, else mended."""
        import duckdb

        rows = None
        if self.dialect.plain:
            try:
                rows = self._copy(self.path, self.dialect.skip, self._share(10, 45, "Reading the rows"))
            except duckdb.OutOfMemoryException:
                raise
            except duckdb.Error:
                rows = None  # a fault in some line; which, and what to do about it, is for `mend` to find
        if rows is None or not self._adds_up(rows):
            clean = self.work / "mended.csv"
            share = self._share(10, 30, "Mending lines")
            self.mended = mended = mend(
                self.path,
                clean,
                self.work / REJECTS,
                delimiter=self.dialect.delimiter,
                escape=self.dialect.escape,
                width=self.dialect.width,
                skip=self.dialect.skip,
                report=lambda line: share(line / max(self.text.lines, line)),
            )
            if not mended.rows:
                raise FileRefused(
                    "No line of this file fits its header. Check the delimiter and that no quote is left open."
                    if mended.rejected
                    else "The file has column names but no rows. Choose a file with at least one line below its header."
                )
            try:
                rows = self._copy(clean, 0, self._share(30, 45, "Reading the rows"))
            except duckdb.OutOfMemoryException:
                raise
            except duckdb.Error:
                rows = None
            clean.unlink()
            if rows != mended.rows:
                raise FileRefused(
                    f"The lines of this file cannot be told apart: {mended.rows:,} were written, {rows or 0:,} read. "
                    "Save it again as CSV, with quotes around cells that hold line breaks."
                )
            self._say_mended(mended)
        self.rows = rows
        if not rows:
            raise FileRefused(
                "The file has column names but no rows. Choose a file with at least one line below its header."
            )

    def find_types(self) -> dict[int, Decided]:
        """Decide the type of every column over every row, by its place in the file."""
        self.report(45, 100, "Finding the types")
        sample = self._sample
        comma = self.dialect.delimiter != ","
        candidates: dict[int, Candidate] = {}
        for place, name in enumerate(self.dialect.names):
            column, choice = f"c{place}", self.wanted.of(name)
            cells = [cell for (cell,) in self._ask(f"SELECT {column} FROM cells LIMIT {sample}")]
            if sum(map(bool, cells)) < _FEW and self.rows > sample:
                more = self._ask(f"SELECT {column} FROM cells WHERE {column} <> '' LIMIT {sample // 4}")
                cells = [cell for (cell,) in more]
            self.seen[place] = review.see(cells, choice.missing)
            if not choice.keep:
                continue
            if choice.kind is not None:
                candidates[place] = chosen.candidate(choice, column, cells)
            else:
                candidates[place] = types.suspect(
                    choice.name, column, cells, rows=self.rows, comma=comma, missing=choice.missing
                )
        self._prove(list(candidates.values()), 45, 70)
        decided = {place: self._decide(candidate) for place, candidate in candidates.items()}
        undone = [place for place, one in decided.items() if not one.value]
        for place in undone:
            candidates[place].reads_as = "text"
            candidates[place].proved.clear()
        self._prove([candidates[place] for place in undone], 70, 75)
        for place, candidate in candidates.items():
            if place in undone:
                decided[place] = self._decide(candidate)
            self.seen[place].proved(candidate)
        unnamed = [
            place
            for place in self.dialect.unnamed
            if place in candidates and not candidates[place].proved["filled"]
            and self.wanted.of(self.dialect.names[place]).is_plain
        ]  # fmt: skip
        if len(unnamed) == len(decided):
            raise FileRefused("Every cell of this file is empty. Choose a file with at least one filled row.")
        if unnamed:
            # A delimiter at the end of every line makes a column that nobody meant.
            self.notes = [note for note in self.notes if "without a name" not in note]
            said = f"{len(unnamed):,} columns" if len(unnamed) > 1 else "1 column"
            self.notes.append(f"{said} had neither name nor values. Left out.")
        self.empty = unnamed
        return {place: one for place, one in decided.items() if place not in unnamed}

    def _decide(self, candidate: Candidate) -> Decided:
        if isinstance(candidate, chosen.Chosen):
            return candidate.decide(self.rows)
        return types.decide(candidate, self.rows)

    def write(self, decided: dict[int, Decided], part: Path) -> None:
        """Write the typed columns to the file `part`."""
        typed = ", ".join(f"{one.value} AS {duck.quote(one.column.name)}" for one in decided.values())
        self._run(
            f"COPY (SELECT {typed} FROM cells) TO {duck.literal(part.resolve())} ({duck.parquet(len(decided))})",
            self._share(75, 100, "Writing columns"),
        )
        (written,) = self._ask(f"SELECT count(*) FROM read_parquet({duck.literal(part.resolve())})")[0]
        assert written == self.rows, f"{written} rows written of {self.rows}"

    def misfits(self, decided: dict[int, Decided]) -> dict[int, list[tuple[int, str]]]:
        """The first values of each column that do not read as its type: the row's number, from 1, and the cell."""
        found = {}
        for place, one in decided.items():
            if one.misfits:
                cells = duck.literal((self.work / "cells.parquet").resolve())
                asked = (
                    f"SELECT file_row_number + 1, c{place} FROM read_parquet({cells}, file_row_number=true) "
                    f"WHERE {one.misfit} ORDER BY file_row_number LIMIT {review.MOST_MISFITS}"
                )
                found[place] = [(row, cell[: review.LONGEST]) for row, cell in self._ask(asked)]
        return found

    def said(self, decided: dict[int, Decided], misfits: dict[int, list[tuple[int, str]]]) -> list[str]:
        """Say of each column what did not read as its type."""
        notes = []
        for place, one in decided.items():
            notes += one.notes
            if not one.misfits:
                continue
            quoted = list(dict.fromkeys(cell for _, cell in misfits[place]))
            shown = ", ".join(f"“{cell[:40]}”" for cell in quoted[:_QUOTED])
            more = ", ..." if len(quoted) > _QUOTED else ""
            if one.misfits == 1:
                notes.append(f"1 value of {one.column.name} is not {one.what} ({shown}). It is missing now.")
            else:
                said = f"are not {one.what.removeprefix('a ')}s ({shown}{more})"
                notes.append(f"{one.misfits:,} values of {one.column.name} {said}. They are missing now.")
        return notes

    def _copy(self, path: Path, skip: int, watch: Callable[[float], None]) -> int:
        cells = self.work / "cells.parquet"
        self._run(
            f"COPY (SELECT * FROM {self._cells(path, skip)}) "
            f"TO {duck.literal(cells.resolve())} ({duck.parquet(self.dialect.width)}, USE_TMP_FILE true)",
            watch,
        )
        self.con.execute(f"CREATE OR REPLACE VIEW cells AS SELECT * FROM read_parquet({duck.literal(cells.resolve())})")
        return self._ask("SELECT count(*) FROM cells")[0][0]

    def _cells(self, path: Path, skip: int) -> str:
        """SQL: the cells of the file `path` as text, c0, c1 and so on, from the line after `skip` on."""
        form = self.dialect
        columns = ", ".join(f"'c{place}': 'VARCHAR'" for place in range(form.width))
        longest = f", max_line_size={encoding.LONGEST_LINE}" if self.text.longest > encoding.BLOCK else ""
        return (
            f"read_csv({duck.literal(path.resolve())}, auto_detect=false, "
            f"header=false, skip={skip}, delim={duck.literal(form.delimiter)}, quote='\"', "
            f"escape={duck.literal(form.escape or chr(34))}, "
            f"columns={{{columns}}}, nullstr='\x01', parallel=false{longest})"
        )

    @property
    def _sample(self) -> int:
        """How many rows are looked at before types are suspected."""
        return max(1_000, min(types.SAMPLE, 1_000_000 // self.dialect.width))

    @property
    def _counts_lines(self) -> bool:
        """Whether the lines were counted right: in other encodings the byte of a line break is part of a letter."""
        return self.text.codec in {"utf-8", "utf-8-sig", "cp1252", "latin-1"}

    def _adds_up(self, rows: int) -> bool:
        """Whether no line was lost: rows, and line breaks inside cells, are all the lines there are."""
        expected = self.text.lines - self.dialect.skip
        if rows == expected and self._counts_lines:
            return True
        if not self.text.quotes:
            return False
        inside = " + ".join(
            f"coalesce(sum(length(replace(c{i}, chr(13) || chr(10), chr(10))) "
            f"- length(replace(replace(replace(c{i}, chr(13) || chr(10), chr(10)), chr(10), ''), chr(13), ''))), 0)"
            for i in range(self.dialect.width)
        )
        return rows + int(self._ask(f"SELECT {inside} FROM cells")[0][0]) == expected

    def _say_mended(self, mended: Mended) -> None:
        if mended.rejected:
            self.notes.append(
                f"{mended.rejected:,} {'line was' if mended.rejected == 1 else 'lines were'} rejected. "
                f"{'It is' if mended.rejected == 1 else 'They are'} kept with number and reason in {REJECTS}."
            )
        if mended.padded:
            self.notes.append(
                f"{mended.padded:,} {'line is' if mended.padded == 1 else 'lines are'} shorter than the header. "
                f"{'Its' if mended.padded == 1 else 'Their'} last cells are missing."
            )
        if mended.odd_quotes:
            self.notes.append(
                f"{mended.odd_quotes:,} {'line has' if mended.odd_quotes == 1 else 'lines have'} quotes in odd places. "
                "They were kept as they stand."
            )
        if mended.cut_off:
            self.notes.append("The last line is incomplete. The file may have been cut off.")

    def _prove(self, candidates: list[Candidate], start: int, end: int) -> None:
        for done, candidate in enumerate(candidates):
            sql, wanted = types.prove(candidate, "cells")
            step = (end - start) / len(candidates)
            share = self._share(start + done * step, start + (done + 1) * step, f"Reading {candidate.name}")
            candidate.proved |= zip(wanted, self._run(sql, share).fetchone(), strict=True)

    def _ask(self, sql: str) -> list[tuple[Any, ...]]:
        return self.con.execute(sql).fetchall()

    def _run(self, sql: str, watch: Callable[[float], None]) -> Any:
        return duck.execute(self.con, sql, watch)

    def _share(self, start: float, end: float, label: str) -> Callable[[float], None]:
        """Progress of one step, from 0 to 1, as its share of the whole."""
        return lambda done: self.report(round(start + (end - start) * done), 100, label)
