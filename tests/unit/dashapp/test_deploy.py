"""Every file that tells a platform how to run us says what the Procfile says."""

from __future__ import annotations

import dataclasses
import json
import os
import re
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from werkzeug.serving import make_server

from dashapp import app
from dashapp.settings import Settings

ROOT = Path(__file__).resolve().parents[3]
PROCFILE = (ROOT / "Procfile").read_text().strip().removeprefix("web:").strip()
DOCKERFILE = (ROOT / "Dockerfile").read_text()
SETTINGS = {each.name.upper() for each in dataclasses.fields(Settings)}


def test_the_image_runs_the_procfiles_line() -> None:
    assert DOCKERFILE.splitlines()[-1] == f"CMD exec env {PROCFILE}"


def test_render_runs_the_procfiles_line() -> None:
    assert f"    startCommand: {PROCFILE}\n" in (ROOT / "render.yaml").read_text()


def test_the_image_holds_every_package_of_ours_and_is_run_by_nobody_special() -> None:
    copied = set(re.findall(r"^COPY (\w+) \1$", DOCKERFILE, re.MULTILINE))
    ours = {each.parent.name for each in ROOT.glob("*/__init__.py")} - {"tests"}
    assert copied == ours | {"assets"}
    assert "\nUSER datainsights\n" in DOCKERFILE
    assert "install -d -m 0700 -o datainsights -g datainsights /data" in DOCKERFILE


def test_nothing_that_the_image_copies_is_left_out_of_its_context() -> None:
    ignored = {line for line in (ROOT / ".dockerignore").read_text().splitlines() if not line.startswith("#")}
    copied = {name for names in re.findall(r"^COPY (.+) \S+$", DOCKERFILE, re.MULTILINE) for name in names.split()}
    assert not copied & ignored
    assert all((ROOT / name).exists() for name in copied)


def test_every_platform_gets_the_python_of_the_tests() -> None:
    version = (ROOT / ".python-version").read_text().strip()
    assert f"FROM python:{version}-slim\n" in DOCKERFILE
    assert sys.version_info >= tuple(map(int, version.split(".")))


def test_what_platforms_are_to_set_are_settings() -> None:
    told = json.loads((ROOT / "app.json").read_text())
    assert set(told["env"]) <= SETTINGS
    assert told["formation"]["web"]["quantity"] == 1, "a second server would share no disk"
    assert set(re.findall(r"- key: (\w+)", (ROOT / "render.yaml").read_text())) <= SETTINGS
    (settings,) = re.findall(r"^ENV (.+)$", DOCKERFILE, re.MULTILINE)
    assert {pair.partition("=")[0] for pair in settings.split()} - {"PYTHONUNBUFFERED"} <= SETTINGS


def test_the_images_health_check_tells_a_server_that_answers_from_none(tmp_path: Path) -> None:
    (command,) = re.findall(r"^  CMD (\[.+\])$", DOCKERFILE, re.MULTILINE)
    _, *words = json.loads(command)
    ours = app.create_app(Settings(data_dir=tmp_path / "data")).server
    server = make_server("127.0.0.1", 0, ours, threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    environment = os.environ | {"PORT": str(server.port)}
    assert subprocess.run([sys.executable, *words], env=environment, check=False).returncode == 0
    server.shutdown()
    thread.join()
    server.server_close()
    assert subprocess.run([sys.executable, *words], env=environment, capture_output=True, check=False).returncode == 1


@pytest.mark.parametrize("name", ["Dockerfile", "render.yaml", "app.json", ".dockerignore"])
def test_no_secret_is_written_down(name: str) -> None:
    assert not re.search(r"SECRET_KEY\W{1,4}(value\W|=)", (ROOT / name).read_text())
