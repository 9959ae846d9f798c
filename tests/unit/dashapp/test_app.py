"""The server refuses strangers, outlives what goes wrong at a tick, and shares what it packs."""

import dataclasses
import gzip
import json
import os
import shutil
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from flask import Flask
from flask.testing import FlaskClient

from callbacks import pulse
from callbacks.house import NAME, House
from dashapp import app
from dashapp.settings import Settings
from services import memory, stored
from services import table as tables
from services.jobs import lanes
from services.jobs.record import Record
from services.workspace import new_id
from tests.waiting import lives, until


@pytest.fixture(scope="module")
def quick() -> Iterator[None]:
    """The timer looks often."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(app, "TICK", 0.2)
        yield


@pytest.fixture(scope="module")
def server(quick: None, tmp_path_factory: pytest.TempPathFactory) -> Flask:
    made = app.create_app(Settings(data_dir=tmp_path_factory.mktemp("data") / "data", memory_limit_mb=4_000)).server
    here, began = made.extensions[NAME], made.extensions[NAME].swept
    until(lambda: here.swept != began)  # its timer sweeps at its first tick, and would take what a test just made
    return made


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
    own = stored.last_evicted(here.home, workspace, [])
    other = stored.last_evicted(here.home, here.home.workspace(new_id()), [])
    assert own is not None
    assert other is not None
    assert (own["name"], own["bytes"]) == ("steps of a run that ended early", 60 << 20)
    assert other["name"] == "steps of a run of another visitor"


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
    here.history = memory.History()
    until(lambda: here.history.as_json()["mb"])


@contextmanager
def limited(here: House, mb: int) -> Iterator[None]:
    known = here.limit
    here.limit = dataclasses.replace(known, mb=mb, members=None)
    try:
        yield
    finally:
        here.limit = known


def large(here: House, name: str = "rows.parquet") -> Path:
    """A large table that was seen once, long ago."""
    folder = here.home.workspace(new_id()).result(new_id())
    folder.mkdir(parents=True)
    (folder / "result.json").write_text("{}")
    os.utime(folder / "result.json", (1, 1))
    with open(folder / name, "wb") as file:
        file.truncate(60 << 20)
    os.utime(folder / name, (2, 2))
    return folder / name


@pytest.fixture
def idle(tmp_path: Path) -> Iterator[Flask]:
    """A server whose own timer does nothing while a test ticks another."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(app, "TICK", 3_600)
        yield app.create_app(Settings(data_dir=tmp_path / "data", memory_limit_mb=4_000)).server


def test_above_ninety_percent_it_cleans_up_by_itself_and_says_so(idle: Flask) -> None:
    here, table = idle.extensions[NAME], large(idle.extensions[NAME])
    timer = app._Timer(here)
    timer._is_time("sweep", 0)  # the usual look at the disk was just now
    with idle.app_context():
        timer.tick()
        assert here.cleaned is None
        assert table.exists()
        with limited(here, 10):
            timer.tick()
            assert here.cleaned is not None
            assert here.cleaned["disk"] == 60
            assert "60\u202fMB of disk" in here.cleaned["said"]
            assert not table.exists()
            first = here.cleaned
            timer.tick()  # not twice in half a minute
            assert here.cleaned is first
    with idle.test_client() as client:
        assert client.get("/_pulse").get_json()["memory"]["cleaned"]["said"] == first["said"]


def test_of_two_workers_one_keeps_the_disk_and_each_its_own_memory(idle: Flask) -> None:
    here = idle.extensions[NAME]
    other = dataclasses.replace(here)
    holder, second = app._Timer(here), app._Timer(other)
    with idle.app_context():
        holder.tick()
        second.tick()
        table = large(here)
        with limited(other, 10):
            second.tick()
        assert table.exists()
        assert other.cleaned is not None
        assert other.cleaned["disk"] < 1
        with limited(here, 10):
            holder.tick()
        assert not table.exists()


# Clean up, and what lies on disk ------------------------------------------------------------------


def test_cleaning_up_says_what_it_measured(client: FlaskClient, here: House) -> None:
    table = here.home.workspace(new_id()).dataset(new_id()) / "data_full.parquet"
    table.parent.mkdir(parents=True)
    tables.write(pd.DataFrame({"n": [1, 2]}), table)
    assert here.reader.ask(table, "SELECT sum(n) FROM FILE") == [[3]]
    pid = here.reader.pid
    gone = large(here)  # last: the timer of a server that has just started sweeps too
    said = client.post("/_cleanup").get_json()
    assert not lives(pid)
    assert said["memory"] > 5
    assert said["disk"] >= 60
    assert "of memory and 6" in said["said"]
    assert not gone.exists()
    assert here.reader.ask(table, "SELECT sum(n) FROM FILE") == [[3]]
    here.reader.stop()
    shutil.rmtree(table.parent)


def test_nothing_more_to_free_is_said(client: FlaskClient) -> None:
    client.post("/_cleanup")
    assert "of disk" not in client.post("/_cleanup").get_json()["said"]


def test_a_question_that_is_asked_during_a_clean_up_is_answered(client: FlaskClient, here: House) -> None:
    table = here.home.workspace(new_id()).dataset(new_id()) / "data_full.parquet"
    table.parent.mkdir(parents=True)
    tables.write(pd.DataFrame({"n": [1, 2]}), table)
    answers: list[Any] = []
    sql = "SELECT sum(n) FROM FILE"
    asking = [threading.Thread(target=lambda: answers.append(here.reader.ask(table, sql))) for _ in range(3)]
    for each in asking:
        each.start()
    for _ in range(5):
        assert client.post("/_cleanup").status_code == 200
    for each in asking:
        each.join(15)
    assert answers == [[[3]]] * 3
    here.reader.stop()
    shutil.rmtree(table.parent)


def test_the_disk_is_told_in_sums_and_only_ones_own_by_name(server: Flask, here: House) -> None:
    mine, theirs = server.test_client(), server.test_client()
    assert server.test_client().get("/_disk").status_code == 403
    for client, name in ((mine, "mine.csv"), (theirs, "secret.csv")):
        client.get("/_pulse")
        with client.session_transaction() as session:
            folder = here.home.workspace(session["visitor"]).dataset(new_id())
        folder.mkdir(parents=True)
        (folder / "dataset.json").write_text(json.dumps({"name": name, "made": 1_000.0}))
        (folder / "data_full.parquet").write_bytes(b"x" * 5_000)
    here.disk_at = float("-inf")
    answer = mine.get("/_disk")
    said = answer.get_json()
    assert "secret" not in answer.get_data(as_text=True)
    assert [(each["name"], each["kind"], each["used"]) for each in said["largest"]] == [("mine.csv", "Dataset", 1_000)]
    assert said["largest"][0]["bytes"] > 5_000
    assert said["kinds"]["datasets"]["bytes"] > 10_000
    assert said["kinds"]["caches"]["bytes"] > 0
    assert said["free"] > 0


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


def test_packed_scripts_whose_folder_went_are_packed_again(client: FlaskClient, here: House, plain: Path) -> None:
    shutil.rmtree(here.home.server / "packed")
    assert script(client, "dash_ag_grid/some.js") == b"one"
