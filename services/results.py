"""What a job found, on disk: facts and notes in one JSON file, tables as JSON columns or Parquet.

A table of up to 1 MB is stored as JSON columns, which the web process reads directly; a larger one
is Parquet, which it asks for through the reader, by column and by page.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import math
import os
import re
import shutil
import time
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from services import table as tables
from services.errors import Evicted, NotFound
from services.table import Spilled
from services.workspace import STEPS, Workspace, away, new_id, read_json, write_json

if TYPE_CHECKING:
    from services.analysis import Fact, Result

FILE = "result.json"
EXPORTS = "exports"
PARTIAL = "partial"  # folder of the result so far, while its job runs or when it ended early
_SHOWN = re.compile(r"[1-9][0-9]{0,5}")
SMALL = 1_000_000  # bytes of JSON


def key(dataset: str, slug: str, version: int, params: Mapping[str, Any]) -> str:
    """The name of an answer: the same question of the same data has the same key, for ever."""
    question = json.dumps([dataset, slug, version, params], sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(question.encode()).hexdigest()[:32]


def put(folder: Path, result: Result, about: Mapping[str, Any], spill: Path) -> None:
    """Store `result` in `folder`; it exists for readers once its last file, result.json, is there.

    `about` is what the page says of the run: slug, dataset, params, seconds, peak, rows used.
    """
    folder.mkdir(parents=True, exist_ok=True)
    described = {}
    for name, made in result.tables.items():
        described[name] = _put_table(folder, name, made, spill)
    for name, path in result.files.items():
        shutil.copyfile(path, folder / name)
    write_json(
        folder / FILE,
        {
            **about,
            "facts": {name: _plain(fact) for name, fact in result.facts.items()},
            "notes": list(result.notes),
            "tables": described,
            "files": sorted(result.files),
            "made": time.time(),
        },
    )
    for name in (STEPS, EXPORTS):  # the tables are here now; what was exported before may say otherwise
        shutil.rmtree(folder / name, ignore_errors=True)


def _put_table(folder: Path, name: str, made: Any, spill: Path) -> dict[str, Any]:
    """Store a table under its name; what was there before is replaced at once."""
    part = folder / f".{name}.parquet.{new_id()}"
    try:
        return _put_whole(folder, name, made, part, spill)
    except BaseException:  # a full disk, above all: half a table would keep it full
        part.unlink(missing_ok=True)
        (folder / f".{name}.json").unlink(missing_ok=True)
        raise


def _put_whole(folder: Path, name: str, made: Any, part: Path, spill: Path) -> dict[str, Any]:
    target = folder / f"{name}.parquet"
    if isinstance(made, Spilled):
        link(made.path, part)  # not moved: a result so far leaves the run its tables
    else:
        tables.write(made, part, spill)
    made = Spilled.at(part, spill=spill)
    size = part.stat().st_size
    described: dict[str, Any] = {"rows": made.rows, "columns": made.schema.as_json()}
    # At least three bytes a value: a table that may be small is tried, a large one never read.
    if made.rows * len(made.schema) * 3 <= SMALL:
        rows = made.fetch("SELECT * FROM rows")
        columns = {each: [_plain(row[i]) for row in rows] for i, each in enumerate(made.schema.names)}
        text = json.dumps(columns, ensure_ascii=False, separators=(",", ":"))
        if len(text.encode()) <= SMALL:
            part.unlink()
            part = folder / f".{name}.json"  # one made again replaces what may be read right now
            part.write_text(text, encoding="utf-8")
            part.replace(folder / f"{name}.json")
            target.unlink(missing_ok=True)
            return described | {"file": f"{name}.json", "bytes": len(text.encode())}
    os.utime(part)  # made now, whenever it was written: nobody can have opened it yet
    part.replace(target)
    return described | {"file": target.name, "bytes": size}


def link(source: Path, target: Path) -> None:
    """The same file under another name; a copy where the disk knows no second names."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)


def _plain(value: Any) -> Any:
    """A value as JSON can say it: no NaN, days as ISO text, decimals as numbers."""
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, dt.datetime | dt.date):
        return value.isoformat()
    if isinstance(value, Decimal):
        value = float(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if hasattr(value, "item"):  # a numpy scalar
        return _plain(value.item())
    return str(value)


@dataclass(frozen=True)
class StoredResult:
    """A result on disk, as views read it: facts at once, tables when asked for."""

    folder: Path
    about: Mapping[str, Any]

    @property
    def ref(self) -> str:
        """What `find` finds it by."""
        return f"{self.folder.parent.parent.name}.{self.folder.name}" if self.is_partial else self.folder.name

    @property
    def is_partial(self) -> bool:
        """It is the result so far of a run that goes on, or ended early."""
        return bool(self.about.get("partial"))

    @property
    def identity(self) -> str:
        """Changes when the same question was answered anew, or a table was evicted."""
        return f"{self.ref}@{self.about['made']}-{len(self.evicted())}"

    @property
    def key(self) -> str:
        return self.ref.partition(".")[0]

    @property
    def facts(self) -> Mapping[str, Fact]:
        return self.about["facts"]

    @property
    def notes(self) -> tuple[str, ...]:
        return tuple(self.about["notes"])

    @property
    def tables(self) -> Mapping[str, Mapping[str, Any]]:
        """For each table: rows, columns (name, kind, sql), file, bytes."""
        return self.about["tables"]

    def file(self, name: str) -> Path:
        """The file of table `name`, marked as opened now.

        Raises
        ------
        Evicted
            It was removed to free disk; the question is still there to make it again.
        """
        if name not in self.tables:
            raise NotFound(f"This result has no table “{name}”.")
        path = self.folder / self.tables[name]["file"]
        try:
            os.utime(path)
        except FileNotFoundError:
            raise Evicted(f"The table “{name}” was removed to free disk. Run again to make it anew.") from None
        return path

    def evicted(self) -> list[str]:
        """The tables that were removed to free disk."""
        return [name for name, each in self.tables.items() if not (self.folder / each["file"]).exists()]

    def columns(self, name: str) -> dict[str, list[Any]]:
        """A small table as plain lists, by column.

        Raises
        ------
        Evicted
            It was removed, or is damaged; it is made again as one that was removed.
        """
        path = self.file(name)
        if path.suffix != ".json":
            raise NotFound(f"The table “{name}” is large: it is read by page.")
        try:
            return read_json(path)
        except NotFound:
            away(path)
            raise Evicted(f"The table “{name}” of this answer is damaged. Run again to make it anew.") from None

    def column(self, name: str, column: str, *, at_most: int = 5_000) -> list[Any]:
        """A column of a small table as a plain list, thinned evenly to `at_most` values."""
        values = self.columns(name)[column]
        step = max(1, math.ceil(len(values) / at_most))
        return values[::step]

    def rows(self, name: str) -> list[dict[str, Any]]:
        """A small table as one dict a row."""
        columns = self.columns(name)
        return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def find(workspace: Workspace, ref: str) -> StoredResult:
    """The result that a page names: by its key, or `key.3` for the third result so far.

    Raises
    ------
    NotFound
        There is none, or it is another visitor's.
    """
    key, _, shown = ref.partition(".")
    folder = workspace.result(key)
    if shown:
        if not _SHOWN.fullmatch(shown):
            raise NotFound("This result does not exist any more, or never did.")
        folder = folder / PARTIAL / shown
    return get(folder)


def get(folder: Path) -> StoredResult:
    """Open the result in `folder`.

    Raises
    ------
    NotFound
        There is none.
    """
    return StoredResult(folder, read_json(folder / FILE))
