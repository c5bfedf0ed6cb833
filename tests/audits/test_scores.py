"""Tables of scores as other programs write them become scores tables, or are refused in a sentence."""

from pathlib import Path

import pandas as pd
import pytest

from cxraudit.audits.scores import (
    dataset_from_scores,
    match_columns,
    read_scores,
    scores_from_wide,
)
from cxraudit.datasets.table import from_frame
from cxraudit.errors import ConfigError, DataError, UnknownNameError
from cxraudit.schema import SCORE_COLUMNS


def wide() -> pd.DataFrame:
    """Two images with labels and scores of two findings."""
    return pd.DataFrame(
        {
            "file": ["a.png", "b.png"],
            "pid": ["1", "2"],
            "site": ["A/B", "C"],
            "Pneumonia": [1, 0],
            "Edema": [0, 1],
            "p_pneumonia": [0.9, 0.2],
            "p_edema": [0.3, 0.8],
        }
    )


def dataset(frame: pd.DataFrame):
    """The data set of the table."""
    return from_frame(
        frame, name="toy", root=Path(), image="file", patient="pid", findings=["Pneumonia", "Edema"]
    )


def test_one_column_per_finding_becomes_one_row_per_image_and_finding():
    """Sorted, with the name of the model."""
    scores = scores_from_wide(
        wide(), image="file", columns={"Pneumonia": "p_pneumonia", "Edema": "p_edema"}, model="m"
    )

    assert list(scores.columns) == list(SCORE_COLUMNS)
    assert scores.set_index(["image_id", "finding"]).loc[("b.png", "Edema"), "score"] == 0.8
    assert set(scores["model"]) == {"m"}


def test_frames_of_other_libraries_are_taken():
    """Whatever exports Arrow, as polars does."""
    pyarrow = pytest.importorskip("pyarrow")
    columns = {"Pneumonia": "p_pneumonia"}

    found = scores_from_wide(
        pyarrow.table(wide().to_dict("list")), image="file", columns=columns, model="m"
    )

    expected = scores_from_wide(wide(), image="file", columns=columns, model="m")
    pd.testing.assert_frame_equal(found, expected)


def test_what_is_no_frame_is_refused():
    """A list of rows."""
    with pytest.raises(TypeError, match="data frame"):
        scores_from_wide([1, 2], image="file", columns={"Edema": "p_edema"}, model="m")


@pytest.mark.parametrize("columns", [{}, "p_edema", ["p_edema"]])
def test_scores_without_findings_are_refused(columns):
    """A column alone does not say what it holds."""
    with pytest.raises(ValueError, match="must map findings to the columns"):
        scores_from_wide(wide(), image="file", columns=columns, model="m")


def test_an_image_with_two_rows_is_refused():
    """Neither of them is taken silently."""
    twice = pd.concat([wide(), wide().head(1)])

    with pytest.raises(DataError, match=r"a\.png"):
        scores_from_wide(twice, image="file", columns={"Edema": "p_edema"}, model="m")


def test_columns_are_matched_by_prefix_whatever_the_case_and_underscores():
    """Published names count, too."""
    found = match_columns(
        ["p_pleural_effusion", "p_PNEUMONIA", "other"],
        "p_",
        ["Pleural Effusion", "Pneumonia"],
        {"Effusion": "Pleural Effusion"},
    )

    assert found == {"Pleural Effusion": "p_pleural_effusion", "Pneumonia": "p_PNEUMONIA"}


def test_a_column_of_no_finding_is_refused():
    """By its name."""
    with pytest.raises(UnknownNameError, match="no finding named 'fog'"):
        match_columns(["p_fog"], "p_", ["Pneumonia"], {})


def test_two_columns_of_one_finding_are_refused():
    """Neither is taken silently."""
    with pytest.raises(DataError, match="both hold scores of Pleural Effusion"):
        match_columns(
            ["p_effusion", "p_pleural_effusion"],
            "p_",
            ["Pleural Effusion"],
            {"Effusion": "Pleural Effusion"},
        )


def test_a_prefix_of_no_column_is_refused():
    """With the columns there are."""
    with pytest.raises(DataError, match="no column begins with 'q_'"):
        match_columns(["p_edema"], "q_", ["Edema"], {})


def test_a_scores_table_of_cxraudit_is_read_as_it_is(tmp_path):
    """No column needs to be named."""
    frame = wide()
    scores = scores_from_wide(frame, image="file", columns={"Edema": "p_edema"}, model="m")
    scores.to_csv(tmp_path / "s.csv", index=False)

    pd.testing.assert_frame_equal(read_scores(tmp_path / "s.csv", dataset(frame)), scores)


def test_a_named_column_wins_over_the_prefix(tmp_path):
    """`score` is more exact than `score_prefix`."""
    frame = wide().assign(better=[1.0, 2.0])
    frame.to_csv(tmp_path / "s.csv", index=False)

    found = read_scores(
        tmp_path / "s.csv",
        dataset(frame),
        image="file",
        score={"Edema": "better"},
        score_prefix="p_",
    )

    assert set(found.loc[found["finding"] == "Edema", "score"]) == {1.0, 2.0}
    assert set(found.loc[found["finding"] == "Pneumonia", "score"]) == {0.9, 0.2}


def test_a_table_without_named_columns_says_how_to_name_them(tmp_path):
    """One sentence with the columns there are."""
    frame = wide()
    frame.to_csv(tmp_path / "s.csv", index=False)

    with pytest.raises(DataError, match="--score FINDING=COLUMN"):
        read_scores(tmp_path / "s.csv", dataset(frame))


def own(tmp_path: Path, **named):
    """The data set of the table saved as a file."""
    wide().to_csv(tmp_path / "t.csv", index=False)
    default = {
        "image": "file",
        "patient": "pid",
        "label": {"Edema": "Edema"},
        "age": None,
        "sex": None,
        "view": None,
        "attributes": ["site"],
        "shortcuts": {},
    }
    return dataset_from_scores(tmp_path / "t.csv", **{**default, **named})


def test_a_table_with_labels_is_a_data_set(tmp_path):
    """Named after its file."""
    found = own(tmp_path)

    assert (found.name, found.findings, found.attributes) == ("t", ("Edema",), ("site",))


def test_the_patient_must_be_named(tmp_path):
    """Since intervals are of patients."""
    with pytest.raises(ConfigError, match="--image and --patient"):
        own(tmp_path, patient=None)


def test_a_group_of_a_column_can_be_a_shortcut(tmp_path):
    """``COLUMN:GROUP`` makes the column an attribute."""
    found = own(tmp_path, attributes=[], shortcuts={"site:C": "Edema"})

    assert "site" in found.attributes
    assert found.shortcuts == ()
