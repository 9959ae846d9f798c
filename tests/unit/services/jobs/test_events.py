"""What happens to a job is one line of JSON, and nothing in it is the visitor's."""

import datetime as dt
import json
import logging

import pytest

from services.jobs import events
from services.jobs.record import Record
from services.workspace import new_id
from tests.unit.services.jobs.stage import Stage

JOB = Record(
    id=new_id(), visitor="0123456789abcdef0123456789abcdef", task="ingest", slug="ingest",
    title="Reading salaries.csv", dataset=new_id(), params={"name": "salaries.csv"}, key=new_id(), lane="quick",
    state="failed", started=100.0, ended=103.25, peak_mb=61.26, label="Reading salaries.csv",
    message="“salaries.csv” is empty.",
)  # fmt: skip


def lines(caplog: pytest.LogCaptureFixture) -> list[dict[str, object]]:
    """What the log holds, and that it is one line of JSON each."""
    said = [each.getMessage() for each in caplog.records if each.name == "datainsights.jobs"]
    assert not any("\n" in line for line in said)
    return [json.loads(line) for line in said]


def test_an_event_says_which_job_and_what_it_took(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "datainsights.jobs"):
        events.tell("ended", JOB)
    (said,) = lines(caplog)
    assert dt.datetime.fromisoformat(said.pop("at")).utcoffset() == dt.timedelta(0)  # type: ignore[arg-type]
    assert said == {
        "event": "ended", "job": JOB.id, "task": "ingest", "slug": "ingest", "lane": "quick", "state": "failed",
        "seconds": 3.25, "peak_mb": 61.3, "visitor": "01234567",
    }  # fmt: skip


def test_an_incident_has_its_number_and_more_can_be_said(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "datainsights.jobs"):
        events.tell("step_stopped", JOB.changed(incident="A1B2C3"), kind="memory", waiting=3)
    (said,) = lines(caplog)
    assert (said["incident"], said["kind"], said["waiting"]) == ("A1B2C3", "memory", 3)


def test_nothing_of_the_visitors_is_told(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "datainsights.jobs"):
        events.tell("asked", JOB)
    assert "salaries" not in caplog.text
    assert JOB.visitor not in caplog.text
    assert str(JOB.dataset) not in caplog.text


def test_a_run_is_told_from_asking_to_its_end_once_each(stage: Stage, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "datainsights.jobs"):
        job = stage.ended(stage.ask("instant"))
        stage.close()
    told = [(each["event"], each["job"], each["state"]) for each in lines(caplog)]
    assert [(job.id, event) for event, of, _ in told if of == job.id] == [
        (job.id, "asked"), (job.id, "started"), (job.id, "ended"),
    ]  # fmt: skip
    assert told[-1][2] == "done"
