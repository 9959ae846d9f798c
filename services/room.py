"""Room on the disk: how each library says that it ran out, and what the person at the screen is told then."""

from __future__ import annotations

import errno
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from services.errors import DiskFull, DoesNotFit

FULL = frozenset({errno.ENOSPC, errno.EDQUOT})

# DuckDB, a writer that wraps the system's error as text, and SQLite.
_SAID = ("No space left on device", "database or disk is full")

_ADVICE = "Remove datasets you do not need, press Clean up in the gauge, or ask who runs this server for room."


def is_out(error: BaseException | None) -> bool:
    """Whether `error`, or what caused it, is some library's way to say that the disk is full."""
    while error is not None:
        if isinstance(error, DiskFull) or (isinstance(error, OSError) and error.errno in FULL):
            return True
        if any(said in str(error) for said in _SAID):
            return True
        error = error.__cause__ or error.__context__
    return False


def full(place: Path) -> DiskFull:
    """What to raise when the disk that holds `place` took no more."""
    return DiskFull(f"The server's disk is full: {free(place)}. {_ADVICE}")


def too_little(place: Path, what: str) -> DoesNotFit:
    """What to raise when there is no room for `what`, a thing with a name."""
    return DoesNotFit(f"The server's disk has no room for {what}. Now {free(place)}. {_ADVICE}")


def free(place: Path) -> str:
    """How much of the disk that holds `place` is free, in words."""
    try:
        mb = shutil.disk_usage(place).free / (1 << 20)
    except OSError:
        return "nothing is free"
    return f"{mb:,.0f} MB are free" if mb >= 10 else f"{mb:.1f} MB are free"


@contextmanager
def needed(place: Path) -> Iterator[None]:
    """Whatever says within that the disk is full, is said as our own error."""
    try:
        yield
    except Exception as error:
        if isinstance(error, DoesNotFit) or not is_out(error):
            raise
        raise full(place) from error
