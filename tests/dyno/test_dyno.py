"""The dyno itself: that it would notice."""

from __future__ import annotations

import subprocess
import sys
import time

from tests.dyno.dyno import MB, Dyno, group


def test_a_process_that_takes_more_than_the_group_has_is_killed_and_counted() -> None:
    small = group(64)
    greedy = f"{sys.executable} -c 'bytearray({200 * MB})'; echo \\$?; read over"
    shell = subprocess.Popen(small.command(f'/bin/sh -c "{greedy}"'), stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        small.entered(shell.pid)
        assert shell.stdout is not None
        assert shell.stdout.readline() == b"137\n"  # SIGKILL
        assert small.oom_kills() == 1
    finally:
        small.end()
        shell.communicate()


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
