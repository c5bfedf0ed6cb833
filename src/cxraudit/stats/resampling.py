"""The patient-cluster bootstrap: which patients each replicate holds, drawn once for all."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

LANES = 64
"""Replicates side by side in memory: one cache line of counts."""

Counts = NDArray[np.uint8]
"""How often each unit is in each replicate, shape (n_blocks, n_units, LANES). Lane 0 of block 0
is the cohort itself, every unit once; lanes past the last replicate are zero."""


def draw_resamples(
    n_units: int, n_resamples: int, seed: int, *, strata: ArrayLike | None = None
) -> Counts:
    """Draw units (patients) with replacement, as many as there are, `n_resamples` times.

    Replicate r is a pure function of (seed, r, n_units): more replicates extend fewer, and
    neither threads nor the order of the images matter.

    Parameters
    ----------
    n_units : int
        Number of patients; of images for an image-level bootstrap.
    n_resamples : int
        Number of replicates besides the cohort itself.
    seed : int
        Starting point of the random stream.
    strata : array_like, shape (n_units,), optional
        Draw within strata, each keeping its size: for a finding so rare that replicates without
        it would be frequent.

    Returns
    -------
    numpy.ndarray of uint8, shape (n_blocks, n_units, LANES)
        See `Counts`.

    Raises
    ------
    ValueError
        If there is nothing to draw from or a number is negative.
    """
    if n_units < 1 or n_resamples < 0:
        raise ValueError(f"need n_units >= 1 and n_resamples >= 0, got {n_units}, {n_resamples}")
    n_blocks = -(-(n_resamples + 1) // LANES)
    counts = np.zeros((n_blocks, n_units, LANES), dtype=np.uint8)
    counts[0, :, 0] = 1
    whole = np.arange(n_units)
    parts = (
        [whole] if strata is None else [whole[np.asarray(strata) == s] for s in np.unique(strata)]
    )
    for replicate in range(1, n_resamples + 1):
        rng = np.random.default_rng([seed, replicate])
        for members in parts:
            drawn = np.bincount(
                rng.integers(members.size, size=members.size), minlength=members.size
            )
            counts[replicate // LANES, members, replicate % LANES] = drawn
    return counts


def unit_sums(
    values: NDArray[np.float64], units: ArrayLike, counts: Counts, n_resamples: int
) -> NDArray[np.float64]:
    """Sum values per film over the cohort and over every replicate.

    Parameters
    ----------
    values : numpy.ndarray of float, shape (n_sums, n_images)
        What to add up.
    units : array_like of int, shape (n_images,)
        Row of each image's patient in `counts`.
    counts : numpy.ndarray
        From `draw_resamples`.
    n_resamples : int
        How many of the lanes of `counts` are replicates.

    Returns
    -------
    numpy.ndarray, shape (n_sums, n_resamples + 1)
        One matrix product of the sums per patient and the counts.
    """
    rows = np.asarray(units, dtype=np.int64)
    n_units = counts.shape[1]
    per_unit = np.stack([np.bincount(rows, row, n_units) for row in values])
    blocks = [per_unit @ block.astype(np.float64) for block in counts]
    return np.concatenate(blocks, axis=1)[:, : n_resamples + 1]
