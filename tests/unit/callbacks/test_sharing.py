"""Who came by a link looks and works, but does not hand it on; and no late answer brings back who they were."""

from __future__ import annotations

import json
from typing import Any

import pytest
from flask.testing import FlaskClient

from callbacks.house import House
from layouts import ids
from services import sharing
from services.workspace import Workspace, new_id
from tests.unit.callbacks.conftest import fire


@pytest.fixture
def guest(client: FlaskClient, here: House, workspace: Workspace) -> FlaskClient:
    """A browser that came to the workspace by a link."""
    workspace.folder.mkdir(parents=True, exist_ok=True)
    link = sharing.find(here.home, sharing.make(here.home, workspace))
    with client.session_transaction() as cookie:
        cookie |= {"visitor": workspace.visitor, "link": link.id, "own": new_id()}
    return client


def press(id: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"id": id, "property": "n_clicks", "value": 1}]


def test_a_guest_makes_and_withdraws_no_link(guest: FlaskClient, here: House, workspace: Workspace) -> None:
    (link,) = sharing.each(here.home, workspace)
    for id in (ids.share("make", ""), ids.share("withdraw", link.id)):
        assert "Only the browser that a workspace began in" in fire(guest, press(id))
    assert [each.id for each in sharing.each(here.home, workspace)] == [link.id]


def test_a_guest_does_not_delete_what_is_anothers(guest: FlaskClient, workspace: Workspace) -> None:
    for step in ("ask", "sure"):
        assert "Delete" not in fire(guest, press(ids.delete(step)))
    assert workspace.folder.exists()


def test_a_link_that_is_withdrawn_ends_all_that_a_guest_has(
    guest: FlaskClient, here: House, workspace: Workspace
) -> None:
    with guest.session_transaction() as cookie:
        own = cookie["own"]
    sharing.withdraw_all(here.home, workspace)
    guest.get("/_pulse")
    with guest.session_transaction() as cookie:
        assert (cookie["visitor"], "link" in cookie) == (own, False)


def test_an_answer_carries_a_cookie_only_when_it_changes_who_asks(client: FlaskClient) -> None:
    client.get("/_pulse")
    assert "Set-Cookie" not in client.get("/_pulse").headers
    with client.session_transaction() as cookie:
        cookie["day"] = 0  # a day has passed: it is renewed
    assert "Set-Cookie" in client.get("/_pulse").headers
    assert "Set-Cookie" not in client.get("/_pulse").headers


def test_an_owner_makes_and_withdraws(client: FlaskClient, here: House, workspace: Workspace) -> None:
    said = json.dumps(fire(client, press(ids.share("make", ""))))
    (link,) = sharing.each(here.home, workspace)
    assert "/w/" in said
    fire(client, press(ids.share("withdraw", link.id)))
    assert sharing.each(here.home, workspace) == []
