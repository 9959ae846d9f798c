"""Steps about values far from the others.

Fences: Tukey, J. W. (1977), Exploratory Data Analysis. Robust z: Iglewicz, B. and Hoaglin, D. (1993),
How to Detect and Handle Outliers: 0.6745 times the distance from the median, in median absolute deviations.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from services.cleaning.step import Asked, Change, Counts, Step, cells, free_name, listed, many, only, sql
from services.duck import quote
from services.errors import ParamError
from services.params import Choice, Column, Number
from services.schema import Schema

_HOW = {
    "iqr": "Beyond the fences (1.5 × the middle half)", "z": "By standard deviations (z)",
    "mad": "By the median deviation (robust z)", "share": "The outermost share", "limits": "Limits of yours",
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Outliers:
    """Which values count as outliers, and what becomes of them."""

    columns: Annotated[tuple[str, ...], Column("Columns", kind="number", many=True)]
    how: Annotated[str, Choice("Outliers are", _HOW)] = "iqr"
    fence: Annotated[float, Number("Times the middle half", 0.1, 10, 0.1, when={"how": ("iqr",)})] = 1.5
    z: Annotated[
        float,
        Number("Deviations", 0.5, 20, 0.1, help="3 is usual; 3.5 for the robust one.", when={"how": ("z", "mad")}),
    ] = 3.0
    share: Annotated[float, Number("Share at each end (%)", 0.01, 49, 0.1, when={"how": ("share",)})] = 1.0
    low: Annotated[float | None, Number("Lowest", -1e300, 1e300, help="None: no limit.", when={"how": ("limits",)})] = (
        None
    )
    high: Annotated[
        float | None, Number("Highest", -1e300, 1e300, help="None: no limit.", when={"how": ("limits",)})
    ] = None
    action: Annotated[
        str,
        Choice(
            "They",
            {
                "flag": "Are marked in a column",
                "cap": "Are moved to the limit",
                "missing": "Become missing",
                "drop": "Go, with their rows",
            },
        ),
    ] = "flag"


def _measure(asked: Asked, params: Outliers) -> Mapping[str, Any]:
    """The limits of each column; None where nothing can be an outlier."""
    if params.how == "limits" and params.low is None and params.high is None:
        raise ParamError("Give a lowest or a highest value.", field="low")
    if params.low is not None and params.high is not None and params.low > params.high:
        raise ParamError("The lowest value is above the highest.", field="low")
    return {"limits": {name: _limits(asked, params, name) for name in params.columns}}


def _limits(asked: Asked, params: Outliers, name: str) -> list[float | None]:
    column = quote(name)
    match params.how:
        case "limits":
            return [params.low, params.high]
        case "iqr":
            found = asked.quantiles(name, [0.25, 0.75])
            if not found:
                return [None, None]
            reach = params.fence * (found[1] - found[0])
            return [found[0] - reach, found[1] + reach]
        case "share":
            return asked.quantiles(name, [params.share / 100, 1 - params.share / 100]) or [None, None]
        case "z":
            ((mean, sd),) = asked.fetch(
                f"SELECT any_value(m), sqrt(fsum(({column}::DOUBLE - m) ** 2) / nullif(count({column}) - 1, 0)) "
                f"FROM rows, (SELECT fsum({column}::DOUBLE) / nullif(count({column}), 0) AS m FROM rows)"
            )
            return [None, None] if not sd else [mean - params.z * sd, mean + params.z * sd]
    middle = asked.quantiles(name, [0.5])
    if not middle:
        return [None, None]
    spread = asked.quantiles(name, [0.5], around=middle[0])[0] / 0.6745
    return [None, None] if not spread else [middle[0] - params.z * spread, middle[0] + params.z * spread]


def _outside(name: str, limits: list[float | None]) -> str:
    """SQL: whether a value is an outlier; a missing one never is."""
    low, high = limits
    parts = [f"{quote(name)}::DOUBLE < {sql(low)}"] * (low is not None) + [f"{quote(name)}::DOUBLE > {sql(high)}"] * (
        high is not None
    )
    return f"coalesce({' OR '.join(parts)}, false)" if parts else "false"


def _flags(schema: Schema, params: Outliers) -> dict[str, str]:
    names: dict[str, str] = {}
    for name in params.columns:
        names[name] = free_name(f"{name}_outlier", [*schema.names, *names.values()])
    return names


def _change(schema: Schema, params: Outliers, measured: Mapping[str, Any]) -> Change:
    limits = measured["limits"]
    outside = {name: _outside(name, limits[name]) for name in params.columns}
    match params.action:
        case "flag":
            flags = _flags(schema, params)
            return cells(schema, {flags[name]: outside[name] for name in flags}, dict.fromkeys(flags.values(), "flag"))
        case "drop":
            return only(schema, f"NOT ({' OR '.join(outside.values())})")
        case "missing":
            return cells(
                schema, {name: f"CASE WHEN NOT {test} THEN {quote(name)} END" for name, test in outside.items()}
            )
    made, kinds = {}, {}
    for name in params.columns:
        held, (low, high) = quote(name), limits[name]
        whole = schema[name].kind == "integer" and all(each is None or each == int(each) for each in (low, high))
        kind = "BIGINT" if whole else "DOUBLE"
        parts = [f"WHEN {held}::DOUBLE < {sql(low)} THEN {sql(low)}::{kind}"] * (low is not None)
        parts += [f"WHEN {held}::DOUBLE > {sql(high)} THEN {sql(high)}::{kind}"] * (high is not None)
        if parts:
            made[name] = f"CASE {' '.join(parts)} ELSE {held}::{kind} END"
            kinds[name] = "integer" if whole else "decimal"
    return cells(schema, made, kinds)


def _code(schema: Schema, params: Outliers, measured: Mapping[str, Any]) -> Iterator[str]:
    flags = _flags(schema, params)
    if params.action == "drop":
        yield "outside = pd.Series(False, index=table.index)"
    for name in params.columns:
        low, high = measured["limits"][name]
        cell = f"table[{name!r}]"
        value = f"{cell}.astype(float)"
        tests = [f"({value} < {low!r})"] * (low is not None) + [f"({value} > {high!r})"] * (high is not None)
        test = " | ".join(tests) or "pd.Series(False, index=table.index)"
        match params.action:
            case "flag":
                yield f"table[{flags[name]!r}] = ({test}).astype('boolean')"
            case "drop":
                yield f"outside = outside | {test}"
            case "missing":
                yield f"{cell} = {cell}.mask({test})"
            case "cap":
                if not tests:
                    continue
                whole = schema[name].kind == "integer" and all(
                    each is None or each == int(each) for each in (low, high)
                )
                cast = ".astype('Int64')" if whole else ""
                yield f"{cell} = {value}.clip({low!r}, {high!r}){cast}"
    if params.action == "drop":
        yield "table = table[~outside]"


_DID = {
    "flag": "Marked the outliers of {c}", "cap": "Moved {n} of {c} to the limit",
    "missing": "Set {n} of {c} to missing", "drop": "Dropped {r} with an outlier in {c}",
}  # fmt: skip


def _said(params: Outliers, measured: Mapping[str, Any], counts: Counts) -> str:
    did = _DID[params.action].format(
        c=listed(params.columns), n=many(counts.cells, "outlier"), r=many(counts.removed, "row")
    )
    limits = [f"{name}: {_range(*measured['limits'][name])}" for name in params.columns]
    return f"{did} ({'; '.join(limits[:3])}{'; …' if len(limits) > 3 else ''})."


def _range(low: float | None, high: float | None) -> str:
    if low is None and high is None:
        return "no limits, since its values do not vary enough"
    if low is None or high is None:
        return f"at most {high:,.6g}" if low is None else f"at least {low:,.6g}"
    return f"{low:,.6g} to {high:,.6g}"


STEPS = (
    Step(
        slug="outliers", title="Treat outliers", group="Outliers", params=Outliers, measure=_measure, change=_change,
        summary="Values far from the others: mark, cap, empty or drop them.", code=_code, said=_said, again=False,
    ),
)  # fmt: skip
