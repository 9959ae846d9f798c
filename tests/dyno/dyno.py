"""A dyno on your desk: the real server, started as the Procfile says, inside a real memory cgroup.

What counts is anonymous memory, the sum of RssAnon over the group's processes: page cache is given
back under pressure. It is sampled every 50 ms by a thread of the test's own process, which is not in
the group. Only what was started here is ended here; the group and the data folder go with it.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

ROOT = Path(__file__).parents[2]
V1 = Path("/sys/fs/cgroup/memory")
V2 = Path("/sys/fs/cgroup")
MB = 1 << 20
PR_SET_PDEATHSIG = 1
EVERY = 0.05  # seconds between two samples
HANG = 180.0  # seconds after which something is taken to hang


class NoGroup(Exception):
    """This machine does not let us make a memory cgroup."""


class Group:
    """A memory cgroup, version 1 or 2, made by hand: root may, outside a sandbox."""

    def __init__(self, mb: int, *, v1: Path = V1, v2: Path = V2) -> None:
        """Make one with a limit of `mb`, swap included."""
        name = _name()
        try:
            if (v1 / "memory.limit_in_bytes").exists():
                self.folder, self._events = v1 / name, "memory.oom_control"
                self.folder.mkdir()
                limits = ("memory.limit_in_bytes", "memory.memsw.limit_in_bytes")
            else:
                self.folder, self._events = v2 / name, "memory.events"
                if "memory" not in (v2 / "cgroup.subtree_control").read_text().split():
                    (v2 / "cgroup.subtree_control").write_text("+memory")
                self.folder.mkdir()
                limits = ("memory.max", "memory.swap.max")
            (self.folder / limits[0]).write_text(str(mb * MB))
            if (self.folder / limits[1]).exists():
                (self.folder / limits[1]).write_text("0" if limits[1].endswith("max") else str(mb * MB))
        except OSError as error:
            if self.folder.is_dir():
                self.folder.rmdir()
            raise NoGroup(f"No memory cgroup can be made here ({error}).") from error

    def command(self, line: str) -> list[str]:
        """What runs a line of the shell in the group."""
        return ["/bin/sh", "-c", f'echo $$ > "$0" && exec env {line}', str(self.folder / "cgroup.procs")]

    def entered(self, pid: int) -> None:
        """Nothing: the command enters by itself."""

    def pids(self) -> list[int]:
        return [int(pid) for pid in (self.folder / "cgroup.procs").read_text().split()]

    def oom_kills(self) -> int:
        """How many processes of the group the kernel has killed for memory."""
        said = dict(line.split() for line in (self.folder / self._events).read_text().splitlines())
        return int(said["oom_kill"])

    def end(self) -> None:
        """Kill what is left in the group and remove it."""
        deadline = time.monotonic() + 30
        while (left := self.pids()) and time.monotonic() < deadline:
            for pid in left:
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    continue
            time.sleep(0.05)
        while True:  # the kernel takes a moment to let go of the last one
            try:
                self.folder.rmdir()
                return
            except OSError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.05)


class Scope(Group):
    """A memory cgroup, version 2, made by systemd: how it is done without being root."""

    def __init__(self, mb: int, *, user: bool) -> None:
        """Say what is wanted, a limit of `mb` without swap; `user` asks the user's own systemd."""
        self._mb, self._unit, self._user = mb, f"{_name()}.scope", user
        self._events = "memory.events"

    def command(self, line: str) -> list[str]:
        """systemd-run makes the scope, enters it and becomes the line, under the same pid."""
        return [
            "systemd-run", *(["--user"] if self._user else []), "--scope", "--quiet", "--collect",
            f"--unit={self._unit}", "--property", f"MemoryMax={self._mb}M", "--property", "MemorySwapMax=0",
            "/bin/sh", "-c", f"exec env {line}",
        ]  # fmt: skip

    def entered(self, pid: int, *, proc: Path = Path("/proc"), v2: Path = V2) -> None:
        """Find the group that systemd made for the process, once it is in it, and that its limit holds."""
        deadline = time.monotonic() + 15
        while (place := self._place(proc / str(pid) / "cgroup")) is None:
            if time.monotonic() > deadline:
                raise NoGroup("systemd-run made no scope within 15 s.")
            time.sleep(0.05)
        self.folder = v2 / place.lstrip("/")
        limit = self.folder / "memory.max"
        if not limit.exists() or limit.read_text().strip() != str(self._mb * MB):
            raise NoGroup("systemd made a scope without a memory limit: memory is not delegated to this user.")

    def _place(self, told: Path) -> str | None:
        try:
            lines = told.read_text().splitlines()
        except OSError:
            raise NoGroup("systemd-run ended before it made a scope.") from None
        return next((line[3:] for line in lines if line.startswith("0::") and line.endswith(self._unit)), None)

    def pids(self) -> list[int]:
        """Every process in the scope; systemd removes one that is empty."""
        try:
            return super().pids()
        except (AttributeError, FileNotFoundError):  # not entered, or gone
            return []

    def end(self) -> None:
        """Kill what is left; the rest is systemd's."""
        for pid in self.pids():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def group(mb: int) -> Group:
    """A memory cgroup in the first way that works on this machine.

    Raises
    ------
    NoGroup
        None does; the message says why.
    """
    try:
        return Group(mb)
    except NoGroup as by_hand:
        found = Scope(mb, user=os.geteuid() != 0)
        try:
            attempt = Scope(mb, user=found._user).command("true")
            tried = subprocess.run(attempt, check=False, capture_output=True, text=True)
        except OSError as error:
            raise NoGroup(f"{by_hand} systemd-run cannot be used either ({error.strerror}).") from by_hand
        if tried.returncode != 0:
            said = (tried.stderr.strip().splitlines() or [f"code {tried.returncode}"])[-1]
            raise NoGroup(f"{by_hand} systemd-run cannot make one either ({said}).") from by_hand
        return found


def _name() -> str:
    return f"datainsights-dyno-{os.getpid()}-{time.monotonic_ns()}"


def _kilobytes(path: str, name: bytes) -> int:
    try:
        with open(path, "rb") as lines:
            return next((int(line.split()[1]) for line in lines if line.startswith(name)), 0)
    except OSError:  # it ended meanwhile
        return 0


def _mapped(pid: int) -> Iterator[tuple[tuple[str, str], int]]:
    """Each stretch of a file that a process maps (inode, offset), and how much of it is resident, in kB."""
    try:
        lines = Path(f"/proc/{pid}/smaps").read_text().splitlines()
    except OSError:  # it ended meanwhile
        return
    part, resident = ("0", "0"), 0
    for line in lines:
        words = line.split()
        if not words[0].endswith(":"):  # address, permissions, offset, device, inode
            part = (words[4], words[2])
        elif words[0] == "Rss:":
            resident = int(words[1])
        elif words[0] == "Anonymous:" and part[0] != "0":
            yield part, resident - int(words[1])


@dataclass
class Phase:
    """A stretch of time: how long it took, and the most anonymous memory the group held in it, in MB."""

    seconds: float = 0.0
    peak_mb: float = 0.0


class Dyno:
    """The dashboard with `mb` megabytes of memory; `with Dyno(512) as dyno:` serves until the block ends."""

    def __init__(self, mb: int, *, bin: Path = Path(sys.executable).parent, **settings: str) -> None:
        """`bin` is where its gunicorn is; `settings` are environment variables of the server."""
        self._mb, self._bin, self._settings = mb, bin, settings
        self.peak_mb = 0.0
        self._phases: list[Phase] = []
        self._over = threading.Event()

    def __enter__(self) -> Self:
        self._group = group(self._mb)
        try:
            self.folder = Path(tempfile.mkdtemp(prefix="datainsights-dyno-"))
            self.data = self.folder / "data"
            self.port = _free_port()
            self._log = self.folder / "server.log"
            self._server = self._start()
            self._group.entered(self._server.pid)
            self._sampler = threading.Thread(target=self._sample, daemon=True, name="sampler")
            self._sampler.start()
            self.until(self._answers, "the server to answer")
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None:
            print(f"\nServer log:\n{self.log()}", file=sys.stderr)
        self._end()

    def _start(self) -> subprocess.Popen[bytes]:
        """Run the line of the Procfile in the group, with nothing of our own environment but the path."""
        line = procfile()
        kept = ("HOME", "LANG", "TMPDIR", "XDG_RUNTIME_DIR", "DBUS_SESSION_BUS_ADDRESS")  # the last two find systemd
        own = {name: os.environ[name] for name in kept if name in os.environ}
        path = f"{self._bin}{os.pathsep}{os.environ['PATH']}"
        given = {"PATH": path, "PORT": str(self.port), "DATA_DIR": str(self.data), **self._settings}
        with open(self._log, "wb") as log:
            return subprocess.Popen(
                self._group.command(line),
                cwd=ROOT,
                env=own | given,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                # Should this process be killed, the server is told to end as by its platform.
                preexec_fn=lambda: ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM),
            )

    def _answers(self) -> bool:
        if self._server.poll() is not None:
            raise RuntimeError(f"The server ended with code {self._server.returncode}.\n{self.log()}")
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/_pulse", timeout=10) as answer:
                return answer.status == 200
        except (urllib.error.URLError, OSError):
            return False

    def _end(self) -> None:
        """End the server as a platform does, then whatever is left of it, then the group and the folder."""
        self._over.set()
        server = getattr(self, "_server", None)
        if server is not None:
            if server.poll() is None:
                server.terminate()
            try:
                server.wait(20)
            except subprocess.TimeoutExpired:
                server.kill()
                server.wait()
        if (sampler := getattr(self, "_sampler", None)) is not None:
            sampler.join()
        self._group.end()
        if (folder := getattr(self, "folder", None)) is not None:
            shutil.rmtree(folder)

    # Memory -------------------------------------------------------------------------------------

    def _sample(self) -> None:
        while not self._over.wait(EVERY):
            held = self.anonymous_mb()
            self.peak_mb = max(self.peak_mb, held)
            for phase in list(self._phases):
                phase.peak_mb = max(phase.peak_mb, held)

    def anonymous_mb(self) -> float:
        return sum(_kilobytes(f"/proc/{pid}/status", b"RssAnon:") for pid in self._group.pids()) / 1024

    def pss_mb(self) -> float:
        """Resident memory of the whole tree, each page split among all on this machine who share it."""
        return sum(_kilobytes(f"/proc/{pid}/smaps_rollup", b"Pss:") for pid in self._group.pids()) / 1024

    def alone_mb(self) -> float:
        """The same as if nobody else shared its libraries: what PSS says where the tree is alone.

        The test's own Python maps the same libraries, which makes a plain sum of PSS 10 MB too kind.
        """
        pids = self._group.pids()
        own = sum(_kilobytes(f"/proc/{pid}/smaps_rollup", b"Pss_Anon:") for pid in pids)
        shared: dict[tuple[str, str], int] = {}
        for pid in pids:
            for part, kilobytes in _mapped(pid):
                shared[part] = max(shared.get(part, 0), kilobytes)
        return (own + sum(shared.values())) / 1024

    def oom_kills(self) -> int:
        return self._group.oom_kills()

    @contextmanager
    def phase(self) -> Iterator[Phase]:
        """Measure the time of a block, and the peak in it."""
        phase, began = Phase(peak_mb=self.anonymous_mb()), time.monotonic()
        self._phases.append(phase)
        try:
            yield phase
        finally:
            self._phases.remove(phase)
            phase.seconds = time.monotonic() - began

    # What it does -------------------------------------------------------------------------------

    def pids(self) -> list[int]:
        """Every process in the group."""
        return self._group.pids()

    def programs(self) -> list[str]:
        """The command line of every process in the group."""
        found = []
        for pid in self._group.pids():
            try:
                found.append(Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode().strip())
            except OSError:
                continue
        return found

    def records(self) -> list[dict[str, Any]]:
        """The records of all jobs, first come first."""
        found = [json.loads(path.read_text()) for path in self.data.glob("visitors/*/jobs/*/record.json")]
        return sorted(found, key=lambda record: record["sequence"])

    def result(self, key: str) -> Path:
        """The folder of a result."""
        return next(self.data.glob(f"visitors/*/results/{key}"))

    def dataset(self, dataset: str) -> Path:
        """The folder of a dataset."""
        return next(self.data.glob(f"visitors/*/datasets/{dataset}"))

    def log(self) -> str:
        return self._log.read_text(errors="replace")[-8_000:]

    def until(self, true: Callable[[], bool], what: str, *, seconds: float = HANG) -> None:
        """Wait until `true`; more than `seconds` of it is a hang."""
        deadline = time.monotonic() + seconds
        while not true():
            if time.monotonic() > deadline:
                raise TimeoutError(f"Waited {seconds:.0f} s for {what}.\n{self.programs()}\n{self.log()}")
            time.sleep(0.1)


def procfile() -> str:
    """What the Procfile says the web process is, verbatim."""
    return (ROOT / "Procfile").read_text().strip().removeprefix("web:").strip()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def main(mb: int) -> None:
    """Serve from a small dyno until Ctrl-C, saying what it holds: `make dyno MB=512`."""
    with Dyno(mb) as dyno:
        print(f"DataInsights in a dyno of {mb} MB is at http://127.0.0.1:{dyno.port}; Ctrl-C ends it.")
        try:
            while True:
                time.sleep(1)
                held = f"{dyno.anonymous_mb():.0f} MB now, {dyno.peak_mb:.0f} MB at most"
                print(f"\r{held}, {dyno.oom_kills()} killed by the kernel ", end="", flush=True)
        except KeyboardInterrupt:
            print()


if __name__ == "__main__":
    try:
        main(int(sys.argv[1]))
    except NoGroup as no:
        sys.exit(f"{no} Run it as root outside a sandbox, or where you are logged in under systemd.")
