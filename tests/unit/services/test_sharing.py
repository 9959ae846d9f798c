"""Links to a workspace: only the token opens it, and only until it is withdrawn."""

from __future__ import annotations

from pathlib import Path

import pytest

from services import sharing
from services.errors import NotFound, ParamError
from services.workspace import Home, Workspace, new_id


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home.at(tmp_path)


@pytest.fixture
def mine(home: Home) -> Workspace:
    made = home.workspace(new_id())
    made.folder.mkdir(parents=True)
    return made


def test_a_token_leads_to_its_workspace_until_it_is_withdrawn(home: Home, mine: Workspace) -> None:
    token = sharing.make(home, mine)
    link = sharing.find(home, token)
    assert (link.visitor, sharing.holds(home, link.id, mine.visitor)) == (mine.visitor, True)
    assert not sharing.holds(home, link.id, new_id())
    sharing.withdraw(home, mine, link.id)
    assert not sharing.holds(home, link.id, mine.visitor)
    with pytest.raises(NotFound):
        sharing.find(home, token)


def test_the_disk_does_not_hold_what_opens_a_workspace(home: Home, mine: Workspace) -> None:
    token = sharing.make(home, mine)
    kept = b"".join(path.read_bytes() + path.name.encode() for path in home.root.rglob("*") if path.is_file())
    assert token.encode() not in kept
    assert len(token) >= 22  # 128 bits, six to a character


@pytest.mark.parametrize("token", ["", "x", "../../etc/passwd", "\0", "a" * 70_000, "日本"])
def test_another_token_leads_nowhere(home: Home, mine: Workspace, token: str) -> None:
    sharing.make(home, mine)
    with pytest.raises(NotFound):
        sharing.find(home, token)


def test_links_are_their_owners(home: Home, mine: Workspace) -> None:
    other = home.workspace(new_id())
    link = sharing.find(home, sharing.make(home, mine))
    assert sharing.each(home, other) == []
    assert [each.id for each in sharing.each(home, mine)] == [link.id]
    for wrong in (link.id, new_id(), "../" * 9, None):
        with pytest.raises(NotFound):
            sharing.withdraw(home, other, wrong)  # type: ignore[arg-type]
    assert sharing.holds(home, link.id, mine.visitor)


def test_a_workspace_has_a_bounded_number_of_links(home: Home, mine: Workspace) -> None:
    for _ in range(sharing.MOST):
        sharing.make(home, mine)
    with pytest.raises(ParamError, match="Withdraw one first"):
        sharing.make(home, mine)
    sharing.withdraw_all(home, mine)
    assert sharing.each(home, mine) == []


def test_a_link_of_a_workspace_that_is_gone_leads_nowhere(home: Home, mine: Workspace) -> None:
    token = sharing.make(home, mine)
    mine.folder.rmdir()
    with pytest.raises(NotFound):
        sharing.find(home, token)
