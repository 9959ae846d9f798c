"""Ids, handles and paths that are forged, or another visitor's: refused in a sentence, and nothing changes anywhere."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from flask import Flask

from callbacks.house import NAME, House
from dashapp.app import create_app
from dashapp.settings import Settings
from services.workspace import new_id
from tests.unit.faults.inside import Inside, _Look
from tests.unit.faults.prepared import Prepared, prepare

# What stands where an id should; each in an address, in JSON and in a query.
FORGED = (
    "../" * 8 + "etc/passwd", "..%2f..%2fsecret_key", "%2e%2e", "nul\0", "a" * 32 + "\0", "x" * 65_536, "日本", "", ".",
    "A" * 32, "-1", str(os.getpid()),
)  # fmt: skip
NO_TEXT: tuple[Any, ...] = (None, 0, os.getpid(), True, 1.5, [], {}, ["../x"], {"a": 1})

# Every route that takes an id, with a body; who adds one says here what of another visitor it could be asked for.
ROUTES = {
    ("PATCH", "/_uploads/<upload>"): (("{upload}",), {}),
    ("HEAD", "/_uploads/<upload>"): (("{upload}",), {}),
    ("DELETE", "/_uploads/<upload>"): (("{upload}",), {}),
    ("POST", "/_uploads/<upload>/read"): (("{upload}",), {}),
    ("GET", "/_files/<key>/<name>"): (("{answer}", "{export}"), {}),
    ("GET", "/_explore/<dataset>/chart.csv"): (("{dataset}",), {}),
    ("GET", "/w/<token>"): (("{dataset}",), {}),
    ("GET", "/_reading/<dataset>.json"): (("{dataset}",), {}),
    ("GET", "/_recipe/<dataset>.json"): (("{dataset}",), {}),
    ("GET", "/_tables/<dataset>.parquet"): (("{dataset}",), {}),
    ("GET", "/_rejects/<dataset>.csv"): (("{dataset}",), {}),
    ("POST", "/_jobs/<job>/cancel"): (("{done}",), {}),
    ("POST", "/_jobs/<job>/skip"): (("{early}",), {"step": "Model 1"}),
    ("POST", "/_jobs/<job>/enough"): (("{early}",), {}),
    ("POST", "/_runs/<job>/again"): (("{early}",), {"fresh": True}),
    ("POST", "/_runs/<job>/name"): (("{done}",), {"name": "mine now"}),
}
LISTS = ("/_runs/delete", "/_runs/restore")
# Routes that take no id: what they answer is the asking visitor's own, or everybody's.
PLAIN = {
    "/_uploads", "/_uploads/reading", "/_pulse", "/_disk", "/_cleanup", "/_runs", "/healthz", "/readyz", *LISTS,
}  # fmt: skip


@pytest.fixture(scope="module")
def server(analyses_for_tests: None, tmp_path_factory: pytest.TempPathFactory) -> Flask:
    return create_app(Settings(data_dir=tmp_path_factory.mktemp("data") / "data", memory_limit_mb=4_000)).server


@pytest.fixture(scope="module")
def theirs(server: Flask, tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    """What another visitor has."""
    return prepare(server, tmp_path_factory.mktemp("gates"))


@pytest.fixture
def stranger(server: Flask, theirs: Prepared) -> Iterator[Inside]:
    """Who asks for it; nothing of it may have changed afterwards, nor anything beside the data folder."""
    before = everything(server)
    yield Inside(server)
    assert everything(server) == before


def everything(server: Flask) -> dict[str, tuple[int, int]]:
    """Size and time of all there is around the data folder, but for what the server itself goes on writing."""
    here: House = server.extensions[NAME]
    found = {}
    for folder, _, names in os.walk(here.home.root.parent):
        for name in names:
            path = Path(folder) / name
            if here.home.server not in path.parents:
                state = path.lstat()
                found[str(path)] = state.st_size, state.st_mtime_ns
    return found


def of(theirs: Prepared, text: str) -> str:
    return text.format(**{name: value for name, value in theirs.__dict__.items() if isinstance(value, str)})


def test_every_route_is_in_one_of_the_tables(server: Flask) -> None:
    blueprints = {name for name in server.blueprints if not name.startswith("_dash")}
    ours = {each.rule for each in server.url_map.iter_rules() if each.endpoint.split(".")[0] in blueprints}
    assert ours == {path for _, path in ROUTES} | PLAIN


@pytest.mark.parametrize(("method", "rule"), ROUTES)
def test_what_is_anothers_or_forged_does_not_exist(
    server: Flask, stranger: Inside, theirs: Prepared, method: str, rule: str
) -> None:
    names, body = ROUTES[method, rule]
    parts = [part.split(">")[0] for part in rule.split("<")[1:]]
    asked = [[of(theirs, name) for name in names], [new_id() for _ in names], *([each] * len(names) for each in FORGED)]
    for values in asked:
        path = rule
        for part, value in zip(parts, values, strict=True):
            path = path.replace(f"<{part}>", quote(value, safe=""))
        status, headers, said = stranger.send(
            method, path, json.dumps(body).encode(), Content_Type="application/json", Upload_Offset="0"
        )
        # An address with an empty part, or one that climbs, is another one: of a page that says it is none, or of none.
        is_page = status == 200 and headers["Content-Type"].startswith("text/html") and b"root:" not in said
        assert is_page or status in {404, 405, 308, 414}, (status, path[:100])


@pytest.mark.parametrize("path", sorted(PLAIN - {"/_uploads", "/_cleanup", *LISTS}))
def test_what_is_said_to_everybody_names_nothing_of_anothers(stranger: Inside, theirs: Prepared, path: str) -> None:
    said = stranger.client.get(path).get_data(as_text=True)
    for secret in (theirs.workspace.visitor, theirs.done, theirs.answer, theirs.dataset, "items.csv", "The first"):
        assert secret not in said


@pytest.mark.parametrize("path", LISTS)
def test_a_list_of_what_is_anothers_changes_nothing(stranger: Inside, theirs: Prepared, path: str) -> None:
    for jobs in ([theirs.done], [new_id()], *([each] for each in FORGED), *([each] for each in NO_TEXT)):
        status, _, _ = stranger.send("POST", path, json.dumps({"jobs": jobs}).encode(), Content_Type="application/json")
        assert status == 404, jobs
        assert stranger.messages[-1].endswith(".")
    for body in (b"", b"{", b"[]", b"null", b'"x"', b'{"jobs": 3}', b"[" * 100_000, b"\xff\xfe"):
        assert stranger.send("POST", path, body, Content_Type="application/json")[0] in {200, 400, 413}


@pytest.mark.parametrize("name", ["run", "result", "dataset", "chain", "a"])
def test_an_address_that_names_what_is_anothers_shows_nothing_of_it(
    stranger: Inside, theirs: Prepared, name: str
) -> None:
    values = (theirs.done, theirs.answer, theirs.dataset, theirs.chain, f"{theirs.left}.3", *FORGED[:-3])
    paths = [f"{page}?{urlencode({name: value, 'b': value})}" for page in ("/battery", "/data") for value in values]
    paths += [f"{page}?{urlencode({name: value, 'b': value})}" for page in ("/several", "/compare") for value in values]
    shown = stranger.look(*[path for path in paths if "%00" not in path])
    for secret in ("items.csv", "other.csv", "Scores are made up", "The first"):
        assert secret not in shown


CONTROLS: tuple[dict[str, Any], ...] = (
    {"action": "run", "slug": "battery", "dataset": "{dataset}", "params": {"item": "item"}},
    {"action": "upload", "slug": "ingest", "upload": "{upload}"},
    {"action": "attach", "slug": "battery", "dataset": "{dataset}", "job": "{done}"},
    {"action": "attach", "slug": "ingest", "dataset": None, "job": "{done}"},
    {"action": "attach", "slug": "battery", "dataset": "{dataset}", "job": "{early}", "told": "{early}"},
)


def test_a_control_that_names_what_is_anothers_begins_nothing(
    server: Flask, stranger: Inside, theirs: Prepared
) -> None:
    engine = server.extensions[NAME].engine
    told = []
    for control in CONTROLS:
        named = {name: of(theirs, value) if isinstance(value, str) else value for name, value in control.items()}
        forged = [
            {**named, name: value} for name in named if name != "action" for value in (*FORGED, *NO_TEXT)
        ]  # fmt: skip
        for each in (named, *forged):
            tab = _Look(stranger, "/nowhere") if not told else told[0]
            told[:] = [tab]
            tab.set({("control", "data"): each})
            assert not tab.parts["ticket"].get("data") or tab.parts["ticket"]["data"]["state"] == "refused"
    assert engine.live() == []


def test_a_handle_or_a_process_in_a_poll_is_nobodys(server: Flask, stranger: Inside, theirs: Prepared) -> None:
    tab = _Look(stranger, "/nowhere")
    spared = os.fork()
    if spared == 0:
        import time

        time.sleep(600)
    try:
        written = next(each for each in tab._callbacks if each.get("background"))
        said = {
            "output": written["output"], "outputs": {"id": "ticket", "property": "data"},
            "inputs": [{"id": "control", "property": "data", "value": None}], "changedPropIds": [], "state": [],
        }  # fmt: skip
        for handle in (f"{theirs.done}x00000000", f"{theirs.early}x1", *FORGED, str(spared)):
            for query in (
                {"cacheKey": handle, "job": handle}, {"cacheKey": handle, "job": str(spared)},
                {"cancelJob": handle}, {"cancelJob": str(spared), "cacheKey": handle, "job": str(spared)},
                {"oldJob": str(spared), "cacheKey": handle, "job": handle},
            ):  # fmt: skip
                path = f"/_dash-update-component?{urlencode(query)}"
                status, _, body = stranger.send(
                    "POST", path, json.dumps(said).encode(), Content_Type="application/json"
                )
                assert b"Scores" not in body
                assert status < 500
        assert os.waitpid(spared, os.WNOHANG) == (0, 0)  # nobody signalled it
    finally:
        os.kill(spared, 9)
        os.waitpid(spared, 0)
