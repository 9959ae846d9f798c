"""What a job can be: an analysis, the way in of a file, the way out of a table, the order of its rows."""

from __future__ import annotations

import gzip
import json
import shutil
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from services import datasets, params, results, roles
from services.analysis import Result, find
from services.errors import FileRefused, NotFound
from services.jobs import checkpoints, record
from services.jobs.record import Record
from services.jobs.running import Running
from services.table import ABOUT, Table
from services.workspace import Workspace, discard, write_json

Say = Callable[..., None]

# DuckDB's buffers take at most this; a job holds about 30 MB more, and its libraries.
BUFFER_MB = 160


def perform(job: Record, folder: Path, spill: Path, say: Say) -> dict[str, Any]:
    """Do what the record asks and return what it adds to the record: outcome, rows used."""
    workspace = Workspace(folder.parent.parent)
    buffer = min(BUFFER_MB, max(48, (job.ceiling_mb or 1_000) * 2 // 5))
    tasks = {"analysis": _analyse, "ingest": _take_in, "export": _export, "order": _order}
    return tasks[job.task](job, workspace, spill, say, buffer)


def _analyse(job: Record, workspace: Workspace, spill: Path, say: Say, buffer: int) -> dict[str, Any]:
    analysis = find(job.slug)
    assert job.dataset is not None
    try:
        table = Table.open(workspace.dataset(job.dataset), spill=spill, memory_mb=buffer)
    except NotFound:
        raise NotFound("The dataset of this run was removed. Open it again and ask anew.") from None
    question = params.parse(analysis.params, job.params, table.schema)
    folder = workspace.result(job.key)
    if not job.partial:  # what an earlier run of the same question showed is not this one's
        shutil.rmtree(folder / results.PARTIAL, ignore_errors=True)
    began = job.started or time.time()

    def about(result: Result) -> dict[str, Any]:
        return {
            "job": job.id,
            "slug": job.slug,
            "title": job.title,
            "version": analysis.version,
            "dataset": job.dataset,
            "params": job.params,
            "seconds": time.time() - began,
            "rows_total": table.rows,
            "rows_used": result.facts.get("rows_used", table.rows),
            "said_before": list(job.notes),
            "stopped": list(checkpoints.stopped(workspace.steps(job.key)).values()),
        }

    asked_to_end = workspace.job(job.id) / record.ENOUGH
    running = Running(say, table, folder, spill, about, shown=job.partial, enough=asked_to_end)
    result = analysis.run(table, question, running)
    told = about(result)
    if result.dataset is not None:
        root = result.dataset_of or job.dataset
        told["made_dataset"] = made = _keep_version(job, workspace, root, question, result, spill, say, buffer)
        told["quality"] = [_quality(workspace, each) for each in (root, made)]
    results.put(folder, result, told, spill)
    shutil.rmtree(folder / results.PARTIAL, ignore_errors=True)
    return {"outcome": job.key}


def _keep_version(
    job: Record, workspace: Workspace, root: str, question: Any, result: Result, spill: Path, say: Say, buffer: int
) -> str:
    """Make a version of the dataset `root` from what a recipe, or a model, made of it."""
    from services import versions
    from services.cleaning import recipe

    def report(done: int, total: int, label: str) -> None:
        say(progress=[90 * total + 10 * done, 100 * total, label])

    assert result.dataset is not None
    if hasattr(question, "recipe"):
        how = versions.Made.of(recipe.parse(question.recipe))
    else:
        about = {"by": job.slug, "title": job.title, "result": job.key}
        how = versions.Made(by="predicted", mark=(job.key,), about=about)
    return versions.make(workspace, root, result.dataset, how, report=report, spill=spill, memory_mb=buffer)


def _quality(workspace: Workspace, dataset: str) -> int | None:
    """How good a dataset is, 0 to 100; None where that is not known."""
    from services.quality import quality

    try:
        return quality(datasets.profile(workspace, dataset), datasets.about(workspace, dataset)).said
    except NotFound:
        return None


def _take_in(job: Record, workspace: Workspace, spill: Path, say: Say, buffer: int) -> dict[str, Any]:
    """Read an uploaded file, a sample, or a dataset's own file anew, into a dataset, and profile it."""
    from services import readings
    from services.ingest import ingest
    from services.profile import profile
    from services.reading import parse

    def report(offset: int) -> Callable[[int, int, str], None]:
        # One bar for both halves: reading is the first, describing the second.
        def scaled(done: int, total: int, label: str) -> None:
            say(progress=[offset + round(100 * done / max(total, 1)), 200, label])

        return scaled

    made = spill / "dataset"
    made.mkdir()
    source, before = _source(job, workspace, spill, say)
    name = before["name"]
    wanted = parse(job.params["reading"]) if "reading" in job.params else None
    try:
        said = ingest(
            source, name, made, spill=spill, report=report(0), memory_mb=buffer, wanted=wanted,
            remembered=partial(readings.remembered, workspace) if "upload" in job.params else None,
        )  # fmt: skip
    except FileRefused:
        if "upload" in job.params:  # it will be no table the next time either
            shutil.rmtree(workspace.upload(job.params["upload"]), ignore_errors=True)
        raise
    # Roles that were given before hold as far as their columns can play them yet.
    given = before.pop("roles", {}).items()
    played = {role: column for role, column in given if column in roles.fitting(role, said.schema)}
    sample = before.get("sample") or {}
    if sample and (sample["rows"] >= said.rows or sample["by"] not in {None, *said.schema.names}):
        del before["sample"]  # it cannot be drawn of what the table is now
    known = {
        **said.as_json(),
        "columns": said.schema.as_json(),
        "version": 1,
        **before,
        "made": time.time(),
        "roles": roles.propose(said.schema) | played,
        "on_disk": (made / "data_full.parquet").stat().st_size,
    }
    known |= _keep_original(job, workspace, source, made, said.source)
    write_json(made / ABOUT, known)
    write_json(made / datasets.REVIEW, said.review)
    began = time.time()
    described = profile(Table.open(made, spill=spill, memory_mb=buffer), report(100))
    write_json(made / datasets.PROFILE, {**described, "seconds": time.time() - began})
    dataset = datasets.name_of(said.content, said.schema, (said.reading.mark,) if said.reading else ())
    if not workspace.dataset(dataset).exists():
        datasets.keep(workspace, made, dataset)
    datasets.open_(workspace, dataset)
    if "upload" in job.params:
        shutil.rmtree(workspace.upload(job.params["upload"]), ignore_errors=True)
    elif before.get("draft") and job.params.get("dataset") not in {None, dataset}:
        discard(workspace.dataset(job.params["dataset"]))  # nobody used it as it was read before
    return {"outcome": dataset}


def _source(job: Record, workspace: Workspace, spill: Path, say: Say) -> tuple[Path, dict[str, Any]]:
    """The file that is to be read, and what is known of the dataset before that."""
    from services import samples

    if "sample" in job.params:
        say(progress=[0, 200, "Making the sample"])
        return samples.write(job.params["sample"], spill), {"name": samples.find(job.params["sample"]).title}
    if "upload" in job.params:
        source, name = workspace.upload(job.params["upload"]) / "content", job.params["name"]
        if not source.exists():
            raise NotFound(f"“{name}” is not here any more. Upload it again.")
        return source, {"name": name, "draft": True}
    known = datasets.about(workspace, job.params["dataset"])
    source = workspace.dataset(known["id"]) / datasets.ORIGINAL
    if not source.exists():
        raise NotFound(f"The file of “{known['name']}” was not kept. Upload it again.")
    if known.get("packed"):
        say(progress=[0, 200, "Unpacking the file"])
        packed, source = source, spill / "original"
        with gzip.open(packed) as file, open(source, "wb") as out:
            shutil.copyfileobj(file, out, 1 << 20)
    kept = {key: known[key] for key in ("name", "description", "roles", "sample") if key in known}
    is_draft = known.get("draft", False)
    return source, {**kept, "draft": is_draft, "version": known.get("version", 1) + (not is_draft)}


def _keep_original(job: Record, workspace: Workspace, source: Path, made: Path, of: dict[str, Any]) -> dict[str, Any]:
    """Keep the file beside its columns, text packed; what is known of that."""
    if "dataset" in job.params:
        before = workspace.dataset(job.params["dataset"])
        results.link(before / datasets.ORIGINAL, made / datasets.ORIGINAL)
        return {"packed": datasets.about(workspace, before.name).get("packed", False)}
    packs = of["format"] in {"CSV", "JSON"} and "archive" not in of and source.stat().st_size > 1_000_000
    if packs:
        with open(source, "rb") as file, gzip.open(made / datasets.ORIGINAL, "wb", compresslevel=1) as out:
            shutil.copyfileobj(file, out, 1 << 20)
    else:
        results.link(source, made / datasets.ORIGINAL)  # not moved: ended here, the job may be asked again
    return {"packed": packs}


def _export(job: Record, workspace: Workspace, spill: Path, say: Say, buffer: int) -> dict[str, Any]:
    from services import export

    stored = results.get(workspace.result(job.params["result"]))
    say(progress=[0, 1, "Writing the file"])
    target = stored.folder / results.EXPORTS / export.file_name(job.params)
    target.parent.mkdir(exist_ok=True)
    export.write(stored, job.params, target, spill=spill, memory_mb=buffer)
    return {"outcome": target.name}


def _order(job: Record, workspace: Workspace, spill: Path, say: Say, buffer: int) -> dict[str, Any]:
    """Sort the rows of a dataset once, so that any page of them is at hand."""
    from services.explore import order

    say(progress=[0, 100, job.title])
    made = order.build(
        workspace.dataset(job.params["dataset"]),
        job.params,
        lambda share: say(progress=[round(100 * share), 100, job.title]),
        spill=spill,
        memory_mb=buffer,
    )
    return {"outcome": made.stem}


def key_of(task: str, asked: dict[str, Any]) -> str:
    """The name of what is not an analysis: the same upload, sample or export twice is one job."""
    return results.key(task, json.dumps(asked, sort_keys=True), 1, {})
