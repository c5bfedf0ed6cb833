"""The partial effect is that of least squares, with a cluster-robust error."""

import numpy as np
import pytest

from cxraudit.stats.partial_effect import partial_effect, robustness_value


def test_the_effect_is_the_coefficient_of_least_squares():
    """Constant and collinear covariates change nothing."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(200, 3))
    group = x[:, 0] + rng.normal(size=200) > 0
    y = 0.7 * group + x @ [1.0, -1.0, 0.5] + rng.normal(size=200)
    design = np.column_stack([group, np.ones(200), x])
    expected = np.linalg.lstsq(design, y, rcond=None)[0][0]

    found = partial_effect(y, group, np.column_stack([x, x[:, 0] - x[:, 1], np.ones(200)]))

    assert found.value == pytest.approx(expected, abs=1e-9)
    assert found.pseudo_values.mean() == pytest.approx(expected, abs=1e-9)
    assert found.n_covariates == 3


def test_the_error_is_hc3():
    """Of independent images, but for the mean of the influences."""
    rng = np.random.default_rng(1)
    group = np.arange(40) < 8
    y = rng.normal(size=40) * np.where(group, 2.0, 1.0)
    design = np.column_stack([np.ones(40), group])
    inverse = np.linalg.inv(design.T @ design)
    residuals = y - design @ inverse @ design.T @ y
    scaled = residuals / (1 - np.einsum("ij,jk,ik->i", design, inverse, design))
    expected = (inverse @ (design.T * scaled**2) @ design @ inverse)[1, 1]

    found = partial_effect(y, group)

    influence = (found.pseudo_values - found.value) / 40
    assert (influence**2).sum() == pytest.approx(expected, rel=1e-6)


def test_the_influence_of_a_patient_is_the_change_without_it():
    """Refitted without each patient, also where a patient alone has a level of a covariate."""
    rng = np.random.default_rng(2)
    patients = rng.integers(0, 12, 60)
    x = np.column_stack([rng.normal(size=60), patients == 3, rng.normal(size=60) > 1])
    group = x[:, 0] + rng.normal(size=60) > 0
    y = 0.7 * group + x @ [1.0, -1.0, 0.5] + rng.normal(size=60)

    def coefficient(kept):
        design = np.column_stack([group, np.ones(60), x])[kept]
        return np.linalg.lstsq(design, y[kept], rcond=None)[0][0]

    expected = [coefficient(patients >= 0) - coefficient(patients != p) for p in range(12)]

    found = partial_effect(y, group, x, patients)

    sums = np.bincount(patients, (found.pseudo_values - found.value) / 60)
    sizes = np.bincount(patients)
    shift = np.sum(expected) / 60 * sizes  # pseudo-values are centred image by image
    assert sums == pytest.approx(np.array(expected) - shift, abs=1e-6)


@pytest.mark.parametrize("n_other", [2, 8])
def test_few_patients_determine_a_coefficient_whatever_the_size_of_the_group(n_other):
    """The group is the covariate but for a few patients."""
    x = np.arange(200) < 100
    group = x.copy()
    group[: n_other // 2] = False
    group[-(n_other // 2) :] = True
    patients = np.arange(200)

    found = partial_effect(
        np.zeros(400), np.repeat(group, 2), np.repeat(x, 2)[:, None], patients.repeat(2)
    )

    assert found.effective_patients == pytest.approx(n_other, rel=0.15)
    assert partial_effect(np.zeros(200), group).effective_patients == pytest.approx(200)


def test_the_size_of_a_covariate_has_no_effect():
    """Also where its squares are infinite."""
    rng = np.random.default_rng(3)
    x, y = rng.normal(size=100), rng.normal(size=100)
    group = x + rng.normal(size=100) > 0

    found = [partial_effect(y, group, (x * scale)[:, None]).value for scale in (1.0, 1e300, 1e-300)]

    assert found == pytest.approx([found[0]] * 3)


def test_a_group_that_covariates_determine_has_no_effect():
    """NaN."""
    group = np.arange(10) < 5

    assert np.isnan(partial_effect(np.arange(10.0), group, group[:, None]).value)


@pytest.mark.parametrize(("f", "expected"), [(0.0, 0.0), (4.184 / 783**0.5, 0.139), (np.inf, 1.0)])
def test_the_robustness_value_is_that_of_the_article(f, expected):
    """Darfur: t = 4.184 with 783 degrees of freedom (Cinelli and Hazlett 2020)."""
    assert robustness_value(f) == pytest.approx(expected, abs=5e-4)
