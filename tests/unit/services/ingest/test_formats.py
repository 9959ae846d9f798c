"""Files that are not plain CSV: each table is what its own program would show, or its sentence says why not.

What openpyxl, the standard library and DuckDB cannot write lies in `files`, written by pyarrow, odfpy, xlwt and
msoffcrypto.
"""

from __future__ import annotations

import bz2
import datetime as dt
import gzip
import io
import json
import lzma
import zipfile
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import openpyxl
import pytest

from services.errors import DoesNotFit, FileRefused
from services.ingest import Ingested, ingest, packed
from services.reading import Reading
from services.table import DATA

FILES = Path(__file__).parent / "files"
CSV = "id,name,amount\n1,Åsa,1.50\n2,Bo,-2.25\n3,,7.00\n"
ROWS = [(1, "Åsa", Decimal("1.50")), (2, "Bo", Decimal("-2.25")), (3, None, Decimal("7.00"))]


@pytest.fixture
def take(tmp_path: Path) -> Callable[..., tuple[Ingested, list[tuple[Any, ...]]]]:
    """Read a file and return what is said of it and its rows; nothing else may be left."""

    def read(content: bytes | Path, name: str, **chosen: Any) -> tuple[Ingested, list[tuple[Any, ...]]]:
        source, folder, spill = tmp_path / "content", tmp_path / "made", tmp_path / "spill"
        source.write_bytes(content if isinstance(content, bytes) else content.read_bytes())
        folder.mkdir(exist_ok=True)
        spill.mkdir(exist_ok=True)
        told: list[int] = []
        try:
            said = ingest(source, name, folder, spill=spill, report=lambda done, *_: told.append(done), **chosen)
        finally:
            assert not list(spill.iterdir())
        assert told == sorted(told)
        assert told[-1] == 100
        return said, duckdb.execute("FROM read_parquet(?)", [str(folder / DATA)]).fetchall()

    return read


Take = Callable[..., tuple[Ingested, list[tuple[Any, ...]]]]


def kinds(said: Ingested) -> dict[str, str]:
    return {column.name: column.kind for column in said.schema}


def book(fill: Callable[[Any], None]) -> bytes:
    made, out = openpyxl.Workbook(), io.BytesIO()
    fill(made)
    made.save(out)
    return out.getvalue()


def zipped(**files: str | bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return out.getvalue()


# -- archives --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "name"),
    [
        (gzip.compress(CSV.encode()), "orders.csv.gz"),
        (gzip.compress(CSV[:20].encode()) + gzip.compress(CSV[20:].encode()), "in two.gz"),
        (bz2.compress(CSV.encode()), "orders.csv.bz2"),
        (lzma.compress(CSV.encode()), "orders.csv.xz"),
        (lzma.compress(CSV[:20].encode()) + lzma.compress(CSV[20:].encode()), "in two.xz"),
        (zipped(**{"orders.csv": CSV}), "orders.zip"),
        (zipped(**{"deep/orders.csv": CSV, "__MACOSX/deep/._orders.csv": b"\0", "deep/.DS_Store": b"\0"}), "mac.zip"),
        (zipped(**{"readme.md": "Hello", "orders.csv": CSV}), "two.zip"),
    ],
    ids=["gzip", "gzip in two", "bzip2", "xz", "xz in two", "zip", "zip of a Mac", "zip with a text"],
)  # fmt: skip
def test_what_is_packed_is_the_table_inside(take: Take, content: bytes, name: str) -> None:
    said, rows = take(content, name)
    assert rows == ROWS
    assert said.bytes == len(content)
    assert said.source["format"] == "CSV"


def test_of_several_tables_in_a_zip_one_is_chosen_and_the_others_are_named(take: Take) -> None:
    content = zipped(**{"b.csv": "x\n1\n2\n", "a.csv": CSV})
    said, rows = take(content, "two.zip")
    assert rows == ROWS
    assert said.source["members"] == ["a.csv", "b.csv"] or set(said.source["members"]) == {"a.csv", "b.csv"}
    assert any("“b.csv”" in note for note in said.notes)
    assert take(content, "two.zip", wanted=Reading(member="b.csv"))[1] == [(1,), (2,)]
    with pytest.raises(FileRefused, match=r"There is no “\.\./\.\./etc/passwd”"):
        take(content, "two.zip", wanted=Reading(member="../../etc/passwd"))


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (gzip.compress(CSV.encode())[:-12], "cut off"),
        (gzip.compress(CSV.encode())[:10] + b"\xff" * 40, "damaged"),
        (zipped(**{"orders.csv": CSV})[:-30], "damaged"),
        (zipped(), "empty"),
        (zipped(a="1", b="2"), "holds no table"),
        (zipped(**{"inner.zip": zipped(**{"orders.csv": CSV})}), "holds another archive"),
        (gzip.compress(gzip.compress(CSV.encode())), "holds another archive"),
        (zipped(**{"word/document.xml": "<w/>", "[Content_Types].xml": "<t/>"}), "a Word document"),
    ],
    ids=["cut", "damaged", "zip cut", "zip empty", "no table", "zip in zip", "gzip in gzip", "Word"],
)
def test_an_archive_that_cannot_be_read_says_why(take: Take, content: bytes, sentence: str) -> None:
    with pytest.raises(FileRefused, match=sentence):
        take(content, "orders.csv.gz")


def test_an_encrypted_zip_is_refused(take: Take) -> None:
    content = bytearray(zipped(**{"orders.csv": CSV}))
    for mark, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        content[content.index(mark) + offset] |= 1
    with pytest.raises(FileRefused, match="encrypted"):
        take(bytes(content), "orders.zip")


def _bomb(megabytes: int) -> bytes:
    """Zeros, as gzip packs them at its best: a thousand to one."""
    made, block = io.BytesIO(), bytes(1 << 20)
    with gzip.GzipFile(fileobj=made, mode="wb", compresslevel=9) as file:
        for _ in range(megabytes):
            file.write(block)
    return made.getvalue()


def test_a_bomb_is_refused_before_it_has_swollen(take: Take, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    most = 0
    pour = packed._pour

    def watched(blocks: Any, target: Path, *rest: Any) -> None:
        def counted() -> Any:
            nonlocal most
            for block in blocks:
                most += len(block)
                yield block

        pour(counted(), target, *rest)

    monkeypatch.setattr(packed, "_pour", watched)
    with pytest.raises(FileRefused, match="swells more than 300 times"):
        take(_bomb(120), "bomb.csv.gz")
    assert most < 100e6
    with pytest.raises(FileRefused, match="swells more than 300 times"):
        take(zipped(**{"bomb.csv": bytes(80 << 20)}), "bomb.zip")


def test_what_does_not_fit_on_the_disk_is_said_before_it_is_full(take: Take, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packed, "room_for", lambda work: 10)
    with pytest.raises(DoesNotFit):
        take(gzip.compress(CSV.encode()), "orders.csv.gz")


# -- workbooks -------------------------------------------------------------------------------------


def _orders(made: Any) -> None:
    sheet = made.active
    sheet.title = "Orders"
    sheet.append(["id", "name", "amount", "day", "when", "ok", "code"])
    sheet.append([1, "Åsa", 1.5, dt.date(2024, 1, 31), dt.datetime(2024, 1, 31, 12, 30), True, "00012"])
    sheet.append([2, "Bo, jr", -2.25, dt.date(2024, 2, 29), dt.datetime(2024, 2, 29, 0, 0), False, "00345"])
    sheet.append([3, None, 1_000_000, None, None, True, "01000"])


def test_a_sheet_is_read_with_its_types(take: Take) -> None:
    said, rows = take(book(_orders), "orders.xlsx")
    assert kinds(said) == {
        "id": "integer", "name": "text", "amount": "decimal", "day": "date", "when": "datetime", "ok": "flag",
        "code": "identifier",
    } | {"name": kinds(said)["name"]}  # fmt: skip
    assert [row[0] for row in rows] == [1, 2, 3]
    assert [row[1] for row in rows] == ["Åsa", "Bo, jr", None]
    assert [float(row[2]) for row in rows] == [1.5, -2.25, 1e6]
    assert [row[3] for row in rows] == [dt.date(2024, 1, 31), dt.date(2024, 2, 29), None]
    assert [row[4] for row in rows] == [dt.datetime(2024, 1, 31, 12, 30), dt.datetime(2024, 2, 29), None]
    assert [row[5] for row in rows] == [True, False, True]
    assert [row[6] for row in rows] == ["00012", "00345", "01000"], "leading zeros of a text stay"
    assert said.source == {"format": "Excel workbook", "sheet": "Orders", "sheets": ["Orders"]}


def test_names_are_found_below_a_title_and_the_other_sheets_are_named(take: Take) -> None:
    def fill(made: Any) -> None:
        made.active.title = "Notes"
        made.active["A1"] = "About"
        sheet = made.create_sheet("2024")
        sheet["B2"] = "Sales report"
        for row in (["region", "units", "share"], ["north", 5, 0.25], ["south", 7, 0.35], ["east", 8, 0.4]):
            sheet.append([None, *row])
        sheet.merge_cells("B2:D2")
        made.create_sheet("secret").sheet_state = "hidden"

    said, rows = take(book(fill), "report.xlsx")
    assert said.schema.names == ["region", "units", "share"]
    assert [row[:2] for row in rows] == [("north", 5), ("south", 7), ("east", 8)]
    assert said.source["sheet"] == "2024"
    notes = " ".join(said.notes)
    assert "The sheet “2024” was read. The workbook also holds “Notes”, “secret” (hidden)." in notes
    assert "1 area of merged cells" in notes
    assert "Sales report" in notes
    with pytest.raises(FileRefused, match="There is no sheet “2023”"):
        take(book(fill), "report.xlsx", wanted=Reading(sheet="2023"))


@pytest.mark.parametrize("name", ["book.ods", "book.xls"])
def test_other_workbooks_hold_the_same(take: Take, name: str) -> None:
    said, rows = take(FILES / name, name)
    assert [row[0] for row in rows] == [1, 2, 3, 4]
    assert [row[1] for row in rows] == ["Åsa", "Bo", None, "Cem"]
    assert [None if row[2] is None else float(row[2]) for row in rows] == [1.5, -2.25, None, 1e6]
    assert [row[3] for row in rows] == [dt.date(2024, 1, 31), dt.date(2024, 2, 29), None, dt.date(2024, 12, 1)]
    assert [row[4] for row in rows] == [True, False, True, None]
    assert said.source["sheet"] == "Orders"


@pytest.mark.parametrize("digits", ["123456789012345", "0.1", "1e-300", "-7", "1234567.891"])
def test_numbers_of_a_sheet_keep_what_the_file_holds(take: Take, digits: str) -> None:
    def fill(made: Any) -> None:
        for cell in ("n", float(digits), 2.5):
            made.active.append([cell])

    _, rows = take(book(fill), "n.xlsx")
    assert float(rows[0][0]) == float(digits)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (FILES / "locked.xlsx", "protected by a password"),
        (book(_orders)[:4_000], "damaged"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(99), "damaged"),
        (book(lambda made: None), "No sheet of this workbook holds a table"),
        (book(lambda made: made.active.append(["only", "names"])), "No sheet of this workbook holds a table"),
    ],
    ids=["locked", "cut", "no workbook", "empty", "names only"],
)
def test_a_workbook_that_cannot_be_read_says_why(take: Take, content: bytes | Path, sentence: str) -> None:
    with pytest.raises(FileRefused, match=sentence):
        take(content, "book.xlsx")


def test_a_workbook_larger_than_memory_is_refused_before_it_is_opened(take: Take) -> None:
    with pytest.raises(FileRefused, match=r"MB can be read here\. Save the sheet as CSV"):
        take(book(_orders), "orders.xlsx", memory_mb=0)


def test_a_csv_that_is_called_a_workbook_is_read_as_what_it_is(take: Take) -> None:
    assert take(CSV.encode(), "orders.xlsx")[1] == ROWS
    assert take(book(_orders), "orders.csv")[0].source["format"] == "Excel workbook"


# -- JSON ------------------------------------------------------------------------------------------

_OBJECTS = [
    {"id": 1, "name": "Åsa", "zip": "02134", "amount": 1.50, "ok": True, "at": {"city": "Lund", "geo": [55.7, 13.2]}},
    {"id": 2, "name": 'Bo "B", jr', "zip": "00501", "amount": -2, "ok": False, "extra": 9007199254740993},
]


@pytest.mark.parametrize(
    "content",
    [
        "\n".join(map(json.dumps, _OBJECTS)),
        "\n\n" + "\r\n".join(json.dumps(each, ensure_ascii=False) for each in _OBJECTS) + "\n",
        json.dumps(_OBJECTS),
        json.dumps(_OBJECTS, indent=2),
        json.dumps({"status": "ok", "tags": ["a"], "data": _OBJECTS}),
        json.dumps({"status": "ok", "data": _OBJECTS}, indent=1),
        "\n".join(json.dumps(each, indent=2) for each in _OBJECTS),
        "\ufeff" + json.dumps(_OBJECTS),
    ],
)
def test_objects_are_rows_however_they_are_written(take: Take, content: str) -> None:
    said, rows = take(content.encode(), "orders.json")
    assert said.schema.names == ["id", "name", "zip", "amount", "ok", "at.city", "at.geo", "extra"]
    assert [row[:3] for row in rows] == [(1, "Åsa", "02134"), (2, 'Bo "B", jr', "00501")]
    assert [float(row[3]) for row in rows] == [1.5, -2]
    assert [row[4:] for row in rows] == [
        (True, "Lund", "[55.7,13.2]", None),
        (False, None, None, 9007199254740993),
    ]
    assert said.source["format"] == "JSON"
    assert any("at.geo holds lists or objects" in note for note in said.notes)


def test_lists_of_lists_and_of_numbers_are_tables_too(take: Take) -> None:
    said, rows = take(json.dumps([["a", "b"], [1, "x"], [2, "y"], [3]]).encode(), "rows.json")
    assert (said.schema.names, rows) == (["a", "b"], [(1, "x"), (2, "y"), (3, None)])
    said, rows = take(b"[1.25, 2.5, null, 4]", "numbers.json")
    assert said.schema.names == ["value"]
    assert [row[0] if row[0] is None else float(row[0]) for row in rows] == [1.25, 2.5, None, 4]


def test_columns_called_like_numbers_are_names_in_json(take: Take) -> None:
    said, rows = take(b'{"2023": 1, "2024": 2}\n{"2023": 3, "2024": 4}', "years.jsonl")
    assert (said.schema.names, rows) == (["2023", "2024"], [(1, 2), (3, 4)])


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b'{"a": 1}\n{"a": \n{"a": 3}\n', "Line 2 of this file is not whole JSON"),
        (b'{"a": 1}\n{"a": 2', "Line 2 .* cut off"),
        (b'[{"a": 1}, {"a": 2', "not whole JSON"),
        (b"[]", "no table"),
        (b"{}", "no table"),
        (b"[{}, {}]", "no table"),
        (b"[\xff\xfe]", "JSON"),
    ],
)
def test_json_that_is_no_table_says_why(take: Take, content: bytes, sentence: str) -> None:
    with pytest.raises(FileRefused, match=sentence):
        take(content, "orders.json")


def test_a_csv_may_begin_with_a_bracket(take: Take) -> None:
    said, rows = take(b"[id],name\n1,a\n2,b\n", "brackets.csv")
    assert (said.schema.names, rows) == (["[id]", "name"], [(1, "a"), (2, "b")])


# -- columns ---------------------------------------------------------------------------------------

_WHEN = [dt.datetime(2024, 1, 31, 11, 30), None, dt.datetime(2024, 2, 28, 23), dt.datetime(2024, 3, 1, 22, 59, 59)]


@pytest.mark.parametrize("name", ["plain.feather", "plain.lz4.feather", "plain.zstd.feather", "categories.feather",
                                  "stream.arrows"])  # fmt: skip
def test_arrow_files_keep_their_columns(take: Take, name: str) -> None:
    said, rows = take(FILES / name, name)
    columns = list(zip(*rows, strict=True))
    assert columns[:5] == [
        (1, 2, 3, 4), ("Åsa", "Bo", None, "Cem"), (1.5, -2.25, None, 1e6),
        (dt.date(2024, 1, 31), dt.date(2024, 2, 29), None, dt.date(2024, 12, 1)), (True, False, True, None),
    ]  # fmt: skip
    assert said.schema["id"].sql == "TINYINT"
    assert said.schema["when"].kind == "datetime"
    assert any("when has times with a zone" in note for note in said.notes)
    if len(columns) > 6:
        assert columns[6] == ("a", "b", "a", None)


def test_times_of_a_zone_are_utc(take: Take) -> None:
    _, rows = take(FILES / "plain.feather", "plain.feather")
    assert [row[5] for row in rows][1] is None
    assert all(value is None or value.tzinfo is None for value in (row[5] for row in rows))


@pytest.mark.parametrize(
    ("name", "sentence"),
    [("categories.lz4.feather", "has categories and is compressed"), ("old.feather", "Feather file of the first")],
)
def test_arrow_that_cannot_be_read_says_what_to_do(take: Take, name: str, sentence: str) -> None:
    with pytest.raises(FileRefused, match=sentence):
        take(FILES / name, name)
    content = (FILES / "plain.feather").read_bytes()
    with pytest.raises(FileRefused, match="damaged or cut off"):
        take(content[: len(content) // 3], "plain.feather")


def test_parquet_keeps_types_and_what_is_no_cell_becomes_text(take: Take) -> None:
    said, rows = take(FILES / "odd.parquet", "odd.parquet")
    assert dict(zip(said.schema.names, rows[0], strict=True)) == {
        "id": 1, "l": "[1]", "s": '{"a":1}', "big": Decimal(2**63 + 5), "t": "01:02:00", "blob": "0001", "dup": 1,
    }  # fmt: skip
    notes = " ".join(said.notes)
    assert "l holds lists or objects" in notes
    assert "t holds times without a day" in notes
    assert "blob holds bytes" in notes
    assert said.memory_after <= said.memory_before or said.rows == 2


def test_parquet_of_every_type_is_what_was_written(take: Take, tmp_path: Path) -> None:
    made = tmp_path / "typed.parquet"
    duckdb.execute(
        "COPY (SELECT i::BIGINT AS small, (i * 100000000000)::BIGINT AS large, (i / 7)::FLOAT AS f, "
        "(i * 1.1)::DECIMAL(9, 2) AS money, i % 2 = 0 AS even, DATE '2024-01-01' + i::INT AS day, "
        "TIMESTAMP '2024-01-01' + INTERVAL (i) HOUR AS hour, ['a', 'b', NULL][1 + i % 3] AS kind, '' AS nothing "
        f"FROM range(300) AS t(i)) TO '{made}' (FORMAT parquet)"
    )
    said, rows = take(made, "typed.parquet")
    assert (
        rows
        == duckdb.execute(
            "SELECT small, large, f::DOUBLE, money, even, day, hour, kind, nothing FROM read_parquet(?)", [str(made)]
        ).fetchall()
    )
    assert {column.name: column.sql for column in said.schema} == {
        "small": "SMALLINT", "large": "BIGINT", "f": "DOUBLE", "money": "DECIMAL(9,2)", "even": "BOOLEAN",
        "day": "DATE", "hour": "TIMESTAMP", "kind": "VARCHAR", "nothing": "VARCHAR",
    }  # fmt: skip
    assert kinds(said)["kind"] == "category"
    cut = made.read_bytes()[:-200]
    with pytest.raises(FileRefused, match="This Parquet file is damaged"):
        take(cut, "typed.parquet")
