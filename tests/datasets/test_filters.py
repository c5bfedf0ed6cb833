"""Filters are named steps, and every excluded image is listed."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from cxraudit import datasets
from cxraudit.datasets import filters
from cxraudit.datasets.base import Dataset
from cxraudit.datasets.filters import adults
from cxraudit.errors import ConfigError, DataError


def _dataset(**columns) -> Dataset:
    images = pd.DataFrame(
        {
            "image_id": ["a", "b", "c"],
            "patient_id": ["p0", "p1", "p2"],
            "study_id": ["s0", "s1", "s2"],
            "path": "",
            "view_position": "PA",
            "Pneumonia": 0.0,
            **columns,
        }
    )
    return Dataset(
        name="small",
        version="",
        license="",
        root=None,
        images=images,
        findings=("Pneumonia",),
        attributes=(),
    )


def test_minors_and_unknown_ages_are_two_steps():
    """A patient of unknown age is not excluded as a minor."""
    kept = adults(_dataset(age=[17.9, np.nan, 18.0]))

    assert kept.images["patient_id"].tolist() == ["p2"]
    assert kept.exclusions[["step", "images"]].to_numpy().tolist() == [
        ["age known", 1],
        ["adults", 1],
    ]


def test_adults_need_ages():
    """A data set without ages is refused."""
    with pytest.raises(ConfigError, match="no ages"):
        adults(_dataset())


def test_missing_image_files_are_excluded_on_request(nih_release):
    """present_only excludes and lists them."""
    dataset = datasets.load("nih-cxr14", nih_release, {"images": "/nowhere"})
    assert len(dataset.images) > 1

    with pytest.raises(DataError, match="file present"):
        datasets.load("nih-cxr14", nih_release, {"images": "/nowhere", "present_only": True})


def test_groups_are_kept_by_name(noisy_mimic_release):
    """only.ATTRIBUTE keeps the named groups; known groups without images leave nothing."""
    dataset = datasets.load("mimic-cxr", noisy_mimic_release, {"only.race": "white, black"})

    assert set(dataset.images["race"]) == {"black", "white"}
    assert dataset.steps[-1][0] == "race white, black"
    with pytest.raises(DataError, match="leaves no image"):
        datasets.load("mimic-cxr", noisy_mimic_release, {"only.race": "pacific islander"})


def _of_patients(n: int = 300) -> Dataset:
    images = pd.DataFrame(
        {
            "image_id": [f"i{k}" for k in range(3 * n)],
            "patient_id": [f"p{k % n}" for k in range(3 * n)],
            "study_id": "s",
            "path": "",
            "view_position": "PA",
            "Pneumonia": 0.0,
        }
    )
    dataset = _dataset()
    return replace(dataset, images=images)


def test_one_image_of_each_patient_is_chosen_by_the_seed():
    """Any of them as often as the others, whatever the order of rows and the other patients."""
    dataset = _of_patients()
    backwards = replace(dataset, images=dataset.images[::-1])
    some = replace(dataset, images=dataset.images[dataset.images["patient_id"] < "p2"])

    kept = filters.apply(dataset, {"one_image_per_patient": "7"})

    names = kept.images.set_index("patient_id")["image_id"]
    assert names.index.is_unique
    assert len(names) == 300
    chosen = np.bincount(names.str.slice(1).astype(int) // 300)
    assert chosen.min() > 70
    for other in (backwards, some):
        again = filters.apply(other, {"one_image_per_patient": 7}).images
        again = again.set_index("patient_id")["image_id"]
        assert again.sort_index().equals(names[again.index].sort_index())
    assert kept.steps[-1][0] == "one image per patient"
    assert kept.exclusions.iloc[-1][["images", "patients"]].tolist() == [600, 0]
    first = filters.apply(dataset, {"one_image_per_patient": True}).images
    assert not first["image_id"].reset_index(drop=True).equals(kept.images["image_id"])


def test_the_choice_of_one_image_is_true_false_or_a_seed():
    """Anything else is refused; false keeps all."""
    dataset = _of_patients(5)

    assert len(filters.apply(dataset, {"one_image_per_patient": "false"}).images) == 15
    with pytest.raises(ConfigError, match="true, false or a seed"):
        filters.apply(dataset, {"one_image_per_patient": "first"})
