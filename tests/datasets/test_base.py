"""The checks of a data set, its flow, and how ages, sexes and contradictory rows are read."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cxraudit.datasets import values
from cxraudit.datasets.base import (
    Dataset,
    age_group,
    age_groups,
    excluded_images,
    flow,
    ordered_groups,
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
def test_age_groups_are_left_closed(age, group):
    """Minors have a group; impossible ages are unknown."""
    assert age_group(age) == group


def test_a_lower_bound_has_a_group_only_if_it_is_in_the_last_one():
    """Above 60 may be 65 to 80 or older; 90 and over is in the last group."""
    ages = values.ages(pd.Series(["> 60", "90+", "61", "> 79", "> 78"]), "ages")

    assert age_groups(ages).tolist() == ["unknown", "80+", "50-65", "80+", "unknown"]


def test_a_patient_with_two_sexes_is_conflicting():
    """In all rows of the patient; an unknown row gets the known value."""
    patients = pd.Series(["1", "1", "2", "2", "3"])
    values = pd.Series(["female", "male", "male", "unknown", "unknown"])

    resolved = resolve_per_patient(patients, values)

    assert resolved.tolist() == ["conflicting", "conflicting", "male", "male", "unknown"]


def test_age_groups_are_ordered_by_age():
    """Unknown is last."""
    assert ordered_groups("age_group", ["unknown", "80+", "under 18", "25-50"]) == [
        "under 18",
        "25-50",
        "80+",
        "unknown",
    ]


def test_a_missing_column_is_named():
    """The message names it and the columns of the table."""
    with pytest.raises(MissingColumnsError, match="lacks the column patient_id"):
        small_dataset(small_images().drop(columns="patient_id"))


def test_an_empty_table_is_refused():
    """A data set has at least one image."""
    with pytest.raises(DataError, match="no rows"):
        small_dataset(small_images().head(0))


def test_a_repeated_image_is_refused():
    """The message names the first one."""
    with pytest.raises(DataError, match="image_id was already there, first a"):
        small_dataset(small_images(image_id=["a", "a", "c"]))


def test_a_finding_other_than_1_and_0_is_refused():
    """-1 needs a policy for uncertain labels."""
    with pytest.raises(DataError, match="must hold 1, 0 or nothing"):
        small_dataset(small_images(Pneumothorax=[1.0, -1.0, 0.0]))


def test_an_image_without_a_patient_is_refused():
    """Patients are the unit of every interval."""
    with pytest.raises(DataError, match="1 row without patient_id"):
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
def test_groups_are_text_for_every_type_of_column(dtype, values, expected):
    """Categories, nullable integers, floats and booleans; ids are text, too."""
    images = small_images(sex=pd.Series(values, dtype=dtype), image_id=[1, 2, 3])

    dataset = small_dataset(images)

    assert dataset.images["sex"].tolist() == expected
    assert dataset.images["image_id"].tolist() == ["1", "2", "3"]


def test_a_name_used_twice_is_refused():
    """A finding cannot be an attribute."""
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


def test_a_shortcut_other_than_yes_and_no_is_refused():
    """1 and 0 have to be recoded."""
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


def test_excluded_images_are_counted():
    """Images and patients per step, with the reason; a step that leaves no image is refused."""
    dataset = small_dataset(small_images())

    kept = dataset.keep(dataset.images["sex"] == "female", step="women", reason="not female")

    assert kept.exclusions.to_dict("records") == [
        {"step": "women", "images": 1, "patients": 1, "reason": "not female"}
    ]
    with pytest.raises(DataError, match="leaves no image"):
        dataset.keep(dataset.images["sex"] == "none", step="none", reason="")


def test_a_misspelled_finding_gets_a_suggestion():
    """The most similar finding of the data set."""
    with pytest.raises(UnknownNameError, match="Did you mean 'Pneumothorax'"):
        small_dataset(small_images()).choose_findings(["pneumotorax"])


def _cohort(patients, studies) -> Dataset:
    images = pd.DataFrame(
        {
            "image_id": [f"f{n}" for n in range(len(patients))],
            "patient_id": [f"p{n}" for n in patients],
            "study_id": [f"s{p}-{s}" for p, s in zip(patients, studies, strict=True)],
            "path": "",
            "view_position": "PA",
            "Pneumonia": 0.0,
        }
    )
    return Dataset(
        name="small",
        version="",
        license="",
        root=None,
        images=images,
        findings=("Pneumonia",),
        attributes=(),
    )


@settings(max_examples=60, deadline=None)
@given(
    images=st.lists(st.tuples(st.integers(0, 6), st.integers(0, 2)), min_size=1, max_size=40),
    filters=st.lists(st.integers(0, 2**40 - 1), max_size=5),
)
def test_excluded_and_remaining_images_add_up(images, filters):
    """To the release, for images, studies and patients, after every step."""
    dataset = release = _cohort([p for p, _ in images], [s for _, s in images])
    for number, bits in enumerate(filters):
        rows = dataset.images.index
        mask = pd.Series([bool(bits >> int(r) & 1) for r in rows], index=rows)
        if not mask.any():
            continue
        dataset = dataset.keep(mask, step=f"step {number}", reason=f"reason {number}")

    steps = flow(dataset)

    for what, key in (("images", "image_id"), ("studies", "study_id"), ("patients", "patient_id")):
        start = release.images[key].nunique()
        assert steps[what].iloc[0] == start
        assert steps[what].iloc[-1] == dataset.images[key].nunique()
        assert (steps[what] + steps[f"{what}_out"].cumsum() == start).all()
    listed = excluded_images(dataset)
    assert sorted([*listed["image_id"], *dataset.images["image_id"]]) == sorted(
        release.images["image_id"]
    )
    assert listed["reason"].str.startswith("reason").all()


def test_a_repeated_step_is_numbered():
    """A repeated step that excludes nothing is not listed."""
    dataset = _cohort([0, 1, 2], [0, 0, 0])
    once = dataset.keep(dataset.images["patient_id"] != "p0", step="some", reason="r")

    assert once.keep(pd.Series([True, True]), step="some", reason="r").steps == once.steps
    twice = once.keep(once.images["patient_id"] != "p1", step="some", reason="r")

    assert [name for name, _ in twice.steps] == ["some", "some (2)"]
    assert flow(twice)["images"].tolist() == [3, 2, 1]
