"""ChestX-ray14 is read in all its published variants."""

import shutil

import pandas as pd
import pytest

from cxraudit import datasets
from cxraudit.datasets.releases import nih_cxr14
from cxraudit.errors import DataError, UnknownNameError
from cxraudit.testing import check_dataset


@pytest.mark.parametrize(
    ("separator", "ends", "mark"),
    [
        (",", "\n", "utf-8"),
        (";", "\n", "utf-8"),
        (",", "\r\n", "utf-8-sig"),
        (";", "\r\n", "utf-8-sig"),
    ],
)
def test_separators_line_ends_and_byte_order_marks_do_not_matter(
    nih_release, tmp_path, separator, ends, mark
):
    """Spreadsheet programs write tables in several ways."""
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


def test_a_repeated_image_is_refused(nih_release, tmp_path):
    """Two rows of the entry table."""
    entries = pd.read_csv(nih_release / "Data_Entry_2017_v2020.csv")
    pd.concat([entries, entries.head(1)]).to_csv(tmp_path / "Data_Entry_2017.csv", index=False)

    with pytest.raises(DataError, match="Image Index that was already there"):
        nih_cxr14.load(tmp_path)


def test_a_synthetic_release_is_read_as_it_was_drawn(nih_release):
    """Labels, sexes, ages, drains and known effects are those of the cohort."""
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


@pytest.mark.parametrize("variant", ["raw 2017", "kaggle"])
def test_every_published_variant_of_the_entry_table_is_read(nih_release, tmp_path, variant):
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
    """A list of image names; all other images are excluded, and unknown names are refused."""
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


def test_missing_image_files_are_excluded_on_request_only(nih_release, tmp_path):
    """present_only excludes and counts them."""
    shutil.copy(nih_release / "Data_Entry_2017_v2020.csv", tmp_path)
    (tmp_path / "images").mkdir()
    shutil.copy(nih_release / "images" / "00000001_000.png", tmp_path / "images")

    assert len(nih_cxr14.load(tmp_path).images) > 1
    present = datasets.load("nih-cxr14", tmp_path, {"present_only": True})

    assert present.images["image_id"].tolist() == ["00000001_000.png"]
    assert present.exclusions["step"].tolist() == ["file present"]


def test_blank_labels_are_not_negative(nih_release, tmp_path):
    """An image without labels is not labelled."""
    entries = pd.read_csv(nih_release / "Data_Entry_2017_v2020.csv")
    entries.loc[0, "Finding Labels"] = None
    entries.to_csv(tmp_path / "Data_Entry_2017_v2020.csv", index=False)

    images = nih_cxr14.load(tmp_path).images
    assert images.loc[0, ["Pneumonia", "Pneumothorax"]].isna().all()
    assert images.loc[1:, "Pneumonia"].notna().all()


def test_unknown_labels_are_refused(nih_release, tmp_path):
    """The message names them."""
    entries = pd.read_csv(nih_release / "Data_Entry_2017_v2020.csv")
    entries.loc[1, "Finding Labels"] = "Pneumonai"
    entries.to_csv(tmp_path / "Data_Entry_2017_v2020.csv", index=False)
    with pytest.raises(DataError, match=r"no label of ChestX-ray14: 'Pneumonai' \(1\)"):
        nih_cxr14.load(tmp_path)


def test_expert_labels_replace_those_of_reports(nih_release, tmp_path):
    """Images without an expert label are excluded; findings are those of the experts."""
    root = shutil.copytree(nih_release, tmp_path / "release")
    names = pd.read_csv(root / "Data_Entry_2017_v2020.csv")["Image Index"].head(3)
    table = pd.DataFrame({"Image Index": names, "Patient ID": 1})
    for finding in nih_cxr14.EXPERT_FINDINGS:
        table[finding] = ["YES", "NO", "YES"]
    table.to_csv(root / nih_cxr14.EXPERTS, index=False)

    dataset = nih_cxr14.load(root, labels="experts")

    assert dataset.findings == nih_cxr14.EXPERT_FINDINGS
    assert dataset.images["Pneumothorax"].tolist() == [1.0, 0.0, 1.0]
    assert dataset.exclusions["step"].tolist() == ["labelled by experts"]


def test_a_released_count_stands_beside_the_published_one(nih_release):
    """The synthetic release has other counts; labels of the variant are compared."""
    counts = {count.what: count for count in nih_cxr14.release_counts(nih_release)}

    assert counts["images"].published == 112_120
    assert not counts["images"].agrees
    assert counts["annotated images"].found > 0
