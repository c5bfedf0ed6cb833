"""Heads are the logistic regression of scikit-learn, in the units of the embeddings."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.preprocessing import StandardScaler

from cxraudit.stats.heads import DEFAULT_STRENGTH, STRENGTHS, fit_head


def drawn(n=600, d=20, *, effect=1.5, seed=0):
    """Draw embeddings whose third dimension holds the finding; two images per patient."""
    rng = np.random.default_rng(seed)
    y = rng.random(n) < 0.3
    vectors = rng.normal(size=(n, d)).astype(np.float32)
    vectors[:, 2] += effect * y
    vectors = vectors * np.linspace(0.1, 30, d, dtype=np.float32) + 5
    return vectors, y, np.repeat(np.arange(n // 2), 2)


def rng():
    """Return the generator that all tests draw folds with."""
    return np.random.default_rng(1)


@pytest.mark.parametrize("strength", STRENGTHS)
def test_scores_are_those_of_scikit_learn(strength):
    """On standardised dimensions, with the same penalty."""
    vectors, y, patients = drawn()
    x = StandardScaler().fit_transform(vectors.astype(np.float64))
    reference = LogisticRegression(C=strength, max_iter=2000, tol=1e-10).fit(x, y)

    head = fit_head(vectors, y, patients, rng(), strength=strength)

    expected = reference.decision_function(x)
    np.testing.assert_allclose(head.scores(vectors), expected, atol=0.02 * expected.std())


def test_the_direction_is_found():
    """The head ranks other images as well as the dimension that holds the finding."""
    vectors, y, patients = drawn(3000)
    other, truth, _ = drawn(2000, seed=5)

    head = fit_head(vectors, y, patients, rng())

    best = roc_auc_score(truth, other[:, 2])
    assert roc_auc_score(truth, head.scores(other)) > best - 0.01


def test_units_and_shifts_of_dimensions_decide_nothing():
    """Scores are the same for embeddings in other units."""
    vectors, y, patients = drawn()
    moved = vectors * np.float32(7) - 3

    one, other = (fit_head(v, y, patients, rng()) for v in (vectors, moved))

    assert one.strength == other.strength
    np.testing.assert_allclose(one.scores(vectors), other.scores(moved), atol=1e-3)


def test_a_constant_dimension_has_no_weight():
    """It cannot be standardised, and changes nothing."""
    vectors, y, patients = drawn()
    with_constant = np.column_stack([vectors, np.full(len(y), 3, dtype=np.float32)])

    head = fit_head(with_constant, y, patients, rng())

    assert head.weights[-1] == pytest.approx(0, abs=1e-6)
    assert np.isfinite(head.weights).all()


def test_the_penalty_is_chosen_between_patients_not_images():
    """Copies of an image on both sides of a fold would favour memorising it: patients keep them together."""
    generator = np.random.default_rng(3)
    vectors = generator.normal(size=(60, 200)).astype(np.float32)
    y = generator.random(60) < 0.5
    copied, labels = np.repeat(vectors, 5, axis=0), np.repeat(y, 5)

    together = fit_head(copied, labels, np.repeat(np.arange(60), 5), rng()).strength
    apart = fit_head(copied, labels, np.arange(300), rng()).strength

    by_patient, by_image = STRENGTHS.index(together), STRENGTHS.index(apart)
    assert by_image > by_patient or together == STRENGTHS[0]


def test_too_few_patients_give_the_default_penalty():
    """One patient with the finding cannot be in two folds."""
    vectors, _, patients = drawn(40)
    y = patients == 3

    assert fit_head(vectors, y, patients, rng()).strength == DEFAULT_STRENGTH


@pytest.mark.parametrize("value", [True, False])
def test_one_class_is_refused(value):
    """There is nothing to tell apart."""
    vectors, y, patients = drawn(40)

    with pytest.raises(ValueError, match="with the finding and without"):
        fit_head(vectors, np.full_like(y, value), patients, rng())


def test_the_order_of_images_decides_little():
    """Only rounding in the solver."""
    vectors, y, patients = drawn()
    order = np.random.default_rng(0).permutation(len(y))

    one = fit_head(vectors, y, patients, rng(), strength=0.1)
    other = fit_head(vectors[order], y[order], patients[order], rng(), strength=0.1)

    np.testing.assert_allclose(one.scores(vectors), other.scores(vectors), atol=1e-3)
