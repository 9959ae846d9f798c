"""The server's log is one JSON object a line, a traceback is one field, and how much is logged is a setting."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]

CODE = """
import logging, sys, warnings
from dashapp import logs
from services.jobs import events
from services.jobs.record import Record

logs.set_up(sys.argv[1])
log = logging.getLogger("datainsights")
job = Record(id="0" * 32, visitor="1" * 32, task="analysis", slug="rfm", title="RFM", dataset=None, params={},
             key="2" * 32, lane="heavy")
log.debug("small")
events.tell("asked", job)
log.warning("“%s” of %d", "one", 2)
try:
    1 / 0
except ZeroDivisionError:
    log.exception("incident A1B2C3 at /x")
warnings.warn("mind this")
"""


def logged(level: str) -> list[dict[str, str]]:
    """What a process that logs from `level` up writes to standard error; its standard output stays empty."""
    ran = subprocess.run(
        [sys.executable, "-c", CODE, level], cwd=ROOT, env=os.environ, capture_output=True, text=True, check=True
    )
    assert ran.stdout == ""
    return [json.loads(line) for line in ran.stderr.splitlines()]


def test_each_line_is_an_object_with_when_how_grave_and_from_where() -> None:
    lines = logged("info")
    assert [line["level"] for line in lines] == ["info", "warning", "error", "warning"]
    assert [line["logger"] for line in lines] == ["datainsights.jobs", "datainsights", "datainsights", "py.warnings"]
    assert all(line["at"].endswith("+00:00") for line in lines)
    assert lines[1]["message"] == "“one” of 2"


def test_an_event_of_a_job_is_its_fields_and_no_text_to_parse() -> None:
    event = logged("info")[0]
    assert (event["event"], event["slug"], event["state"]) == ("asked", "rfm", "queued")
    assert "message" not in event


def test_a_traceback_is_a_field_that_stays_readable() -> None:
    incident = logged("info")[2]
    assert incident["message"] == "incident A1B2C3 at /x"
    assert incident["traceback"].startswith("Traceback (most recent call last):\n")
    assert incident["traceback"].endswith("ZeroDivisionError: division by zero")


@pytest.mark.parametrize(("level", "many"), [("debug", 5), ("Info", 4), ("warning", 3), ("error", 1)])
def test_how_much_is_logged_is_set(level: str, many: int) -> None:
    assert len(logged(level)) == many
