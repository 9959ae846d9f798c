"""Models are compared while one watches; one is skipped; each is looked at; the answer is taken along."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
from playwright.sync_api import expect

from tests.e2e.conftest import Visitor, upload
from tests.e2e.test_pages import _check


def _customers(path: Path, rows: int = 600) -> None:
    random = np.random.default_rng(0)
    with open(path, "w", newline="") as file:
        lines = csv.writer(file)
        lines.writerow(["who", "months", "calls", "contract", "leaves"])
        for place in range(rows):
            months, calls = int(random.integers(1, 72)), int(random.poisson(1.5))
            contract = ("monthly", "yearly")[int(random.integers(2))]
            odds = calls - 0.05 * months + (1.5 if contract == "monthly" else 0) - 1
            leaves = random.random() < 1 / (1 + np.exp(-odds))
            lines.writerow([f"c{place:04d}", months, calls, contract, "yes" if leaves else "no"])


def test_models_are_compared_and_looked_at(visitor: Visitor, tmp_path: Path) -> None:
    page = visitor.open()
    _customers(tmp_path / "customers.csv")
    upload(page, tmp_path / "customers.csv")
    page.locator("#sidebar a.nav-link-item", has_text="Classification").click()
    expect(page.locator("#answer")).to_contain_text("600 rows are ready.")
    page.get_by_label("Target").select_option("leaves")
    page.locator(".field", has_text="Models").locator(".dash-dropdown").click()
    for name in ("All of them", "Quick five"):
        page.locator(".dash-dropdown-content label", has_text=name).first.click()
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Run", exact=True).click()

    answer = page.locator("#answer")
    expect(answer.locator(".lede")).to_contain_text("is best: balanced accuracy", timeout=90_000)
    expect(answer.locator(".lede")).to_contain_text("against 0.500 for always saying “no”", timeout=90_000)
    board = page.get_by_role("table", name="Leaderboard")
    expect(board.locator("tbody tr")).to_have_count(6, timeout=90_000)
    expect(answer.locator(".facts")).to_contain_text("6 of 6", timeout=90_000)
    expect(page.get_by_role("table", name="Columns that are not used")).to_contain_text("it names rows")
    expect(page.get_by_role("img", name="looks at")).to_be_visible()

    matrix = page.get_by_role("table", name="Confusion matrix")
    before = matrix.inner_text()
    page.get_by_label("Model", exact=True).select_option("Baseline: the most frequent class")
    expect(matrix).not_to_have_text(before)
    expect(matrix).to_contain_text("100 %")
    page.locator(".grid").scroll_into_view_if_needed()
    page.wait_for_selector(".ag-row [col-id=predicted]")
    assert _check(page, "classification") == []
    page.locator("summary", has_text="Export").click()
    with page.expect_download() as taken:
        page.locator(".menu-item", has_text="Leaderboard").filter(has_text="CSV").click()
    rows = list(csv.DictReader(taken.value.path().open(encoding="utf-8-sig")))
    assert {row["state"] for row in rows} == {"done"}
    assert float(rows[1]["balanced_accuracy"]) > 0.65
