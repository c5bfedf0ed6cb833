"""Shortfalls of many sets at once equal those of each by itself."""

import numpy as np
import pytest

from cxraudit.stats.ranking import ranking_replicates
from cxraudit.stats.resampling import draw_resamples
from cxraudit.stats.shortfall import Shortfalls, ranked


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("decimals", [0, 8])
def test_values_and_errors_are_those_of_the_estimates(weighted, decimals):
    """With ties, several images of a patient, and weights."""
    rng = np.random.default_rng(0)
    n = 300
    patients = rng.integers(0, 120, n)
    patients = np.unique(patients, return_inverse=True)[1]
    y_true = rng.random(n) < 0.3
    scores = np.round(rng.normal(size=n) + y_true, decimals)
    weights = rng.uniform(0.5, 2, n) if weighted else None
    inside = rng.random((7, n)) < 0.4
    outside = ~inside & (rng.random((7, n)) < 0.8)
    counts = draw_resamples(int(patients.max()) + 1, 0, 0)

    found = ranked(y_true, scores, patients, weights).shortfalls(inside, outside)
    one, other = (
        [
            replicates.auroc
            for replicates in ranking_replicates(
                y_true, scores, patients, sets, counts, n_resamples=0, weights=weights
            )
        ]
        for sets in (inside, outside)
    )

    expected = [b.value - a.value for a, b in zip(one, other, strict=True)]
    errors = [
        np.sqrt(((b.influence - a.influence) ** 2).sum()) for a, b in zip(one, other, strict=True)
    ]
    assert found.differences == pytest.approx(expected, abs=1e-10)
    assert found.errors == pytest.approx(errors, rel=1e-8)


def test_patients_are_counted_once():
    """By class, in any set."""
    ranks = ranked(np.array([True, True, False, True]), np.arange(4.0), np.array([0, 0, 0, 5]))
    sets = np.array([[True, True, True, False], [False, False, False, True]])

    assert ranks.patients_with(sets, positive=True).tolist() == [1, 1]
    assert ranks.patients_with(sets, positive=False).tolist() == [1, 0]


def test_a_large_set_comes_before_a_noisy_one_and_an_undefined_one_last():
    """Shrunken for size."""
    found = Shortfalls(np.array([0.2, 0.1, np.nan]), np.array([0.2, 0.02, np.nan]))

    assert np.argsort(-found.lower(0.05)).tolist() == [1, 0, 2]
    assert found.lower(0.05)[2] == -np.inf


def test_one_class_has_no_shortfall():
    """Nothing is ranked."""
    ranks = ranked(np.array([True, False, False]), np.arange(3.0), np.arange(3))

    found = ranks.shortfalls(np.array([[True, False, False]]), np.array([[False, True, True]]))

    assert np.isnan(found.differences).all()
