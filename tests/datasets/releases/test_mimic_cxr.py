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
        pytest.param(METADATA, _twice, "dicom_id that was already there", id="images twice"),
        pytest.param(LABELS, _twice, "study_id that was already there", id="studies twice"),
        pytest.param(PATIENTS, _twice, "subject_id that was already there", id="patients twice"),
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
