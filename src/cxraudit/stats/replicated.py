"""A statistic with what its uncertainty is computed from: replicates, and influences of patients."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product as pairs

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.linalg import helmert

from cxraudit.stats.resampling import Counts, per_unit, unit_sums
from cxraudit.stats.variance import Variance

Replicates = NDArray[np.float64]
"""Shape (n_resamples + 1,): the value in the cohort, then in each replicate; NaN = undefined."""

Influence = NDArray[np.float64]
"""Shape (n_units,): derivative of the value with respect to the weight of a patient (infinitesimal
jackknife); 0 for patients without images in the cell. Squares sum to the variance."""


ROUNDING = 1e-12
"""Values that differ by no more are the same but for rounding."""

Contrasts = Mapping[str, NDArray[np.float64]]
"""Model → independent contrasts between its training runs, shape (n_runs − 1,), of a statistic that is their
mean. Squares sum to what the choice of the runs adds to the variance."""


@dataclass(frozen=True, slots=True)
class Replicated:
    """A statistic of one cohort; statistics on the same resamples can be subtracted."""

    replicates: Replicates
    influence: Influence
    runs: Contrasts = field(default_factory=dict)
    """Empty but for a mean over training runs; see `over_runs`."""

    def __sub__(self, other: "Replicated") -> "Replicated":
        """Return the difference within each replicate, and of the influences."""
        return Replicated(
            self.replicates - other.replicates,
            self.influence - other.influence,
            weighted_runs((self, other), (1.0, -1.0)),
        )

    def constant(self, value: float) -> "Replicated":
        """Return a known number on the same resamples, to compare with."""
        return Replicated(np.full_like(self.replicates, value), np.zeros_like(self.influence))

    @property
    def value(self) -> float:
        """The value in the cohort."""
        return float(self.replicates[0])

    @property
    def variance(self) -> Variance:
        """The analytic variance Σφ², clustered by patient, and what training runs add to it."""
        return Variance.of(self.influence, self.runs)

    @property
    def standard_error(self) -> float:
        """The analytic standard error; NaN where undefined."""
        return float(np.sqrt(self.variance.total))

    @property
    def degrees_of_freedom(self) -> float:
        """Degrees of freedom of the variance; see `cxraudit.stats.variance.Variance`."""
        return self.variance.degrees_of_freedom

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
    influence: NDArray[np.float64] | None = None,
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
        row is `weights`.
    influence : numpy.ndarray, shape (n_units, n_parts), optional
        Influence of each patient on the weights; default: none, as if they were known.
    """
    each = [np.asarray(w) for w in weights] if drawn is None else list(drawn.T)
    moved = np.sum([w * part.influence for part, w in zip(parts, weights, strict=True)], axis=0)
    if influence is not None:
        moved = moved + influence @ np.array([part.value for part in parts])
    return Replicated(
        np.sum([w * part.replicates for part, w in zip(parts, each, strict=True)], axis=0),
        moved,
        weighted_runs(parts, weights),
    )


def product(first: Replicated, second: Replicated) -> Replicated:
    """Return the product within each replicate, and of the influences, of what no training run changes."""
    return Replicated(
        first.replicates * second.replicates,
        first.value * second.influence + second.value * first.influence,
    )


def shares_of_pairs(of_positives: Replicated, of_negatives: Replicated) -> list[Replicated]:
    """Return the shares of the four kinds of pairs of a positive and a negative, with and without a shortcut.

    An AUROC is the sum of the AUROCs of the four kinds, times these; with the same share on both sides it is
    the AUROC if the shortcut did not depend on the finding.

    Parameters
    ----------
    of_positives, of_negatives : Replicated
        Share of the positives, and of the negatives, that have the shortcut.

    Returns
    -------
    list of Replicated
        Both have it, the positive only, the negative only, neither.
    """
    sides = [(share, share.constant(1.0) - share) for share in (of_positives, of_negatives)]
    return [product(first, second) for first, second in pairs(*sides)]


def weighted_runs(parts: Sequence[Replicated], weights: Sequence[float]) -> Contrasts:
    """Return Σ weight · contrasts of each model; a part that does not depend on its runs has none."""
    names = dict.fromkeys(name for part in parts for name in part.runs)
    return {
        name: np.sum(
            [
                w * part.runs[name]
                for part, w in zip(parts, weights, strict=True)
                if name in part.runs
            ],
            axis=0,
        )
        for name in names
    }


def covariance(first: Replicated, second: Replicated) -> float:
    """Return the analytic covariance of two statistics, of patients and of training runs."""
    shared = [first.runs[name] @ second.runs[name] for name in first.runs if name in second.runs]
    return float(first.influence @ second.influence) + float(sum(shared))


def over_runs(
    parts: Sequence[Replicated], model: str, noise: NDArray[np.float64] | None = None
) -> Replicated:
    """Return the mean of a statistic over training runs of a model, which are a sample of all its runs.

    Runs are to patients what readers are to cases: the variance of the mean is that of patients with the
    runs as they are, plus the variance between runs over their number (Obuchowski & Rockette 1995). Of the
    variance that is seen between runs, what patients explain by themselves (Σ of the squared differences
    of influences between runs) is not counted twice.

    Parameters
    ----------
    parts : sequence of Replicated
        The statistic of each run, at least two, on the same resamples.
    model : str
        Identifies the runs: differences of statistics of the same runs are differences within runs.
    noise : numpy.ndarray, shape (n_resamples, n_runs − 1), optional
        Standard normal numbers, the same for all statistics of the model, by which the replicates vary
        between runs.

    References
    ----------
    .. [1] Obuchowski & Rockette (1995), Communications in Statistics 24:285-308.
    .. [2] Hillis (2007), Statistics in Medicine 26:596-619.
    """
    n = len(parts)
    mean = weighted_sum(parts, (1 / n,) * n)
    contrasts = helmert(n) @ np.array([part.value for part in parts])
    contrasts[np.abs(contrasts) < ROUNDING] = 0.0
    between = float((contrasts**2).sum()) / (n - 1)
    apart = np.stack([part.influence for part in parts]) - mean.influence
    by_patients = float((apart**2).sum()) / (n - 1)
    share = max(0.0, 1 - by_patients / between) if between > 0 else 0.0
    contrasts = contrasts * np.sqrt(share / (n * (n - 1)))
    replicates = mean.replicates.copy()
    if noise is not None:
        replicates[1:] += noise @ contrasts
    return Replicated(replicates, mean.influence, {model: contrasts})


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
