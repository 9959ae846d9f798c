"""The main job, end to end, on real data, in a real browser."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pandas as pd
from playwright.sync_api import Page, expect

from services import results
from tests.e2e.conftest import DEADLINE, ROOT, Server, Visitor, until, upload


def _links(page: Page) -> list[dict[str, str | None]]:
    """The sidebar's links as mouse, keyboard and screen reader find them."""
    return page.evaluate(
        """() => [...document.querySelectorAll('#sidebar a[data-nav].nav-link-item')].map(link => ({
            label: link.textContent, disabled: link.getAttribute('aria-disabled'),
            tab: link.getAttribute('tabindex'), title: link.title }))"""
    )


def _locked(page: Page) -> bool:
    return all(link["disabled"] == "true" and link["tab"] == "-1" for link in _links(page))


def _free(page: Page) -> bool:
    return all(link["disabled"] is None and link["tab"] != "-1" for link in _links(page))


def _press_run(page: Page) -> Callable[[], None]:
    def press() -> None:
        button = page.get_by_role("button", name="Run", exact=True)
        expect(button).to_be_enabled()
        button.click()

    return press


def test_purchases_go_from_upload_to_export(visitor: Visitor, server: Server, purchases: Path, tmp_path: Path) -> None:
    frame = pd.read_csv(purchases, dtype={"household_id": str})
    page = visitor.open()
    upload(page, purchases)
    expect(page.locator(".facts")).to_contain_text(f"{len(frame):,}")
    expect(page.get_by_role("button", name="Decimal sales_value")).to_be_visible()

    second = visitor.open("/data")
    second.wait_for_selector("#sidebar a.nav-link-item")
    page.goto(f"{server.address}/rfm")
    page.get_by_role("button", name="Run", exact=True).wait_for()
    assert page.locator("select").first.input_value() == "household_id"

    with server.held(_press_run(page)):
        # Progress is on the page, with a way to stop it; the links of every open tab are locked.
        expect(page.locator(".run-panel [role=progressbar]")).to_be_visible()
        expect(page.locator(".run-panel").get_by_role("button", name="Cancel")).to_be_visible()
        until(lambda: _locked(page), "links are locked where the run is")
        until(lambda: _locked(second), "links are locked in the other tab")
        assert all("RFM" in str(link["title"]) for link in _links(second))
        # A link that is locked leads nowhere, by mouse or keyboard.
        second.locator("#sidebar a.nav-link-item", has_text="Home").click(force=True)
        assert second.url.endswith("/data")
        # A reload finds the run again.
        page.reload()
        expect(page.locator(".run-panel [role=progressbar]")).to_be_visible()
    page.wait_for_url("**/rfm?result=*")
    expect(page.locator(".lede")).to_contain_text("Champions")
    until(lambda: _free(page), "links are free again where the run was")
    until(lambda: _free(second), "links are free again in the other tab")

    segments = _segments_on_screen(page)
    expected = _rfm_in_pandas(frame)
    assert segments == expected["segment"].value_counts().to_dict()

    # A segment that is clicked filters the customers.
    name = next(iter(segments))
    page.get_by_role("button", name=name, exact=True).click()
    badge = page.locator(".tag-filter")
    expect(badge).to_contain_text(name)
    expect(page.locator(".heading", has=badge)).to_contain_text(f"{segments[name]:,} of {len(expected):,}")
    grid = page.locator(".grid")
    grid.scroll_into_view_if_needed()
    expect(grid.locator("[row-index='0'] [col-id=segment]")).to_have_text(name)
    badge.click()
    expect(badge).to_have_count(0)

    # What is exported is what is on the screen, and what pandas says.
    page.locator("summary", has_text="Export").click()
    with page.expect_download() as download:
        page.get_by_role("button", name="Customers CSV").click()
    target = tmp_path / "customers.csv"
    download.value.save_as(target)
    exported = pd.read_csv(target, dtype={"customer": str}).set_index("customer")
    assert len(exported) == len(expected)
    joined = exported.join(expected, rsuffix="_expected")
    for column in ("recency_days", "frequency", "r", "f", "m"):
        assert (joined[column] == joined[f"{column}_expected"]).all(), column
    assert (joined["monetary"] - joined["monetary_expected"]).abs().max() < 0.005
    assert (joined["segment"] == joined["segment_expected"]).all()
    grid.scroll_into_view_if_needed()
    first = {cell.get_attribute("col-id"): cell.inner_text() for cell in grid.locator("[row-index='0'] [col-id]").all()}
    with open(target, encoding="utf-8-sig") as file:
        top = next(csv.DictReader(file))
    assert first["customer"] == top["customer"]
    assert first["monetary"] == f"{float(top['monetary']):,.2f}"

    # Without a browser, the same numbers.
    command = [sys.executable, "-m", "dashapp", "run", "rfm", str(purchases)]
    said = json.loads(subprocess.run(command, cwd=ROOT, capture_output=True, check=True, timeout=DEADLINE).stdout)
    stored = results.get(visitor.workspace.result(page.url.rpartition("=")[2]))
    assert said["status"] == "done"
    assert said["facts"] == dict(stored.facts)
    assert visitor.complaints == []


def _segments_on_screen(page: Page) -> dict[str, int]:
    rows = page.locator("table.dense", has=page.get_by_role("columnheader", name="What to do")).locator("tbody tr")
    counts = {}
    for row in rows.all():
        name, customers = row.locator("th").inner_text(), row.locator("td").first.locator("span").first.inner_text()
        counts[name.strip()] = int(customers.replace(",", ""))
    return {name: count for name, count in counts.items() if count}


def _rfm_in_pandas(frame: pd.DataFrame) -> pd.DataFrame:
    """The same analysis, written another way: days, baskets and sums per household, scores by comparison."""
    lines = frame.assign(day=pd.to_datetime(frame["transaction_timestamp"]).dt.normalize())
    bought = lines[~(lines["sales_value"] < 0)]
    last = bought["day"].max() + pd.Timedelta(days=1)
    each = bought.groupby("household_id").agg(latest=("day", "max"), frequency=("basket_id", "nunique"))
    each["monetary"] = lines.groupby("household_id")["sales_value"].sum()
    each["recency_days"] = (last - each["latest"]).dt.days
    for score, column, better in (("r", "recency_days", -1), ("f", "frequency", 1), ("m", "monetary", 1)):
        values = (better * each[column]).round(2).tolist()
        each[score] = [1 + 5 * sum(other < value for other in values) // len(values) for value in values]
    names = {
        5: "New customers,Potential loyalists,Potential loyalists,Champions,Champions",
        4: "Promising,Potential loyalists,Potential loyalists,Loyal customers,Champions",
        3: "About to sleep,About to sleep,Need attention,Loyal customers,Loyal customers",
        2: "Hibernating,Hibernating,At risk,At risk,Cannot lose them",
        1: "Lost,Lost,At risk,Cannot lose them,Cannot lose them",
    }
    each["segment"] = [
        names[r].split(",")[-(-(f + m) // 2) - 1] for r, f, m in zip(each["r"], each["f"], each["m"], strict=True)
    ]
    return each


def test_the_same_question_is_answered_at_once_and_its_address_opens_again(
    visitor: Visitor, server: Server, visit: Callable[..., Visitor]
) -> None:
    page = visitor.stand("/rfm", "Purchases")
    _press_run(page)()
    page.wait_for_url("**/rfm?result=*")
    expect(page.locator(".lede")).to_contain_text("Champions")
    said, address = page.locator(".lede").inner_text(), page.url
    jobs = len(list(visitor.workspace.each("jobs")))

    page.goto(f"{server.address}/rfm")  # the page comes back with its last answer
    expect(page.locator(".lede")).to_have_text(said)
    page.get_by_label("Scores from 1 to").fill("4")
    page.get_by_label("Scores from 1 to").press("Tab")
    page.get_by_role("button", name="Run again").click()
    page.wait_for_function("address => !location.href.endsWith(address)", arg=address.split("=")[-1])
    page.wait_for_url("**/rfm?result=*")
    assert len(list(visitor.workspace.each("jobs"))) == jobs + 1
    page.get_by_label("Scores from 1 to").fill("5")
    page.get_by_label("Scores from 1 to").press("Tab")
    page.get_by_role("button", name="Run again").click()
    expect(page).to_have_url(address)  # the first question: its answer is still there, no new run
    assert len(list(visitor.workspace.each("jobs"))) == jobs + 1

    fresh = visitor.open(address.removeprefix(server.address))
    expect(fresh.locator(".lede")).to_have_text(said)
    stranger = visit().open(address.removeprefix(server.address))
    expect(stranger.locator("#main")).to_contain_text("This result is not here")
    assert visitor.complaints == []


def test_cancel_stops_the_run_and_frees_the_links(visitor: Visitor, server: Server) -> None:
    page = visitor.stand("/rfm", "Purchases")
    with server.held(_press_run(page)):
        until(lambda: _locked(page), "links are locked")
        page.locator(".run-panel").get_by_role("button", name="Cancel").click()
        until(lambda: server.worker() is None, "the worker is gone")
    expect(page.locator("#state")).to_contain_text("You cancelled this run")
    until(lambda: _free(page), "links are free again")
    page.locator("#state").get_by_role("button", name="Run again").click()
    page.wait_for_url("**/rfm?result=*")
    expect(page.locator(".lede")).to_contain_text("Champions")
    assert visitor.complaints == []


def test_a_second_visitor_waits_in_the_queue_and_is_run_by_itself(
    visit: Callable[..., Visitor], server: Server
) -> None:
    first, second = visit(), visit()
    pages = []
    for each in (first, second):
        page = each.stand("/rfm", "Purchases")
        page.get_by_role("button", name="Run", exact=True).wait_for()
        pages.append(page)
    with server.held(_press_run(pages[0])):
        until(lambda: _locked(pages[1]), "links are locked for the other visitor too")
        pages[1].get_by_role("button", name="Queue this run").click()
        expect(pages[1].locator(".run-panel")).to_contain_text("1st in the queue")
    for page in pages:
        page.wait_for_url("**/rfm?result=*")
        expect(page.locator(".lede")).to_contain_text("Champions")
    assert first.complaints + second.complaints == []
