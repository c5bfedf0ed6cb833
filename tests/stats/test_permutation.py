"""The permutation test of several groups."""

import numpy as np
import pytest

from cxraudit.stats.permutation import heterogeneity_test


def correlated(seed: int, *, gap_in_first: float = 0.0, n_patients: int = 120):
    """Correlated images within patients, in four groups."""
    rng = np.random.default_rng(seed)
    patients = np.repeat(np.arange(n_patients), rng.integers(1, 9, n_patients))
    groups = rng.integers(0, 4, n_patients)[patients]
    labels = rng.random(patients.size) < rng.beta(1, 2, n_patients)[patients]
    signal = np.where(groups == 0, 1.5 - gap_in_first, 1.5)
    scores = (
        labels * signal + rng.normal(size=n_patients)[patients] + rng.normal(size=patients.size)
    )
    return labels, scores, patients, groups


def test_size_and_power():
    """Of 200 cohorts without a difference about 5 % are rejected; with a difference, most are."""
    null = np.mean(
        [heterogeneity_test(*correlated(s), n_permutations=199, seed=s) <= 0.05 for s in range(200)]
    )
    power = np.mean(
        [
            heterogeneity_test(*correlated(s, gap_in_first=1.5), n_permutations=199) <= 0.05
            for s in range(40)
        ]
    )

    assert 0.01 <= null <= 0.09
    assert power >= 0.8


def test_names_and_order_do_not_matter():
    """Relabelled groups and shuffled images: the same statistic, nearly the same p-value."""
    labels, scores, patients, groups = correlated(3, gap_in_first=1.0)
    order = np.random.default_rng(0).permutation(labels.size)

    first = heterogeneity_test(labels, scores, patients, groups, n_permutations=1999)
    renamed = np.array(["d", "c", "b", "a"])[groups]
    second = heterogeneity_test(
        labels[order], scores[order], patients[order], renamed[order], n_permutations=1999
    )

    assert second == pytest.approx(first, abs=0.03)


def test_one_group_is_undefined():
    """The p-value is NaN."""
    assert np.isnan(heterogeneity_test([0, 1, 1, 0], [0.1, 0.2, 0.3, 0.4], [0, 1, 2, 3], ["a"] * 4))
