"""A visitor within the test's own process: the same requests, asked of the real application without a line."""

from __future__ import annotations

import json
from base64 import b64encode
from typing import Any

from flask import Flask

from callbacks.house import NAME, House
from services.jobs.record import Record
from services.workspace import Workspace
from tests.dyno.visitor import Tab, Visitor
from tests.waiting import until

PAGES = ("/", "/data", "/explore", "/tables", "/runs", "/several", "/settings", "/rfm", "/battery", "/nowhere")
SPARED = ("/assets/", "/_dash-component-suites/")  # what a page loads beside its words


class _Look(Tab):
    poll = 0.01


class Inside(Visitor):
    """A browser of the visitor whose workspace is given; a status of 500 fails the test."""

    def __init__(self, server: Flask, workspace: Workspace | None = None) -> None:
        self.client = server.test_client()
        self.messages: list[str] = []  # what was refused, in words
        if workspace is not None:
            with self.client.session_transaction() as cookie:
                cookie["visitor"] = workspace.visitor
        self.send("GET", "/_pulse")

    @property
    def workspace(self) -> Workspace:
        here: House = self.client.application.extensions[NAME]
        with self.client.session_transaction() as cookie:
            return here.home.workspace(cookie["visitor"])

    def send(self, method: str, path: str, body: bytes | None = None, **headers: str) -> tuple[int, Any, bytes]:
        if path.startswith(SPARED):
            return 200, {}, b""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        answer = self.client.open(path, method=method, data=body, headers=named)
        said = answer.get_data()
        answer.close()
        assert answer.status_code not in {500, 502, 503}, f"{method} {path}: {said.decode()[:500]}"
        if answer.status_code >= 400:
            self.messages.append((answer.get_json(silent=True) or {}).get("message", ""))
            return answer.status_code, answer.headers, b"{}"
        return answer.status_code, answer.headers, said

    def bring(self, name: str, lines: bytes) -> str:
        """Have a file read, and return the dataset's id."""
        said = f"filename {b64encode(name.encode()).decode()}"
        _, made, _ = self.send("POST", "/_uploads", Upload_Length=str(len(lines)), Upload_Metadata=said)
        self.send("PATCH", made["Location"], lines, Upload_Offset="0")
        engine = self.client.application.extensions[NAME].engine
        asked = {"upload": made["Location"].rpartition("/")[2], "name": name}
        job = engine.take_in(self.workspace, asked, f"Reading {name}", len(lines))
        return self.ended(job).outcome or ""

    def ended(self, job: Record) -> Record:
        """Wait until a job has ended."""
        engine = self.client.application.extensions[NAME].engine
        return until(lambda: now if not (now := engine.get(self.workspace, job.id)).is_live else None)

    def look(self, *pages: str) -> str:
        """Open each page with everything it fires; every word that was shown."""
        shown, tab = [], None
        for page in pages or PAGES:
            if tab is None:
                tab = _Look(self, page)
            else:
                tab.go(page)
            for name in [each for each in tab.parts if '"type":"explored"' in each]:  # a grid asks when it is drawn
                asked = {"startRow": 0, "endRow": 100, "sortModel": [], "filterModel": {}}
                tab.set({(name, "getRowsRequest"): asked})
            shown += [json.dumps(each, ensure_ascii=False, default=str) for each in tab.parts.values()]
        return "\n".join(shown)
