"""What the dashboard holds when nobody asks for anything; after a reader was used, see test_purchases."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from tests.dyno.dyno import Dyno
from tests.dyno.journey import IDLE_MB, LIMIT_MB, PAGES, SETTLES
from tests.dyno.visitor import Visitor


def test_an_idle_server_is_small_before_and_after_it_served_its_pages(say: Callable[..., None]) -> None:
    with Dyno(LIMIT_MB) as dyno:
        time.sleep(SETTLES)
        fresh, split = dyno.alone_mb(), dyno.pss_mb()
        visitors = [Visitor(dyno.port) for _ in range(3)]
        for visitor in visitors:
            for path in PAGES:
                visitor.open(path)
        time.sleep(SETTLES)
        served = dyno.alone_mb()
        gauge, held = visitors[0].read("/_pulse")["memory"], dyno.anonymous_mb()
    say(f"idle {fresh:.1f} MB ({split:.1f} beside other Pythons), after its pages {served:.1f} MB")
    assert split <= fresh <= IDLE_MB
    assert served <= IDLE_MB
    assert (gauge["limit"], gauge["source"]) == (LIMIT_MB, "container")
    assert gauge["used"] == pytest.approx(held, abs=5)
