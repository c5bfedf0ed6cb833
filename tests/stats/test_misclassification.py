"""Misclassified shortcut labels: the corrected gap, and its bounds."""

import numpy as np
import pytest

from cxraudit.stats.compare import estimate
from cxraudit.stats.misclassification import (
    DetectorError,
    Rate,
    corrected_weights,
    estimated_weights,
    gap_bounds,
    most_errors,
)
from cxraudit.stats.ranking import auroc, ranking_replicates
from cxraudit.stats.replicated import weighted_sum
from cxraudit.stats.resampling import draw_resamples

ERRORS = DetectorError(sensitivity=0.85, specificity=0.9)


def _cohort(seed, n=6000, annotated=0.3):
    """Positives score higher with the shortcut; 70 % of the labels are by a detector with errors."""
    rng = np.random.default_rng(seed)
    y_true = rng.random(n) < 0.4
    has = rng.random(n) < 0.6
    score = rng.normal(size=n) + y_true * (0.6 + 0.9 * has)
    predicted = rng.random(n) > annotated
    wrong = rng.random(n) > np.where(has, ERRORS.sensitivity, ERRORS.specificity)
    return y_true, score, has, has ^ (wrong & predicted), predicted


def _areas(y_true, score, arms):
    counts = draw_resamples(y_true.size, 300, 0)
    cells = np.stack([~y_true | (y_true & arm) for arm in arms])
    return [
        r.auroc
        for r in ranking_replicates(
            y_true, score, np.arange(y_true.size), cells, counts, n_resamples=300
        )
    ]


@pytest.mark.parametrize("seed", range(4))
def test_the_true_gap_is_recovered_from_misclassified_labels(seed):
    """The gap of the labels as given is too small; the interval of the corrected one covers the truth."""
    y_true, score, has, label, predicted = _cohort(seed)
    arms = [predicted & label, predicted & ~label, ~predicted & label, ~predicted & ~label]
    areas = _areas(y_true, score, arms)
    n = [int((y_true & arm).sum()) for arm in arms]

    found = weighted_sum(areas, corrected_weights((n[0], n[1]), ERRORS, n_annotated=(n[2], n[3])))

    true_gap = auroc(y_true[~y_true | has], score[~y_true | has]) - auroc(
        y_true[~y_true | ~has], score[~y_true | ~has]
    )
    naive = auroc(y_true[~y_true | label], score[~y_true | label]) - auroc(
        y_true[~y_true | ~label], score[~y_true | ~label]
    )
    assert naive < true_gap - 0.02
    interval = estimate(found)
    assert interval.low < true_gap < interval.high
    assert abs(found.value - true_gap) < 0.03


def test_a_perfect_detector_changes_nothing():
    """Sensitivity and specificity of 1: the gap of the labels, and bounds of one point."""
    y_true, score, has, _, predicted = _cohort(0)
    arms = [predicted & has, predicted & ~has, ~predicted & has, ~predicted & ~has]
    areas = _areas(y_true, score, arms)
    n = [int((y_true & arm).sum()) for arm in arms]
    perfect = DetectorError(sensitivity=1, specificity=1)

    found = weighted_sum(areas, corrected_weights((n[0], n[1]), perfect, n_annotated=(n[2], n[3])))

    direct = auroc(y_true[~y_true | has], score[~y_true | has]) - auroc(
        y_true[~y_true | ~has], score[~y_true | ~has]
    )
    assert found.value == pytest.approx(direct, abs=1e-12)
    placed = np.array([(score[~y_true] < s).mean() for s in score[y_true]])
    found = gap_bounds(placed, has[y_true], predicted[y_true], [perfect])
    assert (found.low, found.high) == pytest.approx((direct, direct), abs=1e-9)
    assert found.wrong_with == found.wrong_without == 0


def test_bounds_equal_an_exhaustive_search():
    """Of eight images, up to one predicted with and one predicted without is wrong: the extremes over all
    cases. Of four with a chance of 0.2 at most one is wrong with a probability of 0.82.
    """
    rng = np.random.default_rng(5)
    placed, has = rng.random(8), np.array([1, 1, 1, 1, 0, 0, 0, 0], dtype=bool)
    everything = np.ones(8, dtype=bool)
    errors = DetectorError(sensitivity=0.8, specificity=0.8)
    ppv, npv = errors.predictive_values(0.5)
    assert (ppv, npv) == pytest.approx((0.8, 0.8))

    found = gap_bounds(placed, has, everything, [errors], confidence_level=0.6)

    assert (found.wrong_with, found.wrong_without) == (1, 1)
    gaps = []
    for out in (None, 0, 1, 2, 3):
        for into in (None, 4, 5, 6, 7):
            tried = has.copy()
            if out is not None:
                tried[out] = False
            if into is not None:
                tried[into] = True
            gaps.append(placed[tried].mean() - placed[~tried].mean())
    assert (found.low, found.high) == pytest.approx((min(gaps), max(gaps)))


def test_a_detector_without_skill_bounds_nothing():
    """Sensitivity and specificity that sum to 1 or less: no predictive values and no bounds."""
    useless = DetectorError(sensitivity=0.5, specificity=0.5)

    assert np.isnan(useless.predictive_values(0.4)).all()
    found = gap_bounds(
        np.array([0.1, 0.9]), np.array([True, False]), np.array([True, True]), [useless]
    )
    assert np.isnan([found.low, found.high]).all()
    known = gap_bounds(
        np.array([0.1, 0.9]), np.array([True, False]), np.array([False, False]), [useless]
    )
    assert (known.low, known.high) == pytest.approx((-0.8, -0.8))


def test_bounds_over_possible_errors_include_those_of_each():
    """Worse limits never give tighter bounds, although a low sensitivity alone raises the PPV; errors that
    are not compatible with the share predicted are omitted.
    """
    placed = np.concatenate([np.ones(56), np.zeros(14), np.full(30, 0.5)])
    has = np.arange(100) < 70
    everything = np.ones(100, dtype=bool)
    point = DetectorError(sensitivity=0.78, specificity=0.75)
    corners = [
        point,
        *(DetectorError(sensitivity=a, specificity=b) for a in (0.67, 0.86) for b in (0.71, 0.8)),
    ]

    alone = gap_bounds(placed, has, everything, [point])
    together = gap_bounds(placed, has, everything, corners)

    assert together.low <= alone.low
    assert together.high >= alone.high
    assert np.isnan(DetectorError(sensitivity=0.6, specificity=0.71).predictive_values(0.7)).all()


def test_errors_incompatible_with_the_share_predicted_give_no_correction():
    """5 % are predicted with a specificity of 0.93: without any drain, 7 % would have been."""
    poor = DetectorError(sensitivity=0.9, specificity=0.93)

    weights = corrected_weights((120, 2280), poor)

    assert np.isnan(weights[0])


def test_rates_are_drawn_from_their_interval():
    """95 % of them lie in it; where it has one arm, those beyond 1 are as far below."""
    rng = np.random.default_rng(0)
    middle, end = (
        Rate(value=0.85, low=0.74, high=0.93).draw(20_000, rng),
        Rate(value=1.0, low=0.89, high=1.0).draw(20_000, rng),
    )

    assert np.mean((middle > 0.74) & (middle < 0.93)) == pytest.approx(0.94, abs=0.02)
    assert np.mean(end > 0.89) == pytest.approx(0.95, abs=0.01)
    assert end.max() <= 1


SIZES = np.array([120.0, 180.0, 20.0, 30.0])


def _fixed(n_resamples):
    """The same numbers of images in every replicate."""
    return np.tile(SIZES[:, None], (1, n_resamples + 1)), np.zeros((4, 3))


def _weights(n, one, other):
    errors = DetectorError(sensitivity=one, specificity=other)
    return np.array(corrected_weights((n[0], n[1]), errors, n_annotated=(n[2], n[3])))


@pytest.mark.parametrize("rates", [(0.85, 0.9), (1.0, 0.95)])
def test_estimated_weights_follow_the_rates(rates):
    """The first are those of the rates as estimated; their spread is that of small changes of the rates."""
    sensitivity, specificity = (Rate(value=r, low=r - 0.02, high=min(r + 0.02, 1.0)) for r in rates)

    found, influence = estimated_weights(
        *_fixed(4000), (sensitivity, specificity), rng=np.random.default_rng(1)
    )

    assert found[0] == pytest.approx(_weights(SIZES, *rates))
    rng = np.random.default_rng(1)
    exact = [
        _weights(SIZES, *both)
        for both in zip(sensitivity.draw(4000, rng), specificity.draw(4000, rng), strict=True)
    ]
    assert found[1:].std(axis=0) == pytest.approx(np.std(exact, axis=0), rel=0.15)
    assert not influence.any()


def test_estimated_weights_follow_the_numbers_of_images():
    """In every replicate, and by the influence of patients: as weights at numbers a little different."""
    rng = np.random.default_rng(2)
    unit_sizes = rng.poisson(SIZES[:, None] / 100, (4, 100)).astype(float)
    middle = unit_sizes.sum(axis=1)
    counts = rng.poisson(1, (100, 3000))
    sizes = np.column_stack([middle, unit_sizes @ counts])

    found, influence = estimated_weights(
        sizes, unit_sizes, (0.9, 0.95), rng=np.random.default_rng(0)
    )

    exact = np.array([_weights(n, 0.9, 0.95) for n in sizes.T])
    assert found[0] == pytest.approx(exact[0])
    assert found[1:].std(axis=0) == pytest.approx(np.nanstd(exact[1:], axis=0), rel=0.15)
    more = middle + 1e-3 * unit_sizes[:, 7]
    change = (_weights(more, 0.9, 0.95) - exact[0]) / 1e-3
    assert influence[7] == pytest.approx(change, rel=1e-2, abs=1e-6)


def test_weights_of_a_detector_no_better_than_chance_are_not_estimated():
    """As they are undefined."""
    rate = Rate(value=0.5, low=0.4, high=0.6)

    found, _ = estimated_weights(*_fixed(5), (rate, rate), rng=np.random.default_rng(0))

    assert np.isnan(found[:, 0]).all()


def test_the_separation_is_a_gap_of_placements_in_the_class():
    """The AUROC of images with against images without, less 0.5; ties count half."""
    rng = np.random.default_rng(3)
    score, has = np.round(rng.normal(size=60), 1), rng.random(60) < 0.3
    placed = ((score[None] < score[:, None]) + 0.5 * (score[None] == score[:, None])).mean(axis=1)

    assert placed[has].mean() - placed[~has].mean() == pytest.approx(auroc(has, score) - 0.5)


def test_the_numbers_of_errors_are_upper_quantiles_of_binomials():
    """Both hold at once in about 95 % of cohorts, by estimated shares; the expected numbers in few."""
    errors = DetectorError(sensitivity=0.9, specificity=0.95)
    rng = np.random.default_rng(4)
    n_with, n_without, held, expected = 80, 320, [], []
    for _ in range(2000):
        false_with, false_without = rng.binomial(n_without, 0.05), rng.binomial(n_with, 0.1)
        labelled = n_with - false_without + false_with
        most = most_errors((labelled, 400 - labelled), [errors], 0.95)
        held.append(false_with <= most[0] and false_without <= most[1])
        expected.append(false_with <= 16 and false_without <= 8)

    assert np.mean(held) > 0.93
    assert np.mean(expected) < 0.45


def test_bounds_hold_the_true_gap_where_errors_fall_as_badly_as_they_can():
    """Binomial numbers of errors on the images that change the gap most: in at least 95 % of cohorts."""
    errors = DetectorError(sensitivity=0.9, specificity=0.95)
    rng = np.random.default_rng(5)
    held = []
    for _ in range(300):
        placed = np.sort(rng.random(300))
        has = rng.random(300) < 0.4
        label = has.copy()
        lacking, having = np.flatnonzero(~has), np.flatnonzero(has)
        label[lacking[: rng.binomial(lacking.size, 0.05)]] = (
            True  # the lowest without are called with
        )
        label[having[having.size - rng.binomial(having.size, 0.1) :]] = False
        true = placed[has].mean() - placed[~has].mean()
        found = gap_bounds(placed, label, np.ones(300, dtype=bool), [errors])
        held.append(found.low <= true <= found.high)

    assert np.mean(held) >= 0.95
