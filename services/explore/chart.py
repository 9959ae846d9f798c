"""What a chart asks, and what is drawn from: aggregates of every row, in SQL, never more than MARKS of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

from services.errors import DataError
from services.schema import ColumnType, Schema

MARKS = 5_000  # that a figure is drawn from at most
POINTS = 5_000  # of a scatter; more become a picture of where they lie
SHARE = 0.01  # of the rows, where a sample is drawn from
BINS = (5, 200)

TYPES = {
    "histogram": "Histogram", "bar": "Bar", "line": "Line", "scatter": "Scatter", "box": "Box", "violin": "Violin",
    "heatmap": "Heatmap", "correlation": "Correlation",
}  # fmt: skip
MEASURES = {
    "count": "Number of rows", "sum": "Sum", "mean": "Mean", "median": "Median", "min": "Lowest", "max": "Highest",
    "distinct": "Distinct values",
}  # fmt: skip
GRAINS = ("hour", "day", "week", "month", "quarter", "year")

# Which controls count for which type; what does not count is not looked at.
USED = {
    "histogram": ("x", "colour", "facet", "bins", "log_x", "log_y"),
    "bar": ("x", "y", "how", "colour", "facet", "grain", "log_y"),
    "line": ("x", "y", "how", "colour", "facet", "grain", "log_y"),
    "scatter": ("x", "y", "colour", "facet", "log_x", "log_y"),
    "box": ("x", "y", "log_y"),
    "violin": ("x", "y", "log_y"),
    "heatmap": ("x", "y", "z", "how", "grain"),
    "correlation": (),
}

Ask = Callable[[str, Sequence[Any]], list[list[Any]]]


@dataclass(frozen=True, kw_only=True)
class Spec:
    """A chart as it is asked for; `y` of a bar or line and `z` of a heatmap are what is measured."""

    type: str = "bar"
    x: str | None = None
    y: str | None = None
    z: str | None = None
    how: str = "count"
    colour: str | None = None
    facet: str | None = None
    grain: str | None = None
    bins: int = 30
    log_x: bool = False
    log_y: bool = False
    sample: bool = False

    @property
    def measured(self) -> str | None:
        """The column that is measured, where the rows are not just counted."""
        return None if self.how == "count" else self.z if self.type == "heatmap" else self.y

    def as_json(self) -> dict[str, Any]:
        """What an address says of it: what is not as it is by itself."""
        return {name: value for name, value in asdict(self).items() if value != getattr(Spec, name, None)}


@dataclass(frozen=True, kw_only=True)
class Drawn:
    """What a chart is drawn from: named columns of plain values, `facts` besides, `notes` to be said."""

    spec: Spec
    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[Any]]
    facts: Mapping[str, Any]
    notes: Sequence[str] = ()

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, told: Mapping[str, Any]) -> Drawn:
        return cls(**{**told, "spec": Spec(**told["spec"])})


def parse(raw: Mapping[str, Any], schema: Schema) -> Spec:
    """Check what the browser asks for.

    Raises
    ------
    DataError
        A column or choice that there is not, or one that this type of chart cannot draw.
    """
    kind = raw.get("type") or "bar"
    if kind not in TYPES:
        raise DataError(f"“{kind}” is no chart that can be drawn here.")
    given: dict[str, Any] = {"type": kind, "sample": bool(raw.get("sample"))}
    for name in USED[kind]:
        value = raw.get(name)
        if value in (None, ""):
            continue
        given[name] = value
    for name in ("x", "y", "z", "colour", "facet"):
        if name in given and given[name] not in schema:
            raise DataError(f"There is no column “{given[name]}” to draw.")
    given["how"] = given.get("how", "count")
    if given["how"] not in MEASURES or given.get("grain", "day") not in GRAINS:
        raise DataError(f"“{kind}” is no chart that can be drawn here.")
    try:
        given["bins"] = min(max(int(given.get("bins", 30)), BINS[0]), BINS[1])
    except (TypeError, ValueError):
        raise DataError("How many bars a histogram has is a whole number.") from None
    given |= {name: bool(given[name]) for name in ("log_x", "log_y") if name in given}
    spec = Spec(**{name: value for name, value in given.items() if name in {each.name for each in fields(Spec)}})
    _check(spec, schema)
    return spec


def _check(spec: Spec, schema: Schema) -> None:
    """That each column is of a kind that can stand where it is asked to."""
    placed: dict[str, Callable[[ColumnType], bool]] = {
        "histogram": {"x": _runs}, "bar": {"x": _any}, "line": {"x": _runs}, "scatter": {"x": _runs, "y": _runs},
        "box": {"y": _number}, "violin": {"y": _number}, "heatmap": {"x": _any, "y": _any}, "correlation": {},
    }[spec.type]  # fmt: skip
    for name, fits in placed.items():
        column = getattr(spec, name)
        if column is None:
            raise DataError(f"Choose a column for {name.upper()}.", field=name)
        if not fits(schema[column]):
            wanted = "numbers" if fits is _number else "numbers or dates"
            raise DataError(f"“{column}” cannot be drawn so: this chart needs {wanted} there.", field=name)
    if spec.type in ("bar", "line", "heatmap") and spec.how != "count":
        measured = spec.measured
        if measured is None:
            raise DataError("Choose the column to measure, or count rows.", field="y")
        if spec.how != "distinct" and not schema[measured].is_number:
            raise DataError(f"“{measured}” holds no numbers to measure. Count rows or distinct values.", field="y")
    if spec.type == "correlation" and sum(each.is_number for each in schema) < 2:
        raise DataError("A correlation needs two columns of numbers, and this table has fewer.")


def _any(_: ColumnType) -> bool:
    return True


def _number(column: ColumnType) -> bool:
    return column.is_number


def _runs(column: ColumnType) -> bool:
    return column.is_number or column.is_date
