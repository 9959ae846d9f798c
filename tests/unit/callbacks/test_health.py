"""A platform hears at once that the server lives, and in a sentence each whether it can take work."""

import dataclasses
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from callbacks.house import NAME, House
from dashapp.app import create_app
from dashapp.settings import Settings
from services import health
from services.jobs import lanes
from services.jobs.engine import MOST_QUEUED
from services.jobs.record import Record
from services.workspace import new_id


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Flask:
    """A server with room for everything."""
    return create_app(Settings(data_dir=tmp_path_factory.mktemp("data") / "data", memory_limit_mb=4_000)).server


@pytest.fixture
def here(server: Flask) -> House:
    return server.extensions[NAME]


@pytest.fixture
def client(server: Flask) -> FlaskClient:
    return server.test_client()


@pytest.fixture
def waiting(here: House) -> Iterator[None]:
    """As many runs as may wait, while the lane is someone else's."""
    lock = lanes.take(here.home.server, lanes.HEAVY)
    assert lock is not None
    workspace = here.home.workspace(new_id())
    for place in range(MOST_QUEUED):
        job = Record(
            id=new_id(), visitor=workspace.visitor, task="analysis", slug="rfm", title="RFM", dataset=new_id(),
            params={}, key=new_id(), lane=lanes.HEAVY, sequence=place + 1,
        )  # fmt: skip
        workspace.job(job.id).mkdir(parents=True)
        job.write(workspace.job(job.id))
        here.engine.index.set(job.id, {"visitor": job.visitor, "sequence": job.sequence})
    yield
    for _, job in here.engine.live():
        here.engine.cancel(workspace, job.id)
    os.close(lock)


def test_it_lives_and_makes_nobody_a_visitor(client: FlaskClient, here: House) -> None:
    answer = client.get("/healthz")
    assert (answer.status_code, answer.get_json()) == (200, {"status": "alive"})
    assert "Set-Cookie" not in answer.headers
    assert list(here.home.workspaces()) == []


def test_it_is_ready_and_says_why(client: FlaskClient) -> None:
    answer = client.get("/readyz")
    said = answer.get_json()
    assert (answer.status_code, said["ready"]) == (200, True)
    assert set(said["checks"]) == {"disk", "memory", "engine"}
    for each in said["checks"].values():
        assert each["ok"] is True
        assert each["message"].endswith(".")
    assert said["checks"]["engine"]["message"] == f"0 of at most {MOST_QUEUED} runs wait."
    assert "Set-Cookie" not in answer.headers
    assert "Retry-After" not in answer.headers


@pytest.mark.usefixtures("waiting")
def test_with_a_full_queue_it_is_not_ready_and_says_when_to_ask_again(client: FlaskClient) -> None:
    answer = client.get("/readyz")
    said = answer.get_json()
    assert (answer.status_code, said["ready"]) == (503, False)
    assert said["checks"]["engine"] == {
        "ok": False, "message": f"{MOST_QUEUED} of at most {MOST_QUEUED} runs wait: the queue is full.",
    }  # fmt: skip
    assert int(answer.headers["Retry-After"]) > 0
    assert client.get("/healthz").status_code == 200


def test_above_ninety_percent_of_memory_it_is_not_ready(client: FlaskClient, here: House) -> None:
    known = here.limit
    try:
        here.limit = dataclasses.replace(known, mb=10, members=None)
        answer = client.get("/readyz")
    finally:
        here.limit = known
    assert answer.status_code == 503
    assert answer.get_json()["checks"]["memory"]["message"].endswith("of 10 MB of memory are in use: critical.")


def test_an_index_of_noise_is_mended_and_no_reason_to_be_restarted(client: FlaskClient, here: House) -> None:
    here.engine.index.close()
    (here.home.server / "index" / "cache.db").write_bytes(b"noise" * 1_000)
    assert client.get("/readyz").status_code == 200


def test_a_disk_that_cannot_be_written_to_or_is_nearly_full_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert health.disk(tmp_path).ok
    assert list(tmp_path.iterdir()) == []
    said = health.disk(tmp_path / "gone")
    assert (said.ok, said.message) == (False, "DATA_DIR cannot be written to: No such file or directory.")
    monkeypatch.setattr(health, "DISK_FLOOR_MB", 10**9)
    said = health.disk(tmp_path)
    assert not said.ok
    assert "MB are needed" in said.message
