"""What is told of a recipe agrees with what was counted, and nothing in it does anything to who reads it."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pytest

from services.analyses.cleaning import ANALYSIS, CleaningParams
from services.analysis import Result
from services.cleaning.figures import figures
from services.cleaning.step import find
from services.errors import StepStopped
from services.jobs.detached import Detached
from services.table import ABOUT, DATA, Spilled, Table, write
from services.workspace import new_id, write_json

FRAME = pd.DataFrame(
    {
        "town": [" Oslo", "Rome", "Oslo ", None, "Rome"],
        "n": pd.array([1, 3, None, 8, 3], dtype="Int64"),
        "day": pd.to_datetime(["2020-01-01", "2020-01-02", None, "2020-01-04", "2020-01-02"]),
        "old": ["a", "b", "c", "d", "b"],
        "kept": [1.5, 2.5, 3.5, 4.5, 2.5],
    }
)
STEPS = [
    {"step": "trim", "note": "They came from a form."},
    {"step": "drop_duplicates"},
    {"step": "fill", "params": {"columns": ["n"], "by": "median"}},
    {"step": "rename", "params": {"names": [["town", "city"]]}},
    {"step": "mark_missing", "params": {"columns": ["city"]}},
    {"step": "drop_column", "params": {"columns": ["old"]}},
    {"step": "case", "params": {"to": "upper"}, "on": False},
]
EVIL = [
    "a|b", "`code`", "<script>alert(1)</script>", "two\nlines", "\u202egnp.exe", "[x](javascript:alert(1))", "*a* _b_",
    "# no heading", "&lt;", '" onmouseover="alert(1)', "\u0000\u0007", "שלום", "=1+1", "  ", "\\|", "</style>", "- a",
    "1. b", "```", "~~~", "$x$", "![x](http://a.b/c.png)", "x" * 5_000,
]  # fmt: skip


def _run(frame: pd.DataFrame, steps: list[dict[str, Any]]) -> tuple[Result, dict[str, str], Detached]:
    table = Table.of(frame)
    job = Detached(table)
    result = ANALYSIS.run(table, CleaningParams(recipe=json.dumps({"steps": steps})), job)
    return result, {name: path.read_text(encoding="utf-8") for name, path in result.files.items()}, job


@pytest.fixture(scope="module")
def told() -> tuple[Result, dict[str, str], dict[str, Any]]:
    result, texts, _ = _run(FRAME, STEPS)
    return result, texts, json.loads(texts["summary.json"])


class Page(HTMLParser):
    """What a browser would make of it: its elements, their attributes, its texts."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.cells: list[list[str]] = []
        self.feed(text)
        self.close()
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}
        if tag != "meta":
            self.open.append(tag)
        if tag == "tr":
            self.cells.append([])
        if tag in {"td", "th"}:
            self.cells[-1].append("")

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if {"td", "th"} & set(self.open):
            self.cells[-1][-1] += data


def test_the_summary_agrees_with_what_was_counted(told: tuple[Result, dict[str, str], dict[str, Any]]) -> None:
    result, _, known = told
    facts = result.facts
    assert known["rows"] == {"before": facts["rows_before"], "after": facts["rows_after"]} == {"before": 5, "after": 4}
    assert known["columns"] == {"before": facts["columns_before"], "after": facts["columns_after"]}
    assert (known["cells"], known["lost"]) == (facts["cells"], facts["lost"]) == (3, 0)
    listed = result.tables["steps"].to_dict("list")
    for name in ("step", "title", "did", "rows_before", "rows_after", "rows", "cells", "lost"):
        assert [each[name] for each in known["steps"]] == listed[name], name
    assert known["steps"][0]["columns"] == {"town": 2}
    assert known["steps"][0]["why"] == "They came from a form."
    assert known["steps"][2]["measured"] == {"values": {"n": 3.0}}
    assert known["steps"][2]["examples"] == [{"row": 3, "column": "n", "before": None, "after": "3"}]
    assert known["gone"] == ["old"]
    assert known["skipped"] == [find("case").title]
    assert known["recipe"]["steps"][6]["on"] is False


def test_every_column_says_what_it_holds_and_where_it_comes_from(
    told: tuple[Result, dict[str, str], dict[str, Any]],
) -> None:
    columns = {each["name"]: each for each in told[2]["dictionary"]}
    assert list(columns) == ["city", "n", "day", "kept", "city_missing"]
    city, n, day, kept, missing = columns.values()
    assert (city["filled"], city["distinct"], city["distinct_is_exact"], city["examples"]) == (
        3,
        2,
        True,
        ["Oslo", "Rome"],
    )
    assert (city["before"], city["changed_in"], city["made_in"]) == ("town", [1, 4], None)
    assert (n["filled"], n["lowest"], n["highest"], n["changed_in"], n["means"]) == (4, "1", "8", [3], "Whole number")
    assert (day["filled"], day["lowest"], day["highest"], day["sql"]) == (3, "2020-01-01", "2020-01-04", "DATE")
    assert (kept["before"], kept["changed_in"]) == ("kept", [])
    assert (missing["before"], missing["made_in"], missing["made_of"], missing["yes"]) == (None, 5, ["city"], 1)


def test_report_and_dictionary_say_it_in_words(told: tuple[Result, dict[str, str], dict[str, Any]]) -> None:
    _, texts, _ = told
    report, words = texts["cleaning_report.md"], texts["data_dictionary.md"]
    assert "| Rows | 5 | 4 |\n| Columns | 5 | 5 |" in report
    assert "## 1. Trim spaces\n\nTrimmed 2 cells of town.\n\n**Why:** They came from a form." in report
    assert "**Cells:** 2 changed in 2 rows, all of town; none of them lost its value." in report
    assert "| 1 | town | ␣Oslo | Oslo |\n| 3 | town | Oslo␣ | Oslo |" in report
    assert "| Column | Filled with its median |\n| --- | ---: |\n| n | 3 |" in report
    assert "| city_missing | step 5 of city |" in report
    assert "| town | city |" in report
    assert "**1 column went:** old." in report
    assert "**No value of 2 columns was changed:** day, kept." in report
    assert "| city | Text | VARCHAR | 75 % | 2 | – | – | Oslo, Rome | renamed, was town | 1, 4 |" in words
    assert "| day | Date | DATE | 75 % | 3 | 2020-01-01 | 2020-01-04 | – | the same column | – |" in words


def test_the_page_has_the_cells_of_the_markdown(told: tuple[Result, dict[str, str], dict[str, Any]]) -> None:
    for name in ("cleaning_report", "data_dictionary"):
        page = Page(told[1][f"{name}.html"])
        assert "script" not in page.tags
        assert page.attributes <= {"lang", "charset", "http-equiv", "content", "name", "scope", "class"}
        rows = [line[2:-2].split(" | ") for line in told[1][f"{name}.md"].splitlines() if line.startswith("| ")]
        assert page.cells == [[cell.replace("\\_", "_") for cell in row] for row in rows if "---" not in row[0]]


@pytest.mark.parametrize("evil", EVIL)
def test_names_and_values_do_nothing(evil: str) -> None:
    name = " ".join("".join(sign if sign.isprintable() else " " for sign in evil).split())[:200] or "column"
    frame = pd.DataFrame({name: [f" {evil}", "b", None], "n": [1, 2, 3]})
    given = evil.replace("\0", "")[:200]
    fill = {"columns": [name], "by": "value", "value": given if given.strip() else "x"}
    _, texts, _ = _run(frame, [{"step": "trim", "note": given}, {"step": "fill", "params": fill}])
    json.loads(texts["summary.json"], parse_constant=lambda _: pytest.fail("no strict JSON"))
    for form in ("cleaning_report", "data_dictionary"):
        page, text = Page(texts[f"{form}.html"]), texts[f"{form}.md"]
        assert not page.tags & {"script", "img", "a", "iframe"}
        assert page.attributes <= {"lang", "charset", "http-equiv", "content", "name", "scope", "class"}
        for file in (text, texts[f"{form}.html"]):
            assert not set(file) & {"\u202e", "\u0000", "\u0007"}
        assert "<" not in text
        for table in text.split("\n\n"):
            pipes = {line.replace("\\\\", "").replace("\\|", "").count("|") for line in table.splitlines()}
            assert not table.startswith("|") or len(pipes) == 1
        assert not any(line.startswith(("```", "~~~", "- ", "1. ")) for line in text.splitlines())
        assert max(map(len, text.splitlines())) < 3_000
    assert any(each["name"] == name for each in json.loads(texts["summary.json"])["dictionary"])


def test_a_hebrew_value_is_kept_and_turns_nothing_around_it() -> None:
    _, texts, _ = _run(pd.DataFrame({"שם": ["שלום "]}), [{"step": "trim"}])
    assert "<bdi>שלום</bdi>" in texts["cleaning_report.html"]
    assert "| שם |" in texts["data_dictionary.md"]


def test_no_row_and_no_step_are_told_too() -> None:
    none = {"step": "filter", "params": {"where": {"n": {"filterType": "number", "type": "greaterThan", "filter": 9}}}}
    _, texts, _ = _run(pd.DataFrame({"n": [1, 2], "t": ["a", None]}), [none])
    assert "| n | Whole number | BIGINT | – | 0 | – | – | – | the same column | – |" in texts["data_dictionary.md"]
    assert "| Rows | 2 | 0 |" in texts["cleaning_report.md"]
    _, texts, _ = _run(FRAME, [])
    assert "No step was applied: the table is as it was." in texts["cleaning_report.md"]
    assert len(json.loads(texts["summary.json"])["dictionary"]) == 5


def test_columns_that_could_not_be_looked_at_are_listed_all_the_same() -> None:
    class Stopping(Detached):
        def keep(self, name: str, make: Any, *, seconds: float | None = None) -> Any:
            if name == "the columns, described":
                raise StepStopped("It needed too much memory.", step=name)
            return make()

    table = Table.of(FRAME)
    job = Stopping(table)
    result = ANALYSIS.run(table, CleaningParams(recipe='{"steps": [{"step": "trim"}]}'), job)
    text = result.files["data_dictionary.md"].read_text(encoding="utf-8")
    assert "could not be looked at" in text
    assert "| kept | Decimal | DOUBLE | – | – | – | – | – | the same column | – |" in text


def test_what_a_table_is_remade_into_says_which_step_made_it() -> None:
    group = {"step": "group", "params": {"by": ["town"], "columns": ["n"], "how": ["sum"]}}
    _, texts, _ = _run(FRAME, [{"step": "rename", "params": {"names": [["kept", "rows"]]}}, group])
    columns = {each["name"]: each for each in json.loads(texts["summary.json"])["dictionary"]}
    assert {name: (each["before"], each["made_in"]) for name, each in columns.items()} == {
        "town": ("town", None), "rows": (None, 2), "n_sum": (None, 2),
    }  # fmt: skip


def test_what_another_table_brings_says_so(tmp_path: Path) -> None:
    here, there = new_id(), new_id()
    for id, name, frame in (
        (here, "orders.csv", pd.DataFrame({"town": ["Oslo", "Rome"], "n": [1, 2]})),
        (there, "towns.csv", pd.DataFrame({"town": ["Oslo", "Bonn"], "land": ["NO", "DE"]})),
    ):
        write(frame, _made(tmp_path / id) / DATA)
        made = Spilled.at(tmp_path / id / DATA, spill=tmp_path)
        about = {"name": name, "columns": made.schema.as_json(), "rows": made.rows, "roles": {}}
        write_json(tmp_path / id / ABOUT, about)
    table = Table.open(tmp_path / here, spill=tmp_path)
    for slug, params in (("append", {}), ("join", {"on": ["town"]})):
        steps = [{"step": slug, "params": {"other" if slug == "append" else "table": there, **params}}]
        result = ANALYSIS.run(
            table, CleaningParams(recipe=json.dumps({"steps": steps})), Detached(table, _made(tmp_path / slug))
        )
        known = json.loads(result.files["summary.json"].read_text(encoding="utf-8"))
        assert known["table"] == "orders.csv"
        found = [(each["name"], each["before"], each["made_in"], each["made_from"]) for each in known["dictionary"]]
        assert found == [
            ("town", "town", None, None), ("n", "n", None, None), ("land", None, 1, "towns.csv"),
        ]  # fmt: skip
        assert "| step 1, from towns.csv |" in result.files["data_dictionary.md"].read_text(encoding="utf-8")


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder


def test_names_that_change_places_are_followed() -> None:
    _, texts, _ = _run(FRAME, [{"step": "rename", "params": {"names": [["town", "old"], ["old", "town"]]}}])
    columns = {each["name"]: each["before"] for each in json.loads(texts["summary.json"])["dictionary"]}
    assert (columns["old"], columns["town"], columns["n"]) == ("town", "old", "n")


def test_figures_of_numbers_that_are_not_finite_and_of_endless_days(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    duckdb.sql(
        "SELECT unnest([1.5, 'nan'::DOUBLE, 'inf'::DOUBLE, -2, NULL]) AS x, "
        "unnest([NULL, 'infinity'::TIMESTAMP, '2020-01-01', '2021-05-06 07:08:09', '2020-01-01']) AS t, "
        "unnest([12345678901234567890123456789012345678::DECIMAL(38,0), 1, 2, 3, 3]) AS h, "
        "unnest([NULL, repeat('é', 9999), 'b', 'b', 'c']) AS s"
    ).write_parquet(str(path))
    x, t, h, s = figures(Spilled.at(path, spill=tmp_path), lambda *_: None)
    assert (x["filled"], x["distinct"], x["low"], x["high"]) == (2, 2, "-2.0", "1.5")
    assert (t["filled"], t["distinct"], t["low"], t["high"]) == (3, 2, "2020-01-01 00:00:00", "2021-05-06 07:08:09")
    assert (h["distinct"], h["high"]) == (4, "12345678901234567890123456789012345678")
    assert (s["filled"], s["distinct"], s["examples"]) == (4, 3, ["é" * 100, "b", "c"])


def test_three_hundred_columns_are_described_quickly() -> None:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({f"c{i}": rng.integers(0, 10 + i * i, 10_000) for i in range(300)})
    table = Table.of(frame)
    began = time.monotonic()
    found: list[Mapping[str, Any]] = figures(table, lambda *_: None)
    assert time.monotonic() - began < 15  # 1.5 s on two quiet cores
    assert [each["distinct"] for each in found] == frame.nunique().tolist()
    assert [int(each["high"]) for each in found] == frame.max().tolist()
