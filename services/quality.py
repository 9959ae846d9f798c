"""How good a table is, 0 to 100: four shares, each with its formula, and one number from them.

Each part is measured where a mended defect of another part leaves it alone. Completeness and
validity look at each different row once, so dropping a repeated row changes uniqueness alone;
stand-ins count as missing, so setting them to missing costs nothing; consistency counts values, not
rows. So taking a defect away never lowers the number.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Part:
    """One share of the whole: 0 to 100, what it weighs, and what it is of what."""

    name: str
    score: float
    weight: float
    formula: str
    counted: str


@dataclass(frozen=True, kw_only=True)
class Quality:
    """The four parts, and what they come to."""

    parts: tuple[Part, ...]

    @property
    def score(self) -> float:
        return sum(part.score * part.weight for part in self.parts)

    @property
    def said(self) -> int:
        """As it is said: 100 is perfect, and nothing else."""
        return math.floor(self.score + 1e-9)

    @property
    def word(self) -> str:
        return "Good" if self.said >= 90 else "Fair" if self.said >= 70 else "Poor"


def quality(profile: Mapping[str, Any], known: Mapping[str, Any]) -> Quality:
    """The quality of the table of which this is the profile; `known` says how it was read."""
    columns = profile["columns"]
    rows, twice = profile["rows"], profile["duplicates"]
    different, width = rows - twice, len(columns)
    stand_ins = sum(times for column in columns for _, times in column.get("placeholders") or ())
    empty = sum(column["missing"] for column in columns) + stand_ins - profile.get("empty_in_duplicates", 0)
    rejected, misfits = int(known.get("rejected") or 0), int(known.get("misfits") or 0)
    lines = different + rejected
    values = sum(column["distinct"] for column in columns if column.get("characters") is not None)
    extra = sum((column.get("variants") or {}).get("extra", 0) for column in columns)
    unread = rejected * width + misfits
    return Quality(
        parts=(
            Part(
                name="Completeness", weight=0.4, score=_share(different * width - empty, different * width),
                formula="filled cells of all cells, each different row once; stand-ins such as −999 count as empty",
                counted=f"{max(empty, 0):,} of {different * width:,} empty",
            ),
            Part(
                name="Uniqueness", weight=0.2, score=_share(different, rows),
                formula="different rows of all rows", counted=f"{twice:,} of {rows:,} repeated",
            ),
            Part(
                name="Validity", weight=0.2, score=_share(lines * width - unread, lines * width),
                formula="cells that could be read as their column's type of all cells, rejected lines included",
                counted=f"{rejected:,} lines rejected, {misfits:,} cells not read",
            ),
            Part(
                name="Consistency", weight=0.2, score=_share(values - extra, values),
                formula="different texts that are not another spelling of one, of all different texts",
                counted=f"{extra:,} of {values:,} spelt otherwise",
            ),
        )
    )  # fmt: skip


def _share(good: int, of: int) -> float:
    return 100 * min(max(good / of, 0.0), 1.0) if of > 0 else 100.0
