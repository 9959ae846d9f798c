"""The datasets of a visitor: what is known of each, and which one is open."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from services import roles
from services.errors import DiskFull, NotFound, ParamError
from services.schema import Schema
from services.table import ABOUT
from services.workspace import Workspace, discard, is_id, read_json, write_json

PROFILE = "profile.json"
REVIEW = "review.json"  # what was understood of its file, see `services.ingest.review`
ORIGINAL = "original"
REJECTS = "rejects.csv"
REMOVED = "removed"  # the folder of those that can be brought back
UNDO_SECONDS = 600  # how long
LONGEST_NAME, LONGEST_DESCRIPTION = 200, 1_000
ENGINE = 2  # raised when the same bytes are read differently than before

_OPEN = "workspace.json"


def name_of(content: str, schema: Schema, steps: tuple[Any, ...] = ()) -> str:
    """The id of a dataset: what went in, how it was read, what was done to it."""
    made = json.dumps([content, schema.as_json(), steps, ENGINE], sort_keys=True)
    return hashlib.sha256(made.encode()).hexdigest()[:32]


def about(workspace: Workspace, dataset: str) -> dict[str, Any]:
    """What is known of a dataset: name, rows, columns, roles, notes, how it was read."""
    return {"id": dataset, **read_json(workspace.dataset(dataset) / ABOUT)}


def schema(known: Mapping[str, Any]) -> Schema:
    return Schema.from_json(known["columns"])


def profile(workspace: Workspace, dataset: str) -> dict[str, Any]:
    """Every column's figures over every row."""
    return read_json(workspace.dataset(dataset) / PROFILE)


def each(workspace: Workspace) -> list[dict[str, Any]]:
    """All datasets, newest first."""
    found = []
    for folder in workspace.each("datasets"):
        try:
            found.append(about(workspace, folder.name))
        except NotFound:
            continue
    return sorted(found, key=lambda known: -known["made"])


def current(workspace: Workspace) -> dict[str, Any] | None:
    """The dataset that is open, or the newest one when none is."""
    try:
        return about(workspace, read_json(workspace.folder / _OPEN)["dataset"])
    except (NotFound, KeyError, TypeError):
        found = each(workspace)
        return found[0] if found else None


def open_(workspace: Workspace, dataset: str) -> dict[str, Any]:
    """Make `dataset` the open one; a full disk only means that this is not remembered."""
    known = about(workspace, dataset)
    with contextlib.suppress(DiskFull):
        write_json(workspace.folder / _OPEN, {"dataset": dataset})
    return known


def describe(workspace: Workspace, dataset: str, name: str, description: str = "") -> None:
    """Give a dataset another name and a description; its id, and what was answered from it, stay.

    Raises
    ------
    ParamError
        There is no name, or one of them is too long; the field is `name` or `description`.
    """
    known = about(workspace, dataset)
    name, description = " ".join(name.split()), description.strip()
    if not name:
        raise ParamError("A table needs a name. Write one.", field="name")
    for field, text, most in (("name", name, LONGEST_NAME), ("description", description, LONGEST_DESCRIPTION)):
        if len(text) > most:
            raise ParamError(f"This has {len(text):,} characters; at most {most:,} are kept. Shorten it.", field=field)
    del known["id"]
    write_json(workspace.dataset(dataset) / ABOUT, {**known, "name": name, "description": description})


def assign(workspace: Workspace, dataset: str, playing: Mapping[str, str]) -> dict[str, str]:
    """Say which column plays which role; one that is not named, or named with nothing, is played by none.

    What was answered stays: an answer is told by its question's columns, not by roles.

    Raises
    ------
    ParamError
        There is no such role or column, or the column cannot play it; the field is the role.
    """
    known = about(workspace, dataset)
    columns = schema(known)
    for role in playing:
        if role not in roles.ROLES:
            raise ParamError(f"There is no role “{role}”. There are: {', '.join(roles.ROLES)}.", field=role)
    chosen = {role: playing[role] for role in roles.ROLES if playing.get(role)}
    for role, name in chosen.items():
        able = roles.fitting(role, columns)
        if name not in able:
            listed = ", ".join(able) or "none of this table"
            raise ParamError(f"“{name}” cannot be the {role}. These columns can: {listed}.", field=role)
    del known["id"]
    write_json(workspace.dataset(dataset) / ABOUT, {**known, "roles": chosen})
    return chosen


def remove(workspace: Workspace, dataset: str) -> None:
    """Delete a dataset: it can be brought back for a while. Results that were made from it stay readable."""
    kept = workspace.removed(dataset)
    kept.parent.mkdir(parents=True, exist_ok=True)
    discard(kept)
    with contextlib.suppress(FileNotFoundError):
        workspace.dataset(dataset).replace(kept)
        os.utime(kept)


def removed(workspace: Workspace) -> list[dict[str, Any]]:
    """What can be brought back, last removed first: id, name, of what it is a version, and how many seconds yet."""
    found = []
    for folder in workspace.each(REMOVED):
        with contextlib.suppress(NotFound, FileNotFoundError):
            left = folder.stat().st_mtime + UNDO_SECONDS - time.time()
            if left > 0:
                known = read_json(folder / ABOUT)
                told = {"id": folder.name, "name": known["name"], "cleaned": known.get("cleaned"), "left": left}
                found.append(told)
    return sorted(found, key=lambda each: -each["left"])


def restore(workspace: Workspace, dataset: str) -> None:
    """Bring a removed dataset back.

    Raises
    ------
    NotFound
        It was removed for good, or never was.
    """
    kept, target = workspace.removed(dataset), workspace.dataset(dataset)
    if target.exists():  # its file was added again meanwhile
        discard(kept)
        return
    try:
        kept.replace(target)
    except FileNotFoundError:
        raise NotFound("This table was removed for good. Add its file again.") from None


def purge(workspace: Workspace, now: float) -> None:
    """Remove for good what was removed long enough ago."""
    for folder in workspace.each(REMOVED):
        with contextlib.suppress(FileNotFoundError):
            if now - folder.stat().st_mtime > UNDO_SECONDS:
                discard(folder)


def keep(workspace: Workspace, made: Path, dataset: str) -> None:
    """Move the finished folder `made` to its place; the same dataset may be there already."""
    assert is_id(dataset)
    target = workspace.dataset(dataset)
    target.parent.mkdir(parents=True, exist_ok=True)
    if target.exists():
        shutil.rmtree(made)
    else:
        made.replace(target)
