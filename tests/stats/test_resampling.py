"""Resamples of patients: size, distribution, reproducibility."""

import numpy as np
import pytest
from scipy.stats import binom, chisquare

from cxraudit.stats._lanes import LANES
from cxraudit.stats.resampling import draw_resamples, per_unit, unit_sums


def test_every_replicate_holds_as_many_patients_as_the_cohort():
    """Column sums equal the number of patients; lane 0 is the cohort; unused lanes are empty."""
    counts = draw_resamples(37, 100, seed=0)
    lanes = counts.transpose(0, 2, 1).reshape(-1, 37)

    assert counts.shape == (2, 37, LANES)
    assert (lanes[0] == 1).all()
    assert (lanes[1:101].sum(axis=1) == 37).all()
    assert not lanes[101:].any()


def test_more_replicates_extend_fewer():
    """The first 50 of 200 replicates are the 50 of 50."""
    few, many = draw_resamples(20, 50, seed=4), draw_resamples(20, 200, seed=4)

    np.testing.assert_array_equal(few[0, :, :51], many[0, :, :51])


def test_another_seed_draws_other_patients():
    """Seeds 0 and 1 share hardly any replicate."""
    assert not np.array_equal(draw_resamples(20, 50, seed=0), draw_resamples(20, 50, seed=1))


def test_counts_have_the_moments_of_a_bootstrap():
    """Mean 1 and variance 1 − 1/n over 2,000 replicates of 50 patients."""
    counts = draw_resamples(50, 2000, seed=7)
    lanes = counts.transpose(0, 2, 1).reshape(-1, 50)[1:2001].astype(float)

    assert lanes.mean() == pytest.approx(1)
    assert lanes.var() == pytest.approx(1 - 1 / 50, rel=0.03)


@pytest.mark.parametrize("n", [2, 3, 10, 500])
def test_the_number_of_draws_of_a_patient_is_binomial(n):
    """Chi-square of the counts of one patient against Binomial(n, 1/n), over 6,000 replicates."""
    counts = draw_resamples(n, 6000, seed=2)
    drawn = counts.transpose(1, 0, 2).reshape(n, -1)[:, 1:6001]

    for patient in {0, n // 2, n - 1}:
        observed = np.bincount(drawn[patient], minlength=5)
        expected = 6000 * binom.pmf(np.arange(4), n, 1 / n)
        kept = expected > 5
        observed = np.r_[observed[:4][kept], 6000 - observed[:4][kept].sum()]
        expected = np.r_[expected[kept], 6000 - expected[kept].sum()]
        used = expected > 1e-6
        scale = observed[used].sum() / expected[used].sum()
        assert chisquare(observed[used], expected[used] * scale).pvalue > 1e-3
        assert observed[~used].sum() == 0


def test_draws_of_half_the_patients_are_binomial():
    """The number of draws of half of the patients is Binomial(n, 1/2): variance n/4."""
    counts = draw_resamples(400, 6000, seed=5)
    half = counts[:, :200].sum(axis=1, dtype=np.int64).reshape(-1)[1:6001]

    assert half.mean() == pytest.approx(200, abs=0.6)
    assert half.var() == pytest.approx(100, rel=0.08)


def test_threads_draw_the_same_patients():
    """One thread or four draw the same, with and without strata."""
    for strata in (None, np.arange(90) % 3):
        one, four = (draw_resamples(90, 300, seed=1, strata=strata, n_threads=n) for n in (1, 4))
        np.testing.assert_array_equal(one, four)


def test_sums_over_replicates_are_a_matrix_product():
    """Values per image, some zero, some negative, against the definition."""
    rng = np.random.default_rng(0)
    units = rng.integers(0, 30, 200)
    values = rng.normal(size=(3, 200)) * (rng.random((3, 200)) < 0.5)
    counts = draw_resamples(30, 150, seed=0)
    drawn = counts.transpose(1, 0, 2).reshape(30, -1)[:, :151].astype(float)

    found = unit_sums(per_unit(values, units, 30), counts, 150)

    np.testing.assert_allclose(found, values @ drawn[units], atol=1e-10)


def test_no_patients_raise():
    """There is nothing to draw from."""
    with pytest.raises(ValueError, match="n_units"):
        draw_resamples(0, 10, seed=0)


def test_strata_keep_their_size_in_every_replicate():
    """Of 5 and 95 patients in two strata, every resample has 5 and 95."""
    strata = np.r_[np.ones(5), np.zeros(95)]

    counts = draw_resamples(100, 200, seed=0, strata=strata)

    lanes = counts.transpose(0, 2, 1).reshape(-1, 100)[1:201]
    assert (lanes[:, :5].sum(1) == 5).all()
    assert (lanes.sum(1) == 100).all()
