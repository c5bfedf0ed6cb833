"""The patient-cluster bootstrap: which patients each replicate holds, drawn once for all."""

import numpy as np
from numpy.typing import NDArray

LANES = 64
"""Replicates side by side in memory: one cache line of counts."""

Counts = NDArray[np.uint8]
"""How often each unit is in each replicate, shape (n_blocks, n_units, LANES). Lane 0 of block 0
is the cohort itself, every unit once; lanes past the last replicate are zero."""


def draw_resamples(n_units: int, n_resamples: int, seed: int) -> Counts:
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
    for replicate in range(1, n_resamples + 1):
        rng = np.random.default_rng([seed, replicate])
        drawn = np.bincount(rng.integers(n_units, size=n_units), minlength=n_units)
        counts[replicate // LANES, :, replicate % LANES] = drawn
    return counts
