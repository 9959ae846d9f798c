"""What the commands do: the same path as the browser's, in a private, temporary data folder."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from dashapp.printed import ended
from dashapp.settings import Settings
from services import datasets, export, params, results, uploads
from services.analysis import find, find_all
from services.cleaning.recipe import parse
from services.duck import PARQUET
from services.errors import DoesNotFit, FileRefused, NotFound, ParamError
from services.jobs import lanes, tasks
from services.jobs.record import Record
from services.jobs.supervisor import Bounds, supervise
from services.table import Table
from services.workspace import Home, Workspace, new_id

_WRITTEN = {".csv": "FORMAT csv, HEADER", ".parquet": PARQUET}
EXITS = {"done": 0, "failed": 2, "killed": 3, "interrupted": 3, "cancelled": 130}


def analyses() -> dict[str, Any]:
    """Every analysis: slug, title, parameters."""
    return {
        "analyses": [
            {"slug": slug, "title": each.title, "summary": each.summary, "parameters": params.describe(each.params)}
            for slug, each in sorted(find_all().items())
        ]
    }


def profile(file: str, out: str | None, settings: Settings) -> tuple[dict[str, Any], int]:
    """Describe every column of `file` over every row."""
    target = _folder(out)
    with _workspace() as workspace:
        job = _take_in(workspace, Path(file), settings)
        if job.state != "done":
            return _told(job), _exit(job)
        assert job.outcome is not None
        figures = datasets.profile(workspace, job.outcome)
        if target is not None:
            with _whole(target / "profile.json") as part:
                part.write_text(json.dumps(figures, ensure_ascii=False), encoding="utf-8")
        return figures, 0


def run(
    slug: str, file: str, given: list[str], out: str | None, settings: Settings, beside: list[str] | None = None
) -> tuple[dict[str, Any], int]:
    """Run the analysis `slug` on `file`, with parameters as `name=value`; `beside` are the files of other tables.

    A parameter that is another table is given by that file's name; one that is not given is the first of them.
    """
    analysis = find(slug)
    asked = _parameters(given)
    declared = {each.name for each in params.fields(analysis.params)}
    for name in asked:  # before the file is read: a slip of the pen should cost nothing
        if name not in declared:
            raise ParamError(f"There is no parameter “{name}”. There are: {', '.join(sorted(declared))}.", field=name)
    target = _folder(out)
    with _workspace() as workspace:
        there = _beside(workspace, beside, settings)
        if isinstance(there, Record):
            return _told(there), _exit(there)
        for each in params.fields(analysis.params):
            if isinstance(each.kind, params.Dataset) and there:
                name = asked.get(each.name, next(iter(there)))
                asked[each.name] = there.get(name, name)
        job, notes = _answered(workspace, slug, file, asked, settings)
        if job.state != "done" or job.task != "analysis":
            return _told(job), _exit(job)
        stored = results.get(workspace.result(job.key))
        if target is not None:
            for name in stored.about["files"]:
                with _whole(target / name) as part:
                    shutil.copyfile(stored.folder / name, part)
        return _result(stored, job, notes, target, workspace.folder), 0


def _beside(workspace: Workspace, files: list[str] | None, settings: Settings) -> dict[str, str] | Record:
    """The other tables that were named, read: file name -> id; or how reading one ended where it did not end well."""
    there: dict[str, str] = {}
    for other in files or ():
        taken = _take_in(workspace, Path(other), settings)
        if taken.state != "done":
            return taken
        there[Path(other).name] = str(taken.outcome)
    return there


def clean(
    file: str, recipe: str, to: str, settings: Settings, beside: list[str] | None = None
) -> tuple[dict[str, Any], int]:
    """Apply the recipe in the file `recipe` to every row of `file`, and write the table that comes of it to `to`.

    `beside` are the files of other tables, which its steps name: each by its id, or by its file's name.
    """
    target = Path(to)
    if target.suffix not in _WRITTEN:
        raise ParamError(f"“{to}” is neither .csv nor .parquet. Give it one of these endings.", field="to")
    _folder(str(target.parent))
    try:
        steps = parse(Path(recipe).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        raise NotFound(f"The recipe “{recipe}” cannot be read. Name the JSON file of a recipe.") from None
    with _workspace() as workspace:
        there = _beside(workspace, beside, settings)
        if isinstance(there, Record):
            return _told(there), _exit(there)
        asked = {"recipe": json.dumps(steps.naming(there).as_json())}
        job, notes = _answered(workspace, "cleaning", file, asked, settings)
        if job.state != "done" or job.task != "analysis":
            return _told(job), _exit(job)
        stored = results.get(workspace.result(job.key))
        made = workspace.dataset(stored.about.get("made_dataset") or job.dataset)
        with _whole(target.resolve()) as part:
            Table.open(made, spill=workspace.folder).copy(part, _WRITTEN[target.suffix])
        return _result(stored, job, notes, None, workspace.folder) | {"file": str(target)}, 0


def _answered(
    workspace: Workspace, slug: str, file: str, asked: dict[str, Any], settings: Settings
) -> tuple[Record, tuple[str, ...]]:
    """Read `file` and ask an analysis of it: the run as it ended, or the reading where that did not end well."""
    taken = _take_in(workspace, Path(file), settings)
    if taken.state != "done":
        return taken, ()
    assert taken.outcome is not None
    analysis, known = find(slug), datasets.about(workspace, taken.outcome)
    schema = datasets.schema(known)
    proposed = {
        name: column
        for name, column in params.propose(analysis.params, schema, known["roles"]).items()
        if name not in asked
    }
    question = params.canonical(params.parse(analysis.params, {**proposed, **asked}, schema))
    notes = tuple(f"{name} is “{column}”, proposed by its name and type." for name, column in proposed.items())
    job = _job(workspace, "analysis", slug, analysis.title, question)
    key = results.key(known["id"], slug, analysis.version, question)
    job = job.changed(dataset=known["id"], key=key, notes=notes)
    return _supervised(workspace, job, settings), notes


def _folder(out: str | None) -> Path | None:
    """The folder that files are to be written to, made if it is not there; one that takes no file is refused."""
    if out is None:
        return None
    try:
        Path(out).mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=out).close()
    except OSError as error:
        raise ParamError(f"“{out}” cannot be written to: {error.strerror}. Name another folder.", field="out") from None
    return Path(out)


@contextmanager
def _whole(target: Path) -> Iterator[Path]:
    """A file beside `target` that takes its place once it is written.

    Raises
    ------
    DoesNotFit
        It could not be written: the disk is full, above all.
    """
    part = target.with_name(f".{target.name}.{new_id()}")
    try:
        yield part
        part.replace(target)
    except OSError as error:
        message = f"“{target}” could not be written: {error.strerror}. Make room, or name another folder."
        raise DoesNotFit(message, field="out") from None
    finally:
        part.unlink(missing_ok=True)


def _result(
    stored: results.StoredResult, job: Record, notes: tuple[str, ...], target: Path | None, spill: Path
) -> dict[str, Any]:
    tables = {}
    for name, table in stored.tables.items():
        written = None
        if target is not None:
            written = str(target / f"{name}.csv")
            columns = [column["name"] for column in table["columns"]]
            with _whole(Path(written)) as part:
                export.to_csv(part, columns, export.rows(stored, name, spill), raw=True)
        tables[name] = {"rows": table["rows"], "columns": [c["name"] for c in table["columns"]], "file": written}
    said = _told(job)
    said["job"] |= {"rows_used": stored.about["rows_used"], "rows_total": stored.about["rows_total"]}
    return said | {"key": stored.key, "facts": stored.facts, "notes": [*notes, *stored.notes], "tables": tables}


def _told(job: Record) -> dict[str, Any]:
    status = "killed" if job.state == "interrupted" else job.state
    said = ended(status, None if status == "done" else job.message, field=job.field, incident=job.incident)
    said["job"] |= {"seconds": job.seconds, "peak_mb": job.peak_mb}
    return said


def _exit(job: Record) -> int:
    return 1 if job.incident else EXITS[job.state]


def _parameters(given: list[str]) -> dict[str, Any]:
    asked = {}
    for pair in given:
        name, equals, text = pair.partition("=")
        if not equals:
            raise ParamError(f"“{pair}” has no value. Write --set name=value.")
        asked[name] = params.from_text(text)
    return asked


@contextmanager
def _workspace() -> Iterator[Workspace]:
    folder = Path(tempfile.mkdtemp(prefix="datainsights-"))
    # A terminated command still takes its folder along.
    previous = signal.signal(signal.SIGTERM, lambda *_: sys.exit(EXITS["cancelled"]))
    try:
        home = Home.at(folder)
        workspace = home.workspace(new_id())
        workspace.folder.mkdir(parents=True)
        yield workspace
    finally:
        signal.signal(signal.SIGTERM, previous)
        shutil.rmtree(folder, ignore_errors=True)


def _take_in(workspace: Workspace, file: Path, settings: Settings) -> Record:
    if not file.is_file():
        raise NotFound(f"There is no file “{_shown(file)}”.")
    size, name = file.stat().st_size, _shown(file.name)
    if size == 0:
        raise FileRefused(f"“{name}” is empty: it has no bytes. Choose another file.")
    upload = uploads.create(workspace, name, size, limit_mb=max(settings.upload_limit_mb, size // 1_000_000 + 1))
    try:
        # The copy is the workspace's own; the user's file is never moved or changed.
        shutil.copyfile(file, upload.folder / uploads.CONTENT)
    except OSError as error:
        raise FileRefused(f"“{name}” could not be copied to {tempfile.gettempdir()}: {error.strerror}.") from None
    asked = {"upload": upload.id, "name": name}
    return _supervised(workspace, _job(workspace, "ingest", "ingest", f"Reading {name}", asked), settings)


def _shown(path: str | Path) -> str:
    """A path as text, whatever bytes it is made of."""
    return os.fsencode(path).decode(errors="replace")


def _job(workspace: Workspace, task: str, slug: str, title: str, asked: dict[str, Any]) -> Record:
    return Record(
        id=new_id(), visitor=workspace.visitor, task=task, slug=slug, title=title, dataset=None,
        params=asked, key=tasks.key_of(task, asked), lane=lanes.HEAVY,
    )  # fmt: skip


def _supervised(workspace: Workspace, job: Record, settings: Settings) -> Record:
    folder = workspace.job(job.id)
    folder.mkdir(parents=True)
    job.write(folder)
    bounds = Bounds(limit_mb=settings.memory_limit_mb, reserve_mb=settings.reserve_mb)
    last = ""

    def show(now: Record) -> None:
        nonlocal last
        line = f"{now.label} {now.done}/{now.total}" if now.total else now.label
        if line and line != last and now.state == "running":
            print(f"{time.strftime('%H:%M:%S')} {line}, {now.memory_mb:.0f} MB", file=sys.stderr)
            last = line

    ended = supervise(folder, bounds, show)
    log = (folder / "log.txt").read_text(errors="replace").strip()
    if log and ended.incident:
        print(log, file=sys.stderr)
    return ended
