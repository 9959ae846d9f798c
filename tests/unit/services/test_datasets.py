"""A visitor's datasets: one is open, each is named by what went in, none by its file's name."""

import shutil
import time
from pathlib import Path

import pytest

from services import datasets
from services.errors import NotFound, ParamError
from services.schema import ColumnType, Schema
from services.table import ABOUT
from services.workspace import Home, Workspace, new_id, write_json

SCHEMA = Schema(
    (ColumnType(name="item", kind="text", sql="VARCHAR"), ColumnType(name="n", kind="integer", sql="TINYINT"))
)


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """A visitor's workspace."""
    here = Home.at(tmp_path).workspace(new_id())
    here.folder.mkdir()
    return here


def put(workspace: Workspace, name: str, made: float) -> str:
    """A dataset that was made at a time."""
    folder = workspace.dataset(new_id())
    folder.mkdir(parents=True)
    write_json(folder / ABOUT, {"name": name, "made": made, "columns": SCHEMA.as_json(), "rows": 1})
    return folder.name


def test_a_name_follows_from_bytes_types_and_steps_and_nothing_else() -> None:
    named = datasets.name_of("abc", SCHEMA)
    assert named == datasets.name_of("abc", Schema(SCHEMA.columns))
    retyped = Schema((SCHEMA.columns[0], ColumnType(name="n", kind="text", sql="VARCHAR")))
    others = [
        datasets.name_of("abd", SCHEMA),
        datasets.name_of("abc", retyped),
        datasets.name_of("abc", Schema(SCHEMA.columns[::-1])),
        datasets.name_of("abc", SCHEMA, ("drop duplicates",)),
    ]
    assert len({named, *others}) == 5
    assert Workspace(Path("/x")).dataset(named).name == named


def test_a_visitor_without_data_has_none(workspace: Workspace) -> None:
    assert datasets.each(workspace) == []
    assert datasets.current(workspace) is None


def test_the_newest_comes_first_and_is_open_until_another_is_opened(workspace: Workspace) -> None:
    old, new, middle = put(workspace, "old", 1), put(workspace, "new", 3), put(workspace, "middle", 2)
    assert [known["name"] for known in datasets.each(workspace)] == ["new", "middle", "old"]
    assert (datasets.current(workspace) or {})["id"] == new
    assert datasets.open_(workspace, old)["name"] == "old"
    assert (datasets.current(workspace) or {})["id"] == old
    datasets.remove(workspace, old)
    assert (datasets.current(workspace) or {})["id"] == new
    assert [known["id"] for known in datasets.each(workspace)] == [new, middle]


@pytest.mark.parametrize("said", ["", "{", "[]", "{}", '{"dataset": 3}', '{"dataset": "../x"}', "null"])
def test_a_damaged_note_of_what_is_open_means_the_newest(workspace: Workspace, said: str) -> None:
    new = put(workspace, "new", 3)
    (workspace.folder / "workspace.json").write_text(said)
    assert (datasets.current(workspace) or {})["id"] == new


def test_a_damaged_dataset_is_passed_over(workspace: Workspace) -> None:
    new, broken = put(workspace, "new", 3), put(workspace, "broken", 4)
    (workspace.dataset(broken) / ABOUT).write_text("{")
    assert [known["id"] for known in datasets.each(workspace)] == [new]
    with pytest.raises(NotFound):
        datasets.open_(workspace, broken)
    assert (datasets.current(workspace) or {})["id"] == new


def test_another_visitors_dataset_is_not_there(workspace: Workspace) -> None:
    mine = put(workspace, "mine", 1)
    other = Workspace(workspace.folder.parent / new_id())
    for hidden in (mine, new_id(), f"../../{workspace.visitor}/datasets/{mine}"):
        for ask in (datasets.about, datasets.profile, datasets.open_, datasets.remove):
            if hidden in (mine,) and ask is datasets.remove:
                continue
            if ask is datasets.remove and len(hidden) == 32:
                datasets.remove(other, hidden)  # removing what is not there is no news
                continue
            with pytest.raises(NotFound):
                ask(other, hidden)
    assert datasets.about(workspace, mine)["name"] == "mine"


def test_keeping_moves_a_finished_folder_and_the_same_one_again_is_dropped(workspace: Workspace) -> None:
    name = new_id()
    for text in ("first", "second"):
        made = workspace.folder / f"made {text}"
        made.mkdir()
        (made / "original").write_text(text)
        datasets.keep(workspace, made, name)
        assert not made.exists()
    assert (workspace.dataset(name) / "original").read_text() == "first"


def test_what_is_known_says_the_schema(workspace: Workspace) -> None:
    known = datasets.about(workspace, put(workspace, "x", time.time()))
    assert datasets.schema(known) == SCHEMA


# -- removed, and named ----------------------------------------------------------------------------


def test_what_was_removed_comes_back_for_ten_minutes(workspace: Workspace) -> None:
    one, two = put(workspace, "one", 1), put(workspace, "two", 2)
    datasets.remove(workspace, two)
    assert [(known["id"], known["name"]) for known in datasets.removed(workspace)] == [(two, "two")]
    assert 590 < datasets.removed(workspace)[0]["left"] <= datasets.UNDO_SECONDS
    datasets.purge(workspace, time.time() + datasets.UNDO_SECONDS - 5)
    datasets.restore(workspace, two)
    assert datasets.removed(workspace) == []
    assert [known["id"] for known in datasets.each(workspace)] == [two, one]
    datasets.remove(workspace, two)
    datasets.purge(workspace, time.time() + datasets.UNDO_SECONDS + 5)
    with pytest.raises(NotFound, match="removed for good"):
        datasets.restore(workspace, two)
    for hidden in (new_id(), f"../datasets/{one}"):
        with pytest.raises(NotFound):
            datasets.restore(workspace, hidden)


def test_a_file_that_was_added_again_takes_the_place_of_the_removed_one(workspace: Workspace) -> None:
    one = put(workspace, "one", 1)
    datasets.remove(workspace, one)
    shutil.copytree(workspace.removed(one), workspace.dataset(one))
    datasets.describe(workspace, one, "again")
    datasets.restore(workspace, one)
    assert datasets.about(workspace, one)["name"] == "again"
    assert datasets.removed(workspace) == []


def test_a_name_and_a_description_are_kept_and_nothing_else_changes(workspace: Workspace) -> None:
    one = put(workspace, "one", 1)
    before = datasets.about(workspace, one)
    datasets.describe(workspace, one, "  Orders   2024 ", " From the shop.\nUntil May. ")
    said = {"name": "Orders 2024", "description": "From the shop.\nUntil May."}
    assert datasets.about(workspace, one) == before | said
    wrong = [("", "", "name"), (" ", "", "name"), ("x" * 201, "", "name"), ("x", "y" * 1_001, "description")]
    for name, text, field in wrong:
        with pytest.raises(ParamError) as refused:
            datasets.describe(workspace, one, name, text)
        assert refused.value.field == field
    with pytest.raises(NotFound):
        datasets.describe(workspace, new_id(), "x")
    assert datasets.about(workspace, one) == before | said


def test_roles_are_kept_for_every_analysis_and_none_is_a_choice(workspace: Workspace) -> None:
    orders = put(workspace, "orders.csv", 1)
    assert datasets.assign(workspace, orders, {"amount": "n", "item": "item", "date": ""}) == {
        "amount": "n",
        "item": "item",
    }
    known = datasets.about(workspace, orders)
    assert (known["roles"], known["name"], known["rows"]) == ({"amount": "n", "item": "item"}, "orders.csv", 1)
    assert datasets.assign(workspace, orders, {}) == {}
    assert datasets.about(workspace, orders)["roles"] == {}


@pytest.mark.parametrize(
    ("role", "column", "said"),
    [
        ("king", "n", "There is no role “king”. There are: customer, date"),
        ("date", "n", "“n” cannot be the date. These columns can: none of this table."),
        ("amount", "item", "“item” cannot be the amount. These columns can: n."),
        ("amount", "gone", "“gone” cannot be the amount. These columns can: n."),
        ("amount", ["n"], "cannot be the amount"),
    ],
)
def test_a_role_is_refused_what_cannot_play_it(workspace: Workspace, role: str, column: str, said: str) -> None:
    orders = put(workspace, "orders.csv", 1)
    datasets.assign(workspace, orders, {"amount": "n"})
    with pytest.raises(ParamError, match=said) as refused:
        datasets.assign(workspace, orders, {role: column})
    assert refused.value.field == role
    assert datasets.about(workspace, orders)["roles"] == {"amount": "n"}
