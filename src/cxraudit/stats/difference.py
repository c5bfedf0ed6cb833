"""The interval of a difference of two statistics that are estimated on a scale."""

import math
from dataclasses import dataclass

import numpy as np
from scipy.special import stdtr, stdtrit

from cxraudit.stats.replicated import Replicated, weighted_runs
from cxraudit.stats.scales import Scale
from cxraudit.stats.variance import Variance

ANGLES, ZOOMS = 65, 3
"""Places on the ellipse that are compared, and how often: to 1e-4 of its angle, 1e-8 of the interval."""

_GRID = np.linspace(-1.0, 1.0, ANGLES)
_SIGNS = np.array([[-1.0], [1.0]])


@dataclass(frozen=True, slots=True)
class Difference:
    """Group − reference, by Student's t on a scale.

    The places (x, y) of both sides on the scale have a covariance, that of their influences. The interval
    holds the differences back(x) − back(y) of all places that are within t standard errors: those
    of an ellipse around the estimates. It excludes 0 exactly where the difference x − y does by its own
    standard error, so that interval and p-value agree, and it is right where both sides lie far apart on a
    curved scale, where x − y alone does not say what the difference is.
    """

    scale: Scale
    places: tuple[float, float]
    moments: tuple[float, float, float]
    """Σμ², Σδμ and Σδ² over patients and runs, of the mean μ and the difference δ of the influences on both
    sides: most of the error cancels where the sides are nearly the same."""
    variance: Variance
    """That of δ, with its degrees of freedom."""
    larger: float = 1.0
    """How many times larger the error is than the analytic one, without the correction for few patients."""

    def p_value(self) -> float:
        """Return the two-sided p-value of x − y."""
        error = math.sqrt(self.variance.total) * self.larger * self.variance.correction
        df = self.variance.degrees_of_freedom
        return float(2 * stdtr(df, -abs(self.places[0] - self.places[1]) / error))

    def limits(self, level: float) -> tuple[float, float]:
        """Return the interval at a level.

        There may be two local ends on either side, one where mostly this and one where mostly the other side
        has moved: the whole ellipse is looked at, and then ever smaller parts of it.
        """
        df = self.variance.degrees_of_freedom
        reach = -float(stdtrit(df, (1 - level) / 2)) * self.larger * self.variance.correction
        mean, mixed, apart = self.moments
        along = mixed / apart
        beside = math.sqrt(max(mean - along * mixed, 0.0))
        width, rows = math.pi, np.arange(2)
        middle = np.zeros((2, 1))
        found, best = np.empty((2, 1)), np.zeros(2, dtype=np.intp)
        for _ in range(ZOOMS):
            angles = middle + width * _GRID
            moved = reach * math.sqrt(apart) * np.cos(angles)
            together = along * moved + reach * beside * np.sin(angles)
            x = self.places[0] + together + moved / 2
            y = self.places[1] + together - moved / 2
            found = self.scale.back(x) - self.scale.back(y)
            best = (_SIGNS * found).argmax(axis=1)
            middle, width = angles[rows, best][:, None], 2 * width / (ANGLES - 1)
        low, high = found[rows, best]
        return float(low), float(high)


def difference(group: Replicated, reference: Replicated, scale: Scale) -> Difference:
    """Put both sides on a scale."""
    slopes = scale.slope(group.value), scale.slope(reference.value)
    x, y = group.influence * slopes[0], reference.influence * slopes[1]
    apart, mean = x - y, (x + y) / 2
    runs = weighted_runs([group, reference], (slopes[0], -slopes[1]))
    both = weighted_runs([group, reference], (slopes[0] / 2, slopes[1] / 2))
    moments = np.array([(mean**2).sum(), (apart * mean).sum(), (apart**2).sum()])
    for name, delta in runs.items():
        moments += (both[name] ** 2).sum(), (delta * both[name]).sum(), (delta**2).sum()
    return Difference(
        scale,
        (scale.to(group.value), scale.to(reference.value)),
        (float(moments[0]), float(moments[1]), float(moments[2])),
        Variance.of(apart, runs),
    )
