"""The loaders read releases in the true layouts, every published variant of them."""

import json
import shutil

import numpy as np
import pandas as pd
import pytest

from cxraudit import datasets
from cxraudit.datasets.releases import mimic_cxr, mimic_iv, neatx, nih_cxr14
from cxraudit.errors import ConfigError, DataError, UnknownNameError
from cxraudit.testing import check_dataset


def test_the_nih_release_is_read_back_as_it_was_drawn(nih_release):
    """Labels, sexes, ages and drains equal the cohort that was written."""
    drawn = pd.read_parquet(nih_release / "phantom_images.parquet")

    dataset = nih_cxr14.load(nih_release)

    check_dataset(dataset)
    images = dataset.images
    assert images["sex"].tolist() == drawn["sex"].tolist()
    assert images["age"].tolist() == drawn["age"].tolist()
    assert images["Pleural Effusion"].tolist() == drawn["Pleural Effusion"].tolist()
    positives = drawn["Pneumothorax"] == 1
    assert ((images["drain"] == "yes") == (drawn["drain"] == 1))[positives].all()
    assert set(images.loc[positives, "drain_source"]) == {"annotated"}
    assert set(images.loc[~positives, "drain_source"]) == {"predicted"}
    assert dataset.truth is not None
    assert dataset.truth["planted"] == {
        "age_group": True,
        "sex": False,
        "race": False,
        "drain": True,
    }


def test_the_mimic_release_is_read_back_as_it_was_drawn(mimic_release):
    """Labels, sexes, ages, races and paths equal the cohort that was written."""
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


@pytest.mark.parametrize("variant", ["raw 2017", "kaggle"])
def test_every_published_variant_of_the_nih_table_is_read(nih_release, tmp_path, variant):
    """Age strings, padded ids, CRLF, a trailing empty column, Kaggle's folders, impossible ages."""
    entries = pd.read_csv(nih_release / "Data_Entry_2017_v2020.csv")
    ages = entries["Patient Age"].astype(object)
    if variant == "raw 2017":
        ages = ages.map(lambda age: f"{age:03d}Y")
        ages.iloc[:3] = ["412Y", "018M", "001D"]
        entries["Patient ID"] = entries["Patient ID"].map("{:08d}".format)
    else:
        ages.iloc[:1] = 412
    entries["Patient Age"] = ages
    entries["Unnamed: 11"] = None
    entries.to_csv(tmp_path / "Data_Entry_2017.csv", index=False, lineterminator="\r\n")
    folder = tmp_path / "images_001" / "images"
    folder.mkdir(parents=True)
    first = entries["Image Index"].iloc[0]
    shutil.copy(nih_release / "images" / first, folder / first)

    images = nih_cxr14.load(tmp_path).images

    assert images["age_group"].iloc[0] == "unknown"
    assert images["patient_id"].iloc[0] == "1"
    assert images["path"].iloc[0] == str(folder / first)
    if variant == "raw 2017":
        assert images["age_group"].tolist()[1:3] == ["under 18", "under 18"]


def test_a_subset_is_a_named_step(nih_release, tmp_path):
    """A list of image names; the rest is counted as excluded."""
    listed = tmp_path / "some.txt"
    listed.write_text("00000001_000.png\n00000002_000.png")

    dataset = nih_cxr14.load(nih_release, subset=str(listed))

    assert dataset.images["image_id"].tolist() == ["00000001_000.png", "00000002_000.png"]
    assert (
        dataset.exclusions["images"].sum()
        == len(pd.read_parquet(nih_release / "phantom_images.parquet")) - 2
    )
    listed.write_text("nowhere.png")
    with pytest.raises(DataError, match="does not have"):
        nih_cxr14.load(nih_release, subset=str(listed))
    with pytest.raises(UnknownNameError, match="subset"):
        nih_cxr14.load(nih_release, subset="tset")


def test_images_that_are_not_there_are_kept_unless_asked(nih_release, tmp_path):
    """present_only leaves them out and counts them."""
    shutil.copy(nih_release / "Data_Entry_2017_v2020.csv", tmp_path)
    (tmp_path / "images").mkdir()
    shutil.copy(nih_release / "images" / "00000001_000.png", tmp_path / "images")

    assert len(nih_cxr14.load(tmp_path).images) > 1
    present = datasets.load("nih-cxr14", tmp_path, {"present_only": True})

    assert present.images["image_id"].tolist() == ["00000001_000.png"]
    assert present.exclusions["step"].tolist() == ["file present"]


def test_both_neatx_files_are_read(tmp_path):
    """The published one (commas, annotated only) and the filled one (semicolons, predictions)."""
    published = tmp_path / "published.csv"
    published.write_text(
        ",Image Index,Drain_a1,Drain_Location_a1,Drain_a2,Drain_Location_a2,Drain\n"
        "0,a.png,1,R,1,R,1\n1,b.png,0,,0.25,,0\n2,c.png,-1,,-1,,-1\n"
    )
    filled = tmp_path / "filled.csv"
    filled.write_text(
        ";Image Index;Drain_a1;Drain_Location_a1;Drain_a2;Drain_Location_a2;Drain;Pneumothorax\n"
        "0;a.png;1;L;0.75;L;1.0;TRUE\n1;b.png;;;;;0.0;FALSE\n2;c.png;;;;;;FALSE\n"
    )

    first, second = neatx.load_drains(published), neatx.load_drains(filled)

    assert first["drain"].tolist() == ["yes", "no", "unknown"]
    assert first["drain_source"].tolist() == ["annotated", "annotated", "unknown"]
    assert second["drain"].tolist() == ["yes", "no", "unknown"]
    assert second["drain_source"].tolist() == ["annotated", "predicted", "unknown"]


def _rewrite(path, change):
    table = pd.read_csv(path)
    change(table).to_csv(path, index=False)


@pytest.mark.parametrize(
    ("uncertain", "expected"), [("zeros", 0.0), ("ones", 1.0), ("ignore", np.nan)]
)
def test_uncertain_labels_follow_the_named_policy(mimic_release, tmp_path, uncertain, expected):
    """-1 becomes 0, 1 or not labelled; blank is always absent."""
    root = shutil.copytree(mimic_release, tmp_path / "copy")
    labels = root / "mimic-cxr-jpg" / "2.0.0" / "mimic-cxr-2.0.0-chexpert.csv.gz"

    def change(table):
        table.loc[0, "Pneumonia"] = -1.0
        table.loc[1, "Pneumonia"] = np.nan
        return table

    _rewrite(labels, change)

    images = mimic_cxr.load(root, uncertain=uncertain).images

    np.testing.assert_array_equal(images["Pneumonia"].to_numpy()[:2], [expected, 0.0])


@pytest.mark.parametrize(
    ("rule", "expected"),
    [("drop-conflicting", "conflicting"), ("first", "black"), ("majority", "white")],
)
def test_contradicting_races_follow_the_named_rule(mimic_release, tmp_path, rule, expected):
    """A patient recorded black once and white twice; another never recorded; v1 says ethnicity."""
    root = shutil.copytree(mimic_release, tmp_path / "copy")
    admissions = root / "mimiciv" / "3.1" / "hosp" / "admissions.csv.gz"

    def change(table):
        subjects = table["subject_id"].unique()
        mine = table[table["subject_id"] == subjects[0]]
        again = [
            mine.assign(race=race, admittime=f"21{50 + i}-01-01 00:00:00")
            for i, race in enumerate(["BLACK/AFRICAN", "WHITE", "WHITE - RUSSIAN"])
        ]
        others = table[~table["subject_id"].isin(subjects[:2])]
        return pd.concat([*again, others]).rename(columns={"race": "ethnicity"})

    _rewrite(admissions, change)

    images = mimic_cxr.load(root, race=rule).images
    patients = images["patient_id"].drop_duplicates().tolist()

    assert set(images.loc[images["patient_id"] == patients[0], "race"]) == {expected}
    assert set(images.loc[images["patient_id"] == patients[1], "race"]) == {"unknown"}


def test_mimic_filters_are_counted(mimic_release, tmp_path):
    """Images of another split, lateral images, and studies without labels, each with its number."""
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


def test_races_of_mimic_iv_fall_into_groups():
    """The spellings of MIMIC-IV v1 to v3."""
    assert mimic_iv.race_group("WHITE - BRAZILIAN") == "white"
    assert mimic_iv.race_group("ASIAN - ASIAN INDIAN") == "asian"
    assert mimic_iv.race_group("HISPANIC/LATINO - CUBAN") == "hispanic"
    assert mimic_iv.race_group("AMERICAN INDIAN/ALASKA NATIVE") == "american indian"
    assert mimic_iv.race_group("PATIENT DECLINED TO ANSWER") == "unknown"


@pytest.mark.parametrize(
    ("name", "settings", "match"),
    [
        ("nih-cxr-14", {}, "Did you mean 'nih-cxr14'"),
        ("mimic-cxr", {"splt": "test"}, "Did you mean 'split'"),
        ("mimic-cxr", {"split": "tets"}, "Did you mean 'test'"),
    ],
)
def test_wrong_names_get_a_suggestion(mimic_release, name, settings, match):
    """A data set, an option, a value of an option."""
    with pytest.raises(UnknownNameError, match=match):
        datasets.load(name, mimic_release, settings)


def test_blank_labels_are_not_negative_and_strange_ones_are_refused(nih_release, tmp_path):
    """An image without labels is not labelled; a label nobody knows stops the loading."""
    entries = pd.read_csv(nih_release / "Data_Entry_2017_v2020.csv")
    entries.loc[0, "Finding Labels"] = None
    entries.to_csv(tmp_path / "Data_Entry_2017_v2020.csv", index=False)

    images = nih_cxr14.load(tmp_path).images
    assert images.loc[0, ["Pneumonia", "Pneumothorax"]].isna().all()
    assert images.loc[1:, "Pneumonia"].notna().all()

    entries.loc[1, "Finding Labels"] = "Pneumonai"
    entries.to_csv(tmp_path / "Data_Entry_2017_v2020.csv", index=False)
    with pytest.raises(DataError, match="does not know: Pneumonai"):
        nih_cxr14.load(tmp_path)


def test_options_may_be_text_as_in_a_run_file(nih_release):
    """True and false, and paths."""
    dataset = datasets.load(
        "nih-cxr14",
        nih_release,
        {"present_only": "false", "drains": str(nih_release / neatx.FILES[0])},
    )

    assert dataset.shortcuts == ("drain",)
    with pytest.raises(ConfigError, match="true or false"):
        datasets.load("nih-cxr14", nih_release, {"present_only": "maybe"})


def test_a_real_release_beside_a_phantom_is_not_made_up(nih_release, tmp_path):
    """The mark counts only in the root of a release."""
    shutil.copy(nih_release / "phantom_truth.json", tmp_path)
    (tmp_path / "real").mkdir()
    shutil.copy(nih_release / "Data_Entry_2017_v2020.csv", tmp_path / "real")

    assert nih_cxr14.load(tmp_path / "real").truth is None


def test_a_damaged_archive_is_said_to_be_damaged(mimic_release, tmp_path):
    """A truncated gz."""
    root = shutil.copytree(mimic_release, tmp_path / "copy")
    file = root / "mimic-cxr-jpg" / "2.0.0" / "mimic-cxr-2.0.0-metadata.csv.gz"
    file.write_bytes(file.read_bytes()[:200])

    with pytest.raises(DataError, match="cannot be read"):
        mimic_cxr.load(root)


def test_missing_files_are_named(tmp_path):
    """Each loader says which file and where to get it."""
    with pytest.raises(DataError, match="Data_Entry_2017"):
        nih_cxr14.load(tmp_path)
    with pytest.raises(DataError, match="metadata"):
        mimic_cxr.load(tmp_path)
    with pytest.raises(DataError, match="is missing"):
        datasets.load("nih-cxr14", tmp_path / "nowhere")


def test_the_truth_of_a_phantom_travels_with_its_release(mimic_release):
    """What was planted is a file in the release."""
    truth = json.loads((mimic_release / "phantom_truth.json").read_text())

    assert truth["origin"] == "phantom:seed=6"
    assert mimic_cxr.load(mimic_release).name == "phantom-mimic"
