"""My runs, two of them compared, what ended unseen, and everything deleted: on real runs, in a real browser."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable

from playwright.sync_api import Locator, Page, expect

from services.errors import NotFound
from services.jobs import record
from services.jobs.record import Record
from tests.e2e.conftest import Server, Visitor, until
from tests.e2e.test_pages import _check


def _past(visitor: Visitor) -> list[Record]:
    found = []
    for folder in visitor.workspace.each("jobs"):
        with contextlib.suppress(NotFound):  # its folder is there a moment before it
            found.append(record.read(folder))
    return sorted((job for job in found if job.task == "analysis"), key=lambda job: job.made)


def _press_run(page: Page, scores: int | None = None) -> Callable[[], None]:
    """Ask for segments, of so many scores, on the page of RFM."""

    def press() -> None:
        if scores is not None:
            field = page.get_by_label("Scores from 1 to")
            field.fill(str(scores))
            field.press("Tab")
        page.locator(".btn.run:not([disabled])").click()

    return press


def _ask(visitor: Visitor, page: Page, scores: int | None = None) -> Record:
    """Run RFM to its end, on its page."""
    before = len(_past(visitor))
    page.goto(f"{visitor.server.address}/rfm")
    _press_run(page, scores)()
    until(lambda: [job.state for job in _past(visitor)[before:]] == ["done"], "a run is done")
    return _past(visitor)[-1]


def _rows(page: Page) -> Locator:
    return page.locator("#my-runs tbody tr")


def _choose(row: Locator, name: str) -> None:
    row.get_by_role("button", name="More for").click()
    row.page.get_by_role("menuitem", name=name).click()


def test_runs_are_listed_renamed_compared_deleted_and_brought_back(visitor: Visitor) -> None:
    page = visitor.stand("/runs", "Purchases")
    expect(page.locator("#main .empty")).to_contain_text("Nothing has run yet")
    first, second = _ask(visitor, page), _ask(visitor, page, scores=3)

    page.goto(f"{visitor.server.address}/runs")
    expect(_rows(page)).to_have_count(2)
    newest, oldest = _rows(page).nth(0), _rows(page).nth(1)
    assert newest.get_attribute("data-run") == second.id
    expect(newest).to_contain_text("scores from 1 to 3")
    expect(newest).to_contain_text("Purchases v1")
    expect(oldest.locator(".run-differs")).to_have_text("–")
    for row in (newest, oldest):
        expect(row.locator(".run-state")).to_have_text("Done")

    # A name is given in its line; its field takes no more than a name may have.
    _choose(newest, "Rename")
    field = newest.locator(".rename input")
    expect(field).to_be_focused()
    field.fill("x" * 81)
    expect(field).to_have_value("x" * 80)
    field.fill("Before the sale")
    field.press("Enter")
    expect(newest.locator(".run-name")).to_contain_text("Before the sale RFM segments")
    page.get_by_role("searchbox", name="Search runs").fill("before SALE")
    expect(_rows(page)).to_have_count(1)
    page.get_by_role("searchbox", name="Search runs").fill("no such run")
    page.get_by_role("button", name="Show all runs").click()
    expect(_rows(page)).to_have_count(2)

    # Two ticked runs are compared; what is said of them is what is stored.
    compare = page.get_by_role("button", name="Compare")
    newest.get_by_role("checkbox").check()
    expect(compare).to_have_attribute("title", "Tick two done runs of the same analysis to compare them.")
    oldest.get_by_role("checkbox").check()
    expect(compare).to_have_text("Compare 2")
    faults = _check(page, "runs-1440-light")
    compare.click()
    page.wait_for_url(f"**/compare?a={first.id}&b={second.id}")
    expect(page.locator(".lede")).to_have_text(re.compile(r"^\d+ of \d+ facts differ\.$"))
    asked = page.get_by_role("region", name="What was asked").locator("tbody tr")
    expect(asked).to_have_count(1)
    expect(asked).to_have_text("Scores from 1 to53")
    expect(page.get_by_role("region", name="Customers of A").locator("tbody tr")).to_have_count(11)
    faults += _check(page, "compare-1440-light")
    assert faults == []
    page.get_by_role("link", name="Open B").click()
    page.wait_for_url(f"**/rfm?result={second.key}")

    # What is deleted can be brought back, from one line or from all that are ticked.
    page.goto(f"{visitor.server.address}/runs")
    _choose(_rows(page).nth(1), "Delete")
    away = page.locator(".put-away")
    expect(away).to_contain_text("Deleted “RFM segments, ")
    expect(away).to_contain_text("It can be brought back for 10 minutes.")
    expect(_rows(page)).to_have_count(1)
    page.reload()  # the server knows what can be brought back
    away.get_by_role("button", name="Undo").click()
    expect(_rows(page)).to_have_count(2)
    expect(away).to_have_count(0)
    page.get_by_role("checkbox", name="Select every run shown").check()
    page.get_by_role("button", name="Delete").click()
    expect(page.locator("#main .empty").first).to_be_visible()
    expect(away).to_contain_text("Deleted 2 runs. They can be brought back")
    away.get_by_role("button", name="Undo").click()
    expect(_rows(page)).to_have_count(2)

    # Another visitor has none of it, by whatever address.
    other = Visitor(visitor.context.browser.new_context(), visitor.server)  # type: ignore[union-attr]
    theirs = other.open("/runs")
    expect(theirs.locator("#main .empty")).to_contain_text("Nothing has run yet")
    theirs.goto(f"{visitor.server.address}/compare?a={first.id}&b={second.id}")
    expect(theirs.locator(".empty")).to_contain_text("One of these runs is not here")
    for path, said in (
        (f"/_runs/{first.id}/again", {}),
        (f"/_runs/{first.id}/name", {"name": "Mine"}),
        ("/_runs/delete", {"jobs": [first.id]}),
        ("/_runs/restore", {"jobs": [first.id]}),
    ):
        assert theirs.request.post(visitor.server.address + path, data=said).status == 404
    assert theirs.request.get(f"{visitor.server.address}/_runs").json()["rows"] == []
    other.context.close()
    assert visitor.complaints == []


def test_a_run_that_ended_unseen_leaves_a_dot_until_it_is_opened(visitor: Visitor, server: Server) -> None:
    page = visitor.stand("/rfm", "Purchases")
    page.locator(".btn.run").wait_for()
    with server.held(_press_run(page)) as job:
        page.goto(f"{server.address}/runs")
        row = _rows(page)
        expect(row.locator(".run-state")).to_have_text("Running")
        expect(row.get_by_role("progressbar")).to_be_visible()
        expect(row.get_by_role("link", name="Watch")).to_have_attribute("href", f"/rfm?run={job.id}")
        expect(page.locator("#runs-news")).to_be_empty()
    # The list learns by itself that it ended; so do the bar and the navigation.
    expect(row.locator(".run-state")).to_have_text("Done")
    expect(row.locator(".news-dot")).to_be_visible()
    expect(page.locator("#runs-news")).to_have_text("1 new")
    expect(page.locator("#job-chip")).to_have_text("RFM doneOpen")
    page.reload()
    expect(page.locator("#runs-news")).to_have_text("1 new")
    page.locator("#job-chip a").click()
    page.wait_for_url(f"**/rfm?result={job.key}")
    expect(page.locator(".lede")).to_contain_text("Champions")
    expect(page.locator("#runs-news")).to_be_empty()
    expect(page.locator("#job-chip")).to_be_empty()
    page.goto(f"{server.address}/runs")
    expect(_rows(page)).to_have_count(1)
    expect(page.locator(".news-dot")).to_have_count(0)

    # Asked once more from the list, it is followed on its own page.
    _choose(_rows(page), "Run again")
    page.wait_for_url("**/rfm?r*")
    until(lambda: [job.state for job in _past(visitor)] == ["done", "done"], "it ran again")
    assert visitor.complaints == []


def test_everything_of_a_visitor_is_deleted_also_while_it_runs(visitor: Visitor, server: Server) -> None:
    page = visitor.stand("/rfm", "Purchases")
    page.locator(".btn.run").wait_for()
    folder = visitor.workspace.folder
    with server.held(_press_run(page)):
        page.goto(f"{server.address}/settings")
        page.get_by_role("button", name="Delete everything of mine now").click()
        note = page.locator(".deleting .note")
        expect(note).to_contain_text("Delete 1 dataset, 1 run and their results")
        expect(note).to_contain_text("1 run that is on will be cancelled")
        assert _check(page, "settings-1440-light") == []
        page.get_by_role("button", name="Keep it").click()
        expect(note).to_have_count(0)
        assert folder.exists()
        page.get_by_role("button", name="Delete everything of mine now").click()
        page.get_by_role("button", name="Yes, delete everything").click()
        expect(page.locator("#main .deleted")).to_contain_text("Everything of yours was deleted.")
    assert not folder.exists()
    until(lambda: server.running() is None, "the server is free")
    expect(page.locator("#drop-zone")).to_be_visible()
    expect(page.locator("#dataset-chip")).to_have_text("No dataset yet")
    page.goto(f"{server.address}/settings")
    expect(page.locator(".facts")).to_contain_text("Datasets0")
    assert visitor.complaints == []


def test_the_pages_of_runs_are_whole_on_a_small_dark_screen(visit: Callable[..., Visitor], server: Server) -> None:
    visitor = visit(width=390, height=844, theme="dark")
    page = visitor.stand("/runs", "Purchases")
    faults = []
    page.wait_for_selector("#main .empty")
    faults += _check(page, "runs-empty-390-dark")
    first = _ask(visitor, page)
    page.request.post(f"{server.address}/_runs/{first.id}/again", data={})
    until(lambda: [job.state for job in _past(visitor)] == ["done", "done"], "it ran again")
    second = _past(visitor)[-1]
    page.goto(f"{server.address}/runs")
    _choose(_rows(page).first, "Rename")
    _rows(page).last.get_by_role("button", name="More for").click()
    faults += _check(page, "runs-390-dark")
    page.goto(f"{server.address}/compare?a={first.id}&b={second.id}")
    expect(page.locator(".lede")).to_contain_text("they share one answer")
    faults += _check(page, "compare-390-dark")
    page.goto(f"{server.address}/settings")
    page.get_by_role("button", name="Delete everything of mine now").click()
    page.wait_for_selector(".deleting .note")
    faults += _check(page, "settings-390-dark")
    assert faults == []
    assert visitor.complaints == []
