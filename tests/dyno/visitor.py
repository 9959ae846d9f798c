"""A visitor without a browser: says to the server what Dash's renderer says, byte for byte where it matters.

A tab keeps the components it was sent, by id, fires the callbacks whose inputs appear or change, and
polls background callbacks with their signed handles. Callbacks that run in the browser are left out,
but for the two that hand on a click on Run and the page that an end leads to.
"""

from __future__ import annotations

import base64
import gzip
import json
import re
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from http.client import HTTPConnection
from http.cookiejar import CookieJar
from pathlib import Path
from types import TracebackType
from typing import Any, Self

CHUNK = 8 << 20  # as assets/upload.js cuts a file
POLL = 0.5  # seconds between two polls of a background callback
HANG = 180.0

Where = tuple[str, str]  # id as text, property


class Visitor:
    """One browser: its cookies, and the requests it makes."""

    def __init__(self, port: int) -> None:
        self._base = f"http://127.0.0.1:{port}"
        self._port, self._cookies = port, CookieJar()
        self._opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(self._cookies))

    @property
    def cookie(self) -> str:
        """Who this is, as a request says it; a first request is made for it."""
        if not len(self._cookies):
            self.send("GET", "/_pulse")
        return "; ".join(f"{each.name}={each.value}" for each in self._cookies)

    def line(self) -> HTTPConnection:
        """A connection of its own, to be kept open."""
        return HTTPConnection("127.0.0.1", self._port, timeout=HANG)

    def send(self, method: str, path: str, body: bytes | None = None, **headers: str) -> tuple[int, Any, bytes]:
        """Ask and return status, headers, body; anything but 2xx and 3xx raises HTTPError."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        request = urllib.request.Request(self._base + path, body, {"Accept-Encoding": "gzip", **named}, method=method)
        with self._opener.open(request, timeout=HANG) as answer:
            said = answer.read()
            packed = answer.headers.get("Content-Encoding") == "gzip"
            return answer.status, answer.headers, gzip.decompress(said) if packed else said

    def read(self, path: str) -> Any:
        """What a GET of `path` says, as JSON."""
        return json.loads(self.send("GET", path)[2])

    def open(self, path: str) -> Tab:
        """Load a page with everything it names: styles, scripts, layout, callbacks."""
        return Tab(self, path)

    def upload(self, file: Path) -> str:
        """Send a file by tus, in chunks, and return the upload's id."""
        name = base64.b64encode(file.name.encode()).decode()
        length = str(file.stat().st_size)
        tus = {"Tus_Resumable": "1.0.0"}
        _, said, _ = self.send(
            "POST", "/_uploads", b"", Upload_Length=length, Upload_Metadata=f"filename {name}", **tus
        )
        place, offset = said["Location"], 0
        with open(file, "rb") as content:
            while part := content.read(CHUNK):
                kind = "application/offset+octet-stream"
                _, said, _ = self.send("PATCH", place, part, Upload_Offset=str(offset), Content_Type=kind, **tus)
                offset = int(said["Upload-Offset"])
        return place.rpartition("/")[2]


class Tab:
    """A page load: what Dash's renderer knows of it."""

    def __init__(self, visitor: Visitor, path: str, *, follow: bool = True) -> None:
        """Load the page at `path`; without `follow`, only look at it: what its components would ask is not asked."""
        self._visitor, self._callbacks = visitor, []
        page = visitor.send("GET", path)[2].decode()
        self._end = re.search(r'"end_id":"([^"]+)"', page)[1]  # type: ignore[index]
        for address in re.findall(r'(?:src|href)="(/[^"]+)"', page):
            visitor.send("GET", address)
        self.parts: dict[str, dict[str, Any]] = {}  # properties of each component that has an id
        self.seen: list[str] = []  # every text that background callbacks reported as progress
        self._place(visitor.read("/_dash-layout"))
        self._callbacks = [each for each in visitor.read("/_dash-dependencies") if not each.get("clientside_function")]
        if follow:
            self.go(path)

    def look(self, path: str) -> None:
        """Read the page at `path`, as the address and its content say it, and fire nothing else."""
        self.parts["_pages_location"].update(pathname=path, search="")
        address: list[Where] = [("_pages_location", "pathname"), ("_pages_location", "search")]
        for each in self._callbacks:
            if self._changed(each, dict.fromkeys(address)):
                self._fire(each, address)

    def go(self, path: str) -> None:
        """Follow a link, and everything that the new page fires."""
        address = urllib.parse.urlsplit(path)
        search = f"?{address.query}" if address.query else ""
        self.set({("_pages_location", "pathname"): address.path, ("_pages_location", "search"): search})

    def set(self, changes: dict[Where, Any]) -> None:
        """Change properties as a person, or a script of ours, does; fire what follows, in order."""
        for (name, prop), value in changes.items():
            self.parts[name][prop] = value
        waiting = [(each, self._changed(each, changes)) for each in self._callbacks]
        waiting = [(each, changed) for each, changed in waiting if changed]
        while waiting:
            callback, changed = waiting.pop(0)
            updated, placed = self._fire(callback, changed)
            for leads in (("url", "href"), ("onward", "data")):  # the second through our own script
                if (href := updated.get(leads)) is not None:
                    self.go(href)
                    return
            for each in self._callbacks:
                follows = self._changed(each, updated)
                begins = not each.get("prevent_initial_call") and self._changed(each, dict.fromkeys(placed))
                queued = any(each is other for other, _ in waiting)
                if (follows or begins) and not queued:
                    waiting.append((each, follows or []))

    def run(self) -> None:
        """Click Run, as our own script hands it on."""
        self.set({("pressed", "data"): time.time() * 1000})

    def rows(self, table: str, start: int = 0, stop: int = 100) -> dict[str, Any]:
        """Rows of a grid as the server answers them: rowData and rowCount."""
        grid = named({"table": table, "type": "grid"})
        self.set({(grid, "getRowsRequest"): {"startRow": start, "endRow": stop, "sortModel": [], "filterModel": {}}})
        return self.parts[grid]["getRowsResponse"]

    # Callbacks ----------------------------------------------------------------------------------

    def _changed(self, callback: dict[str, Any], changes: dict[Where, Any]) -> list[Where]:
        """The inputs of a callback among `changes`."""
        return [
            (name, prop)
            for name, prop in changes
            for each in callback["inputs"]
            if each["property"] == prop and _matches(each["id"], name)
        ]

    def _fire(self, callback: dict[str, Any], changed: list[Where]) -> tuple[dict[Where, Any], list[Where]]:
        """Ask the server; what changed by its answer, and the properties of components that are new."""
        written = callback["output"]
        many = written.startswith("..")
        outputs = [part.rpartition(".")[::2] for part in (written[2:-2].split("...") if many else [written])]
        match = {}
        for each in callback["inputs"]:
            for name, _ in changed:
                match |= _wild(each["id"], name)
        try:
            said = {
                "output": written,
                "outputs": [self._found({"id": name, "property": prop}, match, False) for name, prop in outputs],
                "inputs": [self._found(each, match) for each in callback["inputs"]],
                "changedPropIds": [f"{name}.{prop}" for name, prop in changed],
                "parsedChangedPropsIds": [_parsed(name) for name, _ in changed],
                "state": [self._found(each, match) for each in callback.get("state", [])],
            }
        except KeyError:  # a component is not on this page: the renderer does not fire it either
            return {}, []
        if not many:
            said["outputs"] = said["outputs"][0]
        answer = self._ask(said)
        if "cacheKey" in answer:
            answer = self._follow(said, answer)
        updated, placed = {}, []
        for name, props in answer.get("response", {}).items():
            for prop, value in props.items():
                if prop == "children":
                    self._forget(self.parts.get(name, {}).get("children"))
                    placed += self._place(value)
                self.parts.setdefault(name, {})[prop] = value
                updated[name, prop] = value
        return updated, placed

    def _ask(self, said: dict[str, Any], **handles: str) -> dict[str, Any]:
        asked = urllib.parse.urlencode({"endId": self._end, **handles}, safe="~")
        path = f"/_dash-update-component?{asked}"
        status, _, body = self._visitor.send("POST", path, json.dumps(said).encode(), Content_Type="application/json")
        return {} if status == 204 else json.loads(body)

    def _follow(self, said: dict[str, Any], handles: dict[str, str]) -> dict[str, Any]:
        """Poll a background callback to its end."""
        empty = said | {"inputs": [{**each, "value": None} for each in said["inputs"]]}
        began = time.monotonic()
        while True:
            answer = self._ask(empty, cacheKey=handles["cacheKey"], job=handles["job"])
            if "response" in answer or not answer:  # nothing to follow: 204
                return answer
            for drawn in answer.get("progress", {}).values():
                self.seen += [text for text in _texts(drawn) if text not in self.seen]
            if time.monotonic() - began > self.patience:
                raise TimeoutError(f"A background callback took more than {self.patience:.0f} s: {self.seen}")
            time.sleep(self.poll)

    patience = HANG  # seconds a background callback may take
    poll = POLL

    def _found(self, wanted: dict[str, Any], match: dict[str, Any], valued: bool = True) -> Any:
        """An input, state or output as the renderer names it; a list of them where the id says ALL."""
        pattern, prop = wanted["id"], wanted["property"]
        if not pattern.startswith("{"):
            return self._one(pattern, prop, valued)
        kept = json.loads(pattern)
        exact = named({name: match.get(name, value) if value == ["MATCH"] else value for name, value in kept.items()})
        if ["ALL"] not in kept.values():
            return self._one(exact, prop, valued)
        return [self._one(name, prop, valued) for name in self.parts if _matches(exact, name)]

    def _one(self, name: str, prop: str, valued: bool) -> dict[str, Any]:
        part = self.parts[name]
        value = {"value": part[prop]} if valued and prop in part else {}
        return {"id": _parsed(name), "property": prop, **value}

    # Components ---------------------------------------------------------------------------------

    def _place(self, drawn: Any) -> list[Where]:
        """Keep every component in `drawn` that has an id; where they are new, their properties are."""
        placed = []
        for props in _components(drawn):
            if "id" in props:
                name = named(props["id"])
                self.parts[name] = dict(props)
                inputs = {each["property"] for callback in self._callbacks for each in callback["inputs"]}
                placed += [(name, prop) for prop in {*props, *inputs}]
        return placed

    def _forget(self, drawn: Any) -> None:
        for props in _components(drawn):
            if "id" in props:
                self.parts.pop(named(props["id"]), None)


def named(identity: Any) -> str:
    """An id as text, as the renderer writes it."""
    return identity if isinstance(identity, str) else json.dumps(identity, sort_keys=True, separators=(",", ":"))


def _parsed(name: str) -> Any:
    return json.loads(name) if name.startswith("{") else name


def _matches(pattern: str, name: str) -> bool:
    if not (pattern.startswith("{") and name.startswith("{")):
        return pattern == name
    wanted, found = json.loads(pattern), json.loads(name)
    return wanted.keys() == found.keys() and all(
        value in (["ALL"], ["MATCH"]) or found[key] == value for key, value in wanted.items()
    )


def _wild(pattern: str, name: str) -> dict[str, Any]:
    """What MATCH stands for when the component `name` fired."""
    if not pattern.startswith("{") or not _matches(pattern, name):
        return {}
    return {key: json.loads(name)[key] for key, value in json.loads(pattern).items() if value == ["MATCH"]}


def _components(drawn: Any) -> Iterator[dict[str, Any]]:
    """The properties of every component in `drawn`, wherever it stands."""
    if isinstance(drawn, list):
        for each in drawn:
            yield from _components(each)
    elif isinstance(drawn, dict):
        if "namespace" in drawn and "props" in drawn:
            yield drawn["props"]
            drawn = drawn["props"]
        for each in drawn.values():
            yield from _components(each)


def _texts(drawn: Any) -> Iterator[str]:
    for props in _components(drawn):
        children = props.get("children")
        yield from (each for each in (children if isinstance(children, list) else [children]) if isinstance(each, str))


class Onlooker:
    """A second tab of a visitor, that reads page after page all the while, and the pulse between them."""

    def __init__(self, visitor: Visitor, *paths: str) -> None:
        self._visitor, self._paths = visitor, paths
        self.failures: list[str] = []  # what was not answered 200
        self.seconds: list[float] = []  # how long each page, and each pulse, took
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True, name="onlooker")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join()

    def _look(self) -> None:
        tab = Tab(self._visitor, self._paths[0], follow=False)
        while True:
            for path in self._paths:
                self._ask(path, lambda path=path: tab.look(path))
                self._ask("/_pulse", lambda: self._visitor.send("GET", "/_pulse"))
                if self._over.wait(0.25):
                    return

    def _ask(self, path: str, ask: Callable[[], object]) -> None:
        began = time.monotonic()
        try:
            ask()
        except OSError as error:  # a status that is no success, too
            self.failures.append(f"{path}: {error}")
        self.seconds.append(time.monotonic() - began)
