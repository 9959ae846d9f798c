"""A prediction learns from what runs took on this server, slowly, within bounds, and never from a damaged file."""

import dataclasses
import math
import threading
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services import preflight
from services.analysis import Cost, Shape
from services.errors import NotFound
from services.workspace import Home
from tests.analyses import holds, instant

HOLDS = holds.ANALYSIS
PARAMS = holds.HoldsParams(item="item")
SHAPE = Shape(rows=200_000, columns=3)  # 440 MB, 4.5 s, as the analysis says
SAID = HOLDS.cost(SHAPE, PARAMS)

ratios = st.floats(0.001, 1_000)


@pytest.fixture
def server(tmp_path: Path) -> Path:
    return Home.at(tmp_path / "data").server


def took(server: Path, *runs: tuple[float, float]) -> None:
    """Note runs of the shape above that took these multiples of its memory and time."""
    for mb, seconds in runs:
        preflight.note(server, "holds", SAID, SAID.peak_mb * mb, SAID.seconds * seconds)


def predicted(server: Path, shape: Shape = SHAPE, params: holds.HoldsParams = PARAMS) -> tuple[float, float]:
    """The prediction as multiples of what the analysis says."""
    said, found = HOLDS.cost(shape, params), preflight.predict(server, HOLDS, shape, params)
    return found.peak_mb / said.peak_mb, found.seconds / said.seconds


def test_without_runs_the_analysis_own_word_holds(server: Path) -> None:
    assert preflight.predict(server, HOLDS, SHAPE, PARAMS) == SAID
    assert not (server / "took").exists()


def test_one_run_moves_it_a_quarter_of_the_way(server: Path) -> None:
    took(server, (2, 3))
    assert predicted(server) == pytest.approx((2**0.25, 3**0.25))


def test_runs_that_agree_are_believed(server: Path) -> None:
    took(server, *[(2, 0.5)] * 20)
    assert predicted(server) == pytest.approx((2 ** (20 / 23), 0.5 ** (20 / 23)))


def test_time_is_the_median_and_memory_the_cautious_end(server: Path) -> None:
    took(server, (1, 1), (1, 1), (1, 2), (1, 2), (3, 900))
    # Of five values, the median is the third and the 90 % quantile the fifth.
    assert predicted(server) == pytest.approx((3 ** (5 / 8), 2 ** (5 / 8)))


def test_of_ten_runs_the_ninetieth_percentile_lies_between_the_ninth_and_the_tenth(server: Path) -> None:
    took(server, *[(2, 1)] * 9, (3, 1))
    assert predicted(server)[0] == pytest.approx(math.sqrt(2 * 3) ** (10 / 13))


def test_it_is_never_moved_more_than_four_times(server: Path) -> None:
    took(server, *[(100, 0.001)] * 20)
    assert predicted(server) == pytest.approx((4, 0.25))


def test_only_the_last_twenty_runs_count(server: Path) -> None:
    took(server, *[(3, 3)] * 20, *[(1, 1)] * 20)
    assert predicted(server) == (1, 1)


def test_small_runs_say_nothing_of_one_sixteen_times_larger(server: Path) -> None:
    small = Cost(SAID.peak_mb / 16, SAID.seconds / 4)
    for _ in range(20):
        preflight.note(server, "holds", small, small.peak_mb * 3, small.seconds * 3)
    # A quarter as long: half as near, so that twenty runs count for ten.
    assert predicted(server) == pytest.approx((1, 3 ** (10 / 13)))


def test_a_run_too_short_to_be_measured_teaches_nothing_about_memory(server: Path) -> None:
    took(server, (0, 2))
    assert predicted(server) == pytest.approx((1, 2**0.25))


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[1, 2]", b'{"a": 1}', b"[[1, 2, 3]]", b"[[1, 2, 3, NaN]]", b'[["x", 1, 1, 1]]', b"null", b"\xff"],
)
def test_a_damaged_file_is_no_correction_and_the_next_run_mends_it(server: Path, content: bytes) -> None:
    took(server, *[(2, 2)] * 5)
    (server / "took" / "holds.json").write_bytes(content)
    assert predicted(server) == (1, 1)
    took(server, (2, 2))
    assert predicted(server) == pytest.approx((2**0.25, 2**0.25))


def test_a_name_that_is_no_slug_never_becomes_a_path(server: Path) -> None:
    for slug in ("../secret", "a/b", "", "Holds", ".hidden", "x" * 65):
        with pytest.raises(NotFound):
            preflight.note(server, slug, SAID, 1, 1)
        with pytest.raises(NotFound):
            preflight.predict(server, dataclasses.replace(HOLDS, slug=slug), SHAPE, PARAMS)


def test_notes_of_several_at_once_are_all_kept(server: Path) -> None:
    threads = [threading.Thread(target=took, args=(server, (2, 2), (2, 2))) for _ in range(8)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert predicted(server) == pytest.approx((2 ** (16 / 19), 2 ** (16 / 19)))


@given(st.lists(ratios, max_size=30), ratios, st.sampled_from([0.5, 0.9]))
def test_a_correction_stays_in_its_bounds_and_between_one_and_what_was_seen(
    seen: list[float], now: float, quantile: float
) -> None:
    found = preflight.correction([(now, now * ratio) for ratio in seen], now, quantile)
    assert 0.25 <= found <= 4
    assert min([1, *seen]) * (1 - 1e-9) <= found <= max([1, *seen]) * (1 + 1e-9)


@given(st.lists(ratios, min_size=1, max_size=20), st.floats(1, 10))
def test_runs_that_took_more_never_predict_less(seen: list[float], more: float) -> None:
    for quantile in (0.5, 0.9):
        less = preflight.correction([(1, ratio) for ratio in seen], 1, quantile)
        assert preflight.correction([(1, ratio * more) for ratio in seen], 1, quantile) >= less * (1 - 1e-9)


@given(st.lists(st.tuples(ratios, ratios), min_size=1, max_size=20), ratios)
def test_a_correction_of_memory_is_at_least_that_of_time(past: list[tuple[float, float]], now: float) -> None:
    assert preflight.correction(past, now, 0.9) >= preflight.correction(past, now, 0.5) * (1 - 1e-9)


# Samples ------------------------------------------------------------------------------------------


def test_the_largest_sample_that_fits_has_two_digits(server: Path) -> None:
    # 40 MB and one for each 500 rows: 324 MB hold 142,000.
    assert preflight.largest_sample(server, HOLDS, SHAPE, PARAMS, 324) == 140_000
    assert preflight.largest_sample(server, HOLDS, SHAPE, PARAMS, 320) == 140_000
    assert preflight.largest_sample(server, HOLDS, SHAPE, PARAMS, 319.9) == 130_000
    assert preflight.largest_sample(server, HOLDS, SHAPE, PARAMS, 240 - 1e-9) == 99_000


def test_what_was_learnt_makes_it_smaller(server: Path) -> None:
    took(server, *[(1.5, 1)] * 20)
    found = preflight.largest_sample(server, HOLDS, SHAPE, PARAMS, 324)
    assert found is not None
    assert found < 140_000
    fits = [
        preflight.predict(server, HOLDS, SHAPE, dataclasses.replace(PARAMS, sample_rows=rows)).peak_mb <= 324
        for rows in (found, found + 10_000)
    ]
    assert fits == [True, False]


def test_a_sample_of_few_rows_is_of_no_use(server: Path) -> None:
    assert preflight.largest_sample(server, HOLDS, SHAPE, PARAMS, 42) == 1_000
    assert preflight.largest_sample(server, HOLDS, SHAPE, PARAMS, 41.9) is None
    assert preflight.largest_sample(server, HOLDS, SHAPE, PARAMS, -5) is None
    assert preflight.largest_sample(server, HOLDS, Shape(999, 3), PARAMS, 10_000) is None


def test_a_sample_is_never_larger_than_the_table_or_the_control_allows(server: Path) -> None:
    assert preflight.largest_sample(server, HOLDS, Shape(1_234, 1), PARAMS, 10_000) == 1_200
    assert preflight.largest_sample(server, HOLDS, Shape(99_000_000, 1), PARAMS, 10**9) == 10_000_000


def test_what_does_not_hold_rows_is_never_sampled(server: Path) -> None:
    exact = dataclasses.replace(HOLDS, holds_rows=False)
    assert preflight.largest_sample(server, exact, SHAPE, PARAMS, 324) is None
    asked, without = instant.ANALYSIS.params(item="item"), dataclasses.replace(instant.ANALYSIS, holds_rows=True)
    assert preflight.largest_sample(server, without, SHAPE, asked, 324) is None


def test_a_forecast_offers_a_sample_only_when_the_run_does_not_fit(server: Path) -> None:
    small, large = (preflight.forecast(server, HOLDS, SHAPE, PARAMS, free) for free in (500, 324))
    assert (small.fits, small.sample) == (True, None)
    assert (large.fits, large.sample, large.cost) == (False, 140_000, SAID)


def test_a_sample_is_offered_for_every_size_of_table(server: Path) -> None:
    took(server, *[(1.3, 1)] * 3)
    found = [preflight.largest_sample(server, HOLDS, Shape(rows, 3), PARAMS, 100) for rows in range(1_000, 60_000, 613)]
    assert all(found)
    assert all(left <= right for left, right in pairwise(found))  # type: ignore[operator]
