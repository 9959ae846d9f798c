"""Rows and charts of one table: filtered, sorted, drawn; and all of it in the address."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pandas as pd
from playwright.sync_api import expect

from tests.e2e.conftest import Visitor, until, upload

ROWS = 600
FRAME = pd.DataFrame(
    {
        "shop": [f"{town} {n % 3}" for n, town in zip(range(ROWS), ["Rome", "Oslo"] * ROWS)],
        "sold": [(n * 37) % 500 for n in range(ROWS)],
        "day": pd.date_range("2021-01-01", periods=ROWS, freq="D").strftime("%Y-%m-%d"),
    }
)


def test_what_is_looked_at_is_in_the_address_and_comes_back_in_another_window(visitor: Visitor, tmp_path: Path) -> None:
    FRAME.to_csv(tmp_path / "sales.csv", index=False)
    page = visitor.open()
    upload(page, tmp_path / "sales.csv")
    page.locator("#sidebar a.nav-link-item", has_text="Explore").click()
    said = page.locator(".explored-said")
    expect(said).to_have_text("600 rows")

    page.locator("[col-id=c1] .ag-header-cell-label").click()
    first = page.locator(".grid [row-index='0'] [col-id=c1]")
    expect(first).to_have_text(str(FRAME["sold"].min()))
    rome = FRAME[FRAME["shop"].str.contains("Rome 1")]
    page.get_by_label("Search all columns").fill("rome 1")
    expect(said).to_contain_text(f"{len(rome)} of 600 rows")
    expect(first).to_have_text(str(rome["sold"].min()))

    # The chart sees the same rows; a suggestion fills its controls.
    page.locator(".view-switch label", has_text="Chart").click()
    page.get_by_role("button", name="How sold is spread").click()
    expect(page.locator("figure h2")).to_have_text("How sold is spread")
    expect(page.locator(".chart-head")).to_contain_text(f"{len(rome)} of 600 rows")
    until(lambda: "chart" in parse_qs(urlsplit(page.url).query), "the chart is in the address")

    other = visitor.open(page.url.removeprefix(visitor.server.address))
    expect(other.locator("figure h2")).to_have_text("How sold is spread")
    expect(other.locator(".explored-said")).to_contain_text("any column contains rome 1")
    with other.expect_download() as taken:
        other.locator(".chart-files a").click()
    counts = pd.read_csv(taken.value.path())
    assert counts["Rows"].sum() == len(rome)
    with other.expect_download() as picture:
        other.locator("[data-picture=png]").click()
    assert picture.value.path().read_bytes().startswith(b"\x89PNG")

    # Without the filter both show all rows again.
    other.locator(".tag-filter").click()
    expect(other.locator(".chart-head")).to_contain_text("All 600 rows")
    other.locator(".view-switch label", has_text="Rows").click()
    expect(other.locator(".explored-said")).to_have_text("600 rows")
    expect(other.locator(".grid [row-index='0'] [col-id=c1]")).to_have_text(str(FRAME["sold"].min()))
    assert not visitor.complaints, visitor.complaints
