"""Any table of one's own becomes a data set when a TOML file names its columns."""

import pandas as pd
import pytest

from cxraudit import datasets
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
name = "ours"
file = "images.csv"
image = "file"
patient = "pid"
path = "file"
findings = { Pneumothorax = "ptx" }
attributes = ["ward"]
shortcuts = { drain = "tube" }
"""


def test_columns_are_taken_by_the_names_given(tmp_path):
    """A missing group is 'unknown'; 1/0 shortcuts become yes/no; paths start at the table."""
    write(tmp_path, TOML)

    dataset = datasets.load("table", tmp_path)

    check_dataset(dataset)
    assert dataset.name == "ours"
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
        (TOML.replace("images.csv", "filmz.csv"), DataError, "is missing"),
        (TOML.replace('"tube"', '"ward"'), DataError, "must hold yes/no"),
        (TOML + 'age = "ward"', DataError, "holds no ages"),
        (TOML + 'sex = "ptx"', DataError, "holds no sexes"),
        (TOML.replace("drain =", "Pneumothorax ="), DataError, "is named twice"),
    ],
)
def test_mistakes_in_the_description_are_named(tmp_path, toml, error, match):
    """One clear sentence each."""
    write(tmp_path, toml)

    with pytest.raises(error, match=match):
        datasets.load("table", tmp_path)
