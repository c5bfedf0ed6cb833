"""Intervals, gaps and what may be concluded from them."""

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtr, ndtri, stdtr, stdtrit

from cxraudit.stats.estimate import Estimate, Gap, Verdict
from cxraudit.stats.ranking import Replicates

MAX_UNDEFINED = 0.05
"""With a larger share of undefined replicates an interval would describe other data."""

MIN_PATIENTS = 10
"""Fewer patients with (or without) the finding on either side, and no verdict is given."""

MIN_RESAMPLES = 100
"""Percentiles of fewer say nothing about the tails."""

POWER = 0.8


def effective_number(patients: ArrayLike) -> float:
    """Return the effective number of patients behind some films: (Σnᵢ)² / Σnᵢ² for nᵢ films each.

    Equal to the number of patients if all have as many films, and smaller if a few patients have
    most of them: those few decide how precise a statistic is, and so how Student's t must be read.

    Examples
    --------
    >>> effective_number(["a", "a", "b", "b"]), effective_number(["a"] * 9 + ["b"])
    (2.0, 1.2195121951219512)
    """
    _, films = np.unique(np.asarray(patients), return_counts=True)
    return float(films.sum() ** 2 / max((films.astype(np.float64) ** 2).sum(), 1.0))


def _interval(draws: Replicates, level: float, n_patients: float) -> tuple[float, float]:
    """Return the expanded percentile interval.

    Percentiles of a bootstrap are too narrow for few patients, by the difference between the
    normal and Student's t and by √(n/(n−1)); both are made good by reading percentiles further
    out (Hesterberg 2015, The American Statistician 69:371-386, section 3.3).
    """
    further = -stdtrit(n_patients - 1, (1 - level) / 2) * (n_patients / (n_patients - 1)) ** 0.5
    tail = 100 * ndtr(-further)
    low, high = np.percentile(draws, [tail, 100 - tail])
    return float(low), float(high)


def _usable(replicates: Replicates, n_patients: float) -> tuple[Replicates, str]:
    """Return the defined draws and how the interval comes about, or none and why not."""
    draws = replicates[1:]
    defined = draws[np.isfinite(draws)]
    if not np.isfinite(replicates[0]):
        return defined[:0], "undefined"
    if draws.size < MIN_RESAMPLES:
        return defined[:0], f"no interval: fewer than {MIN_RESAMPLES} resamples"
    if n_patients < 2:
        return defined[:0], "no interval: one patient on a side"
    if defined.size < (1 - MAX_UNDEFINED) * draws.size:
        share = 1 - defined.size / draws.size
        return defined[:0], f"no interval: undefined in {share:.0%} of resamples"
    if np.ptp(defined) == 0:
        return defined[:0], "no interval: all resamples are alike"
    return defined, "patient-cluster bootstrap, expanded percentile"


def estimate(
    replicates: Replicates, *, n_patients: float, confidence_level: float = 0.95
) -> Estimate:
    """Summarise a statistic: its value in the cohort and its interval.

    Parameters
    ----------
    replicates : numpy.ndarray, shape (n_resamples + 1,)
        The value in the cohort, then in each replicate.
    n_patients : float
        Effective number of patients with the finding or without it, whichever are fewer: what
        limits the precision.
    confidence_level : float
        Of the two-sided interval.
    """
    draws, method = _usable(replicates, n_patients)
    low, high = _interval(draws, confidence_level, n_patients) if draws.size else (np.nan, np.nan)
    return Estimate(
        value=float(replicates[0]), low=low, high=high,
        confidence_level=confidence_level, method=method,
    )  # fmt: skip


def gap(
    group: Replicates, reference: Replicates, *, n_patients: float, confidence_level: float = 0.95
) -> Gap:
    """Summarise group − reference, subtracted within each replicate.

    The interval of a gap is not the overlap of two intervals: both sides move together when the
    same patients are drawn, and only the difference within a replicate knows that. The p-value
    refers the gap over its bootstrap standard error to Student's t with `n_patients` − 1 degrees
    of freedom.

    Parameters
    ----------
    group, reference : numpy.ndarray, shape (n_resamples + 1,)
        Replicates of both sides, on the same resamples.
    n_patients : float
        The smallest effective number of patients with, or without, the finding on either side.
    confidence_level : float
        Of the two-sided interval.
    """
    difference = group - reference
    draws, method = _usable(difference, n_patients)
    alpha = 1 - confidence_level
    low = high = inner_low = inner_high = p_value = error = np.nan
    if draws.size:
        low, high = _interval(draws, confidence_level, n_patients)
        inner_low, inner_high = _interval(draws, 1 - 2 * alpha, n_patients)
        error = float(draws.std(ddof=1)) * (n_patients / (n_patients - 1)) ** 0.5
        p_value = float(2 * stdtr(n_patients - 1, -abs(difference[0]) / error))
    return Gap(
        value=float(difference[0]), low=low, high=high, confidence_level=confidence_level,
        method=method, p_value=p_value, standard_error=error, n_patients=n_patients,
        inner_low=inner_low, inner_high=inner_high,
    )  # fmt: skip


def judge(found: Gap, *, p_adjusted: float, margin: float, enough: bool = True) -> Verdict:
    """Decide what may be said about a gap.

    A gap is *real* if its interval excludes zero and its p-value, adjusted for the whole family,
    is below α. It is *small* if the 1 − 2α interval lies within ±`margin` (TOST).

    Parameters
    ----------
    found : Gap
        From `gap`.
    p_adjusted : float
        The gap's p-value after adjustment for all gaps of the family.
    margin : float
        The largest gap that would not matter, declared before looking.
    enough : bool
        Whether both sides hold at least `MIN_PATIENTS` patients with and without the finding.
    """
    if not np.isfinite(found.value):
        return Verdict.UNDEFINED
    if not enough or not np.isfinite(found.low):
        return Verdict.INCONCLUSIVE
    alpha = 1 - found.confidence_level
    shown = (found.low > 0 or found.high < 0) and p_adjusted < alpha
    small = -margin < found.inner_low and found.inner_high < margin
    if shown and small:
        return Verdict.WITHIN_MARGIN
    if small:
        return Verdict.EQUIVALENT
    if shown:
        return Verdict.DISPARITY if abs(found.value) > margin else Verdict.UNCLEAR_SIZE
    return Verdict.INCONCLUSIVE


def detectable_gap(found: Gap, *, margin: float, n_tests: int) -> float:
    """Return the true gap that would be called a disparity in 8 of 10 such cohorts.

    It must pass the first step of Holm's adjustment over `n_tests` comparisons, and it must be
    estimated above the margin; at the standard error of this cohort.
    """
    alpha = 1 - found.confidence_level
    critical = -stdtrit(found.n_patients - 1, alpha / (2 * max(n_tests, 1)))
    beyond = max(float(critical) * found.standard_error, margin)
    return beyond + float(ndtri(POWER)) * found.standard_error


def bca_interval(
    replicates: Replicates, jackknife: NDArray[np.float64], *, confidence_level: float = 0.95
) -> tuple[float, float]:
    """Return the bias-corrected and accelerated interval (Efron 1987).

    Parameters
    ----------
    replicates : numpy.ndarray, shape (n_resamples + 1,)
        The value in the cohort, then in each replicate; undefined ones are left out.
    jackknife : numpy.ndarray, shape (n_patients,)
        The value with each patient left out.
    confidence_level : float
        Of the two-sided interval.

    Returns
    -------
    tuple of float
        Both NaN if every replicate lies on one side of the value.
    """
    draws = replicates[1:][np.isfinite(replicates[1:])]
    below = (np.sum(draws < replicates[0]) + 0.5 * np.sum(draws == replicates[0])) / draws.size
    if not 0 < below < 1:
        return np.nan, np.nan
    bias = ndtri(below)
    left = jackknife[np.isfinite(jackknife)]
    centred = left.mean() - left
    spread = (centred**2).sum()
    acceleration = (centred**3).sum() / (6 * spread**1.5) if spread > 0 else 0.0
    z = bias + ndtri(np.array([(1 - confidence_level) / 2, (1 + confidence_level) / 2]))
    low, high = np.percentile(draws, 100 * ndtr(bias + z / (1 - acceleration * z)))
    return float(low), float(high)


def step_up(p_values: ArrayLike, *, dependent: bool = False) -> NDArray[np.float64]:
    """Adjust p-values for screening, so that few of what is reported is false.

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
    """Adjust p-values for a family so that any false alarm is rarer than α (Holm 1979).

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
