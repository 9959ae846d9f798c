"""Better settings of one model, by successive halving: many tried on few rows, the best of them on more.

Jamieson, K. and Talwalkar, A. (2016). Non-stochastic best arm identification and hyperparameter optimization.
Proceedings of AISTATS 51, 240-248.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np
from pandas import DataFrame

from services.analysis import Job, Result
from services.errors import DataError, Expected, ParamError, StepStopped
from services.numerics.learning import folds, race, scores
from services.numerics.learning.metrics import HIGHER
from services.numerics.learning.models import Model, estimator
from services.numerics.learning.problem import load
from services.numerics.learning.race import Plan
from services.numerics.learning.single import metric_for, model_for, task_of
from services.numerics.learning.spaces import SPACES, Setting, text_of
from services.table import Table

if TYPE_CHECKING:
    from services.analyses.tuning import TuningParams

THIRD = 3  # of the candidates goes on, on so many times the rows
FEWEST = 200  # rows that a round is trained on, at least


@dataclass(frozen=True, kw_only=True)
class Tried:
    """A candidate in a round: how it scored in each fold, and how long that took."""

    place: int  # 0 is the model as it comes
    round: int
    rows: int
    folds: Sequence[Mapping[str, float]]
    seconds: float
    state: str = "done"
    reason: str = ""

    def score(self, metric: str) -> float | None:
        return scores.over_folds(self.folds, metric)[0]


def tuned(table: Table, params: TuningParams, job: Job) -> Result:
    """Try settings, the more promising ones on more rows, and say what the best of them is worth.

    Raises
    ------
    DataError
        Nothing can be learnt from this table, or no candidate came to an end.
    ParamError
        A column cannot be what it was chosen for; the model has no settings to tune.
    """
    job.report(0, 1, "Reading the columns")
    task = task_of(table, params.target, params.task)
    model, metric = model_for(task, params.model), metric_for(task, params.metric)
    space = SPACES[task].get(model.slug)
    if not space:
        named = "this model has no settings that are worth tuning"
        raise ParamError(f"Model: {named}. Choose another.", field="model")
    problem = load(
        table, task, params.target, features=params.features, weight=params.weight, group=params.group,
        time=params.time, sample_rows=params.sample_rows, seed=params.seed,
    )  # fmt: skip
    splits = folds.splits(problem, params.scheme, folds=params.folds, repeats=params.repeats, seed=params.seed)
    plan = Plan(
        problem=problem, models=[model], splits=splits, seed=params.seed,
        imbalance=params.imbalance if task == "classification" else "none",
    )  # fmt: skip
    return _Halving(plan, model, space, metric, params, job).answered()


class _Halving:
    """The rounds as they go on."""

    def __init__(
        self, plan: Plan, model: Model, space: Sequence[Setting], metric: str, params: TuningParams, job: Job
    ) -> None:
        self.plan, self.model, self.space, self.metric = plan, model, space, metric
        self.params, self.job = params, job
        self.candidates = [{}, *drawn(space, params.candidates - 1, params.seed)]
        fewest = min(len(train) for train, _ in plan.splits)
        if model.most_rows is not None:
            fewest = min(fewest, model.most_rows)
        self.rounds = rounds(params.candidates, fewest)
        self.tried: list[Tried] = []
        self.ended_early = False

    def answered(self) -> Result:
        left = list(range(len(self.candidates)))
        done, total = 0, sum(count for count, _ in self.rounds)
        spent = 0.0
        for number, (_, share) in enumerate(self.rounds, 1):
            last = number == len(self.rounds)
            of_round: list[Tried] = []
            for place in left:
                what = "as it comes" if place == 0 else f"settings {place}"
                self.job.report(min(done, total - 1), total, f"Round {number} of {len(self.rounds)}, {what}")
                done += 1
                # The model as it comes is always tried: it is what the others are held against.
                if spent > self.params.budget and place and of_round and not (last and len(of_round) < 2):
                    self.ended_early = True
                    continue
                one = self._try(place, number, share)
                of_round.append(one)
                self.tried.append(one)
                spent += one.seconds
                self.job.show(self._result())
            left = self._best(of_round, number)
        if not any(each.state == "done" for each in self.tried):
            raise DataError(f"No candidate came to an end. The first said: {self.tried[0].reason or 'nothing'}.")
        return self._result(whole=True)

    def _try(self, place: int, number: int, share: float) -> Tried:
        name = f"Round {number}, candidate {place}"
        try:
            kept = self.job.keep(name, partial(self._scored, place, share), seconds=self.params.seconds)
        except StepStopped as stopped:
            return Tried(place=place, round=number, rows=0, folds=(), seconds=float(self.params.seconds),
                         state="stopped", reason=stopped.message)  # fmt: skip
        return Tried(place=place, round=number, **kept)

    def _scored(self, place: int, share: float) -> dict[str, Any]:
        plan = replace(self.plan, settings=self.candidates[place])
        began, found, rows = perf_counter(), [], 0
        for at, (train, test) in enumerate(plan.splits):
            some = _some(train, share, [plan.seed, at])
            rows = len(some)
            reason = ""
            try:
                answer = race.fit(plan, self.model, some).answer(plan.problem.X[test])
            except MemoryError:
                raise
            except Expected as error:
                reason = error.message
            except Exception as error:  # noqa: BLE001  of a library, about these settings: the others go on
                told = str(error).strip().splitlines()
                reason = f"{type(error).__name__}: {told[0][:300] if told else ''}"
            if reason:
                spent = perf_counter() - began
                return {"rows": rows, "folds": [], "seconds": spent, "state": "failed", "reason": reason}
            found.append(race.scored(plan.problem, test, answer))
        return {"rows": rows, "folds": found, "seconds": perf_counter() - began}

    def _best(self, of_round: Sequence[Tried], number: int) -> list[int]:
        """Who goes on: the best third, and the model as it comes."""
        done = [each for each in of_round if each.score(self.metric) is not None]
        done.sort(key=lambda each: (each.score(self.metric) or 0.0) * (-1 if HIGHER[self.metric] else 1))
        if number == len(self.rounds):
            return []
        count = self.rounds[number][0]
        chosen = [each.place for each in done[:count]]
        if 0 not in chosen:
            chosen = [0, *chosen[: max(count - 1, 1)]]
        return sorted(chosen)

    # What is said --------------------------------------------------------------------------------

    def _last(self) -> list[Tried]:
        """The candidates of the furthest round that has two or more, else of the first; the best first."""
        done = [each for each in self.tried if each.score(self.metric) is not None]
        far = max((each.round for each in done if sum(o.round == each.round for o in done) > 1), default=1)
        mine = [each for each in done if each.round == far]
        return sorted(mine, key=lambda each: (each.score(self.metric) or 0.0) * (-1 if HIGHER[self.metric] else 1))

    def _result(self, *, whole: bool = False) -> Result:
        ranked = self._last()
        best = ranked[0] if ranked else None
        base = next((each for each in ranked if each.place == 0), None)
        mean, sd = scores.over_folds(best.folds, self.metric) if best else (None, None)
        p = math.nan
        if best and base and best is not base:
            apart = [one[self.metric] - two[self.metric] for one, two in zip(best.folds, base.folds, strict=True)]
            p = scores.corrected_t(apart, folds.tested_per_trained(list(self.plan.splits)))[1]
        problem = self.plan.problem
        facts: dict[str, Any] = {
            "model": self.model.title, "slug": self.model.slug, "task": problem.task, "target": problem.target,
            "metric": self.metric, "score": mean, "sd": sd,
            "default_score": base.score(self.metric) if base else None,
            "p": p if math.isfinite(p) else None, "is_default": bool(best and best.place == 0),
            "settings": text_of(self.candidates[best.place]) if best else "",
            "tried": len({each.place for each in self.tried}), "fits": len(self.tried) * len(self.plan.splits),
            "rounds": len(self.rounds), "round": best.round if best else 0, "rows": len(problem.y),
            "rows_used": len(problem.y), "tested_on": best.rows if best else 0, "seed": self.params.seed,
            "ended_early": self.ended_early,
        }  # fmt: skip
        tables = {"candidates": self._candidates()}
        if whole and best is not None:
            tables["best"] = self._settings(best)
        return Result(facts=facts, tables=tables, notes=(*problem.notes, *self._notes(best)))

    def _notes(self, best: Tried | None) -> list[str]:
        notes = []
        if best is not None and best.place:
            notes.append(
                "The best of many settings looks a little better than it is. Its score was the highest partly by "
                "chance; expect somewhat less on new rows."
            )
        if self.ended_early:
            notes.append(
                f"The time of {self.params.budget} seconds ended it early. Some settings were tried on fewer rows, or "
                "not at all; give it more time, or fewer candidates."
            )
        return notes

    def _candidates(self) -> DataFrame:
        rows = []
        for each in self.tried:
            mean, sd = scores.over_folds(each.folds, self.metric)
            rows.append(
                (each.place, text_of(self.candidates[each.place]) or "as it comes", each.round, each.rows, mean, sd,
                 each.seconds, each.state, each.reason or None)
            )  # fmt: skip
        names = ["place", "settings", "round", "rows", "score", "sd", "fit_seconds", "state", "reason"]
        texts = dict.fromkeys(("settings", "state", "reason"), "str")
        return DataFrame(rows, columns=names).astype({**texts, "score": "float64", "sd": "float64"})

    def _settings(self, best: Tried) -> DataFrame:
        """Each setting as it comes and as it was found."""
        making = race.making_of(self.plan, self.model, self.plan.splits[0][0])
        usual = estimator(self.model, self.plan.problem.task, making).get_params()
        found = self.candidates[best.place]
        rows = [
            (each.title, each.name, _told(usual.get(each.name)), _told(found.get(each.name, usual.get(each.name))))
            for each in self.space
        ]
        return DataFrame(rows, columns=["setting", "name", "before", "found"]).astype("str")


def _some(train: np.ndarray, share: float, seed: Sequence[int]) -> np.ndarray:
    """A share of the training rows, the same for every candidate; a smaller share is part of a larger one."""
    if share >= 1:
        return train
    return np.sort(np.random.default_rng(seed).permutation(train)[: max(FEWEST // 4, round(len(train) * share))])


def _told(value: Any) -> str:
    return f"{value:.6g}" if isinstance(value, int | float) and not isinstance(value, bool) else str(value)


def drawn(space: Sequence[Setting], count: int, seed: int) -> list[dict[str, Any]]:
    """So many candidates, each setting drawn evenly between its bounds, over powers where it says so."""
    random = np.random.default_rng(seed)
    made = []
    for _ in range(count):
        one: dict[str, Any] = {}
        for each in space:
            if each.log:
                value = math.exp(random.uniform(math.log(each.low), math.log(each.high)))
            else:
                value = random.uniform(each.low, each.high)
            value = min(max(value, each.low), each.high)
            one[each.name] = round(value) if each.whole else float(f"{value:.4g}")
        made.append(one)
    return made


def rounds(candidates: int, rows: int) -> list[tuple[int, float]]:
    """For each round how many candidates there are at most, and on which share of the training rows."""
    made, count, share = [], candidates, 1.0
    most = max(0, int(math.log(max(rows / FEWEST, 1), THIRD)))
    number = min(most, max(0, math.ceil(math.log(max(candidates, 1), THIRD)) - 1))
    for left in range(number, -1, -1):
        share = THIRD**-left
        made.append((count, share))
        count = max(2, math.ceil(count / THIRD))
    return made
