"""Sums over patients, all replicates side by side."""

import numba
import numpy as np

from cxraudit.stats._lanes import LANES


@numba.njit(nogil=True, cache=True, error_model="numpy")
def add_up(per_unit, counts, out) -> None:
    """Sum values per unit in every replicate: ``out[k, r] = Σ_u per_unit[k, u] · counts[u, r]``.

    Most units have no images in most cells, so zeros are skipped.
    """
    total = np.zeros(LANES)
    for block in range(counts.shape[0]):
        start = block * LANES
        n_lanes = min(LANES, out.shape[1] - start)
        for k in range(per_unit.shape[0]):
            total[:] = 0.0
            for u in range(per_unit.shape[1]):
                value = per_unit[k, u]
                if value != 0.0:
                    w = counts[block, u]
                    for lane in range(LANES):
                        total[lane] += value * w[lane]
            for lane in range(n_lanes):
                out[k, start + lane] = total[lane]
