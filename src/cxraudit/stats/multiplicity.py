"""P-values adjusted for the number of tests."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtr

Draws = NDArray[np.float32]
"""Shape (n_resamples,): a difference in every replicate, centred and in its standard deviations."""


def step_up(p_values: ArrayLike, *, dependent: bool = False) -> NDArray[np.float64]:
    """Adjust p-values for screening, so that the false discovery rate stays below α.

    Benjamini & Hochberg (1995); with `dependent`, Benjamini & Yekutieli (2001), which holds for
    any dependence. NaN stays NaN and does not count.
    """
    values = np.asarray(p_values, dtype=np.float64)
    adjusted = np.full(values.shape, np.nan)
    known = np.flatnonzero(np.isfinite(values))
    order = known[np.argsort(values[known], kind="stable")[::-1]]
    m = order.size
    factor = (1 / np.arange(1, m + 1)).sum() if dependent else 1.0
    steps = values[order] * m * factor / np.arange(m, 0, -1)
    adjusted[order] = np.minimum(np.minimum.accumulate(steps), 1.0)
    return adjusted


def holm(p_values: ArrayLike) -> NDArray[np.float64]:
    """Adjust p-values so that the family-wise error rate stays below α (Holm 1979).

    NaN stays NaN and does not count.

    Examples
    --------
    >>> holm([0.01, 0.04, 0.03]).round(6).tolist()
    [0.03, 0.06, 0.06]
    """
    values = np.asarray(p_values, dtype=np.float64)
    adjusted = np.full(values.shape, np.nan)
    known = np.flatnonzero(np.isfinite(values))
    order = known[np.argsort(values[known], kind="stable")]
    steps = values[order] * np.arange(order.size, 0, -1)
    adjusted[order] = np.minimum(np.maximum.accumulate(steps), 1.0)
    return adjusted


@dataclass(frozen=True, slots=True)
class Adjusted:
    """Tests adjusted together; arrays of shape (n_tests,)."""

    p_values: NDArray[np.float64]
    """Adjusted: below α where a test is rejected."""
    levels: NDArray[np.float64]
    """The level at which each is tested at the first step. Intervals at 1 − it hold for all at once."""


def step_down(
    p_values: ArrayLike,
    weights: ArrayLike,
    draws: Sequence[Draws | None] = (),
    *,
    alpha: float,
) -> Adjusted:
    """Adjust p-values so that the chance of any false rejection stays below α, however many are false.

    Each test has a share of the error rate, and p / share is compared. With `draws` the dependence of the
    tests is taken from the replicates they share (min-p, step-down: Westfall & Young 1993, algorithm 2.8):
    at every step, how often the smallest of the p-values that are left would be as small if nothing
    differed. The p-value of a replicate is that of a normal distribution, so that it can be far smaller than
    1 / n_resamples. Without draws it is the weighted method of Holm (1979), which holds for any dependence
    and therefore bounds the adjusted values.

    Parameters
    ----------
    p_values : array_like of float, shape (n_tests,)
        None is NaN.
    weights : array_like of float, shape (n_tests,)
        In proportion to the share of each.
    draws : sequence of numpy.ndarray or None, length n_tests
        On the same resamples; None for a test without replicates, which is taken as dependent in the worst
        way. Default: none has any.
    alpha : float
        The error rate that is shared, for the levels.

    References
    ----------
    Westfall PH, Young SS (1993). Resampling-Based Multiple Testing. Wiley.
    Holm S (1979). Scandinavian Journal of Statistics 6:65-70.

    Examples
    --------
    >>> step_down([0.01, 0.04, 0.03], [1, 1, 1], alpha=0.05).p_values.round(6).tolist()
    [0.03, 0.06, 0.06]
    """
    p = np.asarray(p_values, dtype=np.float64)
    w = np.asarray(weights, dtype=np.float64)
    w = w / w.sum()
    ratio = p / w
    order = np.argsort(ratio, kind="stable")
    of_test = list(draws) or [None] * p.size
    known = [one.size for one in of_test if one is not None]
    smallest = np.full(known[0] if known else 0, np.inf)
    steps = np.empty(p.size)
    left = apart = 0.0  # shares of the tests that are left, and of those of them without replicates
    for k in order[::-1]:
        left += w[k]
        drawn = of_test[k]
        if drawn is None:
            apart += w[k]
        else:
            np.minimum(smallest, 2 * ndtr(-np.abs(drawn.astype(np.float64))) / w[k], out=smallest)
        steps[k] = min(_as_small(smallest, ratio[k]) + ratio[k] * apart, ratio[k] * left)
    adjusted = np.empty(p.size)
    adjusted[order] = np.maximum.accumulate(steps[order])
    critical = max(alpha, _critical(smallest, apart, alpha))
    return Adjusted(np.minimum(np.maximum(adjusted, p), 1.0), np.minimum(critical * w, alpha))


def _as_small(smallest: NDArray[np.float64], ratio: float) -> float:
    """Return how often the smallest is at most this, the cohort itself counted as one replicate."""
    return float((1 + np.sum(smallest <= ratio)) / (1 + smallest.size))


def _critical(smallest: NDArray[np.float64], apart: float, alpha: float) -> float:
    """Return the largest ratio that is rejected at the first step by the replicates."""
    ordered = np.sort(smallest)
    room = alpha - (1 + np.arange(ordered.size)) / (1 + ordered.size)
    ends = ordered if apart == 0 else np.minimum(ordered, room / apart)
    return float(ends[room > 0].max(initial=0.0))
