"""Sums over patients, all replicates side by side."""

import numba
import numpy as np

from cxraudit.stats._lanes import LANES


@numba.njit(nogil=True, cache=True, error_model="numpy")
def tally(unit, cell, counts, out) -> None:
    """Count drawn images per cell in every replicate: ``out[c, r] = Σ_{i in c} counts[unit[i], r]``."""
    drawn = np.zeros((out.shape[0], LANES), np.uint32)
    for block in range(counts.shape[0]):
        weight = counts[block]
        start = block * LANES
        n_lanes = min(LANES, out.shape[1] - start)
        drawn[:] = 0
        for i in range(unit.size):
            row, w = drawn[cell[i]], weight[unit[i]]
            for lane in range(LANES):
                row[lane] += w[lane]
        for c in range(out.shape[0]):
            for lane in range(n_lanes):
                out[c, start + lane] = float(drawn[c, lane])


@numba.njit(nogil=True, cache=True, error_model="numpy")
def add_up(first, sums, values, counts, out) -> None:
    """Sum values per unit in every replicate: ``out[k, r] = Σ_u value[k, u] · counts[u, r]``.

    Most units have no images in most cells, so only values that are not zero are listed. Entries
    ``first[u]`` to ``first[u + 1]`` belong to unit ``u``: ``values`` to add to the sums numbered
    ``sums``. The counts of a unit are read once for all its sums.
    """
    total = np.zeros((out.shape[0], LANES))
    drawn = np.empty(LANES)
    for block in range(counts.shape[0]):
        start = block * LANES
        n_lanes = min(LANES, out.shape[1] - start)
        total[:] = 0.0
        for u in range(first.size - 1):
            if first[u] == first[u + 1]:
                continue
            w = counts[block, u]
            for lane in range(LANES):
                drawn[lane] = float(w[lane])
            for e in range(first[u], first[u + 1]):
                value, row = values[e], total[sums[e]]
                for lane in range(LANES):
                    row[lane] += value * drawn[lane]
        for k in range(out.shape[0]):
            for lane in range(n_lanes):
                out[k, start + lane] = total[k, lane]
