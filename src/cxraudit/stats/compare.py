"""Intervals, gaps and the verdict on one difference."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy.special import logit, ndtr, ndtri, stdtr, stdtrit

from cxraudit.stats.estimate import Estimate, Gap, NoInterval, Verdict
from cxraudit.stats.replicated import Replicated, Replicates

MAX_UNDEFINED = 0.05
"""With a larger share of undefined replicates an interval would describe other data."""

MIN_RESAMPLES = 100
"""With fewer, the percentiles of the tails are not determined."""

ROUNDING = 1e-12
"""Replicates that differ by no more are the same but for rounding."""

POWER = 0.8


INTERVALS = ("percentile", "bca")


def _intervals(
    draws: Replicates, found: Replicated, df: float, levels: Sequence[float], interval: str
) -> list[tuple[float, float]]:
    """Return the expanded percentile interval at each level, or BCa.

    Percentiles of a bootstrap are too narrow for few patients, by the difference between the
    normal and Student's t and by √(n/(n−1)); both are corrected by taking percentiles further
    out (Hesterberg 2015, The American Statistician 69:371-386, section 3.3), with n − 1 degrees of
    freedom from the influences of the patients.
    """
    if interval == "bca":
        return [bca_interval(found, confidence_level=level) for level in levels]
    further = -stdtrit(df, (1 - np.asarray(levels)) / 2) * _correction(df)
    tails = ndtr(-further)
    shares = np.stack([tails, (100 - 100 * tails) / 100]).astype(np.float64)
    return [(float(low), float(high)) for low, high in _quantiles(np.sort(draws), shares).T]


def _quantiles(ordered: Replicates, shares: NDArray[np.float64]) -> NDArray[np.float64]:
    """Interpolate between sorted values as ``numpy.quantile`` does; one sort serves all shares."""
    place = shares * (ordered.size - 1)
    below = np.floor(place).astype(np.int64)
    low, high = ordered[below], ordered[np.minimum(below + 1, ordered.size - 1)]
    share = place - below
    step = high - low
    return np.where(share < 0.5, low + step * share, high - step * (1 - share))


def _correction(df: float) -> float:
    """√(n/(n−1)): what the standard deviation of bootstrap replicates is short of."""
    return ((df + 1) / df) ** 0.5


def is_constant(found: Replicated) -> bool:
    """Tell whether a statistic has one value, in the cohort and in every replicate that defines it."""
    defined = found.replicates[np.isfinite(found.replicates)]
    return bool(np.isfinite(found.value)) and _same(defined)


def _same(draws: Replicates) -> bool:
    return float(np.ptp(draws)) <= ROUNDING * max(1.0, float(np.abs(draws[0])))


def _usable(found: Replicated, df: float, interval: str) -> tuple[Replicates, str, str]:
    """Return the defined draws, how the interval is made, and the code of why there is none."""
    if interval not in INTERVALS:
        raise ValueError(f"interval must be one of {', '.join(INTERVALS)}, got {interval!r}")
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
    if not np.isfinite(df):
        return defined[:0], "no interval: it rests on one patient", NoInterval.ONE_PATIENT
    named = {"percentile": "expanded percentile", "bca": "BCa"}[interval]
    return defined, f"bootstrap, {named}", ""


def estimate(
    found: Replicated, *, confidence_level: float = 0.95, interval: str = "percentile"
) -> Estimate:
    """Summarise a statistic: its value in the cohort and its interval.

    Parameters
    ----------
    found : Replicated
        The value in the cohort and in each replicate, and the influence of each patient.
    confidence_level : float
        Of the two-sided interval.
    interval : {"percentile", "bca"}
        Expanded percentile (Hesterberg 2015), or bias-corrected and accelerated (Efron 1987).
    """
    df = found.degrees_of_freedom
    draws, method, reason = _usable(found, df, interval)
    low = high = np.nan
    if draws.size:
        ((low, high),) = _intervals(draws, found, df, [confidence_level], interval)
        method, reason = _one_sided(low, method)
    return Estimate(
        value=found.value,
        low=low,
        high=high,
        confidence_level=confidence_level,
        method=method,
        reason=reason,
    )


def _one_sided(low: float, method: str) -> tuple[str, str]:
    """Say why BCa gives no interval, where it gives none."""
    if np.isfinite(low):
        return method, ""
    return (
        "no interval by BCa: every resample lies on one side of the value",
        NoInterval.ONE_SIDED_RESAMPLES,
    )


def gap(
    group: Replicated,
    reference: Replicated,
    *,
    confidence_level: float = 0.95,
    interval: str = "percentile",
    scale: str = "logit",
) -> Gap:
    """Summarise group − reference, subtracted within each replicate.

    The interval of a gap is not the overlap of two intervals: both sides share patients, and only
    the difference within each replicate accounts for that. The p-value is
    of the difference over its analytic standard error by Student's t, with the degrees of freedom of
    its influences, on a scale on which the error depends less on the value: the error of an AUROC
    or a rate shrinks towards 1, and a gap that is large by chance would appear too certain.

    Parameters
    ----------
    group, reference : Replicated
        Both sides, on the same resamples.
    confidence_level : float
        Of the two-sided interval.
    interval : {"percentile", "bca"}
        As in `estimate`.
    scale : {"logit", "arcsine", "plain", "bootstrap"}
        Where the p-value is computed: logit for areas, arcsine of the root for rates (whose error
        it makes constant), plain for what does not lie between 0 and 1, with the error from the
        influences; bootstrap: plain, with the error from the replicates. NaN on the first two if a
        side is 0 or 1: see `gap_of_limits`.
    """
    found = group - reference
    df = found.degrees_of_freedom
    draws, method, reason = _usable(found, df, interval)
    alpha = 1 - confidence_level
    low = high = inner_low = inner_high = p_value = error = np.nan
    if draws.size:
        (low, high), (inner_low, inner_high) = _intervals(
            draws, found, df, [confidence_level, 1 - 2 * alpha], interval
        )
        method, reason = _one_sided(low, method)
        error = float(draws.std(ddof=1)) * _correction(df)
        if scale == "bootstrap":
            p_value = float(2 * stdtr(df, -abs(found.value) / error))
        else:
            p_value = _p_value(_scaled(group, scale) - _scaled(reference, scale))
    return Gap(
        value=0.0 if abs(found.value) <= ROUNDING else found.value,
        low=low,
        high=high,
        confidence_level=confidence_level,
        method=method,
        reason=reason,
        p_value=p_value,
        standard_error=error,
        degrees_of_freedom=df,
        inner_low=inner_low,
        inner_high=inner_high,
    )


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
    error = (value - low if value > 0 else high - value) / float(-ndtri(alpha / 2))
    known = np.isfinite(error) and error > 0
    return Gap(
        value=value,
        low=low,
        high=high,
        confidence_level=group[0].confidence_level,
        method="limits of both sides (MOVER)" if known else "no interval: a side is 0 or 1",
        p_value=float(2 * ndtr(-abs(value) / error)) if known else np.nan,
        standard_error=error,
        degrees_of_freedom=np.inf,
        inner_low=inner_low,
        inner_high=inner_high,
    )


def _p_value(found: Replicated) -> float:
    """Two-sided, by Student's t; NaN where the standard error is unknown."""
    df = found.degrees_of_freedom
    if not np.isfinite(df):
        return float("nan")
    return float(2 * stdtr(df, -abs(found.value) / (found.standard_error * _correction(df))))


def _scaled(side: Replicated, scale: str) -> Replicated:
    """Return the value and the influences on another scale (delta method)."""
    value = side.value
    if scale == "plain":
        return Replicated(side.replicates[:1], side.influence)
    if not 0 < value < 1:
        return Replicated(np.array([np.nan]), np.full_like(side.influence, np.nan))
    moved, slope = {
        "logit": (float(logit(value)), 1 / (value * (1 - value))),
        "arcsine": (float(np.arcsin(value**0.5)), 0.5 / (value * (1 - value)) ** 0.5),
    }[scale]
    return Replicated(np.array([moved]), side.influence * slope)


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


def detectable_gap(found: Gap, *, margin: float, n_tests: int) -> float:
    """Return the true gap that would be detected as a disparity in 8 of 10 such cohorts.

    It must pass the first step of Holm's adjustment over `n_tests` comparisons, and it must be
    estimated above the margin; at the standard error of this cohort.
    """
    alpha = 1 - found.confidence_level
    critical = -stdtrit(found.degrees_of_freedom, alpha / (2 * max(n_tests, 1)))
    beyond = float(np.fmax(critical * found.standard_error, margin))
    return beyond + float(ndtri(POWER)) * found.standard_error


def bca_interval(found: Replicated, *, confidence_level: float = 0.95) -> tuple[float, float]:
    """Return the bias-corrected and accelerated interval (Efron 1987).

    The acceleration is the skewness of the patients' influences; undefined replicates are left out.

    Returns
    -------
    tuple of float
        Both NaN if every replicate lies on one side of the value.
    """
    draws = found.replicates[1:][np.isfinite(found.replicates[1:])]
    below = (np.sum(draws < found.value) + 0.5 * np.sum(draws == found.value)) / draws.size
    if not 0 < below < 1:
        return np.nan, np.nan
    bias = ndtri(below)
    z = bias + ndtri(np.array([(1 - confidence_level) / 2, (1 + confidence_level) / 2]))
    low, high = np.percentile(draws, 100 * ndtr(bias + z / (1 - found.acceleration * z)))
    return float(low), float(high)


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
