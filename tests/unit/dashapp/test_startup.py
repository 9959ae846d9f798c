"""What keeps the server from starting is said in a sentence, with an exit code, and nothing goes on for ever."""

from __future__ import annotations

import base64
import json
import os
import shutil
import socket
import subprocess
import sys
import venv
from collections.abc import Iterator
from http.cookiejar import CookieJar
from pathlib import Path
from urllib.request import HTTPCookieProcessor, build_opener, urlopen

import pytest

from dashapp import startup
from tests.waiting import until

ROOT = Path(__file__).resolve().parents[3]
PROCFILE = (ROOT / "Procfile").read_text().strip().removeprefix("web:").strip()
FIXABLE, NO_BOOT = 2, 3
# What lets root write where nobody may.
POWERS = "-dac_override,-dac_read_search"


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _environment(python: Path, folder: Path, **settings: str) -> dict[str, str]:
    return {
        "PATH": f"{python.parent}{os.pathsep}{os.environ['PATH']}", "PYTHONPATH": str(ROOT), "HOME": str(folder),
        "PORT": str(_free_port()), "DATA_DIR": str(folder / "data"), **settings,
    }  # fmt: skip


def _serve(environment: dict[str, str], *under: str) -> tuple[int, str]:
    """Start the dashboard as `make run` does; how it ended and what it said."""
    python = environment["PATH"].partition(os.pathsep)[0] + "/python"
    return _ended([*under, python, "-m", "dashapp", "serve"], environment)


def _gunicorn(environment: dict[str, str], *under: str) -> tuple[int, str]:
    """Start the Procfile's line as a platform does."""
    return _ended([*under, "/bin/sh", "-c", f"exec env {PROCFILE}"], environment)


def _ended(command: list[str], environment: dict[str, str]) -> tuple[int, str]:
    said = subprocess.run(
        command, cwd=ROOT, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True, timeout=60, check=False,
    )  # fmt: skip
    return said.returncode, said.stdout


def _sentence(log: str) -> str:
    """The one critical line of the server's log; it is no traceback."""
    assert "Traceback" not in log, log
    (line,) = [json.loads(each) for each in log.splitlines() if each.startswith("{")]
    assert line["level"] == "critical"
    return line["message"]


def _both(environment: dict[str, str], *under: str) -> str:
    """The sentence that either way of starting ends with, on its code."""
    code, said = _serve(environment, *under)
    assert code == FIXABLE, said
    code, log = _gunicorn(environment, *under)
    assert code == NO_BOOT, log
    assert log.count("Booting worker") == 1, "it is not tried again"
    assert said.splitlines() == [_sentence(log)]
    return _sentence(log)


# Packages -----------------------------------------------------------------------------------------


def _without(folder: Path, *packages: str) -> Path:
    """A Python with everything that this one has, but for `packages`."""
    venv.create(folder, with_pip=False, symlinks=True)
    (target,) = folder.glob("lib/python*/site-packages")
    (source,) = Path(sys.prefix).glob("lib/python*/site-packages")
    for each in source.iterdir():
        if not each.name.startswith(packages):
            (target / each.name).symlink_to(each)
    script = folder / "bin" / "gunicorn"
    script.write_text(f"#!{folder}/bin/python\nfrom gunicorn.app.wsgiapp import run\nrun()\n")
    script.chmod(0o755)
    return folder / "bin" / "python"


def test_a_package_that_is_missing_is_named_with_what_installs_it(tmp_path: Path) -> None:
    python = _without(tmp_path / "venv", "dash_ag_grid")
    assert _both(_environment(python, tmp_path)) == (
        "dash-ag-grid is not installed for this Python. "
        "Run `python -m pip install -r requirements.lock`, or start it by `make run`."
    )
    assert not (tmp_path / "data").exists()


def test_what_only_jobs_need_is_missed_at_the_start_too(tmp_path: Path) -> None:
    python = _without(tmp_path / "venv", "duckdb", "_duckdb", "sklearn", "scikit_learn")
    said = _both(_environment(python, tmp_path))
    assert said.startswith("duckdb, scikit-learn are not installed for this Python. ")


def test_what_our_packages_need_themselves_is_named(tmp_path: Path) -> None:
    python = _without(tmp_path / "venv", "itsdangerous")
    code, log = _gunicorn(_environment(python, tmp_path))
    assert (code, log.count("Booting worker")) == (NO_BOOT, 1)
    assert _sentence(log).startswith("itsdangerous is not installed for this Python. ")


def test_the_other_commands_say_it_in_their_own_form(tmp_path: Path) -> None:
    python = _without(tmp_path / "venv", "pandas")
    said = subprocess.run(
        [python, "-m", "dashapp", "analyses"], cwd=ROOT, env=_environment(python, tmp_path), capture_output=True,
        text=True, check=False,
    )  # fmt: skip
    assert said.returncode == FIXABLE
    assert json.loads(said.stdout)["error"]["message"] == said.stderr.strip()
    assert said.stderr.startswith("pandas is not installed")


def test_each_package_of_requirements_is_looked_for_by_a_name_that_is_there() -> None:
    assert {"dash", "duckdb", "scikit-learn"} <= set(startup.packages())


# DATA_DIR -----------------------------------------------------------------------------------------

HERE = Path(sys.executable)


@pytest.mark.parametrize("below", ["", "deeper/data"])
def test_a_data_folder_that_is_a_file_is_refused(tmp_path: Path, below: str) -> None:
    (tmp_path / "file").write_text("mine")
    place = tmp_path / "file" / below
    said = _both(_environment(HERE, tmp_path, DATA_DIR=str(place)))
    assert said == f"DATA_DIR, {place}, is a file, or lies below one. Set DATA_DIR to a folder."
    assert (tmp_path / "file").read_text() == "mine"


@pytest.fixture
def mounted(tmp_path: Path) -> Iterator[Path]:
    """A disk of 3 MB of its own."""
    place = tmp_path / "disk"
    place.mkdir()
    try:
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=3m", "none", place], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError) as error:
        if os.environ.get("CI", "").lower() in {"1", "true"}:
            pytest.fail(f"CI must never skip this. No disk can be mounted here: {error}")
        pytest.skip(f"Not run. No disk can be mounted here: {error}")
    yield place
    subprocess.run(["umount", place], check=True)


def test_a_data_folder_on_a_disk_that_is_read_only_is_refused(mounted: Path, tmp_path: Path) -> None:
    subprocess.run(["mount", "-o", "remount,ro", mounted], check=True)
    said = _both(_environment(HERE, tmp_path, DATA_DIR=str(mounted / "data")))
    assert said.startswith(f"DATA_DIR, {mounted / 'data'}, cannot be written to: Read-only file system. Make it ")
    assert said.endswith(" or set DATA_DIR to another folder.")


def test_a_data_folder_on_a_full_disk_is_refused_and_keeps_what_it_held(mounted: Path, tmp_path: Path) -> None:
    (mounted / "full").write_bytes(bytes(shutil.disk_usage(mounted).free))
    said = _both(_environment(HERE, tmp_path, DATA_DIR=str(mounted / "data")))
    assert said.startswith(f"DATA_DIR, {mounted / 'data'}, is on a disk that is full. Make room on it, or ")
    (mounted / "full").unlink()
    environment = _environment(HERE, tmp_path, DATA_DIR=str(mounted / "data"))
    server = _started(environment)
    server.terminate()
    assert server.wait(20) == 0


def test_a_data_folder_that_this_user_may_not_write_to_is_refused(tmp_path: Path) -> None:
    theirs = tmp_path / "theirs"
    theirs.mkdir(mode=0o500)
    powerless = ["setpriv", f"--bounding-set={POWERS}"] if os.geteuid() == 0 else []
    assert _both(_environment(HERE, tmp_path, DATA_DIR=str(theirs / "data")), *powerless) == (
        f"DATA_DIR, {theirs / 'data'}, cannot be written to: Permission denied. Make it writable for user "
        f"{os.geteuid()}, which this runs as, or set DATA_DIR to another folder."
    )


# Settings and port --------------------------------------------------------------------------------


def test_a_setting_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    said = _both(_environment(HERE, tmp_path, MEMORY_LIMIT_MB="plenty"))
    assert said == "MEMORY_LIMIT_MB is “plenty”, and a whole number from 1 up is needed."


def test_a_port_that_is_taken_is_named(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        code, said = _serve(_environment(HERE, tmp_path, PORT=str(port)))
        assert (code, said) == (
            FIXABLE, f"Port {port} of 127.0.0.1 cannot be used: Address already in use. Set PORT to another.\n",
        )  # fmt: skip


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"PORT": "70000"}, "There is no port 70000: set PORT to a number from 1 to 65535.\n"),
        (
            {"HOST": "nowhere.invalid"},
            "“nowhere.invalid” is no address of this machine. Set HOST to 127.0.0.1, or to 0.0.0.0 for all.\n",
        ),
    ],
)
def test_an_address_that_cannot_be_is_refused(tmp_path: Path, given: dict[str, str], said: str) -> None:
    assert _serve(_environment(HERE, tmp_path, **given)) == (FIXABLE, said)


# The key ------------------------------------------------------------------------------------------


def _started(environment: dict[str, str]) -> subprocess.Popen[bytes]:
    """The dashboard, answering."""
    server = subprocess.Popen(
        ["/bin/sh", "-c", f"exec env {PROCFILE}"], cwd=ROOT, env=environment, stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip

    def answers() -> bool:
        assert server.poll() is None, f"it ended with {server.returncode}"
        try:
            return urlopen(f"http://127.0.0.1:{environment['PORT']}/healthz").status == 200
        except OSError:
            return False

    until(answers)
    return server


def test_with_another_key_it_starts_and_says_once_that_earlier_work_is_out_of_reach(tmp_path: Path) -> None:
    cookies = CookieJar()
    browser = build_opener(HTTPCookieProcessor(cookies))
    told, visitors = [], []
    for key in ("first", "second", "second"):
        environment = _environment(HERE, tmp_path, SECRET_KEY=key)
        server = _started(environment)
        try:
            for path in ("/", "/_pulse", "/_dash-layout"):  # a page as a browser opens it, with a tab still open
                page = browser.open(f"http://127.0.0.1:{environment['PORT']}{path}").read().decode()
            told.append("cannot be shown" in page)
            said = next(each.value for each in cookies if each.name == "datainsights").partition(".")[0]
            visitors.append(json.loads(base64.urlsafe_b64decode(said + "=="))["visitor"])
        finally:
            server.terminate()
            server.wait(20)
    assert told == [False, True, False]
    assert visitors[0] != visitors[1] == visitors[2], "who was refused is somebody new, and stays so"
