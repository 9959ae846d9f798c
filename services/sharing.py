"""Links that open a workspace in another browser: made on request, listed, withdrawn.

A token has 128 random bits and is told once. The server keeps its SHA-256, under whose first half the
link is found: nothing on the disk opens a workspace, no guess comes near in the age of the universe, and
a lookup by hash takes as long for a wrong token as for a right one.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import os
import secrets
import time
from dataclasses import dataclass
from pathlib import Path

from services.errors import NotFound, ParamError
from services.workspace import Home, Workspace, is_id, read_json, write_json

MOST = 20  # links of one workspace

_FOLDER = "links"  # below server/
_USED_EVERY = 600.0  # seconds between two notes that a link is in use
_GONE = "This link was withdrawn, or never was. Ask for a new one."


@dataclass(frozen=True, kw_only=True)
class Link:
    """A link that holds; times are seconds since 1970."""

    id: str
    visitor: str
    made: float
    used: float | None


def make(home: Home, workspace: Workspace) -> str:
    """Make a link to a workspace: its token, which nobody can be told again.

    Raises
    ------
    ParamError
        There are too many already.
    """
    if len(each(home, workspace)) >= MOST:
        raise ParamError(f"A workspace has at most {MOST} links. Withdraw one first.")
    token = secrets.token_urlsafe(16)
    hashed = _hash(token)
    place = _place(home, hashed[:32])
    place.parent.mkdir(mode=0o700, exist_ok=True)
    workspace.folder.mkdir(parents=True, exist_ok=True)
    write_json(place, {"hash": hashed, "visitor": workspace.visitor, "made": time.time()})
    return token


def each(home: Home, workspace: Workspace) -> list[Link]:
    """The links of a workspace, newest first."""
    found = []
    for place in (home.server / _FOLDER).glob("*.json"):
        with contextlib.suppress(NotFound):
            link = _read(home, place.stem)
            if link.visitor == workspace.visitor:
                found.append(link)
    return sorted(found, key=lambda link: -link.made)


def find(home: Home, token: str) -> Link:
    """The link of a token.

    Raises
    ------
    NotFound
        There is none, or its workspace is gone.
    """
    hashed = _hash(token)
    link = _read(home, hashed[:32])
    if not hmac.compare_digest(hashed, read_json(_place(home, link.id))["hash"]):
        raise NotFound(_GONE)
    if not home.workspace(link.visitor).folder.is_dir():
        raise NotFound(_GONE)
    return link


def holds(home: Home, link: object, visitor: object) -> bool:
    """Whether who came by a link may still look at the workspace of `visitor`; notes that it is in use."""
    if not is_id(link):
        return False
    place = _place(home, str(link))
    try:
        state = place.stat()
        if time.time() - state.st_mtime > _USED_EVERY:
            os.utime(place)
        return _read(home, str(link)).visitor == visitor
    except (OSError, NotFound):
        return False


def use(home: Home, link: Link) -> None:
    """Note that somebody came by a link."""
    with contextlib.suppress(FileNotFoundError):
        os.utime(_place(home, link.id))


def withdraw(home: Home, workspace: Workspace, link: str) -> None:
    """End a link of the workspace: browsers that came by it are out at their next request."""
    if _read(home, link).visitor != workspace.visitor:
        raise NotFound(_GONE)
    _place(home, link).unlink(missing_ok=True)


def withdraw_all(home: Home, workspace: Workspace) -> None:
    for link in each(home, workspace):
        withdraw(home, workspace, link.id)


def _read(home: Home, link: str) -> Link:
    if not is_id(link):
        raise NotFound(_GONE)
    place = _place(home, link)
    known = read_json(place)
    try:
        used = place.stat().st_mtime
        made = float(known["made"])
        return Link(id=link, visitor=known["visitor"], made=made, used=used if used - made > 1 else None)
    except (KeyError, TypeError, ValueError, OSError):
        raise NotFound(_GONE) from None


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()


def _place(home: Home, link: str) -> Path:
    return home.server / _FOLDER / f"{link}.json"
