"""Intervals of what does not vary in a bootstrap: score intervals, and differences made of limits."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.special import ndtr, ndtri

from cxraudit.stats.compare import is_constant
from cxraudit.stats.estimate import Estimate, Gap
from cxraudit.stats.replicated import Replicated


def ignores_error(found: Gap, sides: Sequence[Replicated]) -> bool:
    """Tell whether the replicates of a gap ignore the error of a side, because that does not vary.

    An AUROC or a rate of 0 or 1, or the AUROC of a group with one score for all images, is the same in
    every resample; its error is in its score interval: see `gap_of_limits`.
    """
    if found.value == 0:
        return False
    if any(side.value in (0, 1) for side in sides):
        return True
    return bool(np.isfinite(found.low)) and any(is_constant(side) for side in sides)


def no_difference(found: Gap, *, p_value: float = np.nan) -> Gap:
    """Return a gap that is 0 in the cohort and in every resample as what it is: exactly 0.

    Nothing varies, so there is no error to test it with; `judge` finds it equivalent under any margin.
    """
    return replace(
        found,
        value=0.0,
        low=0.0,
        high=0.0,
        inner_low=0.0,
        inner_high=0.0,
        p_value=p_value,
        standard_error=0.0,
        method="no difference in any resample",
        reason="",
        limits=None,
    )


def limits_of_sum(parts: Sequence[Estimate], weights: Sequence[float]) -> tuple[float, float]:
    """Return the interval of Σ weight · part from the intervals of the parts.

    Parts that are subtracted are taken as independent of the others (MOVER, Zou & Donner 2008). Where
    all are added they are taken as varying together, as AUROCs that share their negatives do: the
    interval is then the sum of the limits, the widest it can be.
    """
    value = sum(w * part.value for part, w in zip(parts, weights, strict=True))
    below, above = (
        np.array(
            [
                w * (part.value - part.low if (w > 0) == down else part.high - part.value)
                for part, w in zip(parts, weights, strict=True)
            ]
        )
        for down in (True, False)
    )
    reach = np.sum if min(weights) >= 0 else np.linalg.norm
    return float(value - reach(below)), float(value + reach(above))


def two_sided(value: float, standard_error: float) -> float:
    """Return the p-value of an estimate against 0, on the normal scale; NaN where it has no error."""
    known = np.isfinite(standard_error) and standard_error > 0
    return float(2 * ndtr(-abs(value) / standard_error)) if known else np.nan


def gap_of_limits(group: tuple[Estimate, Estimate], reference: tuple[Estimate, Estimate]) -> Gap:
    """Summarise group − reference from the limits of both sides (MOVER, Zou & Donner 2008).

    For a side at 0 or 1 (no image detected, perfect ranking): its replicates and influences do not
    vary, so a difference of replicates would ignore its uncertainty. Score intervals do not.

    Parameters
    ----------
    group, reference : tuple of Estimate
        Each side with its interval at 1 − α, and at 1 − 2α; both sides are taken as independent.
    """
    value = group[0].value - reference[0].value
    (low, high), (inner_low, inner_high) = (
        (
            value - float(np.hypot(g.value - g.low, r.high - r.value)),
            value + float(np.hypot(g.high - g.value, r.value - r.low)),
        )
        for g, r in zip(group, reference, strict=True)
    )
    alpha = 1 - group[0].confidence_level
    reach = float(-ndtri(alpha / 2))
    error = (value - low if value > 0 else high - value) / reach
    known = np.isfinite(error) and error > 0
    return Gap(
        value=value,
        low=low,
        high=high,
        confidence_level=group[0].confidence_level,
        method="limits of both sides (MOVER)" if known else "no interval: a side is 0 or 1",
        p_value=two_sided(value, error),
        standard_error=error,
        degrees_of_freedom=np.inf,
        inner_low=inner_low,
        inner_high=inner_high,
        limits=_Stretched(value, (value - low) / reach, (high - value) / reach) if known else None,
    )


@dataclass(frozen=True, slots=True)
class _Stretched:
    """An interval made of limits at another level: each side in proportion to the normal quantile."""

    value: float
    below: float
    above: float
    """Reach to either side, in standard normal quantiles."""

    def __call__(self, level: float) -> tuple[float, float]:
        """Return the interval at a level."""
        z = float(-ndtri((1 - level) / 2))
        return self.value - z * self.below, self.value + z * self.above


def wilson(share: float, n: int, *, confidence_level: float = 0.95) -> tuple[float, float]:
    """Return the score interval of a share of `n` independent units (Wilson 1927).

    Examples
    --------
    >>> [round(limit, 4) for limit in wilson(1.0, 10)]
    [0.7225, 1.0]
    """
    z = float(-ndtri((1 - confidence_level) / 2))
    middle = (share + z**2 / (2 * n)) / (1 + z**2 / n)
    reach = z * np.sqrt(share * (1 - share) / n + z**2 / (4 * n**2)) / (1 + z**2 / n)
    low, high = max(middle - float(reach), 0.0), min(middle + float(reach), 1.0)
    return 0.0 if share == 0 else low, 1.0 if share == 1 else high
