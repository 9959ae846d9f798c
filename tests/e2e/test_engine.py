"""A run and its page through everything that happens to tabs, servers and processes.

The battery of models is the run: twelve steps kept one by one, one of which waits for a file.
"""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from services import memory
from services.errors import NotFound
from services.jobs import lanes, record
from services.jobs.processes import strays
from services.jobs.record import Record
from tests.e2e.conftest import Server, Visitor, serve, until

EXTRA = {"EXTRA_ANALYSES": "tests.analyses", "EXTRA_PAGES": "tests.pages"}
OFFLINE = 30  # seconds


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with the analyses for tests, to be stopped and killed."""
    made = serve(tmp_path_factory.mktemp("server"), **EXTRA)
    yield made
    made.stop()


@dataclass
class Battery:
    """The battery's page of a visitor: a gate to open, a log of the models that were made."""

    visitor: Visitor
    folder: Path
    page: Page

    @property
    def gate(self) -> Path:
        return self.folder / "gate"

    def fill(self, **asked: str) -> None:
        self.page.get_by_role("button", name="Run", exact=True).wait_for()
        self.page.get_by_label("Item").select_option("sex")
        last = None
        for label, text in {"File that is waited for": str(self.gate), **asked}.items():
            last = self.page.get_by_label(label)
            last.fill(text)
        assert last is not None
        last.press("Tab")
        expect(self.page.locator("#run-bar")).to_contain_text("free")

    def run(self, **asked: str) -> Record:
        """Ask, and wait until its step that waits is being made."""
        self.fill(
            **{"File that notes what was made": str(self.folder / "log"), "Model that waits for it": "8", **asked}
        )
        self.page.get_by_role("button", name="Run", exact=True).click()
        at = f"Model {asked.get('Model that waits for it', '8')}"
        return until(lambda: now if (now := self.record()) and now.making == at else None, f"{at} is being made")

    def record(self) -> Record | None:
        """The visitor's newest run."""
        found = []
        for folder in self.visitor.workspace.each("jobs"):
            with contextlib.suppress(NotFound):  # being made
                found.append(record.read(folder))
        return max((each for each in found if each.slug == "battery"), key=lambda each: each.made, default=None)

    def made(self) -> list[int]:
        return [int(line) for line in (self.folder / "log").read_text().split()]

    def open(self) -> None:
        self.gate.touch()


@pytest.fixture
def battery(visit: Callable[..., Visitor], tmp_path: Path) -> Iterator[Callable[[], Battery]]:
    """Make visitors that have a table and stand on the battery's page."""
    count = iter(range(9))
    made: list[Battery] = []

    def stands() -> Battery:
        visitor = visit()
        page = visitor.stand("/battery", "Restaurant tips")
        folder = tmp_path / str(next(count))
        folder.mkdir()
        made.append(Battery(visitor, folder, page))
        return made[-1]

    yield stands
    for each in made:  # whatever a failed test left waiting
        each.open()


def _so_far(page: Page, models: int) -> None:
    """The run is shown with its progress, a way to stop it, and the result so far, marked as such."""
    expect(page.locator(".run-panel [role=progressbar]")).to_be_visible()
    expect(page.locator(".run-panel").get_by_role("button", name="Cancel")).to_be_visible()
    expect(page.locator("#answer .lede")).to_have_text(f"So far: {models} models scored.")
    expect(page.locator("#answer .provenance")).to_contain_text("Partial")


def _links_free(page: Page) -> None:
    expect(page.locator("#sidebar a.nav-link-item[aria-disabled]")).to_have_count(0)


def _links_locked(page: Page) -> None:
    expect(page.locator("#sidebar a.nav-link-item:not([aria-disabled=true])")).to_have_count(0)


def _nothing_left(server: Server, job: Record) -> None:
    """No process of the job, no flag, no temporary file."""
    until(lambda: job.id not in strays().values(), "no process of the job")
    until(lambda: lanes.holder(server.home.server, lanes.HEAVY) is None, "the flag is down")
    assert not (server.home.workspace(job.visitor).job(job.id) / "tmp").exists()


def test_a_run_is_found_again_after_a_reload_in_another_tab_after_closing_and_after_leaving(
    battery: Callable[[], Battery], server: Server
) -> None:
    here = battery()
    here.run()
    _so_far(here.page, 7)
    here.page.reload()
    _so_far(here.page, 7)
    second = here.visitor.open("/battery")
    _so_far(second, 7)
    _links_locked(second)
    # Reading is always allowed: a typed address opens, under the same banner, and back again.
    second.goto(f"{server.address}/data")
    expect(second.get_by_role("heading", name="Restaurant tips")).to_be_visible()
    expect(second.locator("#nav-card")).to_contain_text("Battery is running")
    _links_locked(second)
    second.go_back()
    _so_far(second, 7)
    here.page.close()
    third = here.visitor.open("/battery")
    second.close()
    _so_far(third, 7)
    here.open()
    third.wait_for_url("**/battery?result=*")
    expect(third.locator("#answer .lede")).to_have_text("12 models scored; the first is best.")
    _links_free(third)
    assert here.made() == list(range(1, 13))
    assert here.visitor.complaints == []


def test_ten_clicks_start_one_run_and_two_tabs_share_it(battery: Callable[[], Battery]) -> None:
    here = battery()
    other = Battery(here.visitor, here.folder, here.visitor.open("/battery"))
    for each in (here, other):
        each.fill(**{"Model that waits for it": "1"})
    here.page.locator("#run").evaluate("button => { for (let i = 0; i < 10; i++) button.click() }")
    other.page.locator("#run").evaluate("button => button.click()")
    for page in (here.page, other.page):
        expect(page.locator(".run-panel")).to_be_visible()
    runs = [record.read(folder) for folder in here.visitor.workspace.each("jobs")]
    assert [each.slug for each in runs].count("battery") == 1
    here.open()
    for page in (here.page, other.page):
        page.wait_for_url("**/battery?result=*")
        expect(page.locator("#answer .lede")).to_have_text("12 models scored; the first is best.")
        _links_free(page)
    assert here.visitor.complaints == []


def test_two_questions_asked_in_two_tabs_at_once_one_runs_one_queues_and_each_tab_has_its_own(
    battery: Callable[[], Battery],
) -> None:
    here = battery()
    other = Battery(here.visitor, here.folder, here.visitor.open("/battery"))
    here.fill(**{"Model that waits for it": "1"})
    other.fill(**{"Model that waits for it": "1", "Seconds a model may take": "500"})
    for each in (here, other):
        each.page.locator("#run").evaluate("button => button.click()")
    expect(here.page.locator(".run-panel").get_by_role("button", name="Cancel")).to_be_visible()
    expect(other.page.locator(".run-panel")).to_contain_text("1st in the queue")
    here.open()
    for page in (here.page, other.page):
        page.wait_for_url("**/battery?result=*")
        expect(page.locator("#answer .lede")).to_have_text("12 models scored; the first is best.")
        _links_free(page)
    assert here.page.url != other.page.url
    assert here.visitor.complaints == []


def test_a_run_is_cancelled_while_it_waits_and_while_it_runs_and_resumed(
    battery: Callable[[], Battery], server: Server
) -> None:
    first, second = battery(), battery()
    running = first.run()
    second.fill(**{"Model that waits for it": "1"})
    second.page.get_by_role("button", name="Queue this run").click()
    expect(second.page.locator(".run-panel")).to_contain_text("1st in the queue")
    expect(second.page.locator(".run-panel")).to_contain_text("Another visitor’s run")
    second.page.get_by_role("button", name="Withdraw").click()
    expect(second.page.locator("#state")).to_contain_text("You withdrew this run")
    first.page.locator(".run-panel").get_by_role("button", name="Cancel").click()
    expect(first.page.locator("#state .lede")).to_have_text("You cancelled this run after 7 of 12 steps.")
    expect(first.page.locator("#answer .lede")).to_have_text("So far: 7 models scored.")
    _nothing_left(server, running)
    for page in (first.page, second.page):
        _links_free(page)
    # It says so in every tab, with what was finished, and Resume goes on from there.
    tab = first.visitor.open("/battery")
    expect(tab.locator("#state .lede")).to_have_text("You cancelled this run after 7 of 12 steps.")
    expect(tab.locator("#answer .lede")).to_have_text("So far: 7 models scored.")
    assert tab.get_by_label("Model that waits for it").input_value() == "8"
    first.open()
    tab.get_by_role("button", name="Resume").click()
    tab.wait_for_url("**/battery?result=*")
    expect(tab.locator("#answer .lede")).to_have_text("12 models scored; the first is best.")
    assert first.made() == list(range(1, 13))
    done = first.record()
    assert done is not None
    assert done.found == 7
    assert first.visitor.complaints + second.visitor.complaints == []


def test_cancelled_just_as_it_finishes_it_ends_one_way_or_the_other(battery: Callable[[], Battery]) -> None:
    here = battery()
    here.run(**{"Model that waits for it": "12"})
    cancel = here.page.locator(".run-panel").get_by_role("button", name="Cancel")
    here.open()
    with contextlib.suppress(Exception):
        cancel.click(timeout=2_000)
    resume = here.page.get_by_role("button", name="Resume")
    answer = here.page.get_by_text("12 models scored; the first is best.")
    expect(resume.or_(answer).first).to_be_visible()
    if resume.is_visible():
        resume.click()
        expect(answer).to_be_visible()
    _links_free(here.page)
    made = here.made()
    assert made[:12] == list(range(1, 13))
    assert made[12:] in ([], [12])  # the last may be made again: it was cancelled before it was kept


def test_a_page_whose_questions_were_lost_shows_the_end_all_the_same(battery: Callable[[], Battery]) -> None:
    here = battery()
    here.run(**{"Model that waits for it": "1"})
    here.page.route("**/_dash-update-component?*cacheKey*", lambda route: route.abort())
    here.open()
    until(lambda: (now := here.record()) and now.state == "done", "the run is done")
    here.page.locator(".job-chip.done").wait_for()  # the shell knows, the page does not
    here.page.unroute("**/_dash-update-component?*cacheKey*")
    here.page.wait_for_url("**/battery?result=*")
    expect(here.page.locator("#answer .lede")).to_have_text("12 models scored; the first is best.")


def test_a_browser_that_was_offline_for_half_a_minute_goes_on_as_if_nothing_had_been(
    battery: Callable[[], Battery],
) -> None:
    here = battery()
    here.run(**{"Model that waits for it": "3"})
    here.page.context.set_offline(True)
    expect(here.page.locator("#connection")).to_have_text("Connection lost. Trying again.")
    here.page.wait_for_timeout(OFFLINE * 1_000)
    expect(here.page.locator(".run-panel")).to_be_visible()  # what was there is not taken away
    here.page.context.set_offline(False)
    expect(here.page.locator("#connection")).to_have_text("")
    _so_far(here.page, 2)
    # And once more, while the run ends.
    here.page.context.set_offline(True)
    expect(here.page.locator("#connection")).to_have_text("Connection lost. Trying again.")
    here.open()
    until(lambda: (now := here.record()) and now.state == "done", "the run is done")
    here.page.context.set_offline(False)
    here.page.wait_for_url("**/battery?result=*")
    expect(here.page.locator("#answer .lede")).to_have_text("12 models scored; the first is best.")
    _links_free(here.page)


def test_discard_forgets_what_was_kept(battery: Callable[[], Battery]) -> None:
    here = battery()
    job = here.run()
    here.page.locator(".run-panel").get_by_role("button", name="Cancel").click()
    here.page.get_by_role("button", name="Discard").click()
    expect(here.page.locator("#state .lede")).to_have_count(0)
    expect(here.page.locator("#answer .lede")).to_have_text("244 rows are ready.")
    assert not here.visitor.workspace.steps(job.key).exists()
    here.page.reload()
    expect(here.page.locator("#answer .lede")).to_have_text("244 rows are ready.")
    expect(here.page.get_by_role("button", name="Resume")).to_have_count(0)


def test_a_step_that_hangs_is_skipped_by_its_visitor(battery: Callable[[], Battery]) -> None:
    here = battery()
    here.run(**{"Model that waits for it": "5"})
    here.page.get_by_role("button", name="Skip “Model 5”").click()
    here.page.wait_for_url("**/battery?result=*")
    expect(here.page.locator("#answer .lede")).to_have_text("11 models scored; the first is best.")
    expect(here.page.locator("#answer .note")).to_contain_text("Model 5: You skipped it.")
    assert here.visitor.complaints == []


def test_a_run_that_is_enough_ends_after_the_step_that_is_made(battery: Callable[[], Battery]) -> None:
    here = battery()
    job = here.run(**{"Model that waits for it": "5"})
    here.page.get_by_role("button", name="Stop after this one").click()
    until((here.visitor.workspace.job(job.id) / "enough").exists, "the run is told")
    here.open()
    here.page.wait_for_url("**/battery?result=*")
    expect(here.page.locator("#answer .lede")).to_have_text("5 models scored; the first is best.")
    expect(here.page.locator("#answer .note")).to_contain_text("Model 6: Skipped: you had the run end before it.")
    assert here.made() == [1, 2, 3, 4, 5]
    assert here.visitor.complaints == []


def test_a_restarted_server_finds_its_job_and_the_page_never_noticed(
    battery: Callable[[], Battery], server: Server
) -> None:
    here = battery()
    job = here.run()
    _so_far(here.page, 7)
    server.stop()
    server.start()
    now = here.record()
    assert now is not None
    if now.state == "running":  # it was back in time
        here.open()
    else:  # a busy machine: the job was told that its server is gone
        assert now.state == "interrupted"
        here.open()
        here.page.get_by_role("button", name="Resume").click()
    here.page.wait_for_url("**/battery?result=*")
    expect(here.page.locator("#answer .lede")).to_have_text("12 models scored; the first is best.")
    assert here.made() == list(range(1, 13))
    _links_free(here.page)
    _nothing_left(server, job)


def test_a_server_stopped_for_longer_interrupts_the_run_which_resumes(
    battery: Callable[[], Battery], server: Server
) -> None:
    here = battery()
    job = here.run()
    server.stop()
    until(lambda: (now := here.record()) and now.state == "interrupted", "the record says interrupted by itself")
    _nothing_left(server, job)
    server.start()
    expect(here.page.locator("#state .lede")).to_contain_text("Interrupted")
    expect(here.page.locator("#answer .lede")).to_have_text("So far: 7 models scored.")
    _links_free(here.page)
    here.open()
    here.page.get_by_role("button", name="Resume").click()
    here.page.wait_for_url("**/battery?result=*")
    assert here.made() == list(range(1, 13))


def test_whatever_is_killed_the_record_is_right_the_flag_is_down_and_nobody_is_left(
    battery: Callable[[], Battery], server: Server
) -> None:
    here = battery()
    job = here.run()
    # The web worker: gunicorn starts another, the job goes on, the page follows it.
    (web,) = [pid for pid in memory.tree(server.process.pid)[1:] if pid not in memory.tree(job.pid or 0)]
    os.kill(web, signal.SIGKILL)
    time.sleep(0.2)
    _so_far(here.page, 7)
    now = here.record()
    assert now is not None
    assert now.state == "running"
    # The supervisor.
    assert now.pid is not None
    os.kill(now.pid, signal.SIGKILL)
    expect(here.page.locator("#state .lede")).to_contain_text("Interrupted")
    _nothing_left(server, job)
    _links_free(here.page)
    # The whole tree, with another visitor's run in the queue: that one starts by itself afterwards.
    here.page.get_by_role("button", name="Resume").click()
    second = until(lambda: now if (now := here.record()) and now.id != job.id and now.making else None, "resumed")
    other = battery()
    other.fill(**{"Model that waits for it": "0"})
    other.page.get_by_role("button", name="Queue this run").click()
    expect(other.page.locator(".run-panel")).to_contain_text("1st in the queue")
    server.kill()
    server.start()
    expect(other.page.locator("#answer .lede")).to_have_text("12 models scored; the first is best.")
    expect(here.page.locator("#state .lede")).to_contain_text("Interrupted")
    _nothing_left(server, second)  # type: ignore[arg-type]
    here.open()
    here.page.get_by_role("button", name="Resume").click()
    here.page.wait_for_url("**/battery?result=*")
    assert here.made() == list(range(1, 13))
    for page in (here.page, other.page):
        _links_free(page)


def test_a_file_is_cancelled_while_it_is_read(visit: Callable[..., Visitor], server: Server, tmp_path: Path) -> None:
    file = tmp_path / "many.csv"
    file.write_text("number,text\n" + "".join(f"{i},some words {i % 1000}\n" for i in range(1_200_000)))
    visitor = visit()
    page = visitor.open()
    page.wait_for_selector("#drop-zone")
    with server.held(lambda: page.set_input_files("#browse", str(file))) as job:
        assert job.task == "ingest"
        expect(page.locator(".run-panel [role=progressbar]")).to_be_visible()
        page.locator(".run-panel").get_by_role("button", name="Cancel").click()
        until(lambda: server.worker() is None, "the worker is gone")
    expect(page.locator("#state")).to_contain_text("You cancelled this run")
    _nothing_left(server, job)
    _links_free(page)
    assert list(visitor.workspace.each("datasets")) == []
    assert visitor.complaints == []


def test_what_fails_says_why_at_its_control_or_owns_up(battery: Callable[[], Battery], server: Server) -> None:
    here = battery()
    for slug in ("refuses", "breaks"):
        here.page.goto(f"{server.address}/{slug}")
        here.page.get_by_label("Item").select_option("sex")
        here.page.get_by_role("button", name="Run", exact=True).click()
        if slug == "refuses":
            sentence = "“sex” has no items to count; choose another column."
            expect(here.page.locator(".error-slot", has_text=sentence)).to_be_visible()
        else:
            expect(here.page.locator("#state")).to_contain_text("This is our mistake. Incident")
            expect(here.page.locator("#main")).not_to_contain_text("secret")
        _links_free(here.page)
    assert here.visitor.complaints == []


def test_the_lock_can_be_the_owners_alone(
    browser: Browser, tmp_path: Path, visit: Callable[..., Visitor], request: pytest.FixtureRequest
) -> None:
    own = serve(tmp_path, NAV_LOCK="owner", **EXTRA)
    request.addfinalizer(own.stop)
    mine, theirs = (Visitor(browser.new_context(), own) for _ in range(2))
    page = mine.stand("/battery", "Restaurant tips")
    here = Battery(mine, tmp_path, page)
    here.run(**{"Model that waits for it": "1"})
    _links_locked(page)
    other = theirs.open()
    expect(other.locator("#job-chip")).to_contain_text("Another visitor")
    _links_free(other)
    here.open()
    page.wait_for_url("**/battery?result=*")
    _links_free(page)
    for each in (mine, theirs):
        each.context.close()
