"""Three analyses ticked: they run one after another, one fails, and the others are done."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.e2e.conftest import Server, Visitor, serve, upload
from tests.e2e.test_pages import _check

EXTRA = {"EXTRA_ANALYSES": "tests.analyses", "EXTRA_PAGES": "tests.pages"}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with the analyses for tests."""
    made = serve(tmp_path_factory.mktemp("server"), **EXTRA)
    yield made
    made.stop()


def test_three_are_run_one_after_another_and_the_one_that_fails_stops_none(
    visit: Callable[..., Visitor], server: Server, tmp_path: Path
) -> None:
    orders = tmp_path / "orders.csv"
    lines = [f"c{i % 9},2024-01-{i % 28 + 1:02},item {i % 4},{i % 50 + 1}.5" for i in range(200)]
    orders.write_text("\n".join(["customer_id,order_date,item,amount", *lines]))
    visitor = visit()
    page = visitor.open()
    upload(page, orders)
    page.goto(server.address)  # Home ticks, runs, and shows how it goes on its own page
    run = page.locator("#run-several")
    expect(run).to_be_disabled()
    for title in ("RFM segments", "Breaks", "Nothing"):
        page.get_by_label(f"Run {title} in turn").check()
    expect(run).to_have_text("Run 3 analyses")
    expect(page.locator("#several-bar")).to_contain_text("in all, at most")

    parts = page.locator("#chain .part")
    chip = page.locator("#job-chip")
    with server.held(run.click):
        page.wait_for_url("**/several?chain=*")
        address = page.url
        expect(parts.locator(".state")).to_have_text(["Running", "Queued", "Queued"])
        expect(parts.nth(0).locator(".far")).not_to_be_empty()
        expect(chip).to_contain_text("1 of 3: RFM")
        second = visitor.open("/several")  # found by who did not ask here, and after a reload
        expect(second.locator("#chain .state")).to_have_text(["Running", "Queued", "Queued"])
        faults = _check(second, "several-running-1440-light")
        second.close()
        page.goto(f"{server.address}/data")
        expect(chip.get_by_role("link")).to_have_attribute("href", address.removeprefix(server.address))

    expect(chip).to_contain_text("2 of 3 done, 1 failed")
    chip.get_by_role("link").click()
    page.wait_for_url(address)
    expect(parts.locator(".state")).to_have_text(["Done", "Failed", "Done"])
    expect(parts.nth(1)).to_contain_text("This is our mistake. Incident")
    expect(page.get_by_role("button", name="Cancel all")).to_have_count(0)
    expect(chip).to_be_empty()
    see = parts.nth(1).get_by_role("link", name="See why")
    assert (see.get_attribute("href") or "").startswith("/breaks?run=")
    done = parts.nth(0).get_by_role("link", name="Open")
    assert (done.get_attribute("href") or "").startswith("/rfm?result=")

    # What is answered is not run again, and Cancel all ends what is left.
    page.goto(f"{server.address}/several")
    page.get_by_role("button", name="Tick all").click()
    expect(page.locator("#several-bar")).to_contain_text("2 of 5 answered already.")
    with server.held(run.click):
        expect(parts.locator(".state")).to_have_text(["Done", "Running", "Queued", "Done", "Queued"])
        page.get_by_role("button", name="Cancel all").click()
        expect(parts.nth(4).locator(".state")).to_have_text("Cancelled")
    expect(parts.locator(".state")).to_have_text(["Done", "Cancelled", "Cancelled", "Done", "Cancelled"])
    page.goto(f"{server.address}/runs")
    expect(page.locator("#my-runs tbody tr .run-name").last).to_have_text("RFM segments1 of 3")
    assert faults == []
    assert visitor.complaints == []
