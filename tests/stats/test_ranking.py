"""Ranking metrics equal scikit-learn's, on the cohort and on every resample."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, roc_auc_score

from cxraudit.stats._lanes import LANES
from cxraudit.stats.ranking import (
    METRICS,
    adjusted_auprc,
    auroc,
    average_precision,
    average_precision_at,
    ranking_replicates,
    shortcut_cells,
    xauc,
)
from cxraudit.stats.recall_gain import auprg_of
from cxraudit.stats.resampling import draw_resamples


@st.composite
def labelled_scores(draw):
    """Labels of both classes and scores with many ties."""
    n = draw(st.integers(2, 60))
    labels = draw(st.lists(st.integers(0, 1), min_size=n, max_size=n))
    labels[0], labels[1] = 0, 1
    scores = draw(st.lists(st.integers(-4, 4), min_size=n, max_size=n))
    return np.array(labels), np.array(scores, dtype=float)


@given(labelled_scores())
@settings(deadline=None)
def test_metrics_equal_scikit_learn_with_ties(case):
    """AUROC and average precision, to 1e-12."""
    labels, scores = case

    assert auroc(labels, scores) == pytest.approx(roc_auc_score(labels, scores), abs=1e-12)
    assert average_precision(labels, scores) == pytest.approx(
        average_precision_score(labels, scores), abs=1e-12
    )


@given(labelled_scores(), st.floats(0.01, 0.99))
@settings(deadline=None)
def test_precision_at_another_prevalence_is_weighted_average_precision(case, prevalence):
    """Weighting the classes to the reference prevalence gives the same number."""
    labels, scores = case
    share = labels.mean()
    weights = np.where(labels == 1, prevalence / share, (1 - prevalence) / (1 - share))

    expected = average_precision_score(labels, scores, sample_weight=weights)

    assert average_precision_at(labels, scores, prevalence) == pytest.approx(expected, abs=1e-9)


def test_adjusted_auprc_is_zero_at_chance_level_and_one_if_perfect():
    """A constant score has AP = prevalence; a perfect one has AP = 1."""
    labels = np.r_[np.ones(10), np.zeros(90)]

    assert adjusted_auprc(labels, np.zeros(100)) == pytest.approx(0, abs=1e-12)
    assert adjusted_auprc(labels, labels) == pytest.approx(1)


def test_precision_at_reference_prevalence_ignores_how_many_negatives_there_are():
    """Repeating the negatives changes AP and not AP at a fixed prevalence."""
    rng = np.random.default_rng(0)
    labels = rng.random(400) < 0.3
    scores = labels + rng.normal(size=400)
    more = np.r_[np.arange(400), np.repeat(np.flatnonzero(~labels), 3)]

    assert average_precision_at(labels[more], scores[more], 0.1) == pytest.approx(
        average_precision_at(labels, scores, 0.1), abs=1e-12
    )
    assert average_precision(labels[more], scores[more]) < average_precision(labels, scores) - 0.05


@pytest.mark.parametrize("digits", [1, 12])
def test_every_replicate_equals_scikit_learn_on_the_resampled_images(digits):
    """Cohort of 40 patients with several images, with and without ties, in two cells."""
    rng = np.random.default_rng(1)
    patients = rng.integers(0, 40, size=200)
    labels = rng.random(200) < 0.25
    scores = np.round(labels + rng.normal(size=200), digits)
    cells = np.stack([np.ones(200, dtype=bool), rng.random(200) < 0.5])
    counts = draw_resamples(40, 100, seed=3)

    found = ranking_replicates(labels, scores, patients, cells, counts, n_resamples=100)

    for cell, replicates in zip(cells, found, strict=True):
        for r in range(101):
            weights = counts[r // LANES, :, r % LANES][patients] * cell
            rows = np.repeat(np.arange(200), weights)
            prevalence = labels.mean()
            share = labels[rows].mean()
            balance = np.where(labels[rows], prevalence / share, (1 - prevalence) / (1 - share))
            assert replicates.auroc.replicates[r] == pytest.approx(
                roc_auc_score(labels[rows], scores[rows]), abs=1e-12
            )
            assert replicates.average_precision.replicates[r] == pytest.approx(
                average_precision_score(labels[rows], scores[rows]), abs=1e-12
            )
            assert replicates.ap_at_prevalence.replicates[r] == pytest.approx(
                average_precision_score(labels[rows], scores[rows], sample_weight=balance), abs=1e-9
            )


@pytest.mark.parametrize("labels", [[0, 0, 0], [1, 1, 1]])
def test_one_class_is_undefined_not_zero(labels):
    """AUROC, adjusted AUPRC and AP at a prevalence are NaN."""
    scores = [0.1, 0.2, 0.3]

    assert np.isnan(auroc(labels, scores))
    assert np.isnan(adjusted_auprc(labels, scores))
    assert np.isnan(average_precision_at(labels, scores, 0.2))


def test_an_empty_cell_is_undefined():
    """A group without images gives NaN in every replicate."""
    counts = draw_resamples(3, 10, seed=0)

    found = ranking_replicates(
        [0, 1, 1], [0.1, 0.2, 0.3], [0, 1, 2], np.zeros((1, 3), dtype=bool), counts, n_resamples=10
    )[0]

    assert np.isnan(found.auroc.replicates).all()


def test_order_threads_and_monotone_maps_change_nothing():
    """The same replicates whatever the order of the images, the threads, or the scale of the score."""
    rng = np.random.default_rng(2)
    patients = rng.integers(0, 30, size=150)
    labels = rng.random(150) < 0.4
    scores = np.round(labels + rng.normal(size=150), 1)
    cells = np.stack([rng.random(150) < 0.5 for _ in range(4)])
    counts = draw_resamples(30, 70, seed=1)
    order = rng.permutation(150)

    plain = ranking_replicates(labels, scores, patients, cells, counts, n_resamples=70, n_threads=1)
    other = ranking_replicates(
        labels[order],
        np.exp(scores[order]),
        patients[order],
        cells[:, order],
        counts,
        n_resamples=70,
        n_threads=4,
    )

    for first, second in zip(plain, other, strict=True):
        np.testing.assert_allclose(first.auroc.replicates, second.auroc.replicates, atol=1e-12)
        np.testing.assert_allclose(
            first.ap_at_prevalence.replicates, second.ap_at_prevalence.replicates, atol=1e-12
        )


def test_every_image_twice_changes_nothing():
    """The same patients with each image doubled: the same replicates and influences of every metric."""
    rng = np.random.default_rng(4)
    patients = rng.integers(0, 30, size=150)
    labels = rng.random(150) < 0.4
    scores = np.round(labels + rng.normal(size=150), 1)
    cell = (rng.random(150) < 0.7)[None]
    counts = draw_resamples(30, 70, seed=1)
    twice = np.tile(np.arange(150), 2)

    once = ranking_replicates(labels, scores, patients, cell, counts, n_resamples=70)[0]
    doubled = ranking_replicates(
        labels[twice], scores[twice], patients[twice], cell[:, twice], counts, n_resamples=70
    )[0]

    for metric in METRICS:
        for part in ("replicates", "influence"):
            np.testing.assert_allclose(
                getattr(getattr(doubled, metric), part),
                getattr(getattr(once, metric), part),
                atol=1e-12,
            )


def test_negating_the_score_complements_the_area():
    """AUROC(−s) = 1 − AUROC(s)."""
    rng = np.random.default_rng(3)
    labels, scores = rng.integers(0, 2, 50), rng.integers(0, 9, 50).astype(float)

    assert auroc(labels, -scores) == pytest.approx(1 - auroc(labels, scores), abs=1e-12)


@pytest.mark.parametrize(
    ("labels", "scores", "match"),
    [
        ([0, 1, 2], [0.1, 0.2, 0.3], "0 and 1 only"),
        ([0, 1], [0.1, np.nan], "not finite"),
        ([0, 1], [0.1, np.inf], "not finite"),
        ([0, 1, 1], [0.1, 0.2], "differ in shape"),
    ],
)
def test_invalid_arrays_raise(labels, scores, match):
    """Labels other than 0 and 1, scores that are not finite, and shapes that differ raise."""
    with pytest.raises(ValueError, match=match):
        auroc(labels, scores)


def test_shortcut_cells_are_the_four_of_borkan():
    """Which positives are compared with which negatives."""
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
    """Equal to the mean over all pairs."""
    rng = np.random.default_rng(0)
    labels, scores, first = (
        rng.random(60) < 0.4,
        rng.integers(0, 5, 60).astype(float),
        rng.random(60) < 0.5,
    )
    positive, negative = scores[labels & first], scores[~labels & ~first]
    wins = (positive[:, None] > negative).mean() + 0.5 * (positive[:, None] == negative).mean()

    assert xauc(labels, scores, first, ~first) == pytest.approx(wins)


def test_precision_recall_gain_is_one_if_perfect_and_about_zero_at_chance_level():
    """Area under the precision-recall-gain curve; NaN with one class."""
    rng = np.random.default_rng(0)
    labels = rng.random(20_000) < 0.2

    assert auprg_of(labels, labels.astype(float)) == pytest.approx(1)
    assert abs(auprg_of(labels, rng.random(20_000))) < 0.05
    assert np.isnan(auprg_of([1, 1], [0.1, 0.2]))
