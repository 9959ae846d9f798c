"""Where flask-caching keeps rendered views: a diskcache with a bound in bytes, values as text."""

from __future__ import annotations

import contextlib
import shutil
import sqlite3
import threading
import zlib
from collections.abc import Callable
from typing import Any, TypeVar

import diskcache
from flask_caching.backends.base import BaseCache

T = TypeVar("T")

SIZE_LIMIT = 64 << 20

# What reading a cache of noise ends in.
_DAMAGED = (sqlite3.DatabaseError, zlib.error, ValueError)


class DiskViews(BaseCache):
    """flask-caching's own file backend bounds the number of entries, not their size; this one does.

    Whatever is wrong with it is a miss: a view is drawn again, and a damaged cache made anew.
    """

    def __init__(self, folder: str, default_timeout: int = 3_600) -> None:
        super().__init__(default_timeout)
        self._folder, self._guard = folder, threading.Lock()
        try:
            self._cache = self._open()
        except _DAMAGED:
            shutil.rmtree(folder)
            self._cache = self._open()

    def _open(self) -> diskcache.Cache:
        return diskcache.Cache(
            self._folder,
            disk=diskcache.JSONDisk,
            size_limit=SIZE_LIMIT,
            eviction_policy="least-recently-used",
            sqlite_mmap_size=0,
            sqlite_cache_size=256,
        )

    @classmethod
    def factory(cls, app: Any, config: dict[str, Any], args: list[Any], kwargs: dict[str, Any]) -> DiskViews:
        return cls(config["CACHE_DIR"], config["CACHE_DEFAULT_TIMEOUT"])

    def _asked(self, what: Callable[[diskcache.Cache], T], otherwise: T) -> T:
        """Ask the cache; one that is busy, full or damaged says `otherwise`."""
        cache = self._cache
        try:
            return what(cache)
        except (OSError, diskcache.Timeout):
            return otherwise
        except _DAMAGED:
            with self._guard:
                if self._cache is cache:  # else another thread was here first
                    with contextlib.suppress(OSError, sqlite3.Error):  # a full disk: the next one tries again
                        shutil.rmtree(self._folder, ignore_errors=True)
                        self._cache = self._open()
            return otherwise

    def get(self, key: str) -> Any:
        return self._asked(lambda cache: cache.get(key), None)

    def set(self, key: str, value: Any, timeout: int | None = None) -> bool:
        return self._asked(lambda cache: cache.set(key, value, expire=timeout or self.default_timeout), False)

    def add(self, key: str, value: Any, timeout: int | None = None) -> bool:
        return self._asked(lambda cache: cache.add(key, value, expire=timeout or self.default_timeout), False)

    def delete(self, key: str) -> bool:
        return self._asked(lambda cache: cache.delete(key), False)

    def has(self, key: str) -> bool:
        return self._asked(lambda cache: key in cache, False)

    def clear(self) -> bool:
        self._asked(lambda cache: cache.clear(), 0)
        return True
