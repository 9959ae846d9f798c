"""From a chart as asked to what it is drawn from: the questions, type by type."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from services.duck import quote
from services.errors import DataError
from services.explore import axes, quantiles
from services.explore.axes import Axis, Source
from services.explore.chart import MARKS, MEASURES, POINTS, SHARE, Ask, Drawn, Spec
from services.explore.filters import conditions
from services.schema import Schema

COLOURS = 8
FACETS = 9
MOST_CORRELATED = 20

_SQL = {
    "count": "count(*)", "sum": "sum({0})", "mean": "avg({0})", "median": "median({0})", "min": "min({0})",
    "max": "max({0})", "distinct": "count(DISTINCT {0})",
}  # fmt: skip


def draw(ask: Ask, schema: Schema, spec: Spec, where: Mapping[str, Any]) -> Drawn:
    """Ask what the chart is drawn from, of the rows that match `where`.

    Raises
    ------
    DataError
        Nothing is left to draw, or more marks than can be seen.
    TooMuch
        It takes longer, or more memory, than reading may.
    """
    condition, values = conditions(schema.names, where)
    if spec.sample:
        condition += f" AND hash(file_row_number, 0) < {int(SHARE * 2**64)}::UBIGINT"
    source = Source(ask, condition, values)
    makers = {
        "histogram": _histogram, "bar": _grouped, "line": _grouped, "scatter": _scatter, "box": _boxes,
        "violin": _boxes, "heatmap": _heatmap, "correlation": _correlation,
    }  # fmt: skip
    drawn = makers[spec.type](source, schema, spec)
    if not drawn.rows:
        raise DataError("Nothing is left to draw: no row that matches has a value in these columns.")
    if len(drawn.rows) > MARKS:
        raise DataError(f"This would draw more than {MARKS:,} marks. Choose a coarser step, or fewer groups.")
    return drawn


def _sides(source: Source, schema: Schema, spec: Spec) -> tuple[list[Axis], Source, list[str]]:
    """The axes of facet and colour, those of both that there are; the rows in a facet; what is to be said."""
    found, notes = [], []
    for name, most in ((spec.facet, FACETS), (spec.colour, COLOURS)):
        if name is None:
            continue
        is_facet = name == spec.facet and most == FACETS
        axis = axes.categories(schema[name], source, most - (0 if is_facet else 1), rest=not is_facet)
        if is_facet and axis.others:
            notes.append(f"The {FACETS} most frequent of {axis.others + FACETS:,} values of {name} have a picture.")
            axis = replace(axis, others=0)
        found.append(axis)
        if axis.others:
            notes.append(f"{axis.others:,} values of {name} are drawn as one")
    return found, source, notes


def _asked(source: Source, keys: Sequence[Axis], measure: str, more: str = "") -> list[list[Any]]:
    """`measure` of each group that the axes make."""
    selected = ", ".join([*(each.sql for each in keys), measure])
    only = " AND ".join(each.only for each in keys)
    grouped = ", ".join(str(place + 1) for place in range(len(keys)))
    bound = [value for each in keys for value in each.values]
    return source.ask(f"SELECT {selected}", f"GROUP BY {grouped} {more} LIMIT {MARKS + 1}", before=bound, only=only)


def _told(rows: Sequence[Sequence[Any]], keys: Sequence[Axis], spec: Spec) -> list[list[Any]]:
    """Rows sorted as their axes are, with labels in place of keys; a facet that has no picture is left out."""
    if spec.facet is not None and keys and keys[0].kind == "category" and len(keys) > 1:
        rows = [row for row in rows if row[0] != "o"]
    ordered = sorted(rows, key=lambda row: tuple(axis.place(key) for axis, key in zip(keys, row)))
    return [[*(axis.label(key) for axis, key in zip(keys, row)), *map(_number, row[len(keys) :])] for row in ordered]


def _number(value: Any) -> Any:
    """A number that no browser holds exactly came as text: a mark is drawn where it is nearly."""
    if isinstance(value, str):
        try:
            return float(value)
        except ValueError:
            return value
    return value


def _grouped(source: Source, schema: Schema, spec: Spec) -> Drawn:
    assert spec.x is not None
    column, measure = schema[spec.x], _SQL[spec.how].format(quote(spec.measured or ""))
    if column.is_text or column.kind == "flag":
        by_amount = spec.how in ("count", "sum", "max")
        axis = axes.categories(column, source, rank=measure if by_amount else "count(*)")
    else:
        axis = axes.of(column, source, grain=spec.grain, how=spec.type)
    sides, source, notes = _sides(source, schema, spec)
    keys = [*sides, axis]
    rows = _told(_asked(source, keys, measure), keys, spec)
    if axis.kind == "category" and spec.how not in ("count", "sum", "max") and not sides:
        # Those that are most frequent, by what is measured; what is no category of its own stands last.
        last = {axis.labels["o"], axes.MISSING}
        rows.sort(key=lambda row: (row[0] in last, row[1] is None, -(row[1] or 0)))
    if axis.others:
        notes.append(f"{axis.others:,} values of {spec.x} are drawn as one")
    notes += _left_out(source, axis, spec.x)
    what = MEASURES[spec.how] if spec.how == "count" else f"{MEASURES[spec.how]} of {spec.measured}"
    by = f"by {axis.grain} of {spec.x}" if axis.grain else f"by {spec.x}"
    title = f"{what} {by}" + (f" and {spec.colour}" if spec.colour else "")
    columns = [*(each.title for each in sides), spec.x, what]
    facts = {"kind": axis.kind, "grain": axis.grain, "facet": spec.facet, "colour": spec.colour, "measure": what}
    return Drawn(spec=spec, title=title, columns=columns, rows=rows, facts=facts, notes=notes)


def _left_out(source: Source, axis: Axis, name: str) -> list[str]:
    """How many rows have no place on the axis."""
    if axis.only == "true":
        return []
    ((count,),) = source.ask("SELECT count(*)", only=f"({axis.only}) IS NOT TRUE")
    return [f"{count:,} rows without {name} are left out"] if count else []


def _histogram(source: Source, schema: Schema, spec: Spec) -> Drawn:
    assert spec.x is not None
    column = schema[spec.x]
    log = spec.log_x and column.is_number
    name = axes.number(column)
    only = f"{quote(spec.x)} > 0" if log else f"isfinite({name})"
    said = f"log10({name})" if log else name
    ((low, high),) = source.ask(f"SELECT min({said}), max({said})", only=only)
    if low is None:
        raise DataError("Nothing is left to draw: no row that matches has a value in these columns.")
    axis = axes.bins(column, low, high, spec.bins, log=log)
    sides, source, notes = _sides(source, schema, spec)
    keys = [*sides, replace(axis, step=0.0)]
    found = _told(_asked(source, keys, "count(*)"), keys, spec)
    power = (lambda value: 10**value) if log else (lambda value: value)
    rows = [
        [*row[:-2], axes.tidy(power(axis.low + row[-2] * axis.step)),
         axes.tidy(power(axis.low + (row[-2] + 1) * axis.step)), row[-1]]
        for row in found
    ]  # fmt: skip
    if column.is_date:
        rows = [[*row[:-3], *(axes.when(each, column) for each in row[-3:-1]), row[-1]] for row in rows]
    left = _left_out(source, axis, spec.x)
    notes += [left[0].replace("without", "without a positive") if log else left[0]] if left else []
    title = f"How {spec.x} is spread" + (f", by {spec.colour}" if spec.colour else "")
    columns = [*(each.title for each in sides), "From", "To", "Rows"]
    facts = {"kind": "date" if column.is_date else "number", "facet": spec.facet, "colour": spec.colour}
    return Drawn(spec=spec, title=title, columns=columns, rows=rows, facts=facts, notes=notes)


def _scatter(source: Source, schema: Schema, spec: Spec) -> Drawn:
    assert spec.x is not None
    assert spec.y is not None
    pair = [schema[spec.x], schema[spec.y]]
    logs = [spec.log_x and pair[0].is_number, spec.log_y and pair[1].is_number]
    only = " AND ".join(
        f"{quote(each.name)} > 0" if log else f"isfinite({axes.number(each)})" for each, log in zip(pair, logs)
    )
    said = [f"log10({axes.number(each)})" if log else axes.number(each) for each, log in zip(pair, logs)]
    ((count, *ends),) = source.ask(
        f"SELECT count(*), min({said[0]}), max({said[0]}), min({said[1]}), max({said[1]})", only=only
    )
    title = f"{spec.y} against {spec.x}"
    facts: dict[str, Any] = {"kinds": ["date" if each.is_date else "number" for each in pair], "points": count}
    if count > POINTS:
        places = [
            axes.bins(each, low, high, most, log=log)
            for each, low, high, most, log in zip(pair, ends[::2], ends[1::2], (60, 40), logs)
        ]
        found = _asked(source, places, "count(*)")
        rows = [
            [*(10 ** (axis.low + (key + 0.5) * axis.step) if log else axis.label(key)
               for axis, key, log in zip(places, row, logs)), row[2]]
            for row in sorted(found)
        ]  # fmt: skip
        for place, each in enumerate(pair):
            if each.is_date:
                for row in rows:
                    row[place] = axes.when(row[place], each)
        notes = [f"{count:,} points, drawn by how many lie where"]
        if spec.colour or spec.facet:
            notes.append("colour and pictures need fewer points: filter first, or take a sample")
        return Drawn(spec=spec, title=title, columns=[spec.x, spec.y, "Rows"], rows=rows,
                     facts={**facts, "dense": True}, notes=notes)  # fmt: skip
    sides, source, notes = _sides(source, schema, spec)
    bound = [value for each in sides for value in each.values]
    listed = ", ".join([*(each.sql for each in sides), quote(spec.x), quote(spec.y)])
    found = source.ask(f"SELECT {listed}", "ORDER BY file_row_number", before=bound, only=only)
    rows = [[*(axis.label(key) for axis, key in zip(sides, row)), *map(_number, row[len(sides) :])] for row in found
            if not (spec.facet and row[0] == "o")]  # fmt: skip
    columns = [*(each.title for each in sides), spec.x, spec.y]
    facts |= {"dense": False, "facet": spec.facet, "colour": spec.colour}
    return Drawn(spec=spec, title=title, columns=columns, rows=rows, facts=facts, notes=notes)


def _boxes(source: Source, schema: Schema, spec: Spec) -> Drawn:
    assert spec.y is not None
    group = axes.categories(schema[spec.x], source) if spec.x else None
    value = axes.number(schema[spec.y])
    only = f"{quote(spec.y)} > 0" if spec.log_y else f"isfinite({value})"
    found = quantiles.five(source, group, value, only)
    shape: list[list[Any]] = []
    if spec.type == "violin":
        shape = quantiles.shape(source, group, value, only, log=spec.log_y)
    label = group.label if group else (lambda _: "All rows")
    order = {key: place for place, key in enumerate(group.keys)} if group else {}
    rows = [
        [
            label(each.key),
            each.count,
            each.low,
            each.fence_low,
            *each.quartiles,
            each.fence_high,
            each.high,
            each.outside,
        ]
        for each in sorted(found, key=lambda each: order.get(each.key, 0))
    ]
    notes = [f"{group.others:,} values of {spec.x} are drawn as one"] if group and group.others else []
    title = f"How {spec.y} is spread" + (f" by {spec.x}" if spec.x else "")
    columns = [spec.x or "Rows", "Count", "Lowest", "Whisker from", "Quarter", "Median", "Three quarters",
               "Whisker to", "Highest", "Outside"]  # fmt: skip
    facts = {"shape": [[label(key), *rest] for key, *rest in shape]}
    return Drawn(spec=spec, title=title, columns=columns, rows=rows, facts=facts, notes=notes)


def _heatmap(source: Source, schema: Schema, spec: Spec) -> Drawn:
    assert spec.x is not None
    assert spec.y is not None
    keys = [axes.of(schema[name], source, grain=spec.grain) for name in (spec.x, spec.y)]
    measure = _SQL[spec.how].format(quote(spec.measured or ""))
    rows = _told(_asked(source, keys, measure), keys, spec)
    notes = [f"{axis.others:,} values of {axis.title} are drawn as one" for axis in keys if axis.others]
    what = MEASURES[spec.how] if spec.how == "count" else f"{MEASURES[spec.how]} of {spec.measured}"
    title = f"{what} by {spec.x} and {spec.y}"
    return Drawn(
        spec=spec, title=title, columns=[spec.x, spec.y, what], rows=rows, facts={"measure": what}, notes=notes
    )


def _correlation(source: Source, schema: Schema, spec: Spec) -> Drawn:
    names = [each.name for each in schema if each.is_number]
    shown = names[:MOST_CORRELATED]
    pairs = [(one, other) for at, one in enumerate(shown) for other in shown[at + 1 :]]
    parts = [f"corr({quote(a)}::DOUBLE, {quote(b)}::DOUBLE)" for a, b in pairs]
    (found,) = source.ask(f"SELECT {', '.join(parts)}")
    rows = [[one, other, value] for (one, other), value in zip(pairs, found)]
    notes = [f"the first {len(shown)} of {len(names)} columns of numbers"] if len(names) > len(shown) else []
    title = "How the columns of numbers go together"
    return Drawn(spec=spec, title=title, columns=["Column", "With", "Correlation"], rows=rows,
                 facts={"names": shown}, notes=notes)  # fmt: skip
