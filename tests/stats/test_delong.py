"""DeLong's covariances equal pROC's, and hold with several images per patient."""

import numpy as np
import pytest
from asah import POOR, S100B, WFNS
from scipy.special import ndtr

from cxraudit.stats.delong import delong, delong_interval, newcombe


def test_the_published_example_of_proc():
    """Two markers of the same patients; see `asah`.

    R 4.x, pROC: roc.test(roc(aSAH$outcome, aSAH$wfns), roc(aSAH$outcome, aSAH$s100b))
    Z = 2.209, p-value = 0.02718; AUC of roc1 0.8236789, of roc2 0.7313686
    ci.auc(roc(aSAH$outcome, aSAH$s100b)): 0.6301-0.8326 (DeLong)
    """
    areas = delong(POOR, np.stack([WFNS, S100B]))
    difference, error = areas.difference(0, 1)
    half = 1.959964 * np.sqrt(areas.covariance[1, 1])

    assert areas.value == pytest.approx([0.8236789, 0.7313686], abs=1e-7)
    assert difference / error == pytest.approx(2.209, abs=5e-4)
    assert 2 * ndtr(-difference / error) == pytest.approx(0.02718, abs=5e-6)
    assert areas.value[1] - half == pytest.approx(0.6301, abs=5e-5)
    assert areas.value[1] + half == pytest.approx(0.8326, abs=5e-5)


def test_every_pair_of_images_gives_the_same_placements():
    """Against the definition over all pairs, with ties."""
    rng = np.random.default_rng(0)
    labels, scores = rng.random(80) < 0.4, rng.integers(0, 6, 80).astype(float)
    wins = (scores[labels][:, None] > scores[~labels]) + 0.5 * (
        scores[labels][:, None] == scores[~labels]
    )
    m, n = wins.shape

    areas = delong(labels, scores)

    assert areas.value[0] == pytest.approx(wins.mean(), abs=1e-12)
    expected = wins.mean(1).var(ddof=1) / m + wins.mean(0).var(ddof=1) / n
    assert areas.covariance[0, 0] == pytest.approx(expected, abs=1e-14)


def by_obuchowski(labels, scores, patients):
    """Variance of the AUROC by the formula of Obuchowski (1997), over all pairs, patient by patient.

    S10/M + S01/N + 2 S11/(MN), each with the number of patients that have such images.
    """
    pairs = scores[labels][:, None] - scores[~labels]
    wins = (pairs > 0) + 0.5 * (pairs == 0)
    n_positive, n_negative = wins.shape
    of_positive, of_negative = wins.mean(axis=1), wins.mean(axis=0)
    ids = sorted(set(patients))
    apart = np.array(
        [
            [
                (of_positive[patients[labels] == one] - wins.mean()).sum(),
                (of_negative[patients[~labels] == one] - wins.mean()).sum(),
            ]
            for one in ids
        ]
    )
    i10, i01, i = (len(set(part)) for part in (patients[labels], patients[~labels], patients))
    s10 = i10 / ((i10 - 1) * n_positive) * (apart[:, 0] ** 2).sum()
    s01 = i01 / ((i01 - 1) * n_negative) * (apart[:, 1] ** 2).sum()
    s11 = i / (i - 1) * (apart[:, 0] * apart[:, 1]).sum()
    return s10 / n_positive + s01 / n_negative + 2 * s11 / (n_positive * n_negative)


@pytest.mark.parametrize(("both", "tolerance"), [(True, 1e-12), (False, 0.05)])
def test_the_clustered_variance_is_that_of_obuchowskis_formula(both, tolerance):
    """Equal where every patient has images of both classes, else but for numbers of patients over one less.

    The formula counts patients with such images, we count all of them.
    """
    rng = np.random.default_rng(4)
    patients = np.repeat(np.arange(40), rng.integers(2, 6, 40))
    labels = rng.random(patients.size) < 0.4
    if both:
        first = np.r_[True, np.diff(patients) > 0]
        labels = np.where(first, True, np.where(np.r_[False, first[:-1]], False, labels))
    scores = np.round(labels + rng.normal(size=40)[patients] + rng.normal(size=labels.size), 1)

    found = delong(labels, scores, clusters=patients).covariance[0, 0]

    assert found == pytest.approx(by_obuchowski(labels, scores, patients), rel=tolerance)


def test_doubling_every_image_of_a_patient_changes_no_clustered_variance():
    """Without clusters the variance halves, as if there were more patients."""
    rng = np.random.default_rng(1)
    labels, scores = rng.random(200) < 0.4, rng.normal(size=200)
    twice, patients = np.tile(np.arange(200), 2), np.tile(np.arange(200), 2)

    once = delong(labels, scores, clusters=np.arange(200)).covariance[0, 0]
    clustered = delong(labels[twice], scores[twice], clusters=patients).covariance[0, 0]
    naive = delong(labels[twice], scores[twice]).covariance[0, 0]

    assert clustered == pytest.approx(once, rel=1e-9)
    assert naive == pytest.approx(once / 2, rel=0.02)


def test_shared_negatives_are_in_the_covariance():
    """The gap of two arms against the same negatives, by the published formula."""
    rng = np.random.default_rng(2)
    labels = rng.random(600) < 0.3
    shortcut = rng.random(600) < 0.5
    scores = labels * (1 + shortcut) + rng.normal(size=600)
    arms = [~labels | shortcut, ~labels | ~shortcut]

    _, error = delong(labels, scores, cells=arms).difference(0, 1)

    wins = (scores[labels][:, None] > scores[~labels]).astype(float)
    with_it = shortcut[labels]
    a, b = wins[with_it], wins[~with_it]
    expected = (
        a.mean(1).var(ddof=1) / len(a)
        + b.mean(1).var(ddof=1) / len(b)
        + (a.mean(0) - b.mean(0)).var(ddof=1) / wins.shape[1]
    )
    assert error == pytest.approx(np.sqrt(expected), abs=1e-12)


def test_the_clustered_variance_agrees_with_the_patient_bootstrap():
    """Within 10 % on 300 patients with correlated images."""
    from cxraudit.stats.ranking import ranking_replicates
    from cxraudit.stats.resampling import draw_resamples

    rng = np.random.default_rng(3)
    patients = np.repeat(np.arange(300), 5)
    labels = (rng.random(300) < 0.4)[patients]
    scores = labels + rng.normal(size=300)[patients] + 0.5 * rng.normal(size=1500)
    draws = ranking_replicates(
        labels,
        scores,
        patients,
        np.ones((1, 1500), bool),
        draw_resamples(300, 2000, 0),
        n_resamples=2000,
    )[0].auroc.replicates[1:]

    analytic = np.sqrt(delong(labels, scores, clusters=patients).covariance[0, 0])

    assert analytic == pytest.approx(draws.std(ddof=1), rel=0.1)


@pytest.mark.parametrize("m", [5, 8, 25])
def test_small_samples_are_covered(m):
    """Of 400 cohorts with m positives and 60 negatives, the 95 % interval covers in 92 % or more."""
    truth = ndtr(1.5 / np.sqrt(2))
    rng = np.random.default_rng(m)
    labels = np.r_[np.ones(m), np.zeros(60)]
    covered = 0
    for _ in range(400):
        found = delong_interval(labels, labels * 1.5 + rng.normal(size=m + 60))
        covered += found.low <= truth <= found.high

    assert covered / 400 >= 0.92


def test_perfect_separation_has_an_honest_interval():
    """AUROC 1 with 8 positives is compatible with much less."""
    labels = np.r_[np.ones(8), np.zeros(30)]

    found = delong_interval(labels, labels)

    assert found.value == found.high == 1
    assert 0.7 < found.low < 0.95
    assert newcombe(1.0, 800, 3000)[0] > 0.99


def test_one_class_is_undefined():
    """NaN, not zero."""
    assert np.isnan(delong_interval([0, 0, 0], [1.0, 2.0, 3.0]).value)
