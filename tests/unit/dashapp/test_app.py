"""The server refuses strangers, outlives what goes wrong at a tick, and shares what it packs."""

import gzip
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from callbacks import pulse
from callbacks.house import NAME, House
from dashapp import app
from dashapp.settings import Settings
from services.jobs import lanes
from services.jobs.record import Record
from services.workspace import new_id
from tests.waiting import until


@pytest.fixture(scope="module")
def quick() -> Iterator[None]:
    """The timer looks often."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(app, "TICK", 0.2)
        yield


@pytest.fixture(scope="module")
def server(quick: None, tmp_path_factory: pytest.TempPathFactory) -> Flask:
    return app.create_app(Settings(data_dir=tmp_path_factory.mktemp("data") / "data", memory_limit_mb=4_000)).server


@pytest.fixture
def here(server: Flask) -> House:
    return server.extensions[NAME]


@pytest.fixture
def client(server: Flask) -> FlaskClient:
    """A browser that has opened a page."""
    made = server.test_client()
    made.get("/_pulse")
    return made


# Who asks -----------------------------------------------------------------------------------------

ELSEWHERE = [
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "cross-site", "Origin": "http://localhost"},
    {"Sec-Fetch-Site": "same-site", "Origin": "http://other.localhost"},
    {"Origin": "https://elsewhere.example"},
    {"Origin": "http://localhost:8051"},
    {"Origin": "null"},
    {"Origin": "http://["},
]
OURS = [
    {},  # no browser
    {"Sec-Fetch-Site": "same-origin", "Origin": "http://localhost"},
    {"Sec-Fetch-Site": "none"},
    {"Origin": "http://localhost"},
    {"Origin": "https://localhost"},  # the platform ends TLS
    {"Sec-Fetch-Site": "same-origin", "Origin": "https://outside.example"},  # a proxy says another host
]


@pytest.mark.parametrize("headers", ELSEWHERE)
@pytest.mark.parametrize(
    ("method", "path"),
    [("POST", "/_cleanup"), ("POST", "/_uploads"), ("DELETE", "/_uploads/x"), ("PATCH", "/x"), ("PUT", "/x")],
)
def test_another_site_changes_nothing_here(
    client: FlaskClient, method: str, path: str, headers: dict[str, str]
) -> None:
    answer = client.open(path, method=method, headers=headers)
    assert answer.status_code == 403
    assert answer.get_json()["message"].endswith(".")


@pytest.mark.parametrize("headers", ELSEWHERE)
def test_a_link_from_elsewhere_opens_the_page(client: FlaskClient, headers: dict[str, str]) -> None:
    assert client.get("/", headers=headers).status_code == 200


@pytest.mark.parametrize("headers", OURS)
def test_our_own_pages_may(client: FlaskClient, headers: dict[str, str]) -> None:
    assert client.post("/_cleanup", headers=headers).status_code == 200


def test_cleaning_up_is_for_who_has_opened_a_page(server: Flask) -> None:
    answer = server.test_client().post("/_cleanup")
    assert answer.status_code == 403
    assert "Set-Cookie" not in answer.headers


def test_cleaning_up_takes_no_table_that_was_just_seen_and_leaves_the_tick(client: FlaskClient, here: House) -> None:
    folder = here.home.workspace("a" * 32).result("b" * 32)
    folder.mkdir(parents=True)
    (folder / "result.json").write_text("{}")
    table = folder / "rows.parquet"
    with open(table, "wb") as file:
        file.truncate(60 << 20)
    time.sleep(0.01)
    table.touch()  # opened a moment ago
    time.sleep(0.01)
    here.swept = tick = time.time()
    client.post("/_cleanup")
    client.post("/_cleanup")
    assert table.exists()
    assert here.swept == tick


@pytest.mark.parametrize("task", ["analysis", "export"])
def test_a_sweep_leaves_what_a_waiting_job_needs(here: House, task: str) -> None:
    lock = lanes.take(here.home.server, lanes.HEAVY)
    assert lock is not None
    workspace, key = here.home.workspace(new_id()), new_id()
    job = Record(
        id=new_id(), visitor=workspace.visitor, task=task, slug="rfm", title="RFM", dataset=None, lane=lanes.HEAVY,
        params={"result": key} if task == "export" else {}, key=new_id() if task == "export" else key, sequence=1,
    )  # fmt: skip
    workspace.job(job.id).mkdir(parents=True)
    job.write(workspace.job(job.id))
    here.engine.index.set(job.id, {"visitor": job.visitor, "sequence": job.sequence})
    step = workspace.steps(key) / "0" / "value.parquet"
    step.parent.mkdir(parents=True)
    with open(step, "wb") as file:
        file.truncate(60 << 20)
    os.utime(step, (1, 1))
    pulse.sweep(here)
    assert step.exists()
    here.engine.cancel(workspace, job.id)
    os.close(lock)
    pulse.sweep(here)
    assert not step.exists()
    assert here.evicted is not None
    assert here.evicted.startswith("steps of a run that ended early, 60")


# The timer ----------------------------------------------------------------------------------------


@pytest.mark.usefixtures("quick")
def test_the_timer_outlives_a_data_folder_that_went_and_came_back(tmp_path: Path, caplog: Any) -> None:
    """Its first tick takes the lock of the folder."""
    made = app.create_app(Settings(data_dir=tmp_path / "data", memory_limit_mb=4_000)).server
    here = made.extensions[NAME]
    (tmp_path / "data").rename(tmp_path / "away")
    until(lambda: any(each.message == "timer" for each in caplog.records))
    (tmp_path / "away").rename(tmp_path / "data")
    until((tmp_path / "data" / "server" / "timer.lock").exists)
    before = len(here.history)
    until(lambda: len(here.history) > before)


def test_what_lies_on_disk_is_measured_by_the_timer(client: FlaskClient, here: House) -> None:
    until(lambda: here.disk)
    assert set(here.disk) == {"datasets", "results"}


# Packed scripts -----------------------------------------------------------------------------------


def script(client: FlaskClient, path: str) -> bytes:
    answer = client.get(f"/_dash-component-suites/{path}", headers={"Accept-Encoding": "gzip"})
    assert (answer.status_code, answer.headers["Content-Encoding"]) == (200, "gzip")
    return gzip.decompress(answer.data)


def packed(here: House) -> list[str]:
    return sorted(path.name for path in (here.home.server / "packed").iterdir())


@pytest.fixture
def plain(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A script of a package that Dash serves."""
    (tmp_path / "__init__.py").write_text("")
    monkeypatch.setattr(sys.modules["dash_ag_grid"], "__file__", str(tmp_path / "__init__.py"))
    made = tmp_path / "some.js"
    made.write_text("one")
    return made


@pytest.mark.usefixtures("plain")
def test_a_worker_that_starts_leaves_what_others_packed(client: FlaskClient, here: House) -> None:
    assert script(client, "dash_ag_grid/some.js") == b"one"
    before = packed(here)
    other = Flask("other")
    app._serve_packed(other, here.home.server / "packed")
    assert before
    assert packed(here) == before
    assert script(other.test_client(), "dash_ag_grid/some.js") == b"one"


def test_another_version_is_packed_anew_and_the_old_one_goes(client: FlaskClient, here: House, plain: Path) -> None:
    script(client, "dash_ag_grid/some.js")
    before = packed(here)
    plain.write_text("three")
    assert script(client, "dash_ag_grid/some.js") == b"three"
    assert len(packed(here)) == len(before)
    assert packed(here) != before


def test_scripts_of_the_same_name_are_told_apart(client: FlaskClient, here: House, plain: Path) -> None:
    for name, text in (("a/same.js", "a"), ("b/a/same.js", "b")):
        (plain.parent / name).parent.mkdir(parents=True, exist_ok=True)
        (plain.parent / name).write_text(text)
        assert script(client, f"dash_ag_grid/{name}").decode() == text


def test_a_packed_script_that_went_is_packed_again(client: FlaskClient, here: House, plain: Path) -> None:
    script(client, "dash_ag_grid/some.js")
    for name in packed(here):
        (here.home.server / "packed" / name).unlink()
    assert script(client, "dash_ag_grid/some.js") == b"one"
