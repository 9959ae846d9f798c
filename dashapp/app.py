"""`create_app`: the one place that knows every part."""

from __future__ import annotations

import gzip
import logging
import secrets
import shutil
import sqlite3
import sys
import threading
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import diskcache
from dash import Dash, dcc, html, page_container
from dash.fingerprint import check_fingerprint
from flask import Flask, Response, has_request_context, jsonify, request, send_file
from flask_caching import Cache
from werkzeug.exceptions import HTTPException

from callbacks import (
    analyses,
    chains,
    cleaning,
    explore,
    exports,
    files,
    grids,
    health,
    incoming,
    intake,
    learning,
    my_runs,
    profile,
    pulse,
    roles,
    running,
    sampling,
    sharing,
    tables,
    types,
    versus,
)
from callbacks import home as home_page
from callbacks import settings as settings_page
from callbacks.house import NAME, House, is_refused, told
from dashapp.sessions import Sessions
from dashapp.settings import Settings
from layouts import ids, states
from layouts.places import navigation
from layouts.shell import shell
from services import datasets, disk, eviction, memory, room, runs, serving, uploads
from services.errors import Busy, Damaged, DoesNotFit, Expected, FileRefused, Foreign, NotFound, OutOfStep, QueueFull
from services.jobs import lanes
from services.jobs.engine import Engine
from services.jobs.supervisor import Bounds
from services.reader import Reader
from services.workspace import Home

ROOT = Path(__file__).parents[1]
TICK = 2.0  # seconds between two looks of the timer
CLEAN_EVERY = 30.0  # seconds between two clean-ups by itself
MOST_BODY = 24 << 20  # a chunk of an upload is 8 MB; no request needs more

log = logging.getLogger(NAME)

_STATUS: dict[type[Expected], int] = {
    Foreign: 403, NotFound: 404, OutOfStep: 409, FileRefused: 413, Busy: 423, QueueFull: 429,
    Damaged: 460, DoesNotFit: 507,
}  # fmt: skip


def create_app(settings: Settings) -> Dash:
    """Make the application on `settings.data_dir`, with its timer running."""
    home = Home.at(settings.data_dir)
    server = Flask(NAME)
    server.config.update(
        SECRET_KEY=settings.secret_key or home.secret_key(),
        MAX_CONTENT_LENGTH=MOST_BODY,
        PERMANENT_SESSION_LIFETIME=timedelta(days=30),
        # An answer that comes late would bring back who the visitor was when it was asked: it carries no cookie.
        SESSION_REFRESH_EACH_REQUEST=False,
        SESSION_COOKIE_NAME=NAME,
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_COOKIE_SECURE=settings.secure_cookies,
    )
    server.session_interface = Sessions()
    topmost = pulse.server_process()
    bounds = Bounds(limit_mb=settings.memory_limit_mb, reserve_mb=settings.reserve_mb, server=topmost)
    serving.sign_in(home.server, topmost)
    reader = Reader(home.root / "visitors")
    here = House(
        home=home,
        engine=Engine(home, bounds, reader.stop),
        reader=reader,
        views=Cache(
            server,
            config={
                "CACHE_TYPE": "dashapp.views.DiskViews",
                "CACHE_DIR": str(home.server / "views"),
                "CACHE_DEFAULT_TIMEOUT": 3_600,
            },
        ),
        settings=settings,
        limit=memory.limit(settings.memory_limit_mb),
        server=topmost,
        is_ephemeral=disk.is_ephemeral(home.root, settings.ephemeral_disk),
    )
    server.extensions[NAME] = here
    app = _App(
        NAME,
        server=server,
        assets_folder=str(ROOT / "assets"),
        use_pages=True,
        pages_folder="",
        background_callback_manager=running.manager(),
        suppress_callback_exceptions=True,
        update_title=None,
        title="DataInsights",
        serve_locally=True,
    )
    app.layout = _layout
    for part in (
        home_page, intake, profile, roles, sampling, types, analyses, explore, grids, running, exports, my_runs,
        chains, tables, sharing, settings_page, cleaning, versus, learning,
    ):  # fmt: skip
        part.register(app)
    for part in (explore, sharing, types, pulse, files, incoming, my_runs, health, cleaning):
        server.register_blueprint(part.routes)
    _answer_errors(server)
    _refuse_foreigners(server)
    _serve_packed(server, home.server / "packed")
    _warm(app)
    _guard(app)
    threading.Thread(target=_timer, args=(server,), daemon=True, name=health.TIMER).start()
    return app


class _App(Dash):
    """Dash, with the language and the visitor's theme said before anything is painted."""

    def interpolate_index(self, **parts: Any) -> str:
        theme = request.cookies.get("theme") if has_request_context() else None
        look = theme if theme in {"light", "dark"} else "light"
        page = super().interpolate_index(**parts)
        return page.replace("<html>", f'<html lang="en" data-bs-theme="{look}">', 1)


def _layout() -> html.Div:
    stores = [dcc.Store(id=name) for name in (ids.EXPORTING, ids.AWAITED, ids.DOWNLOAD)]
    notes = []
    if is_refused():
        notes.append(states.another_key())
        told()
    content = html.Div([dcc.Location(id=ids.URL, refresh="callback-nav"), *stores, *notes, page_container])
    return shell(navigation(), intake.chip(), content)


def _warm(app: Dash) -> None:
    """Have Dash set itself up before the first visitors do so at once, in each other's way."""
    app.server.test_client().get("/_dash-layout")


def _guard(app: Dash) -> None:
    """Say in every answer what the page may load and do: our own scripts, and nothing from elsewhere."""
    scripts = " ".join(["'self'", *app.csp_hashes()])
    policy = "; ".join(
        (
            "default-src 'self'", f"script-src {scripts}", "style-src 'self' 'unsafe-inline'",
            "img-src 'self' data: blob:", "font-src 'self' data:", "worker-src 'self' blob:", "connect-src 'self'",
            "object-src 'none'", "base-uri 'self'", "form-action 'self'", "frame-ancestors 'none'",
        )
    )  # fmt: skip
    app.server.config["CONTENT_POLICY"] = policy


def _answer_errors(server: Flask) -> None:
    @server.errorhandler(Expected)
    def expected(error: Expected) -> tuple[Response, int]:
        """An error of ours: its sentence, and the status that fits."""
        status = next((code for kind, code in _STATUS.items() if isinstance(error, kind)), 400)
        return jsonify({"message": error.message, "field": error.field}), status

    @server.errorhandler(Exception)
    def bug(error: Exception) -> Any:
        """Anything else: an incident with a number; the traceback goes to the log only."""
        if isinstance(error, HTTPException):
            return error
        if room.is_out(error):
            return expected(room.full(server.extensions[NAME].home.root))
        incident = secrets.token_hex(3).upper()
        log.exception("incident %s at %s", incident, request.path)
        return jsonify({"message": f"This is our mistake. Incident {incident}.", "incident": incident}), 500

    @server.after_request
    def harden(answer: Response) -> Response:
        answer.headers.setdefault("Content-Security-Policy", server.config.get("CONTENT_POLICY", ""))
        answer.headers.setdefault("X-Content-Type-Options", "nosniff")
        answer.headers.setdefault("Referrer-Policy", "same-origin")
        answer.headers.setdefault("Cross-Origin-Opener-Policy", "same-origin")
        return answer


def _refuse_foreigners(server: Flask) -> None:
    @server.before_request
    def ours() -> None:
        """Let only our own pages change anything. A browser says where a request comes from; who is none may ask."""
        if request.method in {"GET", "HEAD", "OPTIONS"}:
            return
        site, origin = request.headers.get("Sec-Fetch-Site"), request.headers.get("Origin")
        # Browsers say the first over HTTPS only. It needs no Host, which a proxy may have changed.
        is_ours = site in {"same-origin", "none"} if site else origin is None or _host(origin) == request.host
        if not is_ours:
            raise Foreign("This was asked by another site. Open this server's own pages.")


def _host(origin: str) -> str:
    return origin.partition("://")[2]


def _serve_packed(server: Flask, folder: Path) -> None:
    """Serve Dash's large scripts from packed copies on disk: read whole, each costs the server MBs."""
    folder.mkdir(mode=0o700, exist_ok=True)

    @server.before_request
    def packed() -> Response | None:
        prefix = "/_dash-component-suites/"
        if not (request.path.startswith(prefix) and request.path.endswith(".js")):
            return None
        if "gzip" not in request.headers.get("Accept-Encoding", ""):
            return None
        source, name, dated = _script(request.path.removeprefix(prefix))
        if source is None:
            return None
        # A name with version and date in it never changes its content; another is asked about each time.
        how: dict[str, Any] = {"mimetype": "application/javascript", "max_age": 31_536_000 if dated else 0}
        try:
            answer = send_file(_pack(source, folder, name), **how)
        except FileNotFoundError:  # a server of another version removed it just now, or somebody the whole folder
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            answer = send_file(_pack(source, folder, name), **how)
        except OSError as error:
            if not room.is_out(error):
                raise
            return None  # Dash sends it as it is
        answer.headers["Content-Encoding"] = "gzip"
        answer.headers["Vary"] = "Accept-Encoding"
        return answer


def _pack(source: Path, folder: Path, name: str) -> Path:
    """The packed copy of a script as it is now; copies of its other versions go, open ones when they are closed."""
    state = source.stat()
    target = folder / f"{name}@{state.st_mtime_ns:x}-{state.st_size:x}.gz"
    if not target.exists():
        part = target.with_name(f".{target.name}.{secrets.token_hex(4)}")
        try:
            with open(source, "rb") as plain, gzip.open(part, "wb", 6) as file:
                shutil.copyfileobj(plain, file)
            part.replace(target)
        except OSError:  # a full disk, above all: half a copy would keep it full
            part.unlink(missing_ok=True)
            raise
        for other in folder.glob(f"{name}@*"):
            if other != target:
                other.unlink(missing_ok=True)
    return target


def _script(path: str) -> tuple[Path | None, str, bool]:
    """The file behind a component script's address, a name for it, and whether version and date are in its address."""
    package, _, inside = path.partition("/")
    if package not in {"dash", "dash_bootstrap_components", "dash_ag_grid", "plotly"}:
        return None, "", False
    plain, dated = check_fingerprint(inside)
    root = Path(sys.modules[package].__file__ or "").parent if package in sys.modules else None
    if root is None:
        return None, "", False
    found = (root / plain).resolve()
    if root not in found.parents or not found.is_file():
        return None, "", False
    return found, "~".join((package, *found.relative_to(root).parts)), dated


def _timer(server: Flask) -> None:
    """The one thread that keeps time; nothing that goes wrong at a tick ends it."""
    timer = _Timer(server.extensions[NAME])
    while True:
        time.sleep(TICK)
        with server.app_context():
            try:
                timer.tick()
            # A full disk, a folder that went meanwhile, an index that is busy: the next tick tries again.
            except (OSError, sqlite3.Error, diskcache.Timeout, Expected):
                log.exception("timer")


class _Timer:
    """Looks after one worker; and after the data folder, when it holds the lock for that among workers."""

    def __init__(self, here: House) -> None:
        self._here = here
        self._lock: int | None = None
        self._last: dict[str, float] = {}

    def _is_time(self, what: str, every: float) -> bool:
        now = time.monotonic()
        if now - self._last.get(what, float("-inf")) <= every:
            return False
        self._last[what] = now
        return True

    def tick(self) -> None:
        here = self._here
        used = pulse.measure(here)["used"]
        here.history.add(used, time.time())
        here.reader.rest()
        if self._lock is None:
            self._lock = lanes.take(here.home.server, "timer")
        if used / here.limit.mb > 0.9 and self._is_time("clean", CLEAN_EVERY):
            here.cleaned = pulse.clean(here, disk=self._lock is not None) | {"at": time.time()}
        if self._lock is None:
            return
        here.engine.recover()
        here.engine.dispatch()
        if self._is_time("sweep", here.settings.evict_every_s):
            pulse.sweep(here)
        if self._is_time("purge", 60):
            for visitor in here.home.workspaces():
                runs.purge(here.engine, visitor, time.time())
                datasets.purge(visitor, time.time())
                uploads.clear(visitor, incoming.given_up(here.engine, visitor))
        if self._is_time("forget", 3_600):
            awaited = {job.params.get("upload") for _, job in here.engine.live() if job.task == "ingest"}
            eviction.forget(here.home, days=here.settings.keep_days, now=time.time(), awaited=awaited)
