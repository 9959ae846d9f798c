"""The way in of any file: what it is, what it becomes, and what a person should know about it."""

from __future__ import annotations

import hashlib
import shutil
import uuid
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from services import duck
from services.errors import DoesNotFit
from services.ingest import columnar, csv, formats, review
from services.ingest.csv import Ingested, Remembered, Report
from services.ingest.formats import Prepared
from services.reading import Reading
from services.schema import Schema
from services.table import DATA

_PREPARED = 30  # of 100: the share of progress that bringing a file into form takes


def ingest(
    source: Path, name: str, folder: Path, *, spill: Path, report: Report, memory_mb: int = 160,
    wanted: Reading | None = None, remembered: Remembered | None = None,
) -> Ingested:  # fmt: skip
    """Read the file `source`, called `name`, into `folder`: its rows, and its rejected lines if there are any.

    `wanted` is what was chosen for it; without that, `remembered` says what was for an earlier file of its columns.
    After an error `folder` is as it was before.

    Raises
    ------
    FileRefused
        The file is no table; the message says what it is and what to do.
    ParamError
        What was chosen cannot be; the field is the column.
    DoesNotFit
        Memory or disk do not suffice.
    """
    work = spill / f"file-{uuid.uuid4().hex[:12]}"
    work.mkdir(parents=True)

    def preparing(done: float, label: str) -> None:
        report(round(_PREPARED * min(done, 1.0)), 100, label)

    def reading(done: int, total: int, label: str) -> None:
        report(_PREPARED + round((100 - _PREPARED) * done / total), 100, label)

    asked = wanted or Reading()
    try:
        ready = formats.prepare(
            source, name, work, preparing, sheet=asked.sheet, member=asked.member, memory_mb=memory_mb
        )
        if ready.form == "columns":
            said = _columns(ready, source, name, folder, work, report, memory_mb, wanted, remembered)
        else:
            said = csv.ingest(
                ready.path, name, folder, spill=spill, report=report if ready.path == source else reading,
                memory_mb=memory_mb, form=ready.form, wanted=wanted, remembered=remembered,
            )  # fmt: skip
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return replace(
        said, source=ready.source, notes=(*ready.notes, *said.notes), bytes=source.stat().st_size
    )  # fmt: skip


def _columns(
    ready: Prepared, source: Path, name: str, folder: Path, work: Path, report: Report, memory_mb: int,
    wanted: Reading | None, remembered: Remembered | None,
) -> Ingested:  # fmt: skip
    """Read a file that has typed columns."""
    import duckdb

    part = folder / f".{DATA}.{work.name}"
    con = duck.connect(folder, ready.path.parent, work, spill=work / "spill", memory_mb=memory_mb)
    try:
        columnar.bring(con, ready.path, ready.kind, work, _share(report, 0, 30, "Reading the file"))
        names = columnar.names(con)
        if wanted is None and remembered is not None:
            wanted = remembered(names)
        wanted = (wanted or Reading()).among(names)
        found = columnar.decide(con, wanted, lambda done, label: report(round(30 + 30 * done), 100, f"Reading {label}"))
        typed = ", ".join(f"{one.value} AS {duck.quote(one.column.name)}" for one in found.decided)
        copied = (
            f"COPY (SELECT {typed} FROM typed) TO {duck.literal(part.resolve())} ({duck.parquet(len(found.decided))})"
        )
        duck.execute(con, copied, _share(report, 60, 100, "Writing columns"))
        part.replace(folder / DATA)
    except duckdb.OutOfMemoryException as error:
        lacking = "disk" if "offload" in str(error) else "memory"
        raise DoesNotFit(f"{name} needs more {lacking} than this server has free. Leave columns out.") from error
    finally:
        con.close()
        part.unlink(missing_ok=True)
    report(100, 100, "Read")
    return Ingested(
        schema=Schema(tuple(one.column for one in found.decided)),
        rows=found.rows,
        rejected=0,
        encoding="",
        delimiter="",
        content=_content(source),
        bytes=source.stat().st_size,
        memory_before=sum(one.before for one in found.decided),
        memory_after=sum(one.after for one in found.decided),
        notes=found.notes,
        reading=wanted,
        review=review.of_columns(found.rows, found.review),
    )


def _share(report: Report, start: int, end: int, label: str) -> Callable[[float], None]:
    return lambda done: report(round(start + (end - start) * done), 100, label)


def _content(source: Path) -> str:
    with open(source, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
