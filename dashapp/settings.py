"""Every setting, read from the environment once; the help is the README's table."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any


class BadSetting(Exception):
    """An environment variable that cannot be read; the message names it."""


_FLAGS = {"1": True, "true": True, "yes": True, "on": True, "0": False, "false": False, "no": False, "off": False}


def _setting(default: Any, help: str, *, low: int = 0) -> Any:
    return dataclasses.field(default=default, metadata={"help": help, "low": low})


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Each field is read from the environment variable of its name in capitals."""

    port: int = _setting(8050, "Port the server listens on.", low=1)
    host: str = _setting("127.0.0.1", "Address the server listens on; a container wants 0.0.0.0.")
    data_dir: Path = _setting(Path("data"), "Folder that holds everything stored; made readable by this user only.")
    secret_key: str = _setting(
        "", "Signs cookies. Empty: one is made and kept in DATA_DIR, so a restart keeps sessions."
    )
    secure_cookies: bool = _setting(False, "Send cookies over HTTPS only; set it where the platform ends TLS.")
    memory_limit_mb: int = _setting(512, "Memory that may be used, where no container sets a limit.", low=1)
    reserve_mb: int = _setting(48, "Memory that no job may take, so that the server always answers.")
    nav_lock: str = _setting("everyone", "Whose navigation a running analysis locks: everyone, or its owner.")
    evict_over_mb: int = _setting(50, "Large tables of results above this size go first when nobody opens them.")
    evict_every_s: int = _setting(300, "Seconds between two looks for what can be evicted.", low=1)
    results_budget_mb: int = _setting(2_000, "Disk that large tables, exports and kept steps may take together.")
    upload_limit_mb: int = _setting(2_000, "Largest file that may be uploaded, in MB of a million bytes.", low=1)
    visitor_quota_mb: int = _setting(
        0, "What one visitor's tables and uploads may take on disk, in MB of a million bytes; 0: as much as there is."
    )
    ephemeral_disk: str = _setting(
        "auto", "Whether a restart empties DATA_DIR, which pages then say: yes, no, or auto to tell by the platform."
    )
    keep_days: int = _setting(7, "Days after which an unused workspace is removed.", low=1)
    log_level: str = _setting("info", "How much the server logs: debug, info, warning or error.")

    @classmethod
    def read(cls, environment: Mapping[str, str] = os.environ) -> Settings:
        """The settings that `environment` gives, defaults for the rest.

        Raises
        ------
        BadSetting
            A value that is not what the setting takes.
        """
        given: dict[str, Any] = {}
        for each in dataclasses.fields(cls):
            name = each.name.upper()
            text = environment.get(name, "").strip()
            if not text:
                continue
            try:
                given[each.name] = _read(text, each.default, each.metadata["low"])
            except ValueError:
                low = each.metadata["low"]
                needed = "yes or no" if isinstance(each.default, bool) else f"a whole number from {low} up"
                raise BadSetting(f"{name} is “{text}”, and {needed} is needed.") from None
        settings = cls(**given)
        if settings.nav_lock not in {"everyone", "owner"}:
            raise BadSetting(f"NAV_LOCK is “{settings.nav_lock}”: say everyone or owner.")
        if settings.ephemeral_disk not in {"auto", "yes", "no"}:
            raise BadSetting(f"EPHEMERAL_DISK is “{settings.ephemeral_disk}”: say yes, no or auto.")
        if settings.log_level.lower() not in {"debug", "info", "warning", "error"}:
            raise BadSetting(f"LOG_LEVEL is “{settings.log_level}”: say debug, info, warning or error.")
        return settings


def _read(text: str, default: Any, low: int) -> Any:
    if isinstance(default, bool):
        if text.lower() not in _FLAGS:
            raise ValueError(text)
        return _FLAGS[text.lower()]
    value = type(default)(text)
    if isinstance(value, int) and value < low:
        raise ValueError(text)
    return value


def table() -> list[tuple[str, str, str]]:
    """Name, default and help of every setting, for the README and its test."""
    return [(each.name.upper(), str(each.default), each.metadata["help"]) for each in dataclasses.fields(Settings)]
