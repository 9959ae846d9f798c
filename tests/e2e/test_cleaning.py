"""A recipe is put together, undone after a reload, applied to every row, and what comes of it is a table of its own."""

from __future__ import annotations

from pathlib import Path

import duckdb
from playwright.sync_api import Page, expect

from services import datasets, versions
from tests.e2e.conftest import Visitor, upload

ROWS = ["Oslo ,5,2021-01-01", " Rome,-999,2021-01-02", "Oslo,7,2021-01-03", "rome,9,2021-01-04", "Oslo,7,2021-01-03"]
FILE = "town,sold,day\n" + "\n".join(ROWS * 10 + [f"Rome,{n},2022-02-{n % 28 + 1:02d}" for n in range(1, 60)])


def _add(page: Page, step: str) -> None:
    page.locator("#step-choice").select_option(step)
    page.locator("#step-form").get_by_role("button", name="Add the step").click()


def test_a_table_is_cleaned_step_by_step_and_the_old_one_stays(visitor: Visitor, tmp_path: Path) -> None:
    page = visitor.open()
    (tmp_path / "sales.csv").write_text(FILE)
    upload(page, tmp_path / "sales.csv")
    page.locator("#sidebar a.nav-link-item", has_text="Cleaning").click()
    steps, preview = page.locator(".rail-step"), page.locator("#before-after")
    expect(page.locator(".rail-head")).to_contain_text("No steps yet")

    # Steps are added, and shown on the rows at once; a wrong formula is said at its control.
    _add(page, "trim")
    expect(steps).to_have_count(1)
    expect(steps.first).to_contain_text("Trimmed 20 cells of town.")
    expect(preview.locator("td.changed").first).to_have_text("Oslo")
    page.locator(".rail-suggested").get_by_role("button", name="Drop repeated rows").click()
    expect(steps).to_have_count(2)
    page.locator("#step-choice").select_option("filter")
    page.get_by_label("Rows where").fill("sold >")
    page.locator("#step-form").get_by_role("button", name="Add the step").click()
    expect(page.locator("#step-form .error-slot")).to_contain_text(["it ends too early"])
    page.get_by_label("Rows where").fill("sold > 0")
    page.locator("#step-form").get_by_role("button", name="Add the step").click()
    expect(steps).to_have_count(3)

    # Undone after a reload, and redone; a step is skipped, and one whose column is gone greys those after it.
    page.get_by_role("button", name="Undo").click()
    expect(steps).to_have_count(2)
    page.reload()
    expect(steps).to_have_count(2)
    page.get_by_role("button", name="Redo").click()
    expect(steps).to_have_count(3)
    page.get_by_role("button", name="Skip step 1").click()
    expect(steps.first).to_contain_text("Skipped.")
    page.get_by_role("button", name="Use step 1").click()
    page.get_by_role("button", name="Change step 3").click()
    page.get_by_label("Rows where").fill("sold > 1")
    page.get_by_role("button", name="Change the step").click()
    expect(preview).to_contain_text("61 rows would be left")

    page.get_by_role("button", name="Apply to all rows").click()
    answer = page.locator("#answer")
    expect(answer.locator(".lede")).to_have_text("20 cells mended, 48 rows dropped: 61 rows in 3 columns.")
    with page.expect_download() as taken:
        answer.get_by_role("link", name="Parquet").click()
    assert duckdb.read_parquet(str(taken.value.path())).aggregate("count(*), min(sold)").fetchall() == [(61, 2)]
    with page.expect_download() as script:
        answer.get_by_role("link", name="pandas script").click()
    assert "def clean(table):" in script.value.path().read_text()
    answer.get_by_role("link", name="Open the cleaned table").click()
    expect(page.get_by_role("heading", name="sales.csv, cleaned 1")).to_be_visible()

    root, made = versions.each(visitor.workspace, _root(visitor))
    assert (root["rows"], made["rows"]) == (109, 61)
    assert made["cleaned"]["root"] == root["id"]
    page.locator("#sidebar a.nav-link-item", has_text="Cleaning").click()
    expect(steps).to_have_count(3)  # the recipe is of the table that the version was made of

    # The recipe goes to another table; what that has not is said on the step, and those after it wait.
    with page.expect_download() as saved:
        page.locator(".rail-head").get_by_role("link", name="Save").click()
    (tmp_path / "more.csv").write_text(FILE.replace("sold", "number").replace("Oslo", "Bergen "))
    page.goto(f"{visitor.server.address}/data")
    upload(page, tmp_path / "more.csv")
    page.locator("#sidebar a.nav-link-item", has_text="Cleaning").click()
    expect(page.locator(".rail-head")).to_contain_text("No steps yet")
    page.set_input_files("#recipe-file", str(saved.value.path()))
    expect(steps).to_have_count(3)
    expect(steps.nth(2)).to_contain_text("there is no column sold")
    page.get_by_role("button", name="Change step 3").click()
    page.get_by_label("Rows where").fill("number > 1")
    page.get_by_role("button", name="Change the step").click()
    expect(steps.nth(2)).to_contain_text("Dropped")
    page.set_input_files("#recipe-file", {"name": "r.json", "mimeType": "application/json", "buffer": b"[]"})
    expect(page.locator("#step-said")).to_contain_text("This is no recipe.")
    expect(steps).to_have_count(3)


def _root(visitor: Visitor) -> str:
    return next(known["id"] for known in datasets.each(visitor.workspace) if "cleaned" not in known)
