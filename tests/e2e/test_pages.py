"""Every page, wide and dark, narrow and light: nothing breaks, nothing overflows, everybody can use it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import axe_playwright_python
import pytest
from playwright.sync_api import Page, Request

from tests.e2e.conftest import ROOT, Server, Visitor

AXE = Path(axe_playwright_python.__file__).parent / "axe.min.js"
SCREENS = ROOT / ".tests" / "screens"


def _settle(page: Page) -> None:
    """Wait until nothing loads and nothing moves any more."""
    page.wait_for_load_state("networkidle")
    page.wait_for_function("() => !document.querySelector('#main [aria-busy=true], #main .js-plotly-plot:empty')")


def _check(page: Page, name: str) -> list[str]:
    _settle(page)
    faults = []
    wide = page.evaluate("() => document.documentElement.scrollWidth - document.documentElement.clientWidth")
    if wide > 0:
        faults.append(f"{name}: {wide} px too wide")
    # Evaluated, not added as a script: the page's own policy lets no foreign script in.
    page.evaluate(AXE.read_text())
    found = page.evaluate("async () => (await axe.run(document, {resultTypes: ['violations']})).violations")
    for each in found:
        if each["impact"] in ("serious", "critical"):
            faults.append(f"{name}: {each['id']}: {each['nodes'][0]['html'][:200]}")
    SCREENS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=SCREENS / f"{name}.png", full_page=True)
    return faults


@pytest.mark.parametrize(("width", "theme"), [(1_440, "dark"), (390, "light")])
def test_every_page_is_whole(visit: Callable[..., Visitor], server: Server, width: int, theme: str) -> None:
    visitor = visit(width=width, theme=theme)
    elsewhere: list[str] = []

    def watch(request: Request) -> None:
        if not request.url.startswith((server.address, "data:", "blob:")):
            elsewhere.append(request.url)

    visitor.context.on("request", watch)
    faults = []
    page = visitor.open()
    page.wait_for_selector("#drop-zone")
    faults += _check(page, f"home-empty-{width}-{theme}")
    page.goto(f"{server.address}/rfm")
    page.wait_for_selector(".empty")
    faults += _check(page, f"rfm-empty-{width}-{theme}")

    page.goto(f"{server.address}/data")
    page.get_by_role("button", name="Open Purchases").click()
    page.wait_for_url("**/data?dataset=*")
    page.wait_for_selector(".column-name")
    faults += _check(page, f"data-{width}-{theme}")
    page.locator(".column-name").nth(4).click()
    page.wait_for_selector(".side-panel .js-plotly-plot")
    faults += _check(page, f"data-column-{width}-{theme}")
    page.goto(f"{server.address}/types")
    page.wait_for_selector("table.types")
    page.wait_for_selector(".ag-row")
    faults += _check(page, f"types-{width}-{theme}")
    page.goto(f"{server.address}/")
    page.wait_for_selector(".analysis-card")
    faults += _check(page, f"home-{width}-{theme}")
    page.goto(f"{server.address}/tables")
    page.get_by_role("button", name="Rename Purchases").click()
    page.wait_for_selector(".side-panel textarea")
    faults += _check(page, f"tables-{width}-{theme}")
    page.goto(f"{server.address}/cleaning")
    page.wait_for_selector("table.cleaned")
    page.locator("#step-choice").select_option("fill")
    page.locator("#step-form").get_by_role("button", name="Add the step").wait_for()
    faults += _check(page, f"cleaning-{width}-{theme}")

    page.goto(f"{server.address}/classification")
    page.get_by_label("Tested by").wait_for()
    faults += _check(page, f"classification-before-{width}-{theme}")

    page.goto(f"{server.address}/rfm")
    page.get_by_role("button", name="Run", exact=True).wait_for()
    faults += _check(page, f"rfm-before-{width}-{theme}")
    page.get_by_role("button", name="Run", exact=True).click()
    page.wait_for_url("**/rfm?result=*")
    page.locator(".grid").scroll_into_view_if_needed()
    page.wait_for_selector(".ag-row [col-id=segment]")
    faults += _check(page, f"rfm-{width}-{theme}")
    page.locator("summary", has_text="Export").click()
    faults += _check(page, f"rfm-export-{width}-{theme}")
    page.keyboard.press("Escape")
    page.locator("#gauge").click()
    page.wait_for_selector("#gauge-popover:not([hidden])")
    faults += _check(page, f"memory-{width}-{theme}")

    page.goto(f"{server.address}/nowhere")
    page.wait_for_selector("#main h1")
    faults += _check(page, f"not-found-{width}-{theme}")
    assert faults == []
    assert visitor.complaints == []
    assert elsewhere == []
