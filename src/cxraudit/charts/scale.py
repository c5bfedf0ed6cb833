"""Limits and ticks of axes."""

import math
from collections.abc import Iterable

import numpy as np

from cxraudit.charts.spec import Axis
from cxraudit.formatting import decimal

_STEPS = (1, 2, 2.5, 5, 10)


def limits(values: Iterable[float], *, pad: float = 0.05) -> tuple[float, float]:
    """Return the range of the finite values with some room at both ends; 0 to 1 if there are none."""
    finite = [value for value in values if math.isfinite(value)]
    if not finite:
        return 0.0, 1.0
    low, high = min(finite), max(finite)
    room = pad * (high - low or abs(high) or 1.0)
    return low - room, high + room


def reach(values: Iterable[float], *, at_least: float) -> float:
    """Return how far an axis goes to both sides of zero, so that all values are on it."""
    return max([at_least, *(1.05 * abs(value) for value in values if math.isfinite(value))])


def step_of(low: float, high: float, *, most: int = 5) -> float:
    """Return a round distance of ticks, so that there are no more than `most` between two limits.

    Examples
    --------
    >>> step_of(0.4, 1.0), step_of(-0.12, 0.12, most=3)
    (0.2, 0.1)
    """
    smallest = (high - low) / most
    power = 10.0 ** math.floor(math.log10(smallest))
    return next(step * power for step in _STEPS if step * power >= smallest * (1 - 1e-9))


def axis(
    label: str,
    low: float,
    high: float,
    *,
    most: int = 5,
    signed: bool = False,
    percent: bool = False,
) -> Axis:
    """Return an axis with round ticks within its limits.

    Parameters
    ----------
    label : str
        What it shows, with its unit.
    low, high : float
        Its limits.
    most : int
        The largest number of ticks.
    signed : bool
        Whether positive ticks have a plus.
    percent : bool
        Whether ticks are shares in percent.
    """
    step = step_of(low, high, most=most)
    first, last = math.ceil(low / step - 1e-6), math.floor(high / step + 1e-6)
    places = max(0, -math.floor(math.log10(step) + 1e-9))
    if not math.isclose(step * 10**places, round(step * 10**places)):
        places += 1
    ticks = []
    for number in range(first, last + 1):
        at = float(np.round(number * step, 10))
        shown = f"{100 * at:g} %" if percent else decimal(at, places, signed=signed)
        ticks.append((at, shown))
    return Axis(label, low, high, tuple(ticks))
