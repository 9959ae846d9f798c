"""The 10,000-row twin of the proof, in half a gigabyte; and a comparison that is killed and goes on."""

from __future__ import annotations

import hashlib
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from services.numerics.learning.question import CLASSIFIERS
from tests.bench import mixed
from tests.dyno.dyno import HANG, Dyno
from tests.dyno.journey import LIMIT_MB, Kept
from tests.dyno.learning import ask, begun, board, check_board, compare, upload
from tests.dyno.visitor import Visitor

TREE_MB = 300  # anonymous memory of the whole tree while five models learn from 10,000 rows
SEVEN = 7
NINE = ["logistic", "lightgbm", "naive_bayes", "lda", "ridge", "sgd", "perceptron", "decision_tree", "bagging"]
TITLES = {CLASSIFIERS[slug] for slug in ("baseline", *NINE)}
CLOCKED = {"fit_seconds", "predict_seconds", "peak_mb"}


@pytest.mark.timeout(600)
def test_five_models_learn_from_10_000_rows_in_a_small_dyno(tmp_path: Path, say: Callable[..., None]) -> None:
    mixed.write(tmp_path / "mixed.csv", 10_000)
    with Dyno(LIMIT_MB) as dyno:
        visitor = Visitor(dyno.port)
        dataset = upload(dyno, visitor, tmp_path / "mixed.csv")
        found = compare(dyno, visitor, "classification", dataset, {"target": "outcome", "models": ["quick"]})
        say(f"five models on 10,000 rows: the tree held {found.phase.peak_mb:.0f} MB at most")
        check_board(found.board, "balanced_accuracy")
        assert {row["state"] for row in found.board} == {"done"}
        assert found.facts["score"] > 0.45
        assert found.phase.peak_mb < TREE_MB
        assert dyno.oom_kills() == 0
        assert found.answers > 5
        assert not found.failures


@pytest.mark.timeout(600)
def test_killed_after_seven_models_it_goes_on_at_the_eighth(tmp_path: Path) -> None:
    mixed.write(tmp_path / "mixed.csv", 2_000)
    asked = {"target": "outcome", "models": NINE, "seconds": 7_200}
    with Dyno(LIMIT_MB) as dyno:
        visitor = Visitor(dyno.port)
        dataset = upload(dyno, visitor, tmp_path / "mixed.csv")
        running = begun(dyno, visitor, "classification", dataset, asked)

        def kept() -> int:
            return sum(each in TITLES for each in dyno.records()[-1]["kept"])

        dyno.until(lambda: kept() >= SEVEN, "seven models to be kept")
        job = dyno.records()[-1]
        os.kill(job["pid"], signal.SIGKILL)
        running.join(HANG)
        assert dyno.records()[-1]["state"] == "interrupted"
        steps = dyno.result(job["key"]) / "steps"
        files = {path: path.stat().st_mtime_ns for path in steps.rglob("*") if path.is_file()}
        hashes = {path: hashlib.sha256(path.read_bytes()).hexdigest() for path in files}
        with Kept(files) as seen:
            again = begun(dyno, visitor, "classification", dataset, asked)
            dyno.until(lambda: dyno.records()[-1]["done"] > 3 * SEVEN, "it to go on")
            same = {path: hashlib.sha256(path.read_bytes()).hexdigest() for path in files if path.exists()}
            again.join(HANG)
        assert seen.untouched, "a model that was kept was trained again"
        assert all(hashes[path] == each for path, each in same.items())
        ended = dyno.records()[-1]
        assert ended["state"] == "done", ended
        assert ended["found"] >= SEVEN
        resumed = board(dyno.result(ended["outcome"]))
        ask(visitor, "classification", dataset, asked | {"seconds": 7_199})  # another question, with the same answer
        whole = board(dyno.result(dyno.records()[-1]["outcome"]))
    check_board(resumed, "balanced_accuracy")
    assert _unclocked(resumed) == _unclocked(whole)


def _unclocked(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{name: value for name, value in row.items() if name not in CLOCKED} for row in rows]
