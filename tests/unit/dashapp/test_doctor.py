"""The doctor finds what is broken, mends what is safe to mend, and leaves alone what works."""

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from services import memory, serving
from services.analysis import find_all
from services.jobs import record
from services.jobs.engine import Engine
from services.jobs.processes import JOB
from services.jobs.record import Record
from services.workspace import new_id
from tests.unit.services.jobs.stage import Stage
from tests.waiting import lives, until

ROOT = Path(__file__).resolve().parents[3]
SLEEP = "import time; print('up', flush=True); time.sleep(600)"


@dataclass(frozen=True)
class Visit:
    """What the doctor said of a data folder."""

    code: int
    said: dict[str, Any]
    report: str

    @property
    def kinds(self) -> list[str]:
        return [each["kind"] for each in self.said["findings"]]


def doctor(home: Path, *words: str, **environment: str) -> Visit:
    """Run the command as a person does."""
    ran = subprocess.run(
        [sys.executable, "-m", "dashapp", "doctor", *words],
        cwd=ROOT,
        env=os.environ | {"DATA_DIR": str(home), "EXTRA_ANALYSES": "tests.analyses"} | environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    (line,) = ran.stdout.splitlines()
    assert "Traceback" not in ran.stderr
    return Visit(ran.returncode, json.loads(line), ran.stderr)


def snapshot(root: Path) -> dict[str, tuple[int, float]]:
    """Every file and folder below `root`, with its size and when it was written."""
    below = sorted(root.rglob("*"))
    return {str(each): (each.lstat().st_size, each.lstat().st_mtime) for each in (root, *below)}


def older(path: Path, seconds: float) -> None:
    """Make everything below `path` look as if written long ago."""
    when = time.time() - seconds
    for each in (*path.rglob("*"), path):
        os.utime(each, (when, when))


@pytest.fixture
def stage(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Stage]:
    monkeypatch.setenv("EXTRA_ANALYSES", "tests.analyses")
    find_all.cache_clear()
    made = Stage(tmp_path / "data")
    (made.workspace.dataset(made.dataset["id"]) / "profile.json").write_text("{}")
    yield made
    made.close()
    find_all.cache_clear()


def kept(stage: Stage, **changes: Any) -> Record:
    """A record on disk, as a crash left it."""
    fallen = Record(
        id=new_id(), visitor=stage.workspace.visitor, task="analysis", slug="instant", title="Instant",
        dataset=stage.dataset["id"], params={"item": "item"}, key=new_id(), lane="heavy", **changes,
    )  # fmt: skip
    stage.folder(fallen).mkdir(parents=True)
    fallen.write(stage.folder(fallen))
    return fallen


def test_a_folder_that_is_not_there_yet_is_well_and_is_not_made(tmp_path: Path) -> None:
    seen = doctor(tmp_path / "none" / "yet")
    assert (seen.code, seen.said["status"], seen.said["findings"], seen.said["needs"]) == (0, "healthy", [], [])
    assert list(tmp_path.iterdir()) == []


def test_it_says_how_the_server_and_its_data_are_and_never_the_secret(stage: Stage) -> None:
    stage.ended(stage.ask("instant"))
    until(lambda: not stage.engine.live())
    seen = doctor(stage.home.root, SECRET_KEY="s3cret", KEEP_DAYS="3")
    said = seen.said
    assert (seen.code, said["status"], said["check_only"]) == (0, "healthy", False)
    limit = memory.limit(512)
    assert said["memory"]["limit_mb"] == limit.mb
    assert (said["memory"]["read_from"] == "MEMORY_LIMIT_MB") == (limit.source == "setting")
    assert said["disk"]["data_dir"] == str(stage.home.root)
    assert (said["disk"]["datasets"]["count"], said["disk"]["results"]["count"]) == (1, 1)
    assert {"python", "dash", "duckdb", "pandas"} <= set(said["versions"])
    assert None not in said["versions"].values()
    assert said["settings"] == {"DATA_DIR": str(stage.home.root), "SECRET_KEY": "(set)", "KEEP_DAYS": 3}
    assert "s3cret" not in json.dumps(said) + seen.report
    assert "All is well." in seen.report
    for kind in ("Memory", "Disk", "Versions", "Settings"):
        assert kind in seen.report


def test_it_loads_nothing_heavy(stage: Stage) -> None:
    code = (
        "import sys; from dashapp import doctor; from dashapp.settings import Settings\n"
        "doctor.examine(Settings.read(), check=False)\n"
        "print(*{each.partition('.')[0] for each in sys.modules})"
    )
    environment = os.environ | {"DATA_DIR": str(stage.home.root)}
    ran = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stderr
    assert not {"pandas", "numpy", "duckdb", "pyarrow", "dash", "flask"} & set(ran.stdout.split())


def test_a_record_that_says_it_runs_is_marked_interrupted(stage: Stage) -> None:
    job = kept(stage, state="running", ended=None, pid=2**22 + 1, start=1)
    looked = doctor(stage.home.root, "--check")
    assert (looked.code, looked.kinds, looked.said["findings"][0]["repaired"]) == (2, ["stale record"], False)
    assert stage.now(job).state == "running"
    seen = doctor(stage.home.root)
    assert (seen.code, seen.said["status"], seen.kinds) == (0, "repaired", ["stale record"])
    assert seen.said["findings"][0]["repaired"] is True
    assert stage.now(job).state == "interrupted"
    assert doctor(stage.home.root).said["status"] == "healthy"


def test_a_process_of_a_run_that_ended_is_killed_and_one_of_another_server_is_not(stage: Stage) -> None:
    job = stage.ended(stage.ask("instant"))
    until(lambda: not stage.engine.live())
    processes = [
        subprocess.Popen([sys.executable, "-c", SLEEP], env=os.environ | {JOB: of}, stdout=subprocess.PIPE, text=True)
        for of in (job.id, new_id())
    ]
    try:
        for each in processes:
            assert each.stdout is not None
            assert each.stdout.readline() == "up\n"
        ours, foreign = processes
        looked = doctor(stage.home.root, "--check")
        assert (looked.code, looked.kinds) == (2, ["orphaned process"])
        assert str(ours.pid) in looked.report
        assert lives(ours.pid)
        seen = doctor(stage.home.root)
        assert (seen.code, seen.kinds, seen.said["needs"]) == (0, ["orphaned process"], [])
        assert not lives(ours.pid)
        assert lives(foreign.pid)
    finally:
        for each in processes:
            each.kill()
            each.communicate()


def test_what_nobody_finishes_is_removed_and_what_is_new_or_whole_stays(stage: Stage) -> None:
    job = stage.ended(stage.ask("instant"))
    until(lambda: not stage.engine.live())
    spill = stage.folder(job) / "tmp"
    spill.mkdir()
    (spill / "spilled").write_bytes(b"x" * 2_000_000)
    old_file, old_folder, new_file = (
        stage.workspace.result(job.key) / ".items.parquet.1",
        stage.workspace.result(job.key) / "steps" / ".part",
        stage.home.server / ".new.json",
    )
    old_folder.mkdir(parents=True)
    for each in (old_file, new_file, old_folder / "value.json"):
        each.write_text("half")
    older(old_file, 4_000)
    older(old_folder, 4_000)
    uploads = [stage.workspace.upload(new_id()) for _ in range(2)]
    for each in uploads:
        each.mkdir(parents=True)
        (each / "content").write_text("a,b\n1,")
    older(uploads[0], 2 * 86_400)
    before = stage.workspace.result(job.key) / "result.json"
    seen = doctor(stage.home.root)
    assert (seen.code, seen.said["status"]) == (0, "repaired")
    assert sorted(seen.kinds) == ["temporary folder", "unfinished file", "unfinished upload"]
    assert "1 temporary folder of a run that has ended, 1.9 MB." in seen.report
    assert "2 unfinished files that nobody finishes, 0.0 MB." in seen.report
    assert not any(each.exists() for each in (spill, old_file, old_folder, uploads[0]))
    assert all(each.exists() for each in (new_file, uploads[1], before, stage.folder(job) / record.FILE))


def test_what_is_live_is_left_alone_and_works_on(stage: Stage, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    job = stage.running(stage.ask("steps", gate=str(gate)))
    waiting = stage.ask("instant")
    part = stage.workspace.result(job.key) / "steps" / ".part"
    part.mkdir(parents=True)
    older(part, 4_000)
    assert (stage.folder(job) / "tmp").is_dir()
    assert doctor(stage.home.root, "--check").said["findings"] == []
    assert doctor(stage.home.root).said["findings"] == []
    assert (stage.now(job).state, stage.now(waiting).state) == ("running", "queued")
    assert part.exists()
    gate.touch()
    assert stage.ended(job).state == "done"
    assert stage.ended(waiting).state == "done"


def test_an_index_of_noise_is_made_again_from_the_records(stage: Stage, tmp_path: Path) -> None:
    job = kept(stage, state="queued", started=None, ended=None, sequence=7)
    stage.engine.index.close()
    file = stage.home.server / "index" / "cache.db"
    for each in file.parent.glob("cache.db-*"):
        each.unlink()
    file.write_bytes(os.urandom(40_000))
    looked = doctor(stage.home.root, "--check")
    assert (looked.code, looked.kinds) == (2, ["damaged index"])
    seen = doctor(stage.home.root)
    assert (seen.code, seen.kinds, seen.said["needs"]) == (0, ["damaged index"], [])
    stage.engine = Engine(stage.home, stage.engine.bounds)
    assert [each.id for _, each in stage.engine.live()] == [job.id]


def test_beside_a_server_its_index_is_left_to_it(stage: Stage) -> None:
    serving.sign_in(stage.home.server, os.getpid())
    stage.engine.index.close()
    (stage.home.server / "index" / "cache.db").write_bytes(b"noise" * 1_000)
    seen = doctor(stage.home.root)  # this process serves, and has no timer
    assert seen.code == 2
    assert "The server that runs did not repair it: restart it." in seen.said["needs"][0]
    assert (stage.home.server / "index" / "cache.db").read_bytes().startswith(b"noise")


def test_a_table_of_an_answer_that_cannot_be_read_goes_so_that_it_is_made_again(stage: Stage) -> None:
    job = stage.ended(stage.ask("instant"))
    until(lambda: not stage.engine.live())
    folder = stage.workspace.result(job.key)
    (folder / "items.json").write_text('{"item": ["tea"')
    seen = doctor(stage.home.root)
    assert (seen.code, seen.kinds) == (0, ["damaged result"])
    assert not (folder / "items.json").exists()
    assert (folder / "result.json").exists()
    (folder / "result.json").write_text("[]")
    assert doctor(stage.home.root).kinds == ["damaged result"]
    assert doctor(stage.home.root).said["status"] == "healthy"


def test_what_a_visitor_stored_needs_a_person_and_is_not_touched(stage: Stage) -> None:
    job = stage.ended(stage.ask("instant"))
    until(lambda: not stage.engine.live())
    (stage.folder(job) / record.FILE).write_text("{")
    data = stage.workspace.dataset(stage.dataset["id"]) / "data_full.parquet"
    os.truncate(data, 100)
    seen = doctor(stage.home.root)
    assert (seen.code, seen.said["status"]) == (2, "attention")
    assert seen.kinds == ["damaged record", "damaged dataset"]
    assert len(seen.said["needs"]) == 2
    assert str(stage.folder(job)) in seen.said["needs"][0]
    assert all(each.endswith(".") for each in seen.said["needs"])
    assert data.stat().st_size == 100
    shutil.rmtree(stage.folder(job))


def test_checking_changes_nothing(stage: Stage) -> None:
    job = kept(stage, state="failed", started=1.0, ended=2.0)
    stage.engine.index.close()
    (stage.folder(job) / "tmp").mkdir()
    before = snapshot(stage.home.root)
    assert doctor(stage.home.root, "--check").code == 2
    assert snapshot(stage.home.root) == before


def test_a_folder_that_is_a_file_needs_a_person(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("x")
    seen = doctor(tmp_path / "data")
    assert (seen.code, seen.kinds) == (2, ["data folder"])
    assert "Set DATA_DIR to another." in seen.said["needs"][0]


def test_a_bad_setting_is_named(tmp_path: Path) -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "dashapp", "doctor"], cwd=ROOT, env=os.environ | {"LOG_LEVEL": "loud"},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert ran.returncode == 2
    assert "LOG_LEVEL is “loud”" in json.loads(ran.stdout)["error"]["message"]
