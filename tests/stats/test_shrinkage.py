"""Shrinkage is the posterior of a random-effects model, and its error is smaller than that of the cells."""

import numpy as np
import pytest
from scipy.linalg import null_space
from scipy.stats import multivariate_normal
from statsmodels.stats.meta_analysis import combine_effects

from cxraudit.stats.shrinkage import shrink


def cells(seed, *, n=8, between=0.4, shared=0.0):
    """Estimates with unequal, known errors, which may be correlated."""
    rng = np.random.default_rng(seed)
    errors = rng.uniform(0.1, 0.8, n)
    correlation = shared + (1 - shared) * np.eye(n)
    covariance = correlation * np.outer(errors, errors)
    truth = 1.5 + between * rng.normal(size=n)
    return truth, rng.multivariate_normal(truth, covariance), covariance


@pytest.mark.parametrize("shared", [0.0, 0.4])
@pytest.mark.parametrize("seed", range(4))
def test_the_spread_maximises_the_restricted_likelihood(seed, shared):
    """The density of contrasts, which do not depend on the mean, on a grid."""
    _, y, covariance = cells(seed, shared=shared)
    contrasts = null_space(np.ones((1, y.size))).T

    def density(between):
        total = contrasts @ (covariance + between**2 * np.eye(y.size)) @ contrasts.T
        return multivariate_normal(cov=total).logpdf(contrasts @ y)

    grid = np.linspace(0, 3, 6001)
    best = grid[int(np.argmax([density(one) for one in grid]))]

    assert shrink(y, covariance).between == pytest.approx(best, abs=2e-3)


@pytest.mark.parametrize("shared", [0.0, 0.4])
@pytest.mark.parametrize("seed", range(4))
def test_values_and_errors_are_those_of_the_posterior(seed, shared):
    """Of cells and mean jointly normal, with a flat prior on the mean."""
    _, y, covariance = cells(seed, shared=shared)
    found = shrink(y, covariance)

    prior = found.between**2 * np.eye(y.size) + 1e3
    gain = prior @ np.linalg.inv(prior + covariance)
    posterior = prior - gain @ prior
    start = y.mean()

    assert found.values == pytest.approx(start + gain @ (y - start), abs=1e-3)
    assert found.errors == pytest.approx(np.sqrt(np.diag(posterior)), abs=2e-3)


def test_the_mean_is_that_of_a_meta_analysis():
    """With the spread of another package, where errors are independent."""
    _, y, covariance = cells(1, n=40)

    found = shrink(y, covariance)
    other = combine_effects(y, np.diag(covariance), method_re="iterated")

    assert found.between**2 == pytest.approx(other.tau2, rel=0.25)  # Paule and Mandel, not REML
    assert found.mean == pytest.approx(other.mean_effect_re, abs=0.03)


def test_without_a_spread_all_cells_are_their_mean():
    """And exactly known cells stay where they are."""
    same = shrink([1.0, 1.01, 0.99, 1.0], np.eye(4))
    assert same.between == 0
    assert np.ptp(same.values) == pytest.approx(0)
    assert same.errors == pytest.approx(0.5)

    apart = shrink([0.0, 1.0, 5.0], np.eye(3) * 1e-8)
    assert apart.values == pytest.approx([0, 1, 5], abs=1e-6)


def test_the_order_and_the_origin_do_not_matter():
    """Cells can be permuted, and moved together."""
    _, y, covariance = cells(2, shared=0.3)
    order = np.random.default_rng(0).permutation(y.size)
    found = shrink(y, covariance)

    again = shrink(y[order] + 7, covariance[np.ix_(order, order)])

    assert again.values == pytest.approx(found.values[order] + 7, abs=1e-4)
    assert again.between == pytest.approx(found.between, abs=1e-4)


@pytest.mark.parametrize("between", [0.0, 0.2, 0.5, 1.5])
def test_the_error_is_smaller_than_that_of_the_cells(between):
    """On average over 300 sets of cells, whatever their true spread; most where there is none."""
    raw, shrunk = [], []
    for seed in range(300):
        truth, y, covariance = cells(seed, between=between)
        raw.append(np.mean((y - truth) ** 2))
        shrunk.append(np.mean((shrink(y, covariance).values - truth) ** 2))

    assert np.mean(shrunk) < (0.4 if between == 0 else 0.95) * np.mean(raw)


@pytest.mark.parametrize(
    ("values", "covariance"),
    [([0.0, 1.0], np.eye(2)), ([0.0, 1.0, 2.0], np.eye(2)), ([0.0, 1.0, np.nan], np.eye(3))],
)
def test_what_cannot_be_shrunk_is_refused(values, covariance):
    """Two cells, other shapes, undefined values."""
    with pytest.raises(ValueError, match=r"cells|finite"):
        shrink(values, covariance)
