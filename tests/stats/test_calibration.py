"""Calibration metrics: agreement with scikit-learn, replicates, small groups."""

import numpy as np
import pytest
from scipy.special import expit, logit
from sklearn.calibration import calibration_curve
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import brier_score_loss

from cxraudit.stats._lanes import LANES
from cxraudit.stats.calibration import (
    calibration_replicates,
    equal_mass_edges,
    equal_width_edges,
    platt,
    reliability_curve,
)
from cxraudit.stats.resampling import draw_resamples


def cohort(seed: int, n: int, *, slope: float = 1.0, shift: float = 0.0):
    """Labels drawn from true probabilities, and distorted probabilities."""
    rng = np.random.default_rng(seed)
    truth = rng.normal(-1.5, 1.2, n)
    labels = rng.random(n) < expit(truth)
    return labels, expit(truth * slope + shift)


def point(labels, probability, **options):
    """Calibration of all images, one per patient, without resamples."""
    n = len(labels)
    return calibration_replicates(
        labels,
        probability,
        np.arange(n),
        np.ones((1, n), bool),
        draw_resamples(n, 0, 0),
        n_resamples=0,
        **options,
    )[0]


def test_brier_and_reliability_equal_scikit_learn():
    """Brier score, and reliability curve over ten bins of equal width."""
    labels, probability = cohort(0, 2000)
    observed, predicted = calibration_curve(labels, probability, n_bins=10)

    found = point(labels, probability)
    curve = reliability_curve(labels, probability)

    assert found.brier.replicates[0] == pytest.approx(brier_score_loss(labels, probability))
    expected = ((1 - probability[labels]) ** 2).mean() / 2 + (probability[~labels] ** 2).mean() / 2
    assert found.balanced_brier.replicates[0] == pytest.approx(expected)
    np.testing.assert_allclose(curve[:, 0], predicted)
    np.testing.assert_allclose(curve[:, 1], observed)
    weights = curve[:, 2] / curve[:, 2].sum()
    assert found.calibration_error.replicates[0] == pytest.approx(
        (weights * np.abs(observed - predicted)).sum()
    )


def test_slope_and_intercept_equal_a_logistic_regression():
    """Probabilities twice too extreme have a slope of about one half."""
    labels, probability = cohort(1, 4000, slope=2.0)
    reference = LogisticRegression(C=np.inf, tol=1e-10).fit(logit(probability)[:, None], labels)

    found = point(labels, probability)

    assert found.calibration_slope.replicates[0] == pytest.approx(reference.coef_[0, 0], abs=1e-4)
    assert found.calibration_slope.replicates[0] == pytest.approx(0.5, abs=0.05)


def test_calibration_in_the_large_finds_a_shift():
    """Probabilities too high by 0.7 on the logit have an intercept of about −0.7."""
    labels, probability = cohort(2, 20_000, shift=0.7)

    found = point(labels, probability)

    assert found.calibration_intercept.replicates[0] == pytest.approx(-0.7, abs=0.06)
    assert found.observed_expected.replicates[0] < 0.8


def test_the_debiased_error_does_not_depend_on_group_size():
    """With perfect calibration ECE grows as images get fewer; the debiased error stays small."""

    def mean(n, metric):
        return np.mean([getattr(point(*cohort(s, n)), metric).value for s in range(40)])

    assert mean(100, "calibration_error") > 2.5 * mean(4000, "calibration_error")
    assert mean(100, "debiased_error") < 0.6 * mean(100, "calibration_error")


def test_replicates_equal_those_of_the_resampled_images():
    """The Brier score exactly; the slope within 15 % of its standard deviation over refits."""
    labels, probability = cohort(3, 800, slope=1.3)
    patients = np.random.default_rng(0).integers(0, 200, 800)
    counts = draw_resamples(200, 120, seed=0)
    found = calibration_replicates(
        labels, probability, patients, np.ones((1, 800), bool), counts, n_resamples=120
    )[0]

    refits = []
    for r in range(1, 121):
        rows = np.repeat(np.arange(800), counts[r // LANES, :, r % LANES][patients])
        assert found.brier.replicates[r] == pytest.approx(
            brier_score_loss(labels[rows], probability[rows])
        )
        refits.append(point(labels[rows], probability[rows]).calibration_slope.value)
    assert found.calibration_slope.replicates[1:].std() == pytest.approx(np.std(refits), rel=0.15)
    assert np.corrcoef(found.calibration_slope.replicates[1:], refits)[0, 1] > 0.95


def test_bins_do_not_depend_on_the_group():
    """Edges span [0, 1]; equal-mass edges are chosen once, on all images."""
    _, probability = cohort(4, 500)

    assert equal_width_edges(10)[[0, -1]].tolist() == [0, 1]
    edges = equal_mass_edges(probability, 5)
    assert np.histogram(probability, edges)[0].tolist() == [100] * 5


def test_values_outside_0_to_1_raise():
    """Logits are not probabilities."""
    with pytest.raises(ValueError, match=r"\[0, 1\]"):
        reliability_curve([0, 1], [-1.0, 3.0])


def test_one_class_has_no_slope():
    """The slope is NaN; the Brier score is defined."""
    found = point(np.zeros(20, bool), np.linspace(0.1, 0.4, 20))

    assert np.isnan(found.calibration_slope.replicates[0])
    assert np.isfinite(found.brier.replicates[0])


def test_scores_whose_squares_overflow_have_a_map():
    """The probabilities are those of the same scores on another scale."""
    rng = np.random.default_rng(0)
    labels = rng.random(200) < 0.4
    scores = labels + rng.normal(size=200)

    intercept, slope = platt(labels, scores)
    large, tiny_slope = platt(labels, scores * 1e300)

    assert large == pytest.approx(intercept)
    assert tiny_slope * 1e300 == pytest.approx(slope)
