"""What callbacks and routes reach: the services of this server, and the visitor of this request."""

from __future__ import annotations

import contextlib
import time
from collections import deque
from dataclasses import dataclass, field
from typing import Any

from flask import current_app, request, session
from flask_caching import Cache

from services import sharing, visitors
from services.jobs.engine import Engine
from services.memory import History, Limit
from services.reader import Reader
from services.workspace import Home, Workspace, is_id, new_id

NAME = "datainsights"


@dataclass(kw_only=True)
class House:
    """The services of one server process; made once, by `create_app`."""

    home: Home
    engine: Engine
    reader: Reader
    views: Cache  # rendered views, memoised
    settings: Any
    limit: Limit
    server: int  # topmost process of the server
    is_ephemeral: bool = False  # a restart empties the disk
    boot: str = field(default_factory=new_id)
    history: History = field(default_factory=History)
    disk: dict[str, Any] = field(default_factory=dict)  # sums of what is stored, as they were at `disk_at`
    disk_at: float = float("-inf")
    cleaned: dict[str, Any] | None = None  # what was freed when memory ran short last
    refused: deque[str] = field(default_factory=lambda: deque(maxlen=1_000))  # new visitors, not yet told why
    swept: float = field(default_factory=time.time)


def house() -> House:
    return current_app.extensions[NAME]


def workspace() -> Workspace:
    """The workspace of who asks: named by the signed cookie, made at the first visit."""
    if "link" in session and not sharing.holds(house().home, session["link"], session.get("visitor")):
        leave()
    visitor = session.get("visitor")
    if not is_id(visitor):
        visitor = session["visitor"] = new_id()
        session.permanent = True
        if NAME in request.cookies:  # it named somebody once, and is not to be read any more
            house().refused.append(visitor)
    now = time.time()
    if session.get("day") != now // 86_400:  # the cookie is sent again only when it changes: see `create_app`
        session["day"] = now // 86_400
    here = house().home.workspace(visitor)
    for each in {visitor, session.get("own", visitor)}:  # what a guest has at home is kept as well
        visitors.touch(house().home.workspace(each), now)
    return here


def is_guest() -> bool:
    """Whether who asks came to the workspace by a link: it is another browser's."""
    return "link" in session


def leave() -> None:
    """Go from the workspace of a link back to the browser's own."""
    session.pop("link", None)
    session["visitor"] = session.pop("own", None) or new_id()


def is_refused() -> bool:
    """Whether who asks came with a cookie that another key had signed, and was not told yet."""
    return workspace().visitor in house().refused


def told() -> None:
    """Remember that it was said."""
    with contextlib.suppress(ValueError):  # another tab was told at the same moment
        house().refused.remove(workspace().visitor)
