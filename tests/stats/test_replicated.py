"""Influences: derivatives, variances and degrees of freedom."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import t
from sklearn.metrics import average_precision_score, roc_auc_score

from cxraudit.stats.calibration import calibration_replicates
from cxraudit.stats.delong import delong
from cxraudit.stats.ranking import METRICS, ranking_replicates
from cxraudit.stats.replicated import Replicated, over_runs
from cxraudit.stats.resampling import draw_resamples
from cxraudit.stats.thresholds import decisions
from cxraudit.stats.variance import Variance

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


def runs_of(seed: int, n_runs: int, *, apart: float, own: float = 0.4, n_patients: int = 50):
    """A mean over patients in training runs, which differ in all patients, and in each."""
    rng = np.random.default_rng(seed)
    shared = rng.normal(size=n_patients)
    values = (
        shared + own * rng.normal(size=(n_runs, n_patients)) + apart * rng.normal(size=(n_runs, 1))
    )
    return [Replicated(np.array([one.mean()]), (one - one.mean()) / n_patients) for one in values]


@pytest.mark.parametrize("n_runs", [2, 3, 7])
def test_the_variance_over_runs_is_that_of_obuchowski_and_rockette(n_runs):
    """MS(runs)/K + Cov₂, the covariance of two runs for the same patients."""
    parts = runs_of(n_runs, n_runs, apart=1.0)

    found = over_runs(parts, "m")

    values = np.array([part.value for part in parts])
    influences = np.stack([part.influence for part in parts])
    shared = influences @ influences.T
    covariance = shared[~np.eye(n_runs, dtype=bool)].mean()
    assert found.value == pytest.approx(values.mean())
    assert found.variance.total == pytest.approx(values.var(ddof=1) / n_runs + covariance)


def test_runs_that_patients_explain_add_nothing():
    """The spread between runs is then no more than that of the patients within them."""
    parts = runs_of(4, 3, apart=0.0, own=3.0, n_patients=2000)
    mean = np.mean([part.influence for part in parts], axis=0)
    values = [part.value for part in parts]
    close = [Replicated(np.array([np.mean(values)]), part.influence) for part in parts]

    found = over_runs(close, "m")

    assert found.variance.total == pytest.approx((mean**2).sum())
    alone = Replicated(np.zeros(1), mean)
    assert found.degrees_of_freedom == pytest.approx(alone.degrees_of_freedom)


def test_differences_of_the_same_runs_are_taken_within_runs():
    """What all statistics of a run share cancels; runs of another model are others."""
    parts = runs_of(5, 4, apart=1.0)
    further = [Replicated(part.replicates + 0.3, part.influence) for part in parts]

    same = over_runs(parts, "m") - over_runs(further, "m")
    others = over_runs(parts, "m") - over_runs(further, "n")

    assert same.variance.total == pytest.approx(0, abs=1e-20)
    within = sum(part for part, _ in over_runs(parts, "m").variance.runs)
    assert others.variance.total == pytest.approx(2 * within)


def test_replicates_of_runs_vary_as_the_error_does():
    """So that percentiles, and what is adjusted over shared resamples, hold the error of runs."""
    parts = [
        Replicated(np.full(100_001, part.value), part.influence)
        for part in runs_of(6, 3, apart=1.0)
    ]
    noise = np.random.default_rng(0).normal(size=(100_000, 2))

    found = over_runs(parts, "m", noise)

    (of_runs, _) = found.variance.runs[0]
    assert found.replicates[1:].std() == pytest.approx(np.sqrt(of_runs), rel=0.01)


def test_the_quantile_of_t_is_the_mean_of_those_of_the_parts():
    """Cochran's: that of patients and that of two contrasts, weighted by their variances."""
    influence = np.r_[np.ones(20), -np.ones(20)] * 0.01
    runs = {"m": np.array([0.05, 0.08])}

    found = Replicated(np.zeros(1), influence, runs)

    parts = (influence**2).sum(), (runs["m"] ** 2).sum()
    expected = (parts[0] * t.ppf(0.975, 39) + parts[1] * t.ppf(0.975, 2)) / sum(parts)
    assert t.ppf(0.975, found.degrees_of_freedom) == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize(("n_runs", "apart"), [(3, 0.5), (5, 0.5), (5, 0.0), (10, 0.2)])
def test_intervals_over_runs_cover(n_runs, apart):
    """The mean of all runs over all patients, which is 0; without the error of runs far less often."""
    covered = np.zeros(2)
    for seed in range(600):
        found = over_runs(runs_of(seed, n_runs, apart=apart), "m")
        for k, one in enumerate((found, replace(found, runs={}))):
            error = one.standard_error * one.variance.correction
            covered[k] += abs(one.value) < t.ppf(0.975, one.degrees_of_freedom) * error
    covered /= 600

    assert 0.93 <= covered[0] <= 0.985
    assert apart < 0.5 or covered[1] < 0.8


@pytest.mark.parametrize(("n", "contrasts"), [(3, 9), (2, 30), (500, 2), (3, 1)])
def test_degrees_of_freedom_lie_between_those_of_the_parts(n, contrasts):
    """Also where runs have more than patients."""
    found = Variance(8e-4, 8e-4**2 / n, n, ((1.2e-3, contrasts),))

    ends = sorted([n - 1.0, float(contrasts)])
    assert ends[0] - 1e-4 <= found.degrees_of_freedom <= ends[1] + 1e-4
