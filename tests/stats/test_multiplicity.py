"""Stepwise adjustment over shared replicates: against Holm, brute force, and the truth."""

import numpy as np
import pytest
from scipy.stats import norm
from statsmodels.stats.multitest import multipletests

from cxraudit.stats.multiplicity import step_down

EQUAL = np.ones(12)


def correlated(rng, n, n_draws, rho):
    """Standard normal numbers, shape (n, n_draws), that share a part."""
    shared = rng.normal(size=n_draws)
    return np.sqrt(rho) * shared + np.sqrt(1 - rho) * rng.normal(size=(n, n_draws))


def test_without_draws_it_is_holm():
    """As by statsmodels, for equal weights."""
    p_values = np.random.default_rng(0).random(12) ** 3

    found = step_down(p_values, EQUAL, alpha=0.05)

    assert found.p_values == pytest.approx(multipletests(p_values, method="holm")[1])
    assert found.levels == pytest.approx(np.full(12, 0.05 / 12))


def test_weights_divide_the_error_rate():
    """Holm's weighted method, by hand: 0.012 / 0.8 is below 0.004 / 0.2, and then all is left to the other."""
    found = step_down([0.012, 0.004], [4, 1], alpha=0.05)

    assert found.p_values == pytest.approx([0.015, 0.015])
    assert step_down([0.012, 0.04], [4, 1], alpha=0.05).p_values == pytest.approx([0.015, 0.04])
    assert found.levels == pytest.approx([0.04, 0.01])


@pytest.mark.parametrize("seed", range(5))
def test_draws_give_the_steps_of_westfall_and_young(seed):
    """As by counting, at each step, the smallest p-value of the tests that are left; never above Holm."""
    rng = np.random.default_rng(seed)
    draws = correlated(rng, 12, 800, 0.5).astype(np.float32)
    p_values = rng.random(12) ** 4

    found = step_down(p_values, EQUAL, list(draws), alpha=0.05)

    drawn = 2 * norm.sf(np.abs(draws.astype(float)))
    order = np.argsort(p_values)
    expected = np.empty(12)
    so_far = 0.0
    for step, k in enumerate(order):
        smallest = drawn[order[step:]].min(axis=0)
        counted = (1 + np.sum(smallest <= p_values[k])) / 801
        so_far = max(so_far, min(counted, p_values[k] * (12 - step)))
        expected[k] = min(max(so_far, p_values[k]), 1)
    np.testing.assert_allclose(found.p_values, expected, rtol=1e-6)
    assert (found.p_values <= multipletests(p_values, method="holm")[1] + 1e-12).all()


@pytest.mark.parametrize("known", [0, 5, 12])
def test_levels_are_those_of_the_first_step(known):
    """A test just below its level is rejected alone, one just above is not; some tests have no draws."""
    rng = np.random.default_rng(1)
    draws = [*correlated(rng, 12, 999, 0.6).astype(np.float32)[:known], *[None] * (12 - known)]
    weights = rng.random(12)
    levels = step_down(np.full(12, 0.5), weights, draws, alpha=0.05).levels

    for number in range(12):
        for factor, below in ((0.999, True), (1.001, False)):
            p_values = np.ones(12)
            p_values[number] = levels[number] * factor
            found = step_down(p_values, weights, draws, alpha=0.05)
            assert (found.p_values[number] < 0.05) == below
    assert levels.sum() >= 0.05 - 1e-12


@pytest.mark.parametrize("rho", [0.0, 0.9])
def test_any_false_rejection_is_as_rare_as_declared(rho):
    """In 2,000 simulated families of twelve true hypotheses: 5 % for any dependence; Holm's is rarer."""
    rng = np.random.default_rng(2)
    draws = list(correlated(rng, 12, 1000, rho).astype(np.float32))
    z = correlated(rng, 12, 2000, rho)

    false = holm = 0
    for column in 2 * norm.sf(np.abs(z.T)):
        false += (step_down(column, EQUAL, draws, alpha=0.05).p_values < 0.05).any()
        holm += (step_down(column, EQUAL, alpha=0.05).p_values < 0.05).any()

    assert 0.04 < false / 2000 < 0.062
    assert holm <= false
    if rho:
        assert holm / 2000 < 0.03
