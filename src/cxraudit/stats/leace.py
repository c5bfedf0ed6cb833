"""Erase a concept from embeddings so that no linear probe can decode it: LEACE, in closed form.

Belrose et al. (2023), "LEACE: Perfect linear concept erasure in closed form", arXiv 2306.03819.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cxraudit.stats.replicated import Replicated, ratio
from cxraudit.stats.resampling import Counts, per_unit, unit_sums

Matrix = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Eraser:
    """The map r(x) = x − W⁺ P W (x − μ), which moves embeddings as little as possible.

    W whitens, and P projects onto the directions in which the whitened embeddings covary with the
    concept: after r no linear function of the embedding has any covariance with it.
    """

    mean: Matrix
    """Shape (d,)."""
    into: Matrix
    """Shape (r, d): coordinates within the concept's subspace, of variance 1 and uncorrelated."""
    out_of: Matrix
    """Shape (d, r): direction of each coordinate in the space of embeddings."""

    def concept(self, vectors: ArrayLike) -> Matrix:
        """Return the part of each embedding that is erased, shape (n, d)."""
        return (np.asarray(vectors, dtype=np.float64) - self.mean) @ self.into.T @ self.out_of.T

    def __call__(self, vectors: ArrayLike) -> Matrix:
        """Return the embeddings without the concept, shape (n, d); not normalised again."""
        return np.asarray(vectors, dtype=np.float64) - self.concept(vectors)


def fit_eraser(vectors: ArrayLike, groups: ArrayLike, *, shrinkage: bool = False) -> Eraser:
    """Fit LEACE.

    Parameters
    ----------
    vectors : array_like of float, shape (n, d)
        Embeddings to fit on.
    groups : array_like, shape (n,)
        The concept: a group per embedding.
    shrinkage : bool
        Whiten by the covariance of Ledoit & Wolf (2004). On these embeddings the concept is still
        erased exactly, at the cost of a slightly larger change; on other embeddings it is erased
        better where there are not many more embeddings than dimensions.

    Returns
    -------
    Eraser
        Of rank (number of groups − 1) at most.

    Raises
    ------
    ValueError
        If there are fewer than two groups.
    """
    x = np.asarray(vectors, dtype=np.float64)
    codes = np.unique(np.asarray(groups), return_inverse=True)[1]
    if codes.max(initial=0) < 1:
        raise ValueError("a concept needs at least two groups")
    z = np.eye(codes.max() + 1)[codes]
    n = len(x)
    mean = x.mean(axis=0)
    centred = x - mean
    if shrinkage:
        from sklearn.covariance import ledoit_wolf  # slow to import

        covariance = ledoit_wolf(centred, assume_centered=True)[0]
    else:
        covariance = centred.T @ centred / (n - 1)
    cross_covariance = centred.T @ (z - z.mean(axis=0)) / (n - 1)
    values, axes = np.linalg.eigh(covariance)
    # Directions without variance have nothing to erase, and cannot be whitened.
    kept = values > values[-1] * len(values) * np.finfo(np.float64).eps
    root = np.sqrt(values[kept])
    whiten = (axes[:, kept] / root).T  # (k, d): coordinates of variance 1
    colour = axes[:, kept] * root  # (d, k): the inverse
    left, sizes, _ = np.linalg.svd(whiten @ cross_covariance, full_matrices=False)
    basis = left[:, sizes > sizes[0] * 1e-8] if sizes.max(initial=0) > 0 else left[:, :0]
    return Eraser(mean, basis.T @ whiten, colour @ basis)


def variance_share(
    eraser: Eraser,
    vectors: ArrayLike,
    direction: ArrayLike,
    units: ArrayLike,
    counts: Counts,
    *,
    n_resamples: int,
) -> Replicated:
    """Return the share of a linear score's variance that lies in the concept's subspace.

    The erased part of an embedding is uncorrelated with the remainder, so the shares of both sum to
    1 on the data the eraser was fitted on.

    Parameters
    ----------
    eraser : Eraser
        Of the concept. It is kept in every replicate: fitted to few embeddings, it misses a part of the
        subspace, and the share is too low by that.
    vectors : array_like of float, shape (n, d)
        Embeddings.
    direction : array_like of float, shape (d,)
        The score is ⟨embedding, direction⟩.
    units : array_like of int, shape (n,)
        Patient of each embedding: row of `counts`.
    counts : numpy.ndarray
        From `cxraudit.stats.resampling.draw_resamples`.
    n_resamples : int
        How many of the lanes of `counts` are replicates.

    Returns
    -------
    Replicated
        NaN where the score does not vary.
    """
    x, d = np.asarray(vectors, dtype=np.float64), np.asarray(direction, dtype=np.float64)
    parts = np.stack([eraser.concept(x) @ d, x @ d])
    parts -= parts.mean(axis=1, keepdims=True)
    sums = np.vstack([parts, parts**2, np.ones((1, len(x)))])
    drawn = unit_sums(per_unit(sums, units, counts.shape[1]), counts, n_resamples)
    top, bottom = drawn[2:4] - drawn[:2] ** 2 / np.maximum(drawn[4], 1)
    each = per_unit(parts**2, units, counts.shape[1])
    return ratio(top, bottom, each[0], each[1])
