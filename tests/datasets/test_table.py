"""A table of the user becomes a data set when its columns are named, in TOML or in Python."""

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow
import pytest

from cxraudit import datasets
from cxraudit.datasets.table import from_frame
from cxraudit.errors import ConfigError, DataError, MissingColumnsError
from cxraudit.testing import check_dataset


def write(folder, toml: str, **columns) -> None:
    """Write a table of two images and its description."""
    base = {
        "file": ["a.png", "b.png"],
        "pid": [1, 2],
        "ptx": [1, 0],
        "ward": ["ICU", None],
        "tube": [1, 0],
    }
    pd.DataFrame({**base, **columns}).to_csv(folder / "images.csv", index=False)
    (folder / "dataset.toml").write_text(toml)


TOML = """
name = "hospital"
file = "images.csv"
image = "file"
patient = "pid"
path = "file"
findings = { Pneumothorax = "ptx" }
attributes = ["ward"]
shortcuts = { drain = "tube" }
"""


def test_columns_are_read_by_their_names_in_toml(tmp_path):
    """A missing group is unknown; 1/0 shortcuts become yes/no; paths are relative to the table."""
    write(tmp_path, TOML)

    dataset = datasets.load("table", tmp_path)

    check_dataset(dataset)
    assert dataset.name == "hospital"
    assert dataset.images["ward"].tolist() == ["ICU", "unknown"]
    assert dataset.images["drain"].tolist() == ["yes", "no"]
    assert dataset.images["path"].tolist() == [str(tmp_path / "a.png"), str(tmp_path / "b.png")]


@pytest.mark.parametrize(
    ("toml", "error", "match"),
    [
        (TOML + 'colour = "x"', ConfigError, "unknown keys colour"),
        ('file = "images.csv"', ConfigError, "lacks findings, image, patient"),
        ("name = ", ConfigError, "not valid TOML"),
        (TOML.replace('"ptx"', '"ptxx"'), MissingColumnsError, "lacks the column ptxx"),
        (TOML.replace("images.csv", "imagez.csv"), DataError, "is missing"),
        (TOML.replace('"tube"', '"ward"'), DataError, "must hold yes/no"),
        (TOML + 'age = "ward"', DataError, "holds no ages"),
        (TOML + 'sex = "ptx"', DataError, "holds no sexes"),
        (TOML.replace("drain =", "Pneumothorax ="), DataError, "is named twice"),
    ],
)
def test_a_mistake_in_the_description_is_named(tmp_path, toml, error, match):
    """A key, a column, a value or a file, in one sentence."""
    write(tmp_path, toml)

    with pytest.raises(error, match=match):
        datasets.load("table", tmp_path)


FRAME = pd.DataFrame(
    {
        "file": ["a.png", "b.png", "c.png"],
        "pid": [1, 1, 2],
        "Pneumonia": [True, False, True],
        "ptx": [1, 0, None],
        "tube": ["yes", "no", None],
        "ward": ["ICU", "ER", "ER"],
    }
)


def named(frame, **columns):
    """Return the data set of `FRAME`."""
    given = {"image": "file", "patient": "pid", "findings": "Pneumonia", **columns}
    return from_frame(frame, name="hospital", root=".", **given)


@pytest.mark.parametrize(
    "values",
    [
        [True, False, True],
        pd.array([True, False, None], dtype="boolean"),
        [1, 0, 1],
        ["1", "0", "1"],
        [1.0, 0.0, np.nan],
    ],
)
def test_findings_are_numbers_for_every_type_of_column(values):
    """float64: 1, 0, and NaN for not labelled."""
    dataset = named(FRAME.assign(Pneumonia=values))

    assert dataset.images["Pneumonia"].dtype == np.float64
    assert dataset.images["Pneumonia"].tolist()[:2] == [1.0, 0.0]


@pytest.mark.parametrize(
    ("findings", "names"),
    [
        ("Pneumonia", ("Pneumonia",)),
        (["Pneumonia"], ("Pneumonia",)),
        ({"Pneumothorax": "ptx"}, ("Pneumothorax",)),
        ({"Pneumothorax": "ptx", "Pneumonia": "Pneumonia"}, ("Pneumothorax", "Pneumonia")),
    ],
)
def test_findings_are_a_name_names_or_a_mapping(findings, names):
    """One column, several, or finding → column."""
    assert named(FRAME, findings=findings).findings == names


def test_attributes_and_shortcuts_are_named_in_the_same_way():
    """One column as text; a missing shortcut is unknown."""
    dataset = named(FRAME, attributes="ward", shortcuts={"drain": "tube"})

    assert dataset.attributes == ("ward",)
    assert dataset.images["drain"].tolist() == ["yes", "no", "unknown"]


def test_the_root_may_be_text_or_a_path(tmp_path):
    """Paths of images are relative to it."""
    for root in (tmp_path, str(tmp_path)):
        dataset = from_frame(
            FRAME, name="x", root=root, image="file", patient="pid", findings="ptx", path="file"
        )
        assert dataset.images["path"].iloc[0] == str(tmp_path / "a.png")
        assert isinstance(dataset.root, Path)


def test_a_frame_of_another_library_is_a_table():
    """Through the Arrow protocol, which polars, pyarrow and DuckDB have."""
    from_arrow = named(pyarrow.Table.from_pandas(FRAME), shortcuts={"drain": "tube"})
    from_pandas = named(FRAME, shortcuts={"drain": "tube"})

    pd.testing.assert_frame_equal(from_arrow.images, from_pandas.images)


def test_the_index_of_a_frame_does_not_matter():
    """A frame that was concatenated or filtered has repeated or missing index values."""
    shuffled = FRAME.set_axis([7, 7, 0])

    pd.testing.assert_frame_equal(named(shuffled).images, named(FRAME).images)


def test_labels_other_than_1_and_0_are_refused():
    """The message names the finding and the first such value."""
    with pytest.raises(DataError, match="'Pneumonia' must hold 1, 0 or nothing"):
        named(FRAME.assign(Pneumonia=["yes", "no", "no"]))
