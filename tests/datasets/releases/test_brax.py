"""BRAX is read in its layout."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from cxraudit import datasets
from cxraudit.datasets.base import FINDINGS, flow
from cxraudit.datasets.release_table import ReleaseTable
from cxraudit.datasets.releases.brax import lower_ends
from cxraudit.datasets.releases.chexpert_labels import OTHER_FINDINGS
from cxraudit.errors import DataError
from cxraudit.testing import check_dataset

IMAGES = [
    "id_a/Study_1.1/Series_1.1/image-1",
    "id_a/Study_1.1/Series_1.2/image-1",
    "id_b/Study_2.1/Series_2.1/image-2",
    "id_b/Study_2.2/Series_2.3/image-3",
    "id_c/Study_3.1/Series_3.1/image-4",
    "id_d/Study_4.1/Series_4.1/image-5",
]
LABELS = [1.0, 1.0, 0.0, None, -1.0, 1.0]


def release_table() -> pd.DataFrame:
    """Six images of four patients, with the columns of the release in their order."""
    return pd.DataFrame(
        {
            "DicomPath": [f"Anonymized_DICOMs/{image}.dcm" for image in IMAGES],
            "PngPath": [f"images/{image}.png" for image in IMAGES],
            "PatientID": [image.split("/")[0] for image in IMAGES],
            "PatientSex": ["F", "F", "M", "M", "O", "F"],
            "PatientAge": ["65", "65", "15", "20", "85 or more", None],
            "AccessionNumber": ["0071", "0071", "72", "73", "72", "74"],
            "StudyDate": 20100101,
            **dict.fromkeys((*OTHER_FINDINGS, *FINDINGS), LABELS),
            "Support Devices": [1.0, 1.0, 0.0, None, -1.0, None],
            "ViewPosition": ["PA", "L", "AP", "PA", "AP LLD", None],
            "Rows": 1024,
            "Columns": 1024,
            "Manufacturer": [1, 1, 2, 1, 1, 1],
        }
    )


@pytest.fixture
def brax(tmp_path):
    """The release as wget from PhysioNet leaves it; the table has an index without a name."""
    folder = tmp_path / "physionet.org/files/brax/1.1.0"
    folder.mkdir(parents=True)
    release_table().to_csv(folder / "master_spreadsheet_update.csv")
    return folder


def loaded(root, **options):
    """All views, with options."""
    return datasets.load("brax", root, {"views": "all", **options})


def test_brax_is_read_in_its_layout(brax, tmp_path):
    """Patients, studies, paths, groups and labels of a release, found from a folder above it."""
    dataset = loaded(tmp_path)

    check_dataset(dataset)
    images = dataset.images
    assert images["image_id"].iloc[0] == "images/id_a/Study_1.1/Series_1.1/image-1.png"
    assert images["path"].iloc[0] == str(brax / "images/id_a/Study_1.1/Series_1.1/image-1.png")
    assert images["patient_id"].tolist() == ["id_a", "id_a", "id_b", "id_b", "id_c", "id_d"]
    assert images["sex"].tolist() == ["female", "female", "male", "male", "other", "female"]
    assert images["manufacturer"].tolist() == ["1", "1", "2", "1", "1", "1"]
    assert images["support_devices"].tolist() == ["yes", "yes", "no", "no", "no", "no"]
    assert images["Pneumonia"].tolist() == [1, 1, 0, 0, 0, 1]
    assert dataset.findings == FINDINGS
    assert loaded(brax, findings="all").findings == (*FINDINGS, *OTHER_FINDINGS)


def test_a_study_is_one_of_its_patient(brax):
    """Accession numbers stay text, and one that two patients share is two studies."""
    studies = loaded(brax).images["study_id"]

    assert studies.tolist() == [
        "id_a/0071",
        "id_a/0071",
        "id_b/72",
        "id_b/73",
        "id_c/72",
        "id_d/74",
    ]


def test_policies_decide_on_uncertain_and_blank_labels(brax):
    """As for CheXpert and MIMIC-CXR; the notes name them."""
    dataset = loaded(brax, uncertain="ones", blank="ignore")

    np.testing.assert_array_equal(dataset.images["Pneumonia"], [1, 1, 0, np.nan, 1, 1])
    assert dataset.images["support_devices"].tolist()[3:] == ["unknown", "yes", "unknown"]
    assert "uncertain (-1) counts as present" in dataset.notes[0]
    assert "does not mention as not labelled" in dataset.notes[0]


def test_ages_of_a_bin_that_spans_two_groups_are_unknown_and_counted(brax):
    """15–19 years: minors and adults. So they are not among adults."""
    dataset = loaded(brax)

    np.testing.assert_array_equal(dataset.images["age"], [65, 65, np.nan, 20, 85, np.nan])
    groups = ["65-80", "65-80", "unknown", "18-25", "80+", "unknown"]
    assert dataset.images["age_group"].tolist() == groups
    assert [notice.sentence for notice in dataset.notices if "PatientAge" in notice.about] == [
        "1 value counts as unknown: blank (1).",
        "1 age unknown, since the published bin spans two age groups: '15' (1).",
    ]
    adults = loaded(brax, adults="true")
    assert (
        dict(zip(*flow(adults)[["step", "images_out"]].to_numpy().T, strict=True))["age known"] == 2
    )


def bins_table(bins) -> ReleaseTable:
    """Return a table with bins of ages."""
    return ReleaseTable(Path("t.csv"), pd.DataFrame({"PatientAge": bins}, dtype="str"))


def test_every_published_bin_has_its_lower_end():
    """But one; other texts are no bins, and are named."""
    bins = [*(str(age) for age in range(0, 85, 5)), "85 or more"]
    ends = lower_ends(bins_table(bins))

    assert ends[ends.isna()].index.tolist() == [bins.index("15")]
    assert ends.dropna().tolist() == [age for age in range(0, 90, 5) if age != 15]
    table = bins_table(["17", "-5", "old", "", None, "205", "80 or more"])
    assert lower_ends(table).isna().all()
    assert [notice.count for notice in table.notices] == [2, 5]
    assert "'80 or more' (1)" in table.notices[1].sentence


@pytest.mark.parametrize("label", ["1*", "Positive?", "2", "1,0,0", "x"])
def test_a_label_that_is_not_understood_is_refused(brax, label):
    """And never absent; the message names it."""
    table = release_table().astype({"Pneumonia": "object"})
    table.loc[2, "Pneumonia"] = label
    table.to_csv(brax / "master_spreadsheet_update.csv")

    with pytest.raises(DataError, match=r"'Pneumonia' of .* holds 1 value that is no label: "):
        loaded(brax)


def test_frontal_images_are_a_named_step(brax):
    """AP and PA; decubitus, lateral and unknown views are counted."""
    dataset = datasets.load("brax", brax)

    assert dataset.images["view_position"].tolist() == ["PA", "AP", "PA"]
    assert dataset.steps == (("frontal", "neither AP nor PA, or no view recorded"),)
    assert flow(dataset)["images_out"].tolist() == [0, 3]


def test_dicom_images_have_the_same_names(brax):
    """Results of both forms can be joined."""
    png, dicom = loaded(brax).images, loaded(brax, images="dicom").images

    assert dicom["path"].iloc[0].endswith("Anonymized_DICOMs/id_a/Study_1.1/Series_1.1/image-1.dcm")
    assert dicom["image_id"].tolist() == png["image_id"].tolist()


def test_folders_of_dicom_images_are_not_searched(brax):
    """There are tens of thousands; a table in one would be a second release."""
    below = brax / "Anonymized_DICOMs/id_a"
    below.mkdir(parents=True)
    release_table().to_csv(below / "master_spreadsheet_update.csv")

    assert len(loaded(brax).images) == 6


@pytest.mark.parametrize("column", ["PatientAge", "PngPath", "Pneumothorax", "Support Devices"])
def test_a_missing_column_is_named(brax, column):
    """With the columns there are."""
    file = brax / "master_spreadsheet_update.csv"
    release_table().drop(columns=column).to_csv(file)

    with pytest.raises(DataError, match=f"lacks the column {column}; it has .*PatientID"):
        loaded(brax)


def test_a_missing_table_an_image_twice_and_a_missing_patient_are_refused(brax, tmp_path):
    """In one sentence each."""
    file = brax / "master_spreadsheet_update.csv"
    table = release_table()

    pd.concat([table, table.iloc[:1]]).to_csv(file)
    with pytest.raises(DataError, match="PngPath was already there"):
        loaded(brax)
    table.assign(PatientID=["", *table["PatientID"][1:]]).to_csv(file)
    with pytest.raises(DataError, match="1 row without a value in 'PatientID'"):
        loaded(brax)
    file.unlink()
    with pytest.raises(DataError, match=r"master_spreadsheet_update.csv is missing under"):
        loaded(brax)


def test_counts_are_beside_the_published_ones(brax):
    """Six images are not the release."""
    counts = datasets.release_counts("brax", brax)

    assert [(one.what, one.found, one.agrees) for one in counts] == [
        ("images", 6, False),
        ("studies", 5, False),
        ("patients", 4, False),
    ]
