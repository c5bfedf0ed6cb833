"""Rules for thresholds, and rates at a threshold."""

import numpy as np
import pytest
from fairlearn.metrics import MetricFrame, false_positive_rate, selection_rate, true_positive_rate
from sklearn.metrics import balanced_accuracy_score, confusion_matrix, precision_score, roc_curve

from cxraudit.stats import thresholds as t
from cxraudit.stats._lanes import LANES
from cxraudit.stats.resampling import draw_resamples


@pytest.fixture
def images():
    """400 images of 80 patients in three groups."""
    rng = np.random.default_rng(0)
    patients = rng.integers(0, 80, 400)
    labels = rng.random(400) < 0.3
    scores = np.round(labels + rng.normal(size=400), 1)
    return patients, labels, scores, rng.integers(0, 3, 400)


def test_rules_meet_their_targets(images):
    """FPR at most, TPR at least, Youden's maximum, as many flagged as are positive, fixed."""
    _, labels, scores, _ = images
    fpr, tpr, _ = roc_curve(labels, scores, drop_intermediate=False)

    def rates(rule):
        flagged = scores >= t.choose_threshold(labels, scores, rule)
        return flagged[~labels].mean(), flagged[labels].mean(), flagged.sum()

    assert rates(t.target_fpr(0.1))[0] == fpr[fpr <= 0.1].max()
    assert rates(t.target_tpr(0.9))[1] == tpr[tpr >= 0.9].min()
    found = rates(t.youden)
    assert found[1] - found[0] == pytest.approx((tpr - fpr).max())
    assert rates(t.prevalence_match)[2] >= labels.sum()
    assert t.choose_threshold(labels, scores, t.fixed(0.25)) == 0.25
    assert rates(t.target_fpr(0.0))[0] == 0
    assert rates(t.target_fpr(1.0))[0] == 1


LEVELS = {
    "0 and 1": lambda rng, n: np.array([0.0, 1.0]),
    "thirds": lambda rng, n: np.arange(4) / 3,
    "one decimal": lambda rng, n: np.round(rng.normal(size=n), 1),
    "single precision": lambda rng, n: rng.random(n).round(1).astype(np.float32).astype(float),
    "neighbours in single precision": lambda rng, n: np.float64(
        np.float32(0.1) + np.arange(n, dtype=np.float32) * np.float32(7.450581e-9)
    ),
    "1e-12 apart": lambda rng, n: 0.5 + 1e-12 * np.arange(n),
    "neighbours": lambda rng, n: 1 + np.finfo(float).eps * np.arange(n),
    "a million": lambda rng, n: 1e6 + np.arange(n) - n / 2,
    "too large for single precision": lambda rng, n: 1e300 * np.arange(n),
    "tiny": lambda rng, n: -1e-300 * np.arange(n),
    "any": lambda rng, n: rng.normal(size=n) * 10.0 ** rng.integers(-9, 9),
}
"""Kinds of scores with few values."""


def quantised(kind, rng, n_levels):
    """Scores of 60 images with at most so many values, and their labels."""
    return rng.choice(LEVELS[kind](rng, n_levels), 60), rng.random(60) < 0.4


@pytest.mark.parametrize("kind", LEVELS)
@pytest.mark.parametrize(
    "rule", ["fpr=0.1", "fpr=0.5", "fpr=1", "tpr=0.9", "tpr=0.2", "youden", "prevalence"]
)
def test_a_printed_threshold_flags_the_images_that_the_rule_flags(kind, rule):
    """Read back from print, in double and, for scores of it, in single precision."""
    rng = np.random.default_rng(7)
    for n_levels in range(2, 11):
        scores, labels = quantised(kind, rng, n_levels)
        chosen = t.choose_threshold(labels, scores, t.rule_named(rule))

        found = t.shortest_equivalent(chosen, scores)

        printed = float(t.as_text(found))
        assert printed == found
        assert np.array_equal(scores >= printed, scores >= chosen)
        with np.errstate(over="ignore"):
            single = scores.astype(np.float32)
        if np.array_equal(single, scores) and not (scores >= chosen).all():
            assert np.array_equal(single >= printed, scores >= chosen)


@pytest.mark.parametrize(
    ("threshold", "scores", "text"),
    [
        (np.nextafter(0.0, 1.0), [0.0, 1.0], "1"),
        (np.nextafter(1 / 3, 1.0), [0.0, 1 / 3, 2 / 3], "0.4"),
        (2 / 3, [0.0, 1 / 3, 2 / 3], "0.6"),
        (0.3512, [0.35, 0.3512, 0.4], "0.351"),
        (np.nextafter(0.98, 1.0), [0.98, 1.02], "1"),
        (-0.5, [-1.0, -0.5, 0.0], "-0.5"),
        (1e6 + 1, [1e6, 1e6 + 1], "1000001"),
        (0.5 + 1e-12, [0.5, 0.5 + 1e-12], "0.500000000001"),
    ],
)
def test_a_threshold_has_as_few_digits_as_separate_the_scores(threshold, scores, text):
    """Of several decimals, the nearest to what the rule chose."""
    assert t.as_text(t.shortest_equivalent(float(threshold), scores)) == text


def test_a_threshold_above_every_score_is_infinite():
    """No image is flagged; below every score, the threshold stays as it is."""
    assert t.shortest_equivalent(float(np.nextafter(1.0, 2.0)), [0.0, 1.0]) == np.inf
    assert t.shortest_equivalent(0.1234567, [0.2, 0.3]) == 0.1234567


def test_a_threshold_needs_both_classes():
    """Tuning images of one class raise."""
    with pytest.raises(ValueError, match="one class"):
        t.choose_threshold([1, 1], [0.1, 0.2], t.youden)


def test_rates_equal_scikit_learn_and_fairlearn_in_every_group(images):
    """Reference: MetricFrame by group."""
    patients, labels, scores, groups = images
    flagged = scores >= 0.5
    cells = np.stack([groups == g for g in range(3)])
    found = t.decisions(
        labels, scores, 0.5, patients, cells, draw_resamples(80, 0, 0), n_resamples=0
    )

    frame = MetricFrame(
        metrics={
            "tpr": true_positive_rate,
            "fpr": false_positive_rate,
            "selection_rate": selection_rate,
        },
        y_true=labels,
        y_pred=flagged,
        sensitive_features=groups,
    )
    for g, decisions in enumerate(found):
        for metric in ("tpr", "fpr", "selection_rate"):
            assert getattr(decisions, metric).value == pytest.approx(frame.by_group.loc[g, metric])
        mask = groups == g
        tn, fp, fn, tp = confusion_matrix(labels[mask], flagged[mask]).ravel()
        assert tuple(decisions.counted[:, 0]) == (
            tp,
            fp,
            fn,
            tn,
        )
        assert decisions.ppv.replicates[0] == pytest.approx(
            precision_score(labels[mask], flagged[mask])
        )
        assert decisions.balanced_accuracy.replicates[0] == pytest.approx(
            balanced_accuracy_score(labels[mask], flagged[mask])
        )
        assert decisions.net_benefit(0.2).replicates[0] == pytest.approx(
            (tp - fp * 0.25) / mask.sum()
        )


def test_replicates_are_the_rates_of_the_resampled_images(images):
    """Each of 70 replicates equals the rates of the repeated rows."""
    patients, labels, scores, _ = images
    counts = draw_resamples(80, 70, seed=1)
    found = t.decisions(
        labels, scores, 0.5, patients, np.ones((1, 400), bool), counts, n_resamples=70
    )[0]

    for r in range(71):
        rows = np.repeat(np.arange(400), counts[r // LANES, :, r % LANES][patients])
        assert found.tpr.replicates[r] == pytest.approx((scores[rows] >= 0.5)[labels[rows]].mean())
        assert found.npv.replicates[r] == pytest.approx((~labels[rows])[scores[rows] < 0.5].mean())


def test_rates_without_images_are_undefined(images):
    """Without positives there is no TPR, without flagged images no PPV."""
    patients, labels, scores, _ = images
    cell = (~labels)[None]
    found = t.decisions(
        labels, scores, 99.0, patients, cell, draw_resamples(80, 0, 0), n_resamples=0
    )[0]

    assert np.isnan(found.tpr.replicates[0])
    assert np.isnan(found.ppv.replicates[0])
    assert found.fpr.replicates[0] == 0


def test_underdiagnosis_is_a_finding_flagged_as_none():
    """Two of three images with a finding are flagged as having none; one of two without is not."""
    no_finding, no_finding_score = [0, 0, 0, 1, 1], [0.9, 0.8, 0.1, 0.7, 0.2]

    assert t.underdiagnosis(no_finding, no_finding_score, 0.5) == pytest.approx((2 / 3, 1 / 2))
    assert np.isnan(t.underdiagnosis([1, 1], [0.1, 0.9], 0.5)[0])


@pytest.mark.parametrize("rule", ["fpr=0.1", "tpr=0.9", "youden", "prevalence"])
def test_thresholds_are_chosen_anew_in_every_replicate(images, rule):
    """On the images repeated as often as their patient was drawn; rates are those at each replicate's own."""
    patients, labels, scores, groups = images
    counts = draw_resamples(80, 70, 1)
    tuning, others = patients < 30, patients >= 30
    named = t.rule_named(rule)

    def part(of):
        return labels[of], scores[of]

    found = t.rechosen(*part(tuning), patients[tuning], named, counts, n_resamples=70)
    threshold = t.choose_threshold(*part(tuning), named)
    cells = np.stack([np.ones(others.sum(), bool), groups[others] == 1])
    rates = t.decisions(
        *part(others),
        threshold,
        patients[others],
        cells,
        counts,
        n_resamples=70,
        thresholds=found,
    )

    assert found[0] == threshold
    for replicate in (0, 1, 63, 64, 70):
        times = counts[replicate // LANES, :, replicate % LANES]
        drawn = np.repeat(np.flatnonzero(tuning), times[patients[tuning]])
        own = t.choose_threshold(labels[drawn], scores[drawn], named)
        assert found[replicate] == own
        for cell, rate in zip(cells, rates, strict=True):
            rows = np.flatnonzero(others)[cell]
            shown = np.repeat(rows, times[patients[rows]])
            flagged = scores[shown] >= own
            assert rate.tpr.replicates[replicate] == pytest.approx(flagged[labels[shown]].mean())
            assert rate.fpr.replicates[replicate] == pytest.approx(flagged[~labels[shown]].mean())


def test_a_replicate_without_both_classes_has_no_threshold_and_no_rates():
    """A rule has nothing to choose on."""
    counts = draw_resamples(6, 200, 0)
    labels = np.array([1, 0, 0, 0, 0, 0], bool)

    found = t.rechosen(labels, np.arange(6.0), np.arange(6), t.youden, counts, n_resamples=200)
    (rates,) = t.decisions(
        labels,
        np.arange(6.0),
        found[0],
        np.arange(6),
        np.ones((1, 6), bool),
        counts,
        n_resamples=200,
        thresholds=found,
    )

    missing = np.isnan(found)
    assert 20 < missing.sum() < 180
    assert np.isnan(rates.fpr.replicates[missing]).all()
