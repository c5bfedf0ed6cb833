"""ChestX-ray14 is read in all its published variants."""

import shutil

import numpy as np
import pandas as pd
import pytest

from cxraudit import datasets
from cxraudit.datasets.releases import nih_cxr14
from cxraudit.errors import CxrAuditError, DataError, UnknownNameError
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

    with pytest.raises(DataError, match="Image Index was already there"):
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


ENTRIES = "Data_Entry_2017_v2020.csv"


def changed(nih_release, folder, **columns):
    """Write the entry table with cells of the first rows changed; return the folder."""
    entries = pd.read_csv(nih_release / ENTRIES, dtype="str")
    for column, cells in columns.items():
        entries.loc[: len(cells) - 1, column.replace("_", " ")] = cells
    entries.to_csv(folder / ENTRIES, index=False)
    return folder


def sentences(dataset) -> str:
    """All notices."""
    return " ".join(notice.sentence for notice in dataset.notices)


def test_no_finding_is_the_publishers_label(nih_release, tmp_path):
    """1 where the label is No Finding, 0 beside any finding, not labelled where nothing is."""
    changed(nih_release, tmp_path, Finding_Labels=["No Finding", "Mass|Effusion", None])

    dataset = nih_cxr14.load(tmp_path)

    assert dataset.findings[-1] == "No Finding"
    np.testing.assert_array_equal(dataset.images["No Finding"][:3], [1, 0, np.nan])
    np.testing.assert_array_equal(dataset.images["Pleural Effusion"][:3], [0, 1, np.nan])
    assert "1 value counts as not labelled: blank (1)." in sentences(dataset)


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        ("Mass | Effusion", {"Mass", "Pleural Effusion"}),
        (" mass|EFFUSION ", {"Mass", "Pleural Effusion"}),
        ("Pleural Thickening", {"Pleural Thickening"}),
        ("Pleural_Thickening|Pleural_Thickening", {"Pleural Thickening"}),
        ("no finding", {"No Finding"}),
        ("unknown", set()),
    ],
)
def test_labels_are_understood_in_other_spellings(nih_release, tmp_path, cell, expected):
    """Case, blanks and underscores; words for missing are not labelled."""
    images = nih_cxr14.load(changed(nih_release, tmp_path, Finding_Labels=[cell])).images

    row = images.loc[0, list(nih_cxr14.REPORT_FINDINGS)]
    assert set(row.index[row == 1]) == expected
    assert row.isna().all() == (cell == "unknown")


@pytest.mark.parametrize(
    ("cell", "match"),
    [
        ("No Finding|Mass", "1 label with a finding beside 'No Finding': 'No Finding.Mass'"),
        ("|", "no label of ChestX-ray14"),
        ("Mass|", "no label of ChestX-ray14"),
        ("Mass;Nodule", "no label of ChestX-ray14: 'Mass;Nodule' .1."),
        ("1", "no label of ChestX-ray14"),
    ],
)
def test_contradictory_and_cut_labels_are_refused(nih_release, tmp_path, cell, match):
    """And never negative."""
    with pytest.raises(DataError, match=match):
        nih_cxr14.load(changed(nih_release, tmp_path, Finding_Labels=[cell]))


def test_values_that_are_not_understood_are_unknown_and_named(nih_release, tmp_path):
    """Ages, sexes and views; usual spellings are understood."""
    changed(
        nih_release,
        tmp_path,
        Patient_Age=["058Y", "018M", "58", None, "412", "O58Y", "000Y", "58 years"],
        Patient_Gender=["f", "FEMALE", " m ", "zz", "?"],
        View_Position=["pa", "Ap ", "antero-posterior", "upside down"],
    )

    dataset = nih_cxr14.load(tmp_path)

    images = dataset.images
    expected = [58, 1.5, 58, np.nan, np.nan, np.nan, np.nan, 58]
    np.testing.assert_allclose(images["age"][:8], expected)
    assert images["view_position"][:4].tolist() == ["PA", "AP", "AP", "upside down"]
    for part in ("impossible age, unknown: '412' (1)", "not understood, unknown: 'O58Y' (1)"):
        assert part in sentences(dataset)
    assert "not understood, unknown: 'zz' (1)" in sentences(dataset)
    assert "not usual ones, kept as they are: 'upside down' (1)" in sentences(dataset)


def test_a_patient_written_in_two_ways_is_one(nih_release, tmp_path):
    """With a notice; an image named after another patient has one, too."""
    ids = pd.read_csv(nih_release / ENTRIES, dtype="str")["Patient ID"]
    row = int(ids.duplicated(keep=False).idxmax())
    written = [*ids[:row], ids[row].zfill(8)]

    dataset = nih_cxr14.load(changed(nih_release, tmp_path, Patient_ID=written))
    assert dataset.images["patient_id"].tolist() == ids.tolist()
    assert "with and without leading zeros, taken as one patient" in sentences(dataset)
    other = nih_cxr14.load(changed(nih_release, tmp_path, Patient_ID=[ids.iloc[-1]]))
    assert "1 image with the number of another patient in the name" in sentences(other)
    for wrong in ("1.5", "1e3", "P1", "-1"):
        with pytest.raises(DataError, match=r"1 value that is no number of a patient"):
            nih_cxr14.load(changed(nih_release, tmp_path, Patient_ID=[wrong]))


def test_the_corrected_entry_table_takes_precedence_with_a_notice(nih_release, tmp_path):
    """Over that of 2017 beside it."""
    for name in (ENTRIES, "Data_Entry_2017.csv"):
        shutil.copy(nih_release / ENTRIES, tmp_path / name)

    dataset = nih_cxr14.load(tmp_path)

    assert dataset.version == "v2020"
    assert "was read, and not Data_Entry_2017.csv beside it" in sentences(dataset)


def test_rows_of_other_tables_that_match_no_image_are_counted(nih_release, tmp_path):
    """Drain labels, and images in two folders."""
    for name in (ENTRIES, "CXR14_Drains_Labels.csv"):
        shutil.copy(nih_release / name, tmp_path)
    entries = pd.read_csv(tmp_path / ENTRIES).iloc[2:]
    entries.to_csv(tmp_path / ENTRIES, index=False)
    name = entries["Image Index"].iloc[0]
    for folder in ("images", "images_001/images"):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / name).touch()

    dataset = nih_cxr14.load(tmp_path)

    assert "2 rows of images that the entry table does not have: '00000001_000.png' (1)" in (
        sentences(dataset)
    )
    assert "1 image in more than one folder" in sentences(dataset)
    assert dataset.images["path"].iloc[0] == str(tmp_path / "images" / name)


def test_a_list_of_images_that_is_no_text_is_refused(nih_release, tmp_path):
    """In one sentence, as is a folder."""
    listed = tmp_path / "some.txt"
    listed.write_bytes(b"\xff\xfe\x00\x00\xff")

    with pytest.raises(DataError, match="not UTF-8 text"):
        nih_cxr14.load(nih_release, subset=listed)


@pytest.mark.parametrize("given", ["", ".", "/", "x" * 300, "\0", 3, ["a"], {"a": 1}])
@pytest.mark.parametrize(
    "option", ["subset", "drains", "labels", "predicted", "cohort", "only.sex", "adults"]
)
def test_an_option_of_another_kind_is_one_sentence(nih_release, option, given):
    """As a run file may have it; a folder of images that is missing is a notice."""
    with pytest.raises(CxrAuditError) as caught:
        datasets.load("nih-cxr14", nih_release, {option: given})
    assert "\n" not in str(caught.value)

    if given not in ("", ".", "/"):
        assert "is missing" in sentences(datasets.load("nih-cxr14", nih_release, {"images": given}))
