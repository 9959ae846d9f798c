"""What a visitor chose about how files are read: for one dataset, and for the next file of the same columns.

Choices wait beside the dataset (`choices.json`) until its file is read anew with them; accepted, those
for columns are kept in `readings/` under the mark of the column names.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from services import datasets
from services.errors import NotFound, ParamError
from services.reading import Reading, mark, parse
from services.table import ABOUT
from services.workspace import Workspace, away, read_json, write_json

_CHOICES = "choices.json"
_FOLDER = "readings"
_MOST = 200  # sets of columns that are remembered


def review(workspace: Workspace, dataset: str) -> dict[str, Any]:
    """What was understood of a dataset's file.

    Raises
    ------
    NotFound
        There is no such dataset, or it is from before its file was kept with it.
    """
    return read_json(workspace.dataset(dataset) / datasets.REVIEW)


def used(known: Mapping[str, Any]) -> Reading:
    """The choices that a dataset was read with."""
    try:
        return parse(known["reading"])
    except (KeyError, ParamError):
        return Reading()


def chosen(workspace: Workspace, known: Mapping[str, Any]) -> Reading:
    """The choices for a dataset: those that wait, else those that it was read with."""
    try:
        return parse(read_json(workspace.dataset(known["id"]) / _CHOICES))
    except (NotFound, ParamError):
        return used(known)


def choose(workspace: Workspace, known: Mapping[str, Any], reading: Reading) -> None:
    """Keep choices until the file is read anew; those that it was read with need no keeping."""
    path = workspace.dataset(known["id"]) / _CHOICES
    if reading == used(known):
        away(path)
    else:
        write_json(path, reading.as_json())


def accept(workspace: Workspace, dataset: str) -> None:
    """Take a dataset as it was read: it is no draft any more, and its choices hold for files of the same columns."""
    known = datasets.about(workspace, dataset)
    away(workspace.dataset(dataset) / _CHOICES)
    columns = used(known).of_columns
    path = _remembered(workspace, review(workspace, dataset).get("mark", ""))
    if columns:
        path.parent.mkdir(exist_ok=True)
        write_json(path, columns.as_json())
        for old in sorted(path.parent.glob("*.json"), key=lambda each: each.stat().st_mtime)[:-_MOST]:
            old.unlink(missing_ok=True)
    else:
        away(path)
    del known["id"]
    write_json(workspace.dataset(dataset) / ABOUT, {**known, "draft": False})


def remembered(workspace: Workspace, names: Sequence[str]) -> Reading | None:
    """What was accepted for the last file that had the columns `names`."""
    try:
        return parse(read_json(_remembered(workspace, mark(names)))).among(names)
    except (NotFound, ParamError):
        return None


def _remembered(workspace: Workspace, name: str) -> Path:
    return workspace.folder / _FOLDER / f"{name}.json"
