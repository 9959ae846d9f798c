"""Models are compared while one watches; one is skipped; each is looked at; the answer is taken along."""

from __future__ import annotations

import csv
import json
import re
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlencode

import numpy as np
from playwright.sync_api import expect

from services.jobs import checkpoints
from services.workspace import read_json
from tests.e2e.conftest import Visitor, until, upload
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


def _marriages(folder: Path) -> tuple[Path, Path]:
    """What 6,366 women said of their marriages (Fair, 1978), and whether they had an affair; of the last, not that."""
    from statsmodels.datasets import fair

    frame = fair.load_pandas().data
    frame["affair"] = np.where(frame.pop("affairs") > 0, "yes", "no")
    frame["occupation"] = "kind " + frame["occupation"].astype(int).astype(str)
    known, new = folder / "marriages.csv", folder / "new.csv"
    shuffled = frame.sample(frac=1, random_state=0)
    shuffled[:5_000].to_csv(known, index=False)
    shuffled[5_000:].drop(columns="affair").to_csv(new, index=False)
    return known, new


MODELS = ["logistic", "lightgbm", "random_forest", "naive_bayes", "decision_tree", "bagging"]


def test_one_is_skipped_the_run_is_resumed_and_its_model_is_used(visitor: Visitor, tmp_path: Path) -> None:
    known, new = _marriages(tmp_path)
    page = visitor.open()
    upload(page, new)
    page.goto(f"{visitor.server.address}/data#add")
    upload(page, known)
    # An address fills the form in; it asks nothing by itself.
    asked = {"ask": json.dumps({"target": "affair", "models": MODELS, "folds": 10, "repeats": 2})}
    page.goto(f"{visitor.server.address}/classification?{urlencode(asked)}")
    page.get_by_role("button", name="Run", exact=True).click()
    board = page.get_by_role("table", name="Leaderboard")
    skip = page.get_by_role("button", name="Skip “Random forest”")
    skip.wait_for(timeout=90_000)
    board.locator("tbody tr").nth(2).wait_for(timeout=30_000)  # they come while it runs
    skip.click()
    page.get_by_role("button", name="Skip \u201cBagging\u201d").wait_for(timeout=90_000)
    page.locator(".run-panel").get_by_role("button", name="Cancel").click()
    resume = page.get_by_role("button", name="Resume")
    resume.wait_for()
    (result,) = (visitor.workspace.folder / "results").iterdir()
    kept = {path: path.stat().st_mtime_ns for path in (result / "steps").rglob("*.parquet")}
    assert len(kept) >= 5
    assert "Random forest" in checkpoints.stopped(result / "steps")
    resume.click()
    page.get_by_role("button", name="Skip \u201cBagging\u201d").wait_for(timeout=90_000)
    assert {path: path.stat().st_mtime_ns for path in kept} == kept  # what was kept was not made anew
    answer = page.locator("#answer")
    expect(answer.locator(".facts")).to_contain_text("6 of 7", timeout=90_000)
    expect(board.locator("tr", has_text="Random forest")).to_contain_text("skipped")

    # The threshold moves every figure that hangs on it.
    page.locator(".one-model select").first.select_option("Gaussian naive Bayes")
    expect(page.get_by_role("link", name="Use this model")).to_have_attribute("href", re.compile("naive_bayes"))
    matrix = page.get_by_role("table", name="Confusion matrix")
    expect(matrix).not_to_contain_text("\u2013")
    before = matrix.inner_text()
    thumb = page.locator(".cut [role=slider]")
    thumb.focus()
    thumb.press("End")
    expect(matrix).not_to_have_text(before)
    shares = matrix.locator("tbody tr").nth(1).inner_text()
    assert "%" in shares

    # The chosen model is fitted on all rows, and asked of the other table.
    page.get_by_role("link", name="Use this model").click()
    page.wait_for_url("**/model?*")
    other = page.locator(".field", has_text="Another table with the same columns").locator("select")
    other.select_option(label="new.csv")
    page.get_by_label("Model file").check()
    page.get_by_role("button", name="Run", exact=True).click()
    expect(answer.locator(".lede")).to_contain_text("1,366 rows of new.csv are predicted", timeout=90_000)
    page.locator(".grid").first.scroll_into_view_if_needed()
    page.wait_for_selector(".ag-row [col-id=predicted]")
    assert _check(page, "model") == []
    row = page.get_by_label("Row", exact=True)
    why = page.get_by_role("img", name="What adds up for row 1")
    if row.count():
        row.select_option("2")
        expect(why).to_have_count(0)
    taken = {}
    for label, name in (("Model card (HTML)", "model_card.html"), ("Python script", "model.py"),
                        ("Model file (skops)", "model.skops"), ("Parquet", "predictions")):  # fmt: skip
        with page.expect_download() as download:
            page.locator("#answer").get_by_role("link", name=label).first.click()
        taken[name] = tmp_path / f"taken-{name}"
        download.value.save_as(taken[name])
    assert "Gaussian naive Bayes" in taken["model_card.html"].read_text()

    # The script reaches the same score by itself, from the file that was uploaded.
    (stored,) = [read_json(path) for path in visitor.workspace.folder.glob("results/*/result.json")
                 if read_json(path)["slug"] == "model"]  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-I", str(taken["model.py"]), str(known)], cwd=tmp_path, capture_output=True, text=True,
        check=True, env={},
    )  # fmt: skip
    said = {line.split()[0]: float(line.split()[1]) for line in done.stdout.splitlines()}
    assert abs(said["balanced_accuracy"] - stored["facts"]["score"]) < 1e-9
    page.get_by_role("link", name="Look at its rows").click()
    page.wait_for_url("**/explore?dataset=*")
    until(lambda: "p yes" in page.inner_text("main"), "the predictions are a table")
