"""CheXpert in its layout, and a folder of DICOM images as an archive exports it."""

import numpy as np
import pandas as pd
import pytest
from test_images import RAMP, write_dicom

from cxraudit import datasets
from cxraudit.datasets.base import FINDINGS, flow
from cxraudit.datasets.releases.chexpert_labels import OTHER_FINDINGS
from cxraudit.errors import DataError
from cxraudit.testing import check_dataset


@pytest.fixture
def chexpert(tmp_path):
    """Five images of three patients, as the release writes them, and the demographic table."""
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
    """Patients and studies from the path, the policies for −1 and blank, race from the table."""
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


def test_chexpert_without_its_demographic_table_says_so(chexpert):
    """Race is left out and noted; a missing split and a foreign table are refused."""
    (chexpert / "CheXpert-v1.0-small" / "CHEXPERT DEMO.xlsx").unlink()

    dataset = datasets.load("chexpert", chexpert, {"split": "train"})

    assert "race" not in dataset.attributes
    assert "Race is not known" in dataset.notes[-1]
    with pytest.raises(DataError, match=r"valid.csv is missing"):
        datasets.load("chexpert", chexpert)
    table = chexpert / "CheXpert-v1.0-small" / "train.csv"
    table.write_text(table.read_text().replace("CheXpert-v1.0-small/train", "images"))
    with pytest.raises(DataError, match="is not of the form"):
        datasets.load("chexpert", chexpert, {"split": "train"})


@pytest.fixture
def archive(tmp_path):
    """Four images of two patients, a foot, a text file named like an image, and a table of labels."""
    images = tmp_path / "images"
    (images / "deep" / "er").mkdir(parents=True)
    common = {"ViewPosition": "PA", "Manufacturer": "Acme", "BodyPartExamined": "CHEST"}
    write_dicom(
        images / "a.dcm",
        PatientID="1",
        PatientSex="F",
        PatientAge="058Y",
        AccessionNumber="A1",
        **common,
    )
    write_dicom(
        images / "deep" / "b.dcm",
        PatientID="1",
        PatientSex="F",
        PatientBirthDate="19500101",
        StudyDate="20100615",
        AccessionNumber="A2",
        ViewPosition="AP",
    )
    write_dicom(
        images / "deep" / "er" / "c",
        PatientID="2",
        PatientSex="O",
        AccessionNumber="A3",
        PatientAge="400Y",
        **common,
    )
    write_dicom(images / "d.dcm", PatientID="2", AccessionNumber="A4", **common)
    write_dicom(images / "foot.dcm", PatientID="3", AccessionNumber="A5", BodyPartExamined="FOOT")
    (images / "odd.dcm").write_text("no image " * 50)
    labels = pd.DataFrame(
        {
            "accession": ["A1", "A2", "A3", "A5"],
            "Pneumonia": [1, 0, None, 1],
            "Pneumothorax": [0, 1, 1, 0],
        }
    )
    labels.to_csv(tmp_path / "labels.csv", index=False)
    return tmp_path


def test_dicom_images_bring_their_demographics(archive):
    """Age stated or from dates, impossible ones unknown, sex, view, maker; all that leaves is listed."""
    dataset = datasets.load("dicom", archive / "images", {"labels": str(archive / "labels.csv")})

    check_dataset(dataset)
    images = dataset.images.set_index(dataset.images["path"].str[-5:])
    assert images.loc["a.dcm", ["sex", "age", "view_position", "manufacturer"]].tolist() == [
        "female",
        58.0,
        "PA",
        "Acme",
    ]
    assert images.loc["b.dcm", "age"] == pytest.approx(60.45, abs=0.01)
    assert images.loc["/er/c", ["age_group", "sex"]].tolist() == ["unknown", "unknown"]
    assert images["patient_id"].nunique() == 2
    assert flow(dataset)[["step", "images_out"]].to_numpy().tolist() == [
        ["release", 0],
        ["readable", 1],
        ["chest", 1],
        ["labelled", 1],
    ]
    assert images["Pneumonia"].isna().sum() == 1


def test_dicom_images_need_labels_and_patients(archive):
    """Without a table, with a table of other images, and an image of nobody."""
    with pytest.raises(DataError, match="headers do not say what images show"):
        datasets.load("dicom", archive / "images")
    other = archive / "other.csv"
    pd.DataFrame({"name": ["a"], "Pneumonia": [1]}).to_csv(other, index=False)
    with pytest.raises(DataError, match="none of the columns image_id"):
        datasets.load("dicom", archive / "images", {"labels": str(other)})
    write_dicom(archive / "images" / "nobody.dcm", RAMP, AccessionNumber="A1")
    with pytest.raises(DataError, match="no PatientID"):
        datasets.load("dicom", archive / "images", {"labels": str(archive / "labels.csv")})
    (archive / "empty").mkdir()
    with pytest.raises(DataError, match="no DICOM file"):
        datasets.load("dicom", archive / "empty", {"labels": str(other)})


def test_images_of_an_archive_may_be_called_anything(tmp_path):
    """Names that are UIDs, accession numbers with leading zeros, the directory of a disc."""
    images = tmp_path / "images"
    images.mkdir()
    write_dicom(images / "1.2.840.113619.2.5", PatientID="1", AccessionNumber="01001")
    write_dicom(images / "1.2.840.113619.2.6", PatientID="2", AccessionNumber="01002")
    write_dicom(images / "DICOMDIR", None)
    (images / "notes.txt").write_text("nothing " * 40)
    labels = tmp_path / "labels.csv"
    labels.write_text("accession,Pneumonia\n01001,1\n01002,0\n")

    dataset = datasets.load("dicom", images, {"labels": str(labels)})

    assert dataset.images["Pneumonia"].tolist() == [1.0, 0.0]
    assert dataset.excluded.empty
    labels.write_text("accession,age\n01001,1\n01002,0\n")
    with pytest.raises(DataError, match="columns that the headers fill: age"):
        datasets.load("dicom", images, {"labels": str(labels)})
