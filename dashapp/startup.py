"""What must be so before the server can start; whatever is not, is said in a sentence with what to do."""

from __future__ import annotations

import errno
import os
import re
import tempfile
from importlib.util import find_spec
from pathlib import Path

from services import room
from services.workspace import Home

REQUIREMENTS = Path(__file__).parents[1] / "requirements.txt"
NEEDED = 1 << 20  # bytes that must go into DATA_DIR: less, and the server's own files do not
# What may be wrong with a disk; any other error at the start is a bug and should look like one.
OF_THE_DISK = room.FULL | {errno.EROFS, errno.EACCES, errno.EPERM, errno.ENOTDIR, errno.EEXIST}
# Packages whose module has another name.
_MODULES = {"scikit-learn": "sklearn", "imbalanced-learn": "imblearn", "xgboost-cpu": "xgboost"}


class CannotStart(Exception):
    """The server cannot start; the message is for who starts it."""


def installed() -> None:
    """See that every package is there, without importing any.

    Raises
    ------
    CannotStart
        Some are not; the message names them.
    """
    absent = [name for name in packages() if find_spec(_MODULES.get(name, name.replace("-", "_"))) is None]
    if absent:
        raise CannotStart(_install(absent))


def writable(folder: Path) -> None:
    """See that DATA_DIR takes files: what a server writes first is written to it.

    Raises
    ------
    CannotStart
        It does not; the message says what to do.
    """
    try:
        home = Home.at(folder)
        home.secret_key()
        for place in (home.server, home.root / "visitors"):
            with tempfile.TemporaryFile(dir=place) as file:
                file.write(bytes(NEEDED))
                file.flush()
                os.fsync(file.fileno())
    except OSError as error:
        raise CannotStart(unwritable(folder, error)) from None


def packages() -> list[str]:
    """The names in requirements.txt, jobs' packages among them: better missed now than by the first run."""
    lines = REQUIREMENTS.read_text(encoding="utf-8").splitlines()
    return [name[0] for line in lines if (name := re.match(r"[A-Za-z0-9._-]+", line))]


def missing(error: ImportError) -> str:
    """The sentence for a package, of ours or of those that ours need, that cannot be imported."""
    return _install([(error.name or "A package").partition(".")[0]])


def _install(names: list[str]) -> str:
    verb = "is" if len(names) == 1 else "are"
    how = f"python -m pip install -r {REQUIREMENTS.with_name('requirements.lock').name}"
    return f"{', '.join(names)} {verb} not installed for this Python. Run `{how}`, or start it by `make run`."


def unwritable(folder: Path, error: OSError) -> str:
    """The sentence for a DATA_DIR that cannot be used."""
    place = f"DATA_DIR, {folder.absolute()},"
    if error.errno in {errno.EEXIST, errno.ENOTDIR}:
        return f"{place} is a file, or lies below one. Set DATA_DIR to a folder."
    if room.is_out(error):
        return f"{place} is on a disk that is full. Make room on it, or set DATA_DIR to a folder on another disk."
    who = f"user {os.geteuid()}"
    return (
        f"{place} cannot be written to: {error.strerror}. Make it writable for {who}, which this runs as, "
        "or set DATA_DIR to another folder."
    )
