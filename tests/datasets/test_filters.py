"""Filters are named steps, and every excluded image is listed."""

import numpy as np
import pandas as pd
import pytest

from cxraudit import datasets
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
