"""A table of mixed columns with two targets, the same each time: what models are compared on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

LOT = 20_000
START = np.datetime64("2023-01-01")


def write(path: Path, rows: int, columns: int = 20, *, seed: int = 0) -> None:
    """Write a CSV of `columns` columns beside `outcome` (three classes, one rare) and `amount`, a lot at a time.

    Of ten columns four are numbers, one with gaps; two whole numbers; two categories, of 3 to 200 levels; a flag;
    a date. The targets hang on the first ten and on noise.
    """
    random = np.random.default_rng(seed)
    for start in range(0, rows, LOT):
        made = _lot(random, min(LOT, rows - start), columns)
        made.to_csv(path, mode="a" if start else "w", header=not start, index=False, float_format="%.4f")


def _lot(random: np.random.Generator, rows: int, columns: int) -> pd.DataFrame:
    found: dict[str, object] = {}
    for place in range(columns):
        found[f"{_KINDS[place % 10]}_{place}"] = _column(random, rows, place)
    frame = pd.DataFrame(found)
    small = frame["category_6"].str.removeprefix("v").astype(int)
    pull = 1.2 * frame["number_0"] + 0.8 * frame["number_1"] * frame["flag_8"].eq("yes") + 0.05 * frame["count_4"]
    pull = pull + np.where(small == 0, 1.5, 0.0) - 0.3 * frame["gaps_3"].fillna(0)
    frame["amount"] = 100 + 25 * pull + random.normal(0, 30, rows)
    cut = pull + random.logistic(size=rows)
    frame["outcome"] = np.select([cut > 4.5, cut > 0.8], ["rare", "often"], "usual")
    return frame


_KINDS = ("number", "number", "number", "gaps", "count", "count", "category", "category", "flag", "date")


def _column(random: np.random.Generator, rows: int, place: int) -> object:
    match _KINDS[place % 10]:
        case "number":
            return random.normal(size=rows) if place % 3 else random.exponential(size=rows)
        case "gaps":
            return np.where(random.random(rows) < 0.15, np.nan, random.normal(size=rows))
        case "count":
            return random.poisson(5 + place, rows)
        case "category":
            levels = 3 + place if place % 10 == 6 else 200
            return pd.Series(random.integers(0, levels, rows)).map("v{}".format)
        case "flag":
            return np.where(random.random(rows) < 0.4, "yes", "no")
    return START + random.integers(0, 700, rows).astype("timedelta64[D]")
