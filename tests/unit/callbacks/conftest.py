"""A server, a visitor of it, and what their browser asks."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from callbacks.house import NAME, House
from dashapp.app import create_app
from dashapp.settings import Settings
from services.workspace import Workspace, new_id
from tests.waiting import until


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
    outputs = [_output(name, id) for name in heard["output"].strip(".").split("...")]
    changed = json.dumps(id, sort_keys=True, separators=(",", ":"))
    asked = {
        "output": heard["output"], "inputs": [inputs], "state": state or [],
        "outputs": outputs if heard["output"].startswith("..") else outputs[0],
        "changedPropIds": [f"{changed}.{inputs[0]['property']}"],
    }  # fmt: skip
    return json.dumps(client.post("/_dash-update-component", json=asked).get_json(silent=True))


def _output(name: str, asked: dict[str, Any]) -> Any:
    """What a callback changes, as the browser names it: of many alike, the one that belongs to what was asked."""
    id, _, changed = name.rpartition(".")
    if not id.startswith("{"):
        return {"id": id, "property": changed}
    found = {part: asked.get(part, part) if value == ["ALL"] else value for part, value in json.loads(id).items()}
    return [{"id": found, "property": changed}]
