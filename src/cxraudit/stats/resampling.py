"""The patient-cluster bootstrap: resamples of patients that all statistics share."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import pdtr

from cxraudit.stats._lanes import LANES, N_THRESHOLDS

Counts = NDArray[np.uint8]
"""Number of times each unit (patient) is drawn in each replicate, shape (n_blocks, n_units, LANES).
Lane 0 of block 0 is the cohort itself, every unit once; lanes past the last replicate are zero."""


def draw_resamples(
    n_units: int,
    n_resamples: int,
    seed: int,
    *,
    strata: ArrayLike | None = None,
    n_threads: int = 2,
) -> Counts:
    """Draw units (patients) with replacement, as many as there are, `n_resamples` times.

    Replicate r is a pure function of (seed, r, n_units): a longer run extends a shorter one, and
    neither the number of threads nor the order of the images matters.

    Parameters
    ----------
    n_units : int
        Number of patients; of images for an image-level bootstrap.
    n_resamples : int
        Number of replicates besides the cohort itself.
    seed : int
        Starting point of the random stream.
    strata : array_like, shape (n_units,), optional
        Draw within strata, each of which keeps its size; useful for a finding so rare that many
        replicates would have none.
    n_threads : int
        Number of threads; the result does not depend on it.

    Returns
    -------
    numpy.ndarray of uint8, shape (n_blocks, n_units, LANES)
        See `Counts`.

    Raises
    ------
    ValueError
        If `n_units` is below 1 or `n_resamples` is negative.
    """
    if n_units < 1 or n_resamples < 0:
        raise ValueError(f"need n_units >= 1 and n_resamples >= 0, got {n_units}, {n_resamples}")
    from cxraudit.stats._kernels.drawing import draw_block

    n_blocks = -(-(n_resamples + 1) // LANES)
    counts = np.zeros((n_blocks, n_units, LANES), dtype=np.uint8)
    everyone = np.arange(n_units)
    parts = (
        [everyone]
        if strata is None
        else [everyone[np.asarray(strata) == s] for s in np.unique(strata)]
    )
    tails = [_poisson_tails(members.size) for members in parts]

    def fill(block: int) -> None:
        for number, (members, tail) in enumerate(zip(parts, tails, strict=True)):
            draw_block(counts[block], members, tail, seed + (number << 32), block * LANES)

    if min(n_threads, n_blocks) <= 1:
        for block in range(n_blocks):
            fill(block)
    else:
        with ThreadPoolExecutor(n_threads) as pool:
            list(pool.map(fill, range(n_blocks)))
    counts[0, :, 0] = 1
    counts[-1, :, n_resamples + 1 - (n_blocks - 1) * LANES :] = 0
    return counts


def _poisson_tails(n_units: int) -> NDArray[np.uint32]:
    """Return P(K < 1), …, P(K < 12) in units of 2⁻³² for K Poisson with a mean just below 1.

    The mean leaves two standard deviations of the total to be drawn one by one, so that a surplus
    is rare.
    """
    mean = max(1 - 2 / np.sqrt(n_units), 0.0)
    below = pdtr(np.arange(N_THRESHOLDS), mean)
    return np.minimum(np.round(below * 2.0**32), 2.0**32 - 1).astype(np.uint32)


def per_unit(values: NDArray[np.float64], units: ArrayLike, n_units: int) -> NDArray[np.float64]:
    """Sum values per image, shape (n_sums, n_images), to values per patient, (n_sums, n_units)."""
    rows = np.asarray(units, dtype=np.int64)
    return np.stack([np.bincount(rows, row, n_units).astype(np.float64) for row in values])


def drawn_sums(
    units: NDArray[np.int64],
    cells: NDArray[np.int64],
    weights: NDArray[np.float64],
    n_cells: int,
    counts: Counts,
    n_resamples: int,
) -> NDArray[np.float64]:
    """Sum the weights of the drawn images of each cell, in the cohort and in every replicate.

    Parameters
    ----------
    units, cells, weights : numpy.ndarray, shape (n_images,)
        Unit, cell (below `n_cells`) and weight of each image.
    n_cells, counts, n_resamples
        See `unit_sums`.

    Returns
    -------
    numpy.ndarray, shape (n_cells, n_resamples + 1)
    """
    n_units = counts.shape[1]
    each = np.bincount(cells * n_units + units, weights, n_cells * n_units).astype(np.float64)
    return unit_sums(each.reshape(n_cells, n_units), counts, n_resamples)


def unit_sums(values: NDArray[np.float64], counts: Counts, n_resamples: int) -> NDArray[np.float64]:
    """Sum values per patient over the cohort and over every replicate.

    Parameters
    ----------
    values : numpy.ndarray of float, shape (n_sums, n_units)
        Values to sum; see `per_unit`.
    counts : numpy.ndarray
        From `draw_resamples`.
    n_resamples : int
        How many of the lanes of `counts` are replicates.

    Returns
    -------
    numpy.ndarray, shape (n_sums, n_resamples + 1)
        One row per sum.
    """
    from cxraudit.stats._kernels.sums import add_up

    unit, which = np.nonzero(values.T)
    first = np.searchsorted(unit, np.arange(values.shape[1] + 1))
    out = np.empty((len(values), n_resamples + 1))
    add_up(first, which, np.ascontiguousarray(values.T)[unit, which], counts, out)
    return out
