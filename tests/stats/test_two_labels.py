"""Labels that are partly wrong: correction and bounds against closed forms and every labelling there is."""

from itertools import product

import numpy as np
import pytest

from cxraudit.stats.ranking import auroc
from cxraudit.stats.replicated import Replicated
from cxraudit.stats.two_labels import (
    NONE,
    Identified,
    attenuation,
    change_by_correction,
    control_weight,
    corrected_auroc,
    difference,
)

SCORES = np.array([0.1, 0.2, 0.2, 0.5, 0.7, 0.9])
WORKING = np.array([0, 0, 1, 1, 0, 1], dtype=bool)
UNKNOWN = np.full(6, np.nan)


def known(value):
    """A number without error."""
    return value, value, value


def test_correction_undoes_what_independent_errors_do_to_a_large_cohort():
    """AUROC − ½ by working labels is (PPV + NPV − 1) times that by true labels."""
    rng = np.random.default_rng(0)
    n = 400_000
    true = rng.random(n) < 0.3
    score = rng.normal(size=n) + 1.2 * true
    working = np.where(true, rng.random(n) > 0.4, rng.random(n) < 0.05)
    ppv, npv = true[working].mean(), (~true[~working]).mean()

    found = corrected_auroc(known(auroc(working, score)), attenuation(known(ppv), known(npv)))

    assert found[0] == pytest.approx(auroc(true, score), abs=0.005)
    assert found == pytest.approx(known(found[0]), abs=1e-3)


@pytest.mark.parametrize("observed", [0.8, 0.5, 0.3])
def test_without_label_errors_nothing_is_corrected(observed):
    """Value and interval are those by working labels."""
    given = (observed, observed - 0.05, observed + 0.04)

    found = corrected_auroc(given, attenuation(known(1.0), known(1.0)))

    assert found == pytest.approx(given, abs=1e-9)
    assert change_by_correction(given, known(1.0)) == pytest.approx(known(0.0), abs=1e-12)


def test_a_corrected_interval_is_that_of_the_ratio_where_one_part_is_known():
    """A known factor stretches the interval; a known AUROC gives that of the factor."""
    stretched = corrected_auroc((0.7, 0.66, 0.73), known(0.5))
    assert stretched == pytest.approx((0.9, 0.82, 0.96), abs=1e-6)

    of_factor = corrected_auroc(known(0.7), (0.8, 0.5, 0.9))
    assert of_factor == pytest.approx((0.75, 0.5 + 0.2 / 0.9, 0.5 + 0.2 / 0.5), abs=1e-6)


def test_correction_mirrors_at_chance():
    """An inverted score has the mirrored interval."""
    kept = (0.7, 0.5, 0.85)
    value, low, high = corrected_auroc((0.66, 0.6, 0.71), kept)
    mirrored = corrected_auroc((0.34, 0.29, 0.4), kept)
    assert mirrored == pytest.approx((1 - value, 1 - high, 1 - low), abs=1e-9)


def test_labels_that_may_be_no_better_than_chance_bound_nothing():
    """An interval of the factor that reaches 0 leaves the AUROC open; a factor below 0 corrects nothing."""
    assert corrected_auroc((0.6, 0.55, 0.65), (0.3, -0.1, 0.6))[2] == 1.0
    assert np.isnan(corrected_auroc((0.6, 0.55, 0.65), (-0.1, -0.3, 0.1))[0])
    assert np.isnan(corrected_auroc(NONE, (0.5, 0.4, 0.6))[0])
    assert np.isnan(corrected_auroc((0.6, 0.55, 0.65), NONE)[0])


def test_a_correction_beyond_a_perfect_ranking_is_none_and_no_certainty():
    """Errors that do not depend on the score would leave a lower AUROC; a part of the interval may be left."""
    assert np.isnan(corrected_auroc((0.9, 0.88, 0.92), (0.5, 0.4, 0.6))).all()

    value, low, high = corrected_auroc((0.78, 0.7, 0.86), (0.5, 0.4, 0.6))
    assert (value, high) == (1.0, 1.0)
    assert low < 0.95


@pytest.mark.parametrize("right", [(1, 2), (0, 2), (2, 3), (2, 1)])
def test_bounds_are_the_extremes_of_every_labelling(right):
    """Of images labelled 1, and of those labelled 0, as many are right as the predictive values say."""
    with_it, without = right
    found = []
    for labels in product([False, True], repeat=6):
        y = np.array(labels)
        if y[WORKING].sum() == with_it and (~y[~WORKING]).sum() == without and 0 < y.sum() < 6:
            found.append(auroc(y, SCORES))
    own = Identified(SCORES, WORKING, UNKNOWN)

    ends = [own.bound(with_it / 3, without / 3, highest=end).value for end in (False, True)]

    assert ends == pytest.approx([min(found), max(found)])


def test_images_with_a_reference_label_are_not_free():
    """Only the labels of others may be wrong, so that bounds are closer; none free: the AUROC itself."""
    reference = np.array([0, np.nan, 1, np.nan, 0, 1])
    own, free = (Identified(SCORES, WORKING, one) for one in (reference, UNKNOWN))
    for end in (False, True):
        inner, outer = own.bound(0.8, 0.9, highest=end), free.bound(0.8, 0.9, highest=end)
        assert (outer.value >= inner.value) == end or outer.value == inner.value
    complete = np.array([0, 0, 1, 0, 0, 1.0])
    exact = Identified(SCORES, WORKING, complete).bound(0.5, 0.5, highest=True)
    assert exact.value == pytest.approx(auroc(complete == 1, SCORES))


@pytest.mark.parametrize("highest", [False, True])
def test_the_influence_of_an_image_is_the_derivative_by_its_weight(highest):
    """With ties, known labels and weights."""
    rng = np.random.default_rng(1)
    n = 120
    score = np.round(rng.normal(size=n), 1)
    working = rng.random(n) < 0.4
    reference = np.where(rng.random(n) < 0.3, rng.random(n) < 0.5, np.nan)
    weight = rng.choice([1.0, 2.0, 0.5], n)

    def at(weights):
        return Identified(score, working, reference, weights).bound(0.8131, 0.9047, highest=highest)

    given = at(weight)
    assert given.influence.sum() == pytest.approx(0, abs=1e-12)
    for k in range(0, n, 7):
        step = np.zeros(n)
        step[k] = 1e-5 * weight[k]
        slope = (at(weight + step).value - at(weight - step).value) / 2e-5
        assert given.influence[k] == pytest.approx(slope, abs=1e-8)


def test_an_image_that_counts_twice_is_two_images():
    """Weights are numbers of images."""
    weights = np.array([1.0, 2, 1, 3, 1, 2])
    times = weights.astype(int)
    twice = Identified(*(np.repeat(one, times) for one in (SCORES, WORKING, UNKNOWN)))
    for end in (False, True):
        one = Identified(SCORES, WORKING, UNKNOWN, weights).bound(0.7, 0.8, highest=end)
        assert one.value == pytest.approx(twice.bound(0.7, 0.8, highest=end).value)


def test_one_class_has_no_bounds():
    """All right labels of one class, and constant scores."""
    alone = Identified([1.0, 2.0], [True, True], [np.nan, np.nan])
    assert np.isnan(alone.bound(1.0, 1.0, highest=True).value)
    equal = Identified(np.ones(6), WORKING, UNKNOWN)
    ends = [equal.bound(0.6, 0.7, highest=end).value for end in (False, True)]
    assert ends == pytest.approx([0.5, 0.5])


def test_intervals_lie_around_the_bounds_and_within_0_and_1():
    """Wider rates, wider intervals; one patient has no error."""
    own = Identified(SCORES, WORKING, UNKNOWN)
    units = np.arange(6)
    lower, upper = own.limits((0.8, 0.6, 0.9), (0.8, 0.7, 0.9), units, 6)
    assert 0 <= lower[1] <= lower[0] <= upper[0] <= upper[2] <= 1
    exact = own.limits(known(0.8), known(0.8), units, 6)
    assert exact[0][1] >= lower[1]


def test_a_control_takes_off_what_is_known_to_be_off():
    """A perfect control has a weight of 1, one that does not vary with the estimate has none."""
    rng = np.random.default_rng(0)
    wobble, other = rng.normal(size=50), rng.normal(size=50)

    def of(influence):
        return Replicated(np.full(3, 0.7), influence)

    nothing = of(np.zeros(50))
    assert control_weight(of(wobble), of(wobble), nothing) == pytest.approx(1.0)
    apart = other - wobble * (other @ wobble) / (wobble @ wobble)
    assert control_weight(of(wobble), of(apart), nothing) == pytest.approx(0, abs=1e-9)
    assert control_weight(of(wobble), of(-wobble), nothing) == 0.0
    assert control_weight(of(wobble), nothing, nothing) == 0.0
    # The same estimate by both labels: 1, though all images vary with the subset by chance.
    assert control_weight(of(wobble), of(wobble), of(other)) == 1.0


def test_a_difference_of_limits_is_that_of_normal_ones():
    """Symmetric limits add in squares."""
    found = difference((0.8, 0.77, 0.83), (0.7, 0.66, 0.74))
    assert found == pytest.approx((0.1, 0.05, 0.15))
