"""A clean file in one pass: types guessed from lines all over it, and asked of every cell as it is read.

A guess is narrow: a cell must be written just as its type writes itself. The first that is not ends
the pass, and the file is read the thorough way, one step after another. What every cell passed
proves what the thorough way would have counted, and the same `types.decide` decides: the outcome is the same.
"""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from services.duck import literal, quote
from services.ingest import types
from services.ingest.types import Candidate, Proof

_PLACES = 24  # at which a file is looked into, its end among them
_BLOCK = 16_384  # bytes read at each
_FAR = 15  # characters: with fewer a float holds every digit

_WHOLE = re.compile("0|-?[1-9][0-9]{0,17}")
_PARTED = re.compile("-?[0-9]+[.][0-9]+")
_DIGITS = re.compile("[0-9]+")
_DAY = re.compile("[0-9]{4}-[0-9]{2}-[0-9]{2}")
_MOMENT = re.compile("[0-9]{4}-[0-9]{2}-[0-9]{2}[ T][0-9]{2}:[0-9]{2}(:[0-9]{2})?")
_NUMBER = {"bytes": 0, "zeros": 0, "long": 0, "rounded": 0, "figures": 0, "powers": 0, "scale": None, "digits": 0,
           "low": 0, "high": 0}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Guess:
    """What every cell of a column is asked to be, as SQL: `first` is the cell so, `fits` whether it is.

    `proofs` are counted over the values once they are written; `known` follows from the guess.
    """

    sql: str
    fits: str
    proofs: tuple[Proof, ...]
    first: str = ""  # for a text, the cell as it stands
    known: dict[str, Any] = field(default_factory=dict)


def elsewhere(path: Path, delimiter: str, width: int) -> list[list[str]]:
    """Some rows of the clean file `path` from its middle and its end, each of `width` cells."""
    size = path.stat().st_size
    found: list[list[str]] = []
    with path.open("rb") as file:
        for place in range(1, _PLACES + 1):
            file.seek(max(0, size * place // _PLACES - _BLOCK))
            lines = file.read(_BLOCK).decode("utf-8", "replace").splitlines()[1:]
            rows = csv.reader(lines if place == _PLACES else lines[:-1], delimiter=delimiter)
            found += (row for row in _readable(rows) if len(row) == width)
    return found


def _readable(rows: Iterator[list[str]]) -> Iterator[list[str]]:
    try:
        yield from rows
    except csv.Error:
        return


def guess(candidate: Candidate, cells: Sequence[str | None]) -> Guess | None:
    """What every cell may be, as `cells` from all over the file say; None: that takes the thorough way."""
    seen = Counter(cells)
    if None in seen or not candidate.usual or candidate.comma:
        return None
    seen.pop("", None)
    makers = {"number": _number, "flag": _flag, "iso": _moment, "text": _text}
    return makers[candidate.reads_as](candidate, seen) if seen and candidate.reads_as in makers else None


def select(candidates: Sequence[Candidate], guesses: Sequence[Guess], source: str) -> str:
    """SQL: the columns of `source` as guessed, under their names; it fails at a cell that is not so."""
    first, then = [], []
    for candidate, guessed in zip(candidates, guesses, strict=True):
        raw, read = candidate.raw, _read(candidate)
        first += [raw, f"{guessed.first} AS {read}"] if guessed.first else [raw]
        value = read if guessed.first else raw
        asked = f"CASE WHEN {guessed.fits} THEN {value} WHEN {raw} = '' THEN NULL ELSE error('not as guessed') END"
        then.append(f"{asked} AS {quote(candidate.name)}")
    return f"SELECT {', '.join(then)} FROM (SELECT {', '.join(first)} FROM {source})"


def _read(candidate: Candidate) -> str:
    return f"read_{candidate.raw}"


def _all(seen: Counter[str], pattern: re.Pattern[str]) -> bool:
    return all(map(pattern.fullmatch, seen))


def _counted(value: str) -> tuple[Proof, Proof]:
    return Proof("filled", f"count({value})"), Proof("fits", f"count({value})")


def _number(candidate: Candidate, seen: Counter[str]) -> Guess | None:
    raw, read, value = candidate.raw, _read(candidate), quote(candidate.name)
    counted = _counted(value)
    if _all(seen, _WHOLE):
        numbers = [int(cell) for cell in seen]
        sql, _ = types.whole_type(min(numbers), max(numbers))
        ends = Proof("low", f"min({value})"), Proof("high", f"max({value})")
        return Guess(
            sql=sql,
            first=f"try_cast({raw} AS {sql})",
            fits=f"{read}::VARCHAR = {raw}",
            proofs=(*counted, Proof("whole", f"count({value})"), *ends),
            known=_NUMBER,
        )
    if _all(seen, _DIGITS) and any(cell.startswith("0") and cell != "0" for cell in seen):
        # Each is a number, but one with a zero before it, so together they are none.
        return Guess(
            sql="VARCHAR",
            fits=f"regexp_full_match({raw}, '[0-9]+')",
            proofs=(*counted, Proof("whole", f"count({value})"), Proof("bytes", f"sum(strlen({value}))")),
            known=_NUMBER | {"zeros": 1},
        )
    if not all(_WHOLE.fullmatch(cell) or _PARTED.fullmatch(cell) for cell in seen) or max(map(len, seen)) > _FAR:
        return None
    parts = [cell.partition(".")[::2] for cell in seen]
    scale = max(len(part) for _, part in parts)
    digits = max(len(whole) for whole, _ in parts)
    known = _NUMBER | {"whole": 0, "fits": 1, "scale": scale, "digits": digits}
    sql, width = types.decimal_type(known)
    most = {4: 9, 8: 18}[width] - scale if sql != "DOUBLE" else _FAR  # characters before the point
    plain, below = f"[0-9]{{1,{most}}}", f"-[0-9]{{1,{most - 1}}}"  # a sign counts as a digit
    part = f"[.][0-9]{{1,{scale}}}"
    whole = f"0|[1-9][0-9]{{0,{most - 1}}}|-[1-9][0-9]{{0,{most - 2}}}"
    return Guess(
        sql=sql,
        first=f"try_cast({raw} AS {sql})",
        fits=f"length({raw}) <= {_FAR} AND regexp_full_match({raw}, '({plain}|{below}){part}|{whole}')",
        proofs=counted,
        known={key: proved for key, proved in known.items() if key != "fits"},
    )


def _flag(candidate: Candidate, seen: Counter[str]) -> Guess:
    raw, read, value = candidate.raw, _read(candidate), quote(candidate.name)
    yes, no = candidate.formats
    used = f"count(*) FILTER ({value}) * {len(yes)} + count(*) FILTER (NOT {value}) * {len(no)}"
    return Guess(
        sql="BOOLEAN",
        first=f"CASE lower({raw}) WHEN {literal(yes)} THEN true WHEN {literal(no)} THEN false END",
        fits=f"{read} IS NOT NULL",
        proofs=(*_counted(value), Proof("bytes", used)),
        known={"sides": len({cell.lower() for cell in seen})},
    )


def _moment(candidate: Candidate, seen: Counter[str]) -> Guess | None:
    raw, read, value = candidate.raw, _read(candidate), quote(candidate.name)
    lengths = {len(cell) for cell in seen}
    clocks = any(cell[11:16] != "00:00" or cell[17:] not in {"", "00"} for cell in seen)
    if _all(seen, _DAY):
        sql, width, written = "DATE", 10, raw
    elif _all(seen, _MOMENT) and len(lengths) == 1 and clocks:
        sql, width = "TIMESTAMP", lengths.pop()
        written = f"replace({raw}, 'T', ' ')" + ("" if width == 19 else " || ':00'")
    else:
        return None
    return Guess(
        sql=sql,
        first=f"try_cast({raw} AS {sql})",
        fits=f"{read}::VARCHAR = {written} AND length({raw}) = {width}",
        proofs=(*_counted(value), Proof("bytes", f"{width} * count({value})")),
        known={"clocks": int(sql == "TIMESTAMP"), "offsets": 0},
    )


def _text(candidate: Candidate, _: Counter[str]) -> Guess:
    raw, value = candidate.raw, quote(candidate.name)
    bare, token = f"{raw} >= '!' AND NOT ends_with({raw}, ' ')", types.is_one(raw, types.MISSING)
    otherwise = f"WHEN {bare} THEN NOT {token} ELSE ({types.trimmed(raw)}) IS NOT NULL"
    written = replace(candidate, raw=value, cell=f"trim({value})")
    return Guess(
        sql="VARCHAR",
        fits=f"CASE WHEN {bare} AND length({raw}) > {max(map(len, types.MISSING))} THEN true {otherwise} END",
        proofs=tuple(written.proofs("")),
    )
