"""What waits for a run writes on its own page only: see `callbacks.running._end` for what Dash does otherwise."""

from __future__ import annotations

from flask.testing import FlaskClient

from layouts import ids

SHELL = (ids.URL, ids.PULSE, ids.THEME, ids.CONTENT)


def test_no_callback_of_a_runs_end_writes_outside_its_page(client: FlaskClient) -> None:
    declared = client.get("/_dash-dependencies").get_json()
    ends = [each for each in declared if ids.TICKET in {given["id"] for given in each["inputs"]}]
    assert ends
    for each in ends:
        assert not any(f"{outside}." in each["output"] for outside in SHELL), each["output"]


def test_a_click_on_run_is_taken_by_a_callback_that_writes_nothing(client: FlaskClient) -> None:
    declared = client.get("/_dash-dependencies").get_json()
    (click,) = [each for each in declared if ids.RUN in {given["id"] for given in each["inputs"]}]
    assert click["no_output"]
