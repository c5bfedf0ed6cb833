"""AUPRG: equality with its definition by replicate, and its influence by small changes of weights."""

import numpy as np
import pytest
from sklearn.metrics import precision_recall_curve

from cxraudit.metrics import METRICS
from cxraudit.stats.ranking import ranking_replicates
from cxraudit.stats.recall_gain import auprg
from cxraudit.stats.resampling import draw_resamples

N_PATIENTS = 60


@pytest.fixture(
    params=[(0.3, 0.2), (1e-9, 0.2), (0.2, 0.6)], ids=["tied", "continuous", "frequent"]
)
def images(request):
    """Labels, scores rounded to a step, and patients of 403 images."""
    step, share = request.param
    rng = np.random.default_rng(5)
    labels = rng.random(403) < share
    scores = np.round((0.8 * labels + rng.normal(size=403)) / step) * step
    return labels, scores, np.sort(rng.integers(0, N_PATIENTS, 403))


def found(labels, scores, patients, n_resamples=70, **options):
    """Rank the images on resamples of patients."""
    counts = draw_resamples(int(patients.max()) + 1, n_resamples, 3)
    everything = np.ones((1, labels.size), dtype=bool)
    return ranking_replicates(
        labels, scores, patients, everything, counts, n_resamples=n_resamples, **options
    )[0], counts


def by_definition(labels, scores, weights=None, n_steps=40_000):
    """Integrate precision gain over a fine grid of recall gains, from scikit-learn's precision and recall."""
    precision, recall, _ = precision_recall_curve(labels, scores, sample_weight=weights)
    prevalence = np.average(labels, weights=weights)
    precision, recall = (
        precision[-2::-1],
        recall[-2::-1],
    )  # from the highest threshold, without (0, 1)
    seen = recall > 0
    with np.errstate(divide="ignore"):
        y, x = (
            (part[seen] - prevalence) / ((1 - prevalence) * part[seen])
            for part in (precision, recall)
        )
    grid = (np.arange(n_steps) + 0.5) / n_steps
    after = np.searchsorted(x, grid)
    before = np.maximum(after - 1, 0)
    width = np.where(after > before, x[after] - x[before], 1)
    share = np.where(after > 0, (grid - x[before]) / width, 1.0)
    return float((y[before] + share * (y[after] - y[before])).mean())


@pytest.mark.parametrize("replicate", [0, 1, 63, 64, 70])
def test_every_replicate_equals_the_definition(images, replicate):
    """With each patient's images repeated as often as it was drawn."""
    labels, scores, patients = images
    ranked, counts = found(*images)
    times = counts[replicate // 64, :, replicate % 64][patients]

    wanted = by_definition(np.repeat(labels, times), np.repeat(scores, times))

    assert auprg(ranked).replicates[replicate] == pytest.approx(wanted, abs=2e-4)


def test_weighted_images_equal_the_weighted_definition(images):
    """As images are weighted by stratum in standardised gaps."""
    labels, scores, _ = images
    stratum = np.arange(labels.size) % 3
    factors = np.tile(np.array([[0.5], [1.0], [2.5]]), (1, 71))
    ranked, _ = found(*images, strata=stratum, factors=factors)

    wanted = by_definition(labels, scores, factors[stratum, 0])

    assert auprg(ranked).value == pytest.approx(wanted, abs=2e-4)


def test_equal_weights_are_no_weights(images):
    """Both ways of counting give the same replicates."""
    plain, _ = found(*images)
    weighted, _ = found(
        *images, strata=np.zeros(images[0].size, np.int64), factors=np.full((1, 71), 3.0)
    )

    assert np.allclose(auprg(plain).replicates, auprg(weighted).replicates, atol=1e-12)


@pytest.mark.parametrize("patient", [0, 7, 31])
def test_the_influence_is_the_derivative_by_the_weight_of_a_patient(images, patient):
    """By a central difference."""
    labels, _, patients = images
    each = np.arange(labels.size)

    def moved(by):
        weights = 1 + by * (patients == patient)
        return auprg(found(*images, n_resamples=0, strata=each, factors=weights[:, None])[0]).value

    slope = (moved(1e-5) - moved(-1e-5)) / 2e-5

    own = auprg(found(*images, n_resamples=0)[0]).influence[patient]
    assert own == pytest.approx(slope, abs=1e-7)


def test_the_influence_gives_the_error_of_the_replicates(images):
    """The analytic standard error lies within 15 % of the spread of 2,000 replicates."""
    statistic = auprg(found(*images, n_resamples=2000)[0])

    assert statistic.standard_error == pytest.approx(statistic.replicates[1:].std(), rel=0.15)


def test_ends_of_the_range():
    """Perfect ranking, one tie of all images, and one class."""
    labels = np.arange(40) < 12
    patients = np.arange(40)

    def value(labels, scores):
        return METRICS["auprg"].of(found(labels, scores, patients)[0]).value

    assert value(labels, labels.astype(float)) == pytest.approx(1, abs=1e-12)
    assert value(labels, np.zeros(40)) == pytest.approx(0, abs=1e-12)
    assert np.isnan(value(np.zeros(40, bool), np.arange(40.0)))


def test_a_worse_than_random_ranking_is_negative():
    """The curve lies below recall gain 0 first, and below precision gain 0 then."""
    labels = np.arange(40) < 20

    statistic = auprg(found(labels, np.arange(40.0), np.arange(40))[0])

    assert statistic.value < -0.3
    assert statistic.value == pytest.approx(by_definition(labels, np.arange(40.0)), abs=2e-4)
