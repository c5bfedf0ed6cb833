"""Limits and ticks."""

import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cxraudit.charts.scale import axis, limits, reach


@given(st.floats(-1e6, 1e6), st.floats(1e-6, 1e6), st.integers(2, 9), st.booleans(), st.booleans())
def test_ticks_lie_within_the_limits_and_are_few(low, width, most, signed, percent):
    """Whatever the limits: at least one and at most one more than asked for, evenly apart."""
    high = low + width

    found = axis("", low, high, most=most, signed=signed, percent=percent).ticks

    places = [at for at, _ in found]
    assert len(places) <= most + 1
    assert all(low - 1e-3 * width <= at <= high + 1e-3 * width for at in places)
    gaps = [b - a for a, b in pairwise(places)]
    assert all(math.isclose(gap, gaps[0], rel_tol=1e-3) for gap in gaps)


@pytest.mark.parametrize(
    ("low", "high", "options", "names"),
    [
        (0.4, 1.0, {}, ["0.4", "0.6", "0.8", "1.0"]),
        (-0.12, 0.12, {"signed": True}, ["−0.10", "−0.05", "0.00", "+0.05", "+0.10"]),
        (0, 1, {"percent": True}, ["0 %", "20 %", "40 %", "60 %", "80 %", "100 %"]),
        (0, 120, {"most": 4}, ["0", "50", "100"]),
    ],
)
def test_ticks_are_round(low, high, options, names):
    """With as many decimals as they need."""
    assert [name for _, name in axis("", low, high, **options).ticks] == names


def test_limits_leave_room_and_need_values():
    """Missing values do not count."""
    low, high = limits([0.2, math.nan, 0.4])

    assert low < 0.2 < 0.4 < high
    assert limits([math.nan]) == (0.0, 1.0)
    assert limits([0.5]) == pytest.approx((0.475, 0.525))


def test_reach_is_that_of_the_farthest_value():
    """To either side, and not less than asked for."""
    assert reach([-0.4, 0.1, math.nan], at_least=0.1) == pytest.approx(0.42)
    assert reach([], at_least=0.1) == 0.1
