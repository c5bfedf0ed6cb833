"""The ratio of the sizes of effects of two kinds, by exchanging effects."""

from itertools import combinations

import numpy as np
import pytest
from scipy.stats import f

from cxraudit.stats.scale_ratio import fewest_others, scale_ratio, size_p_value


def ratio(first, second, seed=0):
    """Of two sets of effects."""
    rng = np.random.default_rng(seed)
    return scale_ratio(np.square(first), np.square(second), rng)


def test_the_p_value_is_that_of_all_exchanges():
    """Counted one by one."""
    rng = np.random.default_rng(1)
    first, second = 2 * rng.normal(size=4), rng.normal(size=8)
    both = np.square([*first, *second])
    sums = np.array([both[list(chosen)].sum() for chosen in combinations(range(12), 4)])

    found = ratio(first, second)

    observed = both[:4].sum()
    tail = min((sums >= observed - 1e-12).mean(), (sums <= observed + 1e-12).mean())
    assert found.p_value == pytest.approx(min(1, 2 * tail))
    assert found.value == pytest.approx(np.sqrt(both[:4].mean() / both[4:].mean()))


@pytest.mark.parametrize("planted", [0.2, 1.0, 5.0])
@pytest.mark.parametrize("sizes", [(8, 40), (1, 40)])
def test_the_interval_holds_the_planted_ratio(planted, sizes):
    """In at least 90 of 100 draws; of one effect against 40, too."""
    rng = np.random.default_rng(2)
    held = 0
    for seed in range(100):
        found = ratio(planted * rng.normal(size=sizes[0]), rng.normal(size=sizes[1]), seed)
        held += found.low <= planted and not found.high < planted
    assert held >= 90


def test_the_unit_of_the_effects_does_not_matter():
    """And both kinds exchanged give the inverse."""
    rng = np.random.default_rng(3)
    first, second = rng.normal(size=5), rng.normal(size=9)

    found, scaled, inverse = (
        ratio(first, second),
        ratio(10 * first, 10 * second),
        ratio(second, first),
    )

    assert scaled.low == pytest.approx(found.low)
    assert scaled.high == pytest.approx(found.high)
    assert inverse.value == pytest.approx(1 / found.value)
    assert inverse.low == pytest.approx(1 / found.high, rel=1e-6)


def test_too_few_effects_have_no_limits():
    """No set of one among five is rare."""
    found = ratio([100.0], [1.0, 0.9, 1.1, 1.2])

    assert (found.low, found.p_value) == (0.0, pytest.approx(0.4))
    assert np.isnan(found.high)


def test_effects_within_sampling_error_have_no_ratio():
    """Squares below 0 after sampling was taken off."""
    rng = np.random.default_rng(0)

    assert np.isnan(scale_ratio(np.ones(3), -np.ones(5), rng).value)
    assert scale_ratio(-np.ones(3), np.ones(5), rng).value == 0
    assert np.isnan(scale_ratio(np.ones(0), np.ones(5), rng).value)
    assert np.isnan(scale_ratio(np.array([np.nan]), np.ones(5), rng).low)


def test_size_is_two_sided_f_and_nothing_below():
    """As scipy's F; 1 for smaller effects, NaN without any, 0 beside none."""
    first, second = np.array([9.0, 4.0]), np.linspace(0.1, 2, 20)

    found = size_p_value(first, second)

    assert found == pytest.approx(2 * f.sf(first.mean() / second.mean(), 2, 20))
    assert size_p_value(second, first) == 1
    assert size_p_value(first, np.zeros(3)) == 0
    assert np.isnan(size_p_value(first, np.array([])))


@pytest.mark.parametrize("size", [1, 2, 3])
def test_one_effect_fewer_than_needed_gives_no_limit(size):
    """However large the effects are; with as many as needed there is one."""
    needed = fewest_others(size)
    rng = np.random.default_rng(0)
    low = [
        scale_ratio(np.full(size, 1e4), rng.normal(size=n) ** 2, rng).low
        for n in (needed - 1, needed)
    ]

    assert low[0] == 0
    assert low[1] > 1
