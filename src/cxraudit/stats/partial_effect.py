"""The difference between two groups given covariates, and what unmeasured ones could do to it."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.linalg import qr, solve_triangular

_COLLINEAR = 1e-8
"""Of the length of a column: what less is left of it, the other columns determine."""


@dataclass(frozen=True, slots=True)
class PartialEffect:
    """The coefficient of a group in a linear regression, with what its error is computed from."""

    value: float
    """Mean difference between the group and all others at the same covariates; NaN where they determine the
    group."""
    pseudo_values: NDArray[np.float64]
    """Shape (n,): their mean is `value`, and their deviations over n are influences: those of the images of a
    patient, summed and squared, make the cluster-robust (jackknife) variance."""
    cohens_f: float
    """Partial f of Cohen of the group: |t|/√(degrees of freedom)."""
    n_covariates: int
    """Without those that are constant or determined by others."""
    effective_patients: float
    """Of as many patients with equal weights the coefficient rests: few where nearly all of a group have what
    the others lack, whatever the size of the group."""


def partial_effect(
    values: ArrayLike,
    in_group: ArrayLike,
    covariates: ArrayLike | None = None,
    patients: ArrayLike | None = None,
) -> PartialEffect:
    """Estimate the mean difference of a value between a group and all others, given covariates.

    The coefficient is Σ r y/Σ r², r being what the covariates leave of the group (Frisch and Waugh 1933).
    The influence of a patient is the change of the coefficient without this patient (CR3 of Bell and
    McCaffrey 2002; of one image each, HC3 of MacKinnon and White 1985): otherwise the error is too small
    where few patients determine the coefficient. Σ r² of the images of a patient is its weight, from which
    the effective number of patients follows (Kish 1965).

    Parameters
    ----------
    values : array_like of float, shape (n,)
        Such as the scores of images with the same label.
    in_group : array_like of bool, shape (n,)
        The group.
    covariates : array_like of float, shape (n, k), optional
        What both sides are compared at. Constant and collinear columns are left out.
    patients : array_like, shape (n,), optional
        The patient of each value; default: each is of another one.

    Returns
    -------
    PartialEffect
        NaN without values, and where the covariates determine the group.

    Examples
    --------
    >>> partial_effect([1.0, 2.0, 4.0, 5.0], [False, False, True, True]).value
    3.0
    """
    y, group = np.asarray(values, dtype=np.float64), np.asarray(in_group, dtype=np.float64)
    n = y.size
    if n == 0:
        return PartialEffect(math.nan, np.empty(0), math.nan, 0, 0.0)
    unit = np.arange(n) if patients is None else np.unique(patients, return_inverse=True)[1]
    basis = _basis(np.empty((n, 0)) if covariates is None else np.asarray(covariates, float), n)
    left = group - basis @ (basis.T @ group)
    size = float(left @ left)
    n_covariates = basis.shape[1] - 1
    if not size > _COLLINEAR * n:
        return PartialEffect(math.nan, np.full(n, math.nan), math.nan, n_covariates, 0.0)
    value = float(left @ y) / size
    residuals = y - basis @ (basis.T @ y) - value * left
    regressors = np.column_stack([basis, left / math.sqrt(size)])
    influence = _changes_without(regressors, residuals, unit) / math.sqrt(size)
    pseudo_values = value + n * (influence - influence.mean())
    spread = float(residuals @ residuals)
    cohens_f = abs(value) * math.sqrt(size / spread) if spread > 0 else math.inf
    weights = np.bincount(unit, left**2)
    effective = float(weights.sum() ** 2 / (weights**2).sum())
    return PartialEffect(value, pseudo_values, cohens_f, n_covariates, effective)


def _changes_without(
    regressors: NDArray[np.float64], residuals: NDArray[np.float64], unit: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Return the change of the last coefficient without each patient, in equal parts for its images.

    Regressors are orthonormal. Without the rows X of a patient, with residuals e, the coefficients change by
    Xᵀ(I − XXᵀ)⁻¹e. Where a patient alone determines a coefficient, e has no part in what is singular there.
    """
    change = np.empty(residuals.size)
    order = np.argsort(unit, kind="stable")
    sizes = np.bincount(unit)
    first = np.cumsum(sizes) - sizes
    n_columns = regressors.shape[1]
    for n_images in np.unique(sizes):
        rows = order[first[sizes == n_images][:, None] + np.arange(n_images)]
        x, e = regressors[rows], residuals[rows][..., None]
        if n_images <= n_columns:
            left = _identity(n_images) - x @ x.transpose(0, 2, 1)
            without = x.transpose(0, 2, 1) @ np.linalg.solve(left, e)
        else:  # the same, and smaller
            across = x.transpose(0, 2, 1)
            without = np.linalg.solve(_identity(n_columns) - across @ x, across @ e)
        change[rows] = without[:, -1] / n_images
    return change


def _identity(n: int) -> NDArray[np.float64]:
    """Return the identity, and a little more, so that it less a projection can be inverted."""
    return (1 + _COLLINEAR) * np.eye(n)


def _basis(covariates: NDArray[np.float64], n: int) -> NDArray[np.float64]:
    """Return an orthonormal basis of the constant and of the covariates that add to it."""
    constant = np.full((n, 1), 1 / math.sqrt(n))
    apart = covariates - covariates[0]  # an offset takes no digits of what varies
    largest = np.abs(apart).max(axis=0, initial=0.0)
    # Squares of large ones would be infinite.
    scaled_down = apart / np.where(largest > 0, largest, 1)
    centred = scaled_down - scaled_down.mean(axis=0)
    spread = np.sqrt((centred**2).sum(axis=0))
    varying = spread > _COLLINEAR * math.sqrt(n)
    if not varying.any():
        return constant
    scaled = centred[:, varying] / spread[varying]
    triangle, order = qr(scaled, mode="r", pivoting=True)
    kept = np.abs(np.diag(triangle)) > _COLLINEAR
    rank = int(kept.sum())
    chosen = scaled[:, order[:rank]]
    return np.hstack([constant, solve_triangular(triangle[:rank, :rank], chosen.T, trans="T").T])


def robustness_value(cohens_f: float) -> float:
    """Return how strong something unmeasured would have to be to explain a difference away.

    It is the share of the residual variance, of the group as well as of the value, that it would have to
    explain to bring the coefficient to zero (Cinelli and Hazlett 2020, equation 21).

    References
    ----------
    .. [1] Cinelli & Hazlett (2020), Making sense of sensitivity: extending omitted variable bias, Journal of
       the Royal Statistical Society B 82(1):39-67.

    Examples
    --------
    The study of Darfur in the article, with t = 4.184 and 783 degrees of freedom:

    >>> round(robustness_value(4.184 / 783**0.5), 3)
    0.139
    """
    if math.isinf(cohens_f):
        return 1.0
    square = cohens_f**2
    return (math.sqrt(square**2 + 4 * square) - square) / 2
