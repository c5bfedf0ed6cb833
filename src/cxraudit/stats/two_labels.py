"""AUROC by labels that are partly wrong, corrected and bounded by a subset that has reference labels, too.

Most images have working labels, such as those of a report labeler. Where the predictive values of these are
known, the AUROC by reference labels follows if errors do not depend on the score, and has bounds if they may.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import stdtrit

from cxraudit.stats.replicated import Replicated

Limits = tuple[float, float, float]
"""A value with the ends of its interval."""

NONE: Limits = (math.nan, math.nan, math.nan)

_STEPS = 4001
"""Of AUROCs that are tried."""


def attenuation(ppv: Limits, npv: Limits) -> Limits:
    """Return PPV + NPV − 1, by which errors shrink the distance of an AUROC from chance.

    Its interval is made of those of both values, which are of different images (MOVER, Zou & Donner 2008).
    """
    value = ppv[0] + npv[0] - 1
    below = math.hypot(ppv[0] - ppv[1], npv[0] - npv[1])
    above = math.hypot(ppv[2] - ppv[0], npv[2] - npv[0])
    return value, value - below, value + above


def corrected_auroc(observed: Limits, kept: Limits) -> Limits:
    """Return the AUROC by reference labels, if errors do not depend on the score within a class.

    AUROC − ½ by working labels is (PPV + NPV − 1) times AUROC − ½ by reference labels. The interval holds the
    AUROCs for which the difference of both sides is compatible with 0, by the limits of both (as Fieller).

    Parameters
    ----------
    observed : tuple of float
        AUROC by working labels, with its interval.
    kept : tuple of float
        From `attenuation`.

    Returns
    -------
    tuple of float
        Within 0–1; NaN where working labels are no better than chance in the subset, or where no AUROC is
        compatible, so that errors depend on the score. Where the interval of `kept` reaches 0, so that they
        may be no better, it reaches as far as AUROCs do.
    """
    factor, least, most = kept
    distance, below, above = (x - 0.5 for x in observed)
    if not (factor > 0 and math.isfinite(distance) and math.isfinite(least)):
        return NONE
    value = min(max(0.5 + distance / factor, 0.0), 1.0)
    if not math.isfinite(below):
        return value, math.nan, math.nan
    tried = np.linspace(-0.5, 0.5, _STEPS)
    down, up = factor - least, most - factor
    apart = distance - tried * factor
    # Where the AUROC lies above chance, a smaller factor raises the difference; below chance it lowers it.
    raised = np.where(tried >= 0, tried * down, tried * up)
    lowered = np.where(tried >= 0, tried * up, tried * down)
    high = apart + np.hypot(above - distance, raised)
    low = apart - np.hypot(distance - below, lowered)
    inside = np.flatnonzero((high >= 0) & (low <= 0))
    if not inside.size:  # narrower than what is tried, or beyond what an AUROC can be
        return (value, value, value) if abs(distance / factor) <= 0.5 else NONE
    ends = [
        _end(tried, (high, low), int(inside[0]), -1),
        _end(tried, (high, low), int(inside[-1]), 1),
    ]
    return value, min(0.5 + ends[0], value), max(0.5 + ends[1], value)


def _end(
    tried: NDArray[np.float64], sides: tuple[NDArray[np.float64], ...], at: int, step: int
) -> float:
    """Interpolate where the interval ends beyond a place that is inside."""
    beyond = at + step
    if not 0 <= beyond < tried.size:
        return float(tried[at])
    shares = []
    for side, sign in zip(sides, (1, -1), strict=True):
        inner, outer = sign * side[at], sign * side[beyond]
        if outer < 0:
            shares.append(inner / (inner - outer))
    return float(tried[at] + min(shares, default=0.0) * (tried[beyond] - tried[at]))


def change_by_correction(observed: Limits, kept: Limits) -> Limits:
    """Return by how much correction moves an AUROC; NaN where the interval of `kept` reaches 0."""
    factor, least, most = kept
    if not least > 0 or not math.isfinite(observed[1]):
        return NONE
    distance = observed[0] - 0.5
    more = 1 / factor - 1
    ends = sorted((distance * (1 / most - 1 - more), distance * (1 / least - 1 - more)))
    errors = sorted((more * (observed[1] - observed[0]), more * (observed[2] - observed[0])))
    value = distance * more
    return value, value - math.hypot(ends[0], errors[0]), value + math.hypot(ends[1], errors[1])


def difference(first: Limits, second: Limits) -> Limits:
    """Return first − second with an interval from those of both (MOVER), which share few patients."""
    value = first[0] - second[0]
    return (
        value,
        value - math.hypot(first[0] - first[1], second[2] - second[0]),
        value + math.hypot(first[2] - first[0], second[0] - second[1]),
    )


def control_weight(reference: Replicated, working: Replicated, everybody: Replicated) -> float:
    """Return how much of what the working labels miss on the subset is taken off the reference estimate.

    Parameters
    ----------
    reference, working : Replicated
        A statistic of the subset, by reference and by working labels.
    everybody : Replicated
        The same by working labels, of all images.

    Returns
    -------
    float
        The weight with the smallest variance of reference − everybody − weight · (working − everybody),
        within 0–1: 1 where no working label is wrong, so that nothing changes; 0 where these do not vary.

    References
    ----------
    .. [1] Angelopoulos, Duchi & Zrnic (2023), PPI++: efficient prediction-powered inference.
       arXiv:2311.01453.
    """
    apart = working.influence - everybody.influence
    variance = float(apart @ apart)
    if not variance > 0 or not np.isfinite(variance):
        return 0.0
    # In a random subset, what all images vary by has nothing to do with `apart`, but in samples it has.
    weight = float((reference.influence - everybody.influence) @ apart) / variance
    return min(max(weight, 0.0), 1.0) if math.isfinite(weight) else 0.0


@dataclass(frozen=True, slots=True)
class Bound:
    """An AUROC for one way in which errors fall, with the influence of each image."""

    value: float
    influence: NDArray[np.float64]
    """Shape (n_images,): sums to 0."""


class Identified:
    """The AUROCs by reference labels that working labels, scores and predictive values allow.

    Which of the images without a reference label are wrong is not known. With as many positives as the
    predictive values say, the AUROC is largest if these are the images with the highest scores of those
    labelled positive, and of those labelled negative; it is smallest if they are the lowest. No tighter
    bounds hold without an assumption on errors and scores.
    """

    def __init__(
        self,
        scores: ArrayLike,
        working: ArrayLike,
        reference: ArrayLike,
        weights: ArrayLike | None = None,
    ) -> None:
        """Rank the images.

        Parameters
        ----------
        scores : array_like of float, shape (n_images,)
            Scores.
        working : array_like of bool, shape (n_images,)
            Working labels.
        reference : array_like of float, shape (n_images,)
            Reference labels: 1, 0, NaN where there is none.
        weights : array_like of float, shape (n_images,), optional
            How much each image counts for. Default: all count the same.
        """
        score = np.asarray(scores, dtype=np.float64)
        self._weight = np.ones(score.size) if weights is None else np.asarray(weights, np.float64)
        self._working = np.asarray(working, dtype=bool)
        self._reference = np.asarray(reference, dtype=np.float64)
        values, place = np.unique(score, return_inverse=True)
        mass = np.bincount(place, self._weight, values.size)
        self._place = place
        self._rank = (np.cumsum(mass) - mass / 2)[place]
        self._total = float(mass.sum())
        free = np.isnan(self._reference)
        self._sides = []
        for label in (True, False):
            own = np.flatnonzero(free & (self._working == label))
            self._sides.append(own[np.argsort(self._rank[own], kind="stable")])

    def bound(self, ppv: float, npv: float, *, highest: bool) -> Bound:
        """Return the largest (or smallest) AUROC; NaN if there is one class.

        Parameters
        ----------
        ppv, npv : float
            Predictive values of the working labels among images without a reference label.
        highest : bool
            Whether positives are those with the highest scores.
        """
        positive = np.nan_to_num(self._reference)
        shares = np.array(positive)  # of positives among the images that are alike
        ends = np.zeros(positive.size)
        for own, share in zip(self._sides, (ppv, 1 - npv), strict=True):
            if own.size:
                filled, end = _filled(self._weight[own], share, highest=highest)
                positive[own], shares[own], ends[own] = filled, share, self._rank[own][end]
        return self._area(positive, shares, ends)

    def _area(
        self,
        positive: NDArray[np.float64],
        shares: NDArray[np.float64],
        ends: NDArray[np.float64],
    ) -> Bound:
        own = self._weight * positive
        n = float(own.sum())
        pairs = n * (self._total - n)
        if not pairs > 0:
            return Bound(math.nan, np.full(positive.size, math.nan))
        above = float(own @ self._rank) - n**2 / 2
        mass = np.bincount(self._place, own, self._place.max() + 1)
        others = (n - np.cumsum(mass) + mass / 2)[self._place]
        # More images like one add its own rank, raise those above it, and move the end of the positives.
        moved = positive * self._rank + others + (shares - positive) * ends
        numerator = moved - shares * n
        denominator = shares * (self._total - n) + n * (1 - shares)
        slope = numerator / pairs - above * denominator / pairs**2
        return Bound(above / pairs, self._weight * slope)

    def limits(
        self,
        ppv: Limits,
        npv: Limits,
        units: NDArray[np.int64],
        n_units: int,
        *,
        confidence_level: float = 0.95,
    ) -> tuple[Limits, Limits]:
        """Return the lower and the upper bound, each with the end of an interval beyond it.

        The errors of the bounds are those of both predictive values and of the images, which are combined as
        independent; each bound is moved outwards by them, so that the interval covers the AUROC.

        Parameters
        ----------
        ppv, npv : tuple of float
            With their intervals.
        units : numpy.ndarray, shape (n_images,)
            Patient of each image, below `n_units`.
        n_units : int
            Number of patients.
        confidence_level : float
            Of either end, two-sided.

        Returns
        -------
        tuple of float
            Lower bound: value, end of the interval, value.
        tuple of float
            Upper bound: value, value, end of the interval.
        """
        found = []
        for highest in (False, True):
            sign = 1 if highest else -1
            at = self.bound(ppv[0], npv[0], highest=highest)
            reach = [0.0, 0.0]
            for which, (_, low, high) in enumerate((ppv, npv)):
                for tried in np.linspace(low, high, 5):
                    rates = (tried, npv[0]) if which == 0 else (ppv[0], tried)
                    other = self.bound(*rates, highest=highest)
                    reach[which] = max(reach[which], sign * (other.value - at.value))
            each = np.bincount(units, at.influence, n_units)
            n = np.unique(units).size
            error = math.sqrt(float(each @ each) * n / (n - 1)) if n > 1 else math.nan
            t = -float(stdtrit(max(n - 1, 1), (1 - confidence_level) / 2))
            far = at.value + sign * math.hypot(*reach, t * error)
            far = min(max(far, 0.0), 1.0)
            found.append((at.value, at.value, far) if highest else (at.value, far, at.value))
        return found[0], found[1]


def _filled(
    weights: NDArray[np.float64], share: float, *, highest: bool
) -> tuple[NDArray[np.float64], int]:
    """Return which part of each image is positive, of images in order of scores, and where these end."""
    own = weights[::-1] if highest else weights
    wanted = share * own.sum()
    before = np.cumsum(own) - own
    part = np.clip((wanted - before) / own, 0.0, 1.0)
    end = min(int(np.searchsorted(before, wanted, side="right")) - 1, own.size - 1)
    end = max(end, 0)
    return (part[::-1], own.size - 1 - end) if highest else (part, end)
