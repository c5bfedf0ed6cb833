"""Resamples hold as many patients as the cohort, extend, and never depend on anything else."""

import numpy as np
import pytest

from cxraudit.stats.resampling import LANES, draw_resamples


def test_every_replicate_holds_as_many_patients_as_the_cohort():
    """Column sums equal the number of patients; lane 0 is the cohort; the rest is empty."""
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


def test_nothing_to_draw_from_is_refused():
    """Zero patients is misuse."""
    with pytest.raises(ValueError, match="n_units"):
        draw_resamples(0, 10, seed=0)
