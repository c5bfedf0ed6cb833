"""What a comparison will show in a study of some patients, and how many patients it takes to show it.

A planned comparison is a function from the number of patients to the `Gap` that is expected: its sides, their
errors, and the degrees of freedom. The tests are those of `cxraudit.stats.verdict`.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, stdtr, stdtrit

from cxraudit.stats.estimate import Gap, Sides
from cxraudit.stats.variance import correction
from cxraudit.stats.verdict import POWER, _at, _shape, detectable_gap

MOST_PATIENTS = 100_000_000
"""Where the search for the number of patients ends."""

MOST_STEPS, CLOSE = 50, 1e-6
"""Of the search for the gap at whose own error it is found."""

PLANNED = "planned"
"""Method of a gap that is expected, not observed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """A comparison as it is expected with some number of patients."""

    group: float
    reference: float
    """The values of both sides."""
    group_variance: float
    reference_variance: float
    covariance: float
    degrees_of_freedom: float
    """Of the standard error; see `cxraudit.stats.replicated`."""
    scale: str
    error_at: Callable[[float], float] | None = None
    """How many times larger the error of the group is at another value; None: as the verdict assumes."""

    @property
    def standard_error(self) -> float:
        """Standard deviation of the gap over studies."""
        variance = self.group_variance + self.reference_variance - 2 * self.covariance
        return math.sqrt(max(variance, 0.0))

    def gap(self, confidence_level: float, *, alternative: float | None = None) -> Gap:
        """Return the gap as an audit finds it, with the correction of its error for few patients.

        With an `alternative`, the error of the group is such that it is right where the gap is so large.
        """
        df = self.degrees_of_freedom
        larger = correction(df)
        errors = math.sqrt(self.group_variance), math.sqrt(self.reference_variance)
        if alternative is not None and self.error_at is not None:
            value = self.moved(alternative)
            assumed = _shape(self.scale, value) / _shape(self.scale, self.group)
            errors = errors[0] * self.error_at(value) / assumed, errors[1]
        return Gap(
            value=self.group - self.reference,
            low=math.nan,
            high=math.nan,
            confidence_level=confidence_level,
            method=PLANNED,
            p_value=math.nan,
            standard_error=self.standard_error * larger,
            degrees_of_freedom=df,
            inner_low=math.nan,
            inner_high=math.nan,
            sides=Sides(
                group=self.group,
                reference=self.reference,
                group_error=errors[0],
                reference_error=errors[1],
                correlation=self.covariance / (errors[0] * errors[1]) if all(errors) else 0.0,
                larger=larger,
                scale=self.scale,
            ),
        )

    @property
    def room(self) -> float:
        """The largest gap there can be to the reference, of an area or a rate."""
        return max(self.reference, 1 - self.reference)

    def moved(self, gap: float) -> float:
        """Return the value of the group with a gap, to the side where there is more room."""
        return self.reference + (-gap if self.reference >= 0.5 else gap)


Study = Callable[[float], Expected]
"""Number of patients → what is expected."""


def smallest_gap(expected: Expected, *, margin: float, alpha: float) -> float:
    """Return the smallest true gap that is a disparity in 8 of 10 studies; infinite if none is.

    Parameters
    ----------
    expected : Expected
        The comparison.
    margin : float
        The largest gap that would not matter.
    alpha : float
        Level of its test, after the error is divided among all comparisons.
    """

    def stated(alternative: float) -> float:
        assumed = expected.gap(1 - alpha, alternative=alternative)
        return detectable_gap(assumed, margin=margin, alpha=alpha)

    # The error depends on the gap: from the largest one down to that which is its own alternative.
    found = 0.95 * expected.room
    for _ in range(MOST_STEPS):
        step = stated(found)
        if not math.isfinite(step) or abs(step - found) < CLOSE:
            return step
        found = step
    return found


def power_of_disparity(expected: Expected, gap: float, *, margin: float, alpha: float) -> float:
    """Return how often a true gap is a disparity: tested at `alpha`, and estimated beyond the margin.

    Both happen where the estimate is large, so that the less frequent of the two decides. The power of
    `smallest_gap` is 80 %.
    """
    found = expected.gap(1 - alpha, alternative=gap)
    if found.sides is None or not gap > 0:
        return math.nan
    distance, moved, plain = _at(found.sides, gap)
    df = expected.degrees_of_freedom
    critical = -float(stdtrit(df, alpha / 2))
    beyond = 1.0 if math.isnan(margin) else float(ndtr((gap - margin) / plain))
    return min(float(stdtr(df, distance / moved - critical)), beyond)


def power_of_equivalence(expected: Expected, gap: float, *, margin: float, alpha: float) -> float:
    """Return how often a true gap is shown to lie within the margin, by two one-sided tests at `alpha`.

    Both tests reject where the estimate is at least t standard errors from either margin (Schuirmann 1987,
    Journal of Pharmacokinetics and Biopharmaceutics 15:657-680).
    """
    sides = expected.gap(1 - alpha, alternative=gap).sides
    if sides is None:
        return math.nan
    _, _, error = _at(sides, gap)
    df = expected.degrees_of_freedom
    reach = -float(stdtrit(df, alpha))
    near, far = ((margin + sign * gap) / error - reach for sign in (-1, 1))
    return max(float(stdtr(df, near) + stdtr(df, far)) - 1, 0.0)


def patients_needed(power: Callable[[Expected], float], study: Study, *, least: float = 4) -> float:
    """Return the smallest number of patients with a power of 80 %.

    Parameters
    ----------
    power : callable
        Power of what is expected; increases with the number of patients.
    study : callable
        Number of patients → what is expected.
    least : float
        A number that is needed anyway.

    Returns
    -------
    float
        A whole number; infinite if more than `MOST_PATIENTS` are needed.
    """

    def enough(patients: int) -> bool:
        return power(study(patients)) >= POWER

    low, high = max(math.ceil(least), 1), MOST_PATIENTS
    if enough(low):
        return float(low)
    if not enough(high):
        return math.inf
    while high - low > 1:
        middle = math.isqrt(low * high) if high > 2 * low else (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return float(high)


MOST_BLOCKS = 200
"""Studies of which the median of the degrees of freedom is taken."""


def expected_degrees_of_freedom(influences: NDArray[np.float64], patients: float) -> float:
    """Return the degrees of freedom that a variance will have in a study of some patients.

    Those of `cxraudit.stats.replicated.Replicated.degrees_of_freedom`: their median over studies of so many
    of the patients given. With heavy tails a small study has more than its share of those of a large one,
    since it has no patient as extreme. A study of more than all patients has them in proportion.

    Parameters
    ----------
    influences : numpy.ndarray, shape (n_patients,)
        Influence of each patient, up to a factor; 0 for patients without images.
    patients : float
        Of the study.
    """
    size = min(max(round(patients), 2), influences.size)
    n_blocks = min(influences.size // size, MOST_BLOCKS)
    squares = influences[: n_blocks * size].reshape(n_blocks, size) ** 2
    total, contributing = squares.sum(axis=1), np.count_nonzero(squares, axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        spread = np.maximum((squares**2).sum(axis=1) / total**2 - 1 / contributing, 1e-300)
        found = np.clip(2 / spread, 1, np.maximum(contributing - 1, 1))
    return max(float(np.nanmedian(found)) * max(patients / size, 1.0), 1.0)
