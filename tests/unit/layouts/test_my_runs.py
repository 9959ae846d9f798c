"""A run in words: its parameters, its state, when it was, what can be done."""

import datetime as dt
import json
from pathlib import Path
from typing import Any

import pytest

from layouts.pages import compare, my_runs
from services import params
from services.analysis import find
from services.compare import Pair
from services.jobs.record import Record
from services.results import StoredResult
from services.runs import Marks, Run

NOW = dt.datetime(2018, 1, 2, 15, 0)
FIELDS = {each.name: each for each in params.fields(find("rfm").params)}
DATA = {"name": "orders.csv", "version": 2}


def record(**changes: Any) -> Record:
    made = dt.datetime(2018, 1, 2, 14, 32).timestamp()
    job = Record(
        id="a" * 32, visitor="b" * 32, task="analysis", slug="rfm", title="RFM segments", dataset="c" * 32, params={},
        key="d" * 32, lane="heavy", made=made, started=made, ended=made + 3.1, peak_mb=48, state="done",
        outcome="d" * 32,
    )  # fmt: skip
    return job.changed(**changes)


def line(job: Record, marks: Marks | None = None, **more: Any) -> my_runs.Line:
    said = {"data": DATA, "differs": [], "place": 1, "answer": None, "resumes": False, "now": NOW, **more}
    return my_runs.line(Run(job, marks or Marks()), **said)


def answer(**tables: str) -> StoredResult:
    """What the run's question was answered; its tables lie in these files."""
    about = {"seconds": 2.5, "tables": {name: {"file": file} for name, file in tables.items()}}
    return StoredResult(Path("d" * 32), about)


def test_a_done_run_in_words() -> None:
    differs = [(FIELDS["quantiles"], 3), (FIELDS["refunds"], "exclude"), (FIELDS["amount"], None)]
    said = line(record(), answer=answer(), differs=differs)
    assert (said["name"], said["data"], said["version"]) == ("RFM segments", "orders.csv", "v2")
    assert said["differs"] == "scores from 1 to 3 · refunds leave out · no amount"
    assert (said["state"], said["when"], said["took"], said["peak"]) == ("Done", "14:32", "2.5\u202fs", "48\u202fMB")
    assert (said["href"], said["does"], said["news"]) == (f"/rfm?result={'d' * 32}", ("Open", "open"), True)


def test_a_run_has_the_name_it_was_given_and_says_what_is_gone() -> None:
    said = line(record(), Marks(name="Before the sale", seen=True), data=None)
    assert (said["name"], said["title"], said["news"]) == ("Before the sale", "RFM segments", False)
    assert (said["data"], said["version"], said["differs"], said["again"]) == ("Removed", "", "–", False)


def test_a_run_that_was_asked_with_others_says_which_it_is_and_leads_to_all_of_them() -> None:
    said = line(record(chain="e" * 32, part=2, parts=3))
    assert (said["part"], said["chain"]) == ("2 of 3", f"/several?chain={'e' * 32}")
    assert (line(record())["part"], line(record(chain="e" * 32, part=1, parts=1))["part"]) == ("", "")


@pytest.mark.parametrize(
    ("changes", "state", "does"),
    [
        ({"state": "queued", "started": None, "ended": None}, "Queued, 1st", ("Withdraw", "withdraw")),
        ({"state": "running", "ended": None, "done": 1, "total": 4}, "Running", ("Watch", "open")),
        ({"state": "killed", "message": "Stopped: memory"}, "Stopped, memory", ("Run again", "fresh")),
        ({"state": "killed", "message": "Took too long", "kept": ("a",)}, "Stopped", ("Resume", "resume")),
        ({"state": "interrupted", "kept": ("a",)}, "Interrupted", ("Resume", "resume")),
        ({"state": "failed", "kept": ("a",)}, "Failed", ("See why", "open")),
        ({"state": "cancelled"}, "Cancelled", ("Run again", "fresh")),
    ],
)
def test_each_state_says_what_it_is_and_offers_one_thing(
    changes: dict[str, Any], state: str, does: tuple[str, str]
) -> None:
    said = line(record(outcome=None, **changes), resumes="kept" in changes)
    assert (said["state"], said["does"]) == (state, does)
    assert said["href"] == f"/rfm?run={'a' * 32}"
    assert said["share"] == (0.25 if state == "Running" else None)


def test_an_evicted_table_is_made_again_unless_its_dataset_is_gone() -> None:
    said = line(record(), answer=answer(items="gone.parquet"))
    assert (said["badge"], said["does"]) == ("Table evicted", ("Make again", "fresh"))
    assert line(record(), answer=answer(items="gone.parquet"), data=None)["does"] == ("Open", "open")
    assert line(record(state="cancelled"), data=None)["does"] == ("See why", "open")


def test_a_run_whose_steps_are_gone_is_not_resumed_and_one_whose_question_was_answered_since_opens_the_answer() -> None:
    stopped = record(state="interrupted", outcome=None, kept=("a",))
    assert line(stopped)["does"] == ("Run again", "fresh")
    assert line(stopped)["unfinished"]
    since = line(stopped, answer=answer())
    assert (since["does"], since["href"], since["unfinished"]) == (("Open", "open"), f"/rfm?result={'d' * 32}", False)


def test_a_line_is_json_whatever_it_is_called() -> None:
    listing = {"rows": [line(record(), Marks(name="</script><b>“x”"))], "undo": None, "tag": ""}
    assert json.loads(my_runs.as_text(listing))["rows"][0]["name"] == "</script><b>“x”"


def test_the_day_is_told_unless_it_is_today() -> None:
    assert my_runs.when(dt.datetime(2018, 1, 1, 9, 5), NOW) == "1 Jan, 09:05"
    assert my_runs.when(dt.datetime(2017, 12, 31, 9, 5), NOW) == "31 Dec 2017, 09:05"


def test_the_bar_that_brings_back_names_one_run_and_counts_several() -> None:
    gone = Run(record(), Marks(deleted=1.0))
    assert my_runs.put_away([], 600, NOW) is None
    one = my_runs.put_away([gone], 600, NOW)
    assert one == {
        "said": "Deleted “RFM segments, 14:32”. It can be brought back for 10 minutes.", "jobs": ["a" * 32],
    }  # fmt: skip
    two = my_runs.put_away([gone, gone], 40, NOW)
    assert two is not None
    assert two["said"] == "Deleted 2 runs. They can be brought back for 1 minute."


@pytest.mark.parametrize(
    ("fact", "name", "said"),
    [
        (50_079, "rows", "50,079"), (1_478_365.931, "revenue", "1,478,365.93"), (0.5, "low", "0.5"),
        (0.4612, "champions_share", "46.1\u202f%"), (None, "x", "–"), (True, "x", "Yes"),
        ("2018-01-02", "x", "2 Jan 2018"), ("2018-01-02T14:32:00", "x", "2 Jan 2018, 14:32"), ("orders", "x", "orders"),
    ],
)  # fmt: skip
def test_a_fact_reads_as_what_it_is(fact: Any, name: str, said: str) -> None:
    assert compare.value(fact, name) == said


def test_a_change_has_its_sign_and_its_size() -> None:
    assert compare.change(Pair("champions", 280, 553)) == "+273 (+98\u202f%)"
    assert compare.change(Pair("revenue", 200.5, 100.25)) == "−100.25 (−50\u202f%)"
    assert compare.change(Pair("share", 0.2, 0.395)) == "+19.5 points"
    assert compare.change(Pair("none", 0, 4)) == "+4"
    assert compare.change(Pair("text", "a", "b")) == "–"
    assert compare.readable("period_start") == "Period start"
