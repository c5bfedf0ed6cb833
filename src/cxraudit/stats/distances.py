"""Distances between two groups: along one axis, and in the whole space of embeddings."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtri


@dataclass(frozen=True, slots=True)
class Distance:
    """A distance between two groups of patients, with its interval and test."""

    value: float
    low: float
    high: float
    p_value: float


SPLITS = 10
"""Random halves of both groups, on one of which the place of the largest difference is chosen."""


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
    distributions are equal, 1 if they do not overlap. It is biased upwards in every sample, and more so in
    resamples, so that percentiles of these cover the truth too rarely. The lower limit is that of the
    difference at a place chosen on one half of the patients and estimated on the other, which is not biased
    upwards; the upper one that of D less its bias by the bootstrap, or of the same difference if that is
    larger. Both are z standard errors away, of the difference of two shares (Agresti & Caffo 2000), within
    0–1. In simulations it covers 95 to 100 % with 30 to 600 patients in a group and D from 0 to 0.95.

    Parameters
    ----------
    first, second : array_like of float
        One value per patient of each group.
    n_resamples : int
        Bootstrap resamples of each group, for the bias.
    confidence_level : float
        Of the two-sided interval.
    seed : int
        Of resamples and halves.

    Returns
    -------
    Distance
        All NaN if a group is empty; no interval if one has fewer than two patients.
    """
    from scipy.stats import ks_2samp  # slow to import

    a, b = (np.sort(np.asarray(part, dtype=np.float64)) for part in (first, second))
    if not (a.size and b.size):
        return Distance(np.nan, np.nan, np.nan, np.nan)
    found = ks_2samp(a, b)
    value = float(found.statistic)
    if min(a.size, b.size) < 2:
        return Distance(value, np.nan, np.nan, float(found.pvalue))
    rng = np.random.default_rng(seed)
    draws = [
        _ks(np.sort(rng.choice(a, a.size)), np.sort(rng.choice(b, b.size)))
        for _ in range(n_resamples)
    ]
    less_bias = 2 * value - float(np.mean(draws)) if draws else value
    split = float(np.mean([_on_other_half(a, b, rng) for _ in range(SPLITS)]))
    reach = -float(ndtri((1 - confidence_level) / 2)) * _error(a, b, _place(a, b)[0])
    low, high = np.clip([split - reach, max(less_bias, split) + reach], 0, 1)
    return Distance(value, min(float(low), value), max(float(high), value), float(found.pvalue))


def _below(sorted_values: NDArray[np.float64], at: ArrayLike) -> NDArray[np.intp]:
    """Count the values at or below some places."""
    return np.searchsorted(sorted_values, at, side="right")


def _place(a: NDArray[np.float64], b: NDArray[np.float64]) -> tuple[float, float]:
    """Return where the distribution functions of two sorted samples differ most, and by how much."""
    points = np.concatenate([a, b])
    apart = _below(a, points) / a.size - _below(b, points) / b.size
    largest = int(np.argmax(np.abs(apart)))
    return float(points[largest]), float(apart[largest])


def _on_other_half(
    a: NDArray[np.float64], b: NDArray[np.float64], rng: np.random.Generator
) -> float:
    """Estimate the largest difference on one half of both samples, at the place chosen on the other half."""
    halves = [np.array_split(rng.permutation(part), 2) for part in (a, b)]
    first, second = (tuple(np.sort(part[k]) for part in halves) for k in range(2))
    found = []
    for choosing, measuring in ((first, second), (second, first)):
        at, apart = _place(*choosing)
        shares = [float(_below(part, at)) / part.size for part in measuring]
        found.append(np.sign(apart) * (shares[0] - shares[1]))
    return float(np.mean(found))


def _error(a: NDArray[np.float64], b: NDArray[np.float64], at: float) -> float:
    """Return the standard error of the difference of both shares at a place, with two patients added."""
    shares = [(float(_below(part, at)) + 1) / (part.size + 2) for part in (a, b)]
    variances = [p * (1 - p) / (part.size + 2) for p, part in zip(shares, (a, b), strict=True)]
    return float(np.sqrt(sum(variances)))


def _ks(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    """Return D of two sorted samples."""
    return abs(_place(a, b)[1])


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
    apart = 2 * between - inside - outside
    # Where no two vectors differ, groups do not either.
    found = np.divide(apart, 2 * between, out=np.zeros_like(apart), where=between > 0)
    p_value = (1 + int((found[1:] >= found[0]).sum())) / (n_permutations + 1)
    return Distance(float(found[0]), np.nan, np.nan, p_value)
