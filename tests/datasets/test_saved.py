"""A cohort is the same after it was written and read."""

import pandas as pd
import pytest

from cxraudit import datasets
from cxraudit.datasets.base import excluded_images, flow
from cxraudit.datasets.saved import EXCLUDED, IMAGES, open_dataset, save_dataset
from cxraudit.errors import DataError


@pytest.fixture
def cohort(mimic_release):
    """Images of the paper's cohort, with one more step that excludes images."""
    dataset = datasets.load("mimic-cxr", mimic_release, {"cohort": "paper"})
    first = dataset.images["image_id"] == dataset.images["image_id"].iloc[0]
    return dataset.keep(~first, step="not the first", reason="first image")


def test_steps_and_excluded_images_are_kept(cohort, tmp_path):
    """Also the steps that excluded nothing."""
    save_dataset(cohort, tmp_path)
    opened = open_dataset(tmp_path / IMAGES)

    pd.testing.assert_frame_equal(flow(opened), flow(cohort))
    pd.testing.assert_frame_equal(
        excluded_images(opened), excluded_images(cohort), check_dtype=False
    )
    assert flow(opened)["step"].iloc[-1] == "not the first"


def test_facts_and_images_are_kept(cohort, tmp_path):
    """Names, notes, known effects and every column of the images."""
    save_dataset(cohort, tmp_path)
    opened = datasets.load("prepared", tmp_path)

    assert opened.facts() == cohort.facts()
    pd.testing.assert_frame_equal(opened.images, cohort.images)


def test_a_table_without_a_manifest_is_refused(cohort, tmp_path):
    """It has no names of findings and attributes."""
    save_dataset(cohort, tmp_path)
    (tmp_path / f"{IMAGES}.manifest.json").unlink()

    with pytest.raises(DataError, match="has no manifest"):
        open_dataset(tmp_path / IMAGES)


@pytest.mark.parametrize("name", [IMAGES, EXCLUDED, "more.csv"])
@pytest.mark.parametrize("harm", [lambda data: data[:-1], lambda data: bytes(len(data))])
def test_a_file_of_the_cohort_that_was_changed_is_refused(cohort, tmp_path, name, harm):
    """Cut, and zeroed: the manifest names the hash of each."""
    more = tmp_path / "more.csv"
    more.write_text("a,b\n1,2\n")
    save_dataset(cohort, tmp_path, outputs=[more])
    file = tmp_path / name
    file.write_bytes(harm(file.read_bytes()))

    with pytest.raises(DataError, match=name):
        open_dataset(tmp_path / IMAGES)
