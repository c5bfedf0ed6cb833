"""A statistic with what its uncertainty is computed from: replicates, and influences of patients."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cxraudit.stats.resampling import Counts, per_unit, unit_sums

Replicates = NDArray[np.float64]
"""Shape (n_resamples + 1,): the value in the cohort, then in each replicate; NaN = undefined."""

Influence = NDArray[np.float64]
"""Shape (n_units,): derivative of the value with respect to the weight of a patient (infinitesimal
jackknife); 0 for patients without images in the cell. Squares sum to the variance."""


@dataclass(frozen=True, slots=True)
class Replicated:
    """A statistic of one cohort; statistics on the same resamples can be subtracted."""

    replicates: Replicates
    influence: Influence

    def __sub__(self, other: "Replicated") -> "Replicated":
        """Return the difference within each replicate, and of the influences."""
        return Replicated(self.replicates - other.replicates, self.influence - other.influence)

    def constant(self, value: float) -> "Replicated":
        """Return a known number on the same resamples, to compare with."""
        return Replicated(np.full_like(self.replicates, value), np.zeros_like(self.influence))

    @property
    def value(self) -> float:
        """The value in the cohort."""
        return float(self.replicates[0])

    @property
    def standard_error(self) -> float:
        """The analytic standard error √Σφ², clustered by patient; NaN where undefined."""
        return float(np.sqrt((self.influence**2).sum()))

    @property
    def degrees_of_freedom(self) -> float:
        """Degrees of freedom of the variance, for Student's t (Satterthwaite 1946).

        The variance is a sum of φ² over patients, and is less certain the fewer patients contribute
        to it: 2 V² / Var(V), with Var(V) = Σφ⁴ − V²/n from the spread of φ² itself. About n if n
        patients contribute equally, far fewer if a few patients have most of the images. At least 1,
        at most n − 1; NaN if fewer than two patients contribute.
        """
        squares = self.influence[self.influence != 0] ** 2
        n, total = squares.size, float(squares.sum())
        if n < 2 or not np.isfinite(total):
            return float("nan")
        spread = float((squares**2).sum()) - total**2 / n
        return float(min(max(2 * total**2 / max(spread, 1e-300), 1.0), n - 1))

    @property
    def acceleration(self) -> float:
        """Skewness of the influences over 6: the acceleration of BCa (Efron 1987)."""
        spread = float((self.influence**2).sum())
        return float((self.influence**3).sum() / (6 * spread**1.5)) if spread > 0 else 0.0


def weighted_sum(
    parts: Sequence[Replicated],
    weights: Sequence[float],
    *,
    drawn: NDArray[np.float64] | None = None,
) -> Replicated:
    """Return Σ weight · part, within each replicate and of the influences.

    Parameters
    ----------
    parts : sequence of Replicated
        On the same resamples.
    weights : sequence of float
        Of the parts.
    drawn : numpy.ndarray, shape (n_resamples + 1, n_parts), optional
        Weights of every replicate, where they are estimates whose error the replicates are to hold; the first
        row is `weights`. Influences are those at `weights`.
    """
    each = [np.asarray(w) for w in weights] if drawn is None else list(drawn.T)
    return Replicated(
        np.sum([w * part.replicates for part, w in zip(parts, each, strict=True)], axis=0),
        np.sum([w * part.influence for part, w in zip(parts, weights, strict=True)], axis=0),
    )


def ratio(
    top: Replicates,
    bottom: Replicates,
    unit_top: NDArray[np.float64],
    unit_bottom: NDArray[np.float64],
) -> Replicated:
    """Return a ratio of two sums over images, NaN where the lower one is 0.

    Parameters
    ----------
    top, bottom : numpy.ndarray, shape (n_resamples + 1,)
        The sums, in the cohort and in each replicate.
    unit_top, unit_bottom : numpy.ndarray, shape (n_units,)
        Contribution of each patient to the sums.
    """
    values = np.divide(top, bottom, out=np.full(np.shape(top), np.nan), where=bottom > 0)
    influence = (
        (unit_top - values[0] * unit_bottom) / bottom[0] if bottom[0] > 0 else np.nan * unit_top
    )
    return Replicated(values, influence)


def mean_replicates(
    values: ArrayLike,
    cell: ArrayLike,
    units: ArrayLike,
    counts: Counts,
    *,
    n_resamples: int,
    weights: ArrayLike | None = None,
) -> Replicated:
    """Return the mean of a value over images, in the cohort and in every replicate.

    Parameters
    ----------
    values : array_like of float, shape (n_images,)
        Values to average.
    cell : array_like of bool, shape (n_images,)
        The images to average over; the mean is NaN in a replicate that has none of them.
    units : array_like of int, shape (n_images,)
        Patient of each image: row of `counts`.
    counts : numpy.ndarray
        From `draw_resamples`.
    n_resamples : int
        How many of the lanes of `counts` are replicates.
    weights : array_like of float, shape (n_images,), optional
        How much each image counts for. Default: all count the same.
    """
    weight = np.asarray(cell, dtype=np.float64)
    if weights is not None:
        weight = weight * np.asarray(weights, dtype=np.float64)
    each = per_unit(
        np.stack([np.asarray(values, dtype=np.float64) * weight, weight]), units, counts.shape[1]
    )
    sums = unit_sums(each, counts, n_resamples)
    return ratio(sums[0], sums[1], each[0], each[1])
