"""How a dyno gets its memory limit: by hand in cgroup v1 and v2, or through systemd."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.dyno.dyno import MB, Group, NoGroup, Scope


@pytest.fixture
def v2(tmp_path: Path) -> Path:
    """What the top of a version 2 tree looks like; memory is not switched on for its children yet."""
    top = tmp_path / "v2"
    top.mkdir()
    (top / "cgroup.subtree_control").write_text("cpu io\n")
    return top


def test_version_2_switches_memory_on_and_limits_a_group_of_its_own(v2: Path, tmp_path: Path) -> None:
    made = Group(512, v1=tmp_path / "v1", v2=v2)
    assert (v2 / "cgroup.subtree_control").read_text() == "+memory"
    assert made.folder.parent == v2
    assert (made.folder / "memory.max").read_text() == str(512 * MB)


def test_version_1_limits_a_group_of_its_own(v2: Path, tmp_path: Path) -> None:
    v1 = tmp_path / "v1"
    v1.mkdir()
    (v1 / "memory.limit_in_bytes").write_text("9223372036854771712\n")
    made = Group(256, v1=v1, v2=v2)
    assert made.folder.parent == v1
    assert (made.folder / "memory.limit_in_bytes").read_text() == str(256 * MB)


def test_kills_are_counted_in_either_version(v2: Path, tmp_path: Path) -> None:
    made = Group(512, v1=tmp_path / "v1", v2=v2)
    (made.folder / "memory.events").write_text("low 0\nhigh 0\nmax 31\noom 2\noom_kill 2\n")
    assert made.oom_kills() == 2


def test_where_none_can_be_made_it_says_why_and_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(NoGroup, match="No such file or directory"):
        Group(512, v1=tmp_path / "v1", v2=tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("user", [True, False])
def test_systemd_is_asked_for_a_scope_without_swap_that_becomes_the_line(user: bool) -> None:
    command = Scope(512, user=user).command('A=1 gunicorn --bind 0.0.0.0:"$PORT"')
    assert command[0] == "systemd-run"
    assert ("--user" in command) is user
    assert "--scope" in command, "the pid stays, and so does the death signal"
    assert {"MemoryMax=512M", "MemorySwapMax=0"} <= set(command)
    assert command[-3:] == ["/bin/sh", "-c", 'exec env A=1 gunicorn --bind 0.0.0.0:"$PORT"']


def _told(tmp_path: Path, scope: Scope, limit: str | None) -> tuple[Path, Path]:
    """What /proc and the cgroup tree say of a process that systemd put into `scope`."""
    unit = next(each for each in scope.command("true") if each.startswith("--unit=")).removeprefix("--unit=")
    place = f"user.slice/user-1000.slice/user@1000.service/app.slice/{unit}"
    (tmp_path / "proc/7").mkdir(parents=True)
    (tmp_path / "proc/7/cgroup").write_text(f"0::/{place}\n")
    group = tmp_path / "cgroup" / place
    group.mkdir(parents=True)
    (group / "cgroup.procs").write_text("7\n8\n")
    if limit is not None:
        (group / "memory.max").write_text(f"{limit}\n")
    return tmp_path / "proc", tmp_path / "cgroup"


def test_the_group_that_systemd_made_is_found_by_its_process(tmp_path: Path) -> None:
    scope = Scope(512, user=True)
    proc, v2 = _told(tmp_path, scope, str(512 * MB))
    scope.entered(7, proc=proc, v2=v2)
    assert scope.pids() == [7, 8]


@pytest.mark.parametrize("limit", ["max", None])
def test_a_scope_without_its_limit_is_no_dyno(tmp_path: Path, limit: str | None) -> None:
    scope = Scope(512, user=True)
    proc, v2 = _told(tmp_path, scope, limit)
    with pytest.raises(NoGroup, match="not delegated"):
        scope.entered(7, proc=proc, v2=v2)


def test_a_scope_that_was_never_entered_or_is_gone_holds_nobody(tmp_path: Path) -> None:
    scope = Scope(512, user=True)
    assert scope.pids() == []
    scope.end()
