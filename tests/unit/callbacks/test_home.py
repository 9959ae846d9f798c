"""Home offers what the roles allow: change them, and what is ready changes; a click asks it."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from typing import Any

import pandas as pd
import pytest
from flask import Flask, session
from flask.testing import FlaskClient

from callbacks import offers
from callbacks.house import NAME, House
from dashapp.app import create_app
from dashapp.settings import Settings
from layouts import ids
from services import datasets
from services.jobs import lanes
from services.workspace import Workspace, new_id
from tests.unit.services.jobs.stage import stock
from tests.waiting import until

FRAME = pd.DataFrame(
    {
        "customer_id": ["a", "b", "a", "c"],
        "order_date": pd.to_datetime(["2024-01-01", "2024-02-01", "2024-03-01", "2024-03-02"]),
        "amount": [1.5, 2.5, 3.5, 4.5],
    }
)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Flask:
    return create_app(Settings(data_dir=tmp_path_factory.mktemp("data") / "data", memory_limit_mb=4_000)).server


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
    until(lambda: not here.engine.live())


@pytest.fixture
def client(server: Flask, workspace: Workspace) -> FlaskClient:
    made = server.test_client()
    with made.session_transaction() as cookie:
        cookie["visitor"] = workspace.visitor
    return made


def fire(client: FlaskClient, inputs: list[dict[str, Any]], state: list[dict[str, Any]] | None = None) -> str:
    """Fire what hears the first of the `inputs`, as the browser does; all that it changes."""
    id = inputs[0]["id"]
    kind = f'"type":"{id["type"]}"'
    heard = next(
        each
        for each in client.get("/_dash-dependencies").get_json()
        if kind in each["inputs"][0]["id"] and each["inputs"][0]["property"] == inputs[0]["property"]
    )
    outputs = [
        {"id": name.rpartition(".")[0], "property": name.rpartition(".")[2]}
        for name in heard["output"].strip(".").split("...")
    ]
    changed = json.dumps(id, sort_keys=True, separators=(",", ":"))
    asked = {
        "output": heard["output"], "inputs": [inputs], "state": state or [],
        "outputs": outputs if heard["output"].startswith("..") else outputs[0],
        "changedPropIds": [f"{changed}.{inputs[0]['property']}"],
    }  # fmt: skip
    return json.dumps(client.post("/_dash-update-component", json=asked).get_json(silent=True))


def choose(client: FlaskClient, dataset: str, playing: dict[str, str]) -> str:
    """Choose the columns of roles on the data page."""
    fields = [
        {"id": ids.role(dataset, role), "property": "value", "value": name} for role, name in sorted(playing.items())
    ]
    return fire(client, fields)


def test_a_role_that_is_changed_changes_what_is_ready(client: FlaskClient, workspace: Workspace) -> None:
    known = stock(workspace, FRAME)
    roles = known["roles"]
    assert choose(client, known["id"], roles) == ""  # as it was: nothing is said
    assert "No analysis can run" in choose(client, known["id"], {**roles, "customer": " "})
    assert "customer" not in datasets.about(workspace, known["id"])["roles"]
    with client.application.test_request_context("/"):
        session["visitor"] = workspace.visitor
        (rfm,) = [made for made in offers.each(datasets.about(workspace, known["id"])) if made.slug == "rfm"]
    assert (rfm.lacks, bool(rfm.missing)) == (["customer"], True)
    assert "cannot be the date" in choose(client, known["id"], {**roles, "date": "amount"})
    assert "RFM segments" in choose(client, known["id"], roles)
    assert choose(client, new_id(), roles).count("does not exist any more") == 1


def test_what_no_column_can_say_is_left_to_its_page(client: FlaskClient, workspace: Workspace) -> None:
    known = stock(workspace, FRAME.drop(columns="order_date"))
    with client.application.test_request_context("/"):
        session["visitor"] = workspace.visitor
        (rfm,) = [made for made in offers.each(known) if made.slug == "rfm"]
    assert (rfm.lacks, rfm.missing.partition(":")[0]) == ([], "Date")


def test_a_click_asks_a_second_one_goes_to_the_same_run_and_a_third_to_its_answer(
    client: FlaskClient, here: House, workspace: Workspace
) -> None:
    known = stock(workspace, FRAME)
    click = [{"id": ids.run_now("rfm"), "property": "n_clicks", "value": 1}]
    page = [{"id": ids.SEVERAL, "property": "data", "value": {"dataset": known["id"]}}]
    lock = until(lambda: lanes.take(here.home.server, lanes.HEAVY))
    first, second = fire(client, click, page), fire(client, click, page)
    (job,) = here.engine.mine(workspace)
    assert (job.state, job.params["customer"]) == ("queued", "customer_id")
    assert f"/rfm?run={job.id}" in first
    assert f"/rfm?run={job.id}" in second
    os.close(lock)
    here.engine.dispatch()
    until(lambda: not here.engine.get(workspace, job.id).is_live)
    assert f"/rfm?result={job.key}" in fire(client, click, page)
    gone = [{**page[0], "value": {"dataset": new_id()}}]
    assert "does not exist any more" in fire(client, click, gone)
