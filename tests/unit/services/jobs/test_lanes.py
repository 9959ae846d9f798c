"""The flag is a lock of the kernel: up while its holder lives, and down however it dies."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from services import memory
from services.jobs import lanes
from tests.waiting import until

ROOT = Path(__file__).resolve().parents[4]
HOLD = """
import os, sys, time
from pathlib import Path
from services.jobs import lanes
lock = lanes.take(Path(sys.argv[1]), lanes.HEAVY)
print("took" if lock is not None else "refused", flush=True)
time.sleep(60 if lock is not None else 0)
"""


def hold(server: Path) -> "subprocess.Popen[str]":
    return subprocess.Popen([sys.executable, "-c", HOLD, str(server)], cwd=ROOT, stdout=subprocess.PIPE, text=True)


def end(process: "subprocess.Popen[str]") -> None:
    process.kill()
    process.wait()
    if process.stdout is not None:
        process.stdout.close()


def is_free(server: Path, lane: str = lanes.HEAVY) -> bool:
    lock = lanes.take(server, lane)
    if lock is not None:
        os.close(lock)
    return lock is not None


def test_a_lane_is_taken_once(tmp_path: Path) -> None:
    lock = lanes.take(tmp_path, lanes.HEAVY)
    assert lock is not None
    assert lanes.take(tmp_path, lanes.HEAVY) is None
    os.close(lock)
    assert is_free(tmp_path)


def test_the_lanes_do_not_share_a_lock(tmp_path: Path) -> None:
    lock = lanes.take(tmp_path, lanes.HEAVY)
    assert lock is not None
    assert is_free(tmp_path, lanes.QUICK)
    os.close(lock)


def test_the_lock_passes_to_a_child_that_inherits_it_and_lasts_until_it_dies(tmp_path: Path) -> None:
    lock = lanes.take(tmp_path, lanes.HEAVY)
    assert lock is not None
    child = subprocess.Popen([sys.executable, "-c", "input()"], pass_fds=(lock,), stdin=subprocess.PIPE, text=True)
    os.close(lock)
    assert not is_free(tmp_path)
    child.send_signal(signal.SIGKILL)
    child.wait()
    assert child.stdin is not None
    child.stdin.close()
    assert is_free(tmp_path)


def test_a_child_that_is_not_given_the_lock_does_not_keep_it(tmp_path: Path) -> None:
    lock = lanes.take(tmp_path, lanes.HEAVY)
    assert lock is not None
    child = subprocess.Popen([sys.executable, "-c", "input()"], close_fds=False, stdin=subprocess.PIPE, text=True)
    os.close(lock)
    until(lambda: is_free(tmp_path))  # once it has become another program
    child.communicate("\n")


def test_a_killed_holder_holds_nothing(tmp_path: Path) -> None:
    holder = hold(tmp_path)
    assert holder.stdout is not None
    assert holder.stdout.readline() == "took\n"
    assert not is_free(tmp_path)
    end(holder)
    assert until(lambda: is_free(tmp_path))


def test_of_several_processes_that_want_a_lane_one_gets_it(tmp_path: Path) -> None:
    takers = [hold(tmp_path) for _ in range(4)]
    answers = [taker.stdout.readline() for taker in takers if taker.stdout is not None]
    for taker in takers:
        end(taker)
    assert sorted(answers) == ["refused\n"] * 3 + ["took\n"]


def test_the_holder_is_whom_the_lock_was_signed_by(tmp_path: Path) -> None:
    lock = lanes.take(tmp_path, lanes.HEAVY)
    assert lock is not None
    assert lanes.holder(tmp_path, lanes.HEAVY) is None
    me = {"pid": os.getpid(), "start": memory.started(os.getpid()), "visitor": "v" * 40, "job": "j"}
    lanes.sign(lock, me)
    assert lanes.holder(tmp_path, lanes.HEAVY) == me
    shorter = me | {"visitor": "v"}
    lanes.sign(lock, shorter)
    assert lanes.holder(tmp_path, lanes.HEAVY) == shorter
    os.close(lock)


def test_a_reused_pid_is_not_the_holder(tmp_path: Path) -> None:
    lock = lanes.take(tmp_path, lanes.HEAVY)
    assert lock is not None
    start = memory.started(os.getpid())
    assert start is not None
    lanes.sign(lock, {"pid": os.getpid(), "start": start - 1, "visitor": "v", "job": "j"})
    assert lanes.holder(tmp_path, lanes.HEAVY) is None
    os.close(lock)


def test_a_holder_that_died_is_nobody_even_before_it_is_collected(tmp_path: Path) -> None:
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, text=True)
    lock = lanes.take(tmp_path, lanes.HEAVY)
    assert lock is not None
    lanes.sign(lock, {"pid": child.pid, "start": memory.started(child.pid), "visitor": "v", "job": "j"})
    assert lanes.holder(tmp_path, lanes.HEAVY) is not None
    os.kill(child.pid, signal.SIGKILL)
    until(lambda: lanes.holder(tmp_path, lanes.HEAVY) is None)
    child.wait()
    assert child.stdin is not None
    child.stdin.close()
    os.close(lock)


@pytest.mark.parametrize("said", [b"", b"noise", b"[1, 2]", b"{}", b'{"pid": null, "start": null}', b"\xff\xfe"])
def test_a_damaged_name_is_nobody(tmp_path: Path, said: bytes) -> None:
    (tmp_path / "heavy.lock").write_bytes(said)
    assert lanes.holder(tmp_path, lanes.HEAVY) is None


def test_a_critical_section_waits_for_the_one_before(tmp_path: Path) -> None:
    path = tmp_path / "queue.lock"
    code = (
        "import sys; from pathlib import Path; from services.jobs import lanes\n"
        "with lanes.alone(Path(sys.argv[1])): print('in', flush=True)"
    )
    with lanes.alone(path):
        other = subprocess.Popen([sys.executable, "-c", code, str(path)], cwd=ROOT, stdout=subprocess.PIPE, text=True)
        with pytest.raises(subprocess.TimeoutExpired):
            other.wait(0.5)
    assert other.communicate(timeout=15)[0] == "in\n"
