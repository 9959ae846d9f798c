"""An upload's requests get an answer that tus understands: wait, ask where it stopped, or give up."""

import contextlib
import fcntl
import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from callbacks import files
from callbacks.house import NAME
from dashapp.app import create_app
from dashapp.settings import Settings


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Flask:
    return create_app(Settings(data_dir=tmp_path_factory.mktemp("data") / "data", memory_limit_mb=4_000)).server


@pytest.fixture
def client(server: Flask) -> FlaskClient:
    return server.test_client()


@pytest.fixture
def upload(client: FlaskClient) -> str:
    """The address of an upload of ten bytes."""
    answer = client.post("/_uploads", headers={"Upload-Length": "10", "Upload-Metadata": "filename dC5jc3Y="})
    assert answer.status_code == 201
    return answer.headers["Location"]


@pytest.fixture
def content(server: Flask, upload: str) -> Path:
    """Where its bytes lie."""
    (found,) = server.extensions[NAME].home.root.glob(f"visitors/*/uploads/{upload.rpartition('/')[2]}/content")
    return found


def send(client: FlaskClient, upload: str, offset: str = "0", body: bytes = b"abc") -> tuple[int, str]:
    answer = client.patch(upload, data=body, headers={"Upload-Offset": offset})
    return answer.status_code, (answer.get_json(silent=True) or {}).get("message", "")


def test_a_part_while_another_arrives_is_to_be_tried_again(client: FlaskClient, upload: str, content: Path) -> None:
    with open(content, "ab") as arriving:
        fcntl.flock(arriving, fcntl.LOCK_EX)
        assert send(client, upload) == (423, "Another part of this file is arriving.")
    assert send(client, upload)[0] == 204


@pytest.mark.parametrize("offset", ["1", "", "x", "-1", "²", "٣", "9" * 5_000])
def test_a_part_from_elsewhere_is_a_conflict(client: FlaskClient, upload: str, offset: str) -> None:
    status, message = send(client, upload, offset)
    assert status == 409
    assert message.endswith(".")


@pytest.mark.parametrize("length", ["", "x", "-1", "1.5", "²", "٣", "9" * 5_000])
def test_a_length_that_is_no_number_is_refused_in_a_sentence(client: FlaskClient, length: str) -> None:
    answer = client.post("/_uploads", headers={"Upload-Length": length})
    assert answer.status_code == 413
    assert answer.get_json()["message"] == "The size of the file was not said. Upload it again."


def test_a_full_disk_is_said_and_not_tried_again(client: FlaskClient, upload: str, content: Path) -> None:
    content.unlink()
    content.symlink_to("/dev/full")
    status, message = send(client, upload)
    assert status == 507
    assert message.startswith("The server's disk has no room for “t.csv”.")


@contextlib.contextmanager
def taken(places: int) -> Iterator[None]:
    """So many parts arrive already."""
    with contextlib.ExitStack() as stack:
        for _ in range(places):
            stack.enter_context(files._turn())
        yield


def test_only_some_parts_arrive_at_once(client: FlaskClient, upload: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "PATIENCE", 0.1)
    with taken(files.MOST_ARRIVING):
        assert send(client, upload) == (423, "Other files are arriving. This one goes on after them.")
        assert client.head(upload).status_code == 200
    assert send(client, upload)[0] == 204


def test_a_line_that_falls_silent_is_let_go(
    client: FlaskClient, upload: str, content: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "SILENCE", 0.1)
    browser, ours = socket.socketpair()
    browser.send(b"abc")
    with browser, ours, ours.makefile("rb", 0) as stream:
        said = {"gunicorn.socket": ours, "wsgi.input": stream, "wsgi.input_terminated": True, "CONTENT_LENGTH": "10"}
        answer = client.patch(upload, headers={"Upload-Offset": "0"}, environ_overrides=said)
    assert answer.status_code == 423
    assert os.path.getsize(content) == 3
    assert send(client, upload, "3", b"defghij")[0] == 204


@pytest.mark.parametrize("body", ["[]", '["x"]', '"x"', "1", "null", "{", ""])
def test_a_request_to_skip_that_names_no_step_is_no_bug(client: FlaskClient, body: str) -> None:
    answer = client.post(f"/_jobs/{'0' * 32}/skip", data=body, content_type="application/json")
    assert answer.status_code == 404
