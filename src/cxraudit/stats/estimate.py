"""What a statistic looks like when it leaves this package."""

from dataclasses import dataclass
from enum import StrEnum


class Verdict(StrEnum):
    """What can be said about a difference; decided in `cxraudit.stats.compare.judge` alone."""

    DISPARITY = "disparity"
    """Shown to differ from zero, and estimated to be larger than the margin."""
    UNCLEAR_SIZE = "difference of unclear size"
    """Shown to differ from zero; whether it exceeds the margin is not settled."""
    SMALL = "small difference"
    """Shown to differ from zero, and shown to be smaller than the margin."""
    EQUIVALENT = "equivalent"
    """Shown to be smaller than the margin."""
    INCONCLUSIVE = "inconclusive"
    """Neither shown nor ruled out; see `cxraudit.stats.compare.detectable_gap`."""
    UNDEFINED = "undefined"
    """There is no difference to speak of: one side has no positives or no negatives."""


SHOWN = (Verdict.DISPARITY, Verdict.UNCLEAR_SIZE)
"""Verdicts of a difference that is shown to differ from zero and not shown to be small."""
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap(Estimate):
    """A difference of two estimates on the same resamples, signed: group − reference."""

    p_value: float
    """Two-sided, of the difference over its analytic error, by Student's t; see `gap`."""
    standard_error: float
    """Of the gap: standard deviation of its replicates, made good for few patients."""
    degrees_of_freedom: float
    """How well the standard error is known; see `cxraudit.stats.replicated`."""
    inner_low: float
    inner_high: float
    """The interval at 1 − 2α, which two one-sided tests (TOST) compare with the margin."""
