"""The page that runs several, and what the bar says of them: one entry, whatever the number of parts."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from flask import Flask, session
from flask.testing import FlaskClient

from callbacks import chains as page
from callbacks import pulse
from callbacks.house import NAME, House
from dashapp.app import create_app
from dashapp.settings import Settings
from services import chains, runs
from services.analysis import find_all
from services.jobs import lanes
from services.workspace import Workspace, new_id
from tests.unit.layouts.test_several import said
from tests.unit.services.jobs.stage import stock
from tests.waiting import until


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    """A server with the analyses for tests and room for them."""
    before = os.environ.get("EXTRA_ANALYSES")
    os.environ["EXTRA_ANALYSES"] = "tests.analyses"
    find_all.cache_clear()
    folder = tmp_path_factory.mktemp("data") / "data"
    yield create_app(Settings(data_dir=folder, memory_limit_mb=4_000, nav_lock="owner")).server
    os.environ.pop("EXTRA_ANALYSES")
    if before is not None:
        os.environ["EXTRA_ANALYSES"] = before
    find_all.cache_clear()


@pytest.fixture
def here(server: Flask) -> House:
    return server.extensions[NAME]


@pytest.fixture
def workspace(here: House) -> Iterator[Workspace]:
    """A visitor; what is theirs is ended after the test."""
    made = here.home.workspace(new_id())
    yield made
    for _, job in here.engine.live():
        here.engine.cancel(here.home.workspace(job.visitor), job.id)
    until(lambda: not here.engine.live() and lanes.holder(here.home.server, lanes.HEAVY) is None)


@pytest.fixture
def client(server: Flask, workspace: Workspace) -> FlaskClient:
    made = server.test_client()
    with made.session_transaction() as cookie:
        cookie["visitor"] = workspace.visitor
    return made


def told(client: FlaskClient) -> dict[str, Any]:
    pulse._memo["job_at"] = 0.0
    return client.get("/_pulse").get_json()


@contextmanager
def held(here: House) -> Iterator[None]:
    """Nothing starts as long as the block lasts."""
    lock = lanes.take(here.home.server, lanes.HEAVY)
    assert lock is not None
    yield
    os.close(lock)
    here.engine.dispatch()


def test_one_entry_while_it_waits_while_it_runs_and_one_piece_of_news(
    here: House, workspace: Workspace, client: FlaskClient
) -> None:
    dataset = stock(workspace)
    with held(here):
        chain = chains.ask(here.engine, workspace, dataset, ["allocates", "refuses", "nothing"])
        address = f"/several?chain={chain}"
        waiting = told(client)["waiting"]
        assert (waiting["name"], waiting["position"], waiting["href"]) == ("1 of 3: Allocates", 1, address)
    busy = until(lambda: told(client)["busy"])
    assert (busy["name"], busy["href"], busy["together"]) == ("1 of 3: Allocates", address, True)
    assert told(client)["waiting"] is None  # the others are behind their own
    alone = here.engine.ask(workspace, "instant", dataset, {"item": "item"})
    assert told(client)["waiting"] == {"name": "Instant", "position": 3, "job": alone.id, "href": None}
    here.engine.cancel(workspace, alone.id)

    here.engine.cancel(workspace, busy["job"])
    until(lambda: told(client)["live"] == 0)
    done = told(client)["done"]
    assert (done["said"], done["href"], done["count"]) == ("1 of 3 done, 1 failed, 1 cancelled", address, 1)

    with page_of(client, workspace):
        text = said(page._page(chain=chain))
    assert "1 of 3 done, 1 failed, 1 cancelled" in text
    assert told(client)["done"] is None  # seen on its page


def test_what_ended_is_news_only_when_the_last_of_it_has(
    here: House, workspace: Workspace, client: FlaskClient
) -> None:
    dataset = stock(workspace)
    with held(here):
        chain = chains.ask(here.engine, workspace, dataset, ["instant", "nothing", "allocates"])
        here.engine.cancel(workspace, told(client)["waiting"]["job"])
        between = told(client)  # nobody is told for a moment that all is over
        assert (between["busy"]["name"], between["lock"], between["waiting"]) == ("2 of 3: Nothing", True, None)
    until(lambda: (told(client)["busy"] or {}).get("name") == "3 of 3: Allocates")
    assert told(client)["done"] is None
    chains.cancel(here.engine, workspace, chain)
    until(lambda: told(client)["live"] == 0)
    assert told(client)["done"]["said"] == "1 of 3 done, 2 cancelled"
    workspace.chain(chain).unlink()  # then they are runs as any
    first = told(client)["done"]
    assert (first["name"], first["state"], first["count"]) == ("Nothing", "done", 1)
    runs.see(here.engine, workspace, first["job"])
    assert told(client)["done"] is None


@contextmanager
def page_of(client: FlaskClient, workspace: Workspace) -> Iterator[None]:
    """A request of the visitor."""
    with client.application.test_request_context("/several"):
        session["visitor"] = workspace.visitor
        yield


def test_the_page_without_a_table_with_one_and_with_runs_that_are_not_here(
    client: FlaskClient, workspace: Workspace
) -> None:
    with page_of(client, workspace):
        assert "Add a table first" in said(page._page())
        stock(workspace)
        text = said(page._page())
        assert "Needs a choice first5 analyses" in text
        assert "RFM segmentsNeeds a column for the customer and a column for the date." in text
        for hidden in (new_id(), "../x", "x"):
            drawn = said(page._page(chain=hidden))
            assert "These runs are not here as one." in drawn
            assert "Needs a choice first" in drawn
