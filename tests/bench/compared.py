"""How long reading and profiling take beside the bare tools, each in a process of its own, on one machine.

    python -m tests.bench.compared ours|copy|prepare|profile|summarize FILE

does one of them and prints seconds and the peak of its resident memory as JSON.
"""

from __future__ import annotations

import json
import random
import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import Iterator
from pathlib import Path

from tests.bench import purchases

# The types of the purchases, as they are found: what a bare COPY is told.
TYPED = {
    "order_id": "INTEGER", "line": "TINYINT", "customer_id": "VARCHAR", "order_date": "TIMESTAMP", "product": "VARCHAR",
    "country": "VARCHAR", "quantity": "TINYINT", "unit_price": "DECIMAL(9,2)",
}  # fmt: skip
MEMORY_MB = 160
YDATA = "ydata-profiling"

_YDATA = """
import json, sys, time
import pandas
from ydata_profiling import ProfileReport
began = time.monotonic()
frame = pandas.read_csv(sys.argv[1])
ProfileReport(frame, minimal=True, progress_bar=False).get_description()
seconds = time.monotonic() - began
held = next(line for line in open("/proc/self/status") if line.startswith("VmHWM"))
print(json.dumps({"seconds": seconds, "mb": int(held.split()[1]) / 1024}))
"""


def reading(sizes: tuple[int, ...]) -> Iterator[str]:
    """Lines of a table: reading a clean CSV beside a bare COPY of the same file with the same types."""
    yield "| rows | ours: peak, MB | bare COPY: peak, MB | time, of a bare COPY |"
    yield "|---:|---:|---:|---:|"
    for rows in sizes:
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "purchases.csv"
            purchases.write(file, rows)
            ours, bare = _timed("ours", file), _timed("copy", file)
        yield f"| {rows:,} | {ours['mb']:.0f} | {bare['mb']:.0f} | × {ours['seconds'] / bare['seconds']:.1f} |"


def profiling(rows: int, columns: int = 10) -> Iterator[str]:
    """Lines of a table: profiling rows beside DuckDB's SUMMARIZE and ydata-profiling's minimal mode."""
    yield "| | peak, MB | time, of ours |"
    yield "|---|---:|---:|"
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "mixed.csv"
        _mixed(file, rows, columns)
        _timed("prepare", file)
        ours = _timed("profile", file)
        yield f"| profile, {rows:,} rows of {columns} columns | {ours['mb']:.0f} | × 1.0 |"
        short = _timed("summarize", file)
        yield f"| DuckDB SUMMARIZE | {short['mb']:.0f} | × {short['seconds'] / ours['seconds']:.1f} |"
        other = _ydata(file, Path(folder))
        if other is None:
            yield f"| {YDATA}, minimal | could not be installed here | |"
        else:
            yield f"| {YDATA}, minimal | {other['mb']:.0f} | × {other['seconds'] / ours['seconds']:.1f} |"


def _timed(what: str, file: Path) -> dict[str, float]:
    asked = [sys.executable, "-m", "tests.bench.compared", what, str(file)]
    return json.loads(subprocess.run(asked, check=True, capture_output=True, text=True).stdout)


def _ydata(file: Path, folder: Path) -> dict[str, float] | None:
    """The same file by ydata-profiling, in an environment of its own; None where it cannot be installed."""
    place = folder / "ydata"
    venv.create(place, with_pip=True)
    python = place / "bin" / "python"
    install = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", YDATA, "setuptools<81"]
    if subprocess.run(install, check=False, capture_output=True).returncode:
        return None
    done = subprocess.run([python, "-c", _YDATA, str(file)], check=False, capture_output=True, text=True)
    return json.loads(done.stdout.splitlines()[-1]) if not done.returncode else None


def _mixed(path: Path, rows: int, columns: int) -> None:
    """Numbers, dates, categories and texts, some of them missing; the same each time."""
    draw = random.Random(0)
    makers = [
        str, lambda _: f"{draw.gauss(50, 12):.3f}", lambda _: str(draw.randrange(100)),
        lambda _: f"{draw.expovariate(0.01):.2f}", lambda i: f"20{10 + i % 14}-{1 + i % 12:02d}-{1 + i % 28:02d}",
        lambda _: f"city {draw.randrange(40)}", lambda _: f"C{draw.randrange(200_000):06d}",
        lambda _: draw.choice(("yes", "no")), lambda i: f"a note about {i % 5_000} and more",
        lambda _: "" if draw.random() < 0.2 else f"{draw.random():.4f}",
    ]  # fmt: skip
    with path.open("w") as file:
        file.write(",".join(f"v{place}" for place in range(columns)) + "\n")
        for i in range(rows):
            file.write(",".join(makers[place % len(makers)](i) for place in range(columns)) + "\n")


def _ours(file: Path, folder: Path) -> float:
    from services.ingest import ingest

    began = time.monotonic()
    (folder / "made").mkdir()
    ingest(file, file.name, folder / "made", spill=folder, report=lambda *_: None, memory_mb=MEMORY_MB)
    return time.monotonic() - began


def _copy(file: Path, folder: Path) -> float:
    from services import duck

    began = time.monotonic()
    con = duck.connect(folder, file.parent, spill=folder / "spill", memory_mb=MEMORY_MB)
    columns = ", ".join(f"'{name}': '{sql}'" for name, sql in TYPED.items())
    con.execute(
        f"COPY (SELECT * FROM read_csv({duck.literal(file)}, auto_detect=false, header=true, delim=',', quote='\"', "
        f"columns={{{columns}}}, parallel=false)) TO {duck.literal(folder / 'copy.parquet')} ({duck.PARQUET})"
    )
    return time.monotonic() - began


def _prepare(file: Path, _: Path) -> float:
    """Read the file into a dataset beside it, for the two below."""
    from services.ingest import ingest
    from services.table import ABOUT
    from services.workspace import write_json

    made = file.parent / "made"
    made.mkdir()
    said = ingest(file, file.name, made, spill=file.parent, report=lambda *_: None, memory_mb=MEMORY_MB)
    write_json(made / ABOUT, {"columns": said.schema.as_json(), "rows": said.rows, "roles": {}})
    return 0.0


def _profile(file: Path, folder: Path) -> float:
    from services.profile import profile
    from services.table import Table

    table = Table.open(file.parent / "made", spill=folder, memory_mb=MEMORY_MB)
    began = time.monotonic()
    profile(table, lambda *_: None)
    return time.monotonic() - began


def _summarize(file: Path, folder: Path) -> float:
    from services import duck

    made = file.parent / "made"
    began = time.monotonic()
    con = duck.connect(made, spill=folder / "spill", memory_mb=MEMORY_MB)
    con.execute(f"SUMMARIZE SELECT * FROM read_parquet({duck.literal(made / 'data_full.parquet')})").fetchall()
    return time.monotonic() - began


def main() -> None:
    what, file = sys.argv[1], Path(sys.argv[2])
    with tempfile.TemporaryDirectory() as folder:
        does = {"ours": _ours, "copy": _copy, "prepare": _prepare, "profile": _profile, "summarize": _summarize}[what]
        seconds = does(file, Path(folder))
    # Not ru_maxrss: a process begins with what the one that started it held at most.
    held = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
    print(json.dumps({"seconds": seconds, "mb": int(held.split()[1]) / 1024}))


if __name__ == "__main__":
    main()
