"""A recipe is a document that is checked, a history that is undone, and steps that alerts suggest."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import duckdb
import pytest

from services import alerts
from services.cleaning import book, recipe
from services.cleaning.book import Book
from services.cleaning.preview import preview
from services.cleaning.recipe import Planned, Recipe
from services.cleaning.spelling import clusters, fingerprint, gram_fingerprint
from services.cleaning.suggest import step_of, suggestions
from services.errors import ParamError
from services.profile import profile
from services.reader import Reader
from services.table import Table

TRIM, SORT = Planned(slug="trim"), Planned(slug="sort", params={"columns": ["a"]})


@pytest.mark.parametrize(
    "sent",
    [
        None, [], "{", {"steps": 1}, {"format": 2, "steps": []}, {"steps": [1]}, {"steps": [{"step": "eval"}]},
        {"steps": [{"step": "trim", "params": []}]}, {"steps": [{"step": "trim", "on": "yes"}]},
        {"steps": [{"step": "trim"}] * 201}, {"steps": [{"step": "replace", "params": {"find": "\0"}}]},
    ],
)  # fmt: skip
def test_what_is_no_recipe_is_refused_in_a_sentence(sent: Any) -> None:
    with pytest.raises(ParamError) as refused:
        recipe.parse(sent)
    assert refused.value.message.endswith(".")
    assert refused.value.field == "recipe"


def test_a_recipe_survives_the_way_to_a_file_and_back() -> None:
    kept = Recipe((TRIM, Planned(slug="sort", params={"columns": ["a"]}, on=False, note="later")))
    assert recipe.parse(json.dumps(kept.as_json())) == kept
    assert kept.active == (TRIM,)
    assert kept.mark == [["trim", {}]]


def test_remarks_and_skipped_steps_make_no_other_outcome() -> None:
    plain = Recipe((TRIM,))
    assert Recipe((Planned(slug="trim", note="why"), Planned(slug="sort", on=False))).mark == plain.mark


def test_undo_and_redo_have_no_end_and_survive_a_restart(tmp_path: Path) -> None:
    kept = Book().added(TRIM).added(SORT).moved(1, -1)
    assert [step.slug for step in kept.recipe.steps] == ["sort", "trim"]
    book.write(tmp_path, kept.undone().undone())
    again = book.read(tmp_path)
    assert again.recipe.steps == (TRIM,)
    assert again.redone().redone() == kept
    assert not kept.redoes
    assert again.undone().undone().undone().recipe == Recipe()
    after = again.edited(0, lambda _: None)
    assert after.recipe.steps == ()
    assert not after.redoes  # what was undone is forgotten once something else is done
    with pytest.raises(ParamError):
        again.edited(7, lambda _: None)


def test_a_damaged_book_is_an_empty_one(tmp_path: Path) -> None:
    (tmp_path / book.FILE).write_text('{"states": [{"steps": 3}], "at": 9}')
    assert book.read(tmp_path) == Book()


def test_spellings_collide_as_their_keys_do() -> None:
    assert fingerprint(" Tom   CRUISE, ") == fingerprint("cruise tom") == "cruise tom"
    assert gram_fingerprint("Paris") == "arispari"
    found = clusters([("Oslo", 3), ("OSLO", 1), (" oslo", 2), ("Rome", 9), ("?!", 1), ("!", 4)])
    assert [cluster.values for cluster in found] == [(("Oslo", 3), (" oslo", 2), ("OSLO", 1))]
    assert found[0].pairs == [(" oslo", "Oslo"), ("OSLO", "Oslo")]


def test_every_remedy_of_an_alert_that_cleaning_can_do_is_a_step_that_can_be_applied() -> None:
    table = Table.of(
        town=["Oslo", "oslo", "Oslo", "Rome"] * 10 + ["Oslo"], n=[1, 2, -999, None] * 10 + [1], k=["x"] * 41,
    )  # fmt: skip
    odd = alerts.alerts(profile(table, lambda *_: None))
    found = suggestions(odd, Recipe())
    assert {"merge_spellings", "drop_duplicates", "drop_column", "to_missing"} <= {each.planned.slug for each in found}
    assert [each.planned.slug for each in found if each.is_safe] == ["drop_column"]
    for each in found:
        assert each.planned.question(table.schema)
        assert each.why
    kept = Recipe(tuple(each.planned for each in found))
    assert suggestions(odd, kept) == []
    assert step_of({"step": "none", "column": "k"}) is None
    assert step_of({}) is None


def test_a_preview_shows_the_first_rows_marks_cells_and_greys_what_waits() -> None:
    table = Table.of(a=[" x", "y", None], n=[3, 1, 2])
    con = duckdb.connect()
    con.execute(f"CREATE VIEW FILE AS SELECT * FROM read_parquet('{table.path}', file_row_number=true)")
    steps = (TRIM, Planned(slug="trim", on=False), Planned(slug="drop_column", params={"columns": ["z"]}), TRIM)
    seen = preview(lambda sql: con.execute(sql).fetchall(), table.schema, table.rows, Recipe(steps))
    assert seen.head[0] == {"a": "x", "n": 3}
    assert seen.changed == [{"a": " x"}, {}, {}]
    assert [bool(step.did) for step in seen.steps] == [True, False, False, False]
    assert "there is no column “z”" in seen.steps[2].wrong
    assert seen.steps[3].waits
    assert (seen.rows, seen.after, seen.of) == (3, 3, 3)


def test_what_the_reader_refuses_because_of_the_data_is_a_sentence_on_the_step() -> None:
    table = Table.of(n=[2**40])
    reader = Reader(table.path.parent)
    steps = (Planned(slug="derive", params={"name": "m", "formula": "n * n"}),)
    try:
        seen = preview(lambda sql: reader.ask(table.path, sql), table.schema, table.rows, Recipe(steps))
    finally:
        reader.stop()
    assert seen.steps[0].wrong.startswith("A value is too large for its column.")
    assert seen.head == [{"n": 2**40}]
