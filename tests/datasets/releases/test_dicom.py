"""A folder of DICOM images becomes a data set, with demographics from the headers."""

import pandas as pd
import pytest
from image_files import RAMP, write_dicom

from cxraudit import datasets
from cxraudit.datasets.base import flow
from cxraudit.errors import DataError
from cxraudit.testing import check_dataset


@pytest.fixture
def archive(tmp_path):
    """Four images of two patients, one of a foot, a text file with the extension .dcm, and labels."""
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
    (images / "text.dcm").write_text("no image " * 50)
    labels = pd.DataFrame(
        {
            "accession": ["A1", "A2", "A3", "A5"],
            "Pneumonia": [1, 0, None, 1],
            "Pneumothorax": [0, 1, 1, 0],
        }
    )
    labels.to_csv(tmp_path / "labels.csv", index=False)
    return tmp_path


def test_demographics_are_those_of_the_headers(archive):
    """Age by its tag or by dates, sex, view, manufacturer; excluded images are listed."""
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
    assert images.loc["/er/c", ["age_group", "sex"]].tolist() == ["unknown", "other"]
    assert images["patient_id"].nunique() == 2
    assert flow(dataset)[["step", "images_out"]].to_numpy().tolist() == [
        ["release", 0],
        ["readable", 1],
        ["chest", 1],
        ["labelled", 1],
    ]
    assert images["Pneumonia"].isna().sum() == 1


def test_labels_and_patients_are_needed(archive):
    """No table, a table without an identifier, an image without a patient, and no image."""
    with pytest.raises(DataError, match="headers have no findings"):
        datasets.load("dicom", archive / "images")
    other = archive / "other.csv"
    pd.DataFrame({"name": ["a"], "Pneumonia": [1]}).to_csv(other, index=False)
    with pytest.raises(DataError, match="none of the columns image_id"):
        datasets.load("dicom", archive / "images", {"labels": str(other)})
    write_dicom(archive / "images" / "unnamed.dcm", RAMP, AccessionNumber="A1")
    with pytest.raises(DataError, match="no PatientID"):
        datasets.load("dicom", archive / "images", {"labels": str(archive / "labels.csv")})
    (archive / "empty").mkdir()
    with pytest.raises(DataError, match="no DICOM file"):
        datasets.load("dicom", archive / "empty", {"labels": str(other)})


def test_images_may_have_any_name(tmp_path):
    """UIDs without an extension; DICOMDIR is no image; accession numbers keep leading zeros."""
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
    with pytest.raises(DataError, match="columns that the headers provide: age"):
        datasets.load("dicom", images, {"labels": str(labels)})
