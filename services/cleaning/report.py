"""The cleaning report and the data dictionary: a summary of what was done, laid out for people to read."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from services.cleaning.step import listed, many
from services.paper import Block, Cell, Grid, Heading, Line, shown

MOST = 50  # lines of a table in the report; the summary has all of them
MOST_NAMES = 100
NONE = "–"

_NUMBERS = frozenset({1, 2})
_DAY = dt.datetime(2020, 12, 31, 14, 5, 6)  # whose parts cannot be taken for each other


def cleaning(known: Mapping[str, Any]) -> list[Block]:
    """What was cleaned, by which steps, why, how much of it, with examples; and what was left alone."""
    rows, columns, steps = known["rows"], known["columns"], known["steps"]
    blocks: list[Block] = [
        Line(f"{_when(known)} by a recipe of {many(len(steps), 'step')}, counted over every row."),
        Grid(
            ["", "Before", "After"],
            [
                ["Rows", _count(rows["before"]), _count(rows["after"])],
                ["Columns", _count(columns["before"]), _count(columns["after"])],
            ],
            _NUMBERS,
        ),
        Line(f"{many(known['cells'], 'cell')} changed; {_count(known['lost'])} of them lost their value."),
    ]
    if not steps:
        blocks.append(Line("No step was applied: the table is as it was."))
    for step in steps:
        blocks += _step(step)
    if known["skipped"]:
        blocks += [Heading("Skipped"), Line(f"These steps of the recipe were not applied: {_named(known['skipped'])}.")]
    return [*blocks, *_columns(known), *_untouched(known)]


def _step(step: Mapping[str, Any]) -> Iterator[Block]:
    yield Heading(f"{step['step']}. {step['title']}")
    yield Line(step["did"])
    if step["why"]:
        yield Line(step["why"], "Why")
    before, after = step["rows_before"], step["rows_after"]
    yield Line(f"{_count(before)}." if before == after else f"{_count(before)} before, {_count(after)} after.", "Rows")
    if step["cells"]:
        most = sorted(step["columns"].items(), key=lambda pair: -pair[1])
        where = f", all of {shown(most[0][0])}" if len(most) == 1 else ""
        lost = f"{_count(step['lost'])} of them lost their value" if step["lost"] else "none of them lost its value"
        yield Line(f"{_count(step['cells'])} changed in {many(step['rows'], 'row')}{where}; {lost}.", "Cells")
        if len(most) > 1:
            yield from _cut(["Column", "Cells changed"], [[shown(name), _count(n)] for name, n in most], {1}, "columns")
    yield from _measured(step)
    if step["examples"]:
        examples = [
            [_count(each["row"]), shown(each["column"]), _cell(each["before"]), _cell(each["after"])]
            for each in step["examples"]
        ]
        yield Grid(["Row", "Column", "Before", "After"], examples, frozenset({0}))


def _measured(step: Mapping[str, Any]) -> Iterator[Block]:
    """What a step measured of every row, where there are words for it; the summary has it all."""
    found, params = step["measured"], step["params"]
    if isinstance(filled := found.get("values"), dict) and filled:
        lines = [[shown(name), NONE if value is None else _cell(value)] for name, value in filled.items()]
        yield from _cut(["Column", f"Filled with its {_way(params)}"], lines, {1}, "columns")
    elif isinstance(filled, list) and filled:
        yield Line(f"{many(len(filled), 'value')}: {_named(filled)}.", "Values found")
    if found.get("limits"):
        lines = [[shown(name), *map(_limit, pair)] for name, pair in found["limits"].items()]
        yield from _cut(["Column", "Lowest usual value", "Highest usual value"], lines, {1, 2}, "columns")
    if found.get("by"):
        heads = ["Lowest", "Highest less lowest"] if params.get("to") == "range" else ["Mean", "Standard deviation"]
        lines = [[shown(name), *map(_limit, pair)] for name, pair in found["by"].items()]
        yield from _cut(["Column", *heads], lines, {1, 2}, "columns")
    if found.get("formats"):
        lines = [[shown(name), ", ".join(map(_DAY.strftime, forms))] for name, forms in found["formats"].items()]
        yield from _cut(["Column", "Dates were written as, for 31 December 2020"], lines, set(), "columns")
    if any((found.get("failed") or {}).values()):
        quoted = found.get("quoted") or {}
        lines = [
            [shown(name), _count(failed), tuple(map(shown, quoted.get(name, ())))]
            for name, failed in found["failed"].items()
            if failed
        ]
        yield from _cut(["Column", "Could not be read", "For example"], lines, {1}, "columns")
    if found.get("pairs"):
        pairs = [[shown(old), shown(new)] for old, new in found["pairs"]]
        yield from _cut(["Was written", "Is now"], pairs, set(), "spellings")
    if found.get("edges"):
        yield Line(f"{', '.join(map(_limit, found['edges']))}.", "Edges of the ranges")
    if found.get("kept"):
        yield Line(f"{_named(found['kept'])}.", "Values kept")
    if found.get("gone"):
        yield Line(f"{_named(found['gone'])}.", "Columns that went")


def _way(params: Mapping[str, Any]) -> str:
    return {"mean": "mean", "mode": "most frequent value"}.get(params.get("by", "median"), "median")


def _columns(known: Mapping[str, Any]) -> Iterator[Block]:
    """The columns that came, went, or have another name."""
    every = known["dictionary"]
    came = [[shown(each["name"]), _origin(each)] for each in every if each["before"] is None]
    renamed = [
        [shown(each["before"]), shown(each["name"])] for each in every if each["before"] not in {None, each["name"]}
    ]
    if came or renamed or known["gone"]:
        yield Heading("Columns that came, went, or have another name")
    if came:
        yield from _cut(["New column", "Made of"], came, set(), "columns")
    if renamed:
        yield from _cut(["Was called", "Is called"], renamed, set(), "columns")
    if known["gone"]:
        yield Line(f"{_named(known['gone'])}.", f"{many(len(known['gone']), 'column')} went")


def _untouched(known: Mapping[str, Any]) -> Iterator[Block]:
    every = known["dictionary"]
    same = [each["name"] for each in every if each["before"] == each["name"] and not each["changed_in"]]
    yield Heading("What was not touched")
    if same:
        yield Line(f"{_named(same)}.", f"No value of {many(len(same), 'column')} was changed")
    else:
        yield Line("Every column was changed, or made anew.")
    yield Line("The table before is as it was: what was cleaned is a version of its own.")


def dictionary(known: Mapping[str, Any]) -> list[Block]:
    """Every column of the cleaned table: what it means, what is in it, and where it comes from."""
    rows, every = known["rows"]["after"], known["dictionary"]
    size = f"{many(rows, 'row')}, {many(len(every), 'column')}."
    if any(each["filled"] is None for each in every):
        size += " What is in the columns could not be looked at in the memory there is."
    about = "Numbers of steps are those of the cleaning report. Values that are not finite count as missing."
    heads = ["Column", "Means", "SQL type", "Filled", "Different", "Lowest", "Highest", "Examples", "Comes from",
             "Changed in step"]  # fmt: skip
    lines = [
        [
            shown(each["name"]), each["means"], each["sql"], _share(each["filled"], rows), _different(each),
            _cell(each["lowest"], NONE), _cell(each["highest"], NONE), _examples(each), _origin(each),
            ", ".join(map(str, each["changed_in"])) or NONE,
        ]
        for each in every
    ]  # fmt: skip
    return [Line(f"{_when(known)}: {size}"), Line(about), Grid(heads, lines, frozenset({3, 4, 5, 6}))]


def _origin(column: Mapping[str, Any]) -> str:
    if column["before"] is not None:
        return "the same column" if column["before"] == column["name"] else f"renamed, was {shown(column['before'])}"
    of = f" of {listed(map(shown, column['made_of']))}" if column["made_of"] else ""
    of += f", from {shown(column['made_from'])}" if column["made_from"] else ""
    return f"step {column['made_in']}{of}"


def _examples(column: Mapping[str, Any]) -> Cell:
    if column["yes"] is not None:
        no = column["filled"] - column["yes"]
        return f"{_count(column['yes'])} yes, {_count(no)} no"
    return tuple(shown(text, 60) for text in column["examples"] or ()) or NONE


def _different(column: Mapping[str, Any]) -> str:
    if column["distinct"] is None:
        return NONE
    distinct = column["distinct"]
    return _count(distinct) if column["distinct_is_exact"] else f"about {float(f'{distinct:.2g}'):,.0f}"


def _share(filled: int | None, rows: int) -> str:
    """A share in percent that says all and none only where it is so."""
    if filled is None or not rows:
        return NONE
    share = 100 * filled / rows
    if 0 < share < 0.1 or 99.9 < share < 100:
        return "less than 0.1 %" if share < 1 else "more than 99.9 %"
    return f"{share:.1f} %".replace(".0 %", " %")


def _when(known: Mapping[str, Any]) -> str:
    made = dt.datetime.fromisoformat(known["made"])
    return f"Made {made.day} {made:%b} {made.year}, {made:%H:%M} {made.tzname() or ''}".rstrip()


def _cut(columns: Sequence[str], rows: Sequence[Sequence[Cell]], numbers: set[int], things: str) -> Iterator[Block]:
    yield Grid(columns, rows[:MOST], frozenset(numbers))
    if len(rows) > MOST:
        yield Line(f"The first {MOST} of {_count(len(rows))} {things}; summary.json has all of them.")


def _named(names: Sequence[Any]) -> str:
    said = ", ".join(shown(str(name), 60) for name in names[:MOST_NAMES])
    return f"{said} and {_count(len(names) - MOST_NAMES)} more" if len(names) > MOST_NAMES else said


def _cell(value: Any, missing: str = "(missing)") -> str:
    return missing if value is None else shown(value) if isinstance(value, str) else _limit(value)


def _limit(value: float | None) -> str:
    return NONE if value is None else f"{value:,.10g}"


def _count(number: int) -> str:
    return f"{number:,}"
