"""What comparing models takes in a dyno, and beside LazyPredict and PyCaret on the same rows and splits."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
import tempfile
import venv
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tests.bench import mixed
from tests.dyno.dyno import ROOT, Dyno
from tests.dyno.journey import LIMIT_MB
from tests.dyno.learning import check_board, compare, upload
from tests.dyno.visitor import Visitor

TARGETS = {"classification": ("outcome", "balanced_accuracy"), "regression": ("amount", "rmse")}
THEIR_LIMIT = 4_000_000_000  # bytes that another tool may hold
PATIENCE = 3_600.0

# Ours -> LazyPredict's class, PyCaret's name.
SHARED: Mapping[str, tuple[str, str | None]] = {
    "logistic": ("LogisticRegression", "lr"), "lightgbm": ("LGBMClassifier", "lightgbm"),
    "random_forest": ("RandomForestClassifier", "rf"), "naive_bayes": ("GaussianNB", "nb"),
    "lda": ("LinearDiscriminantAnalysis", "lda"), "ridge": ("RidgeClassifier", "ridge"),
    "sgd": ("SGDClassifier", "svm"), "perceptron": ("Perceptron", None), "linear_svm": ("LinearSVC", None),
    "decision_tree": ("DecisionTreeClassifier", "dt"), "extra_trees": ("ExtraTreesClassifier", "et"),
    "bagging": ("BaggingClassifier", None), "xgboost": ("XGBClassifier", "xgboost"),
    "adaboost": ("AdaBoostClassifier", "ada"), "knn": ("KNeighborsClassifier", "knn"),
}  # fmt: skip

_MEASURED = """
import json, resource, sys, time, warnings
resource.setrlimit(resource.RLIMIT_DATA, ({limit}, {limit}))
warnings.simplefilter("ignore")
import numpy as np, pandas as pd
frame = pd.read_csv(sys.argv[1]).drop(columns="amount")
def say(found):
    line = next(line for line in open("/proc/self/status") if line.startswith("VmHWM"))
    print(json.dumps({{"mb": int(line.split()[1]) / 1024, "found": found}}))
"""
_LAZY = """
from lazypredict import Supervised
from sklearn.model_selection import StratifiedShuffleSplit
wanted = sys.argv[2].split(",")
models = [kind for name, kind in Supervised.CLASSIFIERS if name in wanted]
X, y = frame.drop(columns="outcome"), frame["outcome"]
(train, test), = StratifiedShuffleSplit(n_splits=1, test_size=1 / 3, random_state=0).split(X, y)
codes = y.astype("category").cat.codes
table, _ = Supervised.LazyClassifier(verbose=0, ignore_warnings=True, classifiers=models).fit(
    X.iloc[train], X.iloc[test], codes.iloc[train], codes.iloc[test])
say({name: [row["Time Taken"], row["Balanced Accuracy"]] for name, row in table.iterrows()})
"""
_CARET = """
from pycaret.classification import add_metric, compare_models, pull, setup
from sklearn.metrics import balanced_accuracy_score
from sklearn.model_selection import PredefinedSplit
folds = pd.read_csv(sys.argv[3]).sort_values("row")["fold"].to_numpy()
setup(data=frame, target="outcome", test_data=frame.head(200), index=False, session_id=0, n_jobs=1, verbose=False,
      fold_strategy=PredefinedSplit(folds), html=False, system_log=False)
add_metric("balanced", "Balanced", balanced_accuracy_score)
found = {}
for name in sys.argv[2].split(","):
    began = time.monotonic()
    compare_models(include=[name], verbose=False)
    spent, table = time.monotonic() - began, pull()
    found[name] = [spent, float(table["Balanced"].iloc[0])] if len(table) else None
say(found)
"""


def models(slug: str, rows: int, columns: int, bound: int) -> Iterator[str]:
    """Lines of a table: every model on `rows` rows, 3 folds, in a dyno whose tree must stay below `bound` MB."""
    target, metric = TARGETS[slug]
    with tempfile.TemporaryDirectory() as folder, Dyno(LIMIT_MB) as dyno:
        file = Path(folder) / "mixed.csv"
        mixed.write(file, rows, columns)
        visitor = Visitor(dyno.port)
        dataset = upload(dyno, visitor, file, PATIENCE)
        found = compare(
            dyno, visitor, slug, dataset, {"target": target, "seconds": 1_800, "sample_rows": None}, PATIENCE
        )  # fmt: skip
        kills = dyno.oom_kills()
    whole = found.record["ended"] - found.record["started"]
    yield f"| model | {metric.replace('_', ' ')} | learnt from | share of the time | job, MB |"
    yield "|---|---:|---:|---:|---:|"
    for row in found.board:
        if row["state"] != "done":
            yield f"| {row['model']} | {row['state']}: {row['reason']} | | | |"
            continue
        score = f"{row[metric]:.3f} ± {row[f'{metric}_sd']:.3f}"
        if row["fit_seconds"] is None:
            yield f"| {row['model']} | {score} | what the others said | | |"
            continue
        learnt = f"{row['rows']:,.0f}" if row["rows"] else "all rows of a fold"
        spent = (row["fit_seconds"] + row["predict_seconds"]) / whole
        yield f"| {row['model']} | {score} | {learnt} | {spent:.1%} | {row['peak_mb']:.0f} |"
    yield f"| **the whole tree at its peak, MB** | | | | **{found.phase.peak_mb:.0f}** |"
    yield f"| the job at its peak, MB | | | | {found.record['peak_mb']:.0f} |"
    yield f"| killed by the kernel | | | | {kills} |"
    yield f"| pages and pulses read meanwhile, of them failed | | | | {found.answers:,}, {len(found.failures)} |"
    check_board(found.board, metric)
    assert kills == 0, f"the kernel killed {kills} processes"
    assert not found.failures, found.failures[:5]
    assert found.phase.peak_mb < bound, f"the tree held {found.phase.peak_mb:.0f} MB, and {bound} are allowed"


def beside(rows: int) -> Iterator[str]:
    """Lines of a table: models that LazyPredict and PyCaret have too, each tool in a process of its own."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        file = folder / "mixed.csv"
        mixed.write(file, rows)
        once, folds = _ours(file, folder / "once", "holdout"), _ours(file, folder / "folds", "kfold")
        lazy = _theirs(folder, "lazypredict", _LAZY, file, [them for them, _ in SHARED.values()])
        caret = _theirs(
            folder, "pycaret", _CARET, file, [them for _, them in SHARED.values() if them],
            str(folder / "folds" / "predictions.csv"),
        )  # fmt: skip
    yield "| model | ours, one split | LazyPredict, the same split | ours, 3 folds | PyCaret, the same folds |"
    yield "|---|---:|---:|---:|---:|"
    for slug, (one, two) in SHARED.items():
        cells = [_figures(once["models"].get(slug)), _ratio(lazy, one, once["models"].get(slug)),
                 _figures(folds["models"].get(slug)), _ratio(caret, two, folds["models"].get(slug))]  # fmt: skip
        yield f"| {slug.replace('_', ' ')} | {' | '.join(cells)} |"
    told = [f"{once['mb']:.0f}", _peak(lazy), f"{folds['mb']:.0f}", _peak(caret)]
    yield f"| **peak of the process, MB** | {' | '.join(told)} |"


def _ours(file: Path, out: Path, scheme: str) -> dict[str, Any]:
    asked = [sys.executable, "-m", "dashapp", "run", "classification", str(file), "--out", str(out)]
    given = {"target": "outcome", "scheme": scheme, "models": json.dumps(list(SHARED)), "imbalance": "none",
             "features": json.dumps(_features(file)), "seconds": "1800"}  # fmt: skip
    for name, value in given.items():
        asked += ["--set", f"{name}={value}"]
    done = subprocess.run(asked, check=True, capture_output=True, text=True, cwd=ROOT)
    with (out / "leaderboard.csv").open(encoding="utf-8-sig") as text:
        rows = list(csv.DictReader(text))
    found = {
        row["slug"]: (float(row["fit_seconds"]) + float(row["predict_seconds"]), float(row["balanced_accuracy"]))
        for row in rows
        if row["state"] == "done"
    }
    return {"mb": json.loads(done.stdout)["job"]["peak_mb"], "models": found}


def _features(file: Path) -> list[str]:
    with file.open(encoding="utf-8") as text:
        return [name for name in next(csv.reader(text)) if name not in {"outcome", "amount"}]


def _theirs(folder: Path, package: str, code: str, file: Path, wanted: list[str], *more: str) -> dict[str, Any] | str:
    """What another tool takes, in an environment of its own; or, in words, why it cannot be told."""
    place = folder / package
    venv.create(place, with_pip=True)
    python = place / "bin" / "python"
    install = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", package, "lightgbm",
               "xgboost" if package == "pycaret" else "xgboost-cpu", "setuptools<81", "six"]  # fmt: skip
    if subprocess.run(install, check=False, capture_output=True).returncode:
        return "could not be installed here"
    text = _MEASURED.format(limit=THEIR_LIMIT) + code
    one = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "LOKY_MAX_CPU_COUNT": "1"}
    done = subprocess.run(
        [python, "-c", text, str(file), ",".join(wanted), *more], check=False, capture_output=True, text=True,
        cwd=folder, env={**os.environ, **one},
    )  # fmt: skip
    if done.returncode:
        return "killed" if done.returncode < 0 or "MemoryError" in done.stderr else "failed"
    return json.loads(done.stdout.splitlines()[-1])


def _figures(found: tuple[float, float] | None) -> str:
    return "" if found is None else f"× 1.0, {found[1]:.3f}"


def _ratio(theirs: dict[str, Any] | str, name: str | None, ours: tuple[float, float] | None) -> str:
    if isinstance(theirs, str):
        return theirs
    found = theirs["found"].get(name)
    if found is None or ours is None:
        return ""
    return f"× {found[0] / max(ours[0], 1e-3):.1f}, {found[1]:.3f}"


def _peak(theirs: dict[str, Any] | str) -> str:
    return theirs if isinstance(theirs, str) else f"{theirs['mb']:.0f}"
