"""Sensitivity at fixed specificity: the numbers of pROC, equality by replicate, and influences."""

import numpy as np
import pytest
from asah import POOR, S100B, SENSITIVITY, SPECIFICITY
from sklearn.metrics import roc_curve

from cxraudit.metrics import METRICS
from cxraudit.stats.ranking import ranking_replicates
from cxraudit.stats.resampling import draw_resamples
from cxraudit.stats.roc_points import sensitivity_at_specificity, specificity_at_sensitivity

N_PATIENTS = 120
BOTH = (sensitivity_at_specificity, specificity_at_sensitivity)


@pytest.fixture(params=[0.1, 1e-9], ids=["tied", "continuous"])
def images(request):
    """Labels, scores rounded to a step, and patients of 900 images."""
    rng = np.random.default_rng(5)
    labels = rng.random(900) < 0.25
    scores = np.round((labels + rng.normal(size=900)) / request.param) * request.param
    return labels, scores, np.sort(rng.integers(0, N_PATIENTS, 900))


def found(labels, scores, patients, n_resamples=70, **options):
    """Rank the images on resamples of patients."""
    counts = draw_resamples(int(patients.max()) + 1, n_resamples, 3)
    everything = np.ones((1, labels.size), dtype=bool)
    return ranking_replicates(
        labels, scores, patients, everything, counts, n_resamples=n_resamples, **options
    )[0], counts


def expected(labels, scores, fixed, weights=None):
    """Both rates, read from the curve of scikit-learn by hand."""
    fpr, tpr, _ = roc_curve(labels, scores, sample_weight=weights, drop_intermediate=False)

    def highest(x, y, at):
        """Return the highest y at a place; x and y increase."""
        last = np.flatnonzero(x <= at + 1e-12)[-1]
        if last + 1 == x.size:
            return y[last]
        return y[last] + (y[last + 1] - y[last]) * max(at - x[last], 0) / (x[last + 1] - x[last])

    # From the other corner, what is read upwards is the highest specificity.
    return highest(fpr, tpr, 1 - fixed), highest(1 - tpr[::-1], 1 - fpr[::-1], 1 - fixed)


@pytest.mark.parametrize(
    ("fixed", "sensitivity", "specificity"),
    [(k / 10, *both) for k, both in enumerate(zip(SENSITIVITY, SPECIFICITY, strict=True), start=1)],
)
def test_the_numbers_are_those_of_proc(fixed, sensitivity, specificity):
    """S100B of 113 patients with subarachnoid haemorrhage; see `asah`."""
    ranked, _ = found(POOR, S100B, np.arange(POOR.size), n_resamples=0, fixed=fixed)

    assert sensitivity_at_specificity(ranked).value == pytest.approx(sensitivity, abs=1e-12)
    assert specificity_at_sensitivity(ranked).value == pytest.approx(specificity, abs=1e-12)


@pytest.mark.parametrize("fixed", [0.2, 0.9])
@pytest.mark.parametrize("replicate", [0, 1, 63, 64, 70])
def test_every_replicate_is_read_from_its_curve(images, replicate, fixed):
    """That of scikit-learn, with each patient's images repeated as often as it was drawn."""
    labels, scores, patients = images
    ranked, counts = found(*images, fixed=fixed)
    times = counts[replicate // 64, :, replicate % 64][patients]

    wanted = expected(np.repeat(labels, times), np.repeat(scores, times), fixed)

    for read, value in zip(BOTH, wanted, strict=True):
        assert read(ranked).replicates[replicate] == pytest.approx(value, abs=1e-9)


def test_weighted_images_equal_the_weighted_curve(images):
    """As images are weighted by stratum in standardised gaps."""
    labels, scores, _ = images
    stratum = np.arange(labels.size) % 3
    factors = np.tile(np.array([[0.5], [1.0], [2.5]]), (1, 71))
    ranked, _ = found(*images, strata=stratum, factors=factors)

    wanted = expected(labels, scores, 0.9, factors[stratum, 0])

    for read, value in zip(BOTH, wanted, strict=True):
        assert read(ranked).value == pytest.approx(value, abs=1e-9)
        assert read(ranked).replicates[1] != read(ranked).value


def test_one_is_the_other_of_the_opposite(images):
    """Of the negated score and the other class."""
    labels, scores, patients = images
    ranked, _ = found(*images)
    opposite, _ = found(~labels, -scores, patients)

    sensitivity, specificity = (
        sensitivity_at_specificity(opposite),
        specificity_at_sensitivity(ranked),
    )

    assert np.allclose(sensitivity.replicates, specificity.replicates, atol=1e-12)
    assert np.allclose(sensitivity.influence, specificity.influence, atol=1e-12)


@pytest.mark.parametrize("read", BOTH)
@pytest.mark.parametrize("fixed", [0.5, 0.8, 0.9])
def test_the_influence_gives_the_error_of_the_replicates(images, read, fixed):
    """The analytic standard error, with the moving threshold, lies within 15 % of the spread of 2,000."""
    ranked, _ = found(*images, n_resamples=2000, fixed=fixed)
    statistic = read(ranked)

    assert statistic.standard_error == pytest.approx(statistic.replicates[1:].std(), rel=0.15)
    assert statistic.influence.sum() == pytest.approx(0, abs=1e-12)


def test_without_the_moving_threshold_the_error_would_be_too_small(images):
    """The share of positives above a known threshold has less error."""
    ranked, _ = found(*images, n_resamples=2000)
    statistic = sensitivity_at_specificity(ranked)
    n_positive, share = images[0].sum(), statistic.value

    assert statistic.standard_error > 1.15 * np.sqrt(share * (1 - share) / n_positive)


@pytest.mark.parametrize("read", BOTH)
def test_an_increasing_function_of_the_score_changes_nothing(images, read):
    """Only the order matters."""
    labels, scores, patients = images
    first, second = (found(labels, s, patients)[0] for s in (scores, np.sinh(scores) + 3))

    assert np.array_equal(read(first).replicates, read(second).replicates)


@pytest.mark.parametrize("read", BOTH)
def test_equal_scores_and_one_class(read):
    """A tie of all is the diagonal; without positives there is no curve."""
    tie, _ = found(np.arange(40) < 20, np.zeros(40), np.arange(40))
    one_class, _ = found(np.zeros(40, bool), np.arange(40.0), np.arange(40))

    assert read(tie).value == pytest.approx(0.1, abs=1e-12)
    assert np.isnan(read(one_class).value)
    assert np.isnan(read(one_class).influence).all()


def test_a_perfect_ranking_is_one():
    """By both."""
    labels = np.arange(30) < 10
    ranked, _ = found(labels, labels.astype(float), np.arange(30))

    assert [METRICS[name].of(ranked).value for name in (read.__name__ for read in BOTH)] == [1, 1]


def test_a_rate_outside_of_0_to_1_is_refused():
    """There is no curve beyond."""
    with pytest.raises(ValueError, match="fixed must lie between 0 and 1, got 1"):
        found(POOR, S100B, np.arange(POOR.size), fixed=1)
