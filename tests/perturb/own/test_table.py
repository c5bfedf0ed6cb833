"""Tables of pairs as users write them, with any mistake."""

from pathlib import Path

import pandas as pd
import pytest

from cxraudit import datasets
from cxraudit.edits import CONTROL_OF
from cxraudit.errors import CxrAuditError
from cxraudit.perturb.own.table import KEY, ORIGINAL_FILE, read_pairs


@pytest.fixture(scope="module")
def dataset(nih_release):
    """A synthetic release."""
    return datasets.load("nih-cxr14", nih_release).choose_findings(
        ["Pneumothorax", "Pleural Effusion"]
    )


@pytest.fixture
def table(dataset):
    """Three images, each with an edit and its control."""
    rows = [
        (image_id, f"out/{edit}-{image_id}", edit, of)
        for edit, of in (("drain", ""), ("copy", "drain"))
        for image_id in dataset.images["image_id"].head(3)
    ]
    return pd.DataFrame(rows, columns=["image_id", "edited", "edit", CONTROL_OF])


def test_files_lie_beside_the_table_or_below_a_folder(dataset, table, tmp_path):
    """Absolute ones are taken as they are."""
    (tmp_path / "other").mkdir()
    table.loc[0, "edited"] = "/data/absolute.png"
    table.to_csv(tmp_path / "pairs.csv", index=False)

    beside = read_pairs(tmp_path / "pairs.csv", dataset).frame
    below = read_pairs(table, dataset, root=tmp_path / "other").frame

    assert str(tmp_path / "out") in beside["edited"].iloc[0]
    assert str(tmp_path / "other" / "out") in below["edited"].iloc[0]
    assert "/data/absolute.png" in set(beside["edited"]) & set(below["edited"])
    paths = dataset.images.set_index("image_id")["path"].astype(str)
    assert (beside[ORIGINAL_FILE] == beside["image_id"].map(paths)).all()


def test_paths_of_windows_are_understood(dataset, table):
    """Where they are relative."""
    windows = table.assign(edited=table["edited"].str.replace("/", "\\"))

    found = read_pairs(windows, dataset).frame

    assert found.equals(read_pairs(table, dataset).frame)


def test_originals_may_be_named_by_file(dataset, table):
    """By the path, the file name, and its stem."""
    paths = dataset.images.set_index("image_id")["path"].astype(str)
    plain = read_pairs(table, dataset).frame

    for named in (
        table["image_id"].map(paths),
        table["image_id"].map(lambda name: Path(paths[name]).name),
        table["image_id"].map(lambda name: Path(paths[name]).stem),
    ):
        other = table.drop(columns="image_id").assign(original=named)
        assert read_pairs(other, dataset).frame.equals(plain)


def test_pairs_have_names_of_their_own(dataset, table):
    """Also where an image was edited several times by one edit."""
    again = table.assign(edited="more-" + table["edited"].str.replace("/", "-"))

    found = read_pairs(pd.concat([table, again]), dataset).frame

    assert not found.duplicated(["edit", KEY]).any()
    assert len(found) == 12


def test_findings_are_those_of_the_data_set(dataset, table):
    """By any of their names; others are refused."""
    found = read_pairs(table.assign(finding="pneumothorax"), dataset).frame

    assert set(found["finding"]) == {"Pneumothorax"}
    with pytest.raises(CxrAuditError, match="no finding named 'Drain'"):
        read_pairs(table.assign(finding="Drain"), dataset)


def test_what_is_left_out_is_stated(dataset, table):
    """Repeated rows, files of several images, and images of the cohort as edits."""
    others = dataset.images["path"].astype(str)
    odd = table.copy()
    odd.loc[0, "edited"] = others.iloc[5]
    odd.loc[[1, 2], "edited"] = "out/one.png"
    odd = pd.concat([odd, odd.iloc[[4]]])

    found = read_pairs(odd, dataset)

    told = " ".join(one.sentence for one in found.notices)
    assert len(found.frame) == 3
    assert "1 row repeated" in told
    assert "1 pair left out: the file named as edited is another image" in told
    assert "2 pairs left out: one file is named as the edit of several images" in told


HOSTILE = [
    (lambda t: t.drop(columns="edited"), "lacks the column edited"),
    (
        lambda t: t.assign(edited=t["edited"].where(t.index > 0)),
        "column 'edited', first row 1 below",
    ),
    (lambda t: t.assign(edited="one.png"), "one file is named as the edit of several"),
    (lambda t: t.assign(image_id=range(len(t))), "no original in .* is an image of the data set"),
    (lambda t: t.assign(edit=""), "rows without a value"),
    (
        lambda t: t.assign(**{CONTROL_OF: ["", "x", "", "", "", ""]}),
        "rows of the edit 'drain' differ",
    ),
]


@pytest.mark.parametrize(("spoil", "message"), HOSTILE)
def test_mistakes_are_refused_with_what_is_wrong(dataset, table, spoil, message):
    """By one sentence."""
    with pytest.raises(CxrAuditError, match=message):
        read_pairs(spoil(table), dataset)


@pytest.mark.parametrize("what", ["missing", "folder"])
def test_a_table_that_is_no_file_is_refused(dataset, tmp_path, what):
    """And a folder that is none."""
    file = tmp_path if what == "folder" else tmp_path / "pairs.csv"
    with pytest.raises(CxrAuditError, match=r"is a folder|is missing"):
        read_pairs(file, dataset)


def test_a_root_that_is_no_folder_is_refused(dataset, table, tmp_path):
    """Before anything is read."""
    with pytest.raises(CxrAuditError, match="is no folder"):
        read_pairs(table, dataset, root=tmp_path / "nowhere")
