"""What the cells of a column mean: candidates from a sample, then proved over every row.

A type is only taken when every filled cell reads as it, but for misfits: at most 1 % of the filled
cells and at most 1,000 of them. A misfit becomes missing, and is counted and quoted. DuckDB's own
casts are too kind to decide ('1.5' is the whole number 2, '0x1F' is 31, '02134' is 2134), so each
has a pattern before it. Whatever could lose something stays text: leading zeros, integers of 19
digits and more, thousands separators, currency signs, times without a day. A float is taken only
where it holds every number as it is written; else a decimal is, of up to 37 digits.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from services.duck import literal
from services.roles import words
from services.schema import ColumnType, Kind

MISSING = (
    "", "NA", "N/A", "n/a", "na", "#N/A", "#NA", "<NA>", "null", "NULL", "Null", "None", "none", "NONE",
    "nan", "NaN", "NAN", "NaT", "-", "--", "\\N",
)  # fmt: skip
MOST_MISFITS = 1_000
MISFIT_SHARE = 0.01
SAMPLE = 20_000

_WHOLE = 2**53  # a float holds every integer up to here
_FIGURES = 17  # a float is told from every other by so many digits: more were never one
_MOST_DIGITS = 37  # of 38, so that a difference still fits
_FLAGS = (("true", "false"), ("yes", "no"), ("y", "n"), ("t", "f"))
_FORMATTED = r"\d{1,2}([/.-])\d{1,2}\1(\d{4}|\d{2})"
_TIME = r"([ T]+)(\d{1,2}:\d{2})(:\d{2})?([.]\d{1,6})?( ?[AaPp][Mm])?"
_NUM = "[+-]?([0-9]+[.]?[0-9]*|[.][0-9]+)([eE][+-]?[0-9]{1,3})?"
_YEAR = "(?:[1-9][0-9]{3}|0[1-9][0-9]{2}|00[1-9][0-9]|000[1-9])"  # the calendar has no year 0
_ISO = _YEAR + "-[0-9]{2}-[0-9]{2}([T ][0-9]{2}:[0-9]{2}(:[0-9]{2}([.][0-9]{1,9})?)?(Z|[+-][0-9]{2}(:?[0-9]{2})?)?)?"
_DATE_WORDS = frozenset({"date", "day", "datum", "dt", "ymd", "yyyymmdd", "fecha", "jour", "tag"})
_KEY_WORDS = frozenset(
    {"id", "key", "code", "no", "nr", "num", "number", "sku", "zip", "zipcode", "postcode", "uuid", "guid", "isbn"}
)


class Proof(NamedTuple):
    """An SQL expression to evaluate over every row, and the name of its outcome."""

    name: str
    sql: str


@dataclass(kw_only=True)
class Candidate:
    """What a column may be, as its sample says."""

    name: str
    cell: str  # SQL: the trimmed cell, NULL when missing
    raw: str  # SQL: the cell as it stands
    reads_as: str = "text"  # text, number, flag, iso or the strptime formats to try
    comma: bool = False  # decimal comma
    formats: tuple[str, ...] = ()
    pattern: str = ""  # what a formatted date looks like
    usual: bool = True  # the tokens for missing are the usual ones: none of them is a number or a date
    proved: dict[str, Any] = field(default_factory=dict)

    @property
    def number(self) -> str:
        return f"replace({self.cell}, ',', '.')" if self.comma else self.cell

    @property
    def is_number(self) -> str:
        """SQL: whether the cell is a finite number; the cast alone would take 1_000."""
        number = self.number
        plain = f"isfinite(try_cast({number} AS DOUBLE)) AND NOT contains({number}, '_')"
        dots = f" AND NOT contains({self.cell}, '.')" if self.comma else ""
        return f"coalesce({plain}{dots}, false)"

    def parsed(self, form: str) -> str:
        """SQL: the cell as a TIMESTAMP by the strptime format `form`, NULL when it is none."""
        pattern = self.pattern.replace("[0-9]{4}", _YEAR)
        return (
            f"CASE WHEN regexp_full_match({self.cell}, {literal(pattern)}) "
            f"THEN try_strptime({self.cell}, {literal(form)}) END"
        )

    @property
    def offset(self) -> str:
        """SQL: whether an ISO time says how far it is from UTC."""
        return f"(length({self.cell}) > 16 AND regexp_matches(substr({self.cell}, 17), '[Z+-]'))"

    @property
    def iso(self) -> str:
        """SQL: the cell as a TIMESTAMP in UTC, NULL when it is no ISO date."""
        cast = f"try_cast({self.cell} AS TIMESTAMP)"
        if self.proved.get("offsets", 1):
            moved = f"try_cast({self.cell} AS TIMESTAMPTZ) AT TIME ZONE 'UTC'"
            kept = f"CASE WHEN year({moved}) BETWEEN 1 AND 9999 THEN {moved} END"
            cast = f"CASE WHEN {self.offset} THEN {kept} ELSE {cast} END"
        # Midnight at its end is in the year 10,000.
        known = f"left({self.cell}, 13) NOT IN ('9999-12-31T24', '9999-12-31 24')"
        return f"CASE WHEN regexp_full_match({self.cell}, {literal(_ISO)}) AND {known} THEN {cast} END"

    @property
    def fits(self) -> str:
        """SQL: what every proof of this type asks, so that it is worked out once."""
        return {"number": self.is_number, "iso": self.iso}.get(self.reads_as, "NULL")

    def proofs(self, fits: str) -> list[Proof]:
        """What must be known of every row before the type can be taken; `fits` is the column of that name."""
        cell, raw = self.cell, self.raw
        found = [Proof("filled", f"count({cell})"), Proof("bytes", f"coalesce(sum(strlen({raw})), 0)")]
        if self.reads_as == "number":
            number = self.number
            dotted = f"contains({number}, '.')"
            powered = f"(contains({number}, 'e') OR contains({number}, 'E'))"
            whole = f"{fits} AND NOT {dotted} AND NOT {powered}"
            digits = f"ltrim({cell}, '+-')"
            # AND asks all of every row, CASE asks the rest of few: with fewer characters a float holds every digit.
            many = f"CASE WHEN length({number}) > 16 THEN {fits} AND {dotted} AND NOT {powered} END"
            zero = f"CASE WHEN {cell} < '1' THEN {whole} AND starts_with({digits}, '0') AND length({digits}) > 1 END"
            long = f"CASE WHEN length({cell}) > 18 THEN {whole} AND length({digits}) > 18 END"
            held = f"try_cast({number} AS DOUBLE)::VARCHAR"
            parted = f"try_cast({number} AS DECIMAL(38,18)) <> try_cast({held} AS DECIMAL(38,18))"
            rounded = f"CASE WHEN {held} <> {number} THEN coalesce({parted}, true) END"
            figures = f"length(trim(replace({number}, '.', ''), '+-0'))"
            return [
                *found,
                Proof("fits", f"count(*) FILTER ({fits})"),
                Proof("whole", f"count(*) FILTER ({whole})"),
                Proof("zeros", f"count(*) FILTER ({zero})"),
                Proof("long", f"count(*) FILTER ({long})"),
                Proof("rounded", f"count(*) FILTER (CASE WHEN {many} THEN {rounded} END)"),
                Proof("figures", f"coalesce(max(CASE WHEN {many} THEN {figures} END), 0)"),
                Proof("scale", f"max(length({number}) - strpos({number}, '.')) FILTER ({fits} AND {dotted})"),
                # A sign counts as a digit: the bound is safe, and cheaper.
                Proof("digits", f"max(CASE WHEN {dotted} THEN strpos({number}, '.') - 1 ELSE length({cell}) END) "
                      f"FILTER ({fits})"),
                Proof("powers", f"count(*) FILTER ({fits} AND {powered})"),
                Proof("low", f"min(try_cast({cell} AS BIGINT)) FILTER ({whole})"),
                Proof("high", f"max(try_cast({cell} AS BIGINT)) FILTER ({whole})"),
            ]  # fmt: skip
        if self.reads_as == "flag":
            pairs = ", ".join(literal(word) for word in self.formats)
            return [
                *found,
                *self._text_proofs(),
                Proof("fits", f"count(*) FILTER (lower({cell}) IN ({pairs}))"),
                Proof("sides", f"count(DISTINCT lower({cell}))"),
            ]
        if self.reads_as == "iso":
            return [
                *found,
                Proof("fits", f"count({fits})"),
                Proof("clocks", f"count(*) FILTER ({fits}::DATE <> {fits})"),
                Proof("offsets", f"count(*) FILTER ({self.offset})"),
            ]
        if self.reads_as == "date":
            return [
                *found,
                *(Proof(f"fits{i}", f"count({self.parsed(form)})") for i, form in enumerate(self.formats)),
                *(
                    Proof(f"clocks{i}", f"count(*) FILTER (({self.parsed(form)})::DATE <> {self.parsed(form)})")
                    for i, form in enumerate(self.formats)
                ),
            ]
        return [*found, *self._text_proofs()]

    def _text_proofs(self) -> list[Proof]:
        cell = self.cell
        return [
            Proof("distinct", f"approx_count_distinct({cell})"),
            Proof("longest", f"coalesce(max(length({cell})), 0)"),
            Proof("spaced", f"count(*) FILTER (contains({cell}, ' '))"),
            Proof("digited", f"count(*) FILTER (regexp_matches({cell}, '[0-9]'))"),
            Proof("tokens", f"count(*) FILTER ({self.raw} IS NOT NULL AND trim({self.raw}) <> '' AND {cell} IS NULL)"),
        ]


@dataclass(frozen=True, kw_only=True)
class Decided:
    """The type of a column, the SQL that makes it, and what is to be said about it."""

    column: ColumnType
    value: str
    misfits: int = 0
    misfit: str = ""  # SQL: true for a misfit
    what: str = ""  # what a misfit is not: "a number", "a date"
    notes: tuple[str, ...] = ()
    before: int = 0  # bytes in memory, read plainly
    after: int = 0


def prove(candidate: Candidate, table: str) -> tuple[str, list[str]]:
    """One SELECT that proves `candidate` over every row of `table`, and the names of its columns.

    Three levels, since DuckDB works out an expression once for each level, and each time it is said.
    One column at a time: eight together take half as long again.
    """
    raw = candidate.raw
    short = replace(candidate, cell="v")
    proofs = short.proofs("f")
    asked = ", ".join(proof.sql for proof in proofs)
    trimmed = f"SELECT {raw}, {candidate.cell} AS v FROM {table}"
    return f"SELECT {asked} FROM (SELECT *, {short.fits} AS f FROM ({trimmed}))", [proof.name for proof in proofs]


def allowed(filled: int) -> int:
    """How many misfits a column of `filled` cells may have and still keep its type."""
    return min(MOST_MISFITS, int(filled * MISFIT_SHARE))


def trimmed(raw: str, missing: Sequence[str] | None = None) -> str:
    """SQL: the cell `raw` without spaces around it, NULL where it says one of `missing` (the usual tokens)."""
    tokens = dict.fromkeys(("", *(MISSING if missing is None else missing)))
    # What is long or begins with a digit is no token: the list is only walked for the rest.
    plain = f"length(trim({raw})) > {max(map(len, tokens))}"
    if not any(token[:1].isdecimal() for token in tokens):
        plain += f" OR (trim({raw}) >= '0' AND trim({raw}) < ':')"
    return f"CASE WHEN {plain} THEN trim({raw}) WHEN NOT {is_one(f'trim({raw})', tokens)} THEN trim({raw}) END"


def is_one(cell: str, words: Iterable[str]) -> str:
    """SQL: whether `cell` is one of `words`; as a list they would take 4 MB each time they stand in a question."""
    return f"regexp_full_match({cell}, {literal('|'.join(map(re.escape, words)))})"


def filled_cells(sample: Sequence[str | None], missing: Sequence[str] | None = None) -> Counter[str]:
    """How often each cell stands in `sample`, without spaces around it and without those that say nothing."""
    cells = Counter(cell.strip(" ") for cell in sample if cell is not None)
    for token in ("", *(MISSING if missing is None else missing)):
        cells.pop(token, None)
    return cells


def suspect(
    name: str, raw: str, sample: Sequence[str | None], *, rows: int, comma: bool, missing: Sequence[str] | None = None
) -> Candidate:
    """Say what the column `name` may be, from some of its cells; `rows` is how many it has in all."""
    candidate = Candidate(name=name, raw=raw, cell=trimmed(raw, missing), usual=missing is None)
    cells = filled_cells(sample, missing)
    filled = cells.total()
    if not filled:
        return candidate
    # The sample may hold all the misfits that the whole column is allowed.
    most = allowed(rows)

    def reads(pattern: str, **flags: Any) -> bool:
        match = re.compile(pattern, **flags).fullmatch
        return filled - sum(count for cell, count in cells.items() if match(cell)) <= min(most, filled // 2)

    sides = {cell.lower() for cell in cells} if len(cells) <= 4 else set()
    for pair in _FLAGS:
        if sides == set(pair):
            candidate.reads_as, candidate.formats = "flag", pair
            return candidate
    if reads("[0-9]{8}") and set(words(name)) & _DATE_WORDS and _are_days(cells, most):
        candidate.reads_as, candidate.formats, candidate.pattern = "date", ("%Y%m%d",), "[0-9]{4}[0-9]{2}[0-9]{2}"
    elif reads(_NUM):
        candidate.reads_as = "number"
    elif comma and reads(r"[+-]?(\d+|\d*,\d+)") and not _may_be_thousands(cells):
        candidate.reads_as, candidate.comma = "number", True
    elif reads(_ISO):
        candidate.reads_as = "iso"
    else:
        candidate.formats, candidate.pattern = date_formats(cells, filled, most)
        candidate.reads_as = "date" if candidate.formats else "text"
    return candidate


def _are_days(cells: Counter[str], most: int) -> bool:
    bad = 0
    for cell, count in cells.items():
        good = len(cell) == 8 and cell.isdecimal() and "1800" <= cell[:4] <= "2199"
        bad += 0 if good and "01" <= cell[4:6] <= "12" and "01" <= cell[6:] <= "31" else count
    return bad <= most


def _may_be_thousands(cells: Counter[str]) -> bool:
    """1,234 is twelve hundred to some and one and a bit to others; only longer or shorter tails decide."""
    tails = {len(cell.partition(",")[2]) for cell in cells if "," in cell}
    return tails == {3}


_MONTH_FORMS = (
    (r"\d{1,2}[ -][A-Za-z]{3}[ -]\d{4}", ("%d-%b-%Y", "%d %b %Y")),
    (r"\d{1,2}[ -][A-Za-z]{3}[ -]\d{2}", ("%d-%b-%y", "%d %b %y")),
    (r"[A-Za-z]{3} \d{1,2}, \d{4}", ("%b %d, %Y",)),
    (r"[A-Za-z]{3,9} \d{1,2}, \d{4}", ("%B %d, %Y",)),
    (r"\d{1,2} [A-Za-z]{3,9} \d{4}", ("%d %B %Y",)),
)


def date_formats(cells: Counter[str], filled: int, most: int) -> tuple[tuple[str, ...], str]:
    """The date formats that may fit, day first before month first, and what such a cell looks like."""
    shapes: Counter[tuple[str, bool, str]] = Counter()
    numeric = re.compile(f"{_FORMATTED}({_TIME})?")
    ahead = re.compile(rf"\d{{4}}([/.])\d{{1,2}}\1\d{{1,2}}({_TIME})?")
    for cell, count in cells.items():
        if match := numeric.fullmatch(cell):
            separator, long, times = match[1], len(match[2]) == 4, match.groups()[3:]
        elif match := ahead.fullmatch(cell):
            separator, long, times = match[1] + "Y", True, match.groups()[2:]
        else:
            continue
        shapes[(separator, long, _time_format(times))] += count
    if shapes:
        (separator, long, time), count = shapes.most_common(1)[0]
        if filled - count <= min(most, filled // 2):
            sign, year = separator[0], "%Y" if long else "%y"
            tail = "[T ]+[0-9].*" if time else ""
            mark = "[.]" if sign == "." else sign
            if separator.endswith("Y"):
                return (f"%Y{sign}%m{sign}%d{time}",), f"[0-9]{{4}}{mark}[0-9]{{1,2}}{mark}[0-9]{{1,2}}{tail}"
            pattern = f"[0-9]{{1,2}}{mark}[0-9]{{1,2}}{mark}[0-9]{{{4 if long else 2}}}{tail}"
            return (f"%d{sign}%m{sign}{year}{time}", f"%m{sign}%d{sign}{year}{time}"), pattern
    for pattern, forms in _MONTH_FORMS:
        match = re.compile(pattern).fullmatch
        if filled - sum(count for cell, count in cells.items() if match(cell)) <= min(most, filled // 2):
            return forms, pattern.replace(r"\d", "[0-9]")
    return (), ""


def _time_format(groups: Sequence[str | None]) -> str:
    gap, clock, seconds, fraction, half = groups
    if clock is None:
        return ""
    return (
        (gap or " ")
        + ("%I:%M" if half else "%H:%M")
        + (":%S" if seconds else "")
        + (".%f" if fraction else "")
        + ((" %p" if half.startswith(" ") else "%p") if half else "")
    )


def decide(candidate: Candidate, rows: int) -> Decided:
    """Take the type that every row proved, or text."""
    found = candidate.proved
    filled, name = found["filled"], candidate.name
    plain = 8 * rows  # int64, float64
    if candidate.reads_as == "number":
        decided = _decide_number(candidate, rows)
        if decided:
            return decided
    if candidate.reads_as == "flag" and found["fits"] == filled and found["sides"] == 2:
        yes = literal(candidate.formats[0])
        return Decided(
            column=ColumnType(name=name, kind="flag", sql="BOOLEAN"),
            value=f"lower({candidate.cell}) = {yes}",
            before=_as_objects(candidate, rows) if candidate.formats[0] != "true" else rows,
            after=rows,
        )
    if candidate.reads_as == "iso" and filled - found["fits"] <= allowed(filled):
        notes = ()
        if found["offsets"]:
            notes = (f"{name} has times with an offset. They are shown in UTC.",)
        kind: Kind = "datetime" if found["clocks"] else "date"
        return Decided(
            column=ColumnType(name=name, kind=kind, sql="TIMESTAMP" if found["clocks"] else "DATE"),
            value=_iso_value(candidate),
            misfits=filled - found["fits"],
            misfit=f"{candidate.cell} IS NOT NULL AND ({candidate.iso}) IS NULL",
            what="a date",
            notes=notes,
            before=_as_objects(candidate, rows),
            after=(8 if found["clocks"] else 4) * rows,
        )
    if candidate.reads_as == "date":
        fits = [found[f"fits{i}"] for i in range(len(candidate.formats))]
        best = max(range(len(fits)), key=lambda i: (fits[i], -i))
        if filled - fits[best] <= allowed(filled):
            return _decide_date(candidate, rows, best, fits)
    if candidate.reads_as in {"text", "flag"}:
        return _decide_text(candidate, rows)
    # It was no number or date after all; nothing more is known of it yet.
    return Decided(column=ColumnType(name=name, kind="text", sql="VARCHAR"), value="", before=plain)


def _decide_number(candidate: Candidate, rows: int) -> Decided | None:
    found, name = candidate.proved, candidate.name
    filled, misfits = found["filled"], found["filled"] - found["fits"]
    scale, digits = found["scale"] or 0, found["digits"] or 0
    wide = max(-(found["low"] or 0), found["high"] or 0) > _WHOLE and found["whole"] < found["fits"]
    exact = not found["powers"] and digits + scale <= _MOST_DIGITS
    if found["zeros"] or found["long"] or ((wide or found["figures"] > _FIGURES) and not exact):
        if found["fits"] < filled - allowed(filled):
            return None
        notes = ()
        if not found["zeros"]:
            what = "integers of more than 18 digits" if found["long"] else "numbers of more than 15 digits"
            notes = (f"{name} holds {what}. It stays text, so that no digit is lost.",)
        return Decided(
            column=ColumnType(name=name, kind="identifier", sql="VARCHAR"),
            value=as_text(candidate, rows),
            notes=notes,
            before=plain_objects(found["bytes"], rows),
            after=4 * rows + int(found["bytes"]),
        )
    if misfits > allowed(filled) or not filled:
        return None
    if found["whole"] == found["fits"]:
        kind: Kind = "integer"
        sql, width = whole_type(found["low"], found["high"])
    else:
        kind = "decimal"
        sql, width = decimal_type(found)
    test = candidate.is_number
    # Where all cells fit, none of the tokens for missing but NaN is a number to the cast.
    plain = candidate.usual and not misfits and sql != "DOUBLE" and not candidate.comma
    bare = candidate.raw if plain else candidate.number
    cast = f"try_cast({bare} AS {sql})"
    return Decided(
        column=ColumnType(name=name, kind=kind, sql=sql),
        value=f"CASE WHEN {test} THEN {cast} END" if misfits else cast,
        misfits=misfits,
        misfit=f"{candidate.cell} IS NOT NULL AND NOT ({test})",
        what="a number",
        before=8 * rows if not misfits else plain_objects(found["bytes"], rows),
        after=width * rows,
    )


def whole_type(low: int, high: int) -> tuple[str, int]:
    """The smallest type that holds the integers from `low` to `high`, and its bytes."""
    return next(
        (sql, width)
        for sql, width in (("TINYINT", 1), ("SMALLINT", 2), ("INTEGER", 4), ("BIGINT", 8), ("DECIMAL(38,0)", 16))
        if -(1 << (8 * width - 1)) <= low and high < 1 << (8 * width - 1)
    )


def decimal_type(found: Mapping[str, Any]) -> tuple[str, int]:
    """The type that holds the numbers of which `found` is proved, as they are written, and its bytes."""
    scale, digits = found["scale"] or 0, found["digits"] or 0
    wide = max(-(found["low"] or 0), found["high"] or 0) > _WHOLE and found["whole"] < found["fits"]
    exact = not found["powers"] and digits + scale <= _MOST_DIGITS
    rounded = found["rounded"] or (found["long"] and exact)
    total = digits + scale
    precision, width = (9, 4) if total <= 9 else (18, 8) if total <= 18 else (total, 16)
    money = 0 < scale <= 4 and precision <= 18
    return (f"DECIMAL({precision},{scale})", width) if exact and (money or wide or rounded) else ("DOUBLE", 8)


def _decide_date(candidate: Candidate, rows: int, best: int, fits: list[int]) -> Decided:
    found, name, form = candidate.proved, candidate.name, candidate.formats[best]
    clock = found[f"clocks{best}"] > 0
    notes: tuple[str, ...] = ()
    if "%m" in form and len(fits) == 2 and fits[0] == fits[1]:
        said = "It is read day first, since every date fits both: look at one that you know."
        notes = (f"{name} could be day first or month first. {said}",)
    parsed = candidate.parsed(form)
    return Decided(
        column=ColumnType(name=name, kind="datetime" if clock else "date", sql="TIMESTAMP" if clock else "DATE"),
        value=parsed if clock else f"({parsed})::DATE",
        misfits=found["filled"] - fits[best],
        misfit=f"{candidate.cell} IS NOT NULL AND ({parsed}) IS NULL",
        what="a date",
        notes=notes,
        before=_as_objects(candidate, rows),
        after=(8 if clock else 4) * rows,
    )


def _decide_text(candidate: Candidate, rows: int) -> Decided:
    """Category: at most 1,000 different values in at most 5 % of the rows, or 20 in at most half of them.

    Identifier: short, without spaces, and either different in nearly every row and with a digit in each, or
    different in more than half the rows (5 % of a long table) under a name that says so.
    """
    found, name = candidate.proved, candidate.name
    filled, distinct = found["filled"], found["distinct"]
    kind: Kind = "text"
    code = 0 < found["longest"] <= 64 and not found["spaced"]
    called = bool(set(words(name)) & _KEY_WORDS) or words(name)[-1:] == ["id"]
    if filled and code and (called and distinct > 0.05 * rows and distinct > 1):
        kind = "identifier"
    elif filled and found["longest"] <= 200 and distinct <= max(min(1_000, 0.05 * rows), min(20, 0.5 * rows)):
        kind = "category"
    elif filled and code and distinct >= 0.95 * filled and found["digited"] == filled and filled == rows:
        kind = "identifier"
    notes = ()
    if found["tokens"]:
        one = found["tokens"] == 1
        said = f"only {'says' if one else 'say'} that there is nothing (NA, null, -)"
        notes = (f"{_cells(found['tokens'])} of {name} {said}. {'It is' if one else 'They are'} missing now.",)
    used = int(found["bytes"])
    if kind == "category":
        after = (1 if distinct < 128 else 2) * rows + int(distinct * (4 + used / max(filled, 1)))
    else:
        after = 4 * rows + used
    return Decided(
        column=ColumnType(name=name, kind=kind, sql="VARCHAR"),
        value=as_text(candidate, rows),
        notes=notes,
        before=plain_objects(used, rows),
        after=after,
    )


def _cells(number: int) -> str:
    return f"{number:,} cell" + ("" if number == 1 else "s")


def _iso_value(candidate: Candidate) -> str:
    found = candidate.proved
    sql = "TIMESTAMP" if found["clocks"] else "DATE"
    if candidate.usual and found["fits"] == found["filled"] and not found["offsets"]:
        return f"try_cast({candidate.raw} AS {sql})"
    return f"({candidate.iso})::{sql}"


def as_text(candidate: Candidate, rows: int) -> str:
    """SQL: the cell as it stands, spaces and all, NULL when missing."""
    if candidate.proved["filled"] == rows:
        return candidate.raw
    return f"CASE WHEN {candidate.cell} IS NOT NULL THEN {candidate.raw} END"


def plain_objects(used: int, rows: int) -> int:
    """Bytes of a column of Python texts: a pointer and 49 bytes of head each, and the characters."""
    return (8 + 49) * rows + int(used)


def _as_objects(candidate: Candidate, rows: int) -> int:
    return plain_objects(candidate.proved["bytes"], rows)
