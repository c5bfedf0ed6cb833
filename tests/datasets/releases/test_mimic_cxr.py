"""MIMIC-CXR is read in its layout; faults of a release are named in one sentence."""

import os
import shutil

import numpy as np
import pandas as pd
import pytest

from cxraudit import datasets
from cxraudit.cli import main
from cxraudit.datasets.base import flow
from cxraudit.datasets.releases import mimic_cxr
from cxraudit.errors import DataError
from cxraudit.testing import check_dataset

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
        pytest.param(LABELS, _cut, "is cut short", id="truncated gz"),
        pytest.param(ADMISSIONS, _cut, "is cut short", id="truncated admissions"),
        pytest.param(METADATA, _renamed, "not supported; versions 2.0 and 2.1", id="version"),
        pytest.param(METADATA, _second_release, "two releases", id="two releases"),
        pytest.param(METADATA, _twice, "dicom_id was already there", id="images twice"),
        pytest.param(LABELS, _twice, "study_id was already there", id="studies twice"),
        pytest.param(PATIENTS, _twice, "subject_id was already there", id="patients twice"),
        pytest.param(ADMISSIONS, _without("race"), "neither race", id="neither race nor ethnicity"),
        pytest.param(METADATA, _without("StudyDate"), "lacks the column StudyDate", id="a column"),
    ],
)
def test_a_faulty_release_is_refused_in_one_sentence(
    mimic_release, tmp_path, capsys, file, change, match
):
    """In Python and on the command line, which exits with code 2 and writes nothing."""
    root = shutil.copytree(mimic_release, tmp_path / "release")
    change(root / file)
    with pytest.raises(DataError, match=match):
        datasets.load("mimic-cxr", root)

    out = tmp_path / "work"
    code = main(["prepare", "mimic-cxr", "--root", str(root), "--out", str(out), "--quiet"])

    assert code == 2
    message = capsys.readouterr().err
    assert message.startswith("cxraudit: ")
    assert message.count("\n") == 1
    assert not out.exists()


def test_ids_are_text(mimic_release, tmp_path):
    """1e752016 is no number."""
    root = shutil.copytree(mimic_release, tmp_path / "release")
    for name in (METADATA, LABELS, f"{JPG}/mimic-cxr-2.0.0-split.csv.gz"):
        table = pd.read_csv(root / name, dtype="str")
        first = table["study_id"].iloc[0]
        table["study_id"] = table["study_id"].replace({first: "1e752016"})
        table.to_csv(root / name, index=False)

    images = datasets.load("mimic-cxr", root).images

    assert images["study_id"].iloc[0] == "1e752016"
    assert images[["Pneumonia"]].notna().all().all()


def test_the_published_cohort_is_a_list_of_steps(noisy_mimic_release):
    """Frontal test images with FINDINGS, of adults of three races; steps exclude what the tables hold."""
    dataset = datasets.load("mimic-cxr", noisy_mimic_release, {"cohort": "paper"})

    steps = flow(dataset)
    assert steps["step"].tolist() == [
        "release",
        "split test",
        "labelled",
        "frontal",
        "FINDINGS",
        "age known",
        "adults",
        "race white, black, asian",
    ]
    folder = noisy_mimic_release / "mimic-cxr-jpg" / "2.0.0"
    split = pd.read_csv(folder / "mimic-cxr-2.0.0-split.csv.gz")
    assert steps["images"].iloc[1] == (split["split"] == "test").sum()
    assert (steps["images_out"].iloc[[1, 2, 3, 4, 5, 7]] > 0).all()
    views = pd.read_csv(folder / "mimic-cxr-2.0.0-metadata.csv.gz").set_index("dicom_id")[
        "ViewPosition"
    ]
    kept = dataset.images["image_id"]
    assert set(views.loc[kept]) == {"AP", "PA"}
    for study, subject in zip(
        dataset.images["study_id"], dataset.images["patient_id"], strict=True
    ):
        report = folder / "files" / f"p{subject[:2]}" / f"p{subject}" / f"s{study}.txt"
        assert "\n FINDINGS:" in report.read_text()
    assert set(dataset.images["race"]) == {"asian", "black", "white"}


def test_a_synthetic_release_is_read_as_it_was_drawn(mimic_release):
    """Labels, sexes, ages, races and paths are those of the cohort; ages above 89 are lower bounds."""
    drawn = pd.read_parquet(mimic_release / "phantom_images.parquet")

    dataset = mimic_cxr.load(mimic_release)

    check_dataset(dataset)
    images = dataset.images
    assert images["race"].tolist() == drawn["race"].tolist()
    assert images["sex"].tolist() == drawn["sex"].tolist()
    assert images["Cardiomegaly"].tolist() == drawn["Cardiomegaly"].tolist()
    assert images["path"].map(lambda path: path.endswith(".jpg")).all()
    assert all((mimic_release / path).is_file() for path in drawn["path"])
    assert images["path"].tolist() == [str(mimic_release / path) for path in drawn["path"]]
    old = drawn["age"] > 89
    assert (images["age"][~old] == drawn["age"][~old]).all()
    assert (images["age"][old] >= 90).all()


def _rewrite(path, change):
    table = pd.read_csv(path)
    change(table).to_csv(path, index=False)


@pytest.mark.parametrize(
    ("uncertain", "expected"), [("zeros", 0.0), ("ones", 1.0), ("ignore", np.nan)]
)
def test_uncertain_labels_follow_the_named_policy(mimic_release, tmp_path, uncertain, expected):
    """−1 becomes 0, 1 or not labelled; blank is absent by default."""
    root = shutil.copytree(mimic_release, tmp_path / "copy")
    labels = root / "mimic-cxr-jpg" / "2.0.0" / "mimic-cxr-2.0.0-chexpert.csv.gz"

    def change(table):
        table.loc[0, "Pneumonia"] = -1.0
        table.loc[1, "Pneumonia"] = np.nan
        return table

    _rewrite(labels, change)

    images = mimic_cxr.load(root, uncertain=uncertain).images

    np.testing.assert_array_equal(images["Pneumonia"].to_numpy()[:2], [expected, 0.0])


def test_filters_are_counted(mimic_release, tmp_path):
    """Images of another split, studies without labels, and images that are not frontal."""
    root = shutil.copytree(mimic_release, tmp_path / "copy")
    folder = root / "mimic-cxr-jpg" / "2.0.0"
    _rewrite(
        folder / "mimic-cxr-2.0.0-metadata.csv.gz",
        lambda t: t.assign(ViewPosition=["LATERAL", None, *t["ViewPosition"][2:]]),
    )
    _rewrite(
        folder / "mimic-cxr-2.0.0-split.csv.gz",
        lambda t: t.assign(split=[*t["split"][:-3], "train", "train", "validate"]),
    )
    _rewrite(folder / "mimic-cxr-2.0.0-chexpert.csv.gz", lambda t: t.drop(index=4))

    dataset = mimic_cxr.load(root)

    total = len(pd.read_parquet(root / "phantom_images.parquet"))
    assert dict(zip(dataset.exclusions["step"], dataset.exclusions["images"], strict=True)) == {
        "split test": 3,
        "labelled": 1,
        "frontal": 2,
    }
    assert len(dataset.images) + dataset.exclusions["images"].sum() == total


def test_a_damaged_table_is_refused(mimic_release, tmp_path):
    """A truncated gz file."""
    root = shutil.copytree(mimic_release, tmp_path / "copy")
    file = root / "mimic-cxr-jpg" / "2.0.0" / "mimic-cxr-2.0.0-metadata.csv.gz"
    file.write_bytes(file.read_bytes()[:200])

    with pytest.raises(DataError, match="is cut short"):
        mimic_cxr.load(root)


SPLIT = f"{JPG}/mimic-cxr-2.0.0-split.csv.gz"
ALL = {"split": "all", "views": "all"}


def _changed(mimic_release, folder, file, **columns):
    """Copy the release with cells of the first rows of a table changed; return its data set."""
    root = folder / "copy"
    if not root.exists():
        shutil.copytree(mimic_release, root, ignore=shutil.ignore_patterns("files"))
    table = pd.read_csv(root / file, dtype="str")
    for column, cells in columns.items():
        table.loc[: len(cells) - 1, column.replace("_", " ") if column not in table else column] = (
            cells
        )
    table.to_csv(root / file, index=False)
    return datasets.load("mimic-cxr", root, ALL)


def _sentences(dataset) -> str:
    return " ".join(f"{notice.about}: {notice.sentence}" for notice in dataset.notices)


@pytest.mark.parametrize("label", ["1*", "2", "x", "0.5", "-2", "1.0.0", "1;0"])
def test_a_label_that_is_not_understood_is_refused(mimic_release, tmp_path, label):
    """With value and count; these were absent once."""
    match = r"'Pneumonia' of mimic-cxr-2.0.0-chexpert.csv.gz holds 1 value that is no label: "
    with pytest.raises(DataError, match=match):
        _changed(mimic_release, tmp_path, LABELS, Pneumonia=[label])


def test_labels_in_other_spellings_are_understood(mimic_release, tmp_path):
    """As words and with a decimal comma; words for missing are not labelled."""
    cells = ["1,0", "Positive", "no", "u", "unknown", None, " 1 "]
    dataset = _changed(mimic_release, tmp_path, LABELS, Pneumonia=cells)

    np.testing.assert_array_equal(dataset.images["Pneumonia"][:7], [1, 1, 0, 0, np.nan, 0, 1])
    assert "Uncertain labels count as absent: Pneumonia (1)." in _sentences(dataset)
    assert "1 value counts as not labelled: 'unknown' (1)." in _sentences(dataset)


@pytest.mark.parametrize(
    "written",
    [
        "{}-{}-{}",
        "{}-{}-{} 21:30:14.531",
        "{}-{}-{}T23:59:59-05:00",
        "{}.{}.{}",
        "{}/{}/{}",
        "{}{}{}.0",
    ],
)
def test_dates_of_studies_are_understood(mimic_release, tmp_path, written):
    """In the usual forms; the ages are the same."""
    dates = pd.read_csv(mimic_release / METADATA, dtype="str")["StudyDate"]
    cells = [written.format(date[:4], date[4:6], date[6:]) for date in dates]

    images = _changed(mimic_release, tmp_path, METADATA, StudyDate=cells).images

    expected = datasets.load("mimic-cxr", mimic_release, ALL).images["age"]
    np.testing.assert_array_equal(images["age"], expected)


def test_values_that_are_not_understood_are_unknown_and_named(mimic_release, tmp_path):
    """Dates, views, sexes, ages, races and splits."""
    _changed(
        mimic_release,
        tmp_path,
        METADATA,
        StudyDate=["06.05.2180", "21801301", None],
        ViewPosition=["ap", " Pa", "XTABLE LATERAL", "upside down"],
    )
    _changed(
        mimic_release, tmp_path, PATIENTS, gender=["f", "Z"], anchor_age=["> 89", "300", "old"]
    )
    races = ["white", "Martian", "NON-WHITE", "UNABLE TO OBTAIN"]
    dataset = _changed(mimic_release, tmp_path, ADMISSIONS, race=races)

    images, stated = dataset.images, _sentences(dataset)
    assert images["age"][:3].isna().all()
    assert images["view_position"][:4].tolist() == ["AP", "PA", "XTABLE LATERAL", "upside down"]
    for part in (
        "'StudyDate' of mimic-cxr-2.0.0-metadata.csv.gz: 2 values that were not understood, unknown: "
        "'06.05.2180' (1), '21801301' (1).",
        "'gender' of patients.csv.gz: 1 value that was not understood, unknown: 'Z' (1).",
        "'anchor_age' of patients.csv.gz: 1 impossible age, unknown: '300' (1).",
        "'anchor_age' of patients.csv.gz: 1 value that was not understood, unknown: 'old' (1).",
        "'race' of admissions.csv.gz: 1 value counts as unknown: 'UNABLE TO OBTAIN' (1).",
        "'race' of admissions.csv.gz: 2 values that were not understood, unknown: "
        "'Martian' (1), 'NON-WHITE' (1).",
        "not usual ones, kept as they are: 'upside down' (1)",
    ):
        assert part in stated


def test_an_age_above_120_at_the_study_is_unknown_and_counted(mimic_release, tmp_path):
    """And one below 0."""
    dataset = _changed(mimic_release, tmp_path, PATIENTS, anchor_year=["2000", "2250"])

    subjects = pd.read_csv(mimic_release / PATIENTS, dtype="str")["subject_id"][:2]
    first = dataset.images["patient_id"].isin(subjects)
    assert dataset.images.loc[first, "age_group"].eq("unknown").all()
    assert f"{first.sum()} images with an impossible age at the study" in _sentences(dataset)


def test_ids_that_were_taken_for_numbers_match(mimic_release, tmp_path):
    """10000032.0 is 10000032, in any of the tables; leading zeros are kept."""
    expected = datasets.load("mimic-cxr", mimic_release, ALL).images.drop(columns="path")
    for file, column in ((LABELS, "study_id"), (PATIENTS, "subject_id"), (METADATA, "subject_id")):
        ids = pd.read_csv(mimic_release / file, dtype="str")[column]
        found = _changed(mimic_release, tmp_path, file, **{column: [f"{one}.0" for one in ids]})
        pd.testing.assert_frame_equal(found.images.drop(columns="path"), expected)
    ids = pd.read_csv(mimic_release / PATIENTS, dtype="str")["subject_id"]
    other = _changed(mimic_release, tmp_path, PATIENTS, subject_id=[f"0{ids[0]}"])
    assert "of 1 patient who is not in it: age and sex are unknown" in _sentences(other)


def test_rows_that_match_no_image_are_counted(mimic_release, tmp_path):
    """Labels of another study, splits of another image, and a study with another patient."""
    _changed(mimic_release, tmp_path, LABELS, study_id=["1"], subject_id=["1", "2"])
    root = tmp_path / "copy"
    _rewrite(root / SPLIT, lambda t: t.assign(split=["TEST ", "valid", *t["split"][2:]]))
    _rewrite(root / SPLIT, lambda t: t.assign(dicom_id=[*t["dicom_id"][:-1], "x"]))

    dataset = datasets.load("mimic-cxr", root, {"views": "all"})

    stated = _sentences(dataset)
    assert "1 row of studies without an image in the metadata: '1' (1)." in stated
    assert "1 image of studies that have another patient in this table" in stated
    assert "1 row of images that the metadata do not have: 'x' (1)." in stated
    assert "not understood, unknown: 'valid' (1)." in stated
    assert dict(zip(*flow(dataset)[["step", "images_out"]].to_numpy().T, strict=True)) == {
        "release": 0,
        "split test": 2,
        "labelled": 1,
    }


def test_a_table_beside_itself_is_read_once_or_refused(mimic_release, tmp_path):
    """As downloaded and unpacked, in any case of the name; another one is refused."""
    root = shutil.copytree(mimic_release, tmp_path / "copy", ignore=shutil.ignore_patterns("files"))
    unpacked = (root / LABELS).with_name("MIMIC-CXR-2.0.0-CHEXPERT.CSV")
    table = pd.read_csv(root / LABELS, dtype="str")
    table.to_csv(unpacked, index=False)
    assert "CHEXPERT.CSV was read; " in _sentences(datasets.load("mimic-cxr", root, ALL))

    table.assign(Pneumonia="1").to_csv(unpacked, index=False)
    with pytest.raises(DataError, match="beside it differ"):
        datasets.load("mimic-cxr", root, ALL)
