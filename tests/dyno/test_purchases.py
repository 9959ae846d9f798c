"""The 300,000-row twin of the proof: the main job in half a gigabyte, every sum to the cent."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from random import Random

import duckdb
import pytest
import xlsxwriter

from tests.dyno.dyno import Dyno
from tests.dyno.journey import LIMIT_MB, PEAK_MB, check_bounds, travel
from tests.dyno.visitor import Visitor


@pytest.mark.timeout(900)
def test_300_000_purchases_are_scored_exactly_in_a_small_dyno(tmp_path: Path, say: Callable[..., None]) -> None:
    with Dyno(LIMIT_MB) as dyno:
        took = travel(dyno, tmp_path, 300_000)
    say(
        f"{took.rows:,} rows in {LIMIT_MB} MB: at most {took.peak_mb:.0f} MB of anonymous memory",
        ", ".join(f"{name} {phase.peak_mb:.0f} MB" for name, phase in took.phases.items()),
        ", ".join(f"idle {when} {held:.0f} MB" for when, held in took.idle_mb.items()),
        f"{took.answers} pages and pulses meanwhile, {len(took.failures)} failed",
    )
    check_bounds(took)


def test_a_workbook_of_200_000_rows_is_read_in_less_than_300_mb(tmp_path: Path) -> None:
    file, draw, sold = tmp_path / "orders.xlsx", Random(0), 0
    with xlsxwriter.Workbook(file, {"constant_memory": True}) as book:
        sheet = book.add_worksheet()
        sheet.write_row(0, 0, ["order_id", "customer", "ordered", "country", "quantity", "price"])
        for row in range(1, 200_001):
            quantity = draw.randrange(1, 20)
            day, country = f"2021-{1 + row % 12:02d}-{1 + row % 28:02d}", draw.choice(["UK", "FR", "DE"])
            sheet.write_row(row, 0, [row, f"C{draw.randrange(9_000):05d}", day, country, quantity, row % 997 / 100])
            sold += quantity
    with Dyno(LIMIT_MB) as dyno:
        visitor = Visitor(dyno.port)
        tab = visitor.open("/")
        sent = visitor.upload(file)
        asked = {"action": "upload", "slug": "ingest", "dataset": None, "upload": sent, "at": time.time()}
        tab.set({("control", "data"): asked})
        read = dyno.records()[-1]
        assert read["state"] == "done", read
        data = duckdb.read_parquet(str(dyno.dataset(read["outcome"]) / "data_full.parquet"))
        assert data.aggregate("count(*), sum(quantity)").fetchall() == [(200_000, sold)]
        assert read["peak_mb"] < 300
        assert dyno.peak_mb < PEAK_MB
        assert dyno.oom_kills() == 0
