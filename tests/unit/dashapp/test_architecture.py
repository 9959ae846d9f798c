"""Imports point one way, and the web process loads nothing heavy."""

import ast
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from services.jobs.engine import Engine
from services.jobs.supervisor import Bounds
from services.workspace import Home, new_id
from tests.trees import tree
from tests.waiting import until

ROOT = Path(__file__).resolve().parents[3]
LAYERS = ["dashapp", "callbacks", "layouts", "services"]
HEAVY = (
    "pandas",
    "numpy",
    "scipy",
    "sklearn",
    "statsmodels",
    "prophet",
    "pyarrow",
    "duckdb",
    "polars",
    "plotly.express",
)
# Ours are plain dicts; Dash's own dcc.Graph imports these, so that they are loaded is not for us to say.
FIGURES = ("plotly.graph_objects", "plotly.graph_objs")
MATHEMATICS = ROOT / "services" / "numerics"
LIGHT = {"__init__", "question", "metrics", "spaces"}  # of it, what the web process knows too
SOURCES = sorted(path for layer in LAYERS for path in (ROOT / layer).rglob("*.py"))

every = pytest.mark.parametrize("source", SOURCES, ids=[str(path.relative_to(ROOT)) for path in SOURCES])


def imported(source: Path) -> Iterator[str]:
    """Every module that a file imports, anywhere in it."""
    for node in ast.walk(tree(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{source}: relative imports hide their direction"
            yield node.module or ""


def imported_at_the_top(source: Path) -> Iterator[str]:
    """The modules that importing the file imports: not those inside functions or under TYPE_CHECKING."""
    waiting: list[ast.AST] = [tree(source)]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            continue
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            waiting.extend(node.orelse)
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or ""
        waiting.extend(ast.iter_child_nodes(node))


@every
def test_imports_point_one_way(source: Path) -> None:
    own = LAYERS.index(source.relative_to(ROOT).parts[0])
    above = set(LAYERS[:own])
    found = {name.partition(".")[0] for name in imported(source)}
    assert not found & above
    assert "tests" not in found


@every
def test_services_do_not_know_who_draws_them(source: Path) -> None:
    if source.relative_to(ROOT).parts[0] != "services":
        return
    found = {name.partition(".")[0] for name in imported(source)}
    assert not {name for name in found if name.startswith(("dash", "flask", "plotly", "werkzeug", "gunicorn"))}


@every
def test_nothing_heavy_stands_at_the_top_of_a_file(source: Path) -> None:
    if MATHEMATICS in source.parents and source.stem not in LIGHT:
        return  # only ever imported inside a job: see the next test
    heavy = {
        name
        for name in imported_at_the_top(source)
        for each in HEAVY + FIGURES
        if name == each or name.startswith(f"{each}.")
    }
    assert not heavy


@every
def test_the_mathematics_of_jobs_is_imported_inside_jobs(source: Path) -> None:
    if MATHEMATICS in source.parents and source.stem not in LIGHT:
        return
    found = {name for name in imported_at_the_top(source) if name.startswith("services.numerics.")}
    assert not {name for name in found if name.count(".") > 2 and name.rpartition(".")[2] not in LIGHT}


def test_there_are_files_to_look_at() -> None:
    assert {path.relative_to(ROOT).parts[0] for path in SOURCES} == set(LAYERS)


SERVE = """
import json, os, sys
from dashapp.wsgi import app, server

client = server.test_client()
pages = next(each for each in client.get("/_dash-dependencies").get_json() if "_pages_content" in each["output"])

def page(path, search=""):
    "What the browser asks for when it opens a page."
    asked = {
        "output": pages["output"],
        "outputs": [
            {"id": name.rpartition(".")[0], "property": name.rpartition(".")[2]}
            for name in pages["output"].strip(".").split("...")
        ],
        "inputs": [
            {**each, "value": path if each["property"] == "pathname" else search} for each in pages["inputs"]
        ],
        "changedPropIds": ["_pages_location.pathname"],
        "state": [],
    }
    return client.post("/_dash-update-component", json=asked)

seen = {}
for visitor in (None, os.environ["VISITOR"]):
    if visitor:
        with client.session_transaction() as session:
            session["visitor"] = visitor
    for path in ("/", "/data", "/rfm", "/several", "/runs", "/compare", "/settings"):
        seen[f"{path} {bool(visitor)}"] = [client.get(path).status_code, page(path).status_code, len(page(path).data)]
    for path in ("/_dash-layout", "/_dash-dependencies", "/_pulse"):
        seen[f"{path} {bool(visitor)}"] = [client.get(path).status_code]
print(json.dumps({"seen": seen, "loaded": sorted(sys.modules)}))
"""


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, list[int]]]:
    """What a server says on its pages, to a visitor without data and to one with a dataset, and what it loaded."""
    home = Home.at(tmp_path_factory.mktemp("data"))
    here, engine = home.workspace(new_id()), Engine(home, Bounds(limit_mb=2_000, reserve_mb=0))
    job = engine.take_in(here, {"sample": "purchases"}, "Making Purchases", 0)
    until(lambda: not engine.get(here, job.id).is_live)
    engine.index.close()
    assert engine.get(here, job.id).state == "done"
    environment = os.environ | {"DATA_DIR": str(home.root), "VISITOR": here.visitor, "PYTHONPATH": str(ROOT)}
    environment.pop("EXTRA_ANALYSES", None)
    done = subprocess.run(
        [sys.executable, "-c", SERVE],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_every_page_is_served_with_and_without_data(served: dict[str, dict[str, list[int]]]) -> None:
    for path, (status, *content) in served["seen"].items():
        assert status == 200, path
        if content:
            assert content[0] == 200, path
            assert content[1] > 500, path


def test_serving_its_pages_loads_nothing_heavy(served: dict[str, dict[str, list[int]]]) -> None:
    loaded = set(served["loaded"])
    assert {"dash", "dashapp.app", "services.analyses.rfm", "layouts.pages.rfm"} <= loaded
    assert not loaded & set(HEAVY)
