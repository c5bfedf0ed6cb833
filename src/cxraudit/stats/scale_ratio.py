"""Whether one set of effects is larger than another: their ratio, by exchanging effects between the sets."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import combinations, count

import numpy as np
from numpy.typing import NDArray
from scipy.special import fdtrc

Squares = NDArray[np.float64]
Sets = NDArray[np.intp]

MOST_SETS = 4000
"""Exchanges that are enumerated; of more, so many are drawn."""
LARGEST = 1000.0
"""A ratio beyond it, or below its inverse, is as good as one without end."""
_HALVINGS = 40


@dataclass(frozen=True, slots=True)
class ScaleRatio:
    """A ratio of root mean squares; NaN where undefined."""

    value: float
    low: float
    high: float
    p_value: float
    """Two-sided, of a ratio of 1."""


def scale_ratio(
    first: Squares, second: Squares, rng: np.random.Generator, *, confidence_level: float = 0.95
) -> ScaleRatio:
    """Compare the size of effects of two kinds.

    If effects of both kinds have one distribution, which of them are of which kind is arbitrary: the mean
    square of the first kind is compared with those of all other sets of as many effects. The interval holds
    the ratios by which the effects of the first kind may be divided so that this test does not distinguish
    them from the second: exact for effects that can be exchanged after the division.

    Parameters
    ----------
    first, second : numpy.ndarray, shape (n,)
        Squares of the effects, sampling error taken off: they may be below 0.
    rng : numpy.random.Generator
        Draws sets where there are more than `MOST_SETS`.
    confidence_level : float
        Of the interval.

    Returns
    -------
    ScaleRatio
        The value is 0 where the first kind varies less than by sampling, and NaN where the second does. A
        limit is 0 or NaN (no limit) where there are too few effects for any set to be rare, or where no ratio
        up to `LARGEST` is refused.
    """
    if not first.size or not second.size or not np.isfinite([*first, *second]).all():
        return ScaleRatio(*(math.nan,) * 4)
    sets = _sets(first.size, first.size + second.size, rng)

    def tails(ratio: float) -> tuple[float, float]:
        """Return the share of sets whose sum is at least, and at most, that of the first kind."""
        both = np.concatenate([first / ratio**2, second])
        sums = both[sets].sum(axis=1)
        rounding = 1e-12 * np.abs(both).sum()
        return float((sums >= sums[0] - rounding).mean()), float(
            (sums <= sums[0] + rounding).mean()
        )

    tail = (1 - confidence_level) / 2
    above, below = tails(1.0)
    between = float(second.mean())
    value = math.sqrt(max(float(first.mean()), 0.0) / between) if between > 0 else math.nan
    low = _limit(lambda ratio: tails(ratio)[0] <= tail, start=1 / LARGEST, end=LARGEST)
    high = _limit(lambda ratio: tails(ratio)[1] <= tail, start=LARGEST, end=1 / LARGEST)
    return ScaleRatio(
        value,
        0.0 if low is None else low,
        math.nan if high is None else high,
        min(1.0, 2 * min(above, below)),
    )


def fewest_others(size: int, *, confidence_level: float = 0.95) -> int:
    """Return how many effects of the other kind are needed for any set of so many effects to be rare.

    Examples
    --------
    >>> [fewest_others(size) for size in (1, 2, 4)]
    [39, 8, 4]
    """
    tail = (1 - confidence_level) / 2
    return next(n for n in count(1) if 1 / math.comb(size + n, size) <= tail)


def size_p_value(first: Squares, second: Squares) -> float:
    """Return how often so large a ratio comes about, if effects of both kinds have one normal distribution.

    An exchange of few effects cannot be rare, however large they are: one of 41 is the largest of all by
    chance in one of 41 cases. Their size says more, if they are normal.

    Parameters
    ----------
    first : numpy.ndarray, shape (n,)
        Squares of the effects, sampling error taken off.
    second : numpy.ndarray, shape (m,)
        Squares of the effects of the other kind with their sampling error, so that it is in doubt that the
        ratio is large.

    Returns
    -------
    float
        Two-sided, of F; 1 where the first are no larger, NaN without effects.

    Examples
    --------
    >>> size_p_value(np.array([4.0]), np.ones(40)).__round__(3)
    0.105
    """
    if not first.size or not second.size or not np.isfinite([*first, *second]).all():
        return math.nan
    own, other = max(float(first.mean()), 0.0), float(second.mean())
    if own <= other:
        return 1.0
    ratio = own / other if other > 0 else math.inf
    return min(1.0, 2 * float(fdtrc(first.size, second.size, ratio)))


def _limit(refused: Callable[[float], bool], *, start: float, end: float) -> float | None:
    """Return where ratios stop to be refused, from one end; None where none is."""
    if not refused(start):
        return None
    inside, outside = math.log(end), math.log(start)
    for _ in range(_HALVINGS):
        middle = (inside + outside) / 2
        if refused(math.exp(middle)):
            outside = middle
        else:
            inside = middle
    return math.exp(outside)


def _sets(size: int, total: int, rng: np.random.Generator) -> Sets:
    """Return sets of so many effects, the observed first."""
    if math.comb(total, size) <= MOST_SETS:
        return np.array(list(combinations(range(total), size)), dtype=np.intp)
    drawn = rng.permuted(np.tile(np.arange(total), (MOST_SETS - 1, 1)), axis=1)[:, :size]
    return np.vstack([np.arange(size), drawn])
