"""Versions of a table: what a recipe, or a model, made of it is a dataset of its own, which knows where it comes from.

What a recipe made is the table itself, mended: it stands beside it, and is newer. What a model predicted is a
table of its own, with a root that it names and no more.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from services import datasets, results, roles
from services.cleaning.recipe import Recipe
from services.errors import NotFound
from services.table import ABOUT, DATA, Spilled, Table
from services.workspace import Workspace, write_json

_OF_FILE = ("encoding", "delimiter", "bytes", "memory_before", "source", "rejected", "misfits", "description")


@dataclass(frozen=True, kw_only=True)
class Made:
    """How a version came to be: `mark` tells it from others of the same table, `about` is kept with it."""

    by: Literal["cleaned", "predicted"]
    mark: tuple[Any, ...]
    about: Mapping[str, Any]

    @classmethod
    def of(cls, recipe: Recipe) -> Made:
        """By a recipe."""
        return cls(by="cleaned", mark=tuple(recipe.mark), about={"recipe": recipe.as_json()})


def root_of(known: Mapping[str, Any]) -> str:
    """The id of the table that a version was made of; its own, where it is none."""
    return (known.get("cleaned") or {}).get("root") or known["id"]


def recipe_of(known: Mapping[str, Any]) -> dict[str, Any] | None:
    """The recipe that made a version."""
    return (known.get("cleaned") or {}).get("recipe")


def each(workspace: Workspace, root: str) -> list[dict[str, Any]]:
    """The table `root` and its versions, oldest first."""
    found = [known for known in datasets.each(workspace) if root_of(known) == root]
    return sorted(found, key=lambda known: (known["id"] != root, known["made"]))


def newer(workspace: Workspace, known: Mapping[str, Any]) -> dict[str, Any] | None:
    """The newest version of the same table, if `known` is an older one."""
    newest = max(each(workspace, root_of(known)), key=lambda one: one["made"], default=None)
    return newest if newest and newest["made"] > known["made"] else None


def make(
    workspace: Workspace,
    root: str,
    made: Spilled,
    how: Made,
    *,
    report: Callable[[int, int, str], None],
    spill: Path,
    memory_mb: int,
) -> str:
    """Keep the table `made` as a version of the dataset `root`, described; return its id.

    What a recipe made becomes the open one; the same recipe of the same table is the same version.
    """
    from services.profile import profile

    before = datasets.about(workspace, root)
    dataset = datasets.name_of(root, datasets.schema(before), how.mark)
    if workspace.dataset(dataset).exists():
        _open(workspace, dataset, how)
        return dataset
    folder = spill / "version"
    folder.mkdir()
    results.link(made.path, folder / DATA)
    alike = [known[how.by] for known in datasets.each(workspace) if known.get(how.by)]
    number = max((one.get("number", 0) for one in alike if one["root"] == root), default=0) + 1
    played = {role: name for role, name in before["roles"].items() if name in roles.fitting(role, made.schema)}
    known = {
        **{name: before[name] for name in _OF_FILE if name in before},
        "name": f"{before['name']}, {how.by} {number}",
        "columns": made.schema.as_json(),
        "rows": made.rows,
        "roles": roles.propose(made.schema) | played,
        "notes": [],
        "version": before.get("version", 1),
        "made": time.time(),
        "on_disk": (folder / DATA).stat().st_size,
        how.by: {"root": root, "number": number, **how.about},
    }
    write_json(folder / ABOUT, known | {"memory_after": before["memory_after"]})
    began = time.time()
    described = profile(Table.open(folder, spill=spill, memory_mb=memory_mb), report)
    write_json(folder / datasets.PROFILE, {**described, "seconds": time.time() - began})
    held = sum(column.get("in_memory") or 0 for column in described["columns"])
    write_json(folder / ABOUT, known | {"memory_after": held or before["memory_after"]})
    try:
        datasets.about(workspace, root)  # removed meanwhile: its versions stay, but none is begun
    except NotFound:
        raise NotFound("The dataset of this run was removed. Open it again and ask anew.") from None
    datasets.keep(workspace, folder, dataset)
    _open(workspace, dataset, how)
    return dataset


def _open(workspace: Workspace, dataset: str, how: Made) -> None:
    if how.by == "cleaned":  # predictions are looked at when they are asked for
        datasets.open_(workspace, dataset)
