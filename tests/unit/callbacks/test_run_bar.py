"""The run bar says what a run would take of what is free, and what to do when that is not enough."""

import dataclasses
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from dash.development.base_component import Component
from flask import Flask

from callbacks import pulse
from callbacks.analyses import _run_bar
from callbacks.house import NAME, House
from dashapp.app import create_app
from dashapp.settings import Settings
from layouts import ids
from services import memory, preflight
from services.analysis import Analysis, Shape
from services.jobs import lanes
from services.results import StoredResult
from tests.analyses import holds, instant

KNOWN = {"rows": 100_000, "columns": [{"name": "item", "kind": "text", "sql": "VARCHAR"}]}  # of holds: 240 MB, 2.5 s
THIN = "\u202f"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Flask:
    return create_app(Settings(data_dir=tmp_path_factory.mktemp("data") / "data", reserve_mb=0)).server


@pytest.fixture
def here(server: Flask) -> Iterator[House]:
    """The server's services, in a request's context, and put back as they were."""
    house = server.extensions[NAME]
    limit = house.limit
    with server.test_request_context():
        yield house
    house.limit = limit


@pytest.fixture
def bar(here: House) -> Callable[..., dict[str, Any]]:
    """Draw the bar with so many MB free: its line, and its buttons by label, with their ids."""

    def draw(
        free: float, analysis: Analysis[Any] = holds.ANALYSIS, shown: StoredResult | None = None, **raw: Any
    ) -> Any:
        used = sum(each["mb"] for each in pulse.measure(here)["parts"] if each["name"] not in {"Job", "Reader"})
        here.limit = dataclasses.replace(here.limit, mb=round(used + free) + preflight.SUPERVISOR_MB)
        drawn = _run_bar(analysis, KNOWN, {"item": "item", **raw}, shown)
        return {"line": text(drawn, "preflight"), "buttons": buttons(drawn), "look": look(drawn)}

    return draw


def parts(drawn: Any) -> Iterator[Component]:
    if isinstance(drawn, list | tuple):
        for each in drawn:
            yield from parts(each)
    elif isinstance(drawn, Component):
        yield drawn
        yield from parts(getattr(drawn, "children", None))


def said(drawn: Any) -> str:
    if isinstance(drawn, list | tuple):
        return "".join(map(said, drawn))
    return said(getattr(drawn, "children", None)) if isinstance(drawn, Component) else str(drawn or "")


def text(drawn: Component, name: str) -> str:
    return next(said(each) for each in parts(drawn) if name in getattr(each, "className", "").split())


def look(drawn: Component) -> str:
    return next(
        name for each in parts(drawn) for name in getattr(each, "className", "").split() if "preflight-" in name
    )


def buttons(drawn: Component) -> dict[str, Any]:
    return {said(each): each.id for each in parts(drawn) if type(each).__name__ == "Button"}


def around(line: str, free: int) -> str:
    """The line with what is free as it was set, whatever this process took meanwhile."""
    for near in range(free - 25, free + 26):
        line = line.replace(f" of {near}{THIN}MB", f" of {free}{THIN}MB")
    return line


def test_what_fits_is_said_in_one_calm_line(bar: Callable[..., dict[str, Any]]) -> None:
    drawn = bar(430)
    assert around(drawn["line"], 430) == (
        f"About 240{THIN}MB of 430{THIN}MB free, about 2{THIN}s. On all 100,000 rows."
    )
    assert drawn["buttons"] == {"Run": ids.RUN}


def test_it_follows_the_controls(bar: Callable[..., dict[str, Any]]) -> None:
    drawn = bar(430, sample_rows="50000")
    assert around(drawn["line"], 430) == (
        f"About 140{THIN}MB of 430{THIN}MB free, about 2{THIN}s. On 50,000 of 100,000 rows."
    )


def test_what_will_not_fit_becomes_the_sample_that_does(bar: Callable[..., dict[str, Any]]) -> None:
    drawn = bar(149)
    assert drawn["look"] == "preflight-misfit"
    assert around(drawn["line"], 149).startswith(
        f"Will not fit: about 240{THIN}MB of 149{THIN}MB free. The largest sample that fits is "
    )
    use, anyway = drawn["buttons"].items()
    rows = use[1]["rows"]
    assert 40_000 <= rows <= 60_000
    assert use == (f"Use {rows:,} rows", ids.use_rows(rows))
    assert drawn["line"].endswith(f"is {rows:,} rows.")
    assert anyway == ("Run anyway", ids.RUN)


def test_where_no_sample_fits_it_may_still_be_tried(bar: Callable[..., dict[str, Any]]) -> None:
    drawn = bar(10)
    assert "No useful sample fits either." in drawn["line"]
    assert drawn["buttons"] == {"Run anyway": ids.RUN}


def test_what_counts_every_row_on_disk_is_only_warned_of(bar: Callable[..., dict[str, Any]]) -> None:
    drawn = bar(10, instant.ANALYSIS)
    assert drawn["look"] == "preflight-misfit"
    assert drawn["line"].startswith(f"May not fit: about 40{THIN}MB of ")
    assert drawn["buttons"] == {"Run": ids.RUN}


def test_runs_that_took_more_are_learnt_from(bar: Callable[..., dict[str, Any]], here: House) -> None:
    path = here.home.server / "took" / "holds.json"
    predicted = holds.cost(Shape(KNOWN["rows"], 1), holds.HoldsParams(item="item"))  # type: ignore[arg-type]
    for _ in range(20):
        preflight.note(here.home.server, "holds", predicted, predicted.peak_mb * 2, predicted.seconds)
    try:
        assert bar(430)["line"].startswith(f"Will not fit: about 439{THIN}MB of ")
    finally:
        path.unlink()


def test_while_another_run_is_on_it_says_so_and_counts_what_will_be_free_then(
    bar: Callable[..., dict[str, Any]], here: House
) -> None:
    lock = lanes.take(here.home.server, lanes.HEAVY)
    assert lock is not None
    me = os.getppid()
    lanes.sign(lock, {"pid": me, "start": memory.started(me), "visitor": "0" * 32, "job": "0" * 32})
    try:
        drawn = bar(430)
        assert drawn["line"].startswith(f"Another run is on: yours starts after it. About 240{THIN}MB of ")
        assert drawn["buttons"] == {"Queue this run": ids.RUN}
        assert "Another run is on" in bar(149)["line"]
    finally:
        lanes.sign(lock, {})
        os.close(lock)


def test_what_is_missing_is_asked_for_and_what_is_wrong_is_said(bar: Callable[..., dict[str, Any]]) -> None:
    assert bar(430, item="")["line"] == "Some choices are missing."
    assert bar(430, sample_rows="50")["line"] == "Rows: a whole number from 100 to 10,000,000."
    assert bar(430, seed="")["line"] == "Some choices are missing."


def test_an_answer_of_another_sample_is_said_in_words(bar: Callable[..., dict[str, Any]], tmp_path: Path) -> None:
    about = {
        "params": {"item": "item", "sample_by": None, "sample_rows": None, "seed": 0, "takes": 0},
        "made": time.time(),
        "tables": {},
    }
    shown = StoredResult(tmp_path, about)
    assert bar(430, shown=shown)["buttons"] == {"Up to date": ids.RUN}
    assert bar(430, shown=shown, sample_rows="50000")["line"].startswith("The answer shown is for all rows. About ")
    shown = StoredResult(tmp_path, {**about, "params": about["params"] | {"sample_rows": 60_000}})
    assert bar(430, shown=shown)["line"].startswith("The answer shown is for 60,000 rows. About ")
