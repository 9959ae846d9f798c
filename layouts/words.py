"""Numbers, dates and durations as people read them.

A number and its unit are joined by U+202F, the narrow space that does not break; minus is U+2212.
"""

from collections.abc import Mapping
from datetime import date, datetime
from math import floor, isfinite, log10
from typing import Any

THIN = "\u202f"
MINUS = "\u2212"
NONE = "\u2013"


def count(number: float) -> str:
    """Say how many: 50,079."""
    return number_of(number, 0)


def number_of(number: float, decimals: int = 2) -> str:
    """Say a number with `decimals` places: 1,478,365.93; what is not a number is a dash."""
    if not isfinite(number):
        return NONE
    text = f"{number:,.{decimals}f}"
    # A tiny negative number rounds to "-0.00": no minus before nothing.
    return text.replace("-", MINUS if text.strip("-0.,") else "")


def short(number: float, figures: int = 3) -> str:
    """Say a number to `figures` significant figures, but whole above that: 29.5, 0.00312, 1,478."""
    if not isfinite(number) or number == 0:
        return number_of(number, 0)
    return number_of(number, max(0, figures - 1 - floor(log10(abs(number)))))


def percent(share: float, decimals: int | None = None) -> str:
    """Say a share, 0 to 1, in percent: 46 %; one decimal below 1 %, unless `decimals` is given."""
    if decimals is None:
        if 0 < share < 0.0005:
            return f"<{THIN}0.1{THIN}%"
        decimals = 1 if 0 < abs(share) < 0.01 else 0
    return f"{number_of(share * 100, decimals)}{THIN}%" if isfinite(share) else NONE


def day(when: date) -> str:
    """Say a date: 2 Jan 2018."""
    return f"{when.day} {when:%b} {when.year}"


def moment(when: datetime) -> str:
    """Say a date and time: 2 Jan 2018, 14:32."""
    return f"{day(when)}, {when:%H:%M}"


def duration(seconds: float) -> str:
    """Say how long it took: 3.1 s, 42 s, 8:41, 2:03:00."""
    if seconds < 9.95:
        return f"{seconds:.1f}{THIN}s"
    if round(seconds) < 60:
        return f"{seconds:.0f}{THIN}s"
    return clock(seconds)


def clock(seconds: float) -> str:
    """Say how long it has been running: 0:14, 8:41, 2:03:00."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def about(seconds: float) -> str:
    """Say how long it will take: about 9 s, about 4 min, about 2 h."""
    if seconds < 1:
        return "less than a second"
    if round(seconds) < 90:
        return f"about {seconds:.0f}{THIN}s"
    if round(seconds / 60) < 90:
        return f"about {seconds / 60:.0f}{THIN}min"
    return f"about {seconds / 3600:.0f}{THIN}h"


def size(number: float) -> str:
    """Say a size in bytes: 41 KB, 0.6 MB, 118 MB, 2 GB (of 1,024 each)."""
    for unit, name in ((1 << 30, "GB"), (1 << 20, "MB"), (1 << 10, "KB")):
        # 0.6 MB rather than 614 KB: half a unit already reads better in it.
        if number >= unit / 2:
            amount = number_of(number / unit, 1 if number < unit * 9.95 else 0)
            return f"{amount.removesuffix('.0')}{THIN}{name}"
    return f"{number:.0f}{THIN}bytes"


def megabytes(number: float) -> str:
    """Say a size given in MB: 118 MB, and a little of one as 0 MB."""
    return size(number * (1 << 20)) if number >= 0.5 else f"0{THIN}MB"


def ordinal(place: int) -> str:
    """Say a place: 1st, 2nd, 3rd, 11th."""
    if place % 100 in (11, 12, 13):
        return f"{place}th"
    return str(place) + {1: "st", 2: "nd", 3: "rd"}.get(place % 10, "th")


def plural(number: int, one: str, many: str | None = None) -> str:
    """Say how many of what: 1 row, 50,079 rows."""
    return f"{count(number)} {one if number == 1 else many or one + 's'}"


def file_of(known: Mapping[str, Any]) -> str:
    """How large the file of a dataset was, and of which kind: 12 MB as CSV, Excel, JSON, zip."""
    source = known.get("source") or {}
    kind = source.get("archive") or source.get("format") or "CSV"
    short = {"Excel workbook": "Excel", "OpenDocument spreadsheet": "OpenDocument"}
    return f"{size(known['bytes'])} as {short.get(kind, kind)}"
