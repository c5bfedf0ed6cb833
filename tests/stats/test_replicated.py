"""Influences: derivatives, variances and degrees of freedom."""

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score

from cxraudit.stats.calibration import calibration_replicates
from cxraudit.stats.delong import delong
from cxraudit.stats.ranking import METRICS, ranking_replicates
from cxraudit.stats.replicated import Replicated
from cxraudit.stats.resampling import draw_resamples
from cxraudit.stats.thresholds import decisions

PREVALENCE = 0.2


def images(seed: int, *, digits: int = 12, n_patients: int = 40):
    """Patients with different numbers of images."""
    rng = np.random.default_rng(seed)
    patients = np.repeat(np.arange(n_patients), 1 + rng.poisson(3, n_patients))
    labels = rng.random(patients.size) < rng.beta(1, 2, n_patients)[patients]
    scores = labels + rng.normal(size=n_patients)[patients] + rng.normal(size=patients.size)
    return patients, labels, np.round(scores, digits)


def with_weights(metric: str, labels, scores, weight) -> float:
    """The metric by scikit-learn, images weighted."""
    if metric == "auroc":
        return float(roc_auc_score(labels, scores, sample_weight=weight))
    share = weight[labels].sum() / weight.sum()
    if metric == "ap_at_prevalence":
        weight = weight * np.where(labels, PREVALENCE / share, (1 - PREVALENCE) / (1 - share))
    precision = average_precision_score(labels, scores, sample_weight=weight)
    return (
        float(1 - np.log(precision) / np.log(share))
        if metric == "adjusted_auprc"
        else float(precision)
    )


@pytest.mark.parametrize("digits", [0, 12])
@pytest.mark.parametrize("metric", [*METRICS, "average_precision"])
def test_influences_are_the_derivatives_of_scikit_learn(metric, digits):
    """A patient's images weigh a little more or less: central difference, with and without ties."""
    patients, labels, scores = images(0, digits=digits)
    cell = np.arange(labels.size) % 5 != 0
    found = ranking_replicates(
        labels,
        scores,
        patients,
        cell[None],
        draw_resamples(40, 0, 0),
        n_resamples=0,
        reference_prevalence=PREVALENCE,
    )[0]

    step = 1e-5
    slopes = []
    for patient in range(40):
        more = 1.0 + step * (patients == patient)
        values = [
            with_weights(metric, labels[cell], scores[cell], w[cell]) for w in (more, 2 - more)
        ]
        slopes.append((values[0] - values[1]) / (2 * step))

    np.testing.assert_allclose(getattr(found, metric).influence, slopes, atol=1e-8)


def test_the_analytic_error_is_delong_clustered():
    """Σφ² times n/(n − 1) is Obuchowski's variance; one patient per image gives DeLong's but for m − 1."""
    patients, labels, scores = images(1)
    found = ranking_replicates(
        labels,
        scores,
        patients,
        np.ones((1, labels.size), bool),
        draw_resamples(40, 0, 0),
        n_resamples=0,
    )[0]

    expected = delong(labels, scores, clusters=patients).covariance[0, 0]

    assert found.auroc.standard_error**2 * 40 / 39 == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("metric", METRICS)
def test_analytic_and_bootstrap_errors_agree(metric):
    """Of levels and of a gap, within 5 % on 400 patients."""
    patients, labels, scores = images(2, n_patients=400)
    group = patients % 2 == 0
    inside, outside = ranking_replicates(
        labels,
        scores,
        patients,
        np.stack([group, ~group]),
        draw_resamples(400, 4000, 0),
        n_resamples=4000,
    )

    for found in (getattr(inside, metric), getattr(inside, metric) - getattr(outside, metric)):
        assert found.standard_error == pytest.approx(found.replicates[1:].std(ddof=1), rel=0.05)


def test_rates_and_calibration_have_the_errors_of_their_replicates():
    """Every metric of decisions and of calibration: √Σφ² within 10 % of the bootstrap's."""
    patients, labels, scores = images(3, n_patients=500)
    probability = 1 / (1 + np.exp(-1.7 * scores))
    counts, cell = draw_resamples(500, 3000, 1), np.ones((1, labels.size), bool)
    rates = decisions(labels, scores, 0.4, patients, cell, counts, n_resamples=3000)[0]
    calibration = calibration_replicates(
        labels, probability, patients, cell, counts, n_resamples=3000
    )[0]

    found = {
        name: getattr(rates, name)
        for name in ("tpr", "fnr", "fpr", "ppv", "npv", "balanced_accuracy", "selection_rate")
    }
    found |= {"net benefit": rates.net_benefit(0.3)}
    found |= {name: getattr(calibration, name) for name in calibration.__slots__}
    for name, statistic in found.items():
        bootstrap = np.nanstd(statistic.replicates[1:], ddof=1)
        assert statistic.standard_error == pytest.approx(bootstrap, rel=0.1), name


def test_degrees_of_freedom_of_known_influences():
    """N − 1 for normal influences, on average; k − 1 if k of many patients contribute equally."""
    rng = np.random.default_rng(0)
    some = [Replicated(np.zeros(1), rng.normal(size=400)).degrees_of_freedom for _ in range(50)]
    few = np.r_[np.tile([1.0, -1.0], 4), np.zeros(300)]

    assert np.mean(some) == pytest.approx(400, rel=0.1)
    assert Replicated(np.zeros(1), few).degrees_of_freedom == 7
    assert np.isnan(Replicated(np.zeros(1), np.r_[1.0, np.zeros(5)]).degrees_of_freedom)


def test_degrees_of_freedom_describe_how_the_variance_varies():
    """With 20 patients of 5 times the weight, Σφ² varies like a χ² with the estimated degrees of freedom."""
    rng = np.random.default_rng(1)
    scale = np.r_[np.full(20, 5.0), np.ones(200)]
    drawn = [Replicated(np.zeros(1), scale * rng.normal(size=220)) for _ in range(2000)]
    variances = np.array([d.standard_error**2 for d in drawn])
    true = 2 * variances.mean() ** 2 / variances.var()

    estimated = np.median([d.degrees_of_freedom for d in drawn])

    assert 0.8 * true < estimated < 1.6 * true
    assert true < 60
