"""What is odd about a table, worst first: each with its number, its rows, and what would mend it.

A pure function of the profile. What is found in every good table is no alert: the bounds below
are set so that clean tables stay quiet, and are shown beside the list.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from services import roles
from services.errors import NotFound
from services.schema import NUMERIC, TEXTUAL
from services.workspace import read_json, write_json

Severity = Literal["change", "know", "note"]
SEVERITIES: tuple[Severity, ...] = ("change", "know", "note")
IGNORED = "ignored.json"

NEARLY = 0.99  # of the rows have the same value
MISSING = {"change": 0.5, "know": 0.2, "note": 0.05}
MANY = 100  # different values of a category
SKEW = 5.0
OUTLIERS = 0.05  # of the values
MANY_OUTLIERS = 0.1
MIXED = 0.02  # of the texts are numbers, and as many are not
IMBALANCE = 0.1  # the smaller of two classes
ALIKE = 0.95  # correlation
PERSONAL = 0.5  # of the values look like telephone or card numbers
FEW = 20  # rows below which hardly anything is said of how values spread

THRESHOLDS = (  # as they are shown
    ("Nearly constant", "one value in 99 % of the rows or more"),
    ("Empty", "5 % of a column: a note; 20 %: worth knowing; 50 %: would change an answer"),
    ("High cardinality", "a category of more than 100 values"),
    ("Skew", "5 or more, to either side"),
    ("Outliers", "5 % of the values or more beyond 1.5 times the middle half; 10 %: worth knowing"),
    ("Mixed", "2 % of the texts or more are numbers, and 2 % or more are not"),
    ("Two classes", "the smaller has less than 10 %"),
    ("Move together", "a correlation of 0.95 or more, to either side"),
    ("Personal", "any e-mail address; telephone and card numbers in half of the values or more"),
)

_WHEN = frozenset(["year", "month", "day", "week", "quarter", "date", "time", "hour", "period"])
_AHEAD = frozenset(
    ["due", "expiry", "expires", "end", "until", "valid", "planned", "plan", "forecast", "deadline", "renewal", "next"]
)
_PHONE = frozenset(["phone", "mobile", "tel", "telephone", "cell", "fax", "whatsapp"])


@dataclass(frozen=True, kw_only=True)
class Alert:
    """One oddity. `said` goes on after the columns' names; `where` is a filter of rows, as the grid takes it."""

    kind: str
    severity: Severity
    columns: tuple[str, ...]
    said: str
    means: str
    rows: int = 0
    where: Mapping[str, Any] | None = None
    remedy: Mapping[str, Any] = field(default_factory=dict)  # step, column, and what it needs
    advice: str = ""  # the remedy in words

    @property
    def key(self) -> str:
        """What it is remembered by when it is hidden."""
        return " ".join((self.kind, *self.columns))


def alerts(profile: Mapping[str, Any]) -> list[Alert]:
    """Everything odd that the profile of a table shows, worst first."""
    rows = profile["rows"]
    found = [*_of_rows(profile)]
    for column in profile["columns"]:
        found += _of_column(column, rows)
    found += _of_pairs(profile)
    return sorted(found, key=lambda each: (SEVERITIES.index(each.severity), -each.rows))


def ignored(folder: Path) -> list[str]:
    """The keys of the alerts that were hidden, of the dataset in `folder`."""
    try:
        return list(read_json(folder / IGNORED)["alerts"])
    except (NotFound, KeyError, TypeError):
        return []


def ignore(folder: Path, key: str, *, hidden: bool) -> None:
    """Hide an alert of the dataset in `folder`, or show it again."""
    kept = [each for each in ignored(folder) if each != key] + [key] * hidden
    write_json(folder / IGNORED, {"alerts": kept[-1_000:]})


def _of_rows(profile: Mapping[str, Any]) -> Iterator[Alert]:
    rows, twice = profile["rows"], profile["duplicates"]
    if twice:
        yield Alert(
            kind="duplicate rows", severity="change" if twice >= 0.01 * rows else "know", columns=(), rows=twice,
            said=f"{_rows(twice)} {'repeats' if twice == 1 else 'repeat'} another ({_share(twice, rows)}).",
            means="Sums and counts are too high if the same thing was written down twice.",
            where={"*": {"type": "duplicate"}}, remedy={"step": "drop_duplicates"}, advice="Drop the repeated rows",
        )  # fmt: skip


def _of_column(column: Mapping[str, Any], rows: int) -> Iterator[Alert]:
    name, count, distinct = column["name"], column["count"], column["distinct"]
    if not rows:
        return
    if not count:
        yield Alert(
            kind="constant", severity="know", columns=(name,), said=f"is empty in all {_rows(rows)}.", rows=rows,
            means="It says nothing.", remedy={"step": "drop_column", "column": name}, advice="Drop the column",
        )  # fmt: skip
        return
    yield from _missing(column, rows)
    if distinct == 1 and rows > 1:
        value = _value(column.get("top") or [], column)
        said = f"has one value, {value}, in {'all ' if count == rows else ''}{_rows(count)}."
        yield Alert(
            kind="constant", severity="know", columns=(name,), said=said, means="It cannot explain anything.",
            rows=count, remedy={"step": "drop_column", "column": name}, advice="Drop the column",
        )  # fmt: skip
        return
    if count >= FEW:
        yield from _spread(column, rows)
    yield from _stand_ins(column)
    if column["type"] in TEXTUAL:
        yield from _texts(column)
    yield from _personal(column)
    future = column.get("future") or 0
    if future and not set(roles.words(name)) & _AHEAD:
        yield Alert(
            kind="future dates", severity="change", columns=(name,), rows=future,
            said=f"lies in the future in {_rows(future)}, up to {column['max'][:10]}.",
            means="Ages, recencies and the last day of the data come out wrong.", where=None,
            remedy={"step": "to_missing", "column": name}, advice="Correct them, or set them to missing",
        )  # fmt: skip
    if column.get("infinite"):
        yield Alert(
            kind="not finite", severity="change", columns=(name,), rows=column["infinite"],
            said=f"is no finite number in {_rows(column['infinite'])}.",
            means="They count as missing here; other programs sum them to infinity.",
            remedy={"step": "to_missing", "column": name}, advice="Set them to missing",
        )  # fmt: skip


def _missing(column: Mapping[str, Any], rows: int) -> Iterator[Alert]:
    name, missing = column["name"], column["missing"]
    severity = next((level for level, share in MISSING.items() if missing > share * rows), None)
    if severity is None:
        return
    kept = "Most rows cannot be used where it is needed." if severity == "change" else "Rows without it are left out."
    number = column["type"] in NUMERIC
    fill = "Fill with the median" if number else "Fill, or keep as a value of its own"
    yield Alert(
        kind="missing", severity=severity, columns=(name,), rows=missing,
        said=f"is empty in {_rows(missing)} ({_share(missing, rows)}).",
        means=f"{kept} Ask why it is empty before you fill it.", where={name: {"type": "blank"}},
        remedy={"step": "fill", "column": name, "by": "median" if number else "value"}, advice=fill,
    )  # fmt: skip


def _spread(column: Mapping[str, Any], rows: int) -> Iterator[Alert]:
    """How the values of a column share its rows."""
    name, kind, count, distinct = column["name"], column["type"], column["count"], column["distinct"]
    top = column.get("top") or sorted(
        ([word, column[word]] for word in ("true", "false") if column.get(word)), key=lambda each: -each[1]
    )
    most, times = top[0] if top else (None, 0)
    is_unique = distinct == count == rows and column.get("distinct_is_exact", True)
    order = column.get("order") or {}
    named = set(roles.words(name))
    is_number = kind in NUMERIC
    if times >= NEARLY * count:
        others = count - times
        yield Alert(
            kind="nearly constant", severity="know", columns=(name,), rows=others,
            said=f"is {_value([[most, times]], column)} in all but {_rows(others)} of {count:,}.",
            means="It can explain those few rows only.", where={name: {"type": "notEqual", "filter": most}},
            remedy={"step": "drop_column", "column": name}, advice="Drop the column, or keep it as a flag",
        )  # fmt: skip
        return
    if distinct == 2 and count - times < IMBALANCE * count:
        other = next((value for value, _ in top if value != most), None)
        yield Alert(
            kind="imbalance", severity="note", columns=(name,), rows=count - times,
            said=f"is {_value([[other, 0]], column)} in only {_share(count - times, count)} of the rows.",
            means="As a target, a model that always says the other one looks good: weigh the classes.",
            where={name: {"type": "equals", "filter": other}},
            remedy={"step": "none", "column": name}, advice="Weigh the classes when you predict it",
        )  # fmt: skip
    is_count = kind == "integer" and order.get("strictly") and column["max"] - column["min"] == rows - 1
    if is_unique and is_count and not named & _WHEN:
        means = "It looks like an index: it says where a row stands, not what it is."
        yield _names_rows(name, "counts the rows", means, rows)
        return
    if is_unique and (kind == "identifier" or (kind == "integer" and named & roles.KEY)):
        means = "It names each row. A model would learn it by heart."
        yield _names_rows(name, f"is different in all {_rows(rows)}", means, rows)
        return
    if kind == "category" and distinct > MANY:
        yield Alert(
            kind="high cardinality", severity="note", columns=(name,), rows=count,
            said=f"has {distinct:,} different values.",
            means="Group them before you draw or predict by it.",
            remedy={"step": "group_rare", "column": name}, advice="Group the rare values",
        )  # fmt: skip
    if is_number and distinct > 10 and not named & roles.KEY:
        yield from _tails(column)


def _names_rows(name: str, said: str, means: str, rows: int) -> Alert:
    return Alert(
        kind="identifier", severity="note", columns=(name,), said=f"{said}.", means=means, rows=rows,
        remedy={"step": "leave_out", "column": name}, advice="Leave it out of models",
    )  # fmt: skip


def _tails(column: Mapping[str, Any]) -> Iterator[Alert]:
    name, skew, outliers = column["name"], column.get("skewness"), column.get("outliers") or {}
    beyond = outliers.get("below", 0) + outliers.get("above", 0)
    long = ""
    if skew is not None:
        long = f"a long {'right' if skew > 0 else 'left'} tail, skew {skew:.1f}".replace("-", "−")
    if beyond >= OUTLIERS * column["count"] and column["q3"] > column["q1"]:
        ends, parts = [], []
        if outliers["below"]:
            ends.append(f"below {_short(outliers['low'])}")
            parts.append({"type": "lessThan", "filter": outliers["low"]})
        if outliers["above"]:
            ends.append(f"above {_short(outliers['high'])}")
            parts.append({"type": "greaterThan", "filter": outliers["high"]})
        where = parts[0] if len(parts) == 1 else {"operator": "OR", "conditions": parts}
        yield Alert(
            kind="outliers", severity="know" if beyond >= MANY_OUTLIERS * column["count"] else "note",
            columns=(name,), rows=beyond,
            said=f"has {beyond:,} outliers ({_share(beyond, column['count'])}), {' or '.join(ends)}.",
            means="By the rule of 1.5 times the middle half" + (f"; {long}." if long and abs(skew or 0) > 1 else "."),
            where={name: where},
            remedy={"step": "cap", "column": name, "low": outliers["low"], "high": outliers["high"]},
            advice="Cap or flag them",
        )  # fmt: skip
    elif skew is not None and abs(skew) >= SKEW:
        far = "highest" if skew > 0 else "lowest"
        end = column["max"] if skew > 0 else column["min"]
        yield Alert(
            kind="skew", severity="note", columns=(name,), rows=column["count"],
            said=f"has {long}; the {far} value is {_short(end)}, the median {_short(column['median'])}.",
            means="A few values decide the mean. Use the median, or the logarithm.",
            remedy={"step": "log", "column": name}, advice="Take the logarithm, or cap it",
        )  # fmt: skip


def _stand_ins(column: Mapping[str, Any]) -> Iterator[Alert]:
    # Where it is all there is, the column is told to be constant.
    name, found = column["name"], (column.get("placeholders") or []) if column["distinct"] > 1 else []
    if not found:
        return
    number, values = sum(times for _, times in found), [value for value, _ in found]
    listed = ", ".join(f"“{value}”" for value in values[:3])
    yield Alert(
        kind="placeholder", severity="know" if column["type"] in TEXTUAL else "change", columns=(name,), rows=number,
        said=f"is {listed} in {_rows(number)}.",
        means="That probably stands for a missing value, and is counted as one here."
        if column["type"] in TEXTUAL
        else "That probably stands for a missing value, and goes into every mean and range.",
        where={name: {"type": "in", "values": values}},
        remedy={"step": "to_missing", "column": name, "values": values}, advice="Set them to missing",
    )  # fmt: skip


def _texts(column: Mapping[str, Any]) -> Iterator[Alert]:
    name, count, looks = column["name"], column["count"], column.get("looks") or {}
    numbers = looks.get("like_numbers", 0)
    if column["type"] in {"text", "category"} and MIXED * count <= numbers <= (1 - MIXED) * count:
        yield Alert(
            kind="mixed types", severity="know", columns=(name,), rows=min(numbers, count - numbers),
            said=f"holds numbers in {numbers:,} of {_rows(count)}, and words in the others.",
            means="It cannot be summed or sorted as a number while it is mixed.",
            remedy={"step": "to_number", "column": name}, advice="Part it, or set the words to missing",
        )  # fmt: skip
    variants = column.get("variants")
    if variants:
        spelt = [value for value, _ in variants["examples"][0]]
        first = " and ".join(f"“{value}”" for value in spelt[:2])
        more = f", and {variants['values'] - 1:,} more" if variants["values"] > 1 else ""
        yield Alert(
            kind="spellings", severity="change", columns=(name,), rows=variants["rows"],
            said=f"is spelt several ways: {first}{more} ({_rows(variants['rows'])}).",
            means=f"{column['distinct']:,} values would become {variants['become']:,}.",
            where={name: {"type": "in", "values": variants["others"]}},
            remedy={"step": "merge_spellings", "column": name}, advice="Merge the spellings",
        )  # fmt: skip


def _personal(column: Mapping[str, Any]) -> Iterator[Alert]:
    name, count, looks = column["name"], column["count"], column.get("looks") or {}
    phones = looks.get("phones", 0)
    if set(roles.words(name)) & _PHONE:
        phones = max(phones, looks.get("like_phones", 0))
    cards = looks.get("cards", 0)
    found = [
        (looks.get("emails", 0), "e-mail addresses", looks.get("emails", 0) > 0),
        (phones, "telephone numbers", phones >= PERSONAL * count),
        # One in ten numbers ends in the right digit by chance.
        (cards, "card numbers", cards >= PERSONAL * count and cards >= PERSONAL * looks.get("like_cards", 0)),
    ]
    for number, what, is_so in found:
        if is_so and number:
            yield Alert(
                kind=f"personal: {what}", severity="know", columns=(name,), rows=number,
                said=f"holds {what} in {_rows(number)}.", means="Leave it out before you share a result or an export.",
                where={name: {"type": "contains", "filter": "@"}} if what.startswith("e-mail") else None,
                remedy={"step": "mask", "column": name}, advice="Mask or drop it before sharing",
            )  # fmt: skip


def _of_pairs(profile: Mapping[str, Any]) -> Iterator[Alert]:
    twins = [tuple(names) for names in profile.get("twins") or ()]
    for names in twins:
        yield Alert(
            kind="duplicate columns", severity="know", columns=names, said="are equal in every row.",
            means="One of them is enough; two weigh double in a model.", rows=profile["rows"],
            remedy={"step": "drop_column", "column": names[-1]}, advice=f"Keep {names[0]} only",
        )  # fmt: skip
    relations = profile.get("relations") or {}
    for names, low, high in together(relations, twins):
        between = f"{low:.2f}" if f"{low:.2f}" == f"{high:.2f}" else f"{low:.2f} to {high:.2f}"
        yield Alert(
            kind="high correlation", severity="note", columns=names,
            said=f"move together (correlation {between}).", rows=0,
            means="They say nearly the same; a model cannot tell whose effect it is.",
            remedy={"step": "drop_column", "column": names[-1]}, advice="Keep one of them",
        )  # fmt: skip


def together(
    relations: Mapping[str, Any], twins: Sequence[Sequence[str]] = ()
) -> list[tuple[tuple[str, ...], float, float]]:
    """Groups of columns chained by correlations of ALIKE and more, with the least and the greatest of those."""
    equal = {frozenset((a, b)) for names in twins for a in names for b in names}
    group: dict[str, set[str]] = {}
    linked: list[tuple[str, str, float]] = []
    for kind, measure in (("numbers", "pearson"), ("categories", "cramers_v")):
        names, matrix = relations.get(kind) or [], relations.get(measure) or []
        for a, line in enumerate(matrix):
            for b in range(a + 1, len(line)):
                size = abs(line[b] or 0)
                if size >= ALIKE and frozenset((names[a], names[b])) not in equal:
                    linked.append((names[a], names[b], size))
    for a, b, _ in linked:
        joint = group.get(a, {a}) | group.get(b, {b})
        group.update(dict.fromkeys(joint, joint))
    order = [*(relations.get("numbers") or ()), *(relations.get("categories") or ())]
    found = []
    for names in {id(each): each for each in group.values()}.values():
        sizes = [size for a, _, size in linked if a in names]
        found.append((tuple(sorted(names, key=order.index)), min(sizes), max(sizes)))
    return sorted(found, key=lambda each: order.index(each[0][0]))


def _value(top: Sequence[Sequence[Any]], column: Mapping[str, Any]) -> str:
    if not top:
        value = "yes" if column.get("true") else "no" if column.get("false") else column.get("min")
    else:
        value = {"true": "yes", "false": "no"}.get(top[0][0], top[0][0]) if column["type"] == "flag" else top[0][0]
    if column["type"] in TEXTUAL:
        return f"“{value}”"
    return str(value).replace("-", "−") if column["type"] in NUMERIC else str(value)


def _rows(number: int) -> str:
    return f"{number:,} row" + ("" if number == 1 else "s")


def _share(number: int, of: int) -> str:
    share = 100 * number / max(of, 1)
    return "<0.1\u202f%" if share < 0.05 else f"{share:.{0 if share >= 99.95 else 1}f}\u202f%"


def _short(number: float) -> str:
    text = f"{number:,.2f}".rstrip("0").rstrip(".") if abs(number) >= 0.1 or not number else f"{number:.2g}"
    return text.replace("-", "−")
