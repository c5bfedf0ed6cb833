"""A folder of DICOM images becomes a data set, with demographics from the headers."""

import shutil
import warnings

import pandas as pd
import pytest
from image_files import RAMP, write_dicom
from pydicom.uid import DeflatedExplicitVRLittleEndian

from cxraudit import datasets
from cxraudit.datasets.base import flow
from cxraudit.errors import ConfigError, DataError, UnknownNameError
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
    unnamed = archive / "unnamed"
    unnamed.mkdir()
    write_dicom(unnamed / "unnamed.dcm", RAMP, AccessionNumber="A1")
    with pytest.raises(DataError, match="has no PatientID, nor has any other image"):
        datasets.load("dicom", unnamed, {"labels": str(archive / "labels.csv")})
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


def folder(root, **headers):
    """Write one image per name with its header, and a table that labels all; return the data set."""
    images = root / "i"
    for name, tags in headers.items():
        (images / name).parent.mkdir(parents=True, exist_ok=True)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # pydicom warns of values that violate the standard
            write_dicom(images / f"{name}.dcm", **{"PatientID": name, **tags})
    return labelled(root, [f"{name}.dcm" for name in headers])


def labelled(root, files, **options):
    """Load a folder whose files have a label."""
    pd.DataFrame({"file": files, "Pneumonia": "1"}).to_csv(root / "l.csv", index=False)
    return datasets.load("dicom", root / "i", {"labels": str(root / "l.csv"), **options})


def sentences(dataset) -> str:
    """All notices."""
    return " ".join(f"{notice.about}: {notice.sentence}" for notice in dataset.notices)


BIRTH = {"PatientBirthDate": "19600101", "StudyDate": "20200101"}


@pytest.mark.parametrize(
    ("tags", "age", "stated"),
    [
        ({"PatientAge": "000Y"}, None, "1 value counts as unknown: '000Y' (1)"),
        (
            {"PatientAge": "N/A", **BIRTH},
            60,
            "whose age is by the dates of birth and study instead",
        ),
        (
            {"PatientAge": "000Y", **BIRTH},
            60,
            "whose age is by the dates of birth and study instead",
        ),
        ({"PatientAge": "412Y", **BIRTH}, 60, "1 impossible age, unknown: '412Y' (1)"),
        ({"PatientAge": "58"}, 58, ""),
        ({"PatientAge": "58Y"}, 58, ""),
        ({"PatientAge": "058y "}, 58, ""),
        ({"PatientAge": "018M"}, 1.5, ""),
        ({"PatientAge": "O58Y"}, None, "not understood, unknown: 'O58Y' (1)"),
        ({"PatientAge": "058Y", **BIRTH}, 58, ""),
        ({"PatientAge": "028Y", **BIRTH}, 28, "differs by more than 2 years"),
        ({"PatientBirthDate": "1960-01-01", "StudyDate": "2020.01.01"}, 60, ""),
        ({"PatientBirthDate": "1960.01.01", "AcquisitionDate": "20200101"}, 60, ""),
        ({"PatientBirthDate": "19600101"}, None, "1 image without an age by PatientAge or dates"),
        (
            {"PatientBirthDate": "19601301", "StudyDate": "20200101"},
            None,
            "unknown: '19601301' (1)",
        ),
        ({"PatientBirthDate": "20300101", "StudyDate": "20200101"}, None, "by dates is impossible"),
        ({"PatientBirthDate": "18000101", "StudyDate": "20200101"}, None, "by dates is impossible"),
        ({}, None, "1 image without an age by PatientAge or dates"),
    ],
)
def test_ages_are_those_of_the_tag_else_of_the_dates(tmp_path, tags, age, stated):
    """What was not usable is a notice."""
    dataset = folder(tmp_path, a=tags)

    found = dataset.images["age"].iloc[0]
    assert found == pytest.approx(age, abs=0.01) if age is not None else pd.isna(found)
    assert stated in sentences(dataset)
    if not stated:
        assert "Age" not in sentences(dataset)


@pytest.mark.parametrize(
    ("code", "sex"),
    [
        *(("F", "female"), ("f ", "female"), ("M", "male"), ("O", "other"), ("X", "other")),
        *(("", "unknown"), ("U", "unknown"), ("M\\F", "unknown"), ("N/A", "unknown")),
    ],
)
def test_sexes_of_headers(tmp_path, code, sex):
    """Padding and case do not matter; O is a group of its own; others are unknown, with a notice."""
    dataset = folder(tmp_path, a={"PatientSex": code})

    assert dataset.images["sex"].tolist() == [sex]
    assert ("PatientSex: 1 value" in sentences(dataset)) == (sex == "unknown")


def test_codes_of_ones_own_have_a_mapping(tmp_path):
    """H beside M may be hombre and mujer: refused, and understood with sex_values."""
    with pytest.raises(DataError, match="M may mean mujer or male"):
        folder(tmp_path, a={"PatientSex": "H"}, b={"PatientSex": "M"})

    mapped = labelled(tmp_path, ["a.dcm", "b.dcm"], sex_values="H=male,M=female")
    assert mapped.images["sex"].tolist() == ["male", "female"]
    for wrong in ("H", "H=robot"):
        with pytest.raises(ConfigError, match="H=male,M=female"):
            labelled(tmp_path, ["a.dcm"], sex_values=wrong)


def test_views_and_manufacturers_are_groups_in_any_case(tmp_path):
    """The most frequent spelling is the name of a manufacturer."""
    dataset = folder(
        tmp_path,
        a={"ViewPosition": "ap", "Manufacturer": "GE"},
        b={"ViewPosition": " Pa", "Manufacturer": "ge "},
        c={"ViewPosition": "LL", "Manufacturer": "GE"},
    )

    assert dataset.images["view_position"].tolist() == ["AP", "PA", "LL"]
    assert set(dataset.images["manufacturer"]) == {"GE"}
    assert "differ in case or blanks only" in sentences(dataset)


def test_a_copy_is_excluded_and_another_file_of_the_same_name_is_refused(tmp_path):
    """By the SOPInstanceUID."""
    folder(tmp_path, a={"SOPInstanceUID": "1.2.3"}, b={})
    shutil.copy(tmp_path / "i/a.dcm", tmp_path / "i/copy.dcm")

    dataset = labelled(tmp_path, ["a.dcm", "b.dcm", "copy.dcm"])

    assert dataset.exclusions[["step", "images"]].to_numpy().tolist() == [["copies", 1]]
    assert dataset.excluded["image_id"].tolist() == ["copy.dcm"]
    assert "1 file with the content of another one, left out, first copy.dcm" in sentences(dataset)
    write_dicom(tmp_path / "i/copy.dcm", PatientID="c", SOPInstanceUID="1.2.3")
    with pytest.raises(DataError, match=r"a.dcm and copy.dcm have one SOPInstanceUID and differ"):
        labelled(tmp_path, ["a.dcm"])


def test_damaged_and_unnamed_images_are_listed_and_the_others_go_on(tmp_path):
    """Cut, empty, deflated and cut, of an unknown representation, without a patient."""
    folder(tmp_path, good={}, unnamed={"PatientID": ""}, sex={"PatientSex": "F"})
    images = tmp_path / "i"
    (images / "empty.dcm").touch()
    write_dicom(images / "deflated.dcm", syntax=DeflatedExplicitVRLittleEndian, PatientID="d")
    cut = (images / "deflated.dcm").read_bytes()
    (images / "deflated.dcm").write_bytes(cut[: len(cut) - 200])
    whole = (images / "sex.dcm").read_bytes()
    (images / "sex.dcm").write_bytes(whole.replace(b"\x10\x00\x40\x00CS", b"\x10\x00\x40\x00ZZ"))

    dataset = labelled(tmp_path, ["good.dcm"])

    assert dataset.images["patient_id"].tolist() == ["good"]
    steps = dict(zip(dataset.exclusions["step"], dataset.exclusions["images"], strict=True))
    assert steps == {"readable": 3, "patient": 1}
    assert "1 image without a PatientID, left out, first unnamed.dcm" in sentences(dataset)


def test_labels_of_files_may_be_paths_and_a_name_of_two_files_is_refused(tmp_path):
    """IM0001.dcm in two folders may not get one label."""
    folder(tmp_path, **{"a/x": {"PatientID": "1"}, "b/x": {"PatientID": "2"}, "b/y": {}})

    with pytest.raises(DataError, match=r"names x.dcm, a file in several folders"):
        labelled(tmp_path, ["x.dcm", "y.dcm"])
    dataset = labelled(tmp_path, ["a/x.dcm", "b/y.dcm", "b/z.dcm"])
    assert dataset.images["path"].tolist() == [f"{tmp_path}/i/a/x.dcm", f"{tmp_path}/i/b/y.dcm"]
    assert "1 row of images that the folder does not have: 'b/z.dcm' (1)" in sentences(dataset)


@pytest.mark.parametrize("key", ["accession", "image_id", "study_id"])
def test_keys_of_labels_are_text(tmp_path, key):
    """With leading zeros, and blanks taken off with a notice."""
    tags = {
        "AccessionNumber": "007",
        "SOPInstanceUID": "1.2.840.0",
        "StudyInstanceUID": "1.2.840.1",
    }
    folder(tmp_path, a=tags)
    value = dict(zip(("accession", "image_id", "study_id"), tags.values(), strict=True))[key]
    (tmp_path / "l.csv").write_text(f"{key},Pneumonia\n{value} ,1\n7,0\n")

    dataset = datasets.load("dicom", tmp_path / "i", {"labels": str(tmp_path / "l.csv")})

    assert dataset.images["Pneumonia"].tolist() == [1]
    assert "1 value with blanks around" in sentences(dataset)
    assert "1 row of images that the folder does not have: '7' (1)" in sentences(dataset)


def test_uncertain_labels_follow_the_named_policy(tmp_path):
    """Without one they are refused, as are other values."""
    folder(tmp_path, a={}, b={})
    table = tmp_path / "l.csv"
    table.write_text("file;Pneumonia;Mass\na.dcm;-1;yes\nb.dcm;0,0;No\n")
    given = {"labels": str(table)}

    with pytest.raises(DataError, match="--option uncertain=ignore"):
        datasets.load("dicom", tmp_path / "i", given)
    images = datasets.load("dicom", tmp_path / "i", {**given, "uncertain": "ones"}).images
    assert images[["Pneumonia", "Mass"]].to_numpy().tolist() == [[1, 1], [0, 0]]
    with pytest.raises(UnknownNameError, match="uncertain"):
        datasets.load("dicom", tmp_path / "i", {**given, "uncertain": "maybe"})
    table.write_text("file,Pneumonia\na.dcm,1*\nb.dcm,0\n")
    with pytest.raises(
        DataError, match=r"'Pneumonia' of l.csv holds 1 value that is no label: '1\*'"
    ):
        datasets.load("dicom", tmp_path / "i", given)


def test_images_of_other_body_parts_are_named(tmp_path):
    """In any spelling of the chest they stay."""
    dataset = folder(
        tmp_path,
        a={"BodyPartExamined": "CHEST PA"},
        b={"BodyPartExamined": "Thorax"},
        c={"BodyPartExamined": "FOOT"},
        d={},
    )

    assert dataset.images["patient_id"].tolist() == ["a", "b", "d"]
    assert "1 image of another body part: 'foot' (1)." in sentences(dataset)
