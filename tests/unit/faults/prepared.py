"""A visitor who has something of each kind that is stored: what damage and strangers are tried on."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from flask import Flask

from callbacks.house import NAME, House
from services import chains, datasets, results, runs
from services.jobs import record
from services.workspace import Workspace, new_id
from tests.unit.faults.inside import Inside
from tests.waiting import until

LINES = b"item,amount\ntea,80\nmilk,15\njam,5\n"


@dataclass(frozen=True, kw_only=True)
class Prepared:
    """What the visitor has: two datasets, a run that is done and exported, one that ended early, a chain, an upload."""

    workspace: Workspace
    dataset: str
    other: str  # another dataset
    done: str  # a job
    answer: str  # the key of its result
    export: str  # a file exported from it
    early: str  # a job that was cancelled, with steps kept, one stopped, and a result so far
    left: str  # the key of its question
    chain: str
    upload: str

    def copied(self) -> Self:
        """The same of another visitor."""
        here = Workspace(self.workspace.folder.with_name(new_id()))
        shutil.copytree(self.workspace.folder, here.folder)
        for each in here.each("jobs"):
            job = record.read(each)
            job.changed(visitor=here.visitor).write(each)
        return type(self)(**{**self.__dict__, "workspace": here})


def prepare(server: Flask, folder: Path) -> Prepared:
    """Do all of it, through the server; `folder` is for files that steer the runs."""
    visitor, here = Inside(server), server.extensions[NAME]
    assert isinstance(here, House)
    workspace, engine = visitor.workspace, here.engine
    other = visitor.bring("other.csv", LINES + b"rye,1\n")
    dataset = visitor.bring("items.csv", LINES)
    known = datasets.about(workspace, dataset)
    done = visitor.ended(engine.ask(workspace, "battery", known, {"item": "item"}))
    asked = {"result": done.key, "table": "models", "format": "csv", "raw": False}
    export = visitor.ended(engine.export(workspace, asked, 12))
    asked = {"item": "item", "dies": 2, "waits": 4, "gate": str(folder / "never")}
    early = engine.ask(workspace, "battery", datasets.about(workspace, other), asked)
    until(lambda: engine.get(workspace, early.id).making == "Model 4")
    engine.cancel(workspace, early.id)
    assert visitor.ended(early).state == "cancelled"
    chain = chains.ask(engine, workspace, known, ["nothing", "refuses"])
    until(lambda: not any(job.is_live for job in engine.mine(workspace)))
    runs.rename(workspace, done.id, "The first")
    _, made, _ = visitor.send("POST", "/_uploads", Upload_Length="9", Upload_Metadata="filename dC5jc3Y=")
    upload = made["Location"].rpartition("/")[2]
    visitor.send("PATCH", made["Location"], b"half", Upload_Offset="0")
    assert (workspace.result(done.key) / results.EXPORTS / str(export.outcome)).exists()
    return Prepared(
        workspace=workspace, dataset=dataset, other=other, done=done.id, answer=done.key, export=str(export.outcome),
        early=early.id, left=early.key, chain=chain, upload=upload,
    )  # fmt: skip
