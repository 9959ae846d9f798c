"""What every analysis keeps to. A new one is found and held to it without a line here."""

import inspect
import json
import subprocess
import sys
from collections.abc import Callable
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from services import params
from services.analysis import Analysis, Result, Shape, find, find_all
from services.errors import Expected, NotFound, ParamError
from services.jobs.detached import Detached
from services.params import Choice, Column, Date, Flag, Number, Text
from services.table import Spilled, Table

ROOT = Path(__file__).resolve().parents[4]
HEAVY = ("pandas", "numpy", "scipy", "sklearn", "statsmodels", "prophet", "pyarrow", "duckdb", "polars")
SLUGS = [
    "cleaning",
    "report",
    "market_basket",
    "rfm",
    "monte_carlo",
    "classification",
    "regression",
    "anomaly",
    "arima",
    "prophet",
    "sentiment",
    "topics",
    "cohort",
    "forecast_arena",
    "model",
    "tuning",
]

every = pytest.mark.parametrize("slug", sorted(find_all()))
Made = Callable[[str], tuple[Analysis[Any], Table, Any, Detached, Result]]


@cache
def _made(slug: str) -> tuple[Analysis[Any], Table, Any, Detached, Result]:
    analysis = find(slug)
    frame, asked = analysis.example(2_000)
    table = Table.of(frame)
    job = Detached(table)
    return analysis, table, asked, job, analysis.run(table, asked, job)


@pytest.fixture
def made() -> Made:
    """The example of an analysis and its result, made once."""
    return _made


def rows(made: Any) -> Any:
    """A result's table as plain rows."""
    return made.fetch("SELECT * FROM rows") if isinstance(made, Spilled) else made.to_dict("split")["data"]


def test_rfm_is_found_and_what_is_not_there_is_named() -> None:
    assert "rfm" in find_all()
    with pytest.raises(NotFound, match=r"There is no analysis “pareto”\. There are: .*rfm"):
        find("pareto")


@every
def test_declares_itself(slug: str) -> None:
    analysis = find(slug)
    assert slug == analysis.slug
    assert slug in SLUGS
    assert analysis.title
    assert analysis.summary.endswith("?")
    assert analysis.version >= 1
    for function in (analysis.run, analysis.cost, analysis.example, analysis.params):
        assert inspect.getdoc(function)


@every
def test_it_takes_a_sample_when_it_holds_rows_and_only_then(slug: str) -> None:
    analysis = find(slug)
    assert analysis.holds_rows == ("sample_rows" in {field.name for field in params.fields(analysis.params)})


@every
def test_example_has_about_the_rows_asked_for_and_is_the_same_every_time(slug: str) -> None:
    analysis = find(slug)
    (frame, asked), (again, asked_again) = analysis.example(2_000), analysis.example(2_000)
    assert frame.equals(again)
    assert asked == asked_again
    assert 1_000 <= len(frame) <= 4_000


@every
def test_facts_are_json_scalars_and_tables_are_not_empty(slug: str, made: Made) -> None:
    _, _, _, _, result = made(slug)
    assert result.facts
    assert result.tables
    for name, fact in result.facts.items():
        assert fact is None or type(fact) in (str, int, float, bool), name
    json.dumps(dict(result.facts), allow_nan=False)
    for name, table in result.tables.items():
        assert rows(table), name
    for note in result.notes:
        fact, _, meaning = note.partition(". ")
        assert fact, note
        assert meaning.endswith("."), note


def _unmeasured(table: Any) -> Any:
    """A table without what the clock and the machine say of a run."""
    if isinstance(table, Spilled):
        return table
    return table.drop(columns=["fit_seconds", "predict_seconds", "peak_mb"], errors="ignore")


@every
def test_same_question_same_answer(slug: str, made: Made) -> None:
    analysis, table, asked, _, first = made(slug)
    job = Detached(table)
    second = analysis.run(table, asked, job)
    assert second.facts == first.facts
    assert second.notes == first.notes
    for name, found in first.tables.items():
        assert repr(rows(_unmeasured(second.tables[name]))) == repr(rows(_unmeasured(found))), name


@every
def test_progress_is_reported_from_the_start_and_never_goes_back(slug: str, made: Made) -> None:
    reports = made(slug)[3].reports
    assert reports[0][0] == 0
    done = [done for done, _, _ in reports]
    assert done == sorted(done)
    assert all(0 <= done <= total and label for done, total, label in reports)


@every
def test_parameters_survive_the_way_to_the_browser_and_back(slug: str, made: Made) -> None:
    analysis, table, asked, _, _ = made(slug)
    sent = json.loads(json.dumps(params.canonical(asked)))
    assert params.parse(analysis.params, sent, table.schema) == asked


@every
def test_parameters_are_described_as_json_with_bounds_that_hold_the_default(slug: str) -> None:
    described = params.describe(find(slug).params)
    json.dumps(described)
    assert len({each["name"] for each in described}) == len(described)
    for each in described:
        assert each["label"], each
        if each["bounds"] and each["default"] is not None:
            assert each["bounds"][0] <= each["default"] <= each["bounds"][1]
        if each["choices"] and each["default"] is not None:
            several = each["default"] if isinstance(each["default"], list) else [each["default"]]
            assert set(several) <= set(each["choices"])


@every
def test_columns_of_the_example_are_proposed_by_their_names(slug: str, made: Made) -> None:
    analysis, table, asked, _, _ = made(slug)
    proposed = params.propose(analysis.params, table.schema, table.roles)
    for field in params.fields(analysis.params):
        if isinstance(field.kind, Column) and field.kind.role and field.required:
            assert proposed[field.name] == getattr(asked, field.name)


def _wrong(kind: params.Kind) -> list[Any]:
    match kind:
        case Column():
            return ["no such column", ["no such column"], 7]
        case Number():
            return [kind.low - 1, kind.high + 1, "many", float("nan"), float("inf"), True]
        case Choice():
            return ["no such choice"]
        case Flag():
            return ["perhaps"]
        case Date():
            return ["2024-13-01", "yesterday"]
        case Text():
            return ["x" * (kind.longest + 1)]
    return []


@every
def test_wrong_values_are_refused_and_the_field_is_named(slug: str, made: Made) -> None:
    analysis, table, asked, _, _ = made(slug)
    sent = params.canonical(asked)
    for field in params.fields(analysis.params):
        if not field.required and not field.matters(sent):
            continue  # what does not matter beside the other answers is not looked at
        for value in _wrong(field.kind):
            with pytest.raises(ParamError) as refused:
                params.parse(analysis.params, sent | {field.name: value}, table.schema)
            assert refused.value.field == field.name, value
            assert refused.value.message.startswith(f"{field.kind.label}: ")
    with pytest.raises(ParamError) as refused:
        params.parse(analysis.params, sent | {"surprise": 1}, table.schema)
    assert refused.value.field == "surprise"


@every
def test_cost_is_positive_and_grows_with_the_rows(slug: str, made: Made) -> None:
    analysis, table, asked, _, _ = made(slug)
    costs = [analysis.cost(Shape(rows, len(table.schema)), asked) for rows in (0, 1_000, 100_000, 10_000_000)]
    for small, large in pairwise(costs):
        assert 0 < small.peak_mb <= large.peak_mb < 100_000
        assert 0 < small.seconds <= large.seconds
    assert costs[0].seconds < costs[-1].seconds


@every
def test_a_table_without_rows_ends_in_a_sentence(slug: str) -> None:
    analysis = find(slug)
    frame, asked = analysis.example(2_000)
    table = Table.of(frame.head(0).astype(frame.dtypes))
    with pytest.raises(Expected) as refused:
        analysis.run(table, asked, Detached(table))
    assert refused.value.message.endswith(".")


@every
def test_its_declaration_loads_nothing_heavy(slug: str) -> None:
    module = sys.modules[find(slug).run.__module__].__name__
    loaded = subprocess.run(
        [sys.executable, "-c", f"import sys, {module}; print(*sys.modules)"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    ).stdout.split()  # fmt: skip
    assert module in loaded
    assert not set(HEAVY) & set(loaded)
