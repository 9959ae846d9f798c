"""What a job does with what was uploaded, and with what is not there any more."""

from pathlib import Path
from typing import Any

import pytest

from services import datasets, uploads
from services.errors import NotFound
from services.jobs import tasks
from services.jobs.record import Record
from services.workspace import Home, Workspace, new_id
from tests.unit.services.jobs.stage import stock

LINES = b"item,amount\ntea,80\nmilk,15\n"


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """A visitor's workspace."""
    here = Home.at(tmp_path).workspace(new_id())
    here.folder.mkdir()
    return here


def perform(
    workspace: Workspace, task: str, *, dataset: str | None = None, slug: str = "", **asked: Any
) -> dict[str, Any]:
    job = Record(
        id=new_id(), visitor=workspace.visitor, task=task, slug=slug or task, title=task, dataset=dataset,
        params=asked, key=new_id(), lane="heavy",
    )  # fmt: skip
    spill = workspace.job(job.id) / "tmp"
    spill.mkdir(parents=True)
    return tasks.perform(job, workspace.job(job.id), spill, lambda **_: None)


def uploaded(workspace: Workspace) -> uploads.Upload:
    upload = uploads.create(workspace, "items.csv", len(LINES), limit_mb=1)
    uploads.append(upload, 0, [LINES])
    return upload


def test_an_upload_becomes_a_dataset_that_keeps_its_bytes(workspace: Workspace) -> None:
    upload = uploaded(workspace)
    made = workspace.dataset(perform(workspace, "ingest", upload=upload.id, name=upload.name)["outcome"])
    assert (made / datasets.ORIGINAL).read_bytes() == LINES
    assert not upload.folder.exists()


def test_an_upload_whose_dataset_was_not_kept_is_still_there(workspace: Workspace) -> None:
    upload = uploaded(workspace)
    (workspace.folder / "datasets").touch()  # no folder can be made there
    with pytest.raises(FileExistsError):
        perform(workspace, "ingest", upload=upload.id, name=upload.name)
    assert (upload.folder / uploads.CONTENT).read_bytes() == LINES
    (workspace.folder / "datasets").unlink()
    assert perform(workspace, "ingest", upload=upload.id, name=upload.name)["outcome"]


def test_an_upload_that_is_gone_is_asked_for_again(workspace: Workspace) -> None:
    with pytest.raises(NotFound, match=r"“items.csv” is not here any more\. Upload it again\."):
        perform(workspace, "ingest", upload=new_id(), name="items.csv")


def test_a_run_whose_dataset_was_removed_says_so(workspace: Workspace) -> None:
    known = stock(workspace)
    datasets.remove(workspace, known["id"])
    with pytest.raises(NotFound, match=r"The dataset of this run was removed\. Open it"):
        perform(workspace, "analysis", dataset=known["id"], slug="rfm")
