"""Spellings of one thing: values that come out alike once what does not matter is taken away.

Key collision as OpenRefine's fingerprint and n-gram fingerprint do it
(https://openrefine.org/docs/technical-reference/clustering-in-depth).
"""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from services.duck import quote

_APART = str.maketrans({"ß": "ss", "æ": "ae", "ø": "o", "œ": "oe", "đ": "d", "ł": "l"})
_GRAM = 2


@dataclass(frozen=True)
class Cluster:
    """Values taken for one, the most frequent first, with their counts."""

    values: tuple[tuple[str, int], ...]

    @property
    def becomes(self) -> str:
        return self.values[0][0]

    @property
    def pairs(self) -> list[tuple[str, str]]:
        """What each of the others becomes."""
        return [(value, self.becomes) for value, _ in self.values[1:]]


def fingerprint(value: str) -> str:
    """The words of `value` without capitals, accents and signs, each once and in order."""
    return " ".join(sorted(set(_plain(value).split())))


def gram_fingerprint(value: str) -> str:
    """The pairs of neighbouring letters of `value`, each once and in order: finds doubled and swapped letters too."""
    letters = _plain(value).replace(" ", "")
    return "".join(sorted({letters[at : at + _GRAM] for at in range(max(1, len(letters) - _GRAM + 1))}))


def _plain(value: str) -> str:
    apart = unicodedata.normalize("NFKD", value.lower().translate(_APART))
    kept = "".join(sign for sign in apart if not unicodedata.combining(sign))
    return re.sub(r"[^\w]+|_", " ", kept).strip()


MOST = 100_000  # different values that are compared
METHODS: dict[str, Callable[[str], str]] = {"fingerprint": fingerprint, "gram": gram_fingerprint}


def clusters(counted: Iterable[tuple[str, int]], method: str = "fingerprint") -> list[Cluster]:
    """Groups of values with one key, those in most rows first; a key of no letter or digit is none."""
    found: dict[str, list[tuple[str, int]]] = defaultdict(list)
    for value, count in counted:
        if key := METHODS[method](value):
            found[key].append((value, count))
    groups = [
        Cluster(tuple(sorted(values, key=lambda each: (-each[1], _dressed(each[0]), each[0]))))
        for values in found.values()
        if len(values) > 1
    ]
    return sorted(groups, key=lambda group: (-sum(count for _, count in group.values), group.becomes))


def counted(fetch: Callable[[str], Sequence[Sequence[Any]]], column: str) -> list[tuple[str, int]]:
    """The values of a column of the table `rows` with their counts, one more than `MOST` of them at most."""
    asked = f"SELECT {quote(column)} AS v, count(*) FROM rows WHERE v IS NOT NULL GROUP BY 1 LIMIT {MOST + 1}"
    return [(value, count) for value, count in fetch(asked)]


def _dressed(value: str) -> tuple[bool, bool]:
    """Which of two equally frequent spellings comes first: one without spaces around it, not all in one case."""
    return value != " ".join(value.split()), value in (value.lower(), value.upper())
