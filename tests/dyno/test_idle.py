"""What the dashboard holds when nobody asks for anything: the server should cost less than its jobs."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tests.dyno.dyno import Dyno
from tests.dyno.journey import IDLE_MB, LIMIT_MB, PAGES, SETTLES, travel
from tests.dyno.visitor import Visitor


def test_an_idle_server_is_small_before_and_after_it_served_every_page() -> None:
    with Dyno(LIMIT_MB) as dyno:
        time.sleep(SETTLES)
        fresh, split = dyno.alone_mb(), dyno.pss_mb()
        for path in PAGES:
            Visitor(dyno.port).open(path)
        time.sleep(SETTLES)
        served = dyno.alone_mb()
        print(f"idle {fresh:.1f} MB (sum of PSS {split:.1f} beside this test), after its pages {served:.1f} MB")
        assert split <= fresh <= IDLE_MB
        assert served <= IDLE_MB
