"""The verdict on one difference, and the difference that would be detected."""

import math

import numpy as np
from scipy.special import ndtri, stdtrit

from cxraudit.stats.estimate import Gap, Sides, Verdict
from cxraudit.stats.scales import SCALES

POWER = 0.8

HALVINGS = 16
"""Of the range in which `detectable_gap` is sought: to 2e-5 of it."""


def judge(found: Gap, *, p_adjusted: float, margin: float, enough: bool = True) -> Verdict:
    """Return the verdict on a gap.

    A gap is *real* if its interval excludes zero and its p-value, adjusted for the whole family,
    is below α. It is *small* if the 1 − 2α interval lies within ±`margin` (TOST), or if it is exactly
    zero in every resample (`no_difference`).

    Parameters
    ----------
    found : Gap
        From `gap`.
    p_adjusted : float
        The gap's p-value after adjustment for all gaps of the family.
    margin : float
        The largest gap that would not matter, declared in advance; NaN if none was declared, and
        then no gap counts as large or small.
    enough : bool
        Whether both sides hold enough patients with and without the finding.
    """
    if not np.isfinite(found.value):
        return Verdict.UNDEFINED
    if not enough or not np.isfinite(found.low):
        return Verdict.INCONCLUSIVE
    if found.value == 0 == found.standard_error:
        return Verdict.EQUIVALENT  # exactly 0 lies within any margin
    alpha = 1 - found.confidence_level
    shown = (found.low > 0 or found.high < 0) and p_adjusted < alpha
    small = -margin < found.inner_low and found.inner_high < margin
    if shown and small:
        return Verdict.SMALL
    if small:
        return Verdict.EQUIVALENT
    if shown:
        return Verdict.DISPARITY if abs(found.value) > margin else Verdict.UNCLEAR_SIZE
    return Verdict.INCONCLUSIVE


def detectable_gap(found: Gap, *, margin: float, alpha: float) -> float:
    """Return the true gap that would be detected as a disparity in 8 of 10 such cohorts.

    It must be tested as different from 0 at the level `alpha`, that of the first step of the adjustment for
    all comparisons, and it must be estimated above the margin. The error is that of a group which is so
    much worse (or better, where there is no room below): that of an AUROC grows as it falls, by the binormal
    model, and that of a rate is that of a share.

    Returns
    -------
    float
        Infinite if no gap would be; NaN if the error is unknown.
    """
    critical = -float(stdtrit(found.degrees_of_freedom, alpha / 2))
    if not math.isfinite(found.standard_error):
        return math.nan
    if found.sides is None:
        beyond = float(np.fmax(critical * found.standard_error, margin))
        return beyond + float(ndtri(POWER)) * found.standard_error
    further = critical + float(stdtrit(found.degrees_of_freedom, POWER))
    sides = found.sides

    def is_detected(gap: float) -> bool:
        distance, moved, plain = _at(sides, gap)
        past_margin = math.isnan(margin) or gap >= margin + float(ndtri(POWER)) * plain
        return past_margin and distance >= further * moved

    none, all_ = 0.0, _room(sides)
    if math.isinf(all_):
        all_ = further * found.standard_error + np.fmax(margin, 0.0) + found.standard_error
    if not is_detected(all_):
        return math.inf
    for _ in range(HALVINGS):
        middle = (none + all_) / 2
        none, all_ = (none, middle) if is_detected(middle) else (middle, all_)
    return all_


def _room(sides: Sides) -> float:
    """Return the largest gap there can be to the reference, short of the end of the scale."""
    scale = SCALES[sides.scale]
    return 0.999 * max(sides.reference - scale.low, scale.high - sides.reference)


def _at(sides: Sides, gap: float) -> tuple[float, float, float]:
    """Return the distance on the scale, its error, and the error of the gap, if the gap were this large."""
    scale = SCALES[sides.scale]
    down = sides.reference - scale.low >= scale.high - sides.reference
    value = sides.reference - gap if down else sides.reference + gap
    change = _shape(sides.scale, value) / _shape(sides.scale, sides.group)
    group = sides.group_error * change * sides.larger
    reference = sides.reference_error * sides.larger
    slopes = scale.slope(value), scale.slope(sides.reference)
    distance = float(abs(scale.to(value) - scale.to(sides.reference)))
    moved = _error(group * slopes[0], reference * slopes[1], sides.correlation)
    return distance, moved, _error(group, reference, sides.correlation)


def _error(group: float, reference: float, correlation: float) -> float:
    return math.sqrt(max(group**2 + reference**2 - 2 * correlation * group * reference, 0.0))


def _shape(scale: str, value: float) -> float:
    """Return how the error of a value depends on it; on other scales than these it is constant."""
    if scale == "logit":
        return math.exp(-(float(ndtri(value)) ** 2) / 2)
    if scale == "arcsine":
        return math.sqrt(value * (1 - value))
    return 1 / SCALES[scale].slope(value)
