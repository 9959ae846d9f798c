"""Models compared, strictly one after another: fitted fold by fold, scored on rows not seen, kept, dropped.

What is kept of a model are its scores in every fold and what it said of the held-out rows; never the
model itself. So memory is that of one model and one fold, and a run that ended goes on at the next one.
"""

from __future__ import annotations

import contextlib
import gc
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from pandas import DataFrame

from services import duck, memory
from services.analysis import Job
from services.errors import Expected, StepStopped
from services.numerics.learning import resampling, scores
from services.numerics.learning.models import Making, Model, estimator
from services.numerics.learning.preparation import preparation
from services.numerics.learning.problem import Problem

MOST_KEPT = 6_000_000  # probabilities that are kept of a model
FEWER_CLASSES = 10  # of so many classes where there are more, the most frequent ones
_RESET = "5"  # what /proc/self/clear_refs is told to begin a peak anew

Split = tuple[np.ndarray, np.ndarray]


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What is compared, on which folds, and how."""

    problem: Problem
    models: Sequence[Model]
    splits: Sequence[Split]
    imbalance: str = "weights"  # weights, none, over, under, smote
    seconds: float | None = None  # a model may take at most
    seed: int = 0
    settings: Mapping[str, Any] = field(default_factory=dict)  # of the one model that is compared
    more: int = 0  # steps that come after the last model

    @property
    def making(self) -> Making:
        return Making(
            seed=self.seed,
            classes=len(self.problem.classes),
            features=self.problem.features,
            balanced=self.imbalance == "weights",
            settings=self.settings,
        )


@dataclass(frozen=True, kw_only=True)
class Entry:
    """A model in the race: how it ended, and what it said.

    `folds` are its scores, one mapping a fold; `said` is a frame of the held-out rows of the first round:
    at (place in the problem), fold, predicted, and for classes p0, p1... or d0, d1... (decision).
    """

    slug: str
    title: str
    state: str  # done, skipped, stopped, failed
    reason: str = ""
    folds: Sequence[Mapping[str, float]] = ()
    fit_seconds: float | None = None
    predict_seconds: float | None = None
    peak_mb: float | None = None
    rows: int | None = None  # that it was fitted on in a fold, where that is a sample
    said: DataFrame | None = field(default=None, repr=False)

    @property
    def is_done(self) -> bool:
        return self.state == "done"


def race(plan: Plan, job: Job, show: Callable[[Sequence[Entry]], None]) -> list[Entry]:
    """Fit and score every model of `plan`, in its order; `show` is told after each how it stands."""
    entries: list[Entry] = []
    for place, model in enumerate(plan.models):
        entries.append(_entered(plan, model, place, job))
        gc.collect()
        show(entries)
    return entries


def _entered(plan: Plan, model: Model, place: int, job: Job) -> Entry:
    try:
        kept = job.keep(model.title, partial(_kept, plan, model, place, job), seconds=plan.seconds)
    except StepStopped as stopped:
        return Entry(slug=model.slug, title=model.title, state=state_of(stopped), reason=stopped.message)
    about = dict(kept["about"])
    return Entry(slug=model.slug, title=model.title, said=kept.get("said"), **about)


def state_of(stopped: StepStopped) -> str:
    """How a model is listed whose step was stopped."""
    return "skipped" if "skipped" in stopped.message.lower() else "stopped"


def _kept(plan: Plan, model: Model, place: int, job: Job) -> dict[str, Any]:
    """What is kept of a model: a failure is one of its ways to end, and is kept too."""
    _begin_peak()
    try:
        about, said = _fitted(plan, model, place, job)
    except MemoryError:
        raise
    except Expected as error:
        return {"about": {"state": "failed", "reason": error.message}}
    except Exception as error:  # noqa: BLE001  of a library, about this data: the other models go on
        told = str(error).strip().splitlines()
        return {"about": {"state": "failed", "reason": f"{type(error).__name__}: {told[0][:300] if told else ''}"}}
    return {"about": {"state": "done", "peak_mb": _peak(), **about}, "said": said}


def _fitted(plan: Plan, model: Model, place: int, job: Job) -> tuple[dict[str, Any], DataFrame]:
    problem, rounds = plan.problem, _rounds(plan)
    folds: list[dict[str, float]] = []
    said: list[DataFrame] = []
    spent = {"fit_seconds": 0.0, "predict_seconds": 0.0}
    fitted_on = None
    total = len(plan.models) * len(plan.splits) + plan.more
    for fold, (train, test) in enumerate(plan.splits):
        job.report(place * len(plan.splits) + fold, total, f"{model.title}, fold {fold + 1}")
        began = time.perf_counter()
        fitted = fit(plan, model, train)
        fitted_on = fitted.rows if fitted.rows < len(train) else fitted_on
        spent["fit_seconds"] += time.perf_counter() - began
        began = time.perf_counter()
        answer = fitted.answer(problem.X[test])
        spent["predict_seconds"] += time.perf_counter() - began
        folds.append(scored(problem, test, answer))
        if fold < rounds:
            said.append(_said(problem, test, fold, answer))
        del fitted, answer
        gc.collect()
    return {"folds": folds, "rows": fitted_on, **spent}, pd.concat(said, ignore_index=True)


def _rounds(plan: Plan) -> int:
    """How many of the splits are of the first round: in it no row is held out twice."""
    seen = np.zeros(len(plan.problem.y), dtype=bool)
    for place, (_, test) in enumerate(plan.splits):
        if seen[test].any():
            return place
        seen[test] = True
    return len(plan.splits)


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What a model says of rows: labels or values, and for classes probabilities or else decisions."""

    predicted: np.ndarray
    proba: np.ndarray | None = None
    decision: np.ndarray | None = None


@dataclass(frozen=True, kw_only=True)
class Fitted:
    """A model with its preparation, fitted on `rows` rows."""

    prepare: Any
    model: Any
    rows: int
    task: str
    classes: int
    labels: np.ndarray  # the classes that its training rows had

    def answer(self, X: np.ndarray) -> Answer:
        """Ask it of rows, a lot at a time: prepared rows may be many times wider."""
        parts = [self._answer(X[start : start + 20_000]) for start in range(0, len(X), 20_000)]
        names = ("predicted", "proba", "decision")
        joined = {
            name: None if getattr(parts[0], name) is None else np.concatenate([getattr(part, name) for part in parts])
            for name in names
        }
        return Answer(**joined)

    def _answer(self, X: np.ndarray) -> Answer:
        Z = self.prepare.transform(X)
        if self.task == "regression":
            return Answer(predicted=np.asarray(self.model.predict(Z), dtype=np.float64).ravel())
        known = self.labels[np.asarray(self.model.classes_)]
        if hasattr(self.model, "predict_proba"):
            proba = _wide(np.asarray(self.model.predict_proba(Z)), known, self.classes, 0.0)
            return Answer(predicted=known[np.asarray(proba[:, known]).argmax(axis=1)].astype(np.int32), proba=proba)
        decision = np.asarray(self.model.decision_function(Z), dtype=np.float64)
        if decision.ndim == 1:
            decision = np.column_stack([-decision, decision])
        decision = _wide(decision, known, self.classes, -np.inf)
        predicted = self.labels[np.asarray(self.model.predict(Z)).astype(int)].astype(np.int32)
        return Answer(predicted=predicted, decision=decision)


def _wide(values: np.ndarray, known: np.ndarray, classes: int, absent: float) -> np.ndarray:
    """A column for each class, also for those that a fold's training rows did not have."""
    if len(known) == classes:
        return values
    made = np.full((len(values), classes), absent)
    made[:, known] = values
    return made


def fit(plan: Plan, model: Model, train: np.ndarray) -> Fitted:
    """Fit the preparation and the model on the rows `train` of the problem, and on nothing else."""
    problem = plan.problem
    duck.rest()  # a model has better use for what its buffers hold
    memory.hold_again()
    if model.most_rows is not None and len(train) > model.most_rows:
        train = np.sort(np.random.default_rng(plan.seed).choice(train, model.most_rows, replace=False))
    X, y = problem.X[train], problem.y[train]
    weight = None if problem.weight is None else problem.weight[train]
    prepare = preparation(problem.features, model.prepared, problem.task)
    with warnings.catch_warnings():  # of libraries, about convergence above all: scores tell
        warnings.simplefilter("ignore")
        Z = prepare.fit_transform(X, y)
        del X
        if problem.task == "classification" and plan.imbalance in {"over", "under", "smote"}:
            Z, y, weight = resampling.resample(Z, y, weight, plan.imbalance, plan.seed, codes=model.prepared in CODED)
        labels = np.unique(y) if problem.task == "classification" else np.empty(0)
        if len(labels):  # without gaps: a class may have no row here, and not every library takes that
            y = np.searchsorted(labels, y)
        made = estimator(model, problem.task, making_of(plan, model, train))
        if hasattr(made, "n_neighbors"):
            made.n_neighbors = min(made.n_neighbors, len(y))
        given = {} if weight is None or not model.takes_weights else {"sample_weight": weight}
        made.fit(Z, y, **given)
    return Fitted(
        prepare=prepare, model=made, rows=len(train), task=problem.task, classes=len(problem.classes), labels=labels
    )  # fmt: skip


def making_of(plan: Plan, model: Model, train: np.ndarray) -> Making:
    """What `model` is made with, to be fitted on the rows `train`, or on as many of them as it takes."""
    return replace(plan.making, rows=len(train) if model.most_rows is None else min(len(train), model.most_rows))


CODED = frozenset({"codes", "native"})  # preparations in which a category stays one column


def scored(problem: Problem, test: np.ndarray, answer: Answer) -> dict[str, float]:
    """Every figure of what was said of the rows `test`."""
    y, weight = problem.y[test], None if problem.weight is None else problem.weight[test]
    if problem.task == "regression":
        return scores.regression_scores(y, answer.predicted, weight)
    return scores.classification_scores(
        y, answer.predicted, answer.proba, answer.decision, len(problem.classes), weight
    )  # fmt: skip


def shown_classes(problem: Problem) -> list[int]:
    """The classes whose probabilities are kept: all of them, or the most frequent ones."""
    count = len(problem.classes)
    if count * len(problem.y) <= MOST_KEPT:
        return list(range(count))
    often = np.bincount(problem.y, minlength=count)
    return sorted(np.argsort(-often, kind="stable")[:FEWER_CLASSES].tolist())


def _said(problem: Problem, test: np.ndarray, fold: int, answer: Answer) -> DataFrame:
    made: dict[str, Any] = {
        "at": test.astype(np.int32),
        "fold": np.full(len(test), fold, dtype=np.int16),
        "predicted": answer.predicted,
    }
    values, letter = (answer.proba, "p") if answer.proba is not None else (answer.decision, "d")
    if values is not None:
        for each in shown_classes(problem):
            made[f"{letter}{each}"] = values[:, each].astype(np.float32)
    return DataFrame(made)


# Memory ------------------------------------------------------------------------------------------


def _begin_peak() -> None:
    with contextlib.suppress(OSError), open("/proc/self/clear_refs", "w") as file:
        file.write(_RESET)


def _peak() -> float | None:
    """The most that this process held since `_begin_peak`, in MB; None where the system does not say."""
    with contextlib.suppress(OSError), open("/proc/self/status") as file:
        for line in file:
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 1024
    return None
