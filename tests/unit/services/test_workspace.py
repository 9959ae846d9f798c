"""What the browser sent becomes a path only when it is an id."""

import json
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from services import workspace as workspaces
from services.errors import NotFound
from services.workspace import Home, Workspace, is_id, new_id, read_json, write_json

ROOT = Path(__file__).resolve().parents[3]
GOOD = "0123456789abcdef0123456789abcdef"
BAD = [
    "", ".", "..", "../" + GOOD, GOOD + "/..", "../../../../etc/passwd", GOOD.upper(), GOOD[:-1], GOOD + "0",
    GOOD + "\n", GOOD[:-1] + "\0", "\0" * 32, "g" * 32, " " * 32, "０" * 32, "/" + GOOD[1:],
    GOOD[:16] + "/" + GOOD[17:], None, 7, b"0" * 32, [GOOD], {"id": GOOD},
]  # fmt: skip


@pytest.mark.parametrize("text", BAD, ids=repr)
def test_what_is_not_an_id_never_becomes_a_path(tmp_path: Path, text: object) -> None:
    home = Home.at(tmp_path)
    assert not is_id(text)
    here = home.workspace(GOOD)
    for place in (home.workspace, here.upload, here.dataset, here.job, here.result):
        with pytest.raises(NotFound) as refused:
            place(text)  # type: ignore[arg-type]
        assert refused.value.message == "This does not exist any more, or never did."


def test_an_id_becomes_a_path_inside_its_visitors_folder(tmp_path: Path) -> None:
    here = Home.at(tmp_path).workspace(GOOD)
    assert here.visitor == GOOD
    for place, kind in (
        (here.upload, "uploads"),
        (here.dataset, "datasets"),
        (here.job, "jobs"),
        (here.result, "results"),
    ):
        assert place(GOOD) == tmp_path / "visitors" / GOOD / kind / GOOD


def test_new_ids_are_ids_and_differ() -> None:
    made = {new_id() for _ in range(1_000)}
    assert len(made) == 1_000
    assert all(map(is_id, made))


def test_only_folders_that_are_ids_are_listed(tmp_path: Path) -> None:
    home = Home.at(tmp_path)
    (home.root / "visitors" / "stray").mkdir()
    assert list(home.workspaces()) == []
    here = home.workspace(new_id())
    here.job(GOOD).mkdir(parents=True)
    (here.folder / "jobs" / "stray").mkdir()
    assert list(home.workspaces()) == [here]
    assert list(here.each("jobs")) == [here.job(GOOD)]
    assert list(here.each("results")) == []


def test_the_data_folder_is_readable_by_this_user_only(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir(mode=0o755)
    home = Home.at(tmp_path / "data")
    for folder in (home.root, home.server, home.root / "visitors"):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_a_secret_key_is_made_once_and_kept(tmp_path: Path) -> None:
    home = Home.at(tmp_path)
    key = home.secret_key()
    assert len(key) >= 64
    assert home.secret_key() == Home.at(tmp_path).secret_key() == key
    assert stat.S_IMODE((tmp_path / "secret_key").stat().st_mode) == 0o600
    assert sorted(path.name for path in tmp_path.iterdir()) == ["secret_key", "server", "visitors"]
    assert Home.at(tmp_path / "other").secret_key() != key


@pytest.mark.parametrize("damage", [b"", b"\xff\x00" * 32, b"abc", b"0" * 63 + b"\n"])
def test_a_damaged_secret_key_is_replaced_by_a_new_one(tmp_path: Path, damage: bytes) -> None:
    home = Home.at(tmp_path)
    (tmp_path / "secret_key").write_bytes(damage)
    key = home.secret_key()
    assert len(key) == 64
    assert home.secret_key() == key


def test_processes_that_start_together_agree_on_the_secret_key(tmp_path: Path) -> None:
    Home.at(tmp_path)
    code = "import sys; from pathlib import Path; from services.workspace import Home; "
    code += "input(); print(Home.at(Path(sys.argv[1])).secret_key())"
    starting = [
        subprocess.Popen(
            [sys.executable, "-c", code, str(tmp_path)],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(4)
    ]
    for process in starting:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    assert len({process.communicate(timeout=15)[0] for process in starting}) == 1


@pytest.mark.parametrize("value", [None, 1.5, "Größe 日本", [1, None], {"a": {"b": []}}])
def test_json_comes_back(tmp_path: Path, value: object) -> None:
    write_json(tmp_path / "x.json", value)
    assert read_json(tmp_path / "x.json") == value
    assert [path.name for path in tmp_path.iterdir()] == ["x.json"]


def test_what_cannot_be_written_leaves_the_old_value(tmp_path: Path) -> None:
    write_json(tmp_path / "x.json", {"old": 1})
    with pytest.raises(TypeError):
        write_json(tmp_path / "x.json", {"new": object()})
    assert read_json(tmp_path / "x.json") == {"old": 1}
    assert [path.name for path in tmp_path.iterdir()] == ["x.json"]


@pytest.mark.parametrize("said", [b"", b"{", b"\xff\xfe\x00", b"noise"])
def test_damaged_json_is_not_there(tmp_path: Path, said: bytes) -> None:
    (tmp_path / "x.json").write_bytes(said)
    for path in (tmp_path / "x.json", tmp_path / "none.json", tmp_path / "x.json" / "below"):
        with pytest.raises(NotFound):
            read_json(path)


def test_a_kept_file_is_private(tmp_path: Path) -> None:
    write_json(tmp_path / "x.json", 1)
    assert stat.S_IMODE((tmp_path / "x.json").stat().st_mode) == 0o600
    assert json.loads((tmp_path / "x.json").read_text()) == 1


def test_a_workspace_is_where_its_folder_is(tmp_path: Path) -> None:
    assert Workspace(tmp_path / GOOD).visitor == GOOD
    assert workspaces.Home.at(tmp_path).server == tmp_path / "server"
