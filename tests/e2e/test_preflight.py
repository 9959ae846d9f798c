"""What will not fit is said before it runs, and one click runs the sample that does."""

from __future__ import annotations

import json
import re
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect

from services import preflight
from tests.e2e.conftest import Server, Visitor, serve, upload

EXTRA = {"EXTRA_ANALYSES": "tests.analyses", "EXTRA_PAGES": "tests.pages"}
FREE = 200  # MB; all 200,000 rows are predicted to take 440, and 80,000 of them 200


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server whose jobs find about `FREE`, whatever this machine has."""
    made = serve(tmp_path_factory.mktemp("server"), **EXTRA, RESERVE_MB="0")
    free = json.load(urllib.request.urlopen(f"{made.address}/_pulse", timeout=60))["memory"]["free"]
    made.stop()
    made.settings["RESERVE_MB"] = str(free - preflight.SUPERVISOR_MB - FREE)
    made.start()
    yield made
    made.stop()


def test_one_click_runs_the_sample_that_fits(visit: Callable[..., Visitor], tmp_path: Path) -> None:
    file = tmp_path / "items.csv"
    file.write_text("item,place\n" + "".join(f"item {i % 7},here\n" for i in range(200_000)))
    visitor = visit()
    page = visitor.open()
    upload(page, file)
    page.goto(f"{visitor.server.address}/holds")
    page.get_by_label("Item").select_option("item")
    bar = page.locator("#run-bar")
    expect(bar).to_contain_text("Will not fit:")
    expect(bar.get_by_role("button", name="Run anyway")).to_be_enabled()
    rows = re.search(r"largest sample that fits is ([\d,]+) rows", bar.inner_text())
    assert rows is not None
    bar.get_by_role("button", name=f"Use {rows[1]} rows").click()
    expect(page.get_by_text("There are 7 items.")).to_be_visible()
    expect(page.locator("#answer")).to_contain_text(f"{rows[1]} of 200,000 rows")
    expect(page.get_by_label("Rows")).to_have_value(rows[1].replace(",", ""))
    expect(bar).to_contain_text("Up to date")
    expect(bar).not_to_contain_text("Will not fit")
    page.get_by_label("Rows").fill("")
    page.get_by_label("Rows").press("Tab")
    expect(bar).to_contain_text("Will not fit:")
    assert visitor.complaints == []


def test_a_run_that_is_stopped_for_memory_offers_the_sample_that_fits(
    visit: Callable[..., Visitor], tmp_path: Path
) -> None:
    file = tmp_path / "items.csv"
    file.write_text("item,place\n" + "".join(f"item {i % 7},here\n" for i in range(200_000)))
    visitor = visit()
    page = visitor.open()
    upload(page, file)
    page.goto(f"{visitor.server.address}/holds")
    page.get_by_label("Item").select_option("item")
    page.get_by_label("Rows").fill("50000")  # predicted to fit, and it does not
    page.get_by_label("KB that a row takes besides").fill("4")
    page.get_by_role("button", name="Run", exact=True).click()
    stopped = page.locator("#state")
    # Whoever comes first: who looks at it, or the limit on what it asks for.
    expect(stopped).to_contain_text(re.compile("it (needed|asked for) more memory .*than this server has free"))
    expect(stopped).to_contain_text("The server itself kept running. Nothing of yours is lost.")
    stopped.get_by_role("button", name="Run on 25,000 rows").click()
    expect(page.get_by_text("There are 7 items.")).to_be_visible()
    expect(page.locator("#answer")).to_contain_text("25,000 of 200,000 rows")
    assert visitor.complaints == []
