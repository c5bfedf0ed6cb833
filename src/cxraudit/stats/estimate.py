"""Results of the statistics: an estimate with its interval, a gap, and the verdict on a gap."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Self

Limits = Callable[[float], tuple[float, float]]
"""Level → the interval at it."""


class Verdict(StrEnum):
    """The conclusion on a difference; made in `cxraudit.stats.verdict.judge` alone."""

    DISPARITY = "disparity"
    """Shown to differ from zero, and estimated to be larger than the margin."""
    UNCLEAR_SIZE = "difference of unclear size"
    """Shown to differ from zero; whether it exceeds the margin is not settled."""
    SMALL = "small difference"
    """Shown to differ from zero, and shown to be smaller than the margin."""
    EQUIVALENT = "equivalent"
    """Shown to be smaller than the margin."""
    INCONCLUSIVE = "inconclusive"
    """Neither shown nor ruled out; see `cxraudit.stats.verdict.detectable_gap`."""
    UNDEFINED = "undefined"
    """The difference does not exist: one side has no positives or no negatives."""


NAMED = {"t": "Student's t", "percentile": "expanded percentile", "bca": "expanded BCa"}
"""Kind of interval → what it is called. Student's t on the scale of the metric; the bootstrap percentile with
a correction for few patients; bias-corrected and accelerated, with the same correction."""


class NoInterval(StrEnum):
    """Why an estimate has no interval."""

    TOO_FEW_RESAMPLES = "TOO_FEW_RESAMPLES"
    UNDEFINED_RESAMPLES = "UNDEFINED_RESAMPLES"
    """Undefined in too many resamples: an interval would describe other data."""
    IDENTICAL_RESAMPLES = "IDENTICAL_RESAMPLES"
    """The same in every resample."""
    ONE_SIDED_RESAMPLES = "ONE_SIDED_RESAMPLES"
    """Every resample lies on one side of the value, where BCa is not defined."""
    ONE_PATIENT = "ONE_PATIENT"
    """It rests on one patient."""


SHOWN = (Verdict.DISPARITY, Verdict.UNCLEAR_SIZE)
"""Verdicts of a difference that is shown to differ from zero, and not shown to be smaller than the margin."""
WITHIN_MARGIN = (Verdict.EQUIVALENT, Verdict.SMALL)
"""Verdicts of a difference that is shown to be smaller than the margin."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """A statistic with its two-sided confidence interval; NaN where undefined."""

    value: float
    low: float
    high: float
    confidence_level: float
    method: str
    reason: str = ""
    """Why there is no interval: a code of `NoInterval`; empty if there is one."""

    def within(self, least: float, most: float) -> Self:
        """Return the estimate with an interval that ends where its values do."""
        if not (self.low < least or self.high > most):
            return self
        return replace(self, low=max(self.low, least), high=min(self.high, most))


@dataclass(frozen=True, slots=True, kw_only=True)
class Sides:
    """Both sides of a gap, for what the gap would be like if it were larger."""

    group: float
    reference: float
    group_error: float
    reference_error: float
    """Analytic standard errors."""
    correlation: float
    """Of the two sides, which share patients."""
    larger: float
    """How many times larger the error of the gap is than the analytic one."""
    scale: str
    """Where the gap is tested; see `cxraudit.stats.scales`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap(Estimate):
    """A difference of two estimates on the same resamples, signed: group − reference."""

    p_value: float
    """Two-sided; below 1 − the confidence level exactly where the interval excludes 0."""
    standard_error: float
    """Of the gap: standard deviation of its replicates, corrected for small samples."""
    degrees_of_freedom: float
    """Of the standard error, for Student's t; see `cxraudit.stats.replicated`."""
    inner_low: float
    inner_high: float
    """The interval at 1 − 2α, which two one-sided tests (TOST) compare with the margin."""
    sides: Sides | None = None
    """None where the gap is made of limits."""
    limits: Limits | None = field(default=None, repr=False, compare=False)
    """The interval at any level; None where there is none."""
