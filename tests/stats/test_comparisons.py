"""Tests of several groups, multiplicity, standardisation, shortcut areas."""

import numpy as np
import pytest
from scipy.stats import bootstrap
from sklearn.metrics import roc_auc_score
from statsmodels.stats.multitest import multipletests

from cxraudit.stats._lanes import LANES
from cxraudit.stats.compare import bca_interval, gap, holm, step_up
from cxraudit.stats.permutation import heterogeneity_test
from cxraudit.stats.ranking import auprg, auroc, ranking_replicates, shortcut_cells, xauc
from cxraudit.stats.replicated import Replicated
from cxraudit.stats.resampling import draw_resamples
from cxraudit.stats.standardise import standardised_replicates


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [(holm, "holm"), (step_up, "fdr_bh"), (lambda p: step_up(p, dependent=True), "fdr_by")],
)
def test_adjusted_p_values_equal_statsmodels(ours, theirs):
    """Holm, Benjamini-Hochberg, Benjamini-Yekutieli, with ties."""
    p_values = np.round(np.random.default_rng(0).random(40) ** 3, 3)

    np.testing.assert_allclose(
        ours(p_values), multipletests(p_values, method=theirs)[1], atol=1e-12
    )
    withheld = np.insert(p_values, 5, np.nan)
    np.testing.assert_allclose(np.delete(ours(withheld), 5), ours(p_values))


def correlated(seed: int, *, gap_in_first: float = 0.0, n_patients: int = 120):
    """Images of patients in four groups who resemble themselves."""
    rng = np.random.default_rng(seed)
    patients = np.repeat(np.arange(n_patients), rng.integers(1, 9, n_patients))
    groups = rng.integers(0, 4, n_patients)[patients]
    labels = rng.random(patients.size) < rng.beta(1, 2, n_patients)[patients]
    signal = np.where(groups == 0, 1.5 - gap_in_first, 1.5)
    scores = (
        labels * signal + rng.normal(size=n_patients)[patients] + rng.normal(size=patients.size)
    )
    return labels, scores, patients, groups


def test_the_global_test_has_its_size_and_its_power():
    """200 cohorts without a difference: about 5 % rejected; with one, most."""
    null = np.mean(
        [heterogeneity_test(*correlated(s), n_permutations=199, seed=s) <= 0.05 for s in range(200)]
    )
    power = np.mean(
        [
            heterogeneity_test(*correlated(s, gap_in_first=1.5), n_permutations=199) <= 0.05
            for s in range(40)
        ]
    )

    assert 0.01 <= null <= 0.09
    assert power >= 0.8


def test_the_global_test_does_not_depend_on_names_or_order():
    """Relabelled groups and shuffled images: the same statistic, nearly the same p-value."""
    labels, scores, patients, groups = correlated(3, gap_in_first=1.0)
    order = np.random.default_rng(0).permutation(labels.size)

    first = heterogeneity_test(labels, scores, patients, groups, n_permutations=1999)
    renamed = np.array(["d", "c", "b", "a"])[groups]
    second = heterogeneity_test(
        labels[order], scores[order], patients[order], renamed[order], n_permutations=1999
    )

    assert second == pytest.approx(first, abs=0.03)


def test_one_group_cannot_differ():
    """NaN."""
    assert np.isnan(heterogeneity_test([0, 1, 1, 0], [0.1, 0.2, 0.3, 0.4], [0, 1, 2, 3], ["a"] * 4))


def confounded(seed: int, *, own_gap: float):
    """One side has more images of a hard view; `own_gap` is what is left at equal view."""
    rng = np.random.default_rng(seed)
    n = 6000
    patients = np.repeat(np.arange(n // 3), 3)
    side = (rng.random(n // 3) < 0.5)[patients]
    hard = rng.random(n) < np.where(side, 0.8, 0.2)
    labels = rng.random(n) < 0.3
    scores = labels * (2.0 - 1.4 * hard - own_gap * side) + rng.normal(size=n)
    return labels, scores, patients, side, hard


@pytest.mark.parametrize(("own_gap", "remains"), [(0.0, False), (0.8, True)])
def test_a_gap_that_is_all_view_vanishes_at_equal_view(own_gap, remains):
    """The raw gap excludes zero in both cases; standardised, only where the side itself is worse."""
    labels, scores, patients, side, hard = confounded(0, own_gap=own_gap)
    counts = draw_resamples(2000, 300, seed=0)
    sides = np.stack([side, ~side])

    raw = ranking_replicates(labels, scores, patients, sides, counts, n_resamples=300)
    even, effective, _ = standardised_replicates(
        labels, scores, patients, sides, hard, counts, n_resamples=300
    )

    assert gap(raw[0].auroc, raw[1].auroc).high < 0
    adjusted = gap(even[0].auroc, even[1].auroc)
    assert (adjusted.high < 0) == remains
    assert (effective < sides.sum(1)).all()


def test_the_error_of_an_adjusted_gap_includes_that_of_the_weights():
    """Images of one view score higher whatever they show: the weights take that out of both sides in every
    replicate. 200 cohorts without a gap: about 5 % of p-values below 0.05 from the replicates' error;
    the influences, which take the weights as given, would say an error nearly twice as large.
    """
    found = []
    for seed in range(200):
        rng = np.random.default_rng(seed)
        side = rng.random(400) < 0.5
        view = rng.random(400) < np.where(side, 0.7, 0.3)
        labels = rng.random(400) < 0.4
        scores = labels * 1.2 + 3.0 * view + rng.normal(size=400)
        (inside, outside), _, _ = standardised_replicates(
            labels,
            scores,
            np.arange(400),
            np.stack([side, ~side]),
            view,
            draw_resamples(400, 200, seed),
            n_resamples=200,
        )
        apart = gap(inside.auroc, outside.auroc, scale="bootstrap")
        as_given = (inside.auroc - outside.auroc).standard_error
        found.append((apart.value, apart.standard_error, as_given, apart.p_value < 0.05))

    values, errors, given, false = np.array(found).T
    assert errors.mean() == pytest.approx(values.std(), rel=0.15)
    assert given.mean() > 1.5 * values.std()
    assert 0.01 <= false.mean() <= 0.09


def test_standardised_replicates_equal_a_weighted_auroc():
    """Against scikit-learn with sample weights, weights estimated anew in each replicate."""
    labels, scores, patients, side, hard = (x[:900] for x in confounded(1, own_gap=0.3))
    counts = draw_resamples(300, 40, seed=2)
    even, _, _ = standardised_replicates(
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


def test_a_stratum_that_one_side_lacks_is_left_out():
    """No side is extrapolated to what it never shows."""
    labels, scores, patients, side, hard = confounded(2, own_gap=0.0)
    strata = np.where(hard & side, 2, hard)
    counts = draw_resamples(2000, 0, seed=0)

    even, _, _ = standardised_replicates(
        labels, scores, patients, np.stack([side, ~side]), strata, counts, n_resamples=0
    )

    easy = strata == 0
    assert even[0].auroc.value == pytest.approx(auroc(labels[side & easy], scores[side & easy]))


def test_shortcut_areas_are_the_four_of_borkan():
    """Which positives stand against which negatives."""
    labels = np.array([1, 1, 0, 0], bool)
    drain = np.array([1, 0, 1, 0], bool)

    cells = shortcut_cells(labels, drain)

    assert {name: np.flatnonzero(cell).tolist() for name, cell in cells.items()} == {
        "subgroup": [0, 2],
        "background": [1, 3],
        "bpsn": [1, 2],
        "bnsp": [0, 3],
    }


def test_xauc_compares_positives_of_one_group_with_negatives_of_the_other():
    """By all pairs."""
    rng = np.random.default_rng(0)
    labels, scores, first = (
        rng.random(60) < 0.4,
        rng.integers(0, 5, 60).astype(float),
        rng.random(60) < 0.5,
    )
    positive, negative = scores[labels & first], scores[~labels & ~first]
    wins = (positive[:, None] > negative).mean() + 0.5 * (positive[:, None] == negative).mean()

    assert xauc(labels, scores, first, ~first) == pytest.approx(wins)


def test_precision_recall_gain_is_one_if_perfect_and_about_zero_at_chance():
    """And NaN with one class."""
    rng = np.random.default_rng(0)
    labels = rng.random(20_000) < 0.2

    assert auprg(labels, labels.astype(float)) == pytest.approx(1)
    assert abs(auprg(labels, rng.random(20_000))) < 0.05
    assert np.isnan(auprg([1, 1], [0.1, 0.2]))


def test_bca_equals_scipy():
    """A skewed mean: scipy.stats.bootstrap(method="BCa"), on scipy's own draws."""
    data = np.random.default_rng(0).exponential(size=40)
    reference = bootstrap((data,), np.mean, method="BCa", n_resamples=2000, rng=0)
    jackknife = np.array([np.delete(data, i).mean() for i in range(40)])

    found = bca_interval(
        Replicated(
            np.r_[data.mean(), reference.bootstrap_distribution], jackknife.mean() - jackknife
        )
    )

    assert found == pytest.approx(tuple(reference.confidence_interval), abs=1e-12)


def test_strata_keep_their_size_in_every_replicate():
    """Five patients who ever have the finding are five in every resample."""
    strata = np.r_[np.ones(5), np.zeros(95)]

    counts = draw_resamples(100, 200, seed=0, strata=strata)

    lanes = counts.transpose(0, 2, 1).reshape(-1, 100)[1:201]
    assert (lanes[:, :5].sum(1) == 5).all()
    assert (lanes.sum(1) == 100).all()
