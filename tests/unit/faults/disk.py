"""A small disk: how it is filled, and how room is made again."""

from __future__ import annotations

import errno
import shutil
from dataclasses import dataclass
from pathlib import Path

MB = 1 << 20


@dataclass(frozen=True)
class Disk:
    """What is mounted at `place`."""

    place: Path

    @property
    def free(self) -> int:
        return shutil.disk_usage(self.place).free

    def fill(self, leave: int = 0) -> None:
        """Write until only `leave` bytes are free."""
        with open(self.place / "ballast", "ab", buffering=0) as file:
            while self.free > leave:
                try:
                    file.write(bytes(min(1 << 16, self.free - leave)))
                except OSError as error:
                    if error.errno != errno.ENOSPC:
                        raise
                    break

    def make_room(self) -> None:
        """Take away what filled it."""
        (self.place / "ballast").unlink()
