"""The figures of one column of texts, and what its values look like: numbers, nothing, people.

Different values are grouped once, and all questions are asked of the groups: a category of a
million rows is looked at as its few values.
"""

from __future__ import annotations

from typing import Any

from services.profiling.columns import SURELY, TOP, Asked

MOST_SPELT = 20_000  # different values among which spellings of one another are looked for
MOST_SHOWN = 50  # spellings that a filter names

# What says that there is nothing, but for the tokens that are read as missing.
STANDS_FOR_NOTHING = (
    "?", "??", "???", ".", "..", "...", "---", "unknown", "n.a.", "n.a", "not available", "not applicable", "missing",
    "undefined", "tbd", "tba", "(blank)", "blank", "(empty)", "(none)", "(null)", "#value!", "#ref!", "#div/0!",
    "#name?", "#num!", "1970-01-01", "-999", "-9999",
)  # fmt: skip
_EMAIL = r"[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+([.][A-Za-z0-9-]+)*[.][A-Za-z]{2,}"
# Written as telephone numbers are, with a plus or in groups of 3, 3 and 4; and what may be one, if its name says so.
_PHONE = r"[+][1-9][0-9 ().-]{6,17}[0-9]|(1[ .-])?([(][0-9]{3}[)] ?|[0-9]{3}[ .-])[0-9]{3}[ .-][0-9]{4}"
_LIKE_PHONE = r"[+(]?[0-9][0-9 ()./-]{5,18}[0-9]"
_CARD = r"[3-6][0-9]{3}[ -]?[0-9]{4}[ -]?[0-9]{4}[ -]?[0-9]{1,7}|3[47][0-9]{2}[ -]?[0-9]{6}[ -]?[0-9]{5}"
_SPELLING = r"lower(trim(regexp_replace(v, '\s+', ' ', 'g')))"


def luhn(digits: str) -> str:
    """SQL of whether the text `digits` ends in the check digit of Luhn, as card numbers do."""
    digit = f"(ascii(substr({digits}, length({digits}) - i, 1)) - 48)"  # from the right, 0 is the check digit
    twice = f"({digit} * 2 - CASE WHEN {digit} > 4 THEN 9 ELSE 0 END)"
    return f"list_sum([CASE WHEN i % 2 = 0 THEN {digit} ELSE {twice} END FOR i IN range(length({digits}))]) % 10 = 0"


def texts(asked: Asked) -> dict[str, Any]:
    """How texts differ, how long they are, what they look like."""
    count, shortest, longest, letters, used, quick = asked.fetch(
        "SELECT count(v), min(length(v)), max(length(v)), sum(length(v)), sum(strlen(v)), "
        f"{asked.quick} FROM (SELECT {{x}} AS v FROM rows)"
    )[0]
    is_many = quick > SURELY
    # By place, since a name would be the table's own column of that name, where it has one.
    # What is a number, a telephone number or a card number begins with a character before the colon.
    # One grouping for all: the least of (-count, value) are the most frequent, ties in order.
    source = "SELECT {x} AS v, 1 AS n FROM rows WHERE {x} IS NOT NULL"
    grouped = "SELECT v, count(*) AS n FROM (SELECT {x} AS v FROM rows) WHERE v IS NOT NULL GROUP BY 1"
    top = "NULL" if is_many else f"min(struct_pack(less := -n, v := v), {TOP})"
    digits = "regexp_replace(v, '[ -]', '', 'g')"
    distinct, top, *signs, nothing = asked.fetch(
        f"SELECT count(*), {top}, "
        "sum(n) FILTER (v < ':' AND try_cast(v AS DOUBLE) IS NOT NULL), "
        "sum(n) FILTER (contains(v, '@') AND regexp_matches(v, $email)), "
        "sum(n) FILTER (v < ':' AND length(v) BETWEEN 7 AND 24 AND regexp_full_match(v, $phone)), "
        "sum(n) FILTER (v < ':' AND length(v) BETWEEN 7 AND 24 AND regexp_full_match(v, $like_phone)), "
        "sum(n) FILTER (v < ':' AND length(v) BETWEEN 13 AND 23 AND regexp_full_match(v, $card)), "
        "sum(n) FILTER (CASE WHEN v < ':' AND length(v) BETWEEN 13 AND 23 AND regexp_full_match(v, $card) "
        f"THEN {luhn(digits)} ELSE false END), "
        f"min(CASE WHEN lower(trim(v)) IN $nothing THEN struct_pack(v := v, n := n) END, {TOP}) "
        f"FROM ({source if is_many else grouped})",
        email=_EMAIL, phone=_PHONE, like_phone=_LIKE_PHONE, card=_CARD, nothing=list(STANDS_FOR_NOTHING),
    )[0]  # fmt: skip
    names = ("like_numbers", "emails", "phones", "like_phones", "like_cards", "cards")
    return {
        "count": count,
        "missing": asked.rows - count,
        "distinct": min(quick, count) if is_many else distinct,
        "distinct_is_exact": not is_many,
        "shortest": shortest,
        "longest": longest,
        "mean_length": letters / count if count else None,
        "characters": int(used or 0),
        "top": [[one["v"], -one["less"]] for one in top or ()],
        "looks": {name: int(number) for name, number in zip(names, signs, strict=True) if number},
        "placeholders": [[one["v"], one["n"]] for one in nothing or ()],
        "variants": _variants(asked, distinct) if _may_vary(distinct, count, is_many) else None,
    }


def _may_vary(distinct: int, count: int, is_many: bool) -> bool:
    """Whether values come again often enough to be names of something."""
    return not is_many and 1 < distinct <= MOST_SPELT and distinct * 2 <= count


def _variants(asked: Asked, distinct: int) -> dict[str, Any] | None:
    """Values that differ by case and spaces alone: how many are spelt several ways, and in how many rows otherwise."""
    found = asked.fetch(
        "SELECT list(struct_pack(less := -n, v := v) ORDER BY -n, v) FROM "
        "(SELECT v, count(*) AS n FROM (SELECT {x} AS v FROM rows) WHERE v IS NOT NULL GROUP BY 1) "
        f"GROUP BY {_SPELLING} HAVING count(*) > 1"
    )
    if not found:
        return None
    spelt = [[(one["v"], -one["less"]) for one in group] for (group,) in found]
    spelt.sort(key=lambda group: -sum(number for _, number in group))
    others = [each for group in spelt for each in group[1:]]
    return {
        "values": len(spelt),
        "extra": len(others),
        "rows": sum(number for _, number in others),
        "become": distinct - len(others),
        "examples": [[list(one) for one in group[:4]] for group in spelt[:3]],
        "others": [value for value, _ in sorted(others, key=lambda one: -one[1])[:MOST_SHOWN]],
    }
