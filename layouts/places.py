"""Where each page stands: its group in the sidebar, its name there, its icon; and how it is drawn."""

from __future__ import annotations

import importlib
import os
import pkgutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from types import ModuleType
from typing import Any

from layouts import data_tabs, ids, pages
from layouts.shell import NavGroup, NavLink

DATA = (
    NavLink(label="Data", href="/data", icon="database"),
    NavLink(label="Explore", href="/explore", icon="chart-column"),
    NavLink(label="Tables", href="/tables", icon="table-2"),
)
GROUPS = ("Data", "Customers", "Forecast", "Machine learning", "Text", "Simulation", "Report")


@dataclass(frozen=True, kw_only=True)
class Place:
    """An analysis' page: `brief` is its line on the Home card, `gives` and `misleads` stand before the first run."""

    group: str
    label: str
    icon: str
    brief: str
    gives: Sequence[tuple[str, str]] = ()
    misleads: Sequence[str] = ()
    exports: Sequence[tuple[str, str]] = ()  # table, format


@cache
def found() -> Mapping[str, ModuleType]:
    """The page modules of analyses by slug: those that declare a PLACE, here or in packages that EXTRA_PAGES names."""
    modules = {}
    for name in (pages.__name__, *filter(None, os.environ.get("EXTRA_PAGES", "").split(","))):
        for each in pkgutil.iter_modules(importlib.import_module(name).__path__):
            module = importlib.import_module(f"{name}.{each.name}")
            if hasattr(module, "PLACE"):
                modules[each.name] = module
    return modules


def place(slug: str) -> Place | None:
    module = found().get(slug)
    return module.PLACE if module else None


def view(slug: str) -> Callable[[Any], Any]:
    """The function that draws a result of the analysis."""
    return found()[slug].view


def navigation() -> list[NavGroup]:
    """The sidebar: Home, then the groups that have pages, then Settings."""
    grouped: dict[str, list[NavLink]] = {group: [] for group in GROUPS}
    grouped["Data"] += [link for link in DATA if data_tabs.has(link.href)]
    for slug, module in sorted(found().items(), key=lambda item: item[1].PLACE.label):
        there = module.PLACE
        grouped[there.group].append(NavLink(label=there.label, href=f"/{slug}", icon=there.icon))
    grouped["Report"].append(NavLink(label="My runs", href="/runs", icon="history", news=ids.NEWS))
    home = NavGroup(title=None, links=[NavLink(label="Home", href="/", icon="house")])
    last = NavGroup(title=None, links=[NavLink(label="Settings", href="/settings", icon="settings")])
    return [home, *(NavGroup(title=title, links=links) for title, links in grouped.items()), last]
