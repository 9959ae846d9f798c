"""How columns go together, over every row: Pearson and Spearman, Cramér's V, the correlation ratio.

The columns are written once, as numbers, to a file that is mapped into memory, and read from it in
blocks: what is added up are small matrices of sums. Two columns are compared where both are filled.
Spearman is Pearson of the ranks a value has in its own column, equal values sharing the middle one.
Numbers are measured from their mean in units of their deviation, so that no digit is lost.
"""

from __future__ import annotations

import math
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from services.duck import literal, quote
from services.schema import NUMERIC
from services.table import Columns, Session

if TYPE_CHECKING:
    from numpy import ndarray

MOST = 50  # columns that are compared
LEVELS = 50  # different values of a category that is compared
CELLS = 100_000_000  # of all compared columns: 800 MB of disk
_GROUP = 122_880  # rows of a row group
_BLOCK = 2_000_000  # cells that are in memory at a time


def relate(session: Session, table: Columns, columns: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Compare each column of `table` with each other one, as far as that says anything.

    Constants, row numbers and texts of many values are passed over; of what is left, the first
    columns are taken and the others named.
    """
    fitting = [column for column in columns if _is_number(column) or _is_category(column)]
    most = min(MOST, CELLS // max(table.rows, 1))
    chosen = fitting[:most]
    numbers = [column for column in chosen if _is_number(column)]
    categories = [column for column in chosen if not _is_number(column)]
    found: dict[str, Any] = {
        "numbers": [column["name"] for column in numbers],
        "categories": [column["name"] for column in categories],
        "pearson": [], "spearman": [], "cramers_v": [], "eta": [],
        "left_out": [column["name"] for column in fitting[most:]],
    }  # fmt: skip
    if len(chosen) < 2:
        return found
    table.spill.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="pairs-", dir=table.spill) as folder:
        work = _Work(Path(folder), table.rows, len(numbers), len(categories))
        work.fill(session, table, numbers, categories)
        if len(numbers) > 1:
            found["pearson"] = work.correlate()
        if len(categories) > 1:
            found["cramers_v"] = work.associate()
        if numbers and categories:
            found["eta"] = work.part()
        if len(numbers) > 1:
            work.rank()
            found["spearman"] = work.correlate()
    return found


def _is_number(column: Mapping[str, Any]) -> bool:
    counts_rows = column.get("order") and column["order"]["strictly"] and column["distinct"] == column["count"]
    return column["type"] in NUMERIC and bool(column.get("sd")) and not (column["type"] == "integer" and counts_rows)


def _is_category(column: Mapping[str, Any]) -> bool:
    return column["type"] in {"category", "flag", "text"} and 1 < column["distinct"] <= LEVELS


class _Work:
    """The compared columns as numbers on disk: (column, row), NaN or -1 where missing."""

    def __init__(self, folder: Path, rows: int, numbers: int, categories: int) -> None:
        import numpy as np

        self.rows = rows
        self.numbers = np.memmap(folder / "numbers", np.float64, "w+", shape=(max(numbers, 1), rows))[:numbers]
        self.codes = np.memmap(folder / "codes", np.int8, "w+", shape=(max(categories, 1), rows))[:categories]
        self.levels = [0] * categories

    def fill(
        self,
        session: Session,
        table: Columns,
        numbers: Sequence[Mapping[str, Any]],
        categories: Sequence[Mapping[str, Any]],
    ) -> None:
        """Write the columns: numbers from their mean in units of their deviation, categories by place."""
        import numpy as np

        asked = []
        for at, column in enumerate(numbers):
            value = f"{quote(column['name'])}::DOUBLE"
            asked.append(f"CASE WHEN isfinite({value}) THEN {value} ELSE 'nan'::DOUBLE END AS n{at}")
        for at, column in enumerate(categories):
            levels = "SELECT DISTINCT {x}::VARCHAR FROM rows WHERE {x} IS NOT NULL"
            session.fetch(f"CREATE TYPE level{at} AS ENUM ({levels})", x=column["name"])
            place = f"enum_code({quote(column['name'])}::VARCHAR::level{at})"
            asked.append(f"coalesce({place}::TINYINT, -1::TINYINT) AS c{at}")
            self.levels[at] = column["distinct"]
        source = f"read_parquet({literal(table.path.resolve())}, file_row_number=true)"
        step = max(_GROUP >> max((len(asked) // 16).bit_length(), 0), 1)
        for start in range(0, self.rows, step):
            part = session.arrays(
                f"SELECT {', '.join(asked)} FROM {source} WHERE file_row_number >= $start AND file_row_number < $stop",
                start=start,
                stop=start + step,
            )
            stop = min(start + step, self.rows)
            for at, column in enumerate(numbers):
                self.numbers[at, start:stop] = (np.asarray(part[f"n{at}"]) - column["mean"]) / column["sd"]
            for at in range(len(categories)):
                self.codes[at, start:stop] = part[f"c{at}"]

    def correlate(self) -> list[list[float | None]]:
        """Pearson of each pair of numbers, where both are there."""
        import numpy as np

        many = len(self.numbers)
        both, sums, squares, products = (np.zeros((many, many)) for _ in range(4))
        for block in self._blocks(4 * many):
            values = np.array(self.numbers[:, block])
            there = ~np.isnan(values)
            values[~there] = 0.0
            present = there.astype(np.float64)
            both += present @ present.T
            sums += values @ present.T
            products += values @ values.T
            np.square(values, out=values)
            squares += values @ present.T
        with np.errstate(divide="ignore", invalid="ignore"):
            spread = squares - sums**2 / both
            found = (products - sums * sums.T / both) / np.sqrt(spread * spread.T)
            # What is left of a constant after taking away its mean is noise of the last digits.
            found[(spread <= 1e-12 * squares) | (spread.T <= 1e-12 * squares.T)] = np.nan
        np.fill_diagonal(found, 1.0)
        return _plain(np.clip(found, -1, 1))

    def rank(self) -> None:
        """Put the rank of each value in its column in its place, from the middle and as a share of all."""
        import numpy as np

        for row in self.numbers:
            ordered = np.array(row)
            ordered.sort()
            ordered = ordered[: len(ordered) - int(np.isnan(ordered).sum())]
            starts = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]])
            # Few different values are found faster among themselves than among all.
            few = len(starts) * 4 < len(ordered)
            middles = (starts + np.r_[starts[1:], len(ordered)] - 1) / 2 if few else starts
            ordered = ordered[starts] if few else ordered
            for block in self._blocks(8):
                values = row[block]
                if few:
                    places = middles[np.minimum(np.searchsorted(ordered, values), len(ordered) - 1)]
                else:
                    left = np.searchsorted(ordered, values)
                    places = left.astype(np.float64)
                    if len(starts) < len(ordered):
                        places = (left + np.searchsorted(ordered, values, side="right") - 1) / 2
                row[block] = np.where(np.isnan(values), np.nan, places / len(row) - 0.5)

    def associate(self) -> list[list[float | None]]:
        """Cramér's V of each pair of categories, where both are there."""
        import numpy as np

        many = len(self.codes)
        counts = {
            (a, b): np.zeros(self.levels[a] * self.levels[b], np.int64) for a in range(many) for b in range(a + 1, many)
        }
        for block in self._blocks(many):
            codes = np.array(self.codes[:, block], np.int64)
            for (a, b), added in counts.items():
                there = (codes[a] >= 0) & (codes[b] >= 0)
                joint = codes[a] * self.levels[b] + codes[b]
                added += np.bincount(joint[there], minlength=len(added))
        found = np.eye(many)
        for (a, b), added in counts.items():
            found[a, b] = found[b, a] = _cramers_v(added.reshape(self.levels[a], self.levels[b]))
        return _plain(found)

    def part(self) -> list[list[float | None]]:
        """The correlation ratio of each category (down) with each number (across): how far groups lie apart."""
        import numpy as np

        shape = (len(self.codes), len(self.numbers))
        counts, sums = ([[np.zeros(levels + 1) for _ in range(shape[1])] for levels in self.levels] for _ in range(2))
        squares = np.zeros(shape)
        for block in self._blocks(4 * shape[1] + shape[0]):
            values = np.array(self.numbers[:, block])
            there = ~np.isnan(values)
            values[~there] = 0.0
            codes = np.array(self.codes[:, block], np.int64) + 1  # 0 is missing
            squares += (codes > 0).astype(np.float64) @ np.square(values).T
            for a, place in enumerate(codes):
                whole = np.bincount(place, minlength=self.levels[a] + 1)
                for b, number in enumerate(values):
                    full = there[b].all()
                    counts[a][b] += whole if full else np.bincount(place, there[b], self.levels[a] + 1)
                    sums[a][b] += np.bincount(place, number, self.levels[a] + 1)
        found = np.full(shape, np.nan)
        for a in range(shape[0]):
            for b in range(shape[1]):
                found[a, b] = _correlation_ratio(counts[a][b][1:], sums[a][b][1:], squares[a, b])
        return _plain(found)

    def _blocks(self, width: int) -> Iterator[slice]:
        step = max(_BLOCK // max(width, 1), 1)
        return (slice(start, start + step) for start in range(0, self.rows, step))


def _cramers_v(counts: ndarray) -> float:
    """Cramér's V of a table of counts: 0 where knowing one says nothing of the other, 1 where it says all."""
    import numpy as np

    counts = counts[counts.sum(axis=1) > 0][:, counts.sum(axis=0) > 0]
    least = min(counts.shape) - 1
    if least < 1:
        return float("nan")
    total = counts.sum()
    expected = np.outer(counts.sum(axis=1), counts.sum(axis=0)) / total
    return float(np.sqrt(min(((counts - expected) ** 2 / expected).sum() / (total * least), 1.0)))


def _correlation_ratio(counts: ndarray, sums: ndarray, squares: float) -> float:
    """Eta: the root of the share of a number's variance that lies between the groups."""
    import numpy as np

    there = counts > 0
    total = counts.sum()
    if there.sum() < 2:
        return float("nan")
    within_all = squares - sums.sum() ** 2 / total
    between = (sums[there] ** 2 / counts[there]).sum() - sums.sum() ** 2 / total
    if within_all <= 1e-12 * squares:
        return float("nan")
    return float(np.sqrt(min(max(between / within_all, 0.0), 1.0)))


def _plain(found: ndarray) -> list[list[float | None]]:
    return [[None if math.isnan(cell) else round(cell, 12) for cell in line] for line in found.tolist()]
