"""Whole files: real ones, what is said about them, and what is left on disk."""

from __future__ import annotations

import csv
import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from services.ingest import Ingested, ingest
from services.table import DATA, Table

SHARED = Path(__file__).parents[5] / "shared" / "data"
# One of its tables says another telephone number than its file.
SPECTRUM = sorted(
    path for path in (SHARED / "cleaning" / "csv_spectrum").glob("*.csv") if path.stem != "location_coordinates"
)

needs_shared = pytest.mark.skipif(not SHARED.exists(), reason="the shared data folder is not here")


def take(source: Path, folder: Path) -> tuple[Ingested, Table, list[tuple[int, int, str]]]:
    said: list[tuple[int, int, str]] = []
    made = folder / "made"
    made.mkdir()
    found = ingest(source, source.name, made, spill=folder / "spill", report=lambda *step: said.append(step))
    table = Table(path=made / DATA, schema=found.schema, rows=found.rows, spill=folder / "spill")
    return found, table, said


@needs_shared
@pytest.mark.parametrize("source", SPECTRUM, ids=lambda path: path.stem)
def test_reads_the_csv_spectrum(source: Path, tmp_path: Path) -> None:
    expected = json.loads(source.with_suffix(".json").read_text())
    found, table, _ = take(source, tmp_path)
    rows = [dict(zip(found.schema.names, row, strict=True)) for row in table.fetch("SELECT * FROM rows")]
    # Its tables are text; ours have types, missing values, and one kind of line break.
    shown = [{name: "" if cell is None else plain(cell) for name, cell in row.items()} for row in rows]
    assert shown == [{name: plain(cell) for name, cell in row.items()} for row in expected]


def plain(cell: Any) -> str:
    return str(cell).replace("\r\n", "\n")


@needs_shared
def test_reads_real_purchases(tmp_path: Path) -> None:
    source = SHARED / "rfm" / "grocery_orders.csv"
    found, table, said = take(source, tmp_path)
    with source.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert (found.rows, found.rejected, found.notes) == (len(rows), 0, ())
    assert [(c.name, c.kind, c.sql) for c in found.schema] == [
        ("customer_id", "integer", "SMALLINT"),
        ("order_id", "integer", "BIGINT"),
        ("order_date", "date", "DATE"),
        ("amount", "decimal", "DECIMAL(9,2)"),
    ]
    for place, row in enumerate(table.fetch("SELECT * FROM rows")):
        customer, order, day, amount = rows[place].values()
        assert (str(row[0]), str(row[1]), str(row[2]), float(row[3])) == (customer, order, day, float(amount))
    assert found.content == hashlib.sha256(source.read_bytes()).hexdigest()
    assert found.bytes == source.stat().st_size
    assert found.memory_after < found.memory_before / 3
    assert json.loads(json.dumps(found.as_json()))["columns"] == found.schema.as_json()
    assert [done for done, _, _ in said] == sorted(done for done, _, _ in said)
    assert said[-1][:2] == (100, 100)


def test_loses_no_line_of_a_file_with_a_quote_left_open_in_the_middle(tmp_path: Path) -> None:
    lines = [f"{i},name {i}" for i in range(60_000)]
    lines[30_000] = '30000,"name 30000'
    source = tmp_path / "content"
    source.write_text("id,name\n" + "\n".join(lines) + "\n")
    found, table, _ = take(source, tmp_path)
    assert (found.rows, found.rejected) == (59_999, 1)
    assert table.fetch("SELECT sum({id}) FROM rows", id="id")[0][0] == sum(range(60_000)) - 30_000
    assert list(csv.reader((tmp_path / "made" / "rejects.csv").read_text().splitlines())) == [
        ["line", "reason", "text"],
        ["30002", "a quote is opened and never closed", '30000,"name 30000'],
    ]


def test_keeps_the_order_of_the_rows(tmp_path: Path) -> None:
    source = tmp_path / "content"
    source.write_text("n\n" + "\n".join(str((i * 7_919) % 300_007) for i in range(300_000)) + "\n")
    _, table, _ = take(source, tmp_path)
    assert [n for (n,) in table.fetch("SELECT {n} FROM rows", n="n")] == [(i * 7_919) % 300_007 for i in range(300_000)]
