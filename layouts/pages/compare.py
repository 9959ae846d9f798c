"""Compare: two answers to the same analysis side by side, what differs first."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dash import html
from dash.development.base_component import Component

from layouts import blocks, runs, states, tables, words
from layouts.pages import my_runs
from services import compare
from services.compare import Pair
from services.params import Field
from services.results import SMALL, StoredResult
from services.runs import Run

ROWS = 10  # of each table that is small enough to be read at once
_NUMBERS = frozenset({"integer", "decimal"})

_DATED = re.compile(r"\d{4}-\d\d-\d\d([T ]\d\d:\d\d.*)?")


@dataclass(frozen=True, kw_only=True)
class Side:
    """One of the two: its run, its answer, its table's name and version."""

    run: Run
    result: StoredResult
    data: str

    @property
    def href(self) -> str:
        return my_runs.address(self.run.record)


def refused(why: str, what: str) -> html.Div:
    """The page of two runs that cannot be compared."""
    action = blocks.button("Go to My runs", kind="primary", href="/runs")
    return blocks.page(
        blocks.header("Compare runs"),
        states.empty(why, what, action, height=280),
        *runs.slots({}),
        *runs.places(),
    )


def page(title: str, declared: Sequence[Field], left: Side, right: Side) -> html.Div:
    """Lay two answers out: a sentence, what was asked, the facts, the caveats, the tables."""
    facts = compare.pairs(left.result.facts, right.result.facts)
    back = blocks.button("My runs", symbol="history", href="/runs")
    return blocks.page(
        blocks.header(title, "What is different between two runs", [back]),
        blocks.lede(lede(facts, left, right)),
        html.Div([_runs(left, right), _asked(declared, left, right), _facts(facts)], className="side-by-side"),
        _notes(left, right),
        _tables(left, right),
        *runs.slots({}),
        *runs.places(),
        width="text",
    )


def lede(facts: Sequence[Pair], left: Side, right: Side) -> str:
    """How much differs, in a sentence."""
    differing = sum(pair.differs for pair in facts)
    if left.run.record.outcome == right.run.record.outcome:
        return "Both runs asked the same question of the same table: they share one answer."
    if not differing:
        return f"All {words.plural(len(facts), 'fact')} are the same."
    return f"{differing} of {words.plural(len(facts), 'fact')} {'differs' if differing == 1 else 'differ'}."


def readable(name: str) -> str:
    """The name of a fact or table as people read it: period_start becomes Period start."""
    said = name.replace("_", " ")
    return said[:1].upper() + said[1:]


def value(fact: Any, name: str = "") -> str:
    """A fact as people read it; what is called a share is a percentage."""
    if fact is None:
        return words.NONE
    if isinstance(fact, bool):
        return "Yes" if fact else "No"
    if isinstance(fact, int):
        return words.count(fact)
    if _is_share(name) and isinstance(fact, float):
        return words.percent(fact, 1)
    if isinstance(fact, float):
        said = words.number_of(fact, 2) if abs(fact) >= 100 else words.short(fact, 4)
        return said.rstrip("0").rstrip(".") if "." in said else said
    text = str(fact)
    if _DATED.fullmatch(text):
        made = dt.datetime.fromisoformat(text)
        return words.moment(made) if len(text) > 10 else words.day(made)
    return text


def _cell(given: Any, column: str, kind: str, names: bool) -> str:
    """A cell of a table: one that `names` its row is no count, and decimals of a column look alike."""
    if given is None or isinstance(given, bool):
        return value(given)
    if kind == "integer" and names:
        return str(given)
    if kind == "decimal" and not _is_share(column) and abs(given) >= 1:
        return words.number_of(given, 2)
    return value(given, column)


def change(pair: Pair) -> str:
    """What the right one has more, with its sign, and how much that is of the left one."""
    more = pair.change
    if not more:
        return words.NONE
    plus = "+" if more > 0 else ""
    if _is_share(pair.name):
        return f"{plus}{words.number_of(more * 100, 1)} points"
    said = plus + value(more)
    if not pair.left:
        return said
    share = more / abs(pair.left)
    return f"{said} ({'+' if share > 0 else ''}{words.percent(share)})" if abs(share) < 10 else said


def _is_share(name: str) -> bool:
    return name == "share" or name.endswith("_share")


def _heads(first: str, *last: tables.Column) -> list[tables.Column]:
    sides = [tables.Column(title=name, look="number") for name in ("A", "B")]
    return [tables.Column(title=first, look="name"), *sides, *last]


def _runs(left: Side, right: Side) -> Component:
    sides = (left, right)
    records = [side.run.record for side in sides]
    made = [dt.datetime.fromtimestamp(job.made) for job in records]
    rows: list[list[Any]] = [
        ["Name", *(side.run.name for side in sides)],
        ["Table", *(side.data for side in sides)],
        ["When", *(words.moment(each) for each in made)],
        ["Took", *(words.duration(job.seconds) for job in records)],
        ["Peak memory", *(words.megabytes(job.peak_mb) for job in records)],
        ["Rows used", *(words.count(side.result.about["rows_used"]) for side in sides)],
        ["Result", *(_open(name, side) for name, side in zip("AB", sides))],
    ]
    return blocks.section(blocks.heading("The two runs"), tables.table(_heads("Run"), rows, caption="The two runs"))


def _open(name: str, side: Side) -> Component:
    said = ["Open", html.Span(f" {name}", className="visually-hidden")]
    return html.A(said, href=side.href, className="text-link", **{"data-nav": ""})


def _asked(declared: Sequence[Field], left: Side, right: Side) -> Component:
    by_name = {each.name: each for each in declared}
    asked = compare.pairs(left.result.about["params"], right.result.about["params"])
    told = [pair for pair in asked if pair.name in by_name]

    def row(pair: Pair) -> list[str]:
        each = by_name[pair.name]
        return [each.kind.label, my_runs.answer(each, pair.left), my_runs.answer(each, pair.right)]

    differing = [row(pair) for pair in told if pair.differs]
    alike = [row(pair) for pair in told if not pair.differs]
    subtitle = f"{len(differing)} of {len(told)} differ" if differing else "both asked the same"
    return blocks.section(
        blocks.heading("What was asked", subtitle),
        tables.table(_heads("Parameter"), differing, caption="What was asked") if differing else None,
        _folded(f"{len(alike)} asked alike", ["Parameter", "A and B"], [[name, said] for name, said, _ in alike]),
    )


def _facts(facts: Sequence[Pair]) -> Component:
    differing = [pair for pair in facts if pair.differs]
    alike = [[readable(pair.name), value(pair.left, pair.name)] for pair in facts if not pair.differs]
    rows = [
        [readable(pair.name), *(value(each, pair.name) for each in (pair.left, pair.right)), change(pair)]
        for pair in differing
    ]
    columns = _heads("Fact", tables.Column(title="B against A", look="number"))
    return blocks.section(
        blocks.heading("Facts", f"{len(differing)} of {len(facts)} differ"),
        tables.table(columns, rows, caption="Facts that differ") if rows else None,
        _folded(f"{words.plural(len(alike), 'fact')} the same", ["Fact", "A and B"], alike),
    )


def _notes(left: Side, right: Side) -> Component:
    ours, theirs = compare.only(left.result.notes, right.result.notes)
    both = len(left.result.notes) - len(ours)
    lines = [html.Li([html.Strong(f"Only {name}: "), note]) for name, found in (("A", ours), ("B", theirs))
             for note in found]  # fmt: skip
    return blocks.section(
        blocks.heading("Caveats", f"{both} in both" if both else None),
        html.Ul(lines, className="caveats") if lines else html.P("The caveats are the same.", className="quiet"),
    )


def _tables(left: Side, right: Side) -> Component:
    names = [*left.result.tables, *(name for name in right.result.tables if name not in left.result.tables)]
    parts: list[Any] = []
    for at, name in enumerate(names):
        parts.append(html.H3(readable(name)))
        if _is_same(left.result, right.result, name):
            parts.append(_table("A and B", left, name, open=False))
        else:
            parts += [_table(letter, side, name, open=at == 0) for letter, side in (("A", left), ("B", right))]
    return blocks.section(
        blocks.heading("Tables", f"the first {ROWS} rows of each"), html.Div(parts, className="compared")
    )


def _is_same(left: StoredResult, right: StoredResult, name: str) -> bool:
    """Whether a small table is the same in both."""
    small = all(_is_small(each, name) for each in (left, right))
    return small and left.columns(name) == right.columns(name)


def _is_small(result: StoredResult, name: str) -> bool:
    there = name in result.tables and name not in result.evicted()
    return there and result.tables[name]["file"].endswith(".json")


def _table(letter: str, side: Side, name: str, *, open: bool) -> Component | None:
    """The first rows of a small table, built in the browser; of a large one, how many there are."""
    described = side.result.tables.get(name)
    if described is None:
        return html.P([html.Strong(letter), " has no such table."], className="quiet")
    count = words.plural(described["rows"], "row")
    if name in side.result.evicted():
        return html.P([html.Strong(letter), f" {count}, which made room for others."], className="quiet")
    if not _is_small(side.result, name):
        large = f" {count}: more than {words.size(SMALL)}, to be read on its own page."
        return html.P([html.Strong(letter), large], className="quiet")
    rows = side.result.rows(name)
    columns = [column["name"] for column in described["columns"]]
    kinds = {column["name"]: column["kind"] for column in described["columns"]}
    named = columns[0] if len({row[columns[0]] for row in rows}) == len(rows) else None
    shown = [[_cell(row[column], column, kinds[column], column == named) for column in columns] for row in rows[:ROWS]]
    texts = [readable(column["name"]) for column in described["columns"] if column["kind"] not in _NUMBERS]
    more = f"and {words.plural(len(rows) - ROWS, 'row')} more" if len(rows) > ROWS else None
    return _folded(
        f"{letter}: {count}", [readable(column) for column in columns], shown, more=more, open=open, texts=texts,
        caption=f"{readable(name)} of {letter}",
    )  # fmt: skip


def _folded(
    title: str,
    columns: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    more: str | None = None,
    open: bool = False,
    texts: Sequence[str] = (),
    caption: str | None = None,
) -> Component | None:
    if not rows:
        return html.P(title, className="quiet") if caption else None
    twin = blocks.Twin(columns=columns, rows=rows, caption=caption or title, more=more, texts=texts)
    body: Mapping[str, Any] = {"data-twin": twin.as_text()}
    return html.Details([html.Summary(title), html.Div(**body)], className="twin", open=open)
