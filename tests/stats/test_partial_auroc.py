"""The partial AUROC: equality with scikit-learn in the cohort and in every replicate, and its influence."""

import numpy as np
import pytest
from asah import AREAS, NDKA, POOR, WFNS
from sklearn.metrics import roc_auc_score

from cxraudit.metrics import METRICS
from cxraudit.stats.partial_auroc import MAX_FPR, partial_auroc
from cxraudit.stats.ranking import ranking_replicates
from cxraudit.stats.resampling import draw_resamples

N_PATIENTS = 120


@pytest.fixture(params=[0.1, 1e-9], ids=["tied", "continuous"])
def images(request):
    """Labels, scores rounded to a step, and patients of 900 images."""
    rng = np.random.default_rng(5)
    labels = rng.random(900) < 0.15
    scores = np.round((labels + rng.normal(size=900)) / request.param) * request.param
    return labels, scores, np.sort(rng.integers(0, N_PATIENTS, 900))


def found(labels, scores, patients, n_resamples=70, **options):
    """Rank the images on resamples of patients."""
    counts = draw_resamples(N_PATIENTS, n_resamples, 3)
    everything = np.ones((1, labels.size), dtype=bool)
    ranked = ranking_replicates(
        labels, scores, patients, everything, counts, n_resamples=n_resamples, **options
    )[0]
    return ranked, counts


@pytest.mark.parametrize("replicate", [0, 1, 63, 64, 70])
def test_every_replicate_equals_scikit_learn(images, replicate):
    """With each patient's images repeated as often as it was drawn."""
    labels, scores, patients = images
    ranked, counts = found(*images)
    times = counts[replicate // 64, :, replicate % 64][patients]

    expected = roc_auc_score(np.repeat(labels, times), np.repeat(scores, times), max_fpr=MAX_FPR)

    assert partial_auroc(ranked).replicates[replicate] == pytest.approx(expected, abs=1e-12)


def test_weighted_images_equal_scikit_learn_with_weights(images):
    """As images are weighted by stratum in standardised gaps."""
    labels, scores, _ = images
    stratum = np.arange(labels.size) % 3
    factors = np.tile(np.array([[0.5], [1.0], [2.5]]), (1, 71))
    ranked, _ = found(*images, strata=stratum, factors=factors)

    expected = roc_auc_score(labels, scores, max_fpr=MAX_FPR, sample_weight=factors[stratum, 0])

    assert partial_auroc(ranked).value == pytest.approx(expected, abs=1e-12)


def test_the_influence_gives_the_error_of_the_replicates(images):
    """The analytic standard error lies within 15 % of the spread of 2,000 replicates."""
    ranked, _ = found(*images, n_resamples=2000)
    statistic = partial_auroc(ranked)

    assert statistic.standard_error == pytest.approx(statistic.replicates[1:].std(), rel=0.15)


def test_one_class_is_undefined():
    """Without positives there is no curve."""
    ranked, _ = found(np.zeros(40, bool), np.arange(40.0), np.arange(40))

    assert np.isnan(partial_auroc(ranked).value)


def test_scores_of_the_first_images_decide():
    """Order among images that no low false positive rate reaches changes nothing."""
    labels = np.array([1, 0, 1, 0, 1, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], bool)
    scores = np.arange(20.0)[::-1]
    last = scores.copy()
    last[12:] = last[12:][::-1]
    patients = np.arange(20)

    first, second = (found(labels, s, patients)[0] for s in (scores, last))

    assert partial_auroc(first).value == partial_auroc(second).value


def test_it_is_a_metric_of_every_group():
    """The row is all an audit needs to report it."""
    assert METRICS["partial_auroc"].of(found(*_two())[0]).value == 1.0


def _two():
    return np.array([True, False]), np.array([1.0, 0.0]), np.array([0, 1])


@pytest.mark.parametrize(("marker", "scores"), [("wfns", WFNS), ("ndka", NDKA)])
def test_the_area_is_that_of_proc(marker, scores):
    """At specificities of 1 to 0.8, for 113 patients with subarachnoid haemorrhage; see `asah`."""
    counts = draw_resamples(POOR.size, 0, 0)
    everything = np.ones((1, POOR.size), dtype=bool)
    (ranked,) = ranking_replicates(
        POOR, scores, np.arange(POOR.size), everything, counts, n_resamples=0
    )
    whole, first, second = AREAS[marker]

    assert ranked.auroc.value == pytest.approx(whole, abs=1e-14)
    # McClish's correction of the area from t²/2 (chance) to t (perfect), as in pROC.
    corrected = (1 + (first + second - MAX_FPR**2 / 2) / (MAX_FPR - MAX_FPR**2 / 2)) / 2
    assert partial_auroc(ranked).value == pytest.approx(corrected, abs=1e-14)
