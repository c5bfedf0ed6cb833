"""Probes: decoding of planted groups, and agreement with scikit-learn."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier

from cxraudit.stats.probes import (
    NEIGHBOURS,
    PROBES,
    STRENGTHS,
    linear_probe,
    macro_auroc,
    neighbour_votes,
    standardised,
)


def _parts(n_groups, seed=0, n=600):
    rng = np.random.default_rng(seed)
    y = rng.integers(0, n_groups, n)
    x = (rng.normal(size=(n, 12)) + 0.8 * rng.normal(size=(n_groups, 12))[y]).astype(np.float32)
    return x[:360], y[:360], x[360:460], y[360:460], x[460:], y[460:]


@pytest.mark.parametrize("n_groups", [2, 4])
@pytest.mark.parametrize("method", list(PROBES))
def test_every_probe_decodes_planted_groups_and_not_shuffled_ones(method, n_groups):
    """AUROC on held-out images."""
    train, y, validation, y_validation, test, y_test = _parts(n_groups)
    scores = PROBES[method](train, y, validation, y_validation, test, 0)

    assert scores.shape == (len(test), n_groups)
    assert macro_auroc(y_test, scores) > 0.8
    rng = np.random.default_rng(1)
    noise = [rng.normal(size=part.shape).astype(np.float32) for part in (train, validation, test)]
    nothing = PROBES[method](noise[0], y, noise[1], y_validation, noise[2], 0)
    assert abs(macro_auroc(y_test, nothing) - 0.5) < 0.12


def test_votes_are_those_of_scikit_learn_for_every_number_of_neighbours():
    """One pass over blocks of images gives the votes for all k."""
    train, y, _, _, test, _ = _parts(3)

    votes = neighbour_votes(train, y, test, 3, block=32)

    for number, k in enumerate(NEIGHBOURS):
        expected = KNeighborsClassifier(k).fit(train, y).predict_proba(test)
        np.testing.assert_allclose(votes[number], expected, atol=1e-12)


def test_standardisation_is_fitted_on_training_images():
    """Others are scaled by the same numbers; a constant dimension is kept."""
    train = np.array([[0.0, 3.0], [2.0, 3.0]], dtype=np.float32)
    other = np.array([[4.0, 5.0]], dtype=np.float32)

    first, second = standardised(train, other)

    np.testing.assert_allclose(first, [[-1, 0], [1, 0]])
    np.testing.assert_allclose(second, [[3, 2]])


@pytest.mark.parametrize("n_groups", [2, 3, 4])
def test_a_linear_probe_ranks_by_the_probabilities_of_scikit_learn(n_groups):
    """Of more than two groups, ranked by the logits, the mean AUROC would be another."""
    rng = np.random.default_rng(3)
    share = np.array([0.7, 0.2, 0.06, 0.04][:n_groups]) + (0.1 if n_groups == 2 else 0) / n_groups
    y = rng.choice(n_groups, 1200, p=share / share.sum())
    x = rng.normal(size=(1200, 12)) + 0.5 * rng.normal(size=(n_groups, 12))[y]
    x = x.astype(np.float32)
    parts = x[:600], y[:600], x[600:800], y[600:800], x[800:]

    def fitted(strength, images, groups):
        return LogisticRegression(C=strength, max_iter=200, tol=1e-3).fit(images, groups)

    tried = [
        macro_auroc(parts[3], fitted(c, *parts[:2]).predict_proba(parts[2])) for c in STRENGTHS
    ]
    model = fitted(STRENGTHS[int(np.argmax(tried))], x[:800], y[:800])
    expected = macro_auroc(y[800:], model.predict_proba(parts[4]))

    found = macro_auroc(y[800:], linear_probe(*parts, 0))

    assert found == pytest.approx(expected, abs=1e-9)
    if n_groups > 2:
        assert macro_auroc(y[800:], model.decision_function(parts[4])) != pytest.approx(
            expected, abs=1e-3
        )


def test_perfect_separation_has_no_ties():
    """Probabilities near 1 are all rounded to 1; the scores still rank the images."""
    x = np.concatenate([np.linspace(-300, -100, 100), np.linspace(100, 300, 100)])[:, None]
    x, y = x.astype(np.float32), np.repeat([0, 1], 100)

    scores = linear_probe(x, y, x, y, x, 0)

    assert np.unique(scores[:, 1]).size == 200
