"""Whether what is stored outlives a restart: some platforms empty a server's own disk each time.

Their documentation: Heroku, "Dyno filesystem"; Render, "Persistent disks"; Fly.io, "Volumes"; Google
Cloud Run, "Container runtime contract"; Docker, "Storage".
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

# What each platform sets in the environment of a server.
PLATFORMS = ("DYNO", "RENDER", "FLY_APP_NAME", "K_SERVICE")


def is_ephemeral(
    folder: Path, said: str = "auto", environment: Mapping[str, str] = os.environ, top: Path = Path("/")
) -> bool:
    """Whether a restart may empty `folder`: as `said` (yes, no), else where such a platform keeps it on its own disk.

    A volume is another file system than the one at `top`, and stays.
    """
    if said != "auto":
        return said == "yes"
    inside = any(environment.get(name) for name in PLATFORMS) or (top / ".dockerenv").exists()
    return inside and folder.stat().st_dev == top.stat().st_dev
