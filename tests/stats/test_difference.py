"""The interval of a difference of two statistics on a scale."""

import numpy as np
import pytest
from scipy.stats import t

from cxraudit.stats.difference import difference
from cxraudit.stats.replicated import Replicated
from cxraudit.stats.scales import SCALES
from cxraudit.stats.variance import correction


def sides(first: float, second: float, *, shared: float = 0.0, error: float = 0.006, n: int = 60):
    """Two values with the influences of `n` patients, which are correlated."""
    rng = np.random.default_rng(0)
    own, common = rng.normal(size=(2, n)) * error, rng.normal(size=n) * error
    influences = np.sqrt(1 - shared) * own + np.sqrt(shared) * common
    return [
        Replicated(np.array([value]), influence - influence.mean())
        for value, influence in zip((first, second), influences, strict=True)
    ]


@pytest.mark.parametrize("name", ["logit", "arcsine", "plain"])
@pytest.mark.parametrize("values", [(0.9, 0.8), (0.99, 0.7), (0.6, 0.6)])
@pytest.mark.parametrize("shared", [0.0, 0.5, 0.99])
def test_limits_are_the_ends_of_the_ellipse(name, values, shared):
    """Of 20,001 places on the ellipse of both sides; there may be two local ends."""
    group, reference = sides(*values, shared=shared)
    scale = SCALES[name]
    found = difference(group, reference, scale)
    df = found.variance.degrees_of_freedom
    x, y = (side.influence * scale.slope(side.value) for side in (group, reference))
    root = np.linalg.cholesky(np.cov(x, y) * (x.size - 1))
    reach = t.ppf(0.975, df) * correction(df)

    angles = np.linspace(0, 2 * np.pi, 20_001)
    places = np.array(found.places)[:, None] + reach * root @ np.stack(
        [np.cos(angles), np.sin(angles)]
    )
    ends = [scale.back(first) - scale.back(second) for first, second in places.T]

    assert found.limits(0.95) == pytest.approx((min(ends), max(ends)), abs=1e-6)


def test_on_the_plain_scale_it_is_a_t_test():
    """Value ± t × error."""
    group, reference = sides(0.3, -1.2)
    found = difference(group, reference, SCALES["plain"])
    both = group - reference
    df = both.degrees_of_freedom
    reach = t.ppf(0.975, df) * both.standard_error * correction(df)

    assert found.limits(0.95) == pytest.approx((1.5 - reach, 1.5 + reach))
    assert found.p_value() == pytest.approx(
        2 * t.sf(1.5 / (both.standard_error * correction(df)), df)
    )


def test_a_known_reference_leaves_the_interval_of_the_group():
    """Moved by it."""
    group, reference = sides(0.9, 0.5)
    scale = SCALES["logit"]

    found = difference(group, reference.constant(0.5), scale)

    df = group.degrees_of_freedom
    reach = t.ppf(0.975, df) * group.standard_error * correction(df) * scale.slope(0.9)
    ends = [scale.back(scale.to(0.9) + sign * reach) - 0.5 for sign in (-1, 1)]
    assert found.limits(0.95) == pytest.approx(ends, abs=1e-9)


def test_sides_that_are_nearly_the_same_have_the_error_of_their_difference():
    """Which is a millionth of theirs, whatever the scale."""
    group, _ = sides(0.9, 0.8, error=0.0005)
    moved = np.random.default_rng(1).normal(size=60) * 1e-8
    other = Replicated(np.array([0.9]), group.influence + moved - moved.mean())

    low, high = difference(group, other, SCALES["logit"]).limits(0.95)

    both = group - other
    df = both.degrees_of_freedom
    error = both.standard_error * correction(df)
    assert error < 2e-7
    assert high == pytest.approx(t.ppf(0.975, df) * error, rel=0.01)
    assert low == pytest.approx(-high, rel=1e-3)
