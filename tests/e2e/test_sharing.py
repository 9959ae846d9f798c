"""A workspace in another browser, by a link that is made, used, withdrawn."""

from __future__ import annotations

from collections.abc import Callable

from playwright.sync_api import expect

from tests.e2e.conftest import Server, Visitor


def test_a_link_opens_a_workspace_until_it_is_withdrawn(visit: Callable[..., Visitor], server: Server) -> None:
    mine, other = visit(), visit(390, 844)
    page = mine.stand("/settings", "Restaurant tips")
    page.get_by_role("button", name="Make a link").click()
    address = page.get_by_label("The new link").input_value()
    assert address.startswith(f"{server.address}/w/")
    page.reload()
    expect(page.get_by_role("button", name="Withdraw the link")).to_have_count(1)
    expect(page.get_by_label("The new link")).to_have_count(0)  # told once

    there = other.open()
    there.wait_for_selector("#drop-zone")
    answer = there.goto(f"{server.address}/w/nothing")
    assert answer is not None
    assert answer.status == 404
    there.get_by_role("heading", level=1).wait_for()
    own = other.workspace.visitor
    there.goto(address)
    expect(there.locator("#main")).to_contain_text("It has 1 table")
    assert other.workspace.visitor == own, "looking at the link changes nothing"
    there.get_by_role("button", name="Open this workspace").click()
    there.wait_for_url(f"{server.address}/")
    expect(there.locator("#dataset-chip")).to_contain_text("Restaurant tips")
    there.goto(f"{server.address}/settings")
    there.get_by_role("button", name="Go back to my own workspace").click()
    there.wait_for_url(f"{server.address}/")
    there.wait_for_selector("#drop-zone")
    there.goto(address)
    there.get_by_role("button", name="Open this workspace").click()
    expect(there.locator("#dataset-chip")).to_contain_text("Restaurant tips")

    page.get_by_role("button", name="Withdraw the link").click()
    expect(page.get_by_role("button", name="Withdraw the link")).to_have_count(0)
    there.goto(f"{server.address}/data")
    there.wait_for_selector("#drop-zone")
    expect(there.locator("#main")).not_to_contain_text("Restaurant tips · ")
    assert other.workspace.visitor == own
    answer = there.goto(address)
    assert answer is not None
    assert answer.status == 404
    assert mine.complaints == []
    assert other.complaints == []
