"""JSON as a table: lines of objects, an array of objects or of rows, an object that holds one array.

Streamed twice: for the names, then for the cells. Numbers keep the digits they are written with. An
object within a row becomes columns with a dot in their name; what lies deeper, and lists, stay JSON.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

from services.errors import FileRefused
from services.ingest.dialect import MOST_COLUMNS

_EVERY = 5_000  # rows between two words of progress
_NO_ROWS = (
    "This JSON is no table. A table is a list of objects with the same keys, one object on each line, "
    "or a list of lists with the names first."
)


def write(source: Path, target: Path, watch: Callable[[float], None]) -> list[str]:
    """Write the JSON file `source` as CSV with a header to `target`, and return what is to be said of it.

    Raises
    ------
    FileRefused
        It is no JSON, or no table.
    """
    size = source.stat().st_size or 1
    names: dict[str, None] = {}
    nested: set[str] = set()
    rows = 0
    for row in _rows(source, lambda at: watch(at / size / 2)):
        names.update(dict.fromkeys(row))
        nested.update(name for name, value in row.items() if isinstance(value, list | dict))
        rows += 1
        if len(names) > MOST_COLUMNS:
            raise FileRefused(
                f"The objects in this file have more than {MOST_COLUMNS:,} different keys. Keep those you need."
            )
    if not rows or not names:
        raise FileRefused(_NO_ROWS)
    with open(target, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(names)
        for row in _rows(source, lambda at: watch(0.5 + at / size / 2)):
            cells = [_text(row.get(name)) for name in names]
            # A line of nothing would be no row: one empty cell in quotes is.
            if any(cells):
                writer.writerow(cells)
            else:
                file.write('""' + "," * (len(cells) - 1) + "\n")
    if not nested:
        return []
    listed = ", ".join(sorted(nested)[:5]) + (f" and {len(nested) - 5:,} more" if len(nested) > 5 else "")
    return [f"{listed} {'holds' if len(nested) == 1 else 'hold'} lists or objects. They are kept as JSON text."]


def is_json(head: bytes, name: str) -> bool:
    """Whether a text begins as JSON that may be a table; a CSV may begin with a bracket too."""
    start = head.lstrip(b"\xef\xbb\xbf \t\r\n")
    if name.lower().endswith((".json", ".jsonl", ".ndjson", ".geojson")):
        return start[:1] in (b"[", b"{")
    if start[:1] == b"[":
        return start[1:].lstrip()[:1] in (b"{", b"[", b"]")
    if start[:1] != b"{":
        return False
    try:
        return isinstance(json.loads(start.partition(b"\n")[0]), dict)
    except ValueError:
        return start[1:].lstrip()[:1] == b'"' and b'":' in start[:200].replace(b" ", b"")


def _rows(source: Path, watch: Callable[[int], None]) -> Iterator[dict[str, Any]]:
    """Each row by name."""
    header: list[str] | None = None
    for at, (place, value) in enumerate(_values(source)):
        if at % _EVERY == 0:
            watch(place)
        if isinstance(value, dict):
            yield _flat(value)
        elif isinstance(value, list) and at == 0:
            header = [_text(name) or f"column_{i}" for i, name in enumerate(value, start=1)]
        elif isinstance(value, list) and header is not None:
            extra = [f"column_{i}" for i in range(len(header) + 1, len(value) + 1)]
            yield dict(zip([*header, *extra], value, strict=False))
        elif not isinstance(value, list):
            yield {"value": value}
        else:
            raise FileRefused(_NO_ROWS)


def _flat(row: dict[str, Any]) -> dict[str, Any]:
    if not any(isinstance(value, dict) and value for value in row.values()):
        return row
    found: dict[str, Any] = {}
    for name, value in row.items():
        if isinstance(value, dict) and value:
            found.update({f"{name}.{inner}": each for inner, each in value.items()})
        else:
            found[name] = value
    return found


def _values(source: Path) -> Iterator[tuple[int, Any]]:
    """The values that are rows, each with about how many bytes were read so far."""
    import ijson

    with open(source, "rb") as file:
        if file.read(3) != b"\xef\xbb\xbf":
            file.seek(0)
        start = file.tell()
        first = file.readline(10_000_000)
        while first and not first.strip():
            start, first = file.tell(), file.readline(10_000_000)
        try:
            if first.lstrip().startswith(b"{") and file.readline(10_000_000).strip() and _is_whole(first):
                file.seek(start)
                yield from _lines(file)
                return
            file.seek(start)
            if first.lstrip().startswith(b"["):
                prefix = "item"
            else:
                prefix = _only_list(file)
                file.seek(start)
            for value in ijson.items(file, prefix, multiple_values=prefix == ""):
                yield file.tell(), value
        except ijson.JSONError as error:
            raise FileRefused(
                f"This file is not whole JSON: {str(error).splitlines()[0].strip()}. Save it again, or upload it whole."
            ) from None
        except (UnicodeDecodeError, RecursionError):
            raise FileRefused("This file is not JSON in UTF-8. Save it as UTF-8 and upload that.") from None


def _is_whole(line: bytes) -> bool:
    try:
        json.loads(line)
    except ValueError:
        return False
    return True


def _lines(file: Any) -> Iterator[tuple[int, Any]]:
    place, number = 0, 0
    for line in file:
        place, number = place + len(line), number + 1
        if not line.strip():
            continue
        try:
            yield place, json.loads(line, parse_float=Decimal)
        except (ValueError, RecursionError):
            last = not file.read(1)
            said = "The file may have been cut off." if last else "Every line has to be one object."
            raise FileRefused(f"Line {number:,} of this file is not whole JSON. {said}") from None


def _only_list(file: Any) -> str:
    """Where the rows are in a file that begins with an object: in its list of objects, else each object is one."""
    import ijson

    found, opened, ended = "", "", False
    for prefix, event, _ in ijson.parse(file, multiple_values=True):
        if ended:
            return ""  # another object follows
        if opened and event in {"start_map", "start_array"}:
            found = found or f"{opened}.item"
        opened = prefix if event == "start_array" and prefix and "." not in prefix else ""
        ended = event == "end_map" and prefix == ""
    return found


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list | dict):
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=_plain)
    return str(value)


def _plain(value: Any) -> Any:
    return int(value) if value == value.to_integral_value() else float(value)
