"""What callbacks and routes reach: the services of this server, and the visitor of this request."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any

from flask import current_app, session
from flask_caching import Cache

from services import visitors
from services.jobs.engine import Engine
from services.memory import Limit
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
    boot: str = field(default_factory=new_id)
    history: list[int] = field(default_factory=list)  # memory in use, MB, a value every few seconds
    evicted: str | None = None
    swept: float = field(default_factory=time.time)
    disk: dict[str, tuple[int, int]] = field(default_factory=dict)  # what is stored: how many, and bytes


def house() -> House:
    return current_app.extensions[NAME]


def workspace() -> Workspace:
    """The workspace of who asks: named by the signed cookie, made at the first visit."""
    visitor = session.get("visitor")
    if not is_id(visitor):
        visitor = session["visitor"] = new_id()
        session.permanent = True
    here = house().home.workspace(visitor)
    visitors.touch(here, time.time())
    return here
