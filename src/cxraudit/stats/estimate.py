"""What a statistic looks like when it leaves this package."""

from dataclasses import dataclass
from enum import StrEnum


class Verdict(StrEnum):
    """What can be said about a gap; decided in `cxraudit.stats.compare.judge` alone."""

    DISPARITY = "disparity"
    """Shown to differ from zero, and larger than the margin."""
    WITHIN_MARGIN = "within margin"
    """Shown to differ from zero, and shown to be smaller than the margin."""
    EQUIVALENT = "equivalent"
    """Shown to be smaller than the margin."""
    INCONCLUSIVE = "inconclusive"
    """The data cannot tell; ``detectable_gap`` says what they could have shown."""
    UNDEFINED = "undefined"
    """There is no gap to speak of: one side has no positives or no negatives."""


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
    """Two-sided, from the gap over its bootstrap standard error, by Student's t."""
    detectable_gap: float
    """The smallest true gap that would be found with 80 % power at this standard error."""
    inner_low: float
    inner_high: float
    """The interval at 1 − 2α, which two one-sided tests (TOST) compare with the margin."""
