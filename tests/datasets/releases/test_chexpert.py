"""CheXpert is read in its layout."""

import numpy as np
import pandas as pd
import pytest

from cxraudit import datasets
from cxraudit.datasets.base import FINDINGS, flow
from cxraudit.datasets.releases.chexpert_labels import OTHER_FINDINGS
from cxraudit.errors import DataError
from cxraudit.testing import check_dataset


@pytest.fixture
def chexpert(tmp_path):
    """Five images of three patients in the layout of the release, and the demographic table."""
    folder = tmp_path / "CheXpert-v1.0-small"
    folder.mkdir()
    paths = [
        "patient00001/study1/view1_frontal.jpg",
        "patient00001/study1/view2_lateral.jpg",
        "patient00002/study1/view1_frontal.jpg",
        "patient00002/study2/view1_frontal.jpg",
        "patient00003/study1/view1_frontal.jpg",
    ]
    table = pd.DataFrame(
        {
            "Path": [f"CheXpert-v1.0-small/train/{path}" for path in paths],
            "Sex": ["Female", "Female", "Male", "Male", "Unknown"],
            "Age": [68, 68, 87, 88, 0],
            "Frontal/Lateral": ["Frontal", "Lateral", "Frontal", "Frontal", "Frontal"],
            "AP/PA": ["AP", None, "AP", "PA", "AP"],
            **{finding: [1.0, 1.0, 0.0, None, -1.0] for finding in (*OTHER_FINDINGS, *FINDINGS)},
            "Support Devices": 1.0,
        }
    )
    table.to_csv(folder / "train.csv", index=False)
    pd.DataFrame(
        {
            "PATIENT": ["patient00001", "patient00002", "patient00003"],
            "GENDER": ["Female", "Male", "Unknown"],
            "AGE_AT_CXR": [68, 87, 0],
            "PRIMARY_RACE": ["White, non-Hispanic", "Asian", None],
            "ETHNICITY": "Unknown",
        }
    ).to_excel(folder / "CHEXPERT DEMO.xlsx", index=False)
    return tmp_path


def test_chexpert_is_read_in_its_layout(chexpert):
    """Patients and studies by the path, policies for −1 and blank labels, race by the table."""
    dataset = datasets.load("chexpert", chexpert, {"split": "train"})

    check_dataset(dataset)
    images = dataset.images
    assert images["patient_id"].tolist() == ["patient00001", *["patient00002"] * 2, "patient00003"]
    assert images["study_id"].iloc[2] == "patient00002/study2"
    assert images["sex"].tolist() == ["female", "male", "male", "unknown"]
    assert images["race"].tolist() == ["white", "asian", "asian", "unknown"]
    assert images["view_position"].tolist() == ["AP", "AP", "PA", "AP"]
    assert images["Pneumonia"].tolist() == [1, 0, 0, 0]
    assert (
        images["path"].iloc[0].startswith(str(chexpert / "CheXpert-v1.0-small/train/patient00001"))
    )
    assert flow(dataset)[["step", "images_out"]].to_numpy().tolist()[1] == ["frontal", 1]
    policies = {"split": "train", "uncertain": "ones", "blank": "ignore", "views": "all"}
    np.testing.assert_array_equal(
        datasets.load("chexpert", chexpert, policies).images["Pneumonia"], [1, 1, 0, np.nan, 1]
    )


def test_race_is_unknown_without_the_demographic_table(chexpert):
    """It is left out and noted."""
    (chexpert / "CheXpert-v1.0-small" / "CHEXPERT DEMO.xlsx").unlink()

    dataset = datasets.load("chexpert", chexpert, {"split": "train"})

    assert "race" not in dataset.attributes
    assert "Race is unknown" in dataset.notes[-1]


def test_a_missing_split_is_refused(chexpert):
    """The message names the file."""
    with pytest.raises(DataError, match=r"valid.csv is missing"):
        datasets.load("chexpert", chexpert)


def test_a_table_of_other_paths_is_refused(chexpert):
    """Patients and studies cannot be read from them."""
    table = chexpert / "CheXpert-v1.0-small" / "train.csv"
    table.write_text(table.read_text().replace("CheXpert-v1.0-small/train", "images"))
    with pytest.raises(DataError, match="is not of the form"):
        datasets.load("chexpert", chexpert, {"split": "train"})
