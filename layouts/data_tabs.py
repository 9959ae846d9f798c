"""The pages about one dataset, as tabs below its name."""

from __future__ import annotations

import dash
from dash import html

from layouts import blocks

TABS = (("Profile", "/data"), ("Explore", "/explore"), ("Types", "/types"))


def has(path: str) -> bool:
    """Whether the application has a page of this address."""
    return any(page["path"] == path for page in dash.page_registry.values())


def tabs(dataset: str, active: str) -> html.Nav:
    """The tabs of a dataset; `active` is the path of the page they stand on."""
    links = [(label, f"{path}?dataset={dataset}") for label, path in TABS if has(path) or path == active]
    return blocks.tabs(links, f"{active}?dataset={dataset}", "This table")
