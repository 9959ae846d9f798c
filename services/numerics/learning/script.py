"""A model to take along: a Python script that runs by itself, reads the table, and reaches the same score."""

from __future__ import annotations

import inspect
import math
import pprint
from collections.abc import Sequence
from typing import Any

import numpy as np

from services.duck import quote
from services.numerics.learning import resampling
from services.numerics.learning.columns import seconds_of, sql_of
from services.numerics.learning.folds import HELD_OUT, forward, strata
from services.numerics.learning.models import Model, estimator
from services.numerics.learning.preparation import preparation
from services.numerics.learning.problem import Problem, is_known
from services.numerics.learning.question import LearningParams
from services.numerics.learning.race import CODED, Plan, making_of
from services.schema import ColumnType, Schema

_HEAD = '''"""{title} {does} {target}: {tested}, seed {seed}.

    python model.py TABLE.parquet              the scores, as they were
    python model.py TABLE.parquet NEW.parquet  and predictions.csv, what a model of all rows says of the new ones

TABLE is {name}, as Parquet or as CSV. Needs {needs}.
It reached {metric} = {score} with {versions}.
"""

import csv
import os
import sys
import warnings

for threads in ("OMP", "OPENBLAS", "MKL"):  # sums come out the same in the same order only
    os.environ[f"{{threads}}_NUM_THREADS"] = "1"

import duckdb
import numpy as np
{imports}

TYPES = {types}
# Each feature: its column, what it is, and how it is read.
FEATURES = {features}
SEED = {seed}


def open_table(path):
    """A connection to a file, as the table rows."""
    con = duckdb.connect()
    con.execute("SET threads = 1")
    path = path.replace("'", "''")
    if path.lower().endswith(".csv"):
        there = [each[0] for each in con.execute(f"DESCRIBE SELECT * FROM read_csv('{{path}}')").fetchall()]
        types = {{name: kind for name, kind in TYPES.items() if name in there}}
        con.execute(
            "CREATE TABLE rows AS SELECT * FROM "
            f"read_csv('{{path}}', header = true, nullstr = ['', ' '], types = {{types}})"
        )
    else:
        con.execute(f"CREATE VIEW rows AS SELECT * FROM read_parquet('{{path}}')")
    return con


def numbers(con, sql):
    """A column as float64, NaN where it is missing."""
    values = con.execute(f"SELECT ({{sql}})::DOUBLE AS v FROM rows").fetchnumpy()["v"]
    return np.ma.filled(np.ma.asarray(values, dtype=np.float64), np.nan)


def texts(con, sql):
    """A column as text, None where it is missing."""
    return [value for (value,) in con.execute(f"SELECT {{sql}} FROM rows").fetchall()]


def levels_of(values, rows):
    """The values that these rows have, those most frequent in the table first."""
    counts = {{}}
    for value in values:
        if value is not None:
            counts[value] = counts.get(value, 0) + 1
    there = {{values[row] for row in rows}}
    return [value for value in sorted(counts, key=lambda value: (-counts[value], value)) if value in there]


def coded(values, levels):
    """Texts as the numbers of their levels, NaN where they have none."""
    place = {{level: float(at) for at, level in enumerate(levels)}}
    return np.array([place.get(value, np.nan) for value in values])


def matrix(con, levels):
    """Features as float32 (rows, features); levels are filled in where they are not known yet."""
    columns = []
    for name, kind, sql in FEATURES:
        if kind == "number":
            values = numbers(con, sql)
        else:
            values = coded(texts(con, sql), levels[name])
        columns.append(np.where(np.isfinite(values), values, np.nan).astype(np.float32))
    return np.column_stack(columns)

'''
_ROWS = """
con = open_table(sys.argv[1])
known = con.execute({known!r}).fetchnumpy()["place"]
rows = np.asarray(known, dtype=np.int64)
"""
_SAMPLE_BY_CLASS = """
labels = texts(con, {target})
codes = coded([labels[row] for row in rows], levels_of(labels, rows)).astype(int)
random, share, drawn = np.random.default_rng(SEED), {sample} / len(rows), []
for code in np.unique(codes):
    mine = rows[codes == code]
    drawn.append(random.choice(mine, max(min(2, len(mine)), round(len(mine) * share)), replace=False))
rows = np.sort(np.concatenate(drawn))
"""
_SAMPLE = """
rows = np.sort(np.random.default_rng(SEED).choice(rows, {sample}, replace=False))
"""
_CLASSES = """
labels = texts(con, {target})
classes = {classes}
y = np.array([classes.index(labels[row]) for row in rows])
"""
_VALUES = """
y = numbers(con, {target})[rows]
"""
_FEATURES = '''levels = {{name: levels_of(texts(con, sql), rows) for name, kind, sql in FEATURES if kind == "category"}}
X = matrix(con, levels)[rows]
weight = {weight}


def prepared():
    """What is done to features before the model sees them; fitted on what it learns from alone."""
    return {prepared}


def made({fold}):
    """The model as it comes."""
    return {made}

{resample}
def fit(train{fold_given}):
    """Preparation and model, fitted on the rows train and nothing else."""
{most}    Z, labels = X[train], y[train]
    given = None if weight is None else weight[train]
    prepare, model = prepared(), made({fold_passed})
    Z = prepare.fit_transform(Z, labels)
{resampled}{codes}{neighbours}    model.fit(Z, labels{weighted})
    return prepare, model{there}


'''
_PREDICT_CLASSES = '''def predict(fitted, X):
    """Classes, and their probabilities where the model tells them, else what it ranks by."""
    prepare, model, there = fitted
    Z, known = prepare.transform(X), there[model.classes_]
    told, absent = hasattr(model, "predict_proba"), 0.0
    if told:
        ranks = model.predict_proba(Z)
    else:
        ranks, absent = np.asarray(model.decision_function(Z), dtype=np.float64), -np.inf
        ranks = np.column_stack([-ranks, ranks]) if ranks.ndim == 1 else ranks
    if len(known) < len(classes):  # a class that had no row to learn from
        wide = np.full((len(X), len(classes)), absent)
        wide[:, known] = ranks
        ranks = wide
    said = known[ranks[:, known].argmax(axis=1)] if told else there[model.predict(Z)]
    return said, ranks, told


def scores(at, said, ranks, is_probability):
    """Some figures of scikit-learn's own."""
    truth, given = y[at], None if weight is None else weight[at]
    found = {
        "balanced_accuracy": metrics.recall_score(
            truth, said, labels=np.unique(truth), average="macro", zero_division=0, sample_weight=given
        ),
        "accuracy": metrics.accuracy_score(truth, said, sample_weight=given),
        "f1_macro": metrics.f1_score(truth, said, average="macro", zero_division=0, sample_weight=given),
        "f1_weighted": metrics.f1_score(truth, said, average="weighted", zero_division=0, sample_weight=given),
        "precision": metrics.precision_score(
            truth, said, labels=np.unique(truth), average="macro", zero_division=0, sample_weight=given
        ),
        "mcc": metrics.matthews_corrcoef(truth, said, sample_weight=given),
    }
    found["recall"] = found["balanced_accuracy"]
    told = [1] if len(classes) == 2 else np.unique(truth)
    if len(np.unique(truth)) > 1:
        for name in ("roc_auc", "average_precision"):
            figure = getattr(metrics, f"{name}_score")
            found[name] = np.mean([figure(truth == one, ranks[:, one], sample_weight=given) for one in told])
    if is_probability:
        found["log_loss"] = metrics.log_loss(truth, ranks, labels=np.arange(len(classes)), sample_weight=given)
        squared = ((ranks.astype(np.float64) - np.eye(len(classes))[truth]) ** 2).sum(axis=1)
        found["brier"] = np.average(squared if len(classes) > 2 else squared / 2, weights=given)
    return found


'''
_PREDICT_VALUES = '''def predict(fitted, X):
    """The predicted values."""
    prepare, model = fitted
    return (np.asarray(model.predict(prepare.transform(X)), dtype=np.float64).ravel(),)


def scores(at, said):
    """Some figures of scikit-learn's own."""
    truth, given = y[at], None if weight is None else weight[at]
    found = {
        "rmse": metrics.root_mean_squared_error(truth, said, sample_weight=given),
        "mae": metrics.mean_absolute_error(truth, said, sample_weight=given),
        "median_ae": metrics.median_absolute_error(truth, said, sample_weight=given),
        "r2": metrics.r2_score(truth, said, sample_weight=given),
    }
    if truth.min() > 0:
        found["mape"] = 100 * metrics.mean_absolute_percentage_error(truth, said, sample_weight=given)
    if truth.min() >= 0 and said.min() >= 0:
        found["rmsle"] = metrics.root_mean_squared_log_error(truth, said, sample_weight=given)
    return found


'''
_END = """warnings.simplefilter("ignore")
found = []
for fold, (train, test) in enumerate({splits}):
    found.append(scores(test, *predict(fit(train{fold_number}), X[test])))
for name in found[0]:
    values = [fold[name] for fold in found if name in fold]
    spread = f" ± {{np.std(values, ddof=1):.12g}}" if len(values) > 1 else ""
    print(f"{{name}} {{np.mean(values):.15g}}{{spread}}")
if len(sys.argv) > 2:
    said = predict(fit(np.arange(len(y)){last}), matrix(open_table(sys.argv[2]), levels))[0]
    with open("predictions.csv", "w", encoding="utf-8", newline="") as file:
        lines = csv.writer(file)
        lines.writerow(["row", "predicted"])
        lines.writerows([row, {shown}] for row, value in enumerate(said, 1))
"""


def script(
    problem: Problem, plan: Plan, model: Model, params: LearningParams, schema: Schema, *, name: str, metric: str,
    score: float,
) -> str:  # fmt: skip
    """The script; `name` is the table's, `score` what `metric` came to on average over the splits."""
    codes = _Codes()
    makes = [codes.of(estimator(model, problem.task, making_of(plan, model, train))) for train, _ in plan.splits]
    makes.append(codes.of(estimator(model, problem.task, making_of(plan, model, np.arange(len(problem.y))))))
    varies = len(set(makes)) > 1
    listed = ",\n        ".join(makes)
    made = f"[\n        {listed},\n    ][fold]" if varies else makes[0]
    before = codes.of(preparation(problem.features, model.prepared, problem.task))
    splits = _splits(problem, params, codes)
    is_classes = problem.task == "classification"
    resamples = is_classes and plan.imbalance in {"over", "under", "smote"}
    target = schema[problem.target]
    features = [(each.column, each.kind, sql_of(each, schema[each.column])) for each in problem.features]
    named = [(feature.name, kind, sql) for feature, (_, kind, sql) in zip(problem.features, features, strict=True)]
    used = {problem.target, *(column for column, _, _ in features), params.weight, params.group, params.time}
    types = {each.name: each.sql for each in schema if each.name in used}
    test = is_known(target) + (f" AND {quote(params.weight)} > 0" if params.weight else "")
    codes.imports.add("from sklearn import metrics")
    needs = sorted({"duckdb", "numpy", "scikit-learn", *codes.packages, *(["imbalanced-learn"] if resamples else [])})
    text = f"{quote(problem.target)}::VARCHAR"
    parts = [
        _HEAD.format(
            title=model.title, does="tells" if is_classes else "predicts", target=_in_words(problem.target),
            tested=tested(params), seed=plan.seed, name=_in_words(name), needs=", ".join(needs), metric=metric,
            score=f"{score:.15g}", versions=", ".join(versions(needs)), imports="\n".join(sorted(codes.imports)),
            types=pprint.pformat(types, width=110, sort_dicts=False),
            features=pprint.pformat(named, width=110),
        ),
        _ROWS.format(
            known=f"SELECT place FROM (SELECT row_number() OVER () - 1 AS place, {test} AS kept FROM rows) "
            "WHERE kept ORDER BY place"
        ),
    ]  # fmt: skip
    if params.sample_rows is not None:
        made_of = _SAMPLE_BY_CLASS if is_classes else _SAMPLE
        sampled = made_of.format(target=repr(text), sample=params.sample_rows)
        lines = sampled.strip("\n").replace("\n", "\n    ")
        parts.append(f"if len(rows) > {params.sample_rows}:\n    {lines}\n")
    if is_classes:
        labels = pprint.pformat(_labels(problem, target), width=110)
        parts.append(_CLASSES.format(target=repr(text), classes=labels))
    else:
        parts.append(_VALUES.format(target=repr(quote(problem.target))))
    most = (
        f"    if len(train) > {model.most_rows}:\n        train = np.sort(np.random.default_rng(SEED).choice("
        f"train, {model.most_rows}, replace=False))\n"
        if model.most_rows is not None
        else ""
    )  # fmt: skip
    takes = "" if problem.weight is None or not model.takes_weights else ", sample_weight=given"
    parts.append(
        _FEATURES.format(
            weight="None" if params.weight is None else f"numbers(con, {quote(params.weight)!r})[rows]",
            prepared=before, made=made, fold="fold" if varies else "", fold_given=", fold" if varies else "",
            fold_passed="fold" if varies else "",
            resample=f"\n{_plainly(inspect.getsource(resampling.resample))}\n" if resamples else "",
            most=most,
            resampled=f'    Z, labels, given = resample(Z, labels, given, "{plan.imbalance}", SEED, '
            f"codes={model.prepared in CODED})\n" if resamples else "",
            codes="    there = np.unique(labels)\n    labels = np.searchsorted(there, labels)\n" if is_classes else "",
            neighbours='    if hasattr(model, "n_neighbors"):\n        model.n_neighbors = min(model.n_neighbors, '
            "len(labels))\n" if model.slug == "knn" else "",
            weighted=takes, there=", there" if is_classes else "",
        )
    )  # fmt: skip
    parts.append(_PREDICT_CLASSES if is_classes else _PREDICT_VALUES)
    if params.scheme == "forward":
        parts.append(f"{_plainly(inspect.getsource(forward))}\n\n")
    parts.append(
        _END.format(
            splits=splits, fold_number=", fold" if varies else "", last=f", {len(plan.splits)}" if varies else "",
            shown="classes[value]" if is_classes else "float(value)",
        )
    )  # fmt: skip
    return "".join(parts)


def _plainly(source: str) -> str:
    """Source without the annotations that a script need not import."""
    lines = source.rstrip().split("\n")
    end = next(at for at, line in enumerate(lines) if line.endswith(":") and (line.startswith((")", "def "))))
    signature = " ".join(line.strip() for line in lines[: end + 1])
    names = inspect.signature({"resample": resampling.resample, "forward": forward}[signature[4:].split("(")[0]])
    given = [f"*, {each.name}" if each.kind is each.KEYWORD_ONLY else each.name for each in names.parameters.values()]
    return "\n".join([f"{signature.split('(')[0]}({', '.join(given)}):", *lines[end + 1 :]])


def _labels(problem: Problem, target: ColumnType) -> list[str]:
    """The classes as their text in the table."""
    flags = {"no": "false", "yes": "true"} if target.kind == "flag" else {}
    return [flags.get(name, name) for name in problem.classes]


def _in_words(text: str) -> str:
    """A name as it can stand in a comment."""
    return "".join(sign if sign.isprintable() and sign not in '"\\' else " " for sign in text)


def tested(params: LearningParams) -> str:
    """How models are tested, in words."""
    match params.scheme:
        case "holdout":
            return "a third of the rows held out"
        case "forward":
            return f"tested forward in time, {params.folds} times"
        case "grouped":
            return f"{params.folds} folds that keep groups together"
    return f"{params.folds} folds" + (f", {params.repeats} rounds" if params.repeats > 1 else "")


def _splits(problem: Problem, params: LearningParams, codes: _Codes) -> str:
    is_stratified, folds = strata(problem, params.folds)
    of = "X[:, :1], y" if is_stratified else "X[:, :1]"
    match params.scheme:
        case "forward":
            at = codes.date(params.time, problem)
            return f"forward(numbers(con, {at!r})[rows], {folds})"
        case "grouped":
            name = "StratifiedGroupKFold" if is_stratified else "GroupKFold"
            given = f"{folds}, shuffle=True, random_state=SEED" if is_stratified else f"{folds}"
            group = f"{quote(params.group or '')}::VARCHAR"
            taken = f"[texts(con, {group!r})[row] for row in rows]"
            codes.imports.add(f"from sklearn.model_selection import {name}")
            return (
                f"{name}({given}).split(y, y, np.nan_to_num(coded({taken}, levels_of(texts(con, {group!r}), rows)), "
                "nan=-1))"
            )
        case "holdout":
            name = "StratifiedShuffleSplit" if is_stratified else "ShuffleSplit"
            codes.imports.add(f"from sklearn.model_selection import {name}")
            return f"{name}(n_splits=1, test_size={HELD_OUT!r}, random_state=SEED).split({of})"
    name = "RepeatedStratifiedKFold" if is_stratified else "RepeatedKFold"
    codes.imports.add(f"from sklearn.model_selection import {name}")
    return f"{name}(n_splits={folds}, n_repeats={params.repeats}, random_state=SEED).split({of})"


_OF_PACKAGE = {"sklearn": "scikit-learn", "xgboost": "xgboost", "lightgbm": "lightgbm", "imblearn": "imbalanced-learn"}


def versions(packages: Sequence[str]) -> list[str]:
    """The packages with their versions, as they are here."""
    from importlib.metadata import PackageNotFoundError, version

    found = []
    for name in packages:
        for called in (name, f"{name}-cpu"):
            try:
                found.append(f"{name} {version(called)}")
                break
            except PackageNotFoundError:
                continue
    return found


class _Codes:
    """Estimators as Python code, and what that code imports."""

    def __init__(self) -> None:
        self.imports: set[str] = set()
        self.packages: set[str] = set()

    def date(self, name: str | None, problem: Problem) -> str:
        return seconds_of(problem.time_column) if problem.time_column is not None else quote(name or "")

    def of(self, value: Any) -> str:
        """An estimator, or a value of one of its parameters."""
        if hasattr(value, "get_params") and not isinstance(value, type):
            return self._estimator(value)
        if isinstance(value, list | tuple):
            inner = ", ".join(map(self.of, value))
            return f"[{inner}]" if isinstance(value, list) else f"({inner}{',' if len(value) == 1 else ''})"
        if isinstance(value, dict):
            return "{" + ", ".join(f"{self.of(key)}: {self.of(each)}" for key, each in value.items()) + "}"
        if isinstance(value, np.generic):
            return repr(value.item())
        if callable(value):  # a function or a type of numpy
            return f"np.{value.__name__}"
        if isinstance(value, float) and math.isnan(value):
            return "np.nan"
        return repr(value)

    def _estimator(self, made: Any) -> str:
        kind = type(made)
        parts = kind.__module__.split(".")
        private = next((at for at, part in enumerate(parts) if part.startswith("_")), len(parts))
        module = parts[0] if parts[0] in {"lightgbm", "xgboost"} else ".".join(parts[:private])
        self.imports.add(f"from {module} import {kind.__name__}")
        self.packages.add(_OF_PACKAGE.get(parts[0], parts[0]))
        usual = {
            name: each.default for name, each in inspect.signature(kind.__init__).parameters.items() if name != "self"
        }
        given = {}
        for name, value in made.get_params(deep=False).items():
            default = usual.get(name)
            same = value is default or (type(value) is type(default) and repr(value) == repr(default))
            if not same and not (isinstance(value, float) and math.isnan(value)):
                given[name] = value
        return f"{kind.__name__}({', '.join(f'{name}={self.of(value)}' for name, value in given.items())})"
