"""The dyno itself: that it would notice."""

from __future__ import annotations

import subprocess
import sys
import time

from tests.dyno.dyno import MB, Dyno, Group


def test_a_process_that_takes_more_than_the_group_has_is_killed_and_counted() -> None:
    group = Group(64)
    try:
        greedy = f'echo $$ > "$0" && exec {sys.executable} -c "bytearray({200 * MB})"'
        code = subprocess.run(["/bin/sh", "-c", greedy, str(group.folder / "cgroup.procs")], check=False).returncode
        assert code == -9
        assert group.oom_kills() == 1
    finally:
        group.end()


def test_what_was_started_and_made_is_gone_afterwards() -> None:
    with Dyno(256) as dyno:
        group, folder, server = dyno._group.folder, dyno.folder, dyno._server
        assert group.is_dir()
        assert dyno.anonymous_mb() > 20
        time.sleep(0.2)
        assert dyno.peak_mb > 20
    assert server.poll() is not None
    assert not group.exists()
    assert not folder.exists()
