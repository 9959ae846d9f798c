"""The sample of a dataset: which of its rows analyses work on that hold rows in memory.

It is chosen once for the dataset and is the first choice of each such analysis, as the parameters
`sample_rows`, `seed` and `sample_by` that it declares: so it is part of the key of their results. What
counts every row on disk takes no notice of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from services import datasets
from services.errors import ParamError
from services.schema import Schema
from services.table import ABOUT
from services.workspace import Workspace, write_json

LEAST = 10_000
OFFERED = 100_000  # rows of a table above which a sample may be chosen
RECOMMENDED = 200_000
HIGHEST_SEED = 999_999
_MOST_GROUPS = 1_000
_FIELDS = {"rows": "sample_rows", "seed": "seed", "by": "sample_by"}


def choose(
    workspace: Workspace, dataset: str, rows: int | None, seed: int = 0, by: str | None = None
) -> dict[str, Any] | None:
    """Keep a sample of a dataset; None, or as many rows as there are, is all of them.

    Raises
    ------
    ParamError
        It is too small, or the column has too many values; the field is `rows`, `seed` or `by`.
    """
    known = datasets.about(workspace, dataset)
    if rows is not None and rows < min(LEAST, known["rows"]):
        raise ParamError(f"A sample has at least {LEAST:,} rows. Choose more.", field="rows")
    if not 0 <= seed <= HIGHEST_SEED:
        raise ParamError(f"The seed is a whole number from 0 to {HIGHEST_SEED:,}.", field="seed")
    if by is not None and by not in strata(known, datasets.profile(workspace, dataset)):
        raise ParamError(f"“{by}” has too many values to have a share of each. Choose another column.", field="by")
    sample = None if rows is None or rows >= known["rows"] else {"rows": rows, "seed": seed, "by": by}
    kept = {key: value for key, value in known.items() if key not in {"id", "sample"}}
    write_json(workspace.dataset(dataset) / ABOUT, kept | ({"sample": sample} if sample else {}))
    return sample


def strata(known: Mapping[str, Any], figures: Mapping[str, Any]) -> list[str]:
    """The columns of which a sample can have every value in its share."""
    schema: Schema = datasets.schema(known)
    return [
        column["name"]
        for column in figures["columns"]
        if schema[column["name"]].kind in {"category", "flag", "integer", "text"}
        and 2 <= (column.get("distinct") or 0) <= _MOST_GROUPS
    ]


def proposed(known: Mapping[str, Any]) -> dict[str, Any]:
    """The sample of a dataset as parameters of an analysis that holds rows; none where all rows are used."""
    sample = known.get("sample") or {}
    return {_FIELDS[name]: value for name, value in sample.items() if value is not None}
