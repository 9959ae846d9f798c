"""Small tables out of what models said of rows they had not seen, for drawing and reading."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from pandas import DataFrame

from services.numerics.learning.columns import Feature

CURVE = 60  # points of a curve, at most
CLASSES = 8  # that have a curve of their own: the most frequent
BINS = 10
THRESHOLDS = 101
MARKS = 1_500  # rows that are drawn one by one
GRID = 36
HISTOGRAM = 40
SEGMENTS = 12  # levels of a category that are told apart
MOST_PARTED = 30  # features whose parts are told
PREDICTED = "the prediction"


def confusion(y: np.ndarray, predicted: np.ndarray, classes: Sequence[str]) -> DataFrame:
    """A row for each pair of classes: actual, predicted, rows, and their share of the actual ones."""
    count = len(classes)
    pairs = np.bincount(y.astype(np.int64) * count + predicted, minlength=count * count)
    actual, said = np.divmod(np.arange(count * count), count)
    whole = np.maximum(np.bincount(y, minlength=count), 1)
    names = np.asarray(classes, dtype=object)
    made = DataFrame({"actual": names[actual], "predicted": names[said], "rows": pairs, "share": pairs / whole[actual]})
    return made.astype({"actual": "str", "predicted": "str"})


def per_class(y: np.ndarray, predicted: np.ndarray, classes: Sequence[str]) -> DataFrame:
    """A row for each class: how many rows, precision, recall, F1; empty where nothing was said to be of it."""
    count = len(classes)
    hit = np.bincount(y[y == predicted], minlength=count).astype(float)
    actual, said = (np.bincount(each, minlength=count).astype(float) for each in (y, predicted))
    with np.errstate(invalid="ignore", divide="ignore"):
        precision, recall = hit / said, hit / actual
        f1 = 2 * hit / (said + actual)
    made = DataFrame({"class": list(classes), "rows": actual, "precision": precision, "recall": recall, "f1": f1})
    return made.astype({"class": "str", "rows": "int64"})


def curves(y: np.ndarray, ranks: np.ndarray, classes: Sequence[str], places: Sequence[int]) -> DataFrame:
    """ROC and precision-recall of each class against the others: class, kind (roc, pr), x, y.

    `ranks` is (rows, len(places)), a column for each of the classes `places`; of two classes, only the second is told.
    """
    from sklearn.metrics import precision_recall_curve, roc_curve

    often = np.argsort(-np.bincount(y, minlength=len(classes)), kind="stable")[:CLASSES].tolist()
    wanted = [1] if len(classes) == 2 else [place for place in places if place in often]
    frames = []
    for place in wanted:
        score, is_it = ranks[:, list(places).index(place)], y == place
        if not 0 < is_it.sum() < len(y):
            continue
        false, true, _ = roc_curve(is_it, score)
        precision, recall, _ = precision_recall_curve(is_it, score)
        for kind, x, along in (("roc", false, true), ("pr", recall[::-1], precision[::-1])):
            some = np.unique(np.linspace(0, len(x) - 1, CURVE).round().astype(int))
            frames.append(DataFrame({"class": classes[place], "kind": kind, "x": x[some], "y": along[some]}))
    return _joined(frames, ["class", "kind", "x", "y"]).astype({"class": "str", "kind": "str"})


def calibration(y: np.ndarray, proba: np.ndarray) -> DataFrame:
    """Of two classes: ten bins of the probability of the second: what was said, what was, Wilson's 95 %."""
    edges = np.unique(np.quantile(proba, np.linspace(0, 1, BINS + 1)))
    place = np.clip(np.searchsorted(edges, proba, side="right") - 1, 0, max(len(edges) - 2, 0))
    rows = []
    for each in np.unique(place):
        mine = place == each
        n, share = int(mine.sum()), float((y[mine] == 1).mean())
        low, high = wilson(share, n)
        rows.append((float(proba[mine].mean()), share, n, low, high))
    return DataFrame(rows, columns=["predicted", "actual", "rows", "low", "high"])


def wilson(share: float, n: int, z: float = 1.959964) -> tuple[float, float]:
    """The interval of a share of n. Wilson, E. B. (1927). JASA 22, 209-212."""
    middle = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * np.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    return float(max(0.0, middle - half)), float(min(1.0, middle + half))


def thresholds(y: np.ndarray, proba: np.ndarray) -> DataFrame:
    """Of two classes: for each threshold 0, 0.01... 1, how many rows are rightly and wrongly said to be it."""
    at = np.linspace(0, 1, THRESHOLDS)
    yes, no = np.sort(proba[y == 1]), np.sort(proba[y != 1])
    tp = len(yes) - np.searchsorted(yes, at, side="left")
    fp = len(no) - np.searchsorted(no, at, side="left")
    return DataFrame({"threshold": at, "tp": tp, "fp": fp, "tn": len(no) - fp, "fn": len(yes) - tp})


def gain(y: np.ndarray, proba: np.ndarray) -> DataFrame:
    """Of two classes: of the rows most likely to be of the second, which share of all such they hold."""
    order = np.argsort(-proba, kind="stable")
    found = np.cumsum(y[order] == 1)
    at = np.unique(np.linspace(1, len(y), CURVE).round().astype(int))
    share, of = at / len(y), found[at - 1] / max(int(found[-1]), 1)
    return DataFrame({"share": share, "found": of, "lift": of / share})


def fitted(y: np.ndarray, predicted: np.ndarray) -> DataFrame:
    """Actual against predicted: each row where they are few, else counts on a grid: predicted, actual, rows."""
    if len(y) <= MARKS:
        return DataFrame({"predicted": predicted, "actual": y, "rows": np.ones(len(y), dtype=np.int64)})
    counts, x, along = np.histogram2d(predicted, y, bins=GRID)
    at, up = np.nonzero(counts)
    middle = (x[:-1] + x[1:]) / 2, (along[:-1] + along[1:]) / 2
    return DataFrame({"predicted": middle[0][at], "actual": middle[1][up], "rows": counts[at, up].astype(np.int64)})


def residuals(y: np.ndarray, predicted: np.ndarray) -> DataFrame:
    """How errors (actual − predicted) lie: bins of one width between the 0.5 % and the 99.5 % quantile, and beyond."""
    error = y - predicted
    low, high = np.quantile(error, [0.005, 0.995])
    if low == high:
        low, high = low - 0.5, high + 0.5
    counts, edges = np.histogram(np.clip(error, low, high), bins=HISTOGRAM, range=(low, high))
    return DataFrame({"low": edges[:-1], "high": edges[1:], "rows": counts})


def quantiles(y: np.ndarray, predicted: np.ndarray) -> DataFrame:
    """Errors beside those of a bell curve as wide as they are: normal, error; on a straight line if they are alike."""
    from scipy.special import ndtri

    error = np.sort(y - predicted)
    share = (np.arange(1, CURVE + 1) - 0.5) / CURVE
    return DataFrame({"normal": ndtri(share) * error.std() + error.mean(), "error": np.quantile(error, share)})


def segments(
    features: Sequence[Feature], X: np.ndarray, error: np.ndarray, predicted: np.ndarray | None = None
) -> DataFrame:
    """How far off it is in parts of the rows: feature, segment, at, rows, error, low, middle, high.

    A number is parted into up to ten bins of as many rows, a category by its most frequent levels. `error` (rows,) is
    actual − predicted, or 1 where the class is wrong: told are its mean size, quartiles and median. `predicted` comes
    first, as if it were a feature.
    """
    parts: list[tuple[str, np.ndarray, tuple[str, ...]]] = []
    if predicted is not None:
        parts.append((PREDICTED, predicted, ()))
    parts += [(each.name, X[:, place], each.levels) for place, each in enumerate(features[:MOST_PARTED])]
    rows = []
    for name, values, levels in parts:
        for segment, at, mine in _parted(values, levels):
            low, middle, high = np.quantile(error[mine], [0.25, 0.5, 0.75])
            size = float(np.abs(error[mine]).mean())
            rows.append((name, segment, at, int(mine.sum()), size, float(low), float(middle), float(high)))
    made = DataFrame(rows, columns=["feature", "segment", "at", "rows", "error", "low", "middle", "high"])
    return made.astype({"feature": "str", "segment": "str", "at": "float64"})


def _parted(values: np.ndarray, levels: Sequence[str]) -> Iterator[tuple[str, float | None, np.ndarray]]:
    known = ~np.isnan(values)
    if levels:
        for code, level in enumerate(levels[:SEGMENTS]):
            if (mine := values == code).any():
                yield level, None, mine
    elif known.any():
        edges = np.unique(np.quantile(values[known], np.linspace(0, 1, BINS + 1)))
        place = np.clip(np.searchsorted(edges, values, side="right") - 1, 0, max(len(edges) - 2, 0))
        for each in np.unique(place[known]):
            mine = known & (place == each)
            low, high = values[mine].min(), values[mine].max()
            told = f"{low:.4g}" if low == high else f"{low:.4g} to {high:.4g}"
            yield told, float(values[mine].mean(dtype=np.float64)), mine
    if not known.all():
        yield "missing", None, ~known


def _joined(frames: list[DataFrame], columns: list[str]) -> DataFrame:
    import pandas as pd

    return pd.concat(frames, ignore_index=True) if frames else DataFrame(columns=columns)
