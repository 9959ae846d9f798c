"""Tables to try the product on: real ones that come inside our own dependencies, and made ones.

Each is written as CSV and taken in like any upload, so a sample proves the same path.
"""

from __future__ import annotations

import csv
import gzip
import importlib.util
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from services.errors import NotFound


@dataclass(frozen=True)
class Sample:
    """A table that is one click away; rows and columns are told before it is made."""

    slug: str
    title: str
    rows: int
    columns: int
    good_for: tuple[str, ...]  # slugs of analyses
    source: str
    make: Callable[[Path], None]


def _inside(package: str, path: str) -> Path:
    """A data file of an installed package, found without importing the package."""
    spec = importlib.util.find_spec(package)
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent / path


def _purchases(target: Path) -> None:
    from services.analysis import find

    frame, _ = find("rfm").example(20_000)
    frame.to_csv(target, index=False)


def _plotly(name: str) -> Callable[[Path], None]:
    def make(target: Path) -> None:
        target.write_bytes(gzip.decompress(_inside("plotly", f"package_data/datasets/{name}.csv.gz").read_bytes()))

    return make


def _statsmodels(path: str) -> Callable[[Path], None]:
    def make(target: Path) -> None:
        target.write_bytes(_inside("statsmodels", path).read_bytes())

    return make


_OF_CELLS = ("mean", "error", "worst")


def _breast_cells(target: Path) -> None:
    """scikit-learn's file has counts and the target's names where the header should be: name the columns.

    Its package is not imported: that takes more memory than a quick job has.
    """
    measures = (
        "radius", "texture", "perimeter", "area", "smoothness", "compactness", "concavity", "concave_points",
        "symmetry", "fractal_dimension",
    )  # fmt: skip
    header = [f"{each}_{what}" if what == "error" else f"{what}_{each}" for what in _OF_CELLS for each in measures]
    with (
        open(_inside("sklearn", "datasets/data/breast_cancer.csv"), newline="", encoding="utf-8") as source,
        open(target, "w", newline="", encoding="utf-8") as file,
    ):
        lines, writer = csv.reader(source), csv.writer(file)
        _, _, *diagnoses = next(lines)
        writer.writerow([*header, "diagnosis"])
        for *values, diagnosis in lines:
            writer.writerow([*values, diagnoses[int(diagnosis)]])


def _diabetes(target: Path) -> None:
    """Ten measures of patients, and how their diabetes went on within a year: two packed files without names."""
    header = ["age", "sex", "bmi", "blood_pressure", "total_cholesterol", "ldl", "hdl", "cholesterol_ratio",
              "log_triglycerides", "glucose", "progression_target"]  # fmt: skip
    with (
        gzip.open(_inside("sklearn", "datasets/data/diabetes_data_raw.csv.gz"), "rt") as measures,
        gzip.open(_inside("sklearn", "datasets/data/diabetes_target.csv.gz"), "rt") as targets,
        open(target, "w", newline="", encoding="utf-8") as file,
    ):
        writer = csv.writer(file)
        writer.writerow(header)
        for line, after in zip(measures, targets, strict=True):
            writer.writerow([*line.split(), int(float(after))])


SAMPLES = (
    Sample("purchases", "Purchases", 20_000, 6, ("rfm",), "generated, seed 0", _purchases),
    Sample("gapminder", "Countries since 1952", 1_704, 10, (), "Gapminder, by plotly", _plotly("gapminder")),
    Sample("tips", "Restaurant tips", 244, 7, (), "plotly", _plotly("tips")),
    Sample(
        "breast_cells", "Breast cells", 569, 31, ("classification", "model", "tuning"), "scikit-learn", _breast_cells
    ),
    Sample("diabetes", "Diabetes after a year", 442, 11, ("regression",), "scikit-learn", _diabetes),
    Sample("sunspots", "Sunspots per year", 309, 2, (), "statsmodels", _statsmodels("datasets/sunspots/sunspots.csv")),
)


def find(slug: str) -> Sample:
    for sample in SAMPLES:
        if sample.slug == slug:
            return sample
    raise NotFound("There is no such sample.")


def write(slug: str, folder: Path) -> Path:
    """Write the sample as a CSV file into `folder` and return its path."""
    target = folder / "sample.csv"
    find(slug).make(target)
    return target
