"""What a step made comes back as it was, or is not there."""

import datetime as dt
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from services import table
from services.errors import NotFound
from services.jobs import checkpoints
from services.table import Spilled


def kept(steps: Path, value: Any, name: str = "step") -> Any:
    """What comes back of `value`."""
    checkpoints.put(steps, name, value)
    return checkpoints.get(steps, name, steps.parent / "spill")


FRAME = pd.DataFrame(
    {
        "text": ["tea", None, ""],
        "whole": np.array([1, 2, 3], dtype="int8"),
        "large": np.array([2**60, -1, 0], dtype="int64"),
        "half": [0.1, float("nan"), 1e300],
        "narrow": np.array([0.5, 0.25, float("nan")], dtype="float32"),
        "flag": [True, False, True],
        "day": pd.to_datetime(["2020-02-29", None, "1999-12-31"]),
        "time": pd.to_datetime(["2020-02-29 12:30:01.5", None, "1999-12-31 00:00:00"], format="ISO8601"),
        "group": pd.Categorical(["a", "b", None]),
        "perhaps": pd.array([1, None, 3], dtype="Int32"),
        'a "name", 日本': [1.5, 2.5, 3.5],
    }
)


@pytest.mark.parametrize(
    "value",
    [None, True, 3, 0.1, "Größe\n日本", [], [1, None, "x"], {}, {"a": {"b": [1.5]}}, 2**70, "x" * 1_000_000],
)
def test_json_comes_back(tmp_path: Path, value: Any) -> None:
    found = kept(tmp_path / "steps", value)
    assert found == value
    assert type(found) is type(value)


def test_a_frame_comes_back_with_its_types(tmp_path: Path) -> None:
    pd.testing.assert_frame_equal(kept(tmp_path / "steps", FRAME), FRAME)


def test_a_frame_without_rows_comes_back_with_its_types(tmp_path: Path) -> None:
    empty = FRAME.drop(columns="group").head(0)
    pd.testing.assert_frame_equal(kept(tmp_path / "steps", empty), empty, check_index_type=False)


def test_days_in_a_frame_stay_days_and_times(tmp_path: Path) -> None:
    found = kept(tmp_path / "steps", FRAME)
    assert found["day"].iloc[0] == dt.datetime(2020, 2, 29)
    assert pd.isna(found["day"].iloc[1])
    assert found["time"].iloc[0] == dt.datetime(2020, 2, 29, 12, 30, 1, 500_000)


def test_a_spilled_table_stays_where_it_is(tmp_path: Path) -> None:
    table.write(pd.DataFrame({"n": range(5)}), tmp_path / "n.parquet")
    spilled = Spilled.at(tmp_path / "n.parquet", spill=tmp_path)
    found = kept(tmp_path / "steps", spilled)
    assert found.path == spilled.path
    assert found.schema == spilled.schema
    assert found.fetch("SELECT sum({n}) FROM rows", n="n") == [(10,)]


def test_a_dict_may_mix_them(tmp_path: Path) -> None:
    table.write(pd.DataFrame({"n": range(5)}), tmp_path / "n.parquet")
    spilled = Spilled.at(tmp_path / "n.parquet", spill=tmp_path)
    found = kept(tmp_path / "steps", {"score": 0.75, "table": spilled, "a/b ../c": FRAME})
    assert found["score"] == 0.75
    assert found["table"].rows == 5
    pd.testing.assert_frame_equal(found["a/b ../c"], FRAME)


@pytest.mark.parametrize("name", ["", "../../up", "a/b", "nul\0", "日本" * 200, ".", "model 1"])
def test_any_text_names_a_step_and_none_is_a_path(tmp_path: Path, name: str) -> None:
    steps = tmp_path / "steps"
    assert not checkpoints.exists(steps, name)
    assert kept(steps, 1, name) == 1
    assert checkpoints.exists(steps, name)
    assert [path.parent for path in steps.iterdir()] == [steps]
    assert [path.name for path in tmp_path.iterdir()] == ["steps"]


def test_the_last_value_kept_under_a_name_counts(tmp_path: Path) -> None:
    assert kept(tmp_path / "steps", FRAME).shape == FRAME.shape
    assert kept(tmp_path / "steps", "later") == "later"
    assert len(list((tmp_path / "steps").iterdir())) == 1


def test_what_was_not_kept_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        checkpoints.get(tmp_path / "steps", "step", tmp_path / "spill")


@pytest.mark.parametrize("noise", [b"", b"noise", b"{}", b"null", b'{"value": 3}', b'{"value": {}}', b"\xff\xfe"])
def test_a_damaged_value_is_not_there(tmp_path: Path, noise: bytes) -> None:
    steps = tmp_path / "steps"
    checkpoints.put(steps, "step", 3)
    (checkpoints.place(steps, "step") / checkpoints.VALUE).write_bytes(noise)
    with pytest.raises(NotFound):
        checkpoints.get(steps, "step", tmp_path / "spill")


@pytest.mark.parametrize("noise", [None, b"", b"noise", b"PAR1" + b"\0" * 100 + b"PAR1"])
def test_a_damaged_frame_is_not_there(tmp_path: Path, noise: bytes | None) -> None:
    steps = tmp_path / "steps"
    checkpoints.put(steps, "step", {"frame": FRAME, "score": 1})
    (parquet,) = checkpoints.place(steps, "step").glob("*.parquet")
    if noise is None:
        parquet.unlink()
    else:
        parquet.write_bytes(noise)
    with pytest.raises(NotFound):
        checkpoints.get(steps, "step", tmp_path / "spill")


def test_a_frame_cut_in_half_is_not_there(tmp_path: Path) -> None:
    steps = tmp_path / "steps"
    checkpoints.put(steps, "step", pd.DataFrame({"n": np.arange(10_000)}))
    (parquet,) = checkpoints.place(steps, "step").glob("*.parquet")
    parquet.write_bytes(parquet.read_bytes()[: parquet.stat().st_size // 2])
    with pytest.raises(NotFound):
        checkpoints.get(steps, "step", tmp_path / "spill")


def test_a_spilled_table_that_went_is_not_there(tmp_path: Path) -> None:
    table.write(pd.DataFrame({"n": range(5)}), tmp_path / "n.parquet")
    checkpoints.put(tmp_path / "steps", "step", Spilled.at(tmp_path / "n.parquet", spill=tmp_path))
    (tmp_path / "n.parquet").unlink()
    with pytest.raises(NotFound):
        checkpoints.get(tmp_path / "steps", "step", tmp_path / "spill")


def test_a_frame_that_is_not_of_the_types_noted_is_not_there(tmp_path: Path) -> None:
    steps = tmp_path / "steps"
    checkpoints.put(steps, "step", pd.DataFrame({"a": ["x"]}))
    value = checkpoints.place(steps, "step") / checkpoints.VALUE
    said = json.loads(value.read_text())
    for dtypes in ({"a": "int64"}, {"b": "str"}, {"a": "no such type"}):
        said["value"]["dtypes"] = dtypes
        value.write_text(json.dumps(said))
        with pytest.raises(NotFound):
            checkpoints.get(steps, "step", tmp_path / "spill")


def test_a_step_that_was_not_finished_is_not_there(tmp_path: Path) -> None:
    steps = tmp_path / "steps"
    with pytest.raises(TypeError):
        checkpoints.put(steps, "step", {"a set is not JSON": {1}})
    assert not checkpoints.exists(steps, "step")
