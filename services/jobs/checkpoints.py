"""Steps on disk: what a step made, kept before the next one begins.

A step's outcome is JSON, a DataFrame, a Spilled table, or a dict of these. It lies in a folder
`steps/<nnn>` of the result it belongs to, complete or not at all.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from services.errors import NotFound
from services.workspace import away, new_id, read_json, write_json

VALUE = "value.json"
STOPPED = "stopped.json"


def place(steps: Path, name: str) -> Path:
    """The folder of the step called `name`; any text may be a name."""
    return steps / hashlib.sha256(name.encode()).hexdigest()[:16]


def exists(steps: Path, name: str) -> bool:
    return (place(steps, name) / VALUE).exists()


def put(steps: Path, name: str, value: Any) -> None:
    """Keep `value` as the outcome of step `name`: on disk and whole when this returns."""
    part = steps / f".{new_id()}"
    part.mkdir(parents=True)
    try:
        write_json(part / VALUE, {"name": name, "value": _packed(value, part, "value")})
        for path in part.glob("*.parquet"):
            with open(path, "rb") as file:
                os.fsync(file.fileno())
        target = place(steps, name)
        away(target)
        part.replace(target)
    except BaseException:  # a full disk, above all: half a step would keep it full
        shutil.rmtree(part, ignore_errors=True)
        raise


def get(steps: Path, name: str, spill: Path) -> Any:
    """The outcome of step `name`.

    Raises
    ------
    NotFound
        It was not kept, or is damaged: the step is then simply made again.
    """
    import duckdb

    folder = place(steps, name)
    try:
        return _unpacked(read_json(folder / VALUE)["value"], folder, spill)
    except (duckdb.Error, OSError, LookupError, TypeError, ValueError):
        raise NotFound(f"The step “{name}” was not kept, or is damaged.") from None


def stopped(steps: Path) -> dict[str, dict[str, str]]:
    """The steps that were stopped and are to be passed over, by name: name, kind, reason."""
    try:
        return {each["name"]: each for each in read_json(steps / STOPPED)}
    except (NotFound, KeyError, TypeError):  # none, or damaged: they are simply tried again
        return {}


def stop(steps: Path, step: dict[str, str]) -> None:
    """Note that a step was stopped, for the next worker and the next run of the same question."""
    steps.mkdir(parents=True, exist_ok=True)
    write_json(steps / STOPPED, [*stopped(steps).values(), step])


def try_again(steps: Path, name: str) -> None:
    """Forget that a step was stopped."""
    left = [each for each in stopped(steps).values() if each["name"] != name]
    if left:
        write_json(steps / STOPPED, left)
    else:
        (steps / STOPPED).unlink(missing_ok=True)


def _packed(value: Any, folder: Path, name: str) -> dict[str, Any]:
    from services import table
    from services.table import Spilled

    if isinstance(value, Spilled):
        # The table stays where the job wrote it (beside its result); the step only names it.
        return {"spilled": str(value.path)}
    if hasattr(value, "columns") and hasattr(value, "dtypes"):  # a DataFrame, without importing pandas
        table.write(value, folder / f"{name}.parquet")
        return {"frame": f"{name}.parquet", "dtypes": {str(n): str(d) for n, d in value.dtypes.items()}}
    if isinstance(value, Mapping) and any(isinstance(v, Spilled) or hasattr(v, "dtypes") for v in value.values()):
        return {"dict": {key: _packed(each, folder, f"{name}-{i}") for i, (key, each) in enumerate(value.items())}}
    return {"json": value}


def _unpacked(packed: dict[str, Any], folder: Path, spill: Path) -> Any:
    from services.table import Spilled

    if "spilled" in packed:
        return Spilled.at(Path(packed["spilled"]), spill=spill)
    if "frame" in packed:
        made = Spilled.at(folder / packed["frame"], spill=spill)
        return made.frame(made.schema.names).astype(packed["dtypes"])
    if "dict" in packed:
        return {key: _unpacked(each, folder, spill) for key, each in packed["dict"].items()}
    return packed["json"]
