"""Estimates of many small cells, shrunk towards their common mean (empirical Bayes).

The most extreme of many noisy estimates are mostly noise. A random-effects model of the cells says how much
of their spread is not, and each estimate is drawn to the mean by as much as its own noise.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import minimize_scalar

FEWEST_CELLS = 3
"""With two, the spread between cells has one degree of freedom."""


@dataclass(frozen=True, slots=True)
class Shrunken:
    """Cells after shrinkage."""

    values: NDArray[np.float64]
    errors: NDArray[np.float64]
    """Posterior standard deviations, the mean being estimated; the spread between cells is taken as known."""
    mean: float
    between: float
    """Standard deviation between cells; 0 where their spread is no larger than their noise."""


def shrink(estimates: ArrayLike, covariance: ArrayLike) -> Shrunken:
    """Shrink estimates of cells by a random-effects model.

    Cells are y ~ N(θ, V) with θ ~ N(μ, τ²) and V known. τ² maximises the restricted likelihood; μ is the
    generalised least squares mean, and θ its best linear unbiased prediction.

    Parameters
    ----------
    estimates : array_like of float, shape (n_cells,)
        On a scale on which errors depend little on the value, such as the logit.
    covariance : array_like of float, shape (n_cells, n_cells)
        Of their errors; cells that share patients are correlated.

    Returns
    -------
    Shrunken
        In the order of the cells.

    Raises
    ------
    ValueError
        If there are fewer than three cells, shapes differ, or a value is not finite.

    References
    ----------
    .. [1] Harville (1977), Maximum likelihood approaches to variance component estimation and to related
       problems, Journal of the American Statistical Association 72:320-338.
    .. [2] Morris (1983), Parametric empirical Bayes inference, ibid. 78:47-55.

    Examples
    --------
    >>> shrink([0.0, 1.0, 5.0], np.eye(3) * 1e-6).values.round(3)
    array([0., 1., 5.])
    """
    y, noise = np.asarray(estimates, np.float64), np.asarray(covariance, np.float64)
    if y.ndim != 1 or y.size < FEWEST_CELLS or noise.shape != (y.size, y.size):
        raise ValueError(
            f"need at least {FEWEST_CELLS} cells and their covariance, got {y.shape} and {noise.shape}"
        )
    if not (np.isfinite(y).all() and np.isfinite(noise).all()):
        raise ValueError("estimates and covariance must be finite")

    def criterion(between: float) -> float:
        """Return −2 log of the restricted likelihood, up to a constant."""
        fit = _fit(y, noise, between)
        _, size = np.linalg.slogdet(fit.total)
        return float(size + np.log(fit.weight) + fit.residual @ fit.inverse @ fit.residual)

    # On the root of τ, the criterion has no spike at 0 that a search would miss.
    most = np.sqrt(np.ptp(y) + np.sqrt(np.diag(noise).max()))
    found = minimize_scalar(lambda root: criterion(root**4), bounds=(0, most), method="bounded")
    between = float(found.x**4) if found.fun < criterion(0.0) else 0.0
    fit = _fit(y, noise, between)
    values = fit.mean + between * fit.inverse @ fit.residual
    # Of θ given the mean, and what the mean's own error adds (Harville 1977).
    kept = between * fit.inverse
    own = between * np.eye(y.size) - between * kept
    through = 1 - kept.sum(axis=1)
    variances = np.diag(own) + through**2 / fit.weight
    return Shrunken(values, np.sqrt(np.maximum(variances, 0.0)), fit.mean, float(np.sqrt(between)))


@dataclass(frozen=True, slots=True)
class _Fit:
    total: NDArray[np.float64]
    inverse: NDArray[np.float64]
    weight: float
    """Inverse variance of the mean."""
    mean: float
    residual: NDArray[np.float64]


def _fit(y: NDArray[np.float64], noise: NDArray[np.float64], between: float) -> _Fit:
    """Return the mean with a variance between cells."""
    total = noise + between * np.eye(y.size)
    inverse = np.asarray(np.linalg.pinv(total, hermitian=True), np.float64)
    weight = float(inverse.sum())
    mean = float(inverse.sum(axis=0) @ y / weight)
    return _Fit(total, inverse, weight, mean, y - mean)
