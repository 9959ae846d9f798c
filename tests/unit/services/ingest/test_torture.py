"""The files in torture/, one defect each, and the table, or the sentence, that each must become."""

from __future__ import annotations

import csv
import datetime as dt
import json
from contextlib import suppress
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from services.errors import Expected, FileRefused
from services.ingest import Ingested, ingest
from services.ingest.encoding import BLOCK, inspect
from services.table import Table

FOLDER = Path(__file__).parent / "torture"
ENDING = ".expected.json"
FILES = sorted(path.name for path in FOLDER.iterdir() if not path.name.endswith((ENDING, ".md")))
TYPES = {
    "yes or no": bool, "integer": int, "float": float, "decimal": Decimal, "datetime": dt.datetime, "date": dt.date,
    "text": str,
}  # fmt: skip


def take(path: Path, folder: Path) -> tuple[Ingested, list[tuple[Any, ...]]]:
    """Read a file, and what became of it; nothing else may be left."""
    made = folder / "made"
    made.mkdir()
    try:
        said = ingest(path, path.name, made, spill=folder / "spill", report=lambda *_: None)
    finally:
        assert not list((folder / "spill").glob("*")), "spill was left behind"
    table = Table(path=made / "data_full.parquet", schema=said.schema, rows=said.rows, spill=folder)
    return said, table.fetch("SELECT * FROM rows")


def test_every_file_has_its_expectation() -> None:
    expected = {path.name.removesuffix(ENDING) for path in FOLDER.glob(f"*{ENDING}")}
    assert expected == set(FILES)
    assert len(FILES) >= 60


@pytest.mark.parametrize("name", FILES)
def test_a_file_becomes_the_table_beside_it_or_is_refused_with_its_sentence(name: str, tmp_path: Path) -> None:
    expected = json.loads((FOLDER / f"{name}{ENDING}").read_text())
    if "refused" in expected:
        assert expected["refused"]
        with pytest.raises(FileRefused) as refused:
            take(FOLDER / name, tmp_path)
        assert expected["refused"] in refused.value.message
        assert not list((tmp_path / "made").iterdir())
        return
    said, rows = take(FOLDER / name, tmp_path)
    columns = expected["columns"]
    assert said.schema.names == [column["name"] for column in columns]
    assert [[_told(cell) for cell in row] for row in rows] == expected["rows"]
    for place, column in enumerate(columns):
        assert {type(row[place]) for row in rows} <= {TYPES[column["type"]], type(None)}, column
        assert said.schema.columns[place].kind == column.get("kind", said.schema.columns[place].kind)
    assert (said.encoding, said.delimiter) == (expected["encoding"], expected["delimiter"])
    for note in expected.get("notes", ()):
        assert any(note in one for one in said.notes), said.notes
    rejected = expected.get("rejected", [])
    assert said.rejected == len(rejected)
    kept = sorted(path.name for path in (tmp_path / "made").iterdir())
    assert kept == ["data_full.parquet"] + ["rejects.csv"] * bool(rejected)
    if rejected:
        with (tmp_path / "made" / "rejects.csv").open(newline="") as file:
            assert [[int(row["line"]), row["text"]] for row in csv.DictReader(file)] == rejected


def _told(cell: Any) -> str | None:
    """A cell as the expectations write it."""
    if cell is None or isinstance(cell, str):
        return cell
    if isinstance(cell, bool):
        return "yes" if cell else "no"
    if isinstance(cell, dt.datetime):
        return cell.isoformat(" ")
    return repr(cell) if isinstance(cell, float) else str(cell)


def test_what_comes_after_the_sample_counts(tmp_path: Path) -> None:
    source = tmp_path / "content.csv"
    source.write_bytes(b"n\n" + b"1\n" * 25_000 + b"1.5\n" * 500)
    said, rows = take(source, tmp_path)
    assert said.schema["n"].kind == "decimal"
    assert [cell for (cell,) in rows] == [Decimal("1.0")] * 25_000 + [Decimal("1.5")] * 500


def test_a_replacement_character_is_no_damage_wherever_a_block_ends(tmp_path: Path) -> None:
    for before in (1, 2):
        source = tmp_path / str(before)
        lines = b"a,b\n" + b"1,x\n" * (BLOCK // 4 - 10)
        lines += b"2," + b"y" * (BLOCK - len(lines) - 2 - before) + "\ufffd\n3,é\n".encode()
        assert lines[: BLOCK + 3 - before].endswith("\ufffd".encode())
        source.write_bytes(lines)
        said = inspect(source, lambda _: None)
        assert (said.codec, said.damaged) == ("utf-8", 0)


BITS = st.text(",;\"\\'\n\r ab1.-", max_size=12)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(BITS, min_size=1, max_size=6), st.sampled_from(["", "a,b\n", "id,a,b\n1,2,3\n", "a;b\n"]))
@example(['1,"x" y', "2,y,z", "3,y,z", "4,y,z"], "id,a,b\n")
@example([",", '""1\''], "")
@example(["1", '"\\"5"5'], "")
@example(['5,\\"b,""n'], "")
def test_any_small_file_is_read_or_refused(lines: list[str], header: str) -> None:
    with TemporaryDirectory() as folder:
        source, made = Path(folder) / "content", Path(folder) / "made"
        source.write_text(header + "\n".join(lines), newline="")
        made.mkdir()
        with suppress(Expected):
            said = ingest(source, "file.csv", made, spill=Path(folder) / "spill", report=lambda *_: None)
            assert said.rows
