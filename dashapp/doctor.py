"""What the command `doctor` does: say how a server and its data folder are, and mend what `services.repair` finds."""

from __future__ import annotations

import dataclasses
import importlib.metadata
import os
import platform
import re
import shutil
import sys
from pathlib import Path
from typing import Any

from dashapp.settings import Settings
from layouts import words
from services import eviction, memory, repair, serving
from services.errors import Expected
from services.jobs import lanes
from services.jobs.supervisor import Bounds, free_mb
from services.repair import Finding
from services.workspace import Home

REQUIREMENTS = Path(__file__).parents[1] / "requirements.txt"


def examine(settings: Settings, *, check: bool) -> tuple[dict[str, Any], int]:
    """Say how the server and its data are, mend what is safe unless `check`, and say what needs a person.

    The exit code is 0 when all is well or mended, 2 when something is left to do.
    """
    home = Home(settings.data_dir.resolve())
    there = (home.root / "visitors").is_dir() and home.server.is_dir()
    bounds = Bounds(
        limit_mb=settings.memory_limit_mb, reserve_mb=settings.reserve_mb, server=serving.running(home.server)
    )
    versions, missing = _versions()
    found = list(repair.look_at_folder(home.root))
    if there and not found:
        found = list(repair.look(home, bounds))
    found = [*missing, *found]
    told, needs = [], []
    for each in found:
        wrong = None if check else _mend(each)
        told.append({"kind": each.kind, "message": each.message, "repaired": not check and wrong is None})
        if each.mend is None or wrong:
            needs.append(wrong or each.message)
    if check and (left := sum(each.mend is not None for each in found)):
        many = f"{left} of these" if left > 1 else "This"
        needs.append(f"{many} can be repaired: run `python -m dashapp doctor` without --check.")
    said = {
        "status": "attention" if needs else "repaired" if found else "healthy",
        "check_only": check,
        "memory": _memory(home, bounds),
        "disk": _disk(home, there),
        "versions": versions,
        "settings": _changed(settings),
        "findings": told,
        "needs": needs,
    }
    _print(said)
    return said, 2 if needs else 0


def _mend(finding: Finding) -> str | None:
    """Put it right, or say what a person must do."""
    if finding.mend is None:
        return finding.message
    try:
        finding.mend()
    except Expected as error:
        return f"{finding.message} {error.message}"
    except OSError as error:
        return f"{finding.message} It could not be repaired: {error.strerror}."
    return None


def _memory(home: Home, bounds: Bounds) -> dict[str, Any]:
    here = memory.limit(bounds.limit_mb)
    where = "MEMORY_LIMIT_MB"
    if here.members is not None:
        files = (here.members.parent / name for name in ("memory.max", "memory.limit_in_bytes"))
        where = str(next(each for each in files if each.exists()))
    jobs: set[int] = set()
    for lane in lanes.LANES:
        holder = lanes.holder(home.server, lane)
        jobs |= set(memory.tree(holder["pid"])) if holder else set()
    server = set(memory.tree(bounds.server)) if bounds.server else set()
    return {
        "limit_mb": here.mb,
        "read_from": where,
        "server_pid": bounds.server,
        "server_mb": round(memory.anonymous_mb(server - jobs)),
        "jobs_mb": round(memory.anonymous_mb(jobs)),
        "free_for_a_job_mb": max(0, free_mb(bounds, frozenset({os.getpid()}))),
    }


def _disk(home: Home, there: bool) -> dict[str, Any]:
    stored = eviction.sizes(home) if there else {}
    nearest = next(each for each in (home.root, *home.root.parents) if each.exists())
    return {
        "data_dir": str(home.root),
        "free_mb": shutil.disk_usage(nearest).free // memory.MB,
        **{kind: {"count": count, "mb": round(size / memory.MB, 1)} for kind, (count, size) in stored.items()},
    }


def _versions() -> tuple[dict[str, str | None], list[Finding]]:
    """Python and what is required, as installed, without importing any of it."""
    versions: dict[str, str | None] = {"python": platform.python_version()}
    missing = []
    for line in REQUIREMENTS.read_text(encoding="utf-8").splitlines():
        if name := re.match(r"[A-Za-z0-9._-]+", line):
            try:
                versions[name[0]] = importlib.metadata.version(name[0])
            except importlib.metadata.PackageNotFoundError:
                versions[name[0]] = None
                missing.append(Finding("package", f"{name[0]} is not installed: install requirements.lock."))
    return versions, missing


def _changed(settings: Settings) -> dict[str, Any]:
    """The settings that are not the default; of a secret only that there is one."""
    changed = {}
    for each in dataclasses.fields(settings):
        value = getattr(settings, each.name)
        if value != each.default:
            changed[each.name.upper()] = (
                "(set)" if each.name == "secret_key" else str(value) if isinstance(value, Path) else value
            )
    return changed


def _is_news(finding: dict[str, Any], said: dict[str, Any]) -> bool:
    """Whether no sentence about what is left to do says it already."""
    return not any(each.startswith(finding["message"]) for each in said["needs"])


def _print(said: dict[str, Any]) -> None:
    """The same for a person, on standard error."""
    held, disk = said["memory"], said["disk"]
    kinds = [(disk[f"{kind}s"], kind) for kind in ("dataset", "result") if f"{kind}s" in disk]
    stored = [f"{words.plural(known['count'], kind)}, {known['mb']} MB" for known, kind in kinds]
    serves = f"a server runs, pid {held['server_pid']}" if held["server_pid"] else "no server runs"
    lines = [
        f"Memory    {held['limit_mb']} MB, from {held['read_from']}; {held['free_for_a_job_mb']} MB free for a job",
        f"In use    {held['server_mb']} MB by the server, {held['jobs_mb']} MB by jobs; {serves}",
        f"Disk      {disk['free_mb']:,} MB free; {'; '.join(stored) or 'nothing stored yet'} in {disk['data_dir']}",
        f"Versions  {', '.join(f'{name} {version}' for name, version in said['versions'].items())}",
        f"Settings  {', '.join(f'{name}={value}' for name, value in said['settings'].items()) or 'all as by default'}",
        *(
            f"{'repaired' if each['repaired'] else 'found':9} {each['message']}"
            for each in said["findings"]
            if _is_news(each, said)
        ),
        *(f"to do     {each}" for each in said["needs"]),
        {"healthy": "All is well.", "repaired": "All is well now."}.get(said["status"], "Something is left to do."),
    ]
    print("\n".join(lines), file=sys.stderr)
