"""Choices wait beside a dataset, and are remembered for its columns once it is accepted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from services import datasets, readings
from services.errors import NotFound
from services.reading import Reading, mark, parse
from services.table import ABOUT
from services.workspace import Workspace, new_id, write_json

NAMES = ["day", "n"]


def chosen(*columns: dict[str, Any], **more: Any) -> Reading:
    return parse({"format": 1, "columns": list(columns), **more})


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path / new_id())


def dataset(workspace: Workspace, reading: Reading | None = None) -> dict[str, Any]:
    folder = workspace.dataset(new_id())
    folder.mkdir(parents=True)
    known = {"name": "a.csv", "draft": True, **({"reading": reading.as_json()} if reading else {})}
    write_json(folder / ABOUT, known)
    write_json(folder / datasets.REVIEW, {"mark": mark(NAMES), "columns": [{"from": name} for name in NAMES]})
    return datasets.about(workspace, folder.name)


def test_choices_wait_until_the_file_is_read_so(workspace: Workspace) -> None:
    known, wanted = dataset(workspace), chosen({"from": "n", "kind": "text"})
    assert readings.chosen(workspace, known) == Reading()
    readings.choose(workspace, known, wanted)
    assert readings.chosen(workspace, known) == wanted
    readings.choose(workspace, known, Reading())
    assert not list(workspace.dataset(known["id"]).glob("choices.json"))


def test_what_was_accepted_is_remembered_for_the_same_columns_alone(workspace: Workspace) -> None:
    wanted = chosen({"from": "n", "kind": "text"}, encoding="cp1250")
    known = dataset(workspace, wanted)
    readings.accept(workspace, known["id"])
    assert datasets.about(workspace, known["id"])["draft"] is False
    assert readings.remembered(workspace, NAMES) == wanted.of_columns
    assert readings.remembered(workspace, ["n", "day"]) is None
    readings.accept(workspace, dataset(workspace)["id"])  # as found: nothing is chosen any more
    assert readings.remembered(workspace, NAMES) is None


@pytest.mark.parametrize("damage", ["", "{", "[]", '{"format": 1, "columns": [{"from": "n", "kind": "money"}]}'])
def test_damaged_choices_are_none(workspace: Workspace, damage: str) -> None:
    wanted = chosen({"from": "n", "kind": "text"})
    known = dataset(workspace, wanted)
    (workspace.dataset(known["id"]) / "choices.json").write_text(damage)
    assert readings.chosen(workspace, known) == wanted
    folder = workspace.folder / "readings"
    folder.mkdir()
    (folder / f"{mark(NAMES)}.json").write_text(damage)
    assert readings.remembered(workspace, NAMES) is None


def test_of_a_dataset_without_its_review_nothing_is_accepted(workspace: Workspace) -> None:
    known = dataset(workspace)
    (workspace.dataset(known["id"]) / datasets.REVIEW).unlink()
    with pytest.raises(NotFound):
        readings.accept(workspace, known["id"])
    assert datasets.about(workspace, known["id"])["draft"] is True
