"""What was understood of a file is checked, changed, read anew, and remembered for the next one."""

from __future__ import annotations

import json
from pathlib import Path

from playwright.sync_api import Page, expect

from tests.e2e.conftest import Server, Visitor

ROWS = [
    '00608,03/04/2017,21.64,"$1,234.50",hello,yes', "00676,05/06/2017,35.94,$2.00,,no",
    "01274,01/02/2017,n.a.,$15.25,NA,yes",
    *(f"{i:05d},{i % 12 + 1:02d}/{(i * 5) % 12 + 1:02d}/2017,{i}.25,$7.00,note {i},no" for i in range(300)),
]  # fmt: skip
FILE = "customer,day,amount,price,note,flag\n" + "\n".join(ROWS) + "\n9,9,9,9,9,9,9\n"


def test_two_types_are_corrected_and_the_next_file_is_read_so(visitor: Visitor, server: Server, tmp_path: Path) -> None:
    page = visitor.open()
    (tmp_path / "first.csv").write_text(FILE)
    _choose(page, tmp_path / "first.csv")
    said = page.locator(".lede")
    expect(said).to_have_text("3 of 6 columns are clear. 3 need a decision from you.")
    expect(page.get_by_label("Type of customer")).to_have_value("identifier|")
    expect(page.locator("#rejects")).to_contain_text("7 cells, where the table has 6 columns")
    expect(page.locator(".ag-row").first).to_contain_text("2017-04-03")
    bar = page.locator("#types-bar")
    expect(bar.get_by_role("button", name="Use these 303 rows")).to_be_visible()

    # A question's answer is a type; what cannot be is said at its control; all is still there after a reload.
    page.get_by_label("Month first: 4 Mar 2017").check()
    expect(page.get_by_label("Type of day")).to_have_value("date|month first")
    page.get_by_label("Type of price").select_option("decimal|decimal point")
    expect(page.get_by_label("A number: 1234.50")).to_be_checked()
    page.get_by_label("Name of note").fill("AMOUNT")
    page.keyboard.press("Tab")
    row = page.locator("tr", has=page.get_by_label("Name of note"))
    expect(row).to_contain_text("The name AMOUNT is taken.")
    page.get_by_label("Name of note").fill("remark")
    page.get_by_label("Use flag").uncheck()
    expect(bar.get_by_role("button", name="Read again with 4 changes")).to_be_visible()
    page.reload()
    expect(page.get_by_label("Name of note")).to_have_value("remark")

    # What nothing reads as is said where it was chosen, and the table is as it was.
    page.get_by_label("Type of note").select_option("date|")
    bar.get_by_role("button", name="Read again with 4 changes").click()
    expect(row).to_contain_text("No value of remark is a date.")
    page.get_by_label("Type of note").select_option("text|")
    before = page.url
    bar.get_by_role("button", name="Read again with 4 changes").click()
    expect(said).to_have_text("5 of 6 columns are clear. 1 needs a decision from you.")
    assert page.url != before
    expect(page.locator(".ag-row").first).to_contain_text("2017-03-04")
    expect(page.locator(".ag-row").first).to_contain_text("1,234.50")
    assert len(list(visitor.workspace.each("datasets"))) == 1

    with page.expect_download() as saved:
        page.get_by_role("link", name="Save choices").click()
    choices = json.loads(saved.value.path().read_text())
    assert {column["from"] for column in choices["columns"]} == {"day", "price", "note", "flag"}
    with page.expect_download() as lines:
        page.get_by_role("link", name="Download them").click()
    assert "9,9,9,9,9,9,9" in lines.value.path().read_text()
    bar.get_by_role("button", name="Use these 303 rows").click()
    page.wait_for_url("**/data?dataset=*")
    expect(page.locator("#columns")).to_contain_text("remark")

    # The next file of these columns; then one whose choices come from the file that was saved.
    (tmp_path / "second.csv").write_text(FILE.replace("hello", "bye"))
    page.goto(f"{server.address}/data")
    _choose(page, tmp_path / "second.csv")
    expect(page.get_by_label("Type of day")).to_have_value("date|month first")
    page.get_by_label("Type of day").select_option("date|day first")
    page.set_input_files("#choices-file", {"name": "r.json", "mimeType": "application/json", "buffer": b"[]"})
    expect(page.locator("#types-said")).to_contain_text("This is no file of reading choices.")
    page.set_input_files("#choices-file", str(saved.value.path()))
    expect(page.get_by_label("Type of day")).to_have_value("date|month first")

    # Another header line, and the file is read from there.
    page.get_by_text("Change reading").click()
    page.get_by_label("Line of the names").fill("900")
    page.keyboard.press("Tab")
    bar.get_by_role("button", name="Read again with 1 change").click()
    expect(page.locator("#state")).to_contain_text("There is no table below line 900.")
    bar.get_by_role("button", name="Drop the change").click()
    expect(bar.get_by_role("button", name="Use these 303 rows")).to_be_visible()
    assert visitor.complaints == []


def _choose(page: Page, file: Path) -> None:
    page.wait_for_selector("#drop-zone")
    page.set_input_files("#browse", str(file))
    page.get_by_role("heading", name="Check what we understood").wait_for()
    page.wait_for_selector("table.types")
