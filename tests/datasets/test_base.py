"""What a data set accepts, and how ages, sexes and contradictions are read."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from cxraudit.datasets.base import (
    Dataset,
    age_group,
    ordered_groups,
    parse_ages,
    parse_sex,
    resolve_per_patient,
)
from cxraudit.errors import DataError, MissingColumnsError, UnknownNameError


def small_images(**columns) -> pd.DataFrame:
    """Three images of two patients."""
    base = {
        "image_id": ["a", "b", "c"],
        "patient_id": ["1", "1", "2"],
        "study_id": ["x", "y", "z"],
        "path": ["", "", ""],
        "view_position": ["AP", "PA", "PA"],
        "Pneumothorax": [1.0, 0.0, np.nan],
        "sex": ["female", "female", "male"],
    }
    return pd.DataFrame({**base, **columns})


def small_dataset(images: pd.DataFrame) -> Dataset:
    """The data set of `small_images`."""
    return Dataset(
        name="small",
        version="1",
        license="",
        root=Path(),
        images=images,
        findings=("Pneumothorax",),
        attributes=("sex",),
    )


@pytest.mark.parametrize(
    ("age", "group"),
    [
        (0, "under 18"),
        (17.9, "under 18"),
        (18, "18-25"),
        (24.9, "18-25"),
        (25, "25-50"),
        (50, "50-65"),
        (65, "65-80"),
        (79, "65-80"),
        (80, "80+"),
        (120, "80+"),
        (121, "unknown"),
        (412, "unknown"),
        (-1, "unknown"),
        (np.nan, "unknown"),
    ],
)
def test_age_groups_are_left_closed_and_keep_what_does_not_fit(age, group):
    """Minors and impossible ages are groups, not holes."""
    assert age_group(age) == group


def test_ages_are_read_as_published():
    """Years, DICOM strings in years, months and days; impossible ones and text are NaN."""
    ages = parse_ages(pd.Series([58, "058Y", "018M", "001D", 0, 412, "412Y", "abc", None, "60.5"]))

    np.testing.assert_allclose(
        ages, [58, 58, 1.5, 1 / 365.25, 0, np.nan, np.nan, np.nan, np.nan, 60.5]
    )


def test_sex_is_read_in_any_spelling():
    """F, male, blank."""
    assert parse_sex(pd.Series(["F", "male", " m ", None, "X"])).tolist() == [
        "female",
        "male",
        "male",
        "unknown",
        "unknown",
    ]


def test_a_patient_with_two_sexes_is_conflicting():
    """All images of the patient go to one named group; an unknown image takes the known value."""
    patients = pd.Series(["1", "1", "2", "2", "3"])
    values = pd.Series(["female", "male", "male", "unknown", "unknown"])

    resolved = resolve_per_patient(patients, values)

    assert resolved.tolist() == ["conflicting", "conflicting", "male", "male", "unknown"]


def test_groups_stand_in_the_order_people_expect():
    """Ages by age, unknown last."""
    assert ordered_groups("age_group", ["unknown", "80+", "under 18", "25-50"]) == [
        "under 18",
        "25-50",
        "80+",
        "unknown",
    ]


def test_a_missing_column_is_named():
    """With what there is instead."""
    with pytest.raises(MissingColumnsError, match="lacks the column patient_id"):
        small_dataset(small_images().drop(columns="patient_id"))


def test_an_empty_table_is_refused():
    """No rows, no data set."""
    with pytest.raises(DataError, match="no rows"):
        small_dataset(small_images().head(0))


def test_an_image_that_stands_twice_is_refused():
    """The first such image is named."""
    with pytest.raises(DataError, match="image_id that was already there, first a"):
        small_dataset(small_images(image_id=["a", "a", "c"]))


def test_a_label_that_is_neither_yes_nor_no_is_refused():
    """-1 needs a policy first."""
    with pytest.raises(DataError, match="must hold 1, 0 or nothing"):
        small_dataset(small_images(Pneumothorax=[1.0, -1.0, 0.0]))


def test_an_image_without_a_patient_is_refused():
    """Patients are the unit."""
    with pytest.raises(DataError, match="1 rows without a patient_id"):
        small_dataset(small_images(patient_id=["1", None, "2"]))


@pytest.mark.parametrize(
    ("dtype", "values", "expected"),
    [
        ("category", ["a", None, "b"], ["a", "unknown", "b"]),
        ("Int64", [1, None, 2], ["1", "unknown", "2"]),
        ("float64", [1.0, np.nan, 2.5], ["1", "unknown", "2.5"]),
        ("boolean", [True, None, False], ["True", "unknown", "False"]),
    ],
)
def test_groups_have_names_whatever_type_they_came_in(dtype, values, expected):
    """Categories, nullable integers, floats, booleans; ids become text."""
    images = small_images(sex=pd.Series(values, dtype=dtype), image_id=[1, 2, 3])

    dataset = small_dataset(images)

    assert dataset.images["sex"].tolist() == expected
    assert dataset.images["image_id"].tolist() == ["1", "2", "3"]


def test_names_that_clash_are_refused():
    """A finding that is also an attribute; a shortcut that holds 1 and 0."""
    with pytest.raises(DataError, match="uses the name sex twice"):
        Dataset(
            name="x",
            version="",
            license="",
            root=Path(),
            images=small_images(sex=[1, 0, 1]),
            findings=("sex",),
            attributes=("sex",),
        )
    with pytest.raises(DataError, match="must hold yes, no or unknown"):
        Dataset(
            name="x",
            version="",
            license="",
            root=Path(),
            images=small_images(drain=[1, 0, 1]),
            findings=("Pneumothorax",),
            attributes=(),
            shortcuts=("drain",),
        )


def test_what_a_filter_takes_out_is_counted():
    """Images and patients that leave, and why."""
    dataset = small_dataset(small_images())

    kept = dataset.keep(dataset.images["sex"] == "female", step="women", reason="asked for")

    assert kept.exclusions.to_dict("records") == [
        {"step": "women", "images": 1, "patients": 1, "reason": "asked for"}
    ]
    with pytest.raises(DataError, match="leaves no image"):
        dataset.keep(dataset.images["sex"] == "none", step="none", reason="")


def test_an_unknown_finding_gets_a_suggestion():
    """Spelled nearly right."""
    with pytest.raises(UnknownNameError, match="Did you mean 'Pneumothorax'"):
        small_dataset(small_images()).choose_findings(["pneumotorax"])
