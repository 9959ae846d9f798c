"""Home offers what the roles allow: change them, and what is ready changes; a click asks it."""

from __future__ import annotations

import os

import pandas as pd
from flask import session
from flask.testing import FlaskClient

from callbacks import offers
from callbacks.house import House
from layouts import ids
from services import datasets
from services.jobs import lanes
from services.workspace import Workspace, new_id
from tests.unit.callbacks.conftest import fire
from tests.unit.services.jobs.stage import stock
from tests.waiting import until

FRAME = pd.DataFrame(
    {
        "customer_id": ["a", "b", "a", "c"],
        "order_date": pd.to_datetime(["2024-01-01", "2024-02-01", "2024-03-01", "2024-03-02"]),
        "amount": [1.5, 2.5, 3.5, 4.5],
    }
)


def choose(client: FlaskClient, dataset: str, playing: dict[str, str]) -> str:
    """Choose the columns of roles on the data page."""
    fields = [
        {"id": ids.role(dataset, role), "property": "value", "value": name} for role, name in sorted(playing.items())
    ]
    return fire(client, fields)


def test_a_role_that_is_changed_changes_what_is_ready(client: FlaskClient, workspace: Workspace) -> None:
    known = stock(workspace, FRAME)
    roles = known["roles"]
    assert choose(client, known["id"], roles) == "null"  # as it was: nothing is said
    assert "No analysis can run" in choose(client, known["id"], {**roles, "customer": " "})
    assert "customer" not in datasets.about(workspace, known["id"])["roles"]
    with client.application.test_request_context("/"):
        session["visitor"] = workspace.visitor
        (rfm,) = [made for made in offers.each(datasets.about(workspace, known["id"])) if made.slug == "rfm"]
    assert (rfm.lacks, bool(rfm.missing)) == (["customer"], True)
    assert "cannot be the date" in choose(client, known["id"], {**roles, "date": "amount"})
    assert "RFM segments" in choose(client, known["id"], roles)
    assert choose(client, new_id(), roles).count("does not exist any more") == 1


def test_what_no_column_can_say_is_named_all_the_same(client: FlaskClient, workspace: Workspace) -> None:
    known = stock(workspace, FRAME.drop(columns="order_date"))
    with client.application.test_request_context("/"):
        session["visitor"] = workspace.visitor
        (rfm,) = [made for made in offers.each(known) if made.slug == "rfm"]
    assert (rfm.lacks, rfm.missing.partition(":")[0]) == (["date"], "Date")


def test_a_click_asks_a_second_one_goes_to_the_same_run_and_a_third_to_its_answer(
    client: FlaskClient, here: House, workspace: Workspace
) -> None:
    known = stock(workspace, FRAME)
    click = [{"id": ids.run_now("rfm"), "property": "n_clicks", "value": 1}]
    page = [{"id": ids.SEVERAL, "property": "data", "value": {"dataset": known["id"]}}]
    lock = until(lambda: lanes.take(here.home.server, lanes.HEAVY))
    first, second = fire(client, click, page), fire(client, click, page)
    (job,) = here.engine.mine(workspace)
    assert (job.state, job.params["customer"]) == ("queued", "customer_id")
    assert f"/rfm?run={job.id}" in first
    assert f"/rfm?run={job.id}" in second
    os.close(lock)
    here.engine.dispatch()
    until(lambda: not here.engine.get(workspace, job.id).is_live)
    assert f"/rfm?result={job.key}" in fire(client, click, page)
    gone = [{**page[0], "value": {"dataset": new_id()}}]
    assert "does not exist any more" in fire(client, click, gone)
