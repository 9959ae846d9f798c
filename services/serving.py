"""Which server works on a data folder: its topmost process, named by pid and start time."""

from __future__ import annotations

from pathlib import Path

from services import memory
from services.errors import NotFound
from services.workspace import read_json, write_json

_FILE = "server.json"


def sign_in(server: Path, pid: int) -> None:
    """Say that the process `pid` serves now; whoever said so before has ended, or shares the work."""
    write_json(server / _FILE, {"pid": pid, "start": memory.started(pid)})


def is_gone(server: Path) -> bool:
    """Whether a server had signed in and lives no more. A folder that none ever served has none to miss."""
    try:
        said = read_json(server / _FILE)
        return not memory.is_alive(said["pid"], said["start"])
    except (NotFound, KeyError, TypeError):
        return False


def running(server: Path) -> int | None:
    """The topmost process of the server that works on the folder now; None when none does."""
    try:
        said = read_json(server / _FILE)
        return said["pid"] if memory.is_alive(said["pid"], said["start"]) else None
    except (NotFound, KeyError, TypeError):
        return None
