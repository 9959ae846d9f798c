"""A file that is cut short, empty, noise, a folder or a link to nowhere: what is lost is said, the rest works."""

import os
import random
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from flask import Flask

from callbacks.house import NAME, House
from dashapp.app import create_app
from dashapp.settings import Settings
from dashapp.views import DiskViews
from services import datasets, repair, serving
from services.errors import NotFound
from services.jobs import checkpoints
from services.jobs.engine import Engine, open_index
from services.workspace import Home
from tests.unit.faults.inside import Inside
from tests.unit.faults.prepared import Prepared, prepare
from tests.unit.services.jobs.stage import bounds
from tests.waiting import until

BOUNDS = bounds()

DAMAGES: dict[str, Callable[[Path], object]] = {
    "half": lambda path: path.write_bytes(path.read_bytes()[: path.stat().st_size // 2]),
    "noise": lambda path: path.write_bytes(random.Random(1).randbytes(max(64, path.stat().st_size))),
    "folder": lambda path: (path.unlink(), path.mkdir()),
    "link": lambda path: (path.unlink(), path.symlink_to("nowhere/at/all")),
}

# Each kind of file of a visitor: where it is looked at, and what is said there when it is lost.
KINDS = {
    "workspace.json": ("/data", "items.csv"),
    "runs.json": ("/runs", "Battery of models"),
    "uploads/{upload}/meta.json": None,
    "uploads/{upload}/content": None,
    "datasets/{dataset}/dataset.json": ("/data?dataset={dataset}", "This table is not here"),
    "datasets/{dataset}/profile.json": ("/data?dataset={dataset}", "cannot be shown"),
    "datasets/{dataset}/data_full.parquet": ("/explore?dataset={dataset}", "cannot be read"),
    "datasets/{dataset}/original": ("/data?dataset={dataset}", "items.csv"),
    "jobs/{done}/record.json": ("/battery?run={done}", "This result is not here"),
    "jobs/{early}/record.json": ("/battery?run={early}", "This result is not here"),
    "jobs/{done}/log.txt": ("/battery?run={done}", "Scores are made up"),
    "results/{answer}/result.json": ("/battery?result={answer}", "This result is not here"),
    "results/{answer}/models.json": ("/battery?result={answer}", "Run again"),
    "results/{answer}/exports/{export}": ("/battery?result={answer}", "Scores are made up"),
    "results/{left}/partial/3/result.json": ("/battery?run={early}", "Resume"),
    "results/{left}/partial/3/models.json": ("/battery?run={early}", "Resume"),
    "results/{left}/steps/stopped.json": ("/battery?run={early}", "Resume"),
    "chains/{chain}.json": ("/several?chain={chain}", "not here"),
}
# A folder or a link in place of a file takes the same way for all that is read alike.
ODD = ("workspace.json", "datasets/{dataset}/dataset.json", "jobs/{done}/record.json", "results/{answer}/result.json")
CASES = [(kind, damage) for kind in KINDS for damage in DAMAGES if damage in {"half", "noise"} or kind in ODD]
EVERYWHERE = (
    "/", "/data", "/data?dataset={dataset}", "/data?dataset={other}", "/runs", "/several", "/several?chain={chain}",
    "/battery", "/battery?result={answer}", "/battery?run={done}", "/battery?run={early}", "/settings",
    "/battery?result={left}.3", "/compare?a={done}&b={early}",
)  # fmt: skip


@pytest.fixture(scope="module")
def server(analyses_for_tests: None, tmp_path_factory: pytest.TempPathFactory) -> Flask:
    return create_app(Settings(data_dir=tmp_path_factory.mktemp("data") / "data", memory_limit_mb=4_000)).server


@pytest.fixture(scope="module")
def whole(server: Flask, tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    return prepare(server, tmp_path_factory.mktemp("gates"))


@pytest.fixture
def theirs(whole: Prepared) -> Iterator[Prepared]:
    """A copy to be damaged."""
    made = whole.copied()
    yield made
    shutil.rmtree(made.workspace.folder, ignore_errors=True)


@pytest.mark.parametrize(("kind", "damage"), CASES)
def test_what_a_damaged_file_loses_is_said_and_the_rest_works(
    server: Flask, theirs: Prepared, kind: str, damage: str
) -> None:
    names = {name: value for name, value in theirs.__dict__.items() if isinstance(value, str)}
    path = theirs.workspace.folder / kind.format(**names)
    assert path.is_file()
    DAMAGES[damage](path)
    visitor = Inside(server, theirs.workspace)
    if KINDS[kind] is not None:
        address, said = KINDS[kind]
        assert said in visitor.look(address.format(**names))
    pages = EVERYWHERE if damage == "noise" else EVERYWHERE[3:5]
    shown = visitor.look(*(each.format(**names) for each in pages))
    assert "other.csv" in shown
    listed = visitor.read("/_runs")["rows"]
    assert len(listed) >= 2
    assert visitor.read("/_pulse")["memory"]
    for method, address, body in (
        ("HEAD", "/_uploads/{upload}", None), ("PATCH", "/_uploads/{upload}", b"rest"),
        ("POST", "/_jobs/{done}/cancel", b"{}"), ("POST", "/_jobs/{early}/skip", b'{"step": "Model 1"}'),
        ("GET", "/_files/{answer}/{export}", None), ("POST", "/_runs/{early}/name", b'{"name": "early"}'),
        ("DELETE", "/_uploads/{upload}", None), ("POST", "/_runs/delete", b'{"jobs": ["{early}"]}'),
        ("POST", "/_cleanup", None),
    ):  # fmt: skip
        body = body.replace(b"{early}", theirs.early.encode()) if body else body
        visitor.send(method, address.format(**names), body, Content_Type="application/json", Upload_Offset="4")
    assert all(message.endswith(".") for message in visitor.messages if message)  # an answer to HEAD has none
    here: House = server.extensions[NAME]
    for finding in repair.look(here.home, here.engine.bounds):
        assert finding.message.endswith(".")
    assert here.engine.live() == []


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_step_that_is_damaged_is_made_again_and_the_others_are_found(
    theirs: Prepared, damage: str, tmp_path: Path
) -> None:
    steps = theirs.workspace.steps(theirs.left)
    DAMAGES[damage](checkpoints.place(steps, "Model 1") / checkpoints.VALUE)
    with pytest.raises(NotFound):
        checkpoints.get(steps, "Model 1", tmp_path)
    checkpoints.put(steps, "Model 1", 0.5)
    assert [checkpoints.get(steps, name, tmp_path) for name in ("Model 1", "Model 3")] == [0.5, 1 / 3]


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize(
    "kind", ["server.json", "took/battery.json", "heavy.lock", "index/cache.db", "views/cache.db", "../secret_key"]
)
def test_a_server_starts_and_works_whatever_happened_to_its_own_files(
    whole: Prepared, kind: str, damage: str, tmp_path: Path
) -> None:
    data = tmp_path / "data"
    shutil.copytree(whole.workspace.folder, data / "visitors" / whole.workspace.visitor)
    home = Home.at(data)
    serving.sign_in(home.server, os.getpid())
    shutil.copytree(whole.workspace.folder.parents[1] / "server" / "took", home.server / "took")
    home.secret_key()
    (home.server / "heavy.lock").write_text('{"pid": 1, "start": 1}')
    open_index(home.server / "index").close()
    open_index(home.server / "views").close()
    for left in (*(home.server / "index").glob("*-*"), *(home.server / "views").glob("*-*")):
        left.unlink()
    DAMAGES[damage](home.server / kind)
    assert all(finding.message.endswith(".") for finding in repair.look(home, BOUNDS))
    if "views" in kind:
        views = DiskViews(str(home.server / "views"))
        assert views.set("a", "b")
        assert views.get("a") == "b"
        return
    if "secret" in kind:
        assert len(home.secret_key()) >= 64
        assert home.secret_key() == home.secret_key()
        return
    assert serving.running(home.server) in {None, os.getpid()}
    assert serving.is_gone(home.server) is False
    known = datasets.about(home.workspace(whole.workspace.visitor), whole.dataset)
    engine = Engine(home, BOUNDS)
    job = engine.ask(home.workspace(whole.workspace.visitor), "nothing", known, {"item": "item", "size": 3})
    assert engine.get(home.workspace(whole.workspace.visitor), job.id).is_live
    assert until(lambda: not engine.get(home.workspace(whole.workspace.visitor), job.id).is_live)
    engine.index.close()
