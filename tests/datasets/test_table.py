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
        (TOML + 'colour = "x"', ConfigError, "colour: unknown key"),
        (
            'file = "images.csv"',
            ConfigError,
            "image: is missing; patient: is missing; findings: is missing",
        ),
        ("name = ", ConfigError, "not valid TOML"),
        (TOML.replace('"ptx"', '"ptxx"'), MissingColumnsError, "lacks the column ptxx"),
        (TOML.replace("images.csv", "imagez.csv"), DataError, "is missing"),
        (TOML.replace('"tube"', '"ward"'), DataError, "no yes or no: 'ICU'"),
        (TOML + 'age = "ward"', DataError, "no age in years: 'ICU'"),
        (TOML + 'sex = "ptx"', DataError, "no sex: '0'"),
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


def test_labels_that_are_not_understood_are_refused():
    """The message names the column and the values; uncertain ones need a policy."""
    with pytest.raises(
        DataError, match=r"column 'Pneumonia' holds 1 value that is no label: '1\*'"
    ):
        named(FRAME.assign(Pneumonia=["1*", "no", "no"]))
    uncertain = FRAME.assign(Pneumonia=["-1", "no", "yes"])
    with pytest.raises(DataError, match="--uncertain"):
        named(uncertain)
    ones = named(uncertain, uncertain="ones")
    assert ones.images["Pneumonia"].tolist() == [1, 0, 1]
    assert ones.reading == {"patients": "known", "uncertain": "ones"}
    assert named(FRAME, patient="none").reading == {"patients": "unknown", "uncertain": "none"}


def test_patients_can_be_unknown():
    """Images are independent then, which a notice says; a column of that name is a column."""
    unknown = named(FRAME, patient="none")

    assert not unknown.patients_known
    assert unknown.images["patient_id"].tolist() == unknown.images["image_id"].tolist()
    assert "taken as independent" in unknown.notices[0].sentence
    assert named(FRAME.assign(none=[1, 1, 2]), patient="none").n_patients == 2


def test_ages_and_numbers_are_divided_at_edges_of_ones_own():
    """The names tell the edges."""
    frame = FRAME.assign(years=["19", "40", "> 89"], bmi=["18.4", "18,5", ""])
    with pytest.raises(DataError, match="decimal point and 1 with a comma"):
        named(frame, attributes=["bmi"], bins={"bmi": [18.5]})
    found = named(
        frame.assign(bmi=["18.4", "18.5", ""]),
        age="years",
        attributes=["bmi"],
        bins={"age": "20,40", "bmi": [18.5, 25]},
    )

    assert found.images["age_group"].tolist() == ["under 20", "40+", "40+"]
    assert found.images["bmi"].tolist() == ["under 18.5", "18.5-25", "unknown"]
    with pytest.raises(ConfigError, match="bins are given for weight"):
        named(frame, bins={"weight": "1,2"})
    with pytest.raises(ConfigError, match="increasing numbers"):
        named(frame, age="years", bins={"age": "40,20"})


@pytest.mark.parametrize(
    ("attributes", "notices"),
    [
        (["SEX"], 0),
        (["sex"], 0),
        (["age_group", "years"], 0),
        ({"sex": "SEX", "age_group": "years"}, 0),
        ({"gender": "SEX"}, 1),
    ],
)
def test_what_age_sex_and_view_are_made_of_is_no_attribute_of_its_own(attributes, notices):
    """By the name of the attribute or of its column: it would be audited twice."""
    frame = FRAME.assign(SEX=["F", "F", "M"], years=[30, 40, 50])

    found = named(frame, sex="SEX", age="years", attributes=attributes)

    assert found.attributes == ("age_group", "sex")
    assert len([one for one in found.notices if "is shown as" in one.sentence]) == notices


def test_a_view_is_one_attribute():
    """Whatever its column is called."""
    frame = FRAME.assign(angle=["AP", "PA", "AP"])
    for attributes in ("angle", "view_position"):
        assert named(frame, view="angle", attributes=attributes).attributes == ("view_position",)


def test_a_column_called_like_an_attribute_that_is_made_of_another_stays():
    """As does the same column with bins of its own."""
    frame = FRAME.assign(SEX=["F", "F", "M"], sex=["x", "y", "x"], years=[30, 40, 50])

    both = named(frame, sex="SEX", attributes="sex")
    bins = named(frame, age="years", attributes={"old": "years"}, bins={"old": "45"})

    assert both.attributes == ("sex", "sex (attribute)")
    assert bins.attributes == ("age_group", "old")


def test_an_attribute_never_takes_the_place_of_our_own_columns():
    """It gets another name, with a notice."""
    frame = FRAME.assign(path=["x", "y", "x"], **{"a*b": ["1", "2", "1"]})
    found = named(frame, attributes=["path", "a*b"])

    assert found.attributes == ("path (attribute)", "a×b")
    assert [notice.about for notice in found.notices] == ["column 'path'", "column 'a*b'"]


def test_who_labelled_a_shortcut_is_read_from_the_table():
    """From the column that is named, else from NAME_source."""
    frame = FRAME.assign(
        tube=["yes", "no", ""], drain_source=["human", "model", "model"], by=["ai", "ai", "ai"]
    )

    found = named(frame, shortcuts={"drain": "tube"})
    assert found.images["drain_source"].tolist() == ["annotated", "predicted", "unknown"]
    found = named(frame, shortcuts={"drain": "tube"}, shortcut_sources={"drain": "by"})
    assert found.images["drain_source"].tolist() == ["predicted", "predicted", "unknown"]


def test_zeros_in_front_make_another_patient():
    """Identifiers are text."""
    assert named(FRAME.assign(pid=["0012", "12", "12"])).n_patients == 2


def test_a_conversion_reaches_the_notices():
    """Of identifiers, groups, ages and sexes."""
    frame = FRAME.assign(
        pid=["1 ", "1", "2"], race=["White", "white", "Unknown"], sex=["F", "?", "m"]
    )
    found = named(frame, attributes=["race"], sex="sex")

    assert [notice.about for notice in found.notices] == [
        "column 'pid'",
        "column 'sex'",
        "column 'race'",
        "column 'race'",
    ]


def test_a_lower_bound_below_the_last_age_group_is_unknown_and_counted():
    """An age of 65+ may be in several groups, 90+ in the last one only."""
    frame = pd.DataFrame(
        {"file": ["a", "b"], "pid": ["1", "2"], "x": [1, 0], "age": ["65+", "90+"]}
    )

    found = from_frame(
        frame, name="t", root="", image="file", patient="pid", findings=["x"], age="age"
    )

    assert found.images["age_group"].tolist() == ["unknown", "80+"]
    assert any("1 of the ages" in notice.sentence for notice in found.notices)


def test_a_wrong_type_in_the_description_is_named_by_its_key_only(tmp_path):
    """Not by the types that were tried."""
    (tmp_path / "dataset.toml").write_text('file="t.csv"\nimage="f"\npatient="p"\nfindings=1\n')

    with pytest.raises(
        ConfigError,
        match=r"dataset\.toml: findings: must be text or a list or a table of keys, not 1",
    ):
        datasets.load("table", tmp_path)


def test_severity_is_kept_under_its_name():
    """Empty cells are unknown; a name that is taken, or a text, is refused."""
    frame = pd.DataFrame({"i": ["a", "b", "c"], "p": ["1", "2", "3"], "y": [1, 0, 1]})
    columns = {"name": "t", "root": ".", "image": "i", "patient": "p", "findings": "y"}

    found = from_frame(frame.assign(grade=["2", "", "0.5"]), severity="grade", **columns)

    np.testing.assert_array_equal(found.images["grade"], [2.0, np.nan, 0.5])
    with pytest.raises(DataError, match="column of severity 'y' has the name of"):
        from_frame(frame, severity="y", **columns)
    with pytest.raises(DataError, match="severe"):
        from_frame(frame.assign(grade=["2", "severe", "0.5"]), severity="grade", **columns)
