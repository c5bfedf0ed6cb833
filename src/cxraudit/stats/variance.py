"""The variance of a statistic, estimated from patients and training runs, and how certain it is."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import stdtrit

_TAIL = 0.975


@dataclass(frozen=True, slots=True)
class Variance:
    """An estimate of a variance, as a sum of independent parts."""

    patients: float
    """V = Σφ², of the influences φ of patients."""
    fourth: float
    """Σφ⁴."""
    n: int
    """Patients who contribute."""
    runs: tuple[tuple[float, int], ...] = ()
    """What the training runs of each model add, and from how many independent contrasts it is known."""

    @classmethod
    def of(
        cls, influence: NDArray[np.float64], runs: Mapping[str, NDArray[np.float64]]
    ) -> "Variance":
        """Sum the squares of influences of patients, and of contrasts between runs."""
        squares = influence[influence != 0] ** 2
        of_runs = ((float((one**2).sum()), one.size) for one in runs.values())
        return cls(float(squares.sum()), float((squares**2).sum()), squares.size, tuple(of_runs))

    @property
    def total(self) -> float:
        """The variance; NaN where undefined."""
        return self.patients + sum(part for part, _ in self.runs)

    @property
    def _of_patients(self) -> float:
        """Degrees of freedom of the part of the patients."""
        if self.n < 2 or not math.isfinite(self.patients):
            return math.nan
        spread = max(self.fourth - self.patients**2 / self.n, 1e-300)
        return min(max(2 * self.patients**2 / spread, 1.0), self.n - 1.0)

    @property
    def degrees_of_freedom(self) -> float:
        """Degrees of freedom of the variance, for Student's t.

        That of patients is a sum of φ², and is less certain the fewer patients contribute to it
        (Satterthwaite 1946): 2 V² / Var(V), with Var(V) = Σφ⁴ − V²/n from the spread of φ² itself. About n
        if n patients contribute equally, far fewer if a few patients have most of the images. At least 1,
        at most n − 1; NaN if fewer than two patients contribute.

        What k + 1 training runs add has k. Satterthwaite's formula for the sum would be too sure of runs that
        are close by chance, so the quantile of t is the mean of the quantiles of the parts, weighted by
        their variances (Cochran & Cox 1957), at 97.5 %.
        """
        of_patients = self._of_patients
        if not any(part for part, _ in self.runs) or math.isnan(of_patients):
            return of_patients
        parts = ((self.patients, of_patients), *self.runs)
        reach = sum(part * float(stdtrit(df, _TAIL)) for part, df in parts) / self.total
        most = max(df for _, df in parts) + 1
        return float(brentq(lambda df: stdtrit(df, _TAIL) - reach, 0.5, most, xtol=1e-6))

    @property
    def correction(self) -> float:
        """How many times larger the error is than √total: √(n/(n−1)) for the part of the patients.

        The squares of influences, like the variance of bootstrap replicates, fall short of the variance by
        it. What training runs add does not.
        """
        of_patients = self._of_patients
        if math.isnan(of_patients) or not self.total:
            return math.nan
        larger = correction(of_patients) ** 2
        return math.sqrt(1 + (larger - 1) * self.patients / self.total)


def correction(df: float) -> float:
    """Return √(n/(n−1)): what the standard deviation of bootstrap replicates of patients is short of."""
    return ((df + 1) / df) ** 0.5
