"""Files read as a person chose: types, marks, tokens, names, what is left out, where the header is."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from services.errors import FileRefused, ParamError
from services.ingest import Ingested, ingest
from services.reading import Reading, parse
from services.table import DATA, Table

Take = Callable[..., tuple[Ingested, dict[str, list[Any]]]]


@pytest.fixture
def take(tmp_path: Path) -> Take:
    """Read a file as chosen; what is said of it, and its columns."""

    def read(content: bytes, *columns: dict[str, Any], **more: Any) -> tuple[Ingested, dict[str, list[Any]]]:
        source, made = tmp_path / "content", tmp_path / "made"
        source.write_bytes(content)
        made.mkdir(exist_ok=True)
        found = ingest(
            source, "table.csv", made, spill=tmp_path / "spill", report=lambda *_: None,
            wanted=parse({"format": 1, "columns": list(columns), **more}),
        )  # fmt: skip
        rows = Table(path=made / DATA, schema=found.schema, rows=found.rows, spill=tmp_path / "spill")
        cells = rows.fetch("SELECT * FROM rows")
        return found, {name: [row[at] for row in cells] for at, name in enumerate(found.schema.names)}

    return read


def kinds(found: Ingested) -> list[str]:
    return [column.kind for column in found.schema]


NUMBERS = {
    "thousands": ("decimal point", ["1,234.50", "12", "-7,000"], [Decimal("1234.50"), 12, -7000]),
    "currency": ("decimal point", ["$5.00", "$ 1,000.25", "-$3"], [5, Decimal("1000.25"), -3]),
    "currency behind": ("decimal comma", ["5,00 €", "1.000,25 €", "−3 €"], [5, Decimal("1000.25"), -3]),
    "per cent": ("decimal point", ["12%", "7.5 %", "0%"], [12, Decimal("7.5"), 0]),
    "brackets": ("decimal point", ["(1,200.00)", "3.50", "(0.25)"], [-1200, Decimal("3.5"), Decimal("-0.25")]),
    "blanks": ("decimal comma", ["1 234,5", "1\u202f234,5", "12"], [Decimal("1234.5"), Decimal("1234.5"), 12]),
    "apostrophes": ("decimal point", ["1'234.5", "12.0", "1.5e3"], [Decimal("1234.5"), 12, 1500]),
}


@pytest.mark.parametrize("name", NUMBERS)
def test_marks_are_taken_off_numbers_where_that_is_chosen(take: Take, name: str) -> None:
    mark, cells, expected = NUMBERS[name]
    content = ("n\tk\n" + "".join(f"{cell}\tx\n" for cell in cells)).encode()
    found, table = take(content, {"from": "n", "kind": "decimal", "format": mark})
    assert table["n"] == pytest.approx([float(each) for each in expected]) or table["n"] == expected
    assert found.notes == ()
    plain, _ = take(content)
    assert not plain.schema["n"].is_number  # never guessed
    offered = plain.review["columns"][0]["offers"] if name != "apostrophes" else [{"kind": "decimal", "format": mark}]
    assert {"kind": "decimal", "format": mark}.items() <= offered[[o["format"] for o in offered].index(mark)].items()


def test_a_number_that_parts_with_the_other_mark_is_none(take: Take) -> None:
    found, table = take(b"n;k\n1,5;a\n2.5;b\n1.000;c\n", {"from": "n", "kind": "decimal", "format": "decimal comma"})
    assert [None if n is None else float(n) for n in table["n"]] == [1.5, None, 1000]
    assert found.notes == ("1 value of n is not a number (“2.5”). It is missing now.",)
    assert found.review["columns"][0]["misfits"] == [[2, "2.5"]]


def test_what_does_not_read_as_chosen_is_missing_and_listed_however_much_it_is(take: Take) -> None:
    found, table = take(b"n\n1\nx\n2.0\n2.5\n1e3\n", {"from": "n", "kind": "integer"})
    assert (table["n"], found.schema["n"].sql) == ([1, None, 2, None, 1000], "SMALLINT")
    column = found.review["columns"][0]
    assert (column["filled"], column["fits"], column["misfits"]) == (5, 3, [[2, "x"], [4, "2.5"]])


def test_integers_beyond_18_digits_keep_every_digit(take: Take) -> None:
    long = "12345678901234567890123"
    found, table = take(f"n\n{long}\n-1\n".encode(), {"from": "n", "kind": "integer"})
    assert (table["n"], found.schema["n"].kind) == ([int(long), -1], "integer")


def test_of_a_column_nothing_of_which_fits_it_is_said_at_the_column(take: Take) -> None:
    with pytest.raises(ParamError, match="No value of b is a date") as caught:
        take(b"a,b\n1,x\n2,y\n", {"from": "b", "kind": "date"})
    assert caught.value.field == "b"


def test_day_and_month_are_read_in_the_order_that_is_chosen(take: Take) -> None:
    content = b"day\n03/04/2017\n05/06/2017\n"
    found, table = take(content)
    column = found.review["columns"][0]
    assert (column["orders"], column["both"]) == ({"day first": 2, "month first": 2}, "03/04/2017")
    assert table["day"] == [dt.date(2017, 4, 3), dt.date(2017, 6, 5)]
    found, table = take(content, {"from": "day", "kind": "date", "format": "month first"})
    assert table["day"] == [dt.date(2017, 3, 4), dt.date(2017, 5, 6)]
    assert found.review["columns"][0]["orders"] == {"day first": 2, "month first": 2}
    assert found.notes == ()


def test_dates_can_be_had_of_digits_and_of_times(take: Take) -> None:
    content = b"a,b\n20240213,2024-01-01 10:30\n20240214,2024-01-02 11:45\n"
    found, table = take(content, {"from": "a", "kind": "date"}, {"from": "b", "kind": "date"})
    assert table["a"] == [dt.date(2024, 2, 13), dt.date(2024, 2, 14)]
    assert table["b"] == [dt.date(2024, 1, 1), dt.date(2024, 1, 2)]
    assert kinds(found) == ["date", "date"]


def test_tokens_that_are_chosen_stand_for_missing_and_the_usual_ones_no_more(take: Take) -> None:
    content = b"land,n\nNA,1\nDE,-999\nFR,3\n"
    found, table = take(content, {"from": "land", "missing": []}, {"from": "n", "missing": ["-999"]})
    assert table == {"land": ["NA", "DE", "FR"], "n": [1, None, 3]}
    assert found.review["columns"][1]["tokens"] == ["-999"]
    assert take(content)[1] == {"land": [None, "DE", "FR"], "n": [1, -999, 3]}


def test_columns_are_renamed_left_out_and_become_text(take: Take) -> None:
    found, table = take(
        b"a,b,c\n1,2,3\n4,5,6\n", {"from": "a", "name": "first"}, {"from": "b", "keep": False},
        {"from": "c", "kind": "identifier"},
    )  # fmt: skip
    assert table == {"first": [1, 4], "c": ["3", "6"]}
    assert kinds(found) == ["integer", "identifier"]
    assert [column["kind"] for column in found.review["columns"]] == ["integer", None, "identifier"]


def test_a_name_that_another_column_has_is_refused(take: Take) -> None:
    with pytest.raises(ParamError, match="The name b is taken"):
        take(b"a,b\n1,2\n", {"from": "a", "name": "B"})


def test_choices_for_columns_that_are_not_there_fall_away(take: Take) -> None:
    found, _ = take(b"a\n1\n", {"from": "gone", "keep": False}, {"from": "a", "name": "one"})
    assert [column.source for column in found.reading.columns] == ["a"]


def test_yes_and_no_are_read_from_ones_and_noughts(take: Take) -> None:
    found, table = take(b"n\n1\n0\n1\n\n?\n", {"from": "n", "kind": "flag"})
    assert table["n"] == [True, False, True, None]
    assert found.notes == ("1 value of n is not a yes or no (“?”). It is missing now.",)


def test_header_and_delimiter_are_taken_as_chosen(take: Take) -> None:
    content = b"a report;of things\nx,y;z,w\n1,2;3,4\n5,6;7,8\n"
    found, table = take(content, header=2, delimiter=";")
    assert table == {"x,y": ["1,2", "5,6"], "z,w": ["3,4", "7,8"]} or found.schema.names == ["x,y", "z,w"]
    assert found.review["header"] == 2
    found, table = take(b"a,b\nc,d\n", header=0)
    assert table == {"column_1": ["a", "c"], "column_2": ["b", "d"]}
    with pytest.raises(FileRefused, match="no table below line 9"):
        take(b"a,b\nc,d\n", header=9)


def test_an_encoding_is_taken_as_chosen_and_another_alphabet_is_found(take: Take) -> None:
    towns = ["Санкт-Петербург", "Новосибирск", "Екатеринбург", "Нижний Новгород"]
    found, table = take(("город,n\n" + "".join(f"{town},1\n" for town in towns)).encode("cp1251"))
    assert (found.encoding, table["город"]) == ("Windows-1251", towns)
    assert "written in Windows-1251" in found.notes[0]
    found, table = take("name\nJiří\nŁódź\n".encode("cp1250"), encoding="cp1250")
    assert (found.encoding, table["name"], found.review["encoding"]) == ("Windows-1250", ["Jiří", "Łódź"], "cp1250")
    with pytest.raises(ParamError, match="is not written in Shift-JIS") as caught:
        take("name\nJiří\nŁódź\n".encode("cp1250"), encoding="shift_jis")
    assert caught.value.field == "encoding"


def test_columns_of_a_parquet_file_are_read_through_their_text(take: Take, tmp_path: Path) -> None:
    import duckdb

    path = tmp_path / "made.parquet"
    rows = "('3/4/2024', 1.0, 7), ('5/6/2024', 2.5, 8), ('x', NULL, 9)"
    duckdb.sql(f"SELECT * FROM (VALUES {rows}) t(day, n, k)").write_parquet(str(path))
    found, table = take(
        path.read_bytes(), {"from": "day", "kind": "date", "format": "month first"}, {"from": "n", "kind": "integer"},
        {"from": "k", "name": "key", "missing": ["9"]},
    )  # fmt: skip
    assert table == {"day": [dt.date(2024, 3, 4), dt.date(2024, 5, 6), None], "n": [1, None, None], "key": [7, 8, None]}
    assert found.review["columns"][0]["misfits"] == [[3, "x"]]
    assert any("1 value of day cannot be read as a date" in note for note in found.notes)


def test_what_was_chosen_for_the_last_file_is_asked_for_by_its_columns(tmp_path: Path) -> None:
    asked: list[list[str]] = []

    def remembered(names: list[str]) -> Reading:
        asked.append(names)
        return parse({"format": 1, "columns": [{"from": "a", "kind": "text"}]})

    source, made = tmp_path / "content", tmp_path / "made"
    source.write_bytes(b"a,b\n1,2\n")
    made.mkdir()
    found = ingest(source, "t.csv", made, spill=tmp_path, report=lambda *_: None, remembered=remembered)
    assert (asked, kinds(found)) == ([["a", "b"]], ["text", "integer"])
    assert found.reading.of("a").kind == "text"
