"""Distances between two groups: along one axis, and in the whole space of embeddings."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray


@dataclass(frozen=True, slots=True)
class Distance:
    """A distance between two groups of patients, with its interval and test."""

    value: float
    low: float
    high: float
    p_value: float


def ks_distance(
    first: ArrayLike,
    second: ArrayLike,
    *,
    n_resamples: int = 500,
    confidence_level: float = 0.95,
    seed: int = 0,
) -> Distance:
    """Largest difference of two distribution functions (Kolmogorov–Smirnov), one value per patient.

    The p-value decreases with the number of patients; D measures how much the groups differ: 0 if the
    distributions are equal, 1 if they do not overlap. Its interval is the basic bootstrap, truncated
    to 0–1, since D is biased upwards in every sample, and more so in resamples.

    Parameters
    ----------
    first, second : array_like of float
        One value per patient of each group.

    n_resamples : int
        Bootstrap resamples of each group.
    confidence_level : float
        Of the two-sided interval.
    seed : int
        Of the resamples.

    Returns
    -------
    Distance
        All NaN if a group is empty.
    """
    from scipy.stats import ks_2samp  # slow to import

    a, b = (np.sort(np.asarray(part, dtype=np.float64)) for part in (first, second))
    if not (a.size and b.size):
        return Distance(np.nan, np.nan, np.nan, np.nan)
    found = ks_2samp(a, b)
    rng = np.random.default_rng(seed)
    draws = [
        _ks(np.sort(rng.choice(a, a.size)), np.sort(rng.choice(b, b.size)))
        for _ in range(n_resamples)
    ]
    tail = (1 - confidence_level) / 2
    lower, upper = np.quantile(draws, [tail, 1 - tail])
    value = float(found.statistic)
    low, high = np.clip([2 * value - upper, 2 * value - lower], 0, 1)
    return Distance(value, float(low), float(high), float(found.pvalue))


def _ks(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    """Return D of two sorted samples."""
    points = np.concatenate([a, b])
    return float(
        np.abs(
            np.searchsorted(a, points, side="right") / a.size
            - np.searchsorted(b, points, side="right") / b.size
        ).max()
    )


def energy_distance(
    vectors: ArrayLike, in_first: ArrayLike, *, n_permutations: int = 499, seed: int = 0
) -> Distance:
    """Energy distance of two groups in the whole space, with a permutation test over patients.

    2 E‖X − Y‖ − E‖X − X′‖ − E‖Y − Y′‖ (Székely & Rizzo 2013), over 2 E‖X − Y‖, so that it lies between 0
    and 1. Unlike a projection it is sensitive to any difference of the distributions.

    Parameters
    ----------
    vectors : array_like of float, shape (n_patients, d)
        One embedding per patient.
    in_first : array_like of bool, shape (n_patients,)
        The patients of the first group; the others are the second.
    n_permutations : int
        Number of permutations; the p-value is (k + 1) / (n_permutations + 1).
    seed : int
        Of the permutations.

    Returns
    -------
    Distance
        ``low`` and ``high`` are NaN; all are NaN if a group has fewer than two patients.
    """
    from scipy.spatial.distance import pdist, squareform

    x = np.asarray(vectors, dtype=np.float64)
    mask = np.asarray(in_first, dtype=bool)
    n, m = int(mask.sum()), int((~mask).sum())
    if min(n, m) < 2:
        return Distance(np.nan, np.nan, np.nan, np.nan)
    distances = squareform(pdist(x))
    rng = np.random.default_rng(seed)
    members = np.empty((mask.size, n_permutations + 1))
    members[:, 0] = mask
    for number in range(1, n_permutations + 1):
        members[:, number] = rng.permutation(mask)
    inside = np.einsum("ij,ij->j", members, distances @ members) / (n * (n - 1))
    others = 1 - members
    outside = np.einsum("ij,ij->j", others, distances @ others) / (m * (m - 1))
    between = np.einsum("ij,ij->j", members, distances @ others) / (n * m)
    found = (2 * between - inside - outside) / (2 * between)
    p_value = (1 + int((found[1:] >= found[0]).sum())) / (n_permutations + 1)
    return Distance(float(found[0]), np.nan, np.nan, p_value)
