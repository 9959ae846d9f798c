"""What Home offers of an analysis: a click that runs it, the way to its run or answer, or to what is missing."""

from typing import Any

import pytest

from layouts import ids, offers
from services.analysis import Cost
from tests.unit.layouts.test_several import MADE, THIN, each, named, offer, said


def links(drawn: Any) -> list[str]:
    return [one.href for one in each(drawn) if getattr(one, "href", None)]


def test_what_fits_is_run_by_a_click_and_the_rest_is_opened() -> None:
    drawn = offers.ready(offer(columns=[("Customer", "household_id")]), runs=True)
    assert said(drawn) == f"RFMWho buys often.customer household_idabout 3{THIN}s, 118{THIN}MBOptions: RFMRun RFM"
    assert len(named(drawn, ids.run_now("rfm"))) == 1
    large = offers.ready(offer(cost=Cost(600, 5), fits=False), runs=True)
    assert not named(large, ids.run_now("rfm"))
    assert "May not fit" in said(large)
    assert links(large) == ["/rfm"]


@pytest.mark.parametrize(
    ("changes", "words", "href"),
    [
        ({"answered": MADE, "result": "d" * 32}, "Done 14:32Open result: RFM", f"/rfm?result={'d' * 32}"),
        ({"live": "/rfm?run=1", "answered": MADE, "result": "d" * 32}, "On its wayWatch: RFM", "/rfm?run=1"),
    ],
)
def test_what_is_answered_or_on_its_way_is_not_run_again(changes: dict[str, Any], words: str, href: str) -> None:
    drawn = offers.ready(offer(**changes), runs=True)
    assert said(drawn).endswith(words)
    assert links(drawn) == [href]
    assert not named(drawn, ids.run_now("rfm"))


def test_what_roles_can_say_leads_to_the_roles_and_the_rest_to_the_page() -> None:
    drawn = offers.needing(offer(missing="Customer: choose one.", lacks=["customer", "date"]), "c" * 32)
    assert "Needs a column for the customer and a column for the date." in said(drawn)
    assert links(drawn) == [f"/data?dataset={'c' * 32}#roles"]
    alone = offers.needing(offer(missing="Text: this table has no text column."), "c" * 32)
    assert said(alone) == "RFMText: this table has no text column.Choose on its page: RFM"
    assert links(alone) == ["/rfm"]
