"""The interval of a statistic, and the interval and the test of a difference of two."""

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri, stdtrit

from cxraudit.stats.difference import difference
from cxraudit.stats.estimate import NAMED, Estimate, Gap, Limits, NoInterval, Sides
from cxraudit.stats.replicated import ROUNDING, Replicated, Replicates, covariance
from cxraudit.stats.scales import SCALES
from cxraudit.stats.variance import Variance

MAX_UNDEFINED = 0.05
"""With a larger share of undefined replicates an interval would describe other data."""

MIN_RESAMPLES = 100
"""With fewer, the percentiles of the tails are not determined."""


def _smallest_p(draws: Replicates) -> float:
    """Return the smallest p-value that so many replicates resolve, by inverting an interval of them."""
    return 2 / (draws.size + 1)


def _is_too_high(level: float, draws: Replicates) -> bool:
    """Tell whether so many replicates do not resolve a level, but for rounding."""
    return 1 - level < _smallest_p(draws) * (1 - ROUNDING)


@dataclass(frozen=True, slots=True)
class _Percentile:
    """The expanded percentile interval as a function of its level.

    Percentiles of a bootstrap are too narrow for few patients, by the difference between the
    normal and Student's t and by √(n/(n−1)); both are corrected by taking percentiles further
    out (Hesterberg 2015, The American Statistician 69:371-386, section 3.3), with n − 1 degrees of
    freedom from the influences of the patients.
    """

    ordered: Replicates
    variance: Variance

    def __call__(self, level: float) -> tuple[float, float]:
        """Return the interval at a level; NaN at one that so many replicates do not resolve."""
        if _is_too_high(level, self.ordered):
            return math.nan, math.nan
        known = self.variance
        tail = ndtr(stdtrit(known.degrees_of_freedom, (1 - level) / 2) * known.correction)
        low, high = _quantiles(
            self.ordered, np.array([tail, (100 - 100 * tail) / 100], dtype=np.float64)
        )
        return float(low), float(high)


@dataclass(frozen=True, slots=True)
class _Bca:
    """The BCa interval (Efron 1987) as a function of its level, expanded like the percentile."""

    ordered: Replicates
    variance: Variance
    bias: float
    """Standard normal quantile of the share of replicates below the value; infinite if none or all are."""
    acceleration: float
    """Skewness of the patients' influences."""

    def __call__(self, level: float) -> tuple[float, float]:
        """Return the interval at a level.

        NaN if every replicate lies on one side of the value, or at a level that so many do not resolve.
        """
        if not math.isfinite(self.bias) or _is_too_high(level, self.ordered):
            return math.nan, math.nan
        known = self.variance
        reach = -float(stdtrit(known.degrees_of_freedom, (1 - level) / 2)) * known.correction
        z = self.bias + np.array([-reach, reach])
        room = 1 - self.acceleration * z
        # Past a pole the formula would turn back: the interval then ends with the replicates.
        moved = np.where(room > 0, z / np.where(room > 0, room, 1.0), np.sign(z) * np.inf)
        low, high = _quantiles(self.ordered, ndtr(self.bias + moved))
        return float(low), float(high)


def _limits(interval: str, draws: Replicates, found: Replicated, variance: Variance) -> Limits:
    """Return an interval from replicates as a function of its level."""
    ordered = np.sort(draws)
    if interval == "percentile":
        return _Percentile(ordered, variance)
    below = (np.sum(draws < found.value) + 0.5 * np.sum(draws == found.value)) / draws.size
    return _Bca(ordered, variance, float(ndtri(below)), found.acceleration)


def _inverted(limits: Limits, smallest: float) -> float:
    """Return the p-value that belongs to an interval: 1 − the level at which it just reaches 0.

    Where the interval excludes 0 at every level, as a percentile interval does if all replicates lie on one
    side, it is the smallest that so many replicates resolve.
    """

    def excludes(level: float) -> bool:
        low, high = limits(level)
        return not low <= 0 <= high

    none, all_ = 0.0, 1 - smallest
    if excludes(all_):
        return smallest
    for _ in range(40):
        middle = (none + all_) / 2
        none, all_ = (middle, all_) if excludes(middle) else (none, middle)
    return 1 - none


def _quantiles(ordered: Replicates, shares: NDArray[np.float64]) -> NDArray[np.float64]:
    """Interpolate between sorted values as ``numpy.quantile`` does; one sort serves all shares."""
    place = shares * (ordered.size - 1)
    below = np.floor(place).astype(np.int64)
    low, high = ordered[below], ordered[np.minimum(below + 1, ordered.size - 1)]
    share = place - below
    step = high - low
    return np.where(share < 0.5, low + step * share, high - step * (1 - share))


def is_constant(found: Replicated) -> bool:
    """Tell whether a statistic has one value, in the cohort and in every replicate that defines it."""
    defined = found.replicates[np.isfinite(found.replicates)]
    return bool(np.isfinite(found.value)) and _same(defined)


def _same(draws: Replicates) -> bool:
    return float(np.ptp(draws)) <= ROUNDING * max(1.0, float(np.abs(draws[0])))


def _usable(found: Replicated, variance: Variance, interval: str) -> tuple[Replicates, str, str]:
    """Return the defined draws, how the interval is made, and the code of why there is none."""
    if interval not in NAMED:
        raise ValueError(f"interval must be one of {', '.join(NAMED)}, got {interval!r}")
    draws = found.replicates[1:]
    defined = draws[np.isfinite(draws)]
    if not np.isfinite(found.value):
        return defined[:0], "undefined", ""
    if draws.size < MIN_RESAMPLES:
        return (
            defined[:0],
            f"no interval: fewer than {MIN_RESAMPLES} resamples",
            NoInterval.TOO_FEW_RESAMPLES,
        )
    if defined.size < (1 - MAX_UNDEFINED) * draws.size:
        share = 1 - defined.size / draws.size
        return (
            defined[:0],
            f"no interval: undefined in {share:.0%} of resamples",
            NoInterval.UNDEFINED_RESAMPLES,
        )
    if _same(defined):
        return (
            defined[:0],
            "no interval: identical in all resamples",
            NoInterval.IDENTICAL_RESAMPLES,
        )
    if not np.isfinite(variance.degrees_of_freedom):
        return defined[:0], "no interval: it rests on one patient", NoInterval.ONE_PATIENT
    return defined, f"bootstrap, {NAMED[interval]}", ""


def estimate(
    found: Replicated,
    *,
    confidence_level: float = 0.95,
    interval: str = "t",
    scale: str = "plain",
) -> Estimate:
    """Summarise a statistic: its value in the cohort and its interval.

    Parameters
    ----------
    found : Replicated
        The value in the cohort and in each replicate, and the influence of each patient.
    confidence_level : float
        Of the two-sided interval.
    interval : {"t", "percentile", "bca"}
        Student's t on `scale`, with the larger of the analytic standard error and that of the replicates, and
        the degrees of freedom of the influences; expanded percentile (Hesterberg 2015); or BCa (Efron 1987)
        with the same expansion.
    scale : str
        One of `cxraudit.stats.scales.SCALES`, for Student's t.
    """
    variance = found.variance
    draws, method, reason = _usable(found, variance, interval)
    low = high = np.nan
    if draws.size:
        if interval == "t":
            limits = _t_limits(found, draws, scale, variance)
        else:
            limits = _limits(interval, draws, found, variance)
        low, high = limits(confidence_level)
        method, reason = _unresolved(low, method, confidence_level, draws)
    return Estimate(
        value=found.value,
        low=low,
        high=high,
        confidence_level=confidence_level,
        method=method,
        reason=reason,
    )


def _t_limits(found: Replicated, draws: Replicates, scale: str, variance: Variance) -> Limits:
    """Return the interval by Student's t on a scale as a function of its level."""
    chosen = SCALES[_scale(scale, found)]
    df = variance.degrees_of_freedom
    error = math.sqrt(variance.total) * _larger(draws, variance, "larger") * variance.correction
    middle, slope = chosen.to(found.value), chosen.slope(found.value)

    def limits(level: float) -> tuple[float, float]:
        reach = -float(stdtrit(df, (1 - level) / 2)) * error * slope
        return float(chosen.back(middle - reach)), float(chosen.back(middle + reach))

    return limits


def _scale(name: str, *sides: Replicated) -> str:
    """Return a scale, or the plain one where a value is at its end."""
    return name if SCALES[name].holds(*(side.value for side in sides)) else "plain"


def _larger(draws: Replicates, variance: Variance, kind: str) -> float:
    """Return how many times larger the standard error is than the analytic one.

    The analytic error is that of a linear approximation, and too small where one patient has many of the
    images; the standard deviation of the replicates is not, but it varies more: the larger one is used.
    """
    ratio = float(draws.std(ddof=1)) / math.sqrt(variance.total)
    return ratio if kind == "replicates" else max(ratio, 1.0)


def _unresolved(low: float, method: str, level: float, draws: Replicates) -> tuple[str, str]:
    """Say why replicates give no interval, where they give none."""
    if np.isfinite(low):
        return method, ""
    if _is_too_high(level, draws):
        return "no interval: too few resamples for its level", NoInterval.TOO_FEW_RESAMPLES
    return (
        "no interval by BCa: every resample lies on one side of the value",
        NoInterval.ONE_SIDED_RESAMPLES,
    )


def gap(
    group: Replicated,
    reference: Replicated,
    *,
    confidence_level: float = 0.95,
    interval: str = "t",
    scale: str = "logit",
    error: str = "larger",
    inner: bool = True,
) -> Gap:
    """Summarise group − reference, subtracted within each replicate.

    The interval of a gap is not the overlap of two intervals: both sides share patients, and only
    the difference within each replicate accounts for that. p-value and interval are one construction: the
    interval at level 1 − α excludes 0 exactly where p < α. See `cxraudit.stats.difference` for the
    construction by Student's t.

    Parameters
    ----------
    group, reference : Replicated
        Both sides, on the same resamples.
    confidence_level : float
        Of the two-sided interval.
    interval : {"t", "percentile", "bca"}
        As in `estimate`.
    scale : str
        One of `cxraudit.stats.scales.SCALES`; plain where a side is at its end (see `gap_of_limits` for
        sides at 0 or 1).
    error : {"larger", "replicates"}
        The larger of the analytic standard error and that of the replicates, or the latter, where influences
        do not hold the whole error.
    inner : bool
        Whether the interval at 1 − 2α is made, which equivalence is decided by; NaN otherwise.
    """
    found = group - reference
    name = _scale(scale, group, reference)
    on_scale = None
    variance = Variance(math.nan, math.nan, 0)
    if math.isfinite(found.value):
        on_scale = difference(group, reference, SCALES[name])
        variance = on_scale.variance
    df = variance.degrees_of_freedom
    draws, method, reason = _usable(found, variance, interval)
    alpha = 1 - confidence_level
    low = high = inner_low = inner_high = p_value = plain_error = np.nan
    sides = limits = None
    if draws.size and on_scale is not None:
        plain = found.variance
        larger = _larger(draws, plain, error)
        plain_error = math.sqrt(plain.total) * larger * variance.correction
        sides = _sides(group, reference, larger * variance.correction, name)
        if interval == "t":
            # The analytic error on the scale is as much too small as it is on that of the metric.
            on_scale = replace(on_scale, larger=larger)
            limits, p_value = on_scale.limits, on_scale.p_value()
        else:
            limits = _limits(interval, draws, found, variance)
        low, high = limits(confidence_level)
        if inner:
            inner_low, inner_high = limits(1 - 2 * alpha)
        method, reason = _unresolved(low, method, confidence_level, draws)
        if interval != "t" and np.isfinite(low):
            p_value = _inverted(limits, _smallest_p(draws))
    return Gap(
        value=0.0 if abs(found.value) <= ROUNDING else found.value,
        low=low,
        high=high,
        confidence_level=confidence_level,
        method=method,
        reason=reason,
        p_value=p_value,
        standard_error=plain_error,
        degrees_of_freedom=df,
        inner_low=inner_low,
        inner_high=inner_high,
        sides=sides,
        limits=limits,
    )


def _sides(group: Replicated, reference: Replicated, larger: float, scale: str) -> Sides:
    errors = group.standard_error, reference.standard_error
    shared = covariance(group, reference)
    return Sides(
        group=group.value,
        reference=reference.value,
        group_error=errors[0],
        reference_error=errors[1],
        correlation=shared / (errors[0] * errors[1]) if all(errors) else 0.0,
        larger=larger,
        scale=scale,
    )
