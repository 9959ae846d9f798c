"""What a job found lies on disk: small tables as JSON, large ones as Parquet, nothing half-written."""

import datetime as dt
import json
import os
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from services import results
from services.analysis import Result
from services.errors import Evicted, NotFound
from services.results import StoredResult
from services.table import Spilled, Table

ASKED = ("d" * 32, "rfm", 1, {"customer": "id", "quantiles": 5})


def stored(folder: Path, facts: Mapping[str, Any] | None = None, **tables: Any) -> StoredResult:
    """Put a result with these tables and open it."""
    result = Result(facts=facts or {"n": 1}, tables=tables, notes=("One fact. It means little.",))
    results.put(folder, result, {"slug": "rfm"}, folder.parent / "spill")
    return results.get(folder)


@pytest.fixture
def large() -> pd.DataFrame:
    """A table of more than 1 MB as JSON."""
    return pd.DataFrame({"n": np.arange(400_000, dtype="int64"), "text": "some text"})


def test_the_same_question_has_the_same_key_in_any_order_and_for_ever() -> None:
    assert results.key(*ASKED) == results.key("d" * 32, "rfm", 1, {"quantiles": 5, "customer": "id"})
    assert results.key(*ASKED) == "ec9372ba34878f96f83f50ca2fabcace"


@pytest.mark.parametrize(
    "other",
    [
        ("e" * 32, *ASKED[1:]),
        (ASKED[0], "cohort", *ASKED[2:]),
        (*ASKED[:2], 2, ASKED[3]),
        (*ASKED[:3], {"customer": "id", "quantiles": 4}),
        (*ASKED[:3], {"customer": "ID", "quantiles": 5}),
        (*ASKED[:3], {"customer": "id"}),
        (*ASKED[:3], {"customer": "id", "quantiles": "5"}),
        (*ASKED[:3], {"customer": "id", "quantiles": None}),
        (*ASKED[:3], {"customer": "id", "quantiles": 5, "order": None}),
    ],
)
def test_each_part_of_the_question_changes_the_key(other: tuple[Any, ...]) -> None:
    assert results.key(*other) != results.key(*ASKED)


def test_a_small_table_is_json_columns(tmp_path: Path) -> None:
    found = stored(tmp_path / "r", items=pd.DataFrame({"item": ["tea", None], "n": [1, 2]}))
    assert found.columns("items") == {"item": ["tea", None], "n": [1, 2]}
    assert found.rows("items") == [{"item": "tea", "n": 1}, {"item": None, "n": 2}]
    table = found.tables["items"]
    assert (table["rows"], table["file"]) == (2, "items.json")
    assert table["bytes"] == (found.folder / "items.json").stat().st_size
    assert [column["name"] for column in table["columns"]] == ["item", "n"]
    assert sorted(path.name for path in found.folder.iterdir()) == ["items.json", "result.json"]


def test_a_large_table_is_parquet_and_not_read_whole(tmp_path: Path, large: pd.DataFrame) -> None:
    found = stored(tmp_path / "r", items=large)
    assert found.tables["items"]["file"] == "items.parquet"
    assert found.tables["items"]["rows"] == 400_000
    with pytest.raises(NotFound, match="read by page"):
        found.columns("items")
    again = Spilled.at(found.file("items"), spill=tmp_path / "spill")
    assert again.fetch("SELECT sum({n}) FROM rows", n="n") == [(400_000 * 399_999 // 2,)]


def test_a_table_is_small_by_its_bytes_not_by_its_rows(tmp_path: Path) -> None:
    found = stored(tmp_path / "r", long=pd.DataFrame({"text": ["x" * 600_000, "y" * 600_000]}))
    assert found.tables["long"]["file"] == "long.parquet"
    assert found.evicted() == []


def test_a_spilled_table_is_neither_copied_nor_taken_from_its_run(tmp_path: Path, large: pd.DataFrame) -> None:
    made = Table.of(large).store(tmp_path / "made.parquet", "SELECT * FROM rows")
    inode = made.path.stat().st_ino
    found = stored(tmp_path / "r", items=made)
    assert made.path.exists()  # a result so far leaves the run what it still reads
    assert found.file("items").stat().st_ino == inode


def test_facts_and_notes_come_back(tmp_path: Path) -> None:
    facts = {"text": "Größe", "n": 3, "share": 0.1, "yes": True, "none": None}
    found = stored(tmp_path / "r", facts)
    assert found.facts == facts
    assert found.notes == ("One fact. It means little.",)
    assert found.key == "r"
    assert found.about["slug"] == "rfm"


def test_nothing_in_the_json_is_not_json(tmp_path: Path) -> None:
    strange = pd.DataFrame({"x": [1.5, float("nan"), float("inf"), -float("inf")]})
    facts = {"a": float("nan"), "b": float("inf"), "c": np.float32(0.5), "d": np.int64(3), "e": np.bool_(True)}
    found = stored(tmp_path / "r", facts, strange=strange)
    for path in found.folder.glob("*.json"):
        json.loads(path.read_text(), parse_constant=lambda text: pytest.fail(f"{text} in {path.name}"))
    assert found.facts == {"a": None, "b": None, "c": 0.5, "d": 3, "e": True}
    assert found.column("strange", "x") == [1.5, None, None, None]


def test_decimals_are_numbers_and_days_are_iso_text(tmp_path: Path) -> None:
    frame = pd.DataFrame(
        {
            "money": [Decimal("10.10"), Decimal("-0.05")],
            "day": pd.to_datetime(["2020-02-29", None]),
            "time": pd.to_datetime(["2020-02-29 12:30:00", None]),
        }
    )
    found = stored(tmp_path / "r", {"total": Decimal("10.05"), "day": dt.date(2020, 2, 29)}, t=frame)
    assert found.columns("t") == {
        "money": [10.1, -0.05], "day": ["2020-02-29", None], "time": ["2020-02-29T12:30:00", None],
    }  # fmt: skip
    assert found.facts == {"total": 10.05, "day": "2020-02-29"}


def test_a_column_is_thinned_evenly_from_its_first_value(tmp_path: Path) -> None:
    found = stored(tmp_path / "r", t=pd.DataFrame({"n": range(100)}))
    assert found.column("t", "n", at_most=100) == list(range(100))
    assert found.column("t", "n", at_most=10) == list(range(0, 100, 10))
    assert len(found.column("t", "n", at_most=99)) == 50


def test_opening_a_table_is_seen(tmp_path: Path) -> None:
    found = stored(tmp_path / "r", t=pd.DataFrame({"n": [1]}))
    os.utime(found.folder / "t.json", (1.0, 1.0))
    assert found.file("t").stat().st_mtime > 1.0


def test_an_evicted_table_is_named_and_asking_for_it_says_what_to_do(tmp_path: Path, large: pd.DataFrame) -> None:
    found = stored(tmp_path / "r", large=large, small=pd.DataFrame({"n": [1]}))
    assert found.evicted() == []
    found.file("large").unlink()
    assert found.evicted() == ["large"]
    with pytest.raises(Evicted) as refused:
        found.file("large")
    assert refused.value.message == "The table “large” was removed to free disk. Run again to make it anew."
    assert found.columns("small") == {"n": [1]}
    assert found.facts == {"n": 1}


@pytest.mark.parametrize("name", ["nothing", "", "../result", "result", "t.json"])
def test_a_table_that_the_result_does_not_have_is_not_there(tmp_path: Path, name: str) -> None:
    found = stored(tmp_path / "r", t=pd.DataFrame({"n": [1]}))
    with pytest.raises(NotFound):
        found.file(name)


def test_there_is_no_result_until_its_last_file_is_written(tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        results.get(tmp_path / "r")
    lost = Table.of(n=[1]).store(tmp_path / "lost.parquet", "SELECT * FROM rows")
    lost.path.unlink()
    with pytest.raises(FileNotFoundError):
        stored(tmp_path / "r", t=pd.DataFrame({"n": [1]}), lost=lost)
    with pytest.raises(NotFound):
        results.get(tmp_path / "r")
    (tmp_path / "r" / results.FILE).write_text('{"facts": ')
    with pytest.raises(NotFound):
        results.get(tmp_path / "r")


def test_putting_it_again_replaces_it_and_drops_its_steps(tmp_path: Path) -> None:
    stored(tmp_path / "r", t=pd.DataFrame({"n": [1]}))
    (tmp_path / "r" / results.STEPS / "step").mkdir(parents=True)
    found = stored(tmp_path / "r", t=pd.DataFrame({"n": [2]}))
    assert found.columns("t") == {"n": [2]}
    assert sorted(path.name for path in found.folder.iterdir()) == ["result.json", "t.json"]


def test_files_of_a_result_are_copied_beside_it(tmp_path: Path) -> None:
    script = tmp_path / "made.py"
    script.write_text("print()")
    results.put(tmp_path / "r", Result(facts={}, tables={}, files={"recipe.py": script}), {}, tmp_path)
    assert results.get(tmp_path / "r").about["files"] == ["recipe.py"]
    assert (tmp_path / "r" / "recipe.py").read_text() == "print()"
