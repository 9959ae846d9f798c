"""The main job, end to end, by a visitor of a dyno: purchases go up, are read and profiled, and scored.

Every figure is held against what the generator counted while it wrote, customer by customer.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import Any, Self
from urllib.parse import urlencode

import duckdb

from tests.bench import purchases
from tests.bench.purchases import FIRST_DAY, Purchases
from tests.dyno.dyno import HANG, Dyno, Phase
from tests.dyno.visitor import Onlooker, Tab, Visitor, named

PAGES = ("/", "/data", "/explore", "/rfm")
SETTLES = 5.0  # seconds that a server is left alone before its idle memory is read
IDLE_MB = 110  # what the whole process tree may hold when nobody asks for anything
PEAK_MB = 350  # anonymous memory of the whole tree, whatever is asked of it
GROWTH_MB = 30  # what an upload of any size may take
LIMIT_MB = 512  # of the dyno
RECIPE = {
    "steps": [
        {"step": "trim"},
        {"step": "to_missing", "params": {"values": ["-999", "N/A"]}},
        {"step": "fill", "params": {"columns": ["customer_id"], "by": "value", "value": "guest"}},
        {"step": "merge_spellings", "params": {"column": "country"}},
        {"step": "negatives", "params": {"columns": ["quantity"], "action": "drop"}},
        {"step": "drop_duplicates", "params": {"columns": ["order_id", "line"]}},
        {"step": "outliers", "params": {"columns": ["unit_price"], "action": "flag"}},
        {"step": "derive", "params": {"name": "amount", "formula": "quantity * unit_price"}},
    ]
}
HALF = 6  # of its steps: those that drop rows, and what was written of them, are done
KILLED_ROWS = 1_000_000  # of a table that is large enough for its cleaning to be stopped half-way
READER = "services.reader"
READER_ENDS = 120.0  # seconds after its last question, at the latest


@dataclass
class Journey:
    """What a run from upload to result took, and what the dyno saw meanwhile."""

    rows: int
    file_mb: float  # MB of a million bytes
    phases: dict[str, Phase] = field(default_factory=dict)
    jobs: dict[str, dict[str, Any]] = field(default_factory=dict)  # the record of each job
    growth_mb: float = 0.0  # of that, while the file was sent
    peak_mb: float = 0.0  # anonymous memory of the whole tree, at any time
    oom_kills: int = 0
    answers: int = 0  # pages and pulses read meanwhile in a second tab
    failures: list[str] = field(default_factory=list)  # those that were not answered well
    slowest: float = 0.0  # of the answers, in seconds
    idle_mb: dict[str, float] = field(default_factory=dict)  # resident memory of the tree when it rests
    answers_in: dict[str, list[float]] = field(default_factory=dict)  # seconds of each answer in Explore, by kind


def travel(dyno: Dyno, folder: Path, rows: int, *, seed: int = 0, patience: float = HANG) -> Journey:
    """Bring `rows` purchases from upload to RFM in `dyno`, check every sum, and rest.

    `folder` is where the file is written; no job may take more than `patience` seconds.
    """
    file = folder / "purchases.csv"
    wrote = purchases.write(file, rows, seed=seed)
    took = Journey(rows, file.stat().st_size / 1e6)
    visitor = Visitor(dyno.port)
    tab = visitor.open("/")
    tab.patience = patience
    time.sleep(SETTLES)
    took.idle_mb["before"] = dyno.alone_mb()
    with Onlooker(visitor, *PAGES) as onlooker:
        with dyno.phase() as before:
            time.sleep(1)
        with dyno.phase() as took.phases["upload"]:
            upload = visitor.upload(file)
        took.growth_mb = took.phases["upload"].peak_mb - before.peak_mb
        file.unlink()
        with dyno.phase() as took.phases["read and profile"]:
            asked = {"action": "upload", "slug": "ingest", "dataset": None, "upload": upload, "at": time.time()}
            tab.set({("control", "data"): asked})
        read = dyno.records()[-1]
        assert read["state"] == "done", read
        check_dataset(dyno.dataset(read["outcome"]), wrote)
        with dyno.phase() as took.phases["exploring"]:
            explore(visitor, read["outcome"], wrote, took)
        tab.go("/rfm")
        chosen = {"customer": "customer_id", "order": "order_id", "quantity": "quantity", "price": "unit_price"}
        assert {name: value for name, value in _form(tab).items() if name in chosen} == chosen
        with dyno.phase() as took.phases["RFM"]:
            tab.run()
        scored = dyno.records()[-1]
        assert scored["state"] == "done", scored
        assert tab.parts["result"]["data"] == scored["outcome"], "the page shows the answer by itself"
        check_result(dyno.result(scored["outcome"]), wrote)
        with dyno.phase() as took.phases["reading the result"]:
            check_grid(tab.rows("customers", 0, 100), wrote)
        assert READER in str(dyno.programs()), "so large a table is read through the reader"
        with dyno.phase() as took.phases["cleaning"]:
            tidy = clean(dyno, visitor, read["outcome"], wrote, patience)
        took.idle_mb["with the reader"] = dyno.alone_mb()
    took.jobs = {"read and profile": read, "RFM": scored, "cleaning": tidy}
    took.oom_kills, took.peak_mb = dyno.oom_kills(), dyno.peak_mb
    took.answers, took.failures, took.slowest = len(onlooker.seconds), onlooker.failures, max(onlooker.seconds)
    dyno.until(lambda: READER not in str(dyno.programs()), "the idle reader to end", seconds=READER_ENDS)
    took.idle_mb["after"] = dyno.alone_mb()
    return took


def explore(visitor: Visitor, dataset: str, wrote: Purchases, took: Journey) -> None:
    """Look at the rows as Explore does, filtered, sorted, deep, and charted, against what was written."""
    tab = visitor.open(f"/explore?dataset={dataset}")
    grid, said = named({"type": "explored", "dataset": dataset}), named({"type": "explored-said", "dataset": dataset})
    random = Random(0)

    def page(kind: str, start: int = 0, **asked: Any) -> tuple[int, list[dict[str, Any]]]:
        began = time.monotonic()
        while True:
            tab.set({(grid, "getRowsRequest"): {"startRow": start, "endRow": start + 100, **asked}})
            if "data-sorting" not in str(tab.parts[said]["children"]):
                break
            assert time.monotonic() < began + HANG, "the rows are sorted for ever"
            time.sleep(0.2)
        took.answers_in.setdefault(kind, []).append(time.monotonic() - began)
        answer = tab.parts[grid]["getRowsResponse"]
        return answer["rowCount"], answer["rowData"]

    place = {name: f"c{at}" for at, name in enumerate(purchases.HEADER.split(","))}
    count, rows = page("first page")
    assert (count, rows[0][place["order_id"]]) == (wrote.rows, 500_000)
    for _ in range(40):
        assert len(page("a page anywhere", random.randrange(wrote.rows - 100))[1]) == 100
    blank = {place["customer_id"]: {"filterType": "text", "type": "blank"}}
    assert page("filtered", filterModel=blank)[0] == wrote.guests
    for name in ("unit_price", "quantity", "order_date", "product"):
        sort = [{"colId": place[name], "sort": "desc"}]
        _, rows = page(f"sorted by {'text' if name == 'product' else 'a number or date'}", sortModel=sort)
        shown = [row[place[name]] for row in rows]
        assert shown == sorted(shown, reverse=True), name
    deepest = page("sorted, far down, the first time", wrote.rows - 100, sortModel=sort)[1]
    assert len(deepest) == 100
    for _ in range(5):
        page("sorted, far down", random.randrange(wrote.rows // 2, wrote.rows - 100), sortModel=sort)
    for chart, whole in (
        ({"type": "bar", "x": "country", "y": "quantity", "how": "sum"}, wrote.quantity),
        ({"type": "line", "x": "order_date"}, wrote.rows),
    ):
        began = time.monotonic()
        asked = urlencode({"chart": json.dumps(chart)})
        lines = visitor.send("GET", f"/_explore/{dataset}/chart.csv?{asked}")[2].decode("utf-8-sig").splitlines()
        took.answers_in.setdefault("a chart", []).append(time.monotonic() - began)
        assert sum(float(line.rpartition(",")[2]) for line in lines[1:]) == whole, chart


def clean(dyno: Dyno, visitor: Visitor, dataset: str, wrote: Purchases, patience: float) -> dict[str, Any]:
    """Apply a recipe of eight steps, and hold what it says it did against the table itself."""
    tab = visitor.open(f"/cleaning?dataset={dataset}")
    tab.patience = patience
    asked = {"action": "run", "slug": "cleaning", "dataset": dataset, "params": {"recipe": json.dumps(RECIPE)}}

    def run(number: int) -> None:
        tab.set({("control", "data"): {**asked, "asked": f"{number:032x}", "at": time.time()}})

    kept: dict[Path, int] = {}
    if wrote.rows >= KILLED_ROWS:
        kept = _killed(dyno, lambda: run(1))
    with Kept(kept) as seen:
        run(2)
    job = dyno.records()[-1]
    assert job["state"] == "done", job
    assert seen.untouched, "a step that was kept was made again"
    stored = json.loads((dyno.result(job["outcome"]) / "result.json").read_text())
    steps = json.loads((dyno.result(job["outcome"]) / "steps.json").read_text())
    before, after = (str(dyno.dataset(each) / "data_full.parquet") for each in (dataset, stored["made_dataset"]))
    ((negative, guests),) = duckdb.sql(
        f"SELECT count(*) FILTER (quantity < 0), count(*) FILTER (customer_id IS NULL) FROM '{before}'"
    ).fetchall()
    ((rows, amount, gaps),) = duckdb.sql(
        f"SELECT count(*), sum(amount), count(*) FILTER (customer_id IS NULL) FROM '{after}'"
    ).fetchall()
    assert steps["cells"] == [0, 0, wrote.guests, 0, 0, 0, 0, 0]
    assert (guests, gaps) == (wrote.guests, 0)
    assert steps["rows_after"][4:] == [wrote.rows - negative] * 4
    assert rows == wrote.rows - negative
    ((paid,),) = duckdb.sql(f"SELECT sum(quantity * unit_price) FROM '{before}' WHERE quantity >= 0").fetchall()
    assert abs(amount - float(paid)) < 0.01
    return job


def _killed(dyno: Dyno, run: Callable[[], None]) -> dict[Path, int]:
    """Begin a run, end its supervisor once it is half through, and say what it had kept by then, and when."""
    before = len(dyno.records())
    running = threading.Thread(target=run, daemon=True)
    running.start()
    dyno.until(lambda: len(dyno.records()) > before and dyno.records()[-1]["done"] >= HALF, "the run to be half done")
    job = dyno.records()[-1]
    os.kill(job["pid"], signal.SIGKILL)
    running.join(HANG)
    ended = dyno.records()[-1]
    assert (ended["id"], ended["state"]) == (job["id"], "interrupted"), ended
    steps = dyno.result(job["key"]) / "steps"
    kept = {path: path.stat().st_mtime_ns for path in steps.rglob("*") if path.is_file()}
    assert len(kept) > HALF, kept
    return kept


class Kept:
    """Watch files while a run goes on: they stay as they are until they all go, with its end."""

    def __init__(self, files: dict[Path, int]) -> None:
        self._files, self._over = files, threading.Event()
        self.untouched = True

    def __enter__(self) -> Self:
        self._watch = threading.Thread(target=self._look, daemon=True)
        self._watch.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._watch.join()

    def _look(self) -> None:
        while not self._over.wait(0.1):
            for path, made in self._files.items():
                with contextlib.suppress(FileNotFoundError):
                    self.untouched &= path.stat().st_mtime_ns == made


def check_bounds(took: Journey) -> None:
    """What a dyno promises whatever it is asked for."""
    assert took.oom_kills == 0, f"the kernel killed {took.oom_kills} processes"
    assert took.answers > 10, f"only {took.answers} pages and pulses were read meanwhile"
    assert not took.failures, f"{len(took.failures)} of {took.answers} answers failed: {took.failures[:5]}"
    assert took.growth_mb < GROWTH_MB, f"an upload of {took.file_mb:.0f} MB took {took.growth_mb:.0f} MB of memory"
    assert took.peak_mb < PEAK_MB, f"the tree held {took.peak_mb:.0f} MB at its peak, and {PEAK_MB} are allowed"
    for when in ("before", "after"):
        held = took.idle_mb[when]
        assert held <= IDLE_MB, f"the tree held {held:.0f} MB at rest {when} the run, and {IDLE_MB} are allowed"


def check_dataset(folder: Path, wrote: Purchases) -> None:
    """The table on disk, and its profile, are what was written."""
    known = json.loads((folder / "dataset.json").read_text())
    assert known["rows"] == wrote.rows
    assert known["rejected"] == 0
    stored = str(folder / "data_full.parquet")
    assert duckdb.execute(
        "SELECT count(*), count(*) - count(customer_id), count(DISTINCT customer_id), sum(quantity), "
        "sum(unit_price) * 100, min(length(customer_id)), max(length(customer_id)), count_if(unit_price IS NULL) "
        "FROM read_parquet(?)",
        [stored],
    ).fetchone() == (wrote.rows, wrote.guests, wrote.seen, wrote.quantity, wrote.prices, 6, 6, 0)
    described = json.loads((folder / "profile.json").read_text())
    assert (described["rows"], described["duplicates"]) == (wrote.rows, 0)
    columns = {each["name"]: each for each in described["columns"]}
    assert list(columns) == purchases.HEADER.split(",")
    customer = columns["customer_id"]
    assert (customer["missing"], customer["distinct"]) == (wrote.guests, wrote.seen)
    assert (customer["shortest"], customer["longest"]) == (6, 6), "leading zeros are kept"
    assert columns["quantity"]["sum"] == wrote.quantity
    assert _cents(columns["unit_price"]["sum"]) == wrote.prices
    assert [columns[name]["count"] for name in columns if name != "customer_id"] == [wrote.rows] * 7


def check_result(folder: Path, wrote: Purchases) -> None:
    """Facts and tables are the generator's own sums: to the cent, for every customer, from every row."""
    stored = json.loads((folder / "result.json").read_text())
    facts = stored["facts"]
    assert (stored["rows_used"], stored["rows_total"]) == (wrote.rows, wrote.rows), "no row is sampled"
    assert facts["customers"] == len(wrote.buyers)
    assert facts["orders"] == sum(wrote.orders)
    assert facts["frequency_unit"] == "orders"
    assert _cents(facts["revenue"]) == wrote.revenue
    assert (facts["refunds"], _cents(facts["refunded"])) == (wrote.refunds, wrote.refunded)
    assert facts["period_end"] == str(FIRST_DAY + timedelta(days=wrote.last_day))
    customers = _rows(folder, stored, "customers", "customer, recency_days, frequency, monetary")
    assert sorted((who, days, orders, _cents(paid)) for who, days, orders, paid in customers) == list(wrote.customers())
    segments = _rows(folder, stored, "segments", "customers, revenue")
    assert len(segments) == 11
    assert sum(count for count, _ in segments) == len(wrote.buyers)
    assert sum(_cents(revenue) for _, revenue in segments) == wrote.revenue
    for table in ("rf_grid", "scatter"):
        assert sum(count for (count,) in _rows(folder, stored, table, "customers")) == len(wrote.buyers), table


def check_grid(answer: Mapping[str, Any], wrote: Purchases) -> None:
    """What the page's grid is sent is what the generator knows of these customers."""
    assert answer["rowCount"] == len(wrote.buyers)
    assert len(answer["rowData"]) == 100
    known = {who: (days, orders, paid) for who, days, orders, paid in wrote.customers()}
    for row in answer["rowData"]:
        assert (row["recency_days"], row["frequency"], _cents(row["monetary"])) == known[row["customer"]]


def _rows(folder: Path, stored: Mapping[str, Any], table: str, columns: str) -> list[tuple[Any, ...]]:
    """Columns of a stored table, whichever way it was stored."""
    path = folder / stored["tables"][table]["file"]
    if path.suffix == ".json":
        held = json.loads(path.read_text())
        return list(zip(*(held[name] for name in columns.split(", ")), strict=True))
    return duckdb.execute(f"SELECT {columns} FROM read_parquet(?)", [str(path)]).fetchall()


def _cents(money: Any) -> int:
    return round(money * 100)


def _form(tab: Tab) -> dict[str, Any]:
    """What the page has chosen for each parameter."""
    ids = [name for name in tab.parts if '"type":"param"' in name]
    return {json.loads(name)["name"]: tab.parts[name].get("value") for name in ids}
