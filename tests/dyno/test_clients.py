"""Clients as they are: thirty at once, some that say a byte a second, some that leave in the middle."""

from __future__ import annotations

import base64
import json
import os
import socket
import threading
import time
import urllib.error
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.dyno.dyno import Dyno
from tests.dyno.visitor import Visitor

FILES = 30
SLOW = 10
MB = 1 << 20
TUS = {"Tus_Resumable": "1.0.0"}


@pytest.fixture(scope="module")
def dyno() -> Iterator[Dyno]:
    with Dyno(512) as made:
        yield made


def sent(visitor: Visitor, name: str, content: bytes) -> int:
    """Upload as the page does, asking again where the server says wait; how often that was."""
    said = base64.b64encode(name.encode()).decode()
    asked = {"Upload_Length": str(len(content)), "Upload_Metadata": f"filename {said}"}
    _, made, _ = visitor.send("POST", "/_uploads", b"", **asked)
    place, waited = made["Location"], 0
    while True:
        _, state, _ = visitor.send("HEAD", place, **TUS)
        at = int(state["Upload-Offset"])
        if at == len(content):
            return waited
        try:
            kind = "application/offset+octet-stream"
            visitor.send("PATCH", place, content[at:], Upload_Offset=str(at), Content_Type=kind, **TUS)
        except urllib.error.HTTPError as error:
            if error.code != 423 or not json.loads(error.read())["message"].endswith("."):
                raise
            waited += 1
            time.sleep(0.2)
        except (ConnectionError, urllib.error.URLError):  # told to wait while it still spoke
            waited += 1
            time.sleep(0.2)


@contextmanager
def dribbling(port: int, head: bytes) -> Iterator[list[socket.socket]]:
    """So many lines that send `head` at once, and from then on a byte a second."""
    lines = [socket.create_connection(("127.0.0.1", port)) for _ in range(SLOW)]
    for line in lines:
        line.sendall(head)
    over = threading.Event()

    def dribble() -> None:
        while not over.wait(1.0):
            for line in lines:
                try:
                    line.sendall(b"x")
                except OSError:  # let go
                    continue

    thread = threading.Thread(target=dribble)
    thread.start()
    try:
        yield lines
    finally:
        over.set()
        thread.join()
        for line in lines:
            line.close()


def test_thirty_uploads_at_once_all_arrive_whole(dyno: Dyno, say: Callable[..., None]) -> None:
    visitor = Visitor(dyno.port)
    assert visitor.cookie
    contents = [os.urandom(MB // 2) for _ in range(FILES)]
    with ThreadPoolExecutor(FILES) as pool:
        waited = list(pool.map(lambda i: sent(visitor, f"{i}.csv", contents[i]), range(FILES)))
    stored = {each.read_bytes() for each in dyno.data.glob("visitors/*/uploads/*/content")}
    assert stored == set(contents)
    assert not [each for each in dyno.data.glob("visitors/*/uploads/*/*") if each.name.startswith(".")]
    say(f"{FILES} uploads at once: {sum(waited)} times told to wait")


@pytest.mark.parametrize("where", ["in its headers", "in its body"])
def test_lines_that_say_a_byte_a_second_keep_nobody_waiting(dyno: Dyno, say: Callable[..., None], where: str) -> None:
    visitor = Visitor(dyno.port)
    said = base64.b64encode(b"slow.csv").decode()
    _, made, _ = visitor.send("POST", "/_uploads", b"", Upload_Length="1000", Upload_Metadata=f"filename {said}")
    head = f"PATCH {made['Location']} HTTP/1.1\r\nHost: 127.0.0.1\r\nCookie: {visitor.cookie}\r\n"
    if where == "in its body":
        head += "Upload-Offset: 0\r\nContent-Length: 1000\r\n\r\n"
    with dribbling(dyno.port, f"{head}x".encode()):
        seconds = []
        for _ in range(15):
            began = time.monotonic()
            assert visitor.send("GET", "/_pulse")[0] == 200
            seconds.append(time.monotonic() - began)
            time.sleep(0.1)
    say(f"{SLOW} slow lines, each {where}: others waited {max(seconds):.1f} s at most")


def test_a_client_gone_in_the_middle_of_a_download_leaves_nothing_open(dyno: Dyno) -> None:
    visitor = Visitor(dyno.port)
    _, made, _ = visitor.send("POST", "/_uploads", b"", Upload_Length="9", Upload_Metadata="filename dC5jc3Y=")
    (upload,) = dyno.data.glob(f"visitors/*{made['Location'].replace('_uploads', 'uploads')}")
    key = "a" * 32
    result = upload.parents[1] / "results" / key
    (result / "exports").mkdir(parents=True)
    (result / "result.json").write_text('{"slug": "rfm"}')
    (result / "exports" / "segments.csv").write_bytes(bytes(64 * MB))

    def opened() -> int:
        found = 0
        for pid in dyno.pids():
            for link in Path(f"/proc/{pid}/fd").glob("*"):
                try:
                    found += str(link.readlink()).endswith("segments.csv")
                except OSError:
                    continue
        return found

    for _ in range(SLOW):
        line = socket.create_connection(("127.0.0.1", dyno.port))
        line.sendall(f"GET /_files/{key}/segments.csv HTTP/1.1\r\nHost: x\r\nCookie: {visitor.cookie}\r\n\r\n".encode())
        assert line.recv(1_000).startswith(b"HTTP/1.1 200")
        line.close()
    dyno.until(lambda: opened() == 0, "the file to be closed", seconds=60)
    assert visitor.send("GET", "/_pulse")[0] == 200
    assert "incident" not in dyno.log()
