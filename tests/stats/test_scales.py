"""Scales on which statistics are estimated."""

import math

import pytest
from scipy.optimize import approx_fprime

from cxraudit.stats.scales import SCALES

VALUES = {
    "plain": (-2.0, 0.3, 5.0),
    "logit": (0.001, 0.5, 0.93),
    "arcsine": (0.001, 0.5, 0.93),
    "log": (0.2, 1.0, 3.0),
    "log below 1": (-2.0, 0.0, 0.9),
}


@pytest.mark.parametrize("name", SCALES)
def test_a_scale_has_an_inverse_and_a_slope(name):
    """Of values of every kind; the slope by finite differences."""
    scale = SCALES[name]
    for value in VALUES[name]:
        moved = scale.to(value)
        assert scale.back(moved) == pytest.approx(value, abs=1e-12)
        slope = approx_fprime([value], lambda v: scale.to(float(v[0])), 1e-7)[0]
        assert scale.slope(value) == pytest.approx(slope, rel=1e-4)


@pytest.mark.parametrize("name", SCALES)
@pytest.mark.parametrize("moved", [-1e6, 1e6])
def test_however_far_there_is_a_value(name, moved):
    """Two patients may give an error of any size."""
    scale = SCALES[name]

    value = scale.back(moved)

    assert math.isfinite(value)
    assert scale.low <= value <= scale.high


@pytest.mark.parametrize("name", SCALES)
def test_ends_are_not_on_a_scale(name):
    """Nor is what is not defined."""
    scale = SCALES[name]

    assert not scale.holds(scale.low)
    assert not scale.holds(0.5, scale.high)
    assert not scale.holds(math.nan)
    assert scale.holds(*VALUES[name])
