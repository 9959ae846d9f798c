"""What a command prints when there is no result; nothing is needed for it that could be missing."""

from __future__ import annotations

from typing import Any


def ended(status: str, message: str | None, *, field: str | None = None, incident: str | None = None) -> dict[str, Any]:
    """The object printed when there is no result."""
    error = None if message is None else {"message": message, "field": field, "incident": incident}
    return {
        "status": status, "key": None, "facts": {}, "notes": [], "tables": {},
        "job": {"seconds": None, "peak_mb": None, "rows_used": None, "rows_total": None}, "error": error,
    }  # fmt: skip
