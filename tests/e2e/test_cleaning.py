"""A recipe is put together, undone after a reload, applied to every row, and what comes of it is a table of its own."""

from __future__ import annotations

from pathlib import Path

import duckdb
from playwright.sync_api import Page, expect

from layouts import links
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
    expect(preview.locator("td.changed .now").first).to_have_text("Oslo")
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
    mapping = page.locator(".rail-mapping")
    expect(mapping).to_contain_text("1 column of this recipe is not in this table.")
    mapping.get_by_label("sold").select_option("number")
    mapping.get_by_role("button", name="Use these columns").click()
    expect(steps.nth(2)).to_contain_text("Dropped")
    expect(mapping).to_have_count(0)
    page.set_input_files("#recipe-file", {"name": "r.json", "mimeType": "application/json", "buffer": b"[]"})
    expect(page.locator("#step-said")).to_contain_text("This is no recipe.")
    expect(steps).to_have_count(3)


def test_rows_that_were_filtered_are_kept_by_a_step(visitor: Visitor, tmp_path: Path) -> None:
    page = visitor.open()
    (tmp_path / "sales.csv").write_text(FILE)
    upload(page, tmp_path / "sales.csv")
    where = {"town": {"filterType": "text", "type": "startsWith", "filter": "Os"}}
    page.goto(f"{visitor.server.address}{links.rows(_root(visitor), where)}")
    page.get_by_role("link", name="Keep these rows in cleaning").click()
    step = page.locator(".rail-step")
    expect(step).to_have_count(1)
    expect(step).to_contain_text("Dropped 79 rows")
    page.reload()
    expect(step).to_have_count(1)


ORDERS = "order,customer,town,paid,day\n" + "\n".join(
    f"o{n},c{n % 9},{('Oslo', 'oslo', 'Rome', ' Rome', 'Bonn')[n % 5]},{n % 7 + 1},2024-0{n % 6 + 1}-1{n % 9}"
    for n in range(60)
)
PEOPLE = "name,country\nOslo,Norway\nRome,Italy\n"


def test_versions_are_compared_and_analysed(visitor: Visitor, tmp_path: Path) -> None:
    page = visitor.open()
    (tmp_path / "towns.csv").write_text(PEOPLE)
    upload(page, tmp_path / "towns.csv")
    (tmp_path / "orders.csv").write_text(ORDERS)
    page.goto(f"{visitor.server.address}/data")
    upload(page, tmp_path / "orders.csv")
    page.locator("#sidebar a.nav-link-item", has_text="Cleaning").click()
    steps, form, tried = page.locator(".rail-step"), page.locator("#step-form"), page.locator("#step-tried")
    expect(page.locator(".answer")).to_contain_text("Quality")

    # A step is tried while it is filled in: nothing is added yet. Spellings are taken one by one.
    page.locator("#step-choice").select_option("merge_spellings")
    form.get_by_label("Column", exact=True).select_option("town")
    expect(tried).to_contain_text("On all rows: Merged 2 spellings of town in 24 cells.")
    expect(page.locator("#before-after td.changed").first).to_be_visible()
    expect(page.locator("table.shape")).to_contain_text("Rome")
    page.get_by_label("Rome: “").uncheck()
    expect(tried).to_contain_text("Merged 1 spelling of town in 12 cells.")
    page.get_by_label("Rome: “").check()
    expect(tried).to_contain_text("Merged 2 spellings of town in 24 cells.")
    expect(steps).to_have_count(0)
    form.get_by_label("Remark").fill("typed by hand")
    form.get_by_role("button", name="Add the step").click()
    expect(steps).to_have_count(1)
    expect(steps.first).to_contain_text("typed by hand")
    page.get_by_role("button", name="Before", exact=True).click()
    expect(page.locator("#before-after td.changed .was").first).to_have_text("oslo")
    page.get_by_role("button", name="After", exact=True).click()
    page.locator(".th-button", has_text="paid").click()
    expect(page.locator("table.shape caption")).to_have_text("paid before and after")

    # Another table is looked up.
    page.locator("#step-choice").select_option("join")
    form.get_by_label("Table to look things up in").select_option(label="towns.csv")
    _pick(page, "By these columns", "town")
    _pick(page, "Their names there", "name")
    expect(tried).to_contain_text("Looked 60 rows up in towns.csv by town: 48 were found, 12 were not.")
    form.get_by_role("button", name="Add the step").click()
    expect(steps).to_have_count(2)

    page.get_by_role("button", name="Apply to all rows").click()
    answer = page.locator("#answer")
    expect(answer.locator(".lede")).to_have_text("24 cells mended, 0 rows dropped: 60 rows in 6 columns.")
    expect(page.locator("#versions")).to_contain_text("orders.csv, cleaned 1")
    with page.expect_download() as taken:
        answer.get_by_role("link", name="Report (Markdown)").click()
    assert "typed by hand" in taken.value.path().read_text()

    answer.get_by_role("link", name="Compare with before").click()
    said = page.locator(".lede")
    expect(said).to_have_text("24 rows changed: 24 cells in 1 column; 1 column new. Rows are told apart by order.")
    expect(page.get_by_role("table", name="Cells that changed")).to_contain_text("oslo")
    page.get_by_label("Rows are told apart by").select_option("~content")
    expect(said).to_contain_text("24 rows went, 24 rows came")

    # An analysis of the older version says that there is a newer one, and asks that.
    root = _root(visitor, "orders.csv")
    page.goto(f"{visitor.server.address}/rfm?dataset={root}")
    page.get_by_role("link", name="Use the newer one").click()
    expect(page.get_by_text("A newer version is")).to_have_count(0)
    page.get_by_role("button", name="Run", exact=True).click()
    expect(answer.locator(".lede")).to_contain_text("customers")
    done = [known for known in versions.each(visitor.workspace, root) if "cleaned" in known]
    assert len(done) == 1

    # A version is removed, and brought back.
    page.goto(f"{visitor.server.address}/cleaning?dataset={root}")
    page.locator("#versions").get_by_role("button", name="Remove orders.csv, cleaned 1").click()
    expect(page.locator("#versions")).to_have_count(0)
    page.get_by_role("button", name="Undo").last.click()
    expect(page.locator("#versions")).to_contain_text("orders.csv, cleaned 1")


def _pick(page: Page, label: str, value: str) -> None:
    """Choose in a list that takes several."""
    page.locator("#step-form .field", has_text=label).locator(".dash-dropdown").click()
    page.locator(".dash-dropdown-content label", has_text=value).first.click()
    page.keyboard.press("Escape")


def _root(visitor: Visitor, name: str = "") -> str:
    found = [known for known in datasets.each(visitor.workspace) if "cleaned" not in known]
    return next(known["id"] for known in found if name in known["name"])
