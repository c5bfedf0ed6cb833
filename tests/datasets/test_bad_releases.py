"""What is wrong with a release is said in one sentence, at the command line with exit code 2."""

import os
import shutil

import pandas as pd
import pytest

from cxraudit import datasets
from cxraudit.cli import main
from cxraudit.errors import CxrAuditError, DataError

JPG = "mimic-cxr-jpg/2.0.0"
METADATA = f"{JPG}/mimic-cxr-2.0.0-metadata.csv.gz"
LABELS = f"{JPG}/mimic-cxr-2.0.0-chexpert.csv.gz"
PATIENTS = "mimiciv/3.1/hosp/patients.csv.gz"
ADMISSIONS = "mimiciv/3.1/hosp/admissions.csv.gz"


def _twice(path):
    table = pd.read_csv(path)
    pd.concat([table, table.iloc[:2]]).to_csv(path, index=False)


def _without(column):
    def change(path):
        pd.read_csv(path).drop(columns=column).to_csv(path, index=False)

    return change


def _cut(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def _renamed(path):
    path.rename(path.with_name(path.name.replace("2.0.0", "1.0.0")))


def _second_release(path):
    shutil.copytree(path.parent, path.parent.parent / "2.1.0", ignore=lambda *_: ["files"])


@pytest.mark.parametrize(
    ("file", "change", "match"),
    [
        pytest.param(METADATA, os.remove, "metadata.csv.*is missing under", id="missing gz"),
        pytest.param(PATIENTS, os.remove, "patients.csv.*demographics=none", id="no MIMIC-IV"),
        pytest.param(LABELS, _cut, "cannot be read", id="truncated gz"),
        pytest.param(ADMISSIONS, _cut, "cannot be read", id="truncated admissions"),
        pytest.param(METADATA, _renamed, "not known here; versions 2.0 and 2.1", id="version"),
        pytest.param(METADATA, _second_release, "two releases", id="two releases"),
        pytest.param(METADATA, _twice, "dicom_id that was already there", id="images twice"),
        pytest.param(LABELS, _twice, "study_id that was already there", id="studies twice"),
        pytest.param(PATIENTS, _twice, "subject_id that was already there", id="patients twice"),
        pytest.param(ADMISSIONS, _without("race"), "neither race", id="neither race nor ethnicity"),
        pytest.param(METADATA, _without("StudyDate"), "lacks the column StudyDate", id="a column"),
    ],
)
def test_a_faulty_mimic_release_is_said_in_one_sentence(
    mimic_release, tmp_path, capsys, file, change, match
):
    """What was wrong, what was found, what to do; nothing is written."""
    root = shutil.copytree(mimic_release, tmp_path / "release")
    change(root / file)
    with pytest.raises(DataError, match=match):
        datasets.load("mimic-cxr", root)

    out = tmp_path / "work"
    code = main(["prepare", "mimic-cxr", "--root", str(root), "--out", str(out), "--quiet"])

    assert code == 2
    said = capsys.readouterr().err
    assert said.startswith("cxraudit: ")
    assert said.count("\n") == 1
    assert not out.exists()


def test_ids_are_text_whatever_they_look_like(mimic_release, tmp_path):
    """1e752e16 is no number, and 007 keeps its zeros."""
    root = shutil.copytree(mimic_release, tmp_path / "release")
    for name in (METADATA, LABELS, f"{JPG}/mimic-cxr-2.0.0-split.csv.gz"):
        table = pd.read_csv(root / name, dtype="str")
        first = table["study_id"].iloc[0]
        table["study_id"] = table["study_id"].replace({first: "1e752016"})
        table.to_csv(root / name, index=False)

    images = datasets.load("mimic-cxr", root).images

    assert images["study_id"].iloc[0] == "1e752016"
    assert images[["Pneumonia"]].notna().all().all()


@pytest.mark.parametrize(
    ("separator", "ends", "mark"),
    [
        (",", "\n", "utf-8"),
        (";", "\n", "utf-8"),
        (",", "\r\n", "utf-8-sig"),
        (";", "\r\n", "utf-8-sig"),
    ],
)
def test_separators_line_ends_and_byte_order_marks_make_no_difference(
    nih_release, tmp_path, separator, ends, mark
):
    """As spreadsheets in many countries save tables."""
    table = pd.read_csv(nih_release / "Data_Entry_2017_v2020.csv")
    table.to_csv(
        tmp_path / "Data_Entry_2017_v2020.csv",
        sep=separator,
        lineterminator=ends,
        encoding=mark,
        index=False,
    )

    found = datasets.load("nih-cxr14", tmp_path).images.drop(columns="path")

    expected = datasets.load("nih-cxr14", nih_release).images
    pd.testing.assert_frame_equal(found, expected[found.columns])


def test_a_image_named_twice_and_a_foreign_annotation_are_refused(nih_release, tmp_path):
    """In the entry table; and annotators' answers above 1."""
    root = shutil.copytree(nih_release, tmp_path / "release")
    drains = root / "CXR14_Drains_Labels.csv"
    text = pd.read_csv(drains, sep=";")
    text["Drain_a1"] = text["Drain_a1"] * 100
    text.to_csv(drains, sep=";", index=False)
    with pytest.raises(DataError, match="numbers from 0 to 1"):
        datasets.load("nih-cxr14", root)
    drains.unlink()
    _twice(root / "Data_Entry_2017_v2020.csv")
    with pytest.raises(DataError, match="Image Index that was already there"):
        datasets.load("nih-cxr14", root)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read anything")
def test_a_folder_that_may_not_be_read_is_named(mimic_release, tmp_path):
    """Permission denied."""
    root = shutil.copytree(mimic_release, tmp_path / "release")
    closed = root / "mimiciv"
    closed.chmod(0)
    try:
        with pytest.raises(DataError, match="permission denied"):
            datasets.load("mimic-cxr", root)
    finally:
        closed.chmod(0o755)


def test_an_unreadable_folder_is_one_sentence(tmp_path, monkeypatch):
    """As any user sees it; root reads everything, so the refusal is played here."""
    from pathlib import Path

    from cxraudit.datasets.release import find_one

    (tmp_path / "closed").mkdir()
    listing = Path.iterdir

    def refuse(folder):
        if folder.name == "closed":
            raise PermissionError(13, "Permission denied")
        return listing(folder)

    monkeypatch.setattr(Path, "iterdir", refuse)
    with pytest.raises(CxrAuditError, match=r"closed cannot be read \(permission denied\)"):
        find_one(tmp_path, ("patients.csv*",), hint="")
