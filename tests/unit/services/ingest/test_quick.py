"""A clean file is read in one pass, and a file that is not ends as the thorough way alone would end it."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pytest

from services.errors import FileRefused
from services.ingest import quick, types
from services.ingest.csv import ingest
from services.table import Table

ROWS = 21_000  # more than the sample of 20,000
LATE = ROWS - 50  # a row that no sample holds, and no block of the end


def _dates(i: int) -> str:
    return f"20{10 + i % 14}-{1 + i % 12:02d}-{1 + i % 28:02d}"


COLUMNS: dict[str, Callable[[int], str]] = {
    "n": str,
    "small": lambda i: str(i % 100),
    "minus": lambda i: str(50 - i % 100),
    "code": lambda i: f"{i % 5_000:06d}",
    "price": lambda i: f"{i % 977 / 100:.2f}",
    "share": lambda i: f"0.{i % 99_991 + 1:05d}",
    "either": lambda i: f"{i % 7}" if i % 2 else f"{i % 11 / 10:.1f}",
    "day": _dates,
    "moment": lambda i: f"{_dates(i)} {i % 24:02d}:{i % 60:02d}:07",
    "minute": lambda i: f"{_dates(i)}T{i % 24:02d}:{i % 60:02d}",
    "flag": lambda i: "yes" if i % 3 else "No",
    "city": lambda i: f"city {i % 40}",
    "key": lambda i: f"K{i:07d}",
    "words": lambda i: f"a note {i * 7919 % 20_011} é",
    "gaps": lambda i: "" if i % 5 else str(i),
    "holes": lambda i: "" if i % 4 else f"some {i % 30}",
}


def _write(path: Path, columns: dict[str, Callable[[int], str]], rows: int = ROWS, **late: str) -> Path:
    with path.open("w", encoding="utf-8") as file:
        file.write(",".join(columns) + "\n")
        for i in range(rows):
            cells = [late[name] if name in late and i == LATE else make(i) for name, make in columns.items()]
            file.write(",".join(cells) + "\n")
    return path


def _read(path: Path, folder: Path, *, thorough: bool, form: str = "text") -> tuple[Any, list[Any], set[str]]:
    """What is said of the file, its rows, and what was reported on the way."""
    (made := folder / ("thorough" if thorough else "quick")).mkdir()
    labels: set[str] = set()
    done_before = 0

    def report(done: int, total: int, label: str) -> None:
        nonlocal done_before
        assert done >= done_before, "progress went back"
        done_before = done
        labels.add(label)

    try:
        said = ingest(path, path.name, made, spill=folder / "spill", report=report, thorough=thorough, form=form)
    except FileRefused as error:
        return error.message, [], labels
    table = Table(path=made / "data_full.parquet", schema=said.schema, rows=said.rows, spill=folder)
    return said, table.fetch("SELECT * FROM rows"), labels


def _both(path: Path, folder: Path) -> bool:
    """Check that both ways end the same; whether one pass was enough."""
    quick, rows, labels = _read(path, folder, thorough=False)
    said, expected, _ = _read(path, folder, thorough=True)
    assert quick == said
    assert rows == expected
    assert not list((folder / "spill").glob("*")), "spill was left behind"
    return "Finding the types" not in labels


def test_a_clean_file_takes_one_pass_and_becomes_what_it_becomes_step_by_step(tmp_path: Path) -> None:
    assert _both(_write(tmp_path / "clean.csv", COLUMNS), tmp_path)


@pytest.mark.parametrize(
    ("name", "cell"),
    [
        ("n", "x"), ("n", "007"), ("n", "-0"), ("n", "+5"), ("n", "1.5"), ("n", "1e3"), ("n", " 5"), ("n", "NA"),
        ("n", "3000000000"), ("n", "99999999999999999999"), ("small", "128"), ("small", "0x1F"), ("small", "1_000"),
        ("minus", "-129"), ("code", "A12"), ("code", "-00012"), ("code", "12.5"),
        ("price", "1234567.89"), ("price", "123456789.12"), ("price", "1.234"), ("price", "1e2"), ("price", "-.5"),
        ("price", ".5"), ("price", "5."), ("price", "05.10"), ("price", "0012"), ("price", "12"), ("price", "nan"),
        ("price", "inf"), ("price", "1.00000000000000000001"), ("share", "0.1234567890123456789"), ("share", "12"),
        ("either", "007"), ("either", "123456789012345"), ("day", "2024-02-30"), ("day", "0000-01-01"),
        ("day", "12024-01-01"), ("day", "infinity"), ("day", "2024-1-5"), ("day", "2024-01-05 10:00"),
        ("day", "05/01/2024"), ("moment", "2024-01-05 24:00:00"), ("moment", "2024-01-05T10:00:00Z"),
        ("moment", "2024-01-05 10:00:00.5"), ("moment", "2024-01-05"), ("minute", "2024-01-05 10:00"),
        ("minute", "2024-01-05T10:61"), ("flag", "maybe"), ("flag", "YES"), ("flag", "n/a"), ("city", "n/a"),
        ("city", " "), ("city", "-"), ("city", " city 7 "), ("city", "x" * 300), ("key", "no digits"),
        ("gaps", "x"), ("gaps", "null"), ("holes", "NaN"),
    ],
)  # fmt: skip
def test_a_cell_that_nobody_expected_is_found_or_changes_nothing(name: str, cell: str) -> None:
    cells = [COLUMNS[name](i) for i in range(300)]
    rows = [*cells, cell]
    con = duckdb.connect()
    con.execute("CREATE TABLE cells AS SELECT unnest($1) AS c0", [rows])

    def suspected() -> types.Candidate:
        return types.suspect(name, "c0", cells, rows=ROWS, comma=False)

    quickly, thoroughly = suspected(), suspected()
    guess = quick.guess(quickly, cells)
    assert guess is not None
    try:
        con.execute(f"CREATE TABLE typed AS {quick.select([quickly], [guess], 'cells')}")
    except duckdb.InvalidInputException:
        return
    proved = con.execute(f"SELECT {', '.join(proof.sql for proof in guess.proofs)} FROM typed").fetchone()
    assert proved is not None
    quickly.proved |= guess.known | dict(zip([proof.name for proof in guess.proofs], proved, strict=True))
    sql, names = types.prove(thoroughly, "cells")
    thoroughly.proved |= dict(zip(names, con.execute(sql).fetchone() or (), strict=True))
    decided, expected = types.decide(quickly, len(rows)), types.decide(thoroughly, len(rows))
    if decided.column.sql != guess.sql or decided.misfits:
        return  # it is read step by step
    assert (decided.column, decided.notes, decided.misfits) == (expected.column, expected.notes, expected.misfits)
    assert (decided.before, decided.after) == (expected.before, expected.after)
    assert con.execute("FROM typed").fetchall() == con.execute(f"SELECT {expected.value} FROM cells").fetchall()


@pytest.mark.parametrize(
    ("name", "cell"),
    [
        ("day", "2024-1-5"),
        ("city", "n/a"),
        ("words", '"two\nlines"'),
        ("words", "one,more"),
    ],
)
def test_a_late_cell_that_nobody_expected_changes_nothing_but_the_way(name: str, cell: str, tmp_path: Path) -> None:
    columns = {each: COLUMNS[each] for each in ("city", name)}
    assert not _both(_write(tmp_path / "late.csv", columns, **{name: cell}), tmp_path)


def test_tokens_are_told_apart_whatever_stands_in_them() -> None:
    odd = ["", "NA", "a b", "\t", "$", ".", "\\N", "é", "a|b", "(x)", "[", "n/a", "-", "#N/A", "x\ny", "'", "?", "漢"]
    con = duckdb.connect()
    con.execute("CREATE TABLE cells AS SELECT unnest($1) AS c", [[*odd, "a", "NANA", "zz?"]])
    for token in odd:
        found = con.execute(f"SELECT c FROM cells WHERE {types.is_one('c', ['zz', token])}").fetchall()
        assert found == [(token,)]


@pytest.mark.parametrize("ending", ["", "\n\n\n", ","])
def test_a_file_that_ends_otherwise_is_read_the_same(ending: str, tmp_path: Path) -> None:
    path = _write(tmp_path / "end.csv", {"a": str, "b": COLUMNS["city"]}, rows=200)
    path.write_text(path.read_text().removesuffix("\n") + ending)
    _both(path, tmp_path)


def test_random_tables_become_the_same_both_ways(tmp_path: Path) -> None:
    draw = random.Random(5)
    odd = ["", "NA", "0", "-1", "1.5", "x", "2024-05-06", "yes", "12345678901", " 7", "00", "1e5"]
    for attempt in range(12):
        (folder := tmp_path / str(attempt)).mkdir()
        columns = dict(draw.sample(list(COLUMNS.items()), 4))
        path = _write(folder / "some.csv", columns, rows=draw.randrange(1, 400))
        lines = path.read_text(encoding="utf-8").splitlines()
        for _ in range(draw.randrange(3)):
            place = draw.randrange(1, len(lines))
            cells = lines[place].split(",")
            cells[draw.randrange(len(cells))] = draw.choice(odd)
            lines[place] = ",".join(cells)
        path.write_text("\n".join(lines), encoding="utf-8")
        _both(path, folder)
