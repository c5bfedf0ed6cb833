"""Weighted statistics equal scikit-learn's with sample_weight, in the cohort and in every replicate."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.special import expit, logit
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import (
    average_precision_score,
    brier_score_loss,
    recall_score,
    roc_auc_score,
)

from cxraudit.metrics import METRICS, Family, of_family
from cxraudit.stats.calibration import calibration_replicates, equal_mass_edges, platt
from cxraudit.stats.delong import placements
from cxraudit.stats.misclassification import DetectorError, gap_bounds
from cxraudit.stats.partial_auroc import partial_auroc
from cxraudit.stats.ranking import ranking_replicates
from cxraudit.stats.replicated import mean_replicates
from cxraudit.stats.resampling import draw_resamples
from cxraudit.stats.standardise import overlap, standardised_replicates
from cxraudit.stats.thresholds import (
    choose_threshold,
    decisions,
    rechosen,
    rule_named,
    target_fpr,
)

N_RESAMPLES = 20
EVERYTHING = np.ones((1, 300), dtype=bool)


def drawn(seed: int, *, digits: int = 1):
    """Labels, scores with ties, patients, weights and resamples of 300 images."""
    rng = np.random.default_rng(seed)
    patients = rng.integers(0, 60, 300)
    patients[:60] = np.arange(60)
    y_true = rng.random(300) < 0.3
    score = np.round(rng.normal(size=300) + y_true, digits)
    weights = 1 / np.bincount(patients)[patients] * rng.uniform(0.5, 3, 300)
    return y_true, score, patients, weights, draw_resamples(60, N_RESAMPLES, seed)


def of_replicate(counts, patients, weights, r):
    """The weight of each image in a replicate."""
    return counts[r // counts.shape[2], patients, r % counts.shape[2]] * weights


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("digits", [1, 9])
def test_ranking_metrics_equal_scikit_learn_in_every_replicate(seed, digits):
    """AUROC, average precision and partial AUROC, with ties and without."""
    y_true, score, patients, weights, counts = drawn(seed, digits=digits)
    found = ranking_replicates(
        y_true, score, patients, EVERYTHING, counts, n_resamples=N_RESAMPLES, weights=weights
    )[0]

    for r in range(N_RESAMPLES + 1):
        w = of_replicate(counts, patients, weights, r)
        chosen = w > 0
        given = (y_true[chosen], score[chosen])
        options = {"sample_weight": w[chosen]}
        assert_allclose(found.auroc.replicates[r], roc_auc_score(*given, **options), atol=1e-10)
        assert_allclose(
            found.average_precision.replicates[r],
            average_precision_score(*given, **options),
            atol=1e-10,
        )
        assert_allclose(
            partial_auroc(found).replicates[r],
            roc_auc_score(*given, max_fpr=0.2, **options),
            atol=1e-10,
        )
        prevalence = w[y_true].sum() / w.sum()
        precision = found.average_precision.replicates[r]
        assert_allclose(
            found.adjusted_auprc.replicates[r],
            1 - np.log(precision) / np.log(prevalence),
            atol=1e-10,
        )


def test_the_common_prevalence_is_weighted():
    """AP at the weighted prevalence of all images is that of all images."""
    y_true, score, patients, weights, counts = drawn(4)
    found = ranking_replicates(
        y_true, score, patients, EVERYTHING, counts, n_resamples=N_RESAMPLES, weights=weights
    )[0]

    assert_allclose(found.ap_at_prevalence.value, found.average_precision.value, atol=1e-12)


@pytest.mark.parametrize("seed", range(2))
def test_rates_and_means_equal_scikit_learn_in_every_replicate(seed):
    """TPR, FPR and the mean of a number."""
    y_true, score, patients, weights, counts = drawn(seed)
    found = decisions(
        y_true, score, 0.7, patients, EVERYTHING, counts, n_resamples=N_RESAMPLES, weights=weights
    )[0]
    mean = mean_replicates(
        score, EVERYTHING[0], patients, counts, n_resamples=N_RESAMPLES, weights=weights
    )

    for r in range(N_RESAMPLES + 1):
        w = of_replicate(counts, patients, weights, r)
        for rate, label in ((found.tpr, 1), (found.fpr, 0)):
            share = recall_score(y_true, score >= 0.7, pos_label=label, sample_weight=w)
            assert_allclose(rate.replicates[r], share if label else 1 - share, atol=1e-10)
        assert_allclose(mean.replicates[r], np.average(score, weights=w), atol=1e-10)


def test_calibration_equals_scikit_learn():
    """Brier score and observed/expected in every replicate, slope and Platt's map in the cohort."""
    y_true, score, patients, weights, counts = drawn(0, digits=9)
    probability = expit(score - 1.2)
    found = calibration_replicates(
        y_true,
        probability,
        patients,
        EVERYTHING,
        counts,
        n_resamples=N_RESAMPLES,
        weights=weights,
        edges=equal_mass_edges(probability, weights=weights),
    )[0]

    for r in range(N_RESAMPLES + 1):
        w = of_replicate(counts, patients, weights, r)
        brier = brier_score_loss(y_true, probability, sample_weight=w)
        assert_allclose(found.brier.replicates[r], brier, atol=1e-10)
        ratio = np.average(y_true, weights=w) / np.average(probability, weights=w)
        assert_allclose(found.observed_expected.replicates[r], ratio, atol=1e-10)
    fit = LogisticRegression(C=np.inf, tol=1e-12, solver="newton-cholesky", max_iter=1000).fit(
        logit(probability)[:, None], y_true, sample_weight=weights
    )
    assert_allclose(found.calibration_slope.value, fit.coef_[0, 0], atol=1e-10)
    intercept, slope = platt(y_true, score, weights=weights)
    assert_allclose(slope, fit.coef_[0, 0], atol=1e-9)
    assert_allclose(intercept, fit.intercept_[0] - 1.2 * fit.coef_[0, 0], atol=1e-9)


@pytest.mark.parametrize("digits", [1, 9])
def test_influences_are_derivatives_by_the_weight_of_a_patient(digits):
    """Of every weighted metric, against differences of the statistic with a patient's weights changed."""
    y_true, score, patients, weights, counts = drawn(5, digits=digits)
    probability = expit(score - 1.2)
    side = np.random.default_rng(1).random(300) < 0.5

    def evaluate(own):
        given = {"n_resamples": 0, "weights": own}
        ranked = ranking_replicates(
            y_true, score, patients, EVERYTHING, counts, reference_prevalence=0.2, **given
        )[0]
        flagged = decisions(y_true, score, 0.7, patients, EVERYTHING, counts, **given)[0]
        edges = equal_mass_edges(probability)
        calibrated = calibration_replicates(
            y_true, probability, patients, EVERYTHING, counts, edges=edges, **given
        )[0]
        return {
            "auroc": ranked.auroc,
            "average precision": ranked.average_precision,
            "AP at prevalence": ranked.ap_at_prevalence,
            "adjusted AUPRC": ranked.adjusted_auprc,
            # Within the tie that holds the limit, its influence is that of the middle of the tie.
            **({"partial AUROC": partial_auroc(ranked)} if digits > 1 else {}),
            "tpr": flagged.tpr,
            "ppv": flagged.ppv,
            "net benefit": flagged.net_benefit(0.3),
            "brier": calibrated.brier,
            "balanced brier": calibrated.balanced_brier,
            "slope": calibrated.calibration_slope,
            "intercept": calibrated.calibration_intercept,
            "mean": mean_replicates(score, side, patients, counts, **given),
        }

    found, step = evaluate(weights), 1e-5
    for patient in (0, 7, 31):
        own = patients == patient
        up, down = (evaluate(weights * (1 + sign * step * own)) for sign in (1, -1))
        for name, one in found.items():
            slope = (up[name].value - down[name].value) / (2 * step)
            assert_allclose(one.influence[patient], slope, atol=2e-8, err_msg=name)


def test_whole_weights_are_repeated_images():
    """An image of weight 3 counts as three: standardised and plain, thresholds and placements."""
    y_true, score, patients, _, counts = drawn(2)
    rng = np.random.default_rng(3)
    times = rng.integers(1, 4, 300)
    strata, side = rng.integers(0, 3, 300), rng.random(300) < 0.5
    again = np.repeat(np.arange(300), times)
    weights = times.astype(float)

    one, other = (
        standardised_replicates(
            y_true[rows],
            score[rows],
            patients[rows],
            np.stack([side[rows], ~side[rows]]),
            strata[rows],
            counts,
            n_resamples=N_RESAMPLES,
            weights=own,
        )
        for rows, own in ((np.arange(300), weights), (again, None))
    )
    for first, second in zip(one, other, strict=True):
        assert_allclose(first.auroc.replicates, second.auroc.replicates, atol=1e-12)
        assert_allclose(
            first.ap_at_prevalence.replicates, second.ap_at_prevalence.replicates, atol=1e-12
        )
        assert_allclose(first.auroc.influence, second.auroc.influence, atol=1e-12)
    for name in ("fpr=0.1", "tpr=0.9", "youden", "prevalence"):
        rule = rule_named(name)
        assert choose_threshold(y_true, score, rule, weights=weights) == choose_threshold(
            y_true[again], score[again], rule
        )
    below, above = placements(y_true, score, weights=weights)
    repeated = placements(y_true[again], score[again])
    assert_allclose(np.repeat(below, times[y_true]), repeated[0], atol=1e-12)
    assert_allclose(np.repeat(above, times[~y_true]), repeated[1], atol=1e-12)
    kept, effective = overlap(y_true, np.stack([side, ~side]), strata, weights=weights)
    assert kept.sum() == 300
    assert (effective < [side.sum(), (~side).sum()]).all()


def test_weights_of_one_give_what_no_weights_give():
    """To the last bit, for every weighted function but bins and noise of calibration."""
    y_true, score, patients, _, counts = drawn(6)
    ones = np.ones(300)
    arguments = (y_true, score, patients, EVERYTHING, counts)

    plain, weighted = (
        ranking_replicates(*arguments, n_resamples=N_RESAMPLES, weights=own)[0]
        for own in (None, ones)
    )
    assert_allclose(weighted.auroc.replicates, plain.auroc.replicates, atol=1e-14)
    assert_allclose(weighted.auroc.influence, plain.auroc.influence, atol=1e-14)
    same = {"n_resamples": N_RESAMPLES, "edges": np.linspace(0, 1, 6)}
    own_patients = np.arange(300)
    alone = draw_resamples(300, N_RESAMPLES, 0)
    plain, weighted = (
        calibration_replicates(
            y_true, expit(score), own_patients, EVERYTHING, alone, weights=own, **same
        )[0]
        for own in (None, ones)
    )
    # With one image of each patient the noise of patients is that of images.
    assert_allclose(weighted.debiased_error.replicates, plain.debiased_error.replicates, atol=1e-12)
    assert_allclose(
        weighted.calibration_error.replicates, plain.calibration_error.replicates, atol=1e-14
    )


def test_a_reversed_ranking_is_one_under_any_weights():
    """An AUROC of 0 or 1 is exactly that, so that it gets its score interval."""
    _, _, patients, weights, counts = drawn(0)
    y_true = np.arange(300) < 100
    for sign, expected in ((1, 0.0), (-1, 1.0)):
        found = ranking_replicates(
            y_true,
            sign * np.arange(300.0),
            patients,
            EVERYTHING,
            counts,
            n_resamples=N_RESAMPLES,
            weights=weights,
        )[0]
        assert set(found.auroc.replicates) == {expected}


def test_bounds_of_weighted_errors_hold_every_assignment():
    """No relabelling of as many images as the detector may have wrong gives a gap outside."""
    rng = np.random.default_rng(0)
    placed, has = rng.random(10), np.arange(10) < 5
    weights = rng.uniform(0.5, 2, 10)
    errors = DetectorError(sensitivity=0.8, specificity=0.8)
    bounds = gap_bounds(
        placed, has, np.ones(10, dtype=bool), [errors], weights=weights, confidence_level=0.6
    )

    found = []
    for number in range(2**10):
        wrong = (number >> np.arange(10)) % 2 == 1
        if (wrong & has).sum() > bounds.wrong_with or (wrong & ~has).sum() > bounds.wrong_without:
            continue
        true = has ^ wrong
        sides = [np.average(placed[k], weights=weights[k]) for k in (true, ~true)]
        found.append(sides[0] - sides[1])
    assert 0 < bounds.wrong_with < 5
    assert bounds.low <= min(found)
    assert max(found) <= bounds.high
    assert bounds.high - bounds.low < 1.5 * (max(found) - min(found))


@pytest.mark.parametrize("metric", of_family(Family.RANKING))
def test_a_whole_weight_is_the_image_as_often(metric):
    """For every ranking metric: value, replicates and influences, with ties; fixed rates do not divide them."""
    rng = np.random.default_rng(11)
    units = np.repeat(np.arange(40), rng.integers(1, 5, 40))
    label = rng.random(units.size) < 0.35
    score = np.round(rng.normal(size=units.size) + label, 1)
    weights = rng.integers(1, 4, units.size)
    counts = draw_resamples(40, 60, 5, n_threads=1)

    def found(times, own):
        cell = np.ones((1, times.sum()), dtype=bool)
        labels, scores, rows = (np.repeat(of, times) for of in (label, score, units))
        (ranked,) = ranking_replicates(
            labels,
            scores,
            rows,
            cell,
            counts,
            n_resamples=60,
            n_threads=1,
            weights=own,
            fixed=0.83,
        )
        return METRICS[metric].of(ranked)

    weighted = found(np.ones_like(weights), weights.astype(float))
    repeated = found(weights, None)

    np.testing.assert_allclose(weighted.replicates, repeated.replicates, rtol=0, atol=1e-10)
    np.testing.assert_allclose(weighted.influence, repeated.influence, rtol=0, atol=1e-10)


def test_weights_count_where_every_replicate_has_its_own_threshold():
    """Whole weights are images as often, at thresholds chosen anew; chosen by the same weights."""
    rng = np.random.default_rng(12)
    units = np.repeat(np.arange(40), 3)
    label = rng.random(units.size) < 0.4
    score = np.round(rng.normal(size=units.size) + label, 1)
    weights = rng.integers(1, 4, units.size)
    counts = draw_resamples(40, 60, 5, n_threads=1)

    def found(times, own):
        labels, scores, rows = (np.repeat(of, times) for of in (label, score, units))
        rule = target_fpr(0.2)
        again = rechosen(labels, scores, rows, rule, counts, n_resamples=60, weights=own)
        cell = np.ones((1, times.sum()), dtype=bool)
        (decided,) = decisions(
            labels,
            scores,
            float(again[0]),
            rows,
            cell,
            counts,
            n_resamples=60,
            weights=own,
            thresholds=again,
        )
        return again, decided.tpr, decided.fpr

    weighted = found(np.ones_like(weights), weights.astype(float))
    repeated = found(weights, None)

    np.testing.assert_array_equal(weighted[0], repeated[0])
    for one, other in zip(weighted[1:], repeated[1:], strict=True):
        np.testing.assert_allclose(one.replicates, other.replicates, rtol=0, atol=1e-12)
        np.testing.assert_allclose(one.influence, other.influence, rtol=0, atol=1e-12)
