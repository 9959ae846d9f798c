"""Real dirty data, with the truth beside it: the recipe that comes along as an example repairs it."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from services import alerts
from services.cleaning import recipe
from services.cleaning.apply import apply
from services.cleaning.recipe import Recipe
from services.cleaning.suggest import suggestions
from services.ingest import ingest
from services.jobs.detached import Detached
from services.profile import profile
from services.quality import quality
from services.table import Spilled

ROOT = Path(__file__).resolve().parents[4]
DATA = ROOT.parent / "shared" / "data" / "cleaning"

needs_shared = pytest.mark.skipif(not DATA.exists(), reason="the shared data folder is not here")


def _read(folder: Path) -> Spilled:
    made = folder / "made"
    made.mkdir()
    ingest(DATA / "penguins_messy.csv", "penguins_messy.csv", made, spill=folder, report=lambda *_: None)
    return Spilled.at(made / "data_full.parquet", spill=folder)


def _cells(frame: pd.DataFrame) -> pd.DataFrame:
    """Cells as texts: a number is one however it is written, a day is its date."""
    texts = frame.astype("object").where(frame.notna(), "").astype(str)
    texts = texts.drop_duplicates("id").set_index("id")
    numbers = texts.apply(pd.to_numeric, errors="coerce")
    days = texts.replace(" 00:00:00$", "", regex=True)
    return numbers.astype("object").where(numbers.notna(), days)


def _right(frame: pd.DataFrame, truth: pd.DataFrame) -> pd.DataFrame:
    return _cells(frame).reindex(index=truth.index, columns=truth.columns).eq(truth)


@pytest.fixture
def truth() -> pd.DataFrame:
    return _cells(pd.read_csv(DATA / "penguins_clean.csv", dtype=str, keep_default_na=False))


@needs_shared
def test_the_example_recipe_repairs_the_penguins(
    tmp_path: Path, truth: pd.DataFrame, capsys: pytest.CaptureFixture[str]
) -> None:
    table = _read(tmp_path)
    made = apply(table, recipe.parse((ROOT / "docs/recipes/penguins.json").read_text()), Detached(folder=tmp_path))
    before, after = (_right(each.query("SELECT * FROM rows"), truth) for each in (table, made.table))
    with capsys.disabled():
        print(f"\npenguins: {before.sum().sum():,} cells right before, {after.sum().sum():,} after, of {truth.size:,}")
    assert made.table.rows == len(truth) == 344
    assert not (before & ~after).any().any(), "a cell that was right is wrong now"
    # What was put there instead of a value cannot be known again; everything else is as it was.
    unknown = _cells(made.table.query("SELECT * FROM rows")).reindex(index=truth.index, columns=truth.columns) == ""
    assert (after | unknown).all().all()
    assert (before.sum().sum(), after.sum().sum()) == (2_552, 2_724)


@needs_shared
def test_all_safe_ones_break_no_cell_that_was_right_and_leave_the_rest_to_decide(
    tmp_path: Path, truth: pd.DataFrame
) -> None:
    table = _read(tmp_path)
    figures = profile(table, lambda *_: None)
    found = suggestions(alerts.alerts(figures), Recipe())
    safe = Recipe(tuple(each.planned for each in found if each.is_safe))
    assert safe.steps
    assert [each for each in found if not each.is_safe]
    made = apply(table, safe, Detached(folder=tmp_path))
    before, after = (_right(each.query("SELECT * FROM rows"), truth) for each in (table, made.table))
    assert not (before & ~after).any().any()
    assert not (table.rows - made.table.rows)
    assert sum(step.counts.lost for step in made.steps) == 0
    known = {"rejected": 0, "misfits": 0}
    assert quality(profile(made.table, lambda *_: None), known).score >= quality(figures, known).score
