"""Where everything lies on disk, and the one place where an id becomes a path.

    DATA_DIR/                             0700
      secret_key                          signs cookies (0600)
      server/                             locks, the queue's index, who serves, what runs took, caches, links
      visitors/<visitor>/
        workspace.json                    which dataset is open
        runs.json                         what the visitor noted about runs: names, deleted, seen
        uploads/<upload>/                 a file on its way in: meta.json, content
        datasets/<dataset>/               dataset.json, data_full.parquet, profile.json, original, rejects.csv,
                                          review.json (what was understood), choices.json (what waits to be read so),
                                          order/ (row numbers as sorted and filtered)
        readings/<columns>.json           choices for the next file of these columns
        removed/<dataset>/                one that can be brought back yet
        jobs/<job>/                       record.json (the truth about a run), log.txt, cancel, skip, tmp/
        chains/<chain>.json               which runs were asked together
        results/<key>/                    result.json, <table>.json or .parquet, exports/, and until it is there:
                                          steps/ (checkpoints), partial/<n>/ (the result so far)

Every id is 32 hexadecimal digits, checked before it touches a path; what does not match does not
exist, which is also what a visitor hears of another visitor's things.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from services import room
from services.errors import NotFound

STEPS = "steps"  # folder of the steps kept for a question, beside what will be its result

_ID = re.compile(r"[0-9a-f]{32}")
_KEY = re.compile(rb"[0-9a-f]{64}")


def new_id() -> str:
    """An id nobody can guess: 128 random bits."""
    return secrets.token_hex(16)


def is_id(text: object) -> bool:
    return isinstance(text, str) and _ID.fullmatch(text) is not None


def write_json(path: Path, value: Any) -> None:
    """Replace the file at `path` by `value` as JSON: a reader sees the old or the new, never half.

    Raises
    ------
    DiskFull
        The disk is; what was there before still is.
    """
    with room.needed(path.parent):
        handle, part = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                json.dump(value, file, ensure_ascii=False, separators=(",", ":"))
                file.flush()
                os.fsync(file.fileno())
            if path.is_dir():  # whatever put a folder here, it keeps nothing of ours
                discard(path)
            os.replace(part, path)
        except BaseException:  # a full disk, above all: half a file must not lie about
            os.unlink(part)
            raise


def read_json(path: Path) -> Any:
    """The JSON at `path`.

    Raises
    ------
    NotFound
        There is no such file, or it is damaged.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError, RecursionError, ValueError):
        raise NotFound("This does not exist any more, or never did.") from None


def discard(folder: Path) -> None:
    """Remove a folder at once as far as readers see: half of it is never there."""
    gone = folder.with_name(f".gone-{new_id()}")
    with contextlib.suppress(FileNotFoundError):
        folder.replace(gone)
        shutil.rmtree(gone, ignore_errors=True)


def away(path: Path) -> None:
    """Remove what lies at `path`: a file, a link, or the folder that damage made of it."""
    if path.is_dir() and not path.is_symlink():
        discard(path)
    else:
        path.unlink(missing_ok=True)


@dataclass(frozen=True)
class Workspace:
    """All that one visitor stored."""

    folder: Path

    @property
    def visitor(self) -> str:
        return self.folder.name

    def upload(self, upload: str) -> Path:
        return self._place("uploads", upload)

    def dataset(self, dataset: str) -> Path:
        return self._place("datasets", dataset)

    def removed(self, dataset: str) -> Path:
        """Where a dataset lies that was removed and can be brought back."""
        return self._place("removed", dataset)

    def job(self, job: str) -> Path:
        return self._place("jobs", job)

    def chain(self, chain: str) -> Path:
        """The file of what was asked together."""
        return self._place("chains", chain).with_suffix(".json")

    def result(self, key: str) -> Path:
        return self._place("results", key)

    def steps(self, key: str) -> Path:
        """Where the steps of a question are kept until it is answered."""
        return self.result(key) / STEPS

    def each(self, kind: str) -> Iterator[Path]:
        """The folders of one kind (`uploads`, `datasets`, `removed`, `jobs`, `results`), in no order."""
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):
            yield from [path for path in (self.folder / kind).iterdir() if is_id(path.name)]

    def _place(self, kind: str, name: str) -> Path:
        if not is_id(name):
            raise NotFound("This does not exist any more, or never did.")
        return self.folder / kind / name


@dataclass(frozen=True)
class Home:
    """DATA_DIR: what the server keeps, and a workspace for each visitor."""

    root: Path

    @classmethod
    def at(cls, root: Path) -> Home:
        """Make the folders that must exist, readable by this user only."""
        home = cls(root.resolve())
        for folder in (home.root, home.server, home.root / "visitors"):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        home.root.chmod(0o700)
        return home

    @property
    def server(self) -> Path:
        return self.root / "server"

    def workspace(self, visitor: str) -> Workspace:
        if not is_id(visitor):
            raise NotFound("This does not exist any more, or never did.")
        return Workspace(self.root / "visitors" / visitor)

    def workspaces(self) -> Iterator[Workspace]:
        for folder in (self.root / "visitors").iterdir():
            if is_id(folder.name):
                yield Workspace(folder)

    def secret_key(self) -> str:
        """The key that signs cookies, made once and kept, so that a restart keeps sessions; a damaged one goes."""
        path = self.root / "secret_key"
        if os.path.lexists(path) and not (path.is_file() and _KEY.fullmatch(path.read_bytes())):
            away(path)
        if not path.exists():
            part = path.with_name(f".secret_key.{new_id()}")
            part.touch(mode=0o600)
            part.write_text(secrets.token_hex(32))
            with contextlib.suppress(FileExistsError):  # the first of several starting processes wins
                os.link(part, path)
            part.unlink()
        return path.read_text()
