"""A file comes in by parts, in order, as long as was said, and belongs to one visitor."""

import hashlib
import json
import os
import shutil
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from services import uploads
from services.errors import Busy, Damaged, DoesNotFit, FileRefused, NotFound, OutOfStep
from services.uploads import CONTENT, Upload
from services.workspace import Home, Workspace, new_id


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """A visitor's workspace."""
    return Home.at(tmp_path).workspace(new_id())


def begun(workspace: Workspace, length: int = 10, name: str = "table.csv") -> Upload:
    return uploads.create(workspace, name, length, limit_mb=1)


def test_parts_that_follow_each_other_make_the_file(workspace: Workspace) -> None:
    upload = begun(workspace)
    assert (upload.offset, upload.is_complete) == (0, False)
    assert uploads.append(upload, 0, [b"abc", b"de"]) == 5
    again = uploads.get(workspace, upload.id)
    assert (again.offset, again.is_complete, again.length, again.name) == (5, False, 10, "table.csv")
    assert uploads.append(again, 5, iter([b"fghij"])) == 10
    assert again.is_complete
    assert (again.folder / CONTENT).read_bytes() == b"abcdefghij"


@pytest.mark.parametrize("offset", [0, 4, 6, 11])
def test_a_part_that_does_not_follow_is_refused_and_changes_nothing(workspace: Workspace, offset: int) -> None:
    upload = begun(workspace)
    uploads.append(upload, 0, [b"abcde"])
    with pytest.raises(OutOfStep, match="does not follow"):
        uploads.append(upload, offset, [b"x"])
    assert (upload.folder / CONTENT).read_bytes() == b"abcde"


def test_more_than_was_declared_is_refused_and_what_fits_can_still_follow(workspace: Workspace) -> None:
    upload = begun(workspace)
    with pytest.raises(FileRefused, match="longer than was declared"):
        uploads.append(upload, 0, [b"abcdefgh", b"ijk"])
    assert (upload.folder / CONTENT).read_bytes() == b"abcdefgh"
    assert uploads.append(upload, 8, [b"ij"]) == 10


def test_what_arrived_before_the_line_broke_is_kept(workspace: Workspace) -> None:
    upload = begun(workspace)

    def broken() -> Iterator[bytes]:
        yield b"abc"
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        uploads.append(upload, 0, broken())
    assert upload.offset == 3
    assert uploads.append(upload, 3, [b"defghij"]) == 10


def test_two_parts_never_arrive_at_once(workspace: Workspace) -> None:
    upload = begun(workspace)
    first, go = threading.Event(), threading.Event()

    def slow() -> Iterator[bytes]:
        yield b"abc"
        first.set()
        assert go.wait(15)
        yield b"de"

    thread = threading.Thread(target=lambda: uploads.append(upload, 0, slow()))
    thread.start()
    assert first.wait(15)
    for offset in (0, 3):
        with pytest.raises(Busy, match="Another part"):
            uploads.append(upload, offset, [b"xyz"])
    go.set()
    thread.join(15)
    assert (upload.folder / CONTENT).read_bytes() == b"abcde"
    assert uploads.append(upload, 5, [b"fghij"]) == 10


def test_an_empty_file_is_refused(workspace: Workspace) -> None:
    with pytest.raises(FileRefused) as refused:
        begun(workspace, 0, "empty.csv")
    assert refused.value.message == "“empty.csv” is empty: it has no bytes. Choose another file."
    assert list(workspace.each("uploads")) == []


def test_a_file_above_the_limit_is_refused_before_a_byte_of_it_arrives(workspace: Workspace) -> None:
    assert begun(workspace, 1_000_000).length == 1_000_000
    with pytest.raises(FileRefused) as refused:
        uploads.create(workspace, "big.csv", 3_000_000_000, limit_mb=2_000)
    assert refused.value.message.startswith("“big.csv” has 3.0 GB, and this server takes files of up to 2 GB.")
    assert len(list(workspace.each("uploads"))) == 1


def test_a_file_that_the_disk_has_no_room_for_is_refused(workspace: Workspace) -> None:
    free = os.statvfs(workspace.folder.parent)
    more = free.f_bavail * free.f_frsize
    with pytest.raises(DoesNotFit, match="no room"):
        uploads.create(workspace, "big.csv", more, limit_mb=more)
    assert list(workspace.each("uploads")) == []


def test_what_others_have_begun_and_not_yet_sent_takes_room_too(tmp_path: Path) -> None:
    home = Home.at(tmp_path)
    third = int(shutil.disk_usage(tmp_path).free * 0.3)  # with what is made of it it takes three quarters
    first = uploads.create(home.workspace(new_id()), "a.csv", third, limit_mb=third)
    with pytest.raises(DoesNotFit, match="no room"):
        uploads.create(home.workspace(new_id()), "b.csv", third, limit_mb=third)
    os.truncate(first.folder / CONTENT, third)  # all of it is here, and none of it on disk
    uploads.create(home.workspace(new_id()), "c.csv", third, limit_mb=third)


def test_an_upload_that_nobody_goes_on_with_keeps_nobody_out(tmp_path: Path) -> None:
    home = Home.at(tmp_path)
    most = int(shutil.disk_usage(tmp_path).free * 0.3)
    left = uploads.create(home.workspace(new_id()), "a.csv", most, limit_mb=most)
    with pytest.raises(DoesNotFit):
        uploads.create(home.workspace(new_id()), "b.csv", most, limit_mb=most)
    past = time.time() - uploads.GIVEN_UP - 60
    os.utime(left.folder / CONTENT, (past, past))
    uploads.create(home.workspace(new_id()), "c.csv", most, limit_mb=most)


def test_a_disk_that_fills_meanwhile_is_said_in_a_sentence(workspace: Workspace) -> None:
    upload = begun(workspace)
    (upload.folder / CONTENT).unlink()
    (upload.folder / CONTENT).symlink_to("/dev/full")
    with pytest.raises(DoesNotFit, match="no room for “table"):
        uploads.append(upload, 0, [b"abc"])


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("../../etc/passwd", "passwd"),
        ("/abs/table.csv", "table.csv"),
        ("folder/", "table.csv"),
        ("", "table.csv"),
        ("..", ".."),
        ("nul\0.csv", "nul\0.csv"),
        ("<b>Größe 日本</b>.csv", "b>.csv"),
        ("x" * 300, "x" * 200),
    ],
)
def test_a_name_is_only_ever_shown(workspace: Workspace, name: str, kept: str) -> None:
    upload = begun(workspace, name=name)
    assert upload.name == kept
    assert upload.folder.parent == workspace.folder / "uploads"
    assert sorted(path.name for path in upload.folder.iterdir()) == ["content", "meta.json"]
    assert json.loads((upload.folder / "meta.json").read_text())["name"] == kept


def test_another_visitors_upload_is_not_there(workspace: Workspace) -> None:
    upload = begun(workspace)
    other = Workspace(workspace.folder.parent / new_id())
    for hidden in (upload.id, new_id(), "../" + upload.id, f"../../{workspace.visitor}/uploads/{upload.id}", ""):
        with pytest.raises(NotFound):
            uploads.get(other, hidden)


def test_a_removed_or_damaged_upload_is_not_there(workspace: Workspace) -> None:
    removed, damaged, empty = begun(workspace), begun(workspace), begun(workspace)
    uploads.remove(removed)
    uploads.remove(removed)
    (damaged.folder / "meta.json").write_text("{")
    (empty.folder / CONTENT).unlink()
    for upload in (removed, damaged, empty):
        with pytest.raises(NotFound):
            uploads.get(workspace, upload.id)


def test_a_part_is_kept_when_it_is_what_was_sent(workspace: Workspace) -> None:
    upload = begun(workspace)
    assert uploads.append(upload, 0, [b"abc", b"de"], hashlib.sha256(b"abcde").digest()) == 5
    assert (upload.folder / CONTENT).read_bytes() == b"abcde"


@pytest.mark.parametrize("digest", [hashlib.sha256(b"abcdx").digest(), b""])
def test_a_damaged_part_leaves_nothing_and_can_be_sent_again(workspace: Workspace, digest: bytes) -> None:
    upload = begun(workspace)
    uploads.append(upload, 0, [b"abcde"])
    with pytest.raises(Damaged, match="sent again"):
        uploads.append(upload, 5, [b"fg", b"hij"], digest)
    assert (upload.folder / CONTENT).read_bytes() == b"abcde"
    assert uploads.append(upload, 5, [b"fghij"], hashlib.sha256(b"fghij").digest()) == 10


def test_half_a_part_with_a_checksum_is_not_kept(workspace: Workspace) -> None:
    upload = begun(workspace)

    def broken() -> Iterator[bytes]:
        yield b"abc"
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        uploads.append(upload, 0, broken(), hashlib.sha256(b"abcde").digest())
    assert upload.offset == 0


def test_a_quota_counts_tables_what_arrived_and_what_was_declared(workspace: Workspace) -> None:
    table = workspace.dataset(new_id())
    table.mkdir(parents=True)
    (table / "original").write_bytes(bytes(400_000))
    first = uploads.create(workspace, "a.csv", 500_000, limit_mb=1, quota_mb=1)
    uploads.append(first, 0, [bytes(300_000)])
    with pytest.raises(DoesNotFit) as refused:
        uploads.create(workspace, "b.csv", 200_000, limit_mb=1, quota_mb=1)
    assert refused.value.message == (
        "“b.csv” has 0.2 MB, and your tables take 0.9 MB of the 1 MB you may store here. "
        "Remove tables you do not need, then choose it again."
    )
    uploads.remove(first)
    uploads.create(workspace, "b.csv", 200_000, limit_mb=1, quota_mb=1)
    other = Workspace(workspace.folder.parent / new_id())
    uploads.create(other, "c.csv", 900_000, limit_mb=1, quota_mb=1)


def test_only_uploads_that_were_given_up_are_cleared(workspace: Workspace) -> None:
    gone, kept = begun(workspace), begun(workspace)
    uploads.clear(workspace, {gone.id, new_id()})
    assert [folder.name for folder in workspace.each("uploads")] == [kept.id]
