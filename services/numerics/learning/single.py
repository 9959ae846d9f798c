"""One model by itself: how good it is, why it says what it says, and what it says of other rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from pandas import DataFrame

from services import duck
from services.analysis import Job, Result
from services.cleaning.others import beside
from services.errors import DataError, Expected, ParamError, StepStopped
from services.numerics.learning import (
    applied,
    conformal,
    contributions,
    cut,
    explain,
    folds,
    guards,
    pictures,
    race,
    scores,
)
from services.numerics.learning.metrics import BY_TASK, METRIC
from services.numerics.learning.models import Model, catalogue
from services.numerics.learning.problem import Problem, Task, is_known, load
from services.numerics.learning.question import CLASSIFIERS, REGRESSORS
from services.numerics.learning.race import Entry, Fitted, Plan
from services.numerics.learning.spaces import checked
from services.table import Columns, Spilled, Table, titled

if TYPE_CHECKING:
    from services.analyses.model import ModelParams

SHARES = (0.1, 0.2, 0.4, 0.7, 1.0)  # of the training rows, on the learning curve
MOST_CLASSES = 10  # that have a column of their own among predictions
MANY_VALUES = 20  # of a whole number, from which on it is predicted as a number


def used(table: Table, params: ModelParams, job: Job) -> Result:
    """Test one model, explain it, fit it on all rows, and ask it of other rows.

    Raises
    ------
    DataError
        Nothing can be learnt from this table, or the model did not come to an end.
    ParamError
        A column cannot be what it was chosen for; the other table lacks columns.
    """
    job.report(0, 10, "Reading the columns")
    task = task_of(table, params.target, params.task)
    model, metric = model_for(task, params.model), metric_for(task, params.metric)
    problem = load(
        table, task, params.target, features=params.features, weight=params.weight, group=params.group,
        time=params.time, sample_rows=params.sample_rows, seed=params.seed,
    )  # fmt: skip
    other = _other(table, problem, params, job)
    splits = folds.splits(problem, params.scheme, folds=params.folds, repeats=params.repeats, seed=params.seed)
    plan = Plan(
        problem=problem, models=[model], splits=splits, seed=params.seed, seconds=params.seconds,
        imbalance=params.imbalance if task == "classification" else "none",
        more=3 + len(SHARES) * params.curve + (0 if other is None else -(-other.rows.rows // applied.ROWS)),
        settings=checked(task, model.slug, params.settings),
    )  # fmt: skip
    asked = _Asked(table=table, params=params, plan=plan, model=model, metric=metric, other=other, job=job)
    return asked.answered()


def task_of(table: Table, target: str, said: str) -> Task:
    """What is predicted: as it was said, or else (auto) as the target's values are."""
    if said != "auto":
        return "classification" if said == "classification" else "regression"
    column = table.schema[target]
    if column.kind == "decimal":
        return "regression"
    if column.kind == "integer":
        ((count,),) = table.fetch("SELECT count(DISTINCT {target}) FROM rows", target=target)
        return "regression" if count > MANY_VALUES else "classification"
    return "classification"


def model_for(task: Task, slug: str) -> Model:
    """The model called `slug`.

    Raises
    ------
    ParamError
        It is for the other task.
    """
    for model in catalogue(task):
        if model.slug == slug:
            return model
    title = {**CLASSIFIERS, **REGRESSORS}[slug]
    what = "predicts numbers" if task == "classification" else "tells classes apart"
    raise ParamError(f"Model: {title} {what}, and this target is not that. Choose another.", field="model")


def metric_for(task: Task, slug: str) -> str:
    """The slug of the metric, or of the usual one (auto).

    Raises
    ------
    ParamError
        It is for the other task.
    """
    if slug == "auto":
        return BY_TASK[task][0].slug
    if slug not in {metric.slug for metric in BY_TASK[task]}:
        raise ParamError(f"Judged by: {METRIC[slug].title} is not for this target. Choose another.", field="metric")
    return slug


@dataclass(frozen=True, kw_only=True)
class _Other:
    """The rows that the model is asked of."""

    rows: Columns
    name: str
    dataset: str | None  # None: this table's own rows without a target
    bound: Sequence[applied.Bound]
    empty: Sequence[str]


def _other(table: Table, problem: Problem, params: ModelParams, job: Job) -> _Other | None:
    name, dataset = titled(table), None
    if params.apply_to is not None:
        found = beside(table.path, job.place("other").parent)(params.apply_to)
        name, dataset = found.name, found.id
        rows = Columns(
            path=found.path, schema=found.schema, rows=found.rows, spill=table.spill, memory_mb=table.memory_mb
        )
        if not rows.rows:
            raise ParamError(f"Predict: {name} has no rows.", field="apply_to")
    else:
        known = is_known(table.schema[problem.target])
        rows = job.keep(
            "Rows without a target",
            lambda: job.table("rows without a target", f"SELECT * FROM rows WHERE NOT {known}"),
        )
        if not rows.rows:
            return None
        name = f"rows of {name} without {problem.target}"
    empty = applied.empty_columns(rows, [each.column for each in problem.features])
    return _Other(
        rows=rows, name=name, dataset=dataset, empty=empty,
        bound=applied.bind(problem.features, rows.schema, table.schema, empty),
    )  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class _Asked:
    """A question about one model, as it is being answered."""

    table: Table
    params: ModelParams
    plan: Plan
    model: Model
    metric: str
    other: _Other | None
    job: Job

    @property
    def problem(self) -> Problem:
        return self.plan.problem

    @property
    def _is_two(self) -> bool:
        return self.problem.task == "classification" and len(self.problem.classes) == 2

    def answered(self) -> Result:
        steps = self._steps()
        (entry,) = race.race(self.plan, self.job, lambda _: None)
        if not entry.is_done or entry.said is None:
            raise DataError(f"{self.model.title} did not come to an end: {entry.reason or 'it was stopped'}")
        notes = [*self.problem.notes, *self._looked()]
        threshold = self._threshold(entry)
        facts, tables = self._facts(entry, threshold), self._scores(entry, threshold)
        self.job.show(Result(facts=facts, tables=tables, notes=tuple(notes)))
        tables |= self._explained(steps)
        tables |= self._curve(steps)
        self._report(steps, "Fitting on all rows")
        fitted = race.fit(self.plan, self.model, np.arange(len(self.problem.y)))
        predicted = None
        if self.other is not None:
            predicted, drift = self._predicted(fitted, entry, threshold, steps)
            tables |= {"columns": drift.table(), "predicted": predicted}
            facts |= {"predicted_rows": predicted.rows, "predicted_of": self.other.name}
            notes += _drifted(drift, self.other.name)
        explained = self._contributions(fitted)
        if explained is not None:
            tables["contributions"] = explained[1]
            facts |= {"contributions": explained[0].method, "contributions_unit": explained[0].unit}
        files, told = self._files(fitted, entry, tables, facts, notes)
        return Result(
            facts=facts, tables=tables, notes=(*notes, *told), files=files, dataset=predicted,
            dataset_of=None if self.other is None else self.other.dataset,
        )  # fmt: skip

    def _steps(self) -> dict[str, int]:
        """Of the progress: how many are done once the folds are, and how many there are."""
        return {"done": len(self.plan.splits), "total": len(self.plan.splits) + self.plan.more}

    def _report(self, steps: dict[str, int], label: str) -> None:
        self.job.report(min(steps["done"], steps["total"]), steps["total"], label)
        steps["done"] += 1

    def _looked(self) -> list[str]:
        return self.job.keep(
            "Looking for leaks", lambda: {"notes": guards.guards(self.problem, seed=self.params.seed)}
        )["notes"]  # fmt: skip

    def _threshold(self, entry: Entry) -> float | None:
        """From which probability on a row is of the second class; None where there is no such thing."""
        if not self._is_two or entry.said is None or "p1" not in entry.said:
            if self.params.cut != "half":
                what = "tells no probability" if self._is_two else "is not about two classes"
                raise ParamError(f"Threshold: this model {what}. Leave it at one half.", field="cut")
            return None
        if self.params.cut == "own":
            return self.params.threshold
        if self.params.cut == "best":
            y = self.problem.y[entry.said["at"]]
            return cut.best(y, entry.said["p1"].to_numpy(dtype=np.float64), self.metric)
        return cut.HALF

    def _facts(self, entry: Entry, threshold: float | None) -> dict[str, Any]:
        problem = self.problem
        mean, sd = scores.over_folds(entry.folds, self.metric)
        facts: dict[str, Any] = {
            "model": self.model.title, "slug": self.model.slug, "task": problem.task, "target": problem.target,
            "metric": self.metric, "score": mean, "sd": sd, "rows": len(problem.y), "rows_used": len(problem.y),
            "columns": len({feature.column for feature in problem.features}), "splits": len(self.plan.splits),
            "seed": self.params.seed, "fitted_on": min(len(problem.y), self.model.most_rows or len(problem.y)),
            "predicted_rows": 0, "predicted_of": None, "threshold": threshold,
        }  # fmt: skip
        assert entry.said is not None
        if problem.task == "classification":
            counts = np.bincount(problem.y, minlength=len(problem.classes))
            facts |= {
                "classes": len(problem.classes), "first_class": problem.classes[0], "last_class": problem.classes[-1],
                "most_frequent": problem.classes[int(counts.argmax())],
                "most_frequent_share": float(counts.max() / counts.sum()),
            }  # fmt: skip
        else:
            error = problem.y[entry.said["at"]] - entry.said["predicted"].to_numpy()
            for coverage in (0.8, 0.95):
                facts |= conformal.facts(error, entry.said["fold"].to_numpy(), coverage)
        return facts

    def _scores(self, entry: Entry, threshold: float | None) -> dict[str, DataFrame]:
        """Every measure over the splits, and at the threshold; what is drawn of held-out rows; the target."""
        rows = [
            (metric.slug, metric.title, *scores.over_folds(entry.folds, metric.slug))
            for metric in BY_TASK[self.problem.task]
        ]
        if threshold is not None and threshold != cut.HALF and entry.said is not None:
            found = cut.honest(
                self.problem.y[entry.said["at"]], entry.said["p1"].to_numpy(dtype=np.float64),
                entry.said["fold"].to_numpy(), self.metric, None if self.params.cut == "best" else threshold,
            )  # fmt: skip
            for name in ("balanced_accuracy", "accuracy", "precision", "recall"):
                of = f" of {self.problem.classes[1]}" if name in {"precision", "recall"} else ""
                title = f"{METRIC[name].title}{of}, at the threshold"
                rows.append((f"{name}_at_threshold", title, *scores.over_folds(found, name)))
        made = DataFrame([row for row in rows if row[2] is not None], columns=["slug", "measure", "mean", "sd"])
        return {
            "scores": made.astype({"slug": "str", "measure": "str", "mean": "float64", "sd": "float64"}),
            "target": pictures.target(self.problem),
            **pictures.pictures(self.problem, [entry]),
        }

    def _explained(self, steps: dict[str, int]) -> dict[str, DataFrame]:
        """What the model looks at, of the first split: fitted on its training rows, asked of its held-out rows."""
        self._report(steps, "What it looks at")
        train, test = self.plan.splits[0]
        problem, seed = self.problem, self.params.seed

        def make() -> dict[str, DataFrame]:
            fitted = race.fit(self.plan, self.model, train)
            found = explain.importance(problem, fitted, test, self.metric, seed=seed)
            top = found["feature"].head(explain.TOP).tolist()
            made = {
                "importance": found,
                "partial": explain.partial(problem, fitted, test, top, seed=seed),
                "ice": explain.ice(problem, fitted, test, top, seed=seed),
            }
            return {name: frame for name, frame in made.items() if len(frame)}

        try:
            return self.job.keep("What it looks at", make, seconds=self.params.seconds)
        except StepStopped:
            return {}

    def _curve(self, steps: dict[str, int]) -> dict[str, DataFrame]:
        if not self.params.curve:
            return {}
        points = []
        for share in SHARES:
            name = f"Learning from {share:.0%}"
            self._report(steps, name)
            make = partial(explain.at_share, self.plan, self.model, share, self.metric)
            try:
                points.append(self.job.keep(name, make, seconds=self.params.seconds))
            except StepStopped:
                continue
        return {"learning_curve": DataFrame(points)} if points else {}

    def _contributions(self, fitted: Fitted) -> tuple[contributions.Explained, DataFrame] | None:
        """Of the first rows that are predicted, or of some held-out rows by a model that had not seen them."""
        problem = self.problem
        if self.other is not None:
            lot = next(applied.lots(self.other.rows, self.other.bound, self.other.empty))
            X, learnt = lot.X[: contributions.MOST], np.arange(len(problem.y))
            rows: Sequence[int] = range(1, len(X) + 1)
        else:
            learnt, test = self.plan.splits[0]
            random = np.random.default_rng(self.params.seed)
            some = np.sort(random.choice(test, min(len(test), contributions.MOST), replace=False))
            fitted, X = race.fit(self.plan, self.model, learnt), problem.X[some]
            rows = [int(place) + 1 for place in problem.rows[some]]
        if self.model.most_rows is not None and len(learnt) > self.model.most_rows:
            learnt = learnt[: self.model.most_rows]
        found = contributions.explain(problem, fitted, problem.X[learnt[: applied.ROWS]], X)
        return None if found is None else (found, contributions.table(problem, found, X, rows))

    def _predicted(
        self, fitted: Fitted, entry: Entry, threshold: float | None, steps: dict[str, int]
    ) -> tuple[Spilled, applied.Drift]:
        """Every row of the other table with what is said of it, as a table on disk, a lot at a time."""
        assert self.other is not None
        drift, parts, other = applied.Drift(self.problem), [], self.other
        widths = self._widths(entry)
        for lot in applied.lots(other.rows, other.bound, other.empty):
            drift.add(lot)
            name = f"Rows from {lot.start + 1:,}"
            self._report(steps, f"Predicting {name.lower()}")
            parts.append(self.job.keep(name, partial(self._part, name, fitted, lot, threshold, widths)))

        def join() -> Spilled:
            listed = ", ".join(duck.literal(part.path.resolve()) for part in parts)
            form = duck.parquet(len(other.rows.schema) + 6)
            return self._copied("predictions", f"SELECT * FROM read_parquet([{listed}])", form, parts[0].path.parent)

        return self.job.keep("predictions", join), drift

    def _widths(self, entry: Entry) -> Mapping[str, float]:
        """How far intervals reach, by their share."""
        if self.problem.task == "classification":
            return {}
        assert entry.said is not None
        error = self.problem.y[entry.said["at"]] - entry.said["predicted"].to_numpy()
        return {name: conformal.half_width(error, share) for name, share in (("80", 0.8), ("95", 0.95))}

    def _part(
        self, name: str, fitted: Fitted, lot: applied.Lot, threshold: float | None, widths: Mapping[str, float]
    ) -> Spilled:
        assert self.other is not None
        taken = set(self.other.rows.schema.names)
        said = {_free(each, taken): values for each, values in self._said(fitted, lot.X, threshold, widths).items()}
        stop = lot.start + len(lot.X)
        named = ", ".join(f"s.{duck.quote(each)}" for each in said)
        asked = (
            f"SELECT t.* EXCLUDE (file_row_number), {named} FROM (SELECT * FROM read_parquet("
            f"{duck.literal(self.other.rows.path.resolve())}, file_row_number = true) WHERE file_row_number >= "
            f'{lot.start} AND file_row_number < {stop}) t JOIN said s ON s." place" = t.file_row_number '
            "ORDER BY t.file_row_number"
        )
        frame = DataFrame({" place": np.arange(lot.start, stop), **said})
        return self._copied(name, asked, duck.parquet(len(taken) + len(said)), frame=frame)

    def _said(
        self, fitted: Fitted, X: np.ndarray, threshold: float | None, widths: Mapping[str, float]
    ) -> dict[str, Any]:
        answer = fitted.answer(X)
        if self.problem.task == "regression":
            made: dict[str, Any] = {"predicted": answer.predicted}
            for share, width in widths.items():
                if np.isfinite(width):
                    made |= {f"low{share}": answer.predicted - width, f"high{share}": answer.predicted + width}
            return made
        predicted, classes = answer.predicted.astype(int), self.problem.classes
        if threshold is not None and answer.proba is not None:
            predicted = (answer.proba[:, 1] >= threshold).astype(int)
        made = {"predicted": pd.array(np.asarray(classes, dtype=object)[predicted], dtype="str")}
        if answer.proba is None:
            return made
        if len(classes) > MOST_CLASSES:
            return made | {"probability": answer.proba.max(axis=1).astype(np.float64)}
        return made | {f"p {name}": answer.proba[:, at].astype(np.float64) for at, name in enumerate(classes)}

    def _copied(self, name: str, sql: str, form: str, *folders: Path, frame: DataFrame | None = None) -> Spilled:
        """The answer to `sql` as a file on disk; `frame` is the table `said` in it."""
        assert self.other is not None
        path = self.job.place(name)
        part = path.with_name(f".{path.name}")
        try:
            with self.other.rows.opened(path.parent, *folders) as con:
                if frame is not None:
                    con.register("said", frame)
                con.execute(f"COPY ({sql}) TO {duck.literal(part.resolve())} ({form})")
            part.replace(path)
        except BaseException:  # a full disk, above all: half a table would keep it full
            part.unlink(missing_ok=True)
            raise
        return Spilled.at(path, spill=self.table.spill, memory_mb=self.table.memory_mb)

    def _files(
        self, fitted: Fitted, entry: Entry, tables: Mapping[str, Any], facts: Mapping[str, Any], notes: Sequence[str]
    ) -> tuple[dict[str, Path], list[str]]:
        """The card, the script, and the model where it was asked for; and what could not be had."""
        from services.numerics.learning import documents

        place = self.job.place("files")
        place.parent.mkdir(parents=True, exist_ok=True)
        texts = documents.texts(
            self.table, self.plan, self.model, self.params, entry, self.metric,
            importance=tables.get("importance"), facts=facts, notes=notes,
        )  # fmt: skip
        files = {name: place.with_name(name) for name in texts}
        for name, path in files.items():
            path.write_text(texts[name], encoding="utf-8")
        if not self.params.keep:
            return files, []
        from services.numerics.learning.held import hold

        path = place.with_name("model.skops")
        try:
            hold(fitted, path, self.problem.X[:200])
        except Expected as error:
            return files, [f"There is no model file. {error.message}"]
        return {**files, path.name: path}, []


def _free(name: str, taken: set[str]) -> str:
    """The name, or the name with a number where the table has such a column."""
    lower = {each.lower() for each in taken}
    number, free = 1, name
    while free.lower() in lower:
        number += 1
        free = f"{name} {number}"
    return free


def _drifted(drift: applied.Drift, name: str) -> list[str]:
    """Sentences about columns that are not what they were."""
    found = drift.table()
    told = []
    moved = found[found["psi"] >= applied.OTHER]
    if len(moved):
        listed = ", ".join(moved.sort_values("psi", ascending=False)["feature"].head(4))
        more = f" and {len(moved) - 4} more" if len(moved) > 4 else ""
        told.append(
            f"In {name}, {listed}{more} {'is' if len(moved) == 1 else 'are'} spread otherwise than in what was learnt "
            "from. Predictions for it may be worse than the scores say."
        )
    strange = found[found["unknown"] > 0]
    if len(strange):
        listed = ", ".join(f"{row.feature} ({row.unknown:.1%})" for row in strange.head(4).itertuples())
        told.append(f"Some values were never seen before: {listed}. They count as missing.")
    return told
