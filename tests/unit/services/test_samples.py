"""What a sample is said to be is what comes of it."""

import csv
from pathlib import Path

import pytest

from services import params, roles, samples
from services.analysis import find
from services.errors import NotFound
from services.ingest import ingest
from services.samples import SAMPLES, Sample

every = pytest.mark.parametrize("sample", SAMPLES, ids=[sample.slug for sample in SAMPLES])


@every
def test_declared_rows_and_columns_are_true_after_it_is_taken_in(sample: Sample, tmp_path: Path) -> None:
    made = tmp_path / "made"
    made.mkdir()
    source = samples.write(sample.slug, tmp_path)
    said = ingest(source, sample.title, made, spill=tmp_path / "spill", report=lambda *_: None, memory_mb=160)
    assert (said.rows, len(said.schema)) == (sample.rows, sample.columns)
    assert said.as_json().get("rejected", 0) == 0


@every
def test_what_it_is_good_for_finds_its_columns_in_it(sample: Sample, tmp_path: Path) -> None:
    made = tmp_path / "made"
    made.mkdir()
    source = samples.write(sample.slug, tmp_path)
    said = ingest(source, sample.title, made, spill=tmp_path / "spill", report=lambda *_: None, memory_mb=160)
    for slug in sample.good_for:
        asked = find(slug).params
        proposed = params.propose(asked, said.schema, roles.propose(said.schema))
        assert params.parse(asked, proposed, said.schema)


@every
def test_a_sample_is_the_same_every_time(sample: Sample, tmp_path: Path) -> None:
    first = samples.write(sample.slug, tmp_path).read_bytes()
    assert samples.write(sample.slug, tmp_path).read_bytes() == first


def test_slugs_are_unique_and_another_is_not_there() -> None:
    assert len({sample.slug for sample in SAMPLES}) == len(SAMPLES)
    assert samples.find("tips").title == "Restaurant tips"
    for slug in ("", "../tips", "none"):
        with pytest.raises(NotFound):
            samples.find(slug)


def test_the_patients_are_scikit_learns_own(tmp_path: Path) -> None:
    from sklearn.datasets import load_diabetes

    bunch = load_diabetes(scaled=False)
    with open(samples.write("diabetes", tmp_path), newline="", encoding="utf-8") as file:
        _, *rows = csv.reader(file)
    assert [[float(value) for value in row[:-1]] for row in rows] == bunch.data.tolist()
    assert [float(row[-1]) for row in rows] == bunch.target.tolist()


def test_the_cells_are_scikit_learns_own_under_its_names(tmp_path: Path) -> None:
    from sklearn.datasets import load_breast_cancer

    bunch = load_breast_cancer()
    with open(samples.write("breast_cells", tmp_path), newline="", encoding="utf-8") as file:
        header, *rows = csv.reader(file)
    assert header == [*(name.replace(" ", "_") for name in bunch.feature_names), "diagnosis"]
    assert [[float(value) for value in row[:-1]] for row in rows] == bunch.data.tolist()
    assert [row[-1] for row in rows] == [str(bunch.target_names[index]) for index in bunch.target]
