"""The whole comparison, from the question to the tables of its answer; shared by classification and regression."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from pandas import DataFrame

from services.analysis import Job, Result
from services.errors import DataError, Expected, StepStopped
from services.numerics.learning import conformal, ensembles, explain, folds, guards, pictures, race, scores
from services.numerics.learning.ensembles import BASELINES
from services.numerics.learning.metrics import BY_TASK, HIGHER
from services.numerics.learning.models import Model, catalogue
from services.numerics.learning.problem import Problem, Task, load
from services.numerics.learning.question import JOINED, LearningParams
from services.numerics.learning.race import Entry, Plan
from services.table import Table

_COVERED = (0.8, 0.95)
EXPLAINED = 3  # of the best models is told what they look at


def compared(
    table: Table,
    params: LearningParams,
    job: Job,
    *,
    task: Task,
    target: str,
    wanted: Sequence[str],
    metric: str,
    imbalance: str = "none",
) -> Result:
    """Compare the models `wanted` on one split of the table's rows, and say which is best, by how much, and why.

    Raises
    ------
    DataError
        Nothing can be learnt from this table.
    ParamError
        A column cannot be what it was chosen for.
    """
    joined = [how for how in JOINED if how in wanted]
    job.report(0, len(wanted) * params.folds, "Reading the columns")
    problem = load(
        table, task, target, features=params.features, weight=params.weight, group=params.group, time=params.time,
        sample_rows=params.sample_rows, seed=params.seed,
    )  # fmt: skip
    plan = Plan(
        problem=problem,
        models=[model for model in catalogue(task) if model.slug in wanted],
        splits=folds.splits(
            problem, params.scheme, folds=params.folds, repeats=params.repeats, seed=params.seed
        ),
        imbalance=imbalance,
        seconds=params.seconds,
        seed=params.seed,
        more=len(joined) + EXPLAINED,
    )  # fmt: skip
    told = job.keep("Looking for leaks", lambda: {"notes": guards.guards(problem, seed=params.seed)})["notes"]
    asked = _Asked(problem, plan, params, metric, wanted, [*problem.notes, *told])
    entries = race.race(plan, job, lambda so_far: job.show(asked.result(so_far)))
    for place, how in enumerate(joined):
        job.report(asked.steps - plan.more + place, asked.steps, JOINED[how])
        entries.append(_joined(asked, how, entries, job))
    if not any(entry.is_done for entry in entries):
        raise DataError(f"No model came to an end. The first said: {entries[0].reason or 'nothing'}.")
    explained = _explained(asked, entries, job)
    return asked.result(entries, explained, whole=True)


def _joined(asked: _Asked, how: str, entries: Sequence[Entry], job: Job) -> Entry:
    make = partial(
        ensembles.ensemble, how, asked.problem, list(entries), asked.metric, seed=asked.params.seed,
        balanced=asked.plan.making.balanced,
    )  # fmt: skip
    try:
        kept = job.keep(JOINED[how], make, seconds=asked.params.seconds)
    except StepStopped as stopped:
        return Entry(slug=how, title=JOINED[how], state=race.state_of(stopped), reason=stopped.message)
    except Expected as error:
        return Entry(slug=how, title=JOINED[how], state="skipped", reason=error.message)
    return Entry(slug=how, title=JOINED[how], said=kept["said"], **kept["about"])


def _explained(asked: _Asked, entries: Sequence[Entry], job: Job) -> dict[str, DataFrame]:
    """What the best single models look at, each fitted once more on the first training rows."""
    single = [entry for entry in asked.ranked(entries) if entry.slug not in {*JOINED, *BASELINES}]
    found: dict[str, list[DataFrame]] = {}
    for place, entry in enumerate(single[:EXPLAINED]):
        model = next(model for model in asked.plan.models if model.slug == entry.slug)
        job.report(asked.steps - EXPLAINED + place, asked.steps, f"What {entry.title} looks at")
        try:
            made = job.keep(
                f"What {entry.title} looks at", partial(_looked, asked, model), seconds=asked.params.seconds
            )
        except StepStopped:
            continue
        for name, frame in made.items():
            found.setdefault(name, []).append(frame)
    return {name: pd.concat(frames, ignore_index=True) for name, frames in found.items()}


def _looked(asked: _Asked, model: Model) -> dict[str, DataFrame]:
    train, test = asked.plan.splits[0]
    fitted, seed = race.fit(asked.plan, model, train), asked.params.seed
    found = explain.importance(asked.problem, fitted, test, asked.metric, seed=seed)
    top = found["feature"].head(explain.TOP).tolist()
    along = explain.partial(asked.problem, fitted, test, top, seed=seed)
    return {name: frame.assign(model=model.title).astype({"model": "str"})
            for name, frame in (("importance", found), ("partial", along)) if len(frame)}  # fmt: skip


class _Asked:
    """A question as it is being answered, and what can be said of it so far."""

    def __init__(
        self,
        problem: Problem,
        plan: Plan,
        params: LearningParams,
        metric: str,
        wanted: Sequence[str],
        notes: Sequence[str],
    ) -> None:
        self.problem, self.plan, self.params = problem, plan, params
        self.metric, self.wanted, self.notes = metric, wanted, notes
        self._share = folds.tested_per_trained(list(plan.splits))

    @property
    def steps(self) -> int:
        return len(self.plan.models) * len(self.plan.splits) + self.plan.more

    def ranked(self, entries: Sequence[Entry]) -> list[Entry]:
        """Those that have a score, the best first."""
        done = [entry for entry in entries if entry.is_done and self._mean(entry) is not None]
        return sorted(done, key=lambda entry: (self._mean(entry) or 0.0) * (-1 if HIGHER[self.metric] else 1))

    def _mean(self, entry: Entry) -> float | None:
        return scores.over_folds(entry.folds, self.metric)[0]

    def result(
        self, entries: Sequence[Entry], explained: Mapping[str, DataFrame] | None = None, *, whole: bool = False
    ) -> Result:
        ranked = self.ranked(entries)
        tables: dict[str, DataFrame] = {
            "leaderboard": self._leaderboard(entries, ranked),
            "target": pictures.target(self.problem),
        }
        if self.problem.left_out:
            left = DataFrame(list(self.problem.left_out), columns=["column", "why"])
            tables["left_out"] = left.astype("str")
        if whole and ranked:
            tables |= pictures.pictures(self.problem, ranked)
            tables["predictions"] = self._predictions(ranked)
        tables |= explained or {}
        return Result(facts=self._facts(entries, ranked), tables=tables, notes=tuple(self._notes(entries, ranked)))

    def _facts(self, entries: Sequence[Entry], ranked: Sequence[Entry]) -> dict[str, Any]:
        best = ranked[0] if ranked else None
        base = next((entry for entry in entries if entry.slug.startswith("baseline") and entry.is_done), None)
        mean, sd = scores.over_folds(best.folds, self.metric) if best else (None, None)
        alike = [entry.title for entry in ranked[1:] if self._p(best, entry) >= scores.ALIKE] if best else []
        problem, states = self.problem, [entry.state for entry in entries]
        facts: dict[str, Any] = {
            "target": problem.target, "metric": self.metric, "rows": len(problem.y), "rows_used": len(problem.y),
            "columns": len({feature.column for feature in problem.features}), "features": len(problem.features),
            "splits": len(self.plan.splits), "seed": self.params.seed,
            "models": len(self.wanted), "done": states.count("done"),
            "unfinished": sum(state != "done" for state in states),
            "best": best.title if best else None, "best_slug": best.slug if best else None, "score": mean, "sd": sd,
            "baseline": base.title if base else None, "baseline_score": self._mean(base) if base else None,
            "within_noise": len(alike), "alike": ", ".join(alike[:3]),
        }  # fmt: skip
        if problem.task == "classification":
            counts = np.bincount(problem.y, minlength=len(problem.classes))
            often = int(counts.argmax())
            facts |= {
                "classes": len(problem.classes), "most_frequent": problem.classes[often],
                "most_frequent_share": float(counts[often] / counts.sum()),
            }  # fmt: skip
        elif best is not None and best.said is not None:
            error = problem.y[best.said["at"]] - best.said["predicted"].to_numpy()
            for coverage in _COVERED:
                facts |= conformal.facts(error, best.said["fold"].to_numpy(), coverage)
        return facts

    def _p(self, best: Entry | None, other: Entry) -> float:
        """How likely a difference as large as that to the best is by chance alone."""
        if best is None or len(best.folds) != len(other.folds):
            return float("nan")
        pairs = [(one.get(self.metric), two.get(self.metric)) for one, two in zip(best.folds, other.folds, strict=True)]
        if any(one is None or two is None for one, two in pairs):
            return float("nan")
        return scores.corrected_t([one - two for one, two in pairs], self._share)[1]  # type: ignore[operator]

    def _leaderboard(self, entries: Sequence[Entry], ranked: Sequence[Entry]) -> DataFrame:
        """A row for each model: the baseline, then by score, then what did not end well."""
        base = [entry for entry in entries if entry.slug.startswith("baseline")]
        order = [*base, *(each for each in ranked if each not in base)]
        order += [entry for entry in entries if entry not in order]
        best = ranked[0] if ranked else None
        columns: dict[str, list[Any]] = {
            "model": [entry.title for entry in order], "slug": [entry.slug for entry in order],
            "state": [entry.state for entry in order], "reason": [entry.reason or None for entry in order],
        }  # fmt: skip
        for metric in BY_TASK[self.problem.task]:
            found = [scores.over_folds(entry.folds, metric.slug) for entry in order]
            columns[metric.slug] = [mean for mean, _ in found]
            columns[f"{metric.slug}_sd"] = [sd for _, sd in found]
        columns["p"] = [self._p(best, entry) if entry.is_done and entry is not best else None for entry in order]
        columns["rows"] = [entry.rows for entry in order]
        columns["fit_seconds"] = [entry.fit_seconds for entry in order]
        columns["predict_seconds"] = [entry.predict_seconds for entry in order]
        columns["peak_mb"] = [entry.peak_mb for entry in order]
        texts = dict.fromkeys(("model", "slug", "state", "reason"), "str")
        numbers = dict.fromkeys([name for name in columns if name not in texts], "float64")
        return DataFrame(columns).astype(texts | numbers)

    def _predictions(self, ranked: Sequence[Entry]) -> DataFrame:
        """Every held-out row: its number in the table (1 is the first), fold, what it is, what the models said."""
        best, problem = ranked[0], self.problem
        assert best.said is not None
        at = best.said["at"].to_numpy()
        made: dict[str, Any] = {"row": problem.rows[at] + 1, "fold": best.said["fold"].to_numpy() + 1}
        if problem.task == "regression":
            made["actual"] = problem.y[at]
            for entry in ranked:
                if entry.said is not None:
                    made[entry.slug] = entry.said["predicted"].to_numpy()[_matched(entry.said["at"].to_numpy(), at)]
            return DataFrame(made).sort_values("row", ignore_index=True)
        names = np.asarray(problem.classes, dtype=object)
        made["actual"] = names[problem.y[at]]
        made["predicted"] = names[best.said["predicted"].to_numpy().astype(int)]
        for name in best.said.columns:
            if name[0] == "p" and name[1:].isdigit():
                made[f"p {problem.classes[int(name[1:])]}"] = best.said[name].to_numpy()
        frame = DataFrame(made).astype({"actual": "str", "predicted": "str"})
        return frame.sort_values("row", ignore_index=True)

    def _notes(self, entries: Sequence[Entry], ranked: Sequence[Entry]) -> list[str]:
        notes = list(self.notes)
        if self.problem.left_out:
            listed = ", ".join(f"{name}, since {why}" for name, why in self.problem.left_out[:4])
            more = f", and {len(self.problem.left_out) - 4} more" if len(self.problem.left_out) > 4 else ""
            count = len(self.problem.left_out)
            notes.append(f"{count} {'column is' if count == 1 else 'columns are'} not used. Left out: {listed}{more}.")
        sampled = [entry for entry in entries if entry.rows]
        if sampled:
            named = ", ".join(f"{entry.title} ({entry.rows:,})" for entry in sampled[:4])
            notes.append(
                f"{len(sampled)} models learn from a sample of each fold's rows. They were scored on all: {named}."
            )
        if self.problem.weight is not None:
            without = {model.slug for model in self.plan.models if not model.takes_weights}
            named = ", ".join(entry.title for entry in entries if entry.slug in without and entry.is_done)
            if named:
                notes.append(f"Some models cannot learn with weights. Only their scores are weighted: {named}.")
        if ranked and len(ranked[0].folds) > 1:
            notes.append(
                "The best of many models looks a little better than it is. Its score was the highest partly by chance; "
                "expect somewhat less on new rows."
            )
        return notes


def _matched(places: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """Where each of `wanted` is among `places`."""
    order = np.argsort(places, kind="stable")
    return order[np.searchsorted(places[order], wanted)]
