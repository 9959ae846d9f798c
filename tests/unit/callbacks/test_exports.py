"""A file that was exported before is fetched at once, unless its result was made anew since."""

import os
from pathlib import Path

import pytest

from callbacks.exports import is_written
from services.results import EXPORTS, StoredResult

MADE = 1_000_000.0


@pytest.mark.parametrize(("written", "current"), [(MADE + 1, True), (MADE, True), (MADE - 1, False), (None, False)])
def test_an_export_older_than_its_result_is_written_anew(tmp_path: Path, written: float | None, current: bool) -> None:
    file = tmp_path / EXPORTS / "segments.md"
    file.parent.mkdir()
    if written is not None:
        file.touch()
        os.utime(file, (written, written))
    assert is_written(StoredResult(tmp_path, {"made": MADE}), "segments.md") is current
