"""CheXpert is read in its layout."""

import numpy as np
import pandas as pd
import pytest

from cxraudit import datasets
from cxraudit.datasets.base import FINDINGS, flow
from cxraudit.datasets.releases.chexpert import race_group
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


TRAIN, DEMO = "CheXpert-v1.0-small/train.csv", "CheXpert-v1.0-small/CHEXPERT DEMO.xlsx"


def load(root):
    """The training split, all views."""
    return datasets.load("chexpert", root, {"split": "train", "views": "all"})


def changed(root, **columns):
    """Change cells of the first rows of the training split, and load it."""
    table = pd.read_csv(root / TRAIN, dtype="str")
    for column, cells in columns.items():
        table.loc[: len(cells) - 1, column] = cells
    table.to_csv(root / TRAIN, index=False)
    return load(root)


@pytest.mark.parametrize(
    ("recorded", "group"),
    [
        ("White, non-Hispanic", "white"),
        ("WHITE OR CAUCASIAN", "white"),
        ("Caucasian", "white"),
        ("Black or African American", "black"),
        ("African-American", "black"),
        ("Asian - Historical Conv", "asian"),
        ("Native Hawaiian or Other Pacific Islander", "pacific islander"),
        ("American Indian or Alaska Native", "american indian"),
        ("Native American, Hispanic", "american indian"),
        ("Other, Hispanic", "other"),
        ("Non-White", None),
        ("not Black", None),
        ("Black and White", None),
        ("Hispanic", None),
        ("Eurasian", None),
        ("Another", None),
        ("Patient Refused", None),
    ],
)
def test_a_race_is_a_word_and_not_a_part_of_one(recorded, group):
    """Caucasian holds the letters of Asian; words of two groups are of neither."""
    assert race_group(recorded) == group


def test_races_that_are_not_understood_are_named(chexpert):
    """Refused and blank count as missing, and patients without a row are counted."""
    pd.DataFrame(
        {"PATIENT": ["patient00001", " patient00002"], "PRIMARY_RACE": ["Refused", "Martian"]}
    ).to_excel(chexpert / DEMO, index=False)

    dataset = load(chexpert)

    assert set(dataset.images["race"]) == {"unknown"}
    stated = " ".join(notice.sentence for notice in dataset.notices)
    assert "1 value counts as unknown: 'Refused' (1)." in stated
    assert "1 value that was not understood, unknown: 'Martian' (1)." in stated
    assert "1 image of patients who are not in it" in stated


def test_the_demographic_table_and_its_copy_are_one_if_they_agree(chexpert):
    """As downloaded, and saved as CSV."""
    table = pd.read_excel(chexpert / DEMO)
    copy = (chexpert / DEMO).with_suffix(".csv")
    table.to_csv(copy, index=False)
    assert "holds the same table" in " ".join(n.sentence for n in load(chexpert).notices)

    table.assign(PRIMARY_RACE="Black").to_csv(copy, index=False)
    with pytest.raises(DataError, match=r"DEMO.csv and CHEXPERT DEMO.xlsx beside it differ"):
        load(chexpert)


def test_values_in_other_spellings_are_understood(chexpert):
    """Sex, age, view; labels with a decimal comma, blanks, or as words."""
    dataset = changed(
        chexpert,
        Sex=["F", "female"],
        Age=["068Y", "90+", "300"],
        **{"Frontal/Lateral": ["FRONTAL", "lateral"], "AP/PA": ["ap", None, "pa"]},
        Pneumonia=["1,0", " 1 ", "No", "positive", "u"],
    )

    images = dataset.images
    assert images["sex"][:2].tolist() == ["female", "female"]
    np.testing.assert_allclose(images["age"][:3], [68, 90, np.nan])
    assert images["view_position"][:3].tolist() == ["AP", "LATERAL", "PA"]
    assert images["Pneumonia"].tolist() == [1, 1, 0, 1, 0]
    assert "Uncertain labels count as absent: " in " ".join(n.sentence for n in dataset.notices)


@pytest.mark.parametrize("label", ["1*", "2", "-2", "0.5", "1.0.0", "x", "yes?"])
def test_other_labels_are_refused_with_value_and_count(chexpert, label):
    """They were absent once."""
    with pytest.raises(
        DataError, match=r"'Pneumonia' of train.csv holds 2 values that are no label"
    ):
        changed(chexpert, Pneumonia=[label, label])


def test_words_for_missing_are_not_labelled_and_blank_is_by_the_policy(chexpert):
    """Unknown is not absent."""
    images = changed(chexpert, Pneumonia=["unknown", None]).images

    np.testing.assert_array_equal(images["Pneumonia"][:2], [np.nan, 0])


def test_an_image_that_is_neither_frontal_nor_lateral_is_not_frontal(chexpert):
    """It is excluded, and the word is named."""
    changed(chexpert, **{"Frontal/Lateral": ["sideways"]})

    dataset = datasets.load("chexpert", chexpert, {"split": "train"})

    assert dataset.exclusions["images"].tolist() == [2]
    assert "'sideways' (1)" in " ".join(notice.sentence for notice in dataset.notices)
