"""A recipe goes on from where it was stopped, and what it makes is a version of the table."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from services import datasets, versions
from services.cleaning import recipe
from services.cleaning.apply import apply
from services.errors import NotFound
from services.jobs.running import Running
from services.profile import profile
from services.table import ABOUT, DATA, Spilled, Table, write
from services.workspace import Home, Workspace, new_id, write_json

STEPS = [
    {"step": "trim"},
    {"step": "fill", "params": {"columns": ["n"], "by": "previous"}},
    {"step": "drop_duplicates", "params": {"columns": ["town"]}},
    {"step": "sort", "params": {"columns": ["n"], "down": True}},
    {"step": "case", "params": {"to": "upper"}},
]
FRAME = pd.DataFrame({"town": [" Oslo", "Rome", "Oslo ", "Paris"], "n": pd.array([3, None, 1, None], dtype="Int64")})


class Killed(Exception):
    """Stands for the end of the process."""


def _running(table: Table, folder: Path, said: list[dict[str, Any]], most: int | None = None) -> Running:
    def say(**told: Any) -> None:
        said.append(told)
        if most is not None and sum("kept" in each for each in said) >= most:
            raise Killed

    return Running(say, table, folder, folder / "spill", lambda _: {})


@pytest.mark.parametrize("most", range(1, 14))
def test_what_was_done_before_the_end_is_not_done_again(tmp_path: Path, most: int) -> None:
    table, asked = Table.of(FRAME), recipe.parse({"steps": STEPS})
    before: list[dict[str, Any]] = []
    with contextlib.suppress(Killed):
        apply(table, asked, _running(table, tmp_path, before, most))
    after: list[dict[str, Any]] = []
    made = apply(table, asked, _running(table, tmp_path, after))
    kept = [each["kept"] for each in before if "kept" in each]
    assert [each["kept"] for each in after if each.get("found")] == kept
    assert not {each["step"] for each in after if "step" in each} & set(kept)
    assert made.table.fetch("SELECT * FROM rows") == [("OSLO", 3), ("ROME", 3), ("PARIS", 1)]
    assert [step.counts.after for step in made.steps] == [4, 4, 3, 3, 3]


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    here = Home.at(tmp_path / "data").workspace(new_id())
    here.folder.mkdir(parents=True)
    return here


def _dataset(workspace: Workspace) -> str:
    dataset = new_id()
    folder = workspace.dataset(dataset)
    folder.mkdir(parents=True)
    write(FRAME, folder / DATA)
    made = Spilled.at(folder / DATA, spill=folder)
    known = {
        "name": "towns.csv", "columns": made.schema.as_json(), "rows": made.rows, "roles": {"group": "town"},
        "made": 1.0, "notes": [], "version": 1, "memory_before": 10, "memory_after": 5, "bytes": 30, "rejected": 0,
        "encoding": "UTF-8", "delimiter": ",", "source": {"format": "CSV"},
    }  # fmt: skip
    write_json(folder / ABOUT, known)
    write_json(folder / datasets.PROFILE, {**profile(Table.open(folder, spill=folder), lambda *_: None), "seconds": 0})
    return dataset


def _made(workspace: Workspace, root: str, steps: list[dict[str, Any]], folder: Path) -> str:
    asked = recipe.parse({"steps": steps})
    folder.mkdir()
    table = Table.open(workspace.dataset(root), spill=folder)
    cleaned = apply(table, asked, _running(table, folder, []))
    assert cleaned.table is not None
    return versions.make(
        workspace, root, cleaned.table, versions.Made.of(asked), report=lambda *_: None, spill=folder, memory_mb=160
    )  # fmt: skip


def test_a_version_is_a_table_of_its_own_that_knows_where_it_comes_from(workspace: Workspace, tmp_path: Path) -> None:
    root = _dataset(workspace)
    first = _made(workspace, root, STEPS[:1], tmp_path / "one")
    second = _made(workspace, root, STEPS, tmp_path / "two")
    assert len({root, first, second}) == 3
    assert [known["name"] for known in versions.each(workspace, root)] == [
        "towns.csv", "towns.csv, cleaned 1", "towns.csv, cleaned 2",
    ]  # fmt: skip
    known = datasets.about(workspace, second)
    assert versions.root_of(known) == root
    assert versions.recipe_of(known) == recipe.parse({"steps": STEPS}).as_json()
    assert known["rows"] == 3
    assert known["roles"]["group"] == "town"
    assert datasets.profile(workspace, second)["rows"] == 3
    assert datasets.current(workspace)["id"] == second
    assert datasets.about(workspace, root)["rows"] == 4  # as it was


def test_the_same_recipe_of_the_same_table_is_the_same_version(workspace: Workspace, tmp_path: Path) -> None:
    root = _dataset(workspace)
    first = _made(workspace, root, STEPS, tmp_path / "one")
    noted = [{**STEPS[0], "note": "why"}, *STEPS[1:], {"step": "sample", "on": False}]
    assert _made(workspace, root, noted, tmp_path / "two") == first
    assert len(versions.each(workspace, root)) == 2


def test_a_table_that_was_removed_has_no_new_versions(workspace: Workspace, tmp_path: Path) -> None:
    root = _dataset(workspace)
    first = _made(workspace, root, STEPS, tmp_path / "one")
    datasets.remove(workspace, root)
    assert datasets.about(workspace, first)["rows"] == 3  # what was made of it stays
    with pytest.raises(NotFound):
        _made(workspace, root, STEPS[:1], tmp_path / "two")
