"""Distances between groups: values, coverage of intervals, level of tests."""

import numpy as np
import pytest
from scipy.spatial.distance import cdist
from scipy.stats import ks_2samp, norm

from cxraudit.stats.distances import energy_distance, ks_distance


def test_ks_equals_scipy():
    """Distance and p-value, also with ties."""
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=80).round(1), rng.normal(0.4, size=120).round(1)

    found = ks_distance(a, b, n_resamples=200)

    expected = ks_2samp(a, b)
    assert found.value == expected.statistic
    assert found.p_value == expected.pvalue
    assert 0 <= found.low <= found.value <= found.high + 0.05
    assert np.isnan(ks_distance([], b).value)


@pytest.mark.parametrize("shift", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("sizes", [(30, 30), (30, 300)])
def test_the_interval_of_ks_covers_the_true_distance(shift, sizes):
    """Of two normals, at least 89 % of 120 intervals of 95 %: less than 1 in 100 chances if they hold it."""
    rng = np.random.default_rng(1)
    truth = norm.cdf(shift / 2) - norm.cdf(-shift / 2)
    found = [
        ks_distance(
            rng.normal(size=sizes[0]), rng.normal(shift, size=sizes[1]), n_resamples=100, seed=seed
        )
        for seed in range(120)
    ]

    assert np.mean([one.low <= truth <= one.high for one in found]) >= 0.89
    assert all(one.low <= one.value <= one.high for one in found)


def test_groups_that_do_not_overlap_are_not_certain_to_be_apart():
    """D is 1, and its interval reaches lower, the more so the fewer patients there are."""
    few, many = (ks_distance(np.arange(n), 1000.0 + np.arange(n)) for n in (10, 100))

    assert few.value == few.high == 1
    assert few.low < many.low < 1
    assert few.low < 0.9


def test_one_patient_gives_no_interval():
    """There are no halves."""
    found = ks_distance([0.3], np.arange(9.0))

    assert found.value > 0.5
    assert np.isnan(found.low)


def test_energy_distance_equals_its_definition():
    """Means over all pairs, without pairs of a vector with itself."""
    rng = np.random.default_rng(2)
    x = rng.normal(size=(30, 4))
    mask = np.arange(30) < 12

    found = energy_distance(x, mask, n_permutations=99)

    between = cdist(x[mask], x[~mask]).mean()
    inside = cdist(x[mask], x[mask]).sum() / (12 * 11)
    outside = cdist(x[~mask], x[~mask]).sum() / (18 * 17)
    np.testing.assert_allclose(found.value, (2 * between - inside - outside) / (2 * between))


def test_energy_distance_detects_a_shift():
    """Also along axes of small variance, which a projection on two components does not show."""
    rng = np.random.default_rng(3)
    mask = np.arange(200) < 100
    x = rng.normal(size=(200, 30)) * np.linspace(2, 0.4, 30)
    x[mask, -4:] += 0.6

    assert energy_distance(x, mask).p_value < 0.01


def test_the_test_of_energy_distance_keeps_its_level():
    """Of 40 cohorts without a difference, at most 6 have a p-value below 0.05."""
    rng = np.random.default_rng(3)
    mask = np.arange(60) < 30

    p_values = [energy_distance(rng.normal(size=(60, 10)), mask, seed=k).p_value for k in range(40)]

    assert np.isfinite(p_values).all()
    assert np.sum(np.array(p_values) < 0.05) <= 6


def test_a_group_of_one_has_no_energy_distance():
    """All values are NaN."""
    assert np.isnan(energy_distance(np.zeros((3, 2)), [True, False, False]).value)
