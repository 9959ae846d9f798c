"""The limit is the container's, what counts is anonymous memory, and a process is its pid and start."""

import mmap
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from services import memory
from tests.waiting import until

MB = 1 << 20
NO_LIMIT = "9223372036854771712"


def root(tmp_path: Path, groups: str, **limits: str) -> Path:
    """A root folder of these cgroups; `limits` are file contents by path with __ for /."""
    (tmp_path / "proc/self").mkdir(parents=True)
    (tmp_path / "proc/self/cgroup").write_text(groups)
    for name, text in limits.items():
        path = tmp_path / "sys/fs/cgroup" / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{text}\n")
    return tmp_path


def v2(tmp_path: Path, inside: str, **limits: str) -> Path:
    named = {f"{place}__memory.max" if place != "top" else "memory.max": text for place, text in limits.items()}
    return root(tmp_path, f"0::{inside}\n", **named)


def v1(tmp_path: Path, inside: str, **limits: str) -> Path:
    groups = f"9:name=systemd:/\n5:devices:/x\n4:hugetlb,memory:{inside}\n1:cpu:/\n"
    named = {
        f"memory{'' if place == 'top' else '__' + place}__memory.limit_in_bytes": text for place, text in limits.items()
    }
    return root(tmp_path, groups, **named)


def test_without_a_container_the_setting_holds(tmp_path: Path) -> None:
    assert memory.limit(512, tmp_path) == memory.Limit(512, "setting")


@pytest.mark.parametrize("inside", ["/", "/app", "/app/worker", "/../outside"])
def test_cgroup_v2_says_the_limit(tmp_path: Path, inside: str) -> None:
    found = memory.limit(2_000, v2(tmp_path, inside, top=str(300 * MB)))
    assert (found.mb, found.source) == (300, "container")
    assert found.members == tmp_path / "sys/fs/cgroup/cgroup.procs"


def test_cgroup_v1_says_the_limit(tmp_path: Path) -> None:
    found = memory.limit(2_000, v1(tmp_path, "/app", top=NO_LIMIT, app=str(256 * MB)))
    assert (found.mb, found.source) == (256, "container")
    assert found.members == tmp_path / "sys/fs/cgroup/memory/app/cgroup.procs"


def test_a_container_that_shows_its_own_cgroup_at_the_top_is_understood(tmp_path: Path) -> None:
    assert memory.limit(2_000, v1(tmp_path, "/docker/0123abc", top=str(256 * MB))).mb == 256


@pytest.mark.parametrize(
    ("limits", "mb"),
    [
        ({"top": "max", "a": str(400 * MB), "a__b": str(300 * MB)}, 300),
        ({"top": "max", "a": str(200 * MB), "a__b": str(300 * MB)}, 200),
        ({"top": "max", "a": str(200 * MB), "a__b": "max"}, 200),
        ({"top": str(100 * MB), "a": "max", "a__b": str(300 * MB)}, 100),
    ],
)
def test_the_tightest_of_nested_cgroups_counts(tmp_path: Path, limits: dict[str, str], mb: int) -> None:
    assert memory.limit(2_000, v2(tmp_path, "/a/b", **limits)).mb == mb


@pytest.mark.parametrize(
    ("limits", "mb"),
    [
        ({"top": NO_LIMIT, "a": str(200 * MB), "a__b": str(300 * MB)}, 200),
        ({"top": NO_LIMIT, "a": NO_LIMIT, "a__b": str(300 * MB)}, 300),
    ],
)
def test_the_tightest_of_nested_cgroups_counts_in_v1_too(tmp_path: Path, limits: dict[str, str], mb: int) -> None:
    assert memory.limit(2_000, v1(tmp_path, "/a/b", **limits)).mb == mb


def test_unlimited_is_no_limit(tmp_path: Path) -> None:
    assert memory.limit(512, v2(tmp_path / "2", "/app", top="max", app="max")).source == "setting"
    assert memory.limit(512, v1(tmp_path / "1", "/app", top=NO_LIMIT, app=NO_LIMIT)).source == "setting"


def test_a_limit_above_what_the_machine_has_is_no_limit(tmp_path: Path) -> None:
    assert memory.limit(512, v2(tmp_path, "/", top=str(1 << 50))) == memory.Limit(512, "setting")


def test_a_machine_with_both_versions_counts_both(tmp_path: Path) -> None:
    groups = "4:memory:/app\n0::/app\n"
    place = root(tmp_path, groups, memory__app__memory_x="0", **{"memory__app__memory.limit_in_bytes": str(250 * MB)})
    assert memory.limit(512, place).mb == 250


@pytest.mark.parametrize(
    ("share", "band"),
    [
        (0.0, "normal"), (0.699, "normal"), (0.7, "watch"), (0.799, "watch"), (0.8, "high"), (0.899, "high"),
        (0.9, "critical"), (1.7, "critical"),
    ],
)  # fmt: skip
def test_bands(share: float, band: str) -> None:
    assert memory.band(share) == band


def test_anonymous_memory_counts_what_is_held_and_not_the_page_cache(tmp_path: Path) -> None:
    before = memory.anonymous_mb([os.getpid()])
    file = tmp_path / "file"
    file.write_bytes(b"x" * (50 * MB))
    with open(file, "rb") as opened, mmap.mmap(opened.fileno(), 0, prot=mmap.PROT_READ) as mapped:
        assert mapped[:].count(b"x") == 50 * MB
        assert memory.anonymous_mb([os.getpid()]) - before < 25
    held = b"y" * (50 * MB)
    assert memory.anonymous_mb([os.getpid()]) - before > 45
    assert len(held) == 50 * MB


def test_a_process_that_is_gone_holds_nothing() -> None:
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    assert memory.anonymous_mb([child.pid]) == 0
    assert memory.tree(child.pid) == []
    assert memory.started(child.pid) is None


def test_the_tree_is_every_living_descendant() -> None:
    wait = "import sys; sys.stdin.read()"
    start = "import subprocess, sys, threading\ndef start(*code): subprocess.Popen([sys.executable, '-c', *code])\n"
    # A child of a thread, with a child of its own, and a child of the main thread.
    inner = f"{start}start('{wait}')\n{wait}"
    code = f"{start}inner = sys.argv[1]\nthread = threading.Thread(target=start, args=[inner])\n"
    code += f"thread.start(); thread.join()\nstart('{wait}')\n{wait}"
    process = subprocess.Popen([sys.executable, "-c", code, inner], stdin=subprocess.PIPE, start_new_session=True)
    try:
        pids = until(lambda: pids if len(pids := memory.tree(process.pid)) == 4 else None)
        assert pids[0] == process.pid
        assert len(set(pids)) == 4
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        assert process.stdin is not None
        process.stdin.close()


def test_a_process_is_named_by_its_pid_and_its_start() -> None:
    start = memory.started(os.getpid())
    assert start is not None
    assert memory.is_alive(os.getpid(), start)
    assert not memory.is_alive(os.getpid(), start + 1)
    assert not memory.is_alive(os.getpid(), None)
    assert not memory.is_alive(None, start)
    assert not memory.is_alive(None, None)


def test_a_process_that_waits_to_be_collected_does_not_live() -> None:
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    start = memory.started(child.pid)
    assert memory.is_alive(child.pid, start)
    child.kill()
    until(lambda: not memory.is_alive(child.pid, start))
    assert Path(f"/proc/{child.pid}").exists()
    child.wait()
    assert child.stdin is not None
    child.stdin.close()


def test_a_name_with_brackets_and_spaces_is_read_past(tmp_path: Path) -> None:
    program = tmp_path / "a) R (b"
    program.symlink_to(sys.executable)
    child = subprocess.Popen([program, "-c", "input()"], stdin=subprocess.PIPE)
    assert memory.is_alive(child.pid, memory.started(child.pid))
    child.communicate(b"\n")


def test_history_keeps_the_most_of_each_ten_seconds_for_ten_minutes() -> None:
    history = memory.History()
    for second in range(0, 1_300, 5):
        history.add(100 + second / 5, 5_000.0 + second)
    said = history.as_json()
    assert (said["every"], len(said["mb"]), len(said["at"])) == (10, 60, 60)
    assert (said["at"][-1], said["mb"][-1]) == (6_290, 359)
    assert (said["at"][0], said["mb"][0]) == (5_700, 241)


HOLDS_AND_FREES = """
from services import memory
import os

held = [bytes(900) for _ in range(100_000)]
last = bytes(900)  # keeps the top of the heap
most = memory.anonymous_mb([os.getpid()])
del held
before = memory.anonymous_mb([os.getpid()])
memory.give_back()
print(most, before, memory.anonymous_mb([os.getpid()]))
"""


def test_freed_heap_goes_back_to_the_system() -> None:
    env = os.environ | {"PYTHONMALLOC": "malloc"}
    made = subprocess.run([sys.executable, "-c", HOLDS_AND_FREES], env=env, capture_output=True, text=True, check=True)
    most, before, after = map(float, made.stdout.split())
    assert before > most - 20
    assert after < most - 60
