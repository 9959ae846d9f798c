"""A column read as a person chose: what does not read so is missing, however much of it there is.

Here alone marks are taken off numbers: signs of a currency, a per cent sign (12 % is 12), signs that
part thousands, and brackets around a negative amount.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from services.duck import literal
from services.errors import ParamError
from services.ingest import types
from services.ingest.types import Candidate, Decided, Proof
from services.reading import ColumnReading
from services.schema import ColumnType, Kind

_CURRENCY = "(?:[$€£¥₹₽₩₺]|EUR|USD|GBP|CHF|JPY|SEK|NOK|DKK|PLN|CZK|kr|zł)"
_BLANK = "[ \u00a0\u202f\u2009]"
_SIGN = "[-+\u2212]"
_GROUPS = {"decimal point": f"(?:,|'|’|{_BLANK})", "decimal comma": f"(?:[.]|'|’|{_BLANK})"}
_POINTS = {"decimal point": "[.]", "decimal comma": ","}
_YES = ("true", "yes", "y", "t", "1", "on", "ja", "oui", "si", "sí", "sim", "x")
_NO = ("false", "no", "n", "f", "0", "off", "nein", "non", "não")
_WHAT = {"integer": "a whole number", "decimal": "a number", "flag": "a yes or no", "date": "a date",
         "datetime": "a date"}  # fmt: skip


def number_pattern(mark: str) -> str:
    """What a number looks like whose decimal mark is `mark`: the same for Python and for DuckDB."""
    whole = f"(?:[0-9]{{1,3}}(?:{_GROUPS[mark]}[0-9]{{3}})+|[0-9]+)"
    part = f"{_POINTS[mark]}[0-9]*"
    plain = f"(?:{whole}(?:{part})?|{_POINTS[mark]}[0-9]+)"
    before = f"(?:{_SIGN}?{_BLANK}?{_CURRENCY}?{_BLANK}?|{_CURRENCY}{_BLANK}?{_SIGN}{_BLANK}?)"
    return f"[(]?{before}{plain}{_BLANK}?(?:%|{_CURRENCY})?[)]?"


def number_text(cell: str, mark: str) -> str:
    """SQL: the number in `cell` without its marks, as text with a decimal point; the cell itself when it is none."""
    kept = "0-9." if mark == "decimal point" else "0-9,"
    digits = f"regexp_replace({cell}, '[^{kept}]', '', 'g')"
    if mark == "decimal comma":
        digits = f"replace({digits}, ',', '.')"
    below = f"regexp_matches({cell}, '^[(]|^[^0-9]*[-\u2212]')"
    marked = f"CASE WHEN {below} THEN '-' ELSE '' END || {digits}"
    other = cell if mark == "decimal point" else f"'?' || {cell}"  # else 1.5 would be a number here too
    return f"CASE WHEN regexp_full_match({cell}, {literal(number_pattern(mark))}) THEN {marked} ELSE {other} END"


@dataclass(kw_only=True)
class Chosen(Candidate):
    """A column whose type is given."""

    kind: Kind = "text"
    source: str = ""  # what the file calls the column
    either: tuple[str, ...] = ()  # day first and month first, where a sample reads both ways

    @property
    def whole(self) -> str:
        """SQL: the cell as an integer of up to 38 digits, NULL when it is none; 5.0 and 1e3 are integers."""
        number = self.number
        exact = f"try_cast({number} AS DECIMAL(38,10))"
        plain = f"regexp_full_match({number}, '[+-]?[0-9]+')"
        other = f"{self.is_number} AND {exact} = round({exact})"
        return (
            f"CASE WHEN {plain} THEN try_cast({number} AS DECIMAL(38,0)) WHEN {other} THEN {exact}::DECIMAL(38,0) END"
        )

    @property
    def moment(self) -> str:
        """SQL: the cell as a TIMESTAMP, NULL when it is none."""
        if self.reads_as == "iso":
            return self.iso
        return f"coalesce({', '.join(map(self.parsed, self.formats))})" if self.formats else "NULL::TIMESTAMP"

    @property
    def flag(self) -> str:
        """SQL: the cell as yes or no, NULL when it is neither."""
        yes, no = (", ".join(map(literal, words)) for words in (_YES, _NO))
        return f"CASE WHEN lower({self.cell}) IN ({yes}) THEN true WHEN lower({self.cell}) IN ({no}) THEN false END"

    @property
    def fits(self) -> str:
        return {
            "integer": self.whole, "decimal": self.is_number, "flag": self.flag, "date": self.moment,
            "datetime": self.moment,
        }.get(self.kind, "NULL")  # fmt: skip

    def proofs(self, fits: str) -> list[Proof]:
        first = [Proof("filled", f"count({self.cell})"), Proof("bytes", f"coalesce(sum(strlen({self.raw})), 0)")]
        if self.kind == "decimal":
            return Candidate.proofs(self, fits)
        if self.kind == "integer":
            ends = [Proof("low", f"min({fits})"), Proof("high", f"max({fits})")]
            return [*first, Proof("fits", f"count({fits})"), *ends]
        if self.kind in {"flag", "date", "datetime"}:
            offsets = f"count(*) FILTER ({self.offset})" if self.reads_as == "iso" else "0"
            ways = [Proof(f"fits{i}", f"count({self.parsed(form)})") for i, form in enumerate(self.either)]
            return [*first, Proof("fits", f"count({fits})"), Proof("offsets", offsets), *ways]
        return [*first, *self._text_proofs()]

    def decide(self, rows: int) -> Decided:
        """Read the column as it was chosen.

        Raises
        ------
        ParamError
            None of its values reads so; the field is the column.
        """
        found = self.proved
        if self.kind in {"text", "category", "identifier"}:
            decided = types.decide(replace(self, reads_as="text"), rows)
            return replace(decided, column=replace(decided.column, kind=self.kind))
        if found["filled"] and not found["fits"]:
            raise ParamError(
                f"No value of {self.name} is {_WHAT[self.kind]}. Choose another type for it.", field=self.source
            )
        sql, value, width = self._typed()
        test = f"({self.is_number})" if self.kind == "decimal" else f"(({value}) IS NOT NULL)"
        if self.kind == "decimal":
            value = f"CASE WHEN {test} THEN try_cast({self.number} AS {sql}) END"
        notes = (f"{self.name} has times with an offset. They are shown in UTC.",) if found.get("offsets") else ()
        return Decided(
            column=ColumnType(name=self.name, kind=self.kind, sql=sql),
            value=value if self.kind == "decimal" else f"({value})::{sql}",
            misfits=found["filled"] - found["fits"],
            misfit=f"{self.cell} IS NOT NULL AND NOT {test}",
            what=_WHAT[self.kind],
            notes=notes,
            before=types.plain_objects(found["bytes"], rows),
            after=width * rows,
        )

    def _typed(self) -> tuple[str, str, int]:
        """The SQL type, the value before its cast, and the bytes of a cell."""
        if self.kind == "integer":
            sql, width = types.whole_type(int(self.proved["low"] or 0), int(self.proved["high"] or 0))
            return sql, self.whole, width
        if self.kind == "decimal":
            sql, width = types.decimal_type(self.proved)
            return sql, "", width
        if self.kind == "flag":
            return "BOOLEAN", self.flag, 1
        return ("TIMESTAMP", self.moment, 8) if self.kind == "datetime" else ("DATE", self.moment, 4)


def candidate(choice: ColumnReading, raw: str, sample: Sequence[str | None]) -> Chosen:
    """The column `raw` as `choice` wants it; a date's format is found in `sample` as far as it is not chosen."""
    assert choice.kind is not None
    cell = types.trimmed(raw, choice.missing)
    made = Chosen(name=choice.name, raw=raw, cell=cell, kind=choice.kind, source=choice.source, usual=False)
    if choice.kind in {"integer", "decimal"}:
        made.reads_as = "number"
        made.cell = number_text(cell, choice.format or "decimal point")
    elif choice.kind in {"date", "datetime"}:
        cells = types.filled_cells(sample, choice.missing)
        made.reads_as, made.formats, made.pattern = _dates(cells)
        if len(made.formats) == 2 and "%m" in made.formats[0]:
            made.either = made.formats
            made.formats = made.formats[1:] if choice.format == "month first" else made.formats[:1]
    return made


def _dates(cells: Counter[str]) -> tuple[str, tuple[str, ...], str]:
    """How the dates of a sample are read: ISO, or strptime formats with the pattern before them."""
    filled = cells.total()
    days = sum(count for cell, count in cells.items() if re.fullmatch("[0-9]{8}", cell))
    if filled and days > filled / 2:
        return "date", ("%Y%m%d",), "[0-9]{4}[0-9]{2}[0-9]{2}"
    formats, pattern = types.date_formats(cells, filled, filled // 2)
    return ("date", formats, pattern) if formats else ("iso", (), "")


def offers(cells: Counter[str]) -> list[dict[str, Any]]:
    """What a column of text could be read as once marks are taken off its numbers, from some of its `cells`.

    Each is `{"kind", "format", "from", "to"}`; there are two where both decimal marks fit.
    """
    filled = cells.total()
    found = []
    for mark in ("decimal point", "decimal comma"):
        match = re.compile(number_pattern(mark)).fullmatch
        fit = [cell for cell in cells if match(cell)]
        marked = [cell for cell in fit if not re.fullmatch("[+-]?[0-9]+(?:[.][0-9]+)?", cell)]
        if filled and marked and sum(cells[cell] for cell in fit) >= 0.95 * filled:
            example = marked[0]
            read = plain(example, mark)
            parts = any("." in plain(cell, mark) for cell in fit)
            found.append({"kind": "decimal" if parts else "integer", "format": mark, "from": example, "to": read})
    return found


def plain(cell: str, mark: str) -> str:
    """The number in a marked cell, as text with a decimal point: what `number_text` makes of it."""
    kept = re.sub(f"[^{'0-9.' if mark == 'decimal point' else '0-9,'}]", "", cell).replace(",", ".")
    return ("-" if re.match("[(]|[^0-9]*[-\u2212]", cell) else "") + kept
