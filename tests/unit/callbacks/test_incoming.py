"""A file that arrived is read once, however often that is asked; what came of it is told to its visitor only."""

import os
from collections.abc import Iterator

import pytest
from flask import Flask
from flask.testing import FlaskClient

from callbacks import incoming
from callbacks.house import NAME, House
from dashapp.app import create_app
from dashapp.settings import Settings
from services.jobs import lanes
from services.jobs.engine import MOST_QUEUED_EACH
from services.jobs.record import Record
from services.workspace import Workspace, new_id


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Flask:
    # Its memory holds the server and no job: what is asked waits.
    return create_app(Settings(data_dir=tmp_path_factory.mktemp("data") / "data", memory_limit_mb=1)).server


@pytest.fixture
def here(server: Flask) -> Iterator[House]:
    house: House = server.extensions[NAME]
    yield house
    for folder, job in house.engine.live():
        house.engine.cancel(Workspace(folder.parents[1]), job.id)


@pytest.fixture
def client(server: Flask) -> FlaskClient:
    return server.test_client()


def sent(client: FlaskClient, length: int = 8, body: bytes = b"a,b\n1,2\n") -> str:
    made = client.post("/_uploads", headers={"Upload-Length": str(length), "Upload-Metadata": "filename dC5jc3Y="})
    place = made.headers["Location"]
    client.patch(place, data=body, headers={"Upload-Offset": "0"})
    return place


def job_of(house: House, job: str) -> tuple[Workspace, Record]:
    (folder,) = house.home.root.glob(f"visitors/*/jobs/{job}")
    workspace = Workspace(folder.parents[1])
    return workspace, house.engine.get(workspace, job)


def ended(house: House, job: str, state: str, **said: str) -> Workspace:
    workspace, known = job_of(house, job)
    known.changed(state=state, ended=2.0, **said).write(workspace.job(job))
    return workspace


def test_a_file_asked_about_twice_is_read_once(client: FlaskClient, here: House) -> None:
    place = sent(client)
    first = client.post(f"{place}/read").get_json()["job"]
    assert client.post(f"{place}/read").get_json()["job"] == first
    told = client.get(f"/_uploads/reading?jobs={first},{new_id()},../x").get_json()
    assert list(told) == [first]
    assert told[first]["state"] == "queued"
    assert job_of(here, first)[1].params == {"upload": place.rpartition("/")[2], "name": "t.csv"}


def test_another_visitor_hears_nothing_of_it(server: Flask, client: FlaskClient, here: House) -> None:
    place = sent(client)
    job = client.post(f"{place}/read").get_json()["job"]
    stranger = server.test_client()
    assert stranger.get(f"/_uploads/reading?jobs={job}").get_json() == {}
    assert stranger.post(f"{place}/read").status_code == 404


def test_half_a_file_is_not_read(client: FlaskClient) -> None:
    answer = client.post(f"{sent(client, length=100)}/read")
    assert answer.status_code == 404
    assert answer.get_json()["message"] == "“t.csv” has not arrived whole. Upload it again."


def test_what_was_read_is_told_even_when_the_upload_is_gone(client: FlaskClient, here: House) -> None:
    place, dataset = sent(client), new_id()
    job = client.post(f"{place}/read").get_json()["job"]
    ended(here, job, "done", outcome=dataset)
    client.delete(place)
    assert client.post(f"{place}/read").get_json()["job"] == job
    assert client.get(f"/_uploads/reading?jobs={job}").get_json()[job]["dataset"] == dataset


def test_a_file_that_a_stopped_server_was_reading_is_read_again(client: FlaskClient, here: House) -> None:
    place = sent(client)
    job = client.post(f"{place}/read").get_json()["job"]
    workspace = ended(here, job, "interrupted")
    assert incoming.given_up(here.engine, workspace) == set()
    assert client.post(f"{place}/read").get_json()["job"] != job


@pytest.mark.parametrize("state", ["cancelled", "killed", "failed"])
def test_the_upload_of_a_reading_that_came_to_nothing_is_given_up(client: FlaskClient, here: House, state: str) -> None:
    place = sent(client)
    workspace = ended(here, client.post(f"{place}/read").get_json()["job"], state)
    assert incoming.given_up(here.engine, workspace) == {place.rpartition("/")[2]}
    client.post(f"{place}/read")  # asked anew before it was cleared
    assert incoming.given_up(here.engine, workspace) == set()


def test_a_full_queue_says_try_again_and_keeps_the_file(client: FlaskClient, here: House) -> None:
    length = 20_000_001  # more than is read beside a heavy run
    lane = lanes.take(here.home.server, lanes.HEAVY)  # so that none begins
    assert lane is not None
    try:
        for last in (False,) * (MOST_QUEUED_EACH + 1) + (True,):  # the first counts as on
            place = sent(client, length)
            (content,) = here.home.root.glob(f"visitors/*/uploads/{place.rpartition('/')[2]}/content")
            os.truncate(content, length)
            assert client.post(f"{place}/read").status_code == (429 if last else 200)
        assert client.head(place).headers["Upload-Offset"] == str(length)
    finally:
        os.close(lane)


def test_a_part_whose_checksum_differs_is_to_be_sent_again(client: FlaskClient) -> None:
    made = client.post("/_uploads", headers={"Upload-Length": "3", "Upload-Metadata": "filename dC5jc3Y="})
    place = made.headers["Location"]
    for wrong in ("sha256 AAAA", "sha256 !"):
        answer = client.patch(place, data=b"abc", headers={"Upload-Offset": "0", "Upload-Checksum": wrong})
        assert answer.status_code == 460
    right = "sha256 ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0="
    answer = client.patch(place, data=b"abc", headers={"Upload-Offset": "0", "Upload-Checksum": right})
    assert (answer.status_code, answer.headers["Upload-Offset"]) == (204, "3")
