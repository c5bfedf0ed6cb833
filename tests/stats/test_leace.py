"""LEACE: no linear information remains, and the result equals that of its authors."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from cxraudit.stats.leace import fit_eraser, variance_share
from cxraudit.stats.resampling import draw_resamples

# concept-erasure 0.2.4 (LeaceFitter, shrinkage=False, float64) on the same embeddings.
GROUPS = np.arange(12) % 3
VECTORS = np.array(
    [
        [1.001, 0.299, -0.274, 1.109],
        [-0.455, 0.008, 0.06, 1.34],
        [-0.492, -0.62, 3.49, 0.357],
        [1.105, -0.93, -0.029, 2.695],
        [-1.344, 0.542, -1.901, -1.29],
        [-1.842, -0.235, 1.733, 0.271],
        [1.157, -0.187, -2.517, 1.461],
        [-0.049, 1.113, -1.53, -0.478],
        [-0.979, -0.809, 4.061, -0.808],
        [0.967, 0.884, -0.584, 1.888],
        [0.11, 1.064, -1.225, 0.076],
        [1.359, -1.547, 3.859, 0.119],
    ]
)
ERASED = np.array(
    [
        [0.4335730773, 0.1817401179, 0.7037725918, 0.4299605201],
        [-0.7256692506, 0.0335519318, 0.2862819797, 1.0084926204],
        [-0.1112921894, 0.2188044446, 0.5939936412, 0.741719565],
        [-0.471707321, -0.355891461, 0.0359600747, 0.72424654],
        [-0.0385944256, -0.5839047247, -0.0376211253, 0.4023079345],
        [-1.0712338975, 0.0030000132, 0.1728652984, 1.1860356732],
        [0.1481031331, -0.6460714968, -0.0400780446, 0.2770174273],
        [0.5530585144, 0.130908625, 0.6932526405, 0.3456519898],
        [0.1602090834, -0.0209490384, 0.4694346121, 0.5037644872],
        [0.0693644439, 0.6808895065, 1.0146787114, 0.8154421793],
        [0.3905384952, 0.2801108346, 0.7724198385, 0.4902141219],
        [1.2016503369, -0.3401887527, 0.4780397816, -0.1848530587],
    ]
)


def test_erasure_equals_the_code_of_its_authors():
    """Reference: recorded numbers, to 1e-8."""
    np.testing.assert_allclose(fit_eraser(VECTORS, GROUPS)(VECTORS), ERASED, atol=1e-8)


@pytest.mark.parametrize("shrinkage", [False, True])
@pytest.mark.parametrize("n_groups", [2, 4])
def test_no_covariance_with_the_concept_is_left(n_groups, shrinkage):
    """On the embeddings of the fit it is exactly zero, so no linear classifier is better than a constant."""
    rng = np.random.default_rng(0)
    groups = rng.integers(0, n_groups, 400)
    x = rng.normal(size=(400, 20)) @ rng.normal(size=(20, 20))
    x += rng.normal(size=(n_groups, 20))[groups]
    before = LogisticRegression(max_iter=500).fit(x, groups).score(x, groups)

    left = fit_eraser(x, groups, shrinkage=shrinkage)(x)

    one_hot = np.eye(n_groups)[groups]
    assert np.abs((left - left.mean(0)).T @ (one_hot - one_hot.mean(0))).max() < 1e-9 * len(x)
    probe = LogisticRegression(max_iter=500, C=1e6).fit(left, groups)
    spread = np.abs(probe.predict_proba(left) - probe.predict_proba(left).mean(0)).max()
    assert before > 0.5
    assert spread < 1e-3  # every image gets the shares of the groups


def test_shares_of_erased_and_remaining_parts_sum_to_one():
    """The parts are uncorrelated on the data of the fit."""
    rng = np.random.default_rng(1)
    groups = rng.integers(0, 3, 500)
    x = rng.normal(size=(500, 8)) + rng.normal(size=(3, 8))[groups]
    direction = rng.normal(size=8)
    eraser = fit_eraser(x, groups)

    counts = draw_resamples(500, 300, 0)
    units = np.arange(500)

    found = variance_share(eraser, x, direction, units, counts, n_resamples=300)

    left = np.var(eraser(x) @ direction) / np.var(x @ direction)
    assert found.value + left == pytest.approx(1, abs=1e-9)
    assert found.replicates[1:].std() == pytest.approx(found.standard_error, rel=0.15)
    constant = variance_share(eraser, x, np.zeros(8), units, counts, n_resamples=300)
    assert np.isnan(constant.value)


def test_embeddings_that_vary_in_few_directions_are_erased_within_them():
    """A singular covariance: as many images as dimensions, or fewer."""
    rng = np.random.default_rng(2)
    groups = np.arange(30) % 2
    x = rng.normal(size=(30, 3)) @ rng.normal(size=(3, 60)) + groups[:, None]

    left = fit_eraser(x, groups)(x)

    assert np.abs(left[groups == 0].mean(0) - left[groups == 1].mean(0)).max() < 1e-6
    with pytest.raises(ValueError, match="two groups"):
        fit_eraser(x, np.zeros(30))
