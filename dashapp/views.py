"""Where flask-caching keeps rendered views: a diskcache with a bound in bytes, values as text."""

from __future__ import annotations

from typing import Any

import diskcache
from flask_caching.backends.base import BaseCache

SIZE_LIMIT = 64 << 20


class DiskViews(BaseCache):
    """flask-caching's own file backend bounds the number of entries, not their size; this one does."""

    def __init__(self, folder: str, default_timeout: int = 3_600) -> None:
        super().__init__(default_timeout)
        self._cache = diskcache.Cache(
            folder,
            disk=diskcache.JSONDisk,
            size_limit=SIZE_LIMIT,
            eviction_policy="least-recently-used",
            sqlite_mmap_size=0,
            sqlite_cache_size=256,
        )

    @classmethod
    def factory(cls, app: Any, config: dict[str, Any], args: list[Any], kwargs: dict[str, Any]) -> DiskViews:
        return cls(config["CACHE_DIR"], config["CACHE_DEFAULT_TIMEOUT"])

    def get(self, key: str) -> Any:
        return self._cache.get(key)

    def set(self, key: str, value: Any, timeout: int | None = None) -> bool:
        return self._cache.set(key, value, expire=timeout or self.default_timeout)

    def add(self, key: str, value: Any, timeout: int | None = None) -> bool:
        return self._cache.add(key, value, expire=timeout or self.default_timeout)

    def delete(self, key: str) -> bool:
        return self._cache.delete(key)

    def has(self, key: str) -> bool:
        return key in self._cache

    def clear(self) -> bool:
        self._cache.clear()
        return True
