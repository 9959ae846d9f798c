"""The datasets of a visitor: what is known of each, and which one is open."""

from __future__ import annotations

import contextlib
import hashlib
import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from services.errors import DiskFull, NotFound
from services.schema import Schema
from services.table import ABOUT
from services.workspace import Workspace, discard, is_id, read_json, write_json

PROFILE = "profile.json"
ORIGINAL = "original"
REJECTS = "rejects.csv"
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


def remove(workspace: Workspace, dataset: str) -> None:
    """Delete a dataset; results that were made from it stay readable."""
    discard(workspace.dataset(dataset))


def keep(workspace: Workspace, made: Path, dataset: str) -> None:
    """Move the finished folder `made` to its place; the same dataset may be there already."""
    assert is_id(dataset)
    target = workspace.dataset(dataset)
    target.parent.mkdir(parents=True, exist_ok=True)
    if target.exists():
        shutil.rmtree(made)
    else:
        made.replace(target)
