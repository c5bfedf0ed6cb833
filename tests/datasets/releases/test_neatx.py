"""NEATX drain labels are read from either file."""

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
