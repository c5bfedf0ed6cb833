"""The patients of a synthetic cohort are as specified."""

import numpy as np
import pytest

from cxraudit.datasets.base import FINDINGS
from cxraudit.phantom.cohort import draw_cohort, radiographs
from cxraudit.phantom.spec import PhantomSpec


@pytest.fixture(scope="module")
def cohort():
    """4,000 patients of the default specification."""
    return draw_cohort(PhantomSpec(n_patients=4000))


def test_a_larger_cohort_starts_with_the_smaller_one():
    """A patient depends on the seed and the number of the patient only."""
    small = draw_cohort(PhantomSpec(n_patients=5))
    large = draw_cohort(PhantomSpec(n_patients=9))

    assert large.head(len(small)).equals(small)


def test_prevalences_are_as_specified(cohort):
    """Within sampling error."""
    for finding, prevalence in PhantomSpec().prevalence.items():
        assert cohort[finding].mean() == pytest.approx(prevalence, abs=0.02), finding


def test_drains_are_as_frequent_as_specified(cohort):
    """Given pneumothorax and otherwise."""
    spec = PhantomSpec()
    positive = cohort["Pneumothorax"] == 1

    assert cohort.loc[positive, "drain"].mean() == pytest.approx(
        spec.drain_given_pneumothorax, abs=0.04
    )
    assert cohort.loc[~positive, "drain"].mean() == pytest.approx(spec.drain_otherwise, abs=0.01)


@pytest.mark.parametrize("attribute", ["sex", "race"])
def test_sex_and_race_have_no_effect(cohort, attribute):
    """Findings and drains are as frequent in every group, within sampling error."""
    by_group = cohort.groupby(attribute)[[*FINDINGS, "drain", "contrast"]].mean()

    assert (by_group.max() - by_group.min()).max() < 0.03


def test_the_age_effect_is_in_the_contrast(cohort):
    """Findings of patients aged 80 and over are faint."""
    by_group = cohort.groupby("age_group")["contrast"].unique()

    assert by_group["80+"].tolist() == [0.35]
    assert by_group["25-50"].tolist() == [1.0]


def test_labels_of_one_patient_are_correlated():
    """By the random effect of the patient."""
    cohort = draw_cohort(PhantomSpec(n_patients=3000, images_per_patient=4))
    first, second = (
        cohort[cohort["number"] == k].set_index("patient")["Pneumothorax"] for k in (0, 1)
    )
    both = first.to_frame("first").join(second.rename("second"), how="inner")

    assert both.corr().iloc[0, 1] > 0.05


def test_radiographs_have_the_content_of_the_cohort():
    """In its order; sizes and visibilities are those of the specification."""
    spec = PhantomSpec(n_patients=20, image_size=64, drain_visibility=0.5)
    cohort = draw_cohort(spec)

    content = radiographs(spec, cohort)

    assert [one.drain for one in content] == (cohort["drain"] == 1).tolist()
    assert np.array_equal(
        [len(one.findings) for one in content], cohort[list(FINDINGS)].sum(axis=1)
    )
    assert {(one.image_size, one.drain_visibility) for one in content} == {(64, 0.5)}
