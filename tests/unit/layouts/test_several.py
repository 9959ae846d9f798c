"""What can be ticked, what it would cost, and how a chain goes: in words."""

import datetime as dt
from collections.abc import Iterator
from typing import Any

import pytest
from dash.development.base_component import Component

from layouts import ids
from layouts.pages import several
from layouts.places import Place
from services.analysis import Cost
from services.chains import REMOVED, Chain, Part
from services.jobs.record import Record

NOW = dt.datetime(2018, 1, 2, 15, 0)
MADE = dt.datetime(2018, 1, 2, 14, 32).timestamp()
PLACE = Place(group="Customers", label="RFM", icon="users", brief="Who buys often.")
THIN = "\u202f"


def offer(slug: str = "rfm", **changes: Any) -> several.Offer:
    said: dict[str, Any] = {"title": slug.upper(), "place": PLACE, "cost": Cost(118, 3)}
    return several.Offer(slug=slug, **(said | changes))


def part(place: int, state: str | None, **changes: Any) -> Part:
    """A part whose run is in that state; None when it was answered before."""
    job = None
    if state not in (None, REMOVED):
        times = {} if state == "queued" else {"started": MADE, "ended": None if state == "running" else MADE + 3.1}
        job = Record(
            id=f"{place:032x}", visitor="b" * 32, task="analysis", slug="rfm", title="RFM segments", dataset="c" * 32,
            params={}, key="d" * 32, lane="heavy", state=state, **(times | changes),
        )  # fmt: skip
    answered = state in (None, "done")
    return Part(place=place, slug="rfm", title="RFM segments", key="d" * 32, job=job, is_answered=answered)


def chain(*states: str | None, **changes: Any) -> Chain:
    parts = tuple(part(place, state, **changes) for place, state in enumerate(states, 1))
    return Chain(id="e" * 32, made=MADE, data="orders.csv", parts=parts)


def each(drawn: Any) -> Iterator[Component]:
    if isinstance(drawn, list | tuple):
        for one in drawn:
            yield from each(one)
    elif isinstance(drawn, Component):
        yield drawn
        yield from each(getattr(drawn, "children", None))


def said(drawn: Any) -> str:
    if isinstance(drawn, list | tuple):
        return "".join(map(said, drawn))
    return said(getattr(drawn, "children", None)) if isinstance(drawn, Component) else str(drawn or "")


def lines(drawn: Component) -> list[str]:
    return [said(one) for one in each(drawn) if type(one).__name__ == "Li"]


def named(drawn: Any, id: Any) -> list[Component]:
    return [one for one in each(drawn) if getattr(one, "id", None) == id]


@pytest.mark.parametrize(
    ("states", "words"),
    [
        (("done", "done", None), "3 analyses done"),
        (("done", "failed", "done"), "2 of 3 done, 1 failed"),
        (
            ("killed", "interrupted", "cancelled", REMOVED),
            "0 of 4 done, 1 stopped, 1 interrupted, 1 cancelled, 1 removed",
        ),
        (("failed", "running", "queued"), "0 of 3 done, 1 failed"),
        (("done",), "1 analysis done"),
        (("killed", "killed"), "2 analyses stopped"),
    ],
)
def test_how_far_it_is_in_a_few_words(states: tuple[str | None, ...], words: str) -> None:
    assert several.said(chain(*states)) == words


def test_each_part_says_how_it_is_and_what_can_be_done() -> None:
    drawn = several.view(chain("done", None, "running", "queued"), NOW)
    assert lines(drawn) == [
        f"RFM segmentsDone3.1{THIN}sOpen RFM segments",
        "RFM segmentsAnswered before it was asked here.DoneOpen RFM segments",
        "RFM segmentsStartingRunningWatch RFM segmentsCancel RFM segments",
        "RFM segmentsQueuedWithdraw RFM segments",
    ]
    assert said(drawn).startswith("4 analyses2 of 4 doneof orders.csv, asked at 14:32Cancel all")
    links = [one.href for one in each(drawn) if getattr(one, "href", None)]
    assert links == [f"/rfm?result={'d' * 32}", f"/rfm?result={'d' * 32}", f"/rfm?run={3:032x}"]


def test_what_ended_early_says_why_and_nothing_is_left_to_cancel() -> None:
    drawn = several.view(chain("failed", REMOVED, message="Amount has no positive total.", incident=None), NOW)
    assert lines(drawn) == [
        f"RFM segmentsAmount has no positive total.Failed3.1{THIN}sSee why RFM segments",
        "RFM segmentsIts run and its answer were removed.Removed",
    ]
    assert not named(drawn, ids.cancel_all("e" * 32))
    bug = several.view(chain("failed", message="x", incident="AB12CD"), NOW)
    assert "This is our mistake. Incident AB12CD." in said(bug)


def test_the_bar_adds_up_what_is_ticked() -> None:
    def line(*offers: several.Offer, **more: Any) -> str:
        return said(several.bar(offers, 430, **more))

    assert line() == ("Run analysesThey run one after another, in this order. One that fails does not stop the others.")
    assert named(several.bar(), ids.RUN_SEVERAL)[0].disabled  # type: ignore[attr-defined]
    two = offer(), offer("cohort", cost=Cost(200, 5))
    takes = f"About 8{THIN}s in all, at most 200{THIN}MB of 430{THIN}MB free."
    assert line(*two) == f"Run 2 analyses{takes}"
    assert line(*two, waits=True) == f"Run 2 analysesAnother run is on: these start after it. {takes}"
    known = offer("arima", answered=MADE, result="d" * 32)
    assert line(*two, known) == f"Run 3 analyses{takes} 1 of 3 answered already."
    assert line(known) == "Run 1 analysisAll answered already: shown at once."
    large = offer("topics", cost=Cost(600, 5), fits=False)
    assert line(offer(), large).startswith(
        "Run 2 analysesMay not fit: TOPICS may be stopped for memory; the others run all the same. About 8"
    )


def test_a_card_says_what_it_would_ask_and_only_what_can_be_asked_has_a_box() -> None:
    offers = [
        offer(columns=[("Customer", "household_id")]),
        offer("cohort", answered=MADE, result="d" * 32),
        offer("topics", missing="Text: this table has no text column."),
    ]
    drawn = several.page(offers, "orders.csv", None, {}, first=False)
    cards = [said(one) for one in each(drawn) if "analysis-card" in getattr(one, "className", "")]
    assert cards == [
        f"RFMWho buys often.customer household_idabout 3{THIN}s, 118{THIN}MBOpen: RFM",
        "COHORTWho buys often.Done 14:32Open result: COHORT",
        "TOPICSText: this table has no text column.Choose on its page: TOPICS",
    ]
    assert [len(named(drawn, ids.tick(one.slug))) for one in offers] == [1, 1, 0]


def test_what_one_came_for_stands_first() -> None:
    for first in (True, False):
        text = said(several.page([offer()], "orders.csv", chain("done"), {}, first=first))
        assert (text.index("1 analysis done") < text.index("Ready to run")) is first
