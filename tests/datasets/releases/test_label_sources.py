"""Labels of radiologists beside those of labelers, in the layouts of their publishers."""

import shutil

import numpy as np
import pandas as pd
import pytest

from cxraudit import datasets
from cxraudit.datasets.releases import nih_cxr14
from cxraudit.datasets.releases.nih_labels import ALL_FINDINGS, EXPERT_PARTS
from cxraudit.errors import ConfigError, DataError
from cxraudit.testing import check_dataset

JPG = "mimic-cxr-jpg/2.0.0"
FOURTEEN = (
    *("Atelectasis", "Cardiomegaly", "Consolidation", "Edema", "Enlarged Cardiomediastinum"),
    *("Fracture", "Lung Lesion", "Lung Opacity", "No Finding", "Pleural Effusion"),
    *("Pleural Other", "Pneumonia", "Pneumothorax", "Support Devices"),
)


@pytest.fixture
def read_reports(mimic_release, tmp_path):
    """A synthetic release with the labels of a radiologist for some studies of the test split."""
    root = shutil.copytree(mimic_release, tmp_path / "release")
    labels = pd.read_csv(root / JPG / "mimic-cxr-2.0.0-chexpert.csv.gz")
    split = pd.read_csv(root / JPG / "mimic-cxr-2.0.0-split.csv.gz")
    tested = split.loc[split["split"] == "test", "study_id"].unique()[:12]
    own = labels.loc[labels["study_id"].isin(tested), ["study_id", *FOURTEEN]]
    own = own.assign(Edema=np.resize([1.0, 0.0, -1.0, np.nan], len(own)))
    own = own.rename(columns={"Lung Opacity": "Airspace Opacity"})
    own.to_csv(root / JPG / "mimic-cxr-2.1.0-test-set-labeled.csv", index=False)
    return root, own


def test_reports_read_by_a_radiologist_are_a_label_source_of_mimic_cxr(read_reports):
    """Only studies with such labels are left; what they call Airspace Opacity is Lung Opacity."""
    root, given = read_reports

    dataset = datasets.load("mimic-cxr", root, {"labels": "radiologist", "findings": "all"})

    check_dataset(dataset)
    assert set(dataset.images["study_id"]) <= set(given["study_id"].astype("str"))
    assert "Lung Opacity" in dataset.findings
    assert "labelled" in dataset.exclusions["step"].tolist()
    assert "by a radiologist from the reports" in dataset.notes[0]
    by_study = given.set_index(given["study_id"].astype("str"))["Edema"]
    expected = (dataset.images["study_id"].map(by_study) == 1).astype(float)
    np.testing.assert_array_equal(dataset.images["Edema"], expected)


def test_a_release_without_the_labels_of_the_radiologist_names_the_file(mimic_release):
    """Release 2.0 has none."""
    with pytest.raises(DataError, match=r"test-set-labeled.csv is missing .*2\.1\.0"):
        datasets.load("mimic-cxr", mimic_release, {"labels": "radiologist"})


@pytest.fixture
def chexpert_test(tmp_path):
    """Four test studies, of which one has two images and one has none, and three readers."""
    root = tmp_path / "chexpert"
    studies = [f"CheXpert-v1.0/test/patient6474{k}/study1" for k in range(4)]
    root.mkdir()
    truth = pd.DataFrame({"Study": studies, **dict.fromkeys(FOURTEEN, 0.0)})
    truth["Edema"] = [1.0, 0.0, 1.0, 0.0]
    truth.to_csv(root / "groundtruth.csv", index=False)
    folder = root / "radiologists" / "benchmark_radiologists"
    folder.mkdir(parents=True)
    votes = {"bc4": [1, 0, 0, 0], "bc6": [1, 1, 0, 0], "bc8": [1, 1, 1, 0]}
    for reader, edema in votes.items():
        truth.assign(Edema=edema).to_csv(folder / f"{reader}.csv", index=False)
    for study in studies[:3]:
        place = root / "CheXpert" / study.removeprefix("CheXpert-v1.0/")
        place.mkdir(parents=True)
        (place / "view1_frontal.jpg").touch()
    (root / "CheXpert" / "test" / "patient64740" / "study1" / "view2_lateral.jpg").touch()
    pd.DataFrame(
        {
            "PATIENT": [f"patient6474{k}" for k in range(3)] + ["patient00001"],
            "GENDER": ["Female", "Male", "Female", "Male"],
            "AGE_AT_CXR": [70, 30, 55, 20],
            "PRIMARY_RACE": ["Asian", "White", "Other", "White"],
        }
    ).to_csv(root / "CHEXPERT DEMO.csv", index=False)
    return root


@pytest.mark.parametrize(
    ("labels", "edema"),
    [
        ("published", [1, 0, 1, 0]),
        ("groundtruth", [1, 0, 1, 0]),
        ("majority", [1, 1, 0, 0]),
        ("bc8", [1, 1, 1, 0]),
    ],
)
def test_test_studies_of_chexpert_have_labels_of_five_radiologists_or_of_single_readers(
    chexpert_test, labels, edema
):
    """Lateral images are left out; demographics are those of the table of the publishers."""
    options = {"split": "test", "labels": labels, "findings": "all"}
    dataset = datasets.load("chexpert", chexpert_test, options)

    check_dataset(dataset)
    assert dataset.images["Edema"].tolist() == edema
    assert dataset.images["image_id"].iloc[0] == "test/patient64740/study1/view1_frontal.jpg"
    assert dataset.images["sex"].tolist() == ["female", "male", "female", "unknown"]
    assert dataset.images["race"].tolist() == ["asian", "white", "other", "unknown"]
    assert dataset.exclusions["step"].tolist() == ["frontal"]


def test_the_majority_of_readers_counts_where_they_disagree(chexpert_test):
    """Two of three decide."""
    options = {"split": "test", "labels": "majority", "findings": "all"}

    dataset = datasets.load("chexpert", chexpert_test, options)

    assert dataset.images["Edema"].tolist() == [1, 1, 0, 0]
    concluded = [one.sentence for one in dataset.notices if one.about == "readers"]
    assert len(concluded) == 1
    assert "Edema (2 of 4)" in concluded[0]


def test_single_readers_are_of_the_test_studies_only(chexpert_test):
    """Other splits have no readers; a file that is missing is named."""
    with pytest.raises(ConfigError, match="split=test"):
        datasets.load("chexpert", chexpert_test, {"split": "valid", "labels": "bc4"})
    (chexpert_test / "radiologists" / "benchmark_radiologists" / "bc6.csv").unlink()
    with pytest.raises(DataError, match=r"bc6.csv is missing"):
        datasets.load("chexpert", chexpert_test, {"split": "test", "labels": "majority"})


def test_a_path_that_is_no_test_study_is_refused(chexpert_test):
    """It is named."""
    table = pd.read_csv(chexpert_test / "groundtruth.csv")
    table.loc[1, "Study"] = "CheXpert-v1.0/train/patient00001/study1"
    table.to_csv(chexpert_test / "groundtruth.csv", index=False)

    with pytest.raises(DataError, match=r"train/patient00001/study1.* is not of the form"):
        datasets.load("chexpert", chexpert_test, {"split": "test"})


@pytest.mark.parametrize("in_folder", [False, True])
def test_all_findings_of_experts_are_a_label_source_of_chestxray14(
    nih_release, tmp_path, in_folder
):
    """Images that they did not label are left out; all 14 findings keep their names."""
    root = shutil.copytree(nih_release, tmp_path / "release")
    names = pd.read_csv(root / "Data_Entry_2017_v2020.csv")["Image Index"].head(4)
    table = pd.DataFrame({"Image ID": names, "Patient ID": 1, "Abnormal": "YES", "Other": "NO"})
    for published in nih_cxr14.PUBLISHED_NAMES:
        table[published.replace("_", " ")] = ["YES", "NO", "YES", "NO"]
    file = root / ALL_FINDINGS[in_folder]
    file.parent.mkdir(exist_ok=True)
    table.to_csv(file, index=False)

    dataset = nih_cxr14.load(root, labels="all-findings")

    assert dataset.findings == tuple(nih_cxr14.PUBLISHED_NAMES.values())
    assert dataset.images["Pleural Effusion"].tolist() == [1, 0, 1, 0]
    assert len(dataset.images) == 4


def test_both_files_of_four_findings_are_one_label_source(nih_release, tmp_path):
    """As they are distributed; an image in both is refused."""
    root = shutil.copytree(nih_release, tmp_path / "release")
    names = pd.read_csv(root / "Data_Entry_2017_v2020.csv")["Image Index"]
    for (name, _), part in zip(EXPERT_PARTS, (names[:2], names[2:5]), strict=True):
        table = pd.DataFrame({"Image Index": part})
        for finding in nih_cxr14.EXPERT_FINDINGS:
            table[finding] = "YES"
        table.to_csv(root / name, index=False)

    assert len(nih_cxr14.load(root, labels="experts").images) == 5

    table.assign(**{"Image Index": names[:3].to_numpy()}).to_csv(root / name, index=False)
    with pytest.raises(DataError, match="in two files of expert labels"):
        nih_cxr14.load(root, labels="experts")
