"""Lines that are slow to say what they ask: so many may hold a thread of gunicorn's at once, and no more.

gunicorn waits for the first byte of a request and then, in a thread, for the rest, a byte a second if
need be: eight such lines held all eight threads for as long as they liked. What a request brings
after its headers is the application's own to wait for; see `callbacks/files.py`.
"""

from __future__ import annotations

import socket
import threading
import time
from contextlib import suppress
from typing import Any

MOST = 4  # lines that may be in the midst of their headers; a browser sends them in one piece
PATIENCE = 1.0  # seconds that each has, however many there are
LONGEST = 20.0  # ... and at most
EVERY = 0.25


def guard(worker: Any) -> None:
    """Watch the lines of a worker of gunicorn's threads."""
    asking: dict[Any, float] = {}
    handle, answer = worker.handle, worker.handle_request

    def heard(conn: Any) -> Any:
        asking[conn] = time.monotonic()
        try:
            return handle(conn)
        finally:
            asking.pop(conn, None)

    def answered(request: Any, conn: Any) -> Any:
        asking.pop(conn, None)
        return answer(request, conn)

    worker.handle, worker.handle_request = heard, answered
    threading.Thread(target=_watch, args=(asking,), daemon=True, name="lines").start()


def _watch(asking: dict[Any, float]) -> None:
    while True:
        time.sleep(EVERY)
        now = time.monotonic()
        oldest = sorted(asking.copy().items(), key=lambda pair: pair[1])
        for place, (conn, began) in enumerate(oldest):
            if now - began > (PATIENCE if len(oldest) - place > MOST else LONGEST):
                with suppress(OSError):  # it ended by itself
                    conn.sock.shutdown(socket.SHUT_RD)
