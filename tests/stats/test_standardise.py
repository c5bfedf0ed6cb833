"""Standardisation to a common mix of strata."""

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from cxraudit.stats._lanes import LANES
from cxraudit.stats.compare import gap
from cxraudit.stats.ranking import auroc, ranking_replicates
from cxraudit.stats.resampling import draw_resamples
from cxraudit.stats.standardise import overlap, standardised_replicates


def confounded(seed: int, *, own_gap: float):
    """One side has more images of a hard view; `own_gap` is the gap within each view."""
    rng = np.random.default_rng(seed)
    n = 6000
    patients = np.repeat(np.arange(n // 3), 3)
    side = (rng.random(n // 3) < 0.5)[patients]
    hard = rng.random(n) < np.where(side, 0.8, 0.2)
    labels = rng.random(n) < 0.3
    scores = labels * (2.0 - 1.4 * hard - own_gap * side) + rng.normal(size=n)
    return labels, scores, patients, side, hard


@pytest.mark.parametrize(("own_gap", "remains"), [(0.0, False), (0.8, True)])
def test_a_gap_due_to_view_vanishes_when_standardised_by_view(own_gap, remains):
    """The raw gap excludes zero in both cases; standardised, only where the side itself is worse."""
    labels, scores, patients, side, hard = confounded(0, own_gap=own_gap)
    counts = draw_resamples(2000, 300, seed=0)
    sides = np.stack([side, ~side])

    raw = ranking_replicates(labels, scores, patients, sides, counts, n_resamples=300)
    even = standardised_replicates(labels, scores, patients, sides, hard, counts, n_resamples=300)
    _, effective = overlap(labels, sides, hard)

    assert gap(raw[0].auroc, raw[1].auroc).high < 0
    standardised = gap(even[0].auroc, even[1].auroc)
    assert (standardised.high < 0) == remains
    assert (effective < sides.sum(1)).all()


def test_the_error_of_a_standardised_gap_includes_that_of_the_weights():
    """Images of one view score higher with or without the finding: the weights remove that from both
    sides in every replicate. Of 200 cohorts without a gap, about 5 % have p-values below 0.05 by the
    replicates' error; the influences, which take the weights as given, give an error nearly twice as large.
    """
    found = []
    for seed in range(200):
        rng = np.random.default_rng(seed)
        side = rng.random(400) < 0.5
        view = rng.random(400) < np.where(side, 0.7, 0.3)
        labels = rng.random(400) < 0.4
        scores = labels * 1.2 + 3.0 * view + rng.normal(size=400)
        inside, outside = standardised_replicates(
            labels,
            scores,
            np.arange(400),
            np.stack([side, ~side]),
            view,
            draw_resamples(400, 200, seed),
            n_resamples=200,
        )
        difference = gap(inside.auroc, outside.auroc, error="replicates")
        as_given = (inside.auroc - outside.auroc).standard_error
        found.append(
            (difference.value, difference.standard_error, as_given, difference.p_value < 0.05)
        )

    values, errors, given, false = np.array(found).T
    assert errors.mean() == pytest.approx(values.std(), rel=0.15)
    assert given.mean() > 1.5 * values.std()
    assert 0.01 <= false.mean() <= 0.09


def test_standardised_replicates_equal_a_weighted_auroc():
    """Against scikit-learn with sample weights, weights estimated anew in each replicate."""
    labels, scores, patients, side, hard = (x[:900] for x in confounded(1, own_gap=0.3))
    counts = draw_resamples(300, 40, seed=2)
    even = standardised_replicates(
        labels, scores, patients, np.stack([side, ~side]), hard, counts, n_resamples=40
    )

    for r in (0, 1, 17, 40):
        drawn = counts[r // LANES, :, r % LANES][patients].astype(float)
        weight = np.zeros(900)
        for view in (True, False):
            for label in (True, False):
                cell = (hard == view) & (labels == label)
                for s in (True, False):
                    weight[cell & (side == s)] = drawn[cell].sum() / drawn[cell & (side == s)].sum()
        expected = roc_auc_score(labels[side], scores[side], sample_weight=(weight * drawn)[side])
        assert even[0].auroc.replicates[r] == pytest.approx(expected, abs=1e-12)


def test_a_stratum_that_one_side_lacks_is_excluded():
    """No side is extrapolated to a stratum it has no images of."""
    labels, scores, patients, side, hard = confounded(2, own_gap=0.0)
    strata = np.where(hard & side, 2, hard)
    counts = draw_resamples(2000, 0, seed=0)

    even = standardised_replicates(
        labels, scores, patients, np.stack([side, ~side]), strata, counts, n_resamples=0
    )

    easy = strata == 0
    assert even[0].auroc.value == pytest.approx(auroc(labels[side & easy], scores[side & easy]))
