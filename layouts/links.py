"""Addresses that one page has for another."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode


def rows(dataset: str, where: Mapping[str, Any] | None = None, **more: str) -> str:
    """Where the rows of a dataset are looked at; `where` is a filter as `services.reader.conditions` takes it."""
    asked = {"dataset": dataset, **more}
    if where:
        asked["where"] = json.dumps(where, ensure_ascii=False, separators=(",", ":"))
    return f"/explore?{urlencode(asked)}"


def asked(slug: str, dataset: str, values: Mapping[str, Any]) -> str:
    """Where an analysis is asked with `values` filled in, which a person may still change."""
    said = json.dumps(values, ensure_ascii=False, separators=(",", ":"))
    return f"/{slug}?{urlencode({'dataset': dataset, 'ask': said})}"


def cleaning(dataset: str, remedy: Mapping[str, Any]) -> str:
    """Where an alert is mended: the step of the cleaning recipe, filled in."""
    said = json.dumps(remedy, ensure_ascii=False, separators=(",", ":"), default=str)
    return f"/cleaning?{urlencode({'dataset': dataset, 'add': said})}"
