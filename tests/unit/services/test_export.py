"""What is taken away agrees with the table, and no spreadsheet runs it."""

import csv
import datetime as dt
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import openpyxl
import pandas as pd
import pytest

from services import export, results
from services.analysis import Result
from services.errors import DataError, Evicted, NotFound
from services.results import StoredResult
from services.table import Spilled

FORMULAS = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "=cmd|' /C calc'!A0", "-2+3", "\n=1"]
PLAIN = [
    "tea",
    "",
    "1+1",
    "a=b",
    "'quoted'",
    "x\ny",
    'say "hi", please',
    "Größe 日本",
    "00042",
    "1e5",
    "https://example.org",
]

FRAME = pd.DataFrame(
    {
        "name": ["=1+1", 'a "b", c|d', None],
        "n": [1, -2, 1_234_567],
        "money": [Decimal("10.10"), Decimal("-0.05"), None],
        "share": [0.1, 1 / 3, 1_234_567.891],
        "yes": [True, False, True],
        "day": pd.to_datetime(["2020-02-29", None, "1999-12-31"]),
        "time": pd.to_datetime(["2020-02-29 12:30:01", None, "1999-12-31 00:00:00"]),
    }
)


@pytest.fixture(params=["json", "parquet"])
def stored(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> StoredResult:
    """The same result, its table small (JSON) and as if it were large (Parquet)."""
    if request.param == "parquet":
        monkeypatch.setattr(results, "SMALL", 0)
    return put(tmp_path, FRAME, request.param)


def put(tmp_path: Path, frame: pd.DataFrame, suffix: str | None = None) -> StoredResult:
    about = {
        "slug": "rfm",
        "title": "RFM",
        "params": {"item": "name", "order": None},
        "rows_used": 3,
        "rows_total": 1_000,
    }
    result = Result(facts={"total_sum": 1_234_567.5, "n": 3}, tables={"items": frame}, notes=("Little data. Beware.",))
    results.put(tmp_path / "r", result, about, tmp_path / "spill")
    found = results.get(tmp_path / "r")
    assert suffix is None or found.tables["items"]["file"] == f"items.{suffix}"
    return found


def written(stored: StoredResult, tmp_path: Path, form: str, *, raw: bool = False) -> Path:
    asked = {"table": "items", "format": form, "raw": raw}
    target = tmp_path / export.file_name(asked)
    export.write(stored, asked, target, spill=tmp_path / "spill")
    return target


def lines(path: Path) -> list[list[str]]:
    with open(path, newline="", encoding="utf-8-sig") as file:
        return list(csv.reader(file))


def cells(path: Path) -> list[list[Any]]:
    book = openpyxl.load_workbook(path)
    return [[cell.value for cell in row] for row in book.worksheets[0].iter_rows()]


def test_raw_csv_holds_every_value_unrounded(stored: StoredResult, tmp_path: Path) -> None:
    header, *rows = lines(written(stored, tmp_path, "csv", raw=True))
    assert header == list(FRAME.columns)
    assert [row[0] for row in rows] == ["=1+1", 'a "b", c|d', ""]
    assert [row[1] for row in rows] == ["1", "-2", "1234567"]
    assert [Decimal(row[2]) if row[2] else None for row in rows] == [Decimal("10.1"), Decimal("-0.05"), None]
    assert [float(row[3]) for row in rows] == FRAME["share"].tolist()
    assert [row[4] for row in rows] == ["True", "False", "True"]
    assert [row[5] for row in rows] == ["2020-02-29", "", "1999-12-31"]
    assert [row[6] for row in rows] == ["2020-02-29T12:30:01", "", "1999-12-31T00:00:00"]


def test_a_workbook_holds_the_same_with_days_as_days(stored: StoredResult, tmp_path: Path) -> None:
    header, *rows = cells(written(stored, tmp_path, "xlsx", raw=True))
    assert header == list(FRAME.columns)
    assert rows[0] == [
        "=1+1", 1, 10.1, 0.1, True, dt.datetime(2020, 2, 29), dt.datetime(2020, 2, 29, 12, 30, 1),
    ]  # fmt: skip
    assert rows[1] == ['a "b", c|d', -2, -0.05, pytest.approx(1 / 3, abs=1e-15), False, None, None]
    assert rows[2][:5] == [None, 1_234_567, None, 1_234_567.891, True]


def test_text_that_leads_a_formula_is_never_one(stored: StoredResult, tmp_path: Path) -> None:
    for raw in (False, True):
        book = openpyxl.load_workbook(written(stored, tmp_path, "xlsx", raw=raw))
        cell = book.worksheets[0]["A2"]
        assert cell.data_type == "s"
        assert cell.value == ("=1+1" if raw else "'=1+1")


def test_the_download_for_excel_says_its_encoding_and_the_raw_one_does_not(
    stored: StoredResult, tmp_path: Path
) -> None:
    assert written(stored, tmp_path, "csv").read_bytes().startswith(b"\xef\xbb\xbf")
    assert not written(stored, tmp_path, "csv", raw=True).read_bytes().startswith(b"\xef\xbb\xbf")


@pytest.mark.parametrize("text", FORMULAS)
def test_formula_leading_text_is_made_safe_in_cells_and_names_unless_raw(tmp_path: Path, text: str) -> None:
    found = put(tmp_path, pd.DataFrame({text: [text], "n": [-1]}))
    assert lines(written(found, tmp_path, "csv")) == [[f"'{text}", "n"], [f"'{text}", "-1"]]
    assert lines(written(found, tmp_path, "csv", raw=True)) == [[text, "n"], [text, "-1"]]


def test_other_text_is_left_alone(tmp_path: Path) -> None:
    found = put(tmp_path, pd.DataFrame({"text": PLAIN}))
    assert [text for (text,) in lines(written(found, tmp_path, "csv"))[1:]] == PLAIN
    shown = [value or "" for (value,) in cells(written(found, tmp_path, "xlsx"))[1:]]
    assert shown == PLAIN


def test_a_workbook_loses_no_digit_and_no_early_day(tmp_path: Path) -> None:
    frame = pd.DataFrame({"id": [123456789012345678, 5], "day": pd.to_datetime(["1850-01-02", "2020-01-02"])})
    rows = cells(written(put(tmp_path, frame), tmp_path, "xlsx"))[1:]
    assert rows == [["123456789012345678", "1850-01-02"], [5, dt.datetime(2020, 1, 2)]]


def test_a_workbook_says_that_a_text_is_too_long_for_its_cells(tmp_path: Path) -> None:
    fits = put(tmp_path, pd.DataFrame({"col": ["x" * 32_767]}))
    assert cells(written(fits, tmp_path, "xlsx"))[1:] == [["x" * 32_767]]
    long = put(tmp_path, pd.DataFrame({"col": ["x" * 40_000]}))
    said = "A cell of a workbook takes 32,767 characters, and “col” has one of 40,000. Export it as CSV."
    with pytest.raises(DataError, match=said):
        written(long, tmp_path, "xlsx")


def test_a_workbook_keeps_every_digit_of_a_decimal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(results, "SMALL", 0)
    money = [Decimal("1234567890123456.78"), Decimal("9999999999999.99"), Decimal("5.50")]
    rows = cells(written(put(tmp_path, pd.DataFrame({"money": money}), "parquet"), tmp_path, "xlsx"))[1:]
    assert rows == [["1234567890123456.78"], [9_999_999_999_999.99], [5.5]]


def test_an_export_that_ends_early_leaves_nothing_where_exports_lie(tmp_path: Path) -> None:
    found = put(tmp_path, pd.DataFrame({"col": ["x" * 40_000]}))
    (tmp_path / "exports").mkdir()
    target = tmp_path / "exports" / "items.xlsx"
    with pytest.raises(DataError):
        export.write(found, {"table": "items", "format": "xlsx"}, target, spill=tmp_path / "spill")
    assert list((tmp_path / "exports").iterdir()) == []


def test_a_large_table_is_written_in_blocks_in_its_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(results, "SMALL", 0)
    monkeypatch.setattr(export, "SLICE", 1_000)
    found = put(tmp_path, pd.DataFrame({"n": range(2_500)}), "parquet")
    assert [len(block) for block in export.rows(found, "items", tmp_path)] == [1_000, 1_000, 500]
    assert [int(n) for (n,) in lines(written(found, tmp_path, "csv"))[1:]] == list(range(2_500))
    assert [n for (n,) in cells(written(found, tmp_path, "xlsx"))[1:]] == list(range(2_500))


def test_more_rows_than_a_sheet_takes_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(export, "MOST_XLSX", 2)
    found = put(tmp_path, FRAME)
    with pytest.raises(DataError, match="Export it as CSV"):
        written(found, tmp_path, "xlsx")
    assert not (tmp_path / "items.xlsx").exists()


def test_markdown_says_question_facts_caveats_and_the_head_of_each_table(stored: StoredResult, tmp_path: Path) -> None:
    text = written(stored, tmp_path, "md").read_text()
    assert text.startswith("# RFM\n\nOn 3 of 1,000 rows. Asked: item = name.\n")
    assert "| total sum | 1,234,567.50 |" in text
    assert "- Little data. Beware." in text
    rows = [line for line in text.splitlines() if line.startswith("| =1+1") or line.startswith("| a ")]
    assert rows == [
        "| =1+1 | 1 | 10.1 | 0.1 | True | 2020-02-29 | 2020-02-29T12:30:01 |",
        '| a "b", c\\|d | -2 | -0.05 | 0.333333 | False |  |  |',
    ]


def test_markdown_rounds_no_amount_to_six_digits(tmp_path: Path) -> None:
    text = written(put(tmp_path, pd.DataFrame({"paid": [99_999.99, 1_000.0, 12.345678]})), tmp_path, "md").read_text()
    assert "| 99,999.99 |\n| 1,000.00 |\n| 12.3457 |" in text


def test_markdown_keeps_facts_and_question_each_in_its_place(tmp_path: Path) -> None:
    about = {"slug": "x", "title": "X", "params": {"item": "a|b\r\nc"}, "rows_used": 1, "rows_total": 1}
    results.put(tmp_path / "r", Result(facts={"a_b": "x|y\nz"}, tables={}), about, tmp_path / "spill")
    text = export.markdown(results.get(tmp_path / "r"), tmp_path / "spill")
    assert "Asked: item = a\\|b c.\n" in text
    assert "| a b | x\\|y z |" in text


def test_markdown_shows_a_head_and_says_of_how_many(tmp_path: Path) -> None:
    text = written(put(tmp_path, pd.DataFrame({"n": range(5_000)})), tmp_path, "md").read_text()
    assert "The first 12 of 5,000 rows." in text
    assert "| 11 |" in text
    assert "| 12 |" not in text


def test_markdown_says_which_table_is_gone(tmp_path: Path) -> None:
    found = put(tmp_path, FRAME)
    found.file("items").unlink()
    assert "This table was removed to free disk." in written(found, tmp_path, "md").read_text()
    with pytest.raises(Evicted):
        written(found, tmp_path, "csv")
    assert not (tmp_path / "items.csv").exists()


@pytest.mark.parametrize(
    "asked",
    [
        {"table": "../secret", "format": "csv"},
        {"table": "items", "format": "exe"},
        {"table": "items", "format": "csv/../../x"},
        {"table": "Items", "format": "csv"},
        {"table": "", "format": "csv"},
        {"table": "items\n", "format": "csv"},
        {"table": "items", "format": "csv\n"},
        {"table": "a" * 80, "format": "csv"},
        {"table": ".items", "format": "csv"},
        {"table": "items\0", "format": "csv"},
    ],
)
def test_a_name_that_is_no_export_is_refused(asked: dict[str, Any]) -> None:
    with pytest.raises(NotFound):
        export.file_name(asked)


@pytest.mark.parametrize("name", ["items.csv", "items.raw.csv", "rf_grid.xlsx", "all.md", "data.json"])
def test_names_of_exports_are_known(name: str) -> None:
    assert export.is_file_name(name)


def test_a_table_that_is_not_there_is_refused(stored: StoredResult, tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        export.write(stored, {"table": "other", "format": "csv"}, tmp_path / "other.csv", spill=tmp_path)
    assert not (tmp_path / "other.csv").exists()


def strict(text: str) -> Any:
    return json.loads(text, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"), parse_float=Decimal)


def test_json_holds_every_value_by_its_name(stored: StoredResult, tmp_path: Path) -> None:
    first, second, third = strict(written(stored, tmp_path, "json").read_text(encoding="utf-8"))
    assert first == {
        "name": "=1+1", "n": 1, "money": Decimal("10.1"), "share": Decimal("0.1"), "yes": True, "day": "2020-02-29",
        "time": "2020-02-29T12:30:01",
    }  # fmt: skip
    assert list(second) == list(FRAME.columns)
    assert (second["name"], second["day"], second["time"]) == ('a "b", c|d', None, None)
    assert (third["name"], third["money"], third["yes"]) == (None, None, True)
    assert float(second["share"]) == 1 / 3


def test_json_keeps_every_digit_and_every_sign(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(results, "SMALL", 0)
    path = tmp_path / "hard.parquet"
    duckdb.sql(
        "SELECT 9007199254740993 AS i, 12345678901234567890123456789012345678::DECIMAL(38, 0) AS h, "
        "12345678901234567890.12::DECIMAL(38, 2) AS m, -0.05::DECIMAL(12, 2) AS c, 1e308::DOUBLE AS big, "
        "5e-324::DOUBLE AS tiny, 'nan'::DOUBLE AS x, '-inf'::DOUBLE AS y, NULL::INTEGER AS gone, "
        "'a\"\\\n\t' || chr(0) || chr(1) || chr(127) || chr(8232) || '日😀</script>' AS s, "
        "TIMESTAMP '2020-01-02 03:04:05.678' AS t, DATE '1850-01-02' AS d, false AS no, 1 AS \"=\"\"|\n\""
    ).write_parquet(str(path))
    table = Spilled.at(path, spill=tmp_path)
    results.put(tmp_path / "r", Result(facts={}, tables={"items": table}), {"slug": "x"}, tmp_path / "spill")
    text = written(results.get(tmp_path / "r"), tmp_path, "json").read_text(encoding="utf-8")
    assert strict(text) == [
        {
            "i": 9007199254740993, "h": 12345678901234567890123456789012345678,
            "m": Decimal("12345678901234567890.12"), "c": Decimal("-0.05"),
            "big": Decimal("1e308"), "tiny": Decimal("5e-324"), "x": None, "y": None, "gone": None,
            "s": 'a"\\\n\t\0\1\x7f\u2028日😀</script>', "t": "2020-01-02T03:04:05.678000", "d": "1850-01-02",
            "no": False, '="|\n': 1,
        }
    ]  # fmt: skip


def test_json_of_no_rows_is_an_empty_list(tmp_path: Path) -> None:
    found = put(tmp_path, pd.DataFrame({"n": pd.Series([], dtype="int64")}))
    assert strict(written(found, tmp_path, "json").read_text()) == []


def test_a_wide_table_is_written_in_blocks_of_as_many_cells(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(results, "SMALL", 0)
    monkeypatch.setattr(export, "CELLS", 1_000)
    found = put(tmp_path, pd.DataFrame({f"c{i}": range(25) for i in range(100)}), "parquet")
    assert [len(block) for block in export.rows(found, "items", tmp_path)] == [10, 10, 5]
    assert [row["c99"] for row in strict(written(found, tmp_path, "json").read_text())] == list(range(25))
