"""Scales on which the error of a statistic depends little on its value.

The error of an AUROC or a rate shrinks towards 1: on its own scale, a value that is large by chance would
appear too certain, and an interval would reach beyond 1.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import expit, logit

Function = Callable[[Any], Any]
"""Of a number or of an array of numbers."""


@dataclass(frozen=True, slots=True)
class Scale:
    """An increasing function of a statistic."""

    to: Function
    back: Function
    """The inverse; places beyond the scale give the end of the range."""
    slope: Function
    """Derivative of `to`."""
    low: float = -math.inf
    high: float = math.inf
    """The open range of values that the function is defined for."""

    def holds(self, *values: float) -> bool:
        """Tell whether values are inside of the range."""
        return all(self.low < value < self.high for value in values)


FURTHEST = math.log(1e6)
"""Of an exponent: with two patients an interval has no end that a number could hold."""


def _same(value: Any) -> Any:
    return value


def _exp(moved: Any) -> Any:
    return np.exp(np.minimum(moved, FURTHEST))


SCALES: Mapping[str, Scale] = {
    "plain": Scale(_same, _same, lambda value: 1.0),
    "logit": Scale(logit, expit, lambda value: 1 / (value * (1 - value)), 0.0, 1.0),
    "arcsine": Scale(
        lambda value: np.arcsin(np.sqrt(value)),
        lambda moved: np.sin(np.clip(moved, 0.0, np.pi / 2)) ** 2,
        lambda value: 0.5 / np.sqrt(value * (1 - value)),
        0.0,
        1.0,
    ),
    "log": Scale(np.log, _exp, lambda value: 1 / value, 0.0),
    "log below 1": Scale(
        lambda value: -np.log(1 - value),
        lambda moved: 1 - _exp(-moved),
        lambda value: 1 / (1 - value),
        high=1.0,
    ),
}
"""Logit for areas, arcsine of the root for rates (whose error it makes constant), the logarithm for
ratios, that of the distance to 1 for what has no lower bound, plain for what has none."""
