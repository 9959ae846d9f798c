"""Words are how every number of ours is read."""

from datetime import date, datetime

import pytest

from layouts import words


def test_counts_are_grouped_by_thousands() -> None:
    assert words.count(50079) == "50,079"


def test_minus_is_a_minus_and_never_stands_before_zero() -> None:
    assert words.number_of(-1234.5, 1) == "\u22121,234.5"
    assert words.number_of(-0.001, 2) == "0.00"


@pytest.mark.parametrize("odd", [float("nan"), float("inf")])
def test_what_is_not_a_number_is_a_dash(odd: float) -> None:
    assert words.count(odd) == words.percent(odd) == words.short(odd) == "\u2013"


@pytest.mark.parametrize(("number", "said"), [(29.52, "29.5"), (0.003123, "0.00312"), (1478.4, "1,478"), (0, "0")])
def test_short_keeps_three_figures(number: float, said: str) -> None:
    assert words.short(number) == said


@pytest.mark.parametrize(
    ("share", "said"),
    [(0.46, "46\u202f%"), (0.006, "0.6\u202f%"), (0, "0\u202f%"), (-0.2, "\u221220\u202f%")],
)
def test_percent_has_one_decimal_below_one(share: float, said: str) -> None:
    assert words.percent(share) == said


def test_percent_has_the_decimals_asked_for() -> None:
    assert words.percent(0.103, 1) == "10.3\u202f%"


def test_dates_carry_no_leading_zero() -> None:
    assert words.day(date(2018, 1, 2)) == "2 Jan 2018"
    assert words.moment(datetime(2018, 1, 2, 14, 32)) == "2 Jan 2018, 14:32"


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (3.14, "3.1\u202fs"),
        (9.97, "10\u202fs"),
        (59.4, "59\u202fs"),
        (59.7, "1:00"),
        (521, "8:41"),
        (7380, "2:03:00"),
    ],
)
def test_durations_grow_from_seconds_to_a_clock(seconds: float, said: str) -> None:
    assert words.duration(seconds) == said


def test_a_running_clock_starts_in_minutes() -> None:
    assert words.clock(14) == "0:14"


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0.2, "less than a second"),
        (9, "about 9\u202fs"),
        (240, "about 4\u202fmin"),
        (7200, "about 2\u202fh"),
    ],
)
def test_estimates_say_about(seconds: float, said: str) -> None:
    assert words.about(seconds) == said


@pytest.mark.parametrize(
    ("number", "said"),
    [
        (12, "12\u202fbytes"),
        (41 * 1024, "41\u202fKB"),
        (0.6 * 1024**2, "0.6\u202fMB"),
        (118 * 1024**2, "118\u202fMB"),
        (2 * 1024**3, "2\u202fGB"),
    ],
)
def test_sizes_pick_their_unit(number: float, said: str) -> None:
    assert words.size(number) == said


def test_megabytes_are_said_as_sizes() -> None:
    assert words.megabytes(118) == "118\u202fMB"
    assert words.megabytes(0) == "0\u202fMB"


@pytest.mark.parametrize(("place", "said"), [(1, "1st"), (2, "2nd"), (3, "3rd"), (11, "11th"), (22, "22nd")])
def test_places_end_as_spoken(place: int, said: str) -> None:
    assert words.ordinal(place) == said


def test_one_row_is_not_rows() -> None:
    assert words.plural(1, "row") == "1 row"
    assert words.plural(50079, "row") == "50,079 rows"
    assert words.plural(2, "analysis", "analyses") == "2 analyses"
