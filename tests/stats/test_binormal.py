"""Variances of a study that is still to be made are those of its statistics."""

import numpy as np
import pytest
from scipy.stats import multivariate_normal

from cxraudit.stats.binormal import (
    Occurrences,
    auroc_kernel,
    both_below,
    both_have,
    covariance,
    distance,
    placements,
    rate_kernel,
    relative_error,
    variance,
)
from cxraudit.stats.ranking import ranking_replicates
from cxraudit.stats.resampling import draw_resamples


@pytest.mark.parametrize("place", [-1.3, 0.0, 0.4, 2.1])
@pytest.mark.parametrize("correlation", [-0.4, 0.0, 0.5, 0.9])
def test_both_below_is_the_bivariate_normal(place, correlation):
    """Against scipy's distribution function."""
    expected = multivariate_normal(cov=[[1, correlation], [correlation, 1]]).cdf([place, place])

    assert both_below(place, correlation) == pytest.approx(float(expected), abs=1e-6)


def test_the_variance_of_independent_images_is_that_of_mann_whitney():
    """At chance level, and in large samples: (1/m + 1/n)/12."""
    cell = Occurrences(0.2, 0.8, 0.0, 0.0, 0.0)
    n = 1e7

    found = variance(auroc_kernel(0.5, 0.5), cell, n)

    assert found == pytest.approx((1 / (0.2 * n) + 1 / (0.8 * n)) / 12, rel=1e-6)


def test_a_rate_is_a_share():
    """Of independent images: p (1 − p)/n, of its own class only."""
    cell = Occurrences(0.2, 0.8, 0.0, 0.0, 0.0)

    tpr = variance(rate_kernel(0.6, 0.5, of_positives=True), cell, 1e7)
    fpr = variance(rate_kernel(0.1, 0.5, of_positives=False), cell, 1e7)

    assert tpr == pytest.approx(0.6 * 0.4 / 2e6, rel=1e-5)
    assert fpr == pytest.approx(0.1 * 0.9 / 8e6, rel=1e-5)


@pytest.mark.parametrize(("correlation", "label"), [(0.5, 0.0), (0.5, 0.4), (0.8, 1.0)])
def test_the_variance_is_that_of_the_influences(correlation, label):
    """Of 20,000 patients with three images each, whose influences the ranking itself computes."""
    rng = np.random.default_rng(5)
    n, each, rate, auroc = 20_000, 3, 0.3, 0.8
    patient = np.repeat(np.arange(n), each)
    # One label for all images of a patient in a share of patients: a correlation of that share.
    shared, own = rng.random(n) < rate, rng.random(n * each) < rate
    alike = rng.random(n) < label
    positive = np.where(alike[patient], shared[patient], own)
    noise = np.sqrt(correlation) * rng.normal(size=n)[patient]
    noise = noise + np.sqrt(1 - correlation) * rng.normal(size=n * each)
    (found,) = ranking_replicates(
        positive,
        noise + positive * distance(auroc),
        patient,
        np.ones((1, n * each), dtype=bool),
        draw_resamples(n, 0, 0),
        n_resamples=0,
    )
    both = both_have(rate, rate, label)
    pairs = each * (each - 1)
    cell = Occurrences(
        each * rate,
        each * (1 - rate),
        pairs * both,
        pairs * (1 - 2 * rate + both),
        pairs * (rate - both),
    )

    planned = variance(auroc_kernel(auroc, correlation), cell, n)

    assert np.sqrt(planned) == pytest.approx(found.auroc.standard_error, rel=0.02)


def test_what_patients_share_cancels_between_their_images():
    """If the group of an image is independent of its patient, patients add nothing to a gap."""
    kernel, n = auroc_kernel(0.8, 0.6), 1e7
    pairs = np.array([0.1, 0.6, 0.15]) * 6
    parts = [
        Occurrences(3 * w * 0.25, 3 * w * 0.75, *(pairs * w * w), concentration=0.0)
        for w in (0.3, 0.7)
    ]
    shared = Occurrences(3.0, 3.0, *(pairs * 0.3 * 0.7))
    alone = [Occurrences(one.positive, one.negative, 0.0, 0.0, 0.0) for one in parts]

    gap = sum(variance(kernel, one, n) for one in parts) - 2 * covariance(
        kernel, shared, (parts[0], parts[1]), n
    )

    assert gap == pytest.approx(sum(variance(kernel, one, n) for one in alone), rel=1e-9)


def test_placements_average_to_the_auroc():
    """Those of positives and those of negatives."""
    rng = np.random.default_rng(0)
    noise = rng.normal(size=200_000)
    positive = rng.random(200_000) < 0.5

    found = placements(positive, noise, 0.85)

    assert found[positive].mean() == pytest.approx(0, abs=0.002)
    assert found[~positive].mean() == pytest.approx(0, abs=0.002)
    assert found[positive].var() == pytest.approx(auroc_kernel(0.85, 0.5).positive, rel=0.02)


def test_the_error_grows_as_the_auroc_falls():
    """And is the same on the other side of chance level."""
    assert relative_error(0.85, 0.85) == pytest.approx(1)
    assert relative_error(0.6, 0.85) > relative_error(0.7, 0.85) > 1
    assert relative_error(0.3, 0.7) == pytest.approx(1)
