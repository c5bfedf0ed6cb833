"""NEATX drain labels are read from either file."""

import numpy as np
import pytest

from cxraudit.datasets.releases import neatx
from cxraudit.errors import DataError


def test_both_files_are_read(tmp_path):
    """The published one (commas, annotations only) and the filled one (semicolons, predictions)."""
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

    first, second = (neatx.load_drains(file).table for file in (published, filled))

    assert first["drain"].tolist() == ["yes", "no", "unknown"]
    assert first["drain_source"].tolist() == ["annotated", "annotated", "unknown"]
    assert second["drain"].tolist() == ["yes", "no", "unknown"]
    assert second["drain_source"].tolist() == ["annotated", "predicted", "unknown"]


@pytest.mark.parametrize(
    ("row", "match"),
    [
        ("0,a.png,100,R,1,R,1", "numbers from 0 to 1"),
        (
            "0,a.png,1,R,1,R,2",
            r"'Drain' of labels.csv holds 1 value that is no yes or no: '2' \(1\)",
        ),
    ],
)
def test_other_values_are_refused(tmp_path, row, match):
    """Annotations above 1, and labels other than 0, 1 and -1."""
    file = tmp_path / "labels.csv"
    file.write_text(
        f",Image Index,Drain_a1,Drain_Location_a1,Drain_a2,Drain_Location_a2,Drain\n{row}\n"
    )

    with pytest.raises(DataError, match=match):
        neatx.load_drains(file)


def test_annotators_who_name_different_sides_give_both(tmp_path):
    """The confidence is the mean of the annotations."""
    file = tmp_path / "labels.csv"
    file.write_text(
        ",Image Index,Drain_a1,Drain_Location_a1,Drain_a2,Drain_Location_a2,Drain\n"
        "0,a.png,1,R,0.75,L,1\n"
    )

    labels = neatx.load_drains(file).table

    assert labels["drain_side"].tolist() == ["both"]
    assert labels["drain_confidence"].tolist() == [0.875]


HEADER = ",Image Index,Drain_a1,Drain_Location_a1,Drain_a2,Drain_Location_a2,Drain\n"


def drains(folder, *rows, separator=","):
    """Read rows of the published file."""
    file = folder / "labels.csv"
    text = HEADER + "".join(f"{number},{row}\n" for number, row in enumerate(rows))
    file.write_text(text.replace(",", separator).replace("#", ","))
    return neatx.load_drains(file)


def test_spellings_of_spreadsheets_are_understood(tmp_path):
    """Decimal commas, yes and no, sides in any case; unknown labels are counted."""
    found = drains(
        tmp_path,
        "a.png,0#75,r,1#0,Both,yes",
        "b.png,0,,0#25,,No",
        "c.png,-1,,-1,,-1",
        "d.png,,,,,",
        "e.png,1,middle,1,,TRUE",
        separator=";",
    )

    assert found.table["drain"].tolist() == ["yes", "no", "unknown", "unknown", "yes"]
    assert found.table["drain_source"].tolist() == [
        *["annotated"] * 2,
        *["unknown"] * 2,
        "annotated",
    ]
    assert found.table["drain_side"].tolist() == ["both", *["unknown"] * 4]
    np.testing.assert_allclose(found.table["drain_confidence"], [0.875, 0.125, np.nan, np.nan, 1])
    stated = " ".join(notice.sentence for notice in found.notices)
    assert "2 values count as unknown: '-1' (1), 'blank' (1)." in stated
    assert "not understood, unknown: 'middle' (1)" in stated
    assert "with a decimal comma" in stated


@pytest.mark.parametrize(
    ("row", "match"),
    [
        ("a.png,1,R,1,R,0.5", "'Drain' of labels.csv holds 1 value that is no yes or no: '0.5'"),
        ("a.png,1,R,1,R,-2", "no yes or no: '-2'"),
        ("a.png,1,R,-2,R,1", "'Drain_a2' of labels.csv holds 1 value that is no annotation: '-2'"),
        ("a.png,1.01,R,1,R,1", "no annotation: '1.01'"),
        ("a.png,yes,R,1,R,1", "'Drain_a1' of labels.csv holds 1 value that is no number: 'yes'"),
        ("a.png,inf,R,1,R,1", "infinite"),
        (",1,R,1,R,1", "1 row without a value in 'Image Index'"),
    ],
)
def test_other_labels_are_named(tmp_path, row, match):
    """With their count."""
    with pytest.raises(DataError, match=match):
        drains(tmp_path, "z.png,1,R,1,R,1", row)


def test_labels_that_the_annotations_contradict_are_counted(tmp_path):
    """The label counts, as published."""
    found = drains(tmp_path, "a.png,1,R,1,R,0", "b.png,1,R,0.75,R,1")

    assert found.table["drain"].tolist() == ["no", "yes"]
    assert [notice.count for notice in found.notices] == [1]


def test_the_filled_file_takes_precedence_with_a_notice(tmp_path):
    """Where both are in a folder."""
    for name in neatx.FILES:
        (tmp_path / name).touch()

    path, notices = neatx.find(tmp_path)

    assert path == tmp_path / neatx.FILES[0]
    assert neatx.FILES[1] in notices[0].sentence
