"""Counts of flagged images where every replicate has its own threshold, all replicates side by side."""

import numba
import numpy as np

from cxraudit.stats._lanes import LANES


@numba.njit(nogil=True, cache=True, error_model="numpy")
def count_flagged(unit, score, positive, own, counts, thresholds, out) -> None:
    """Count true and false positives, false and true negatives, in every replicate.

    ``unit``, ``score``, ``positive`` and the weights ``own`` are those of the images of one cell;
    ``thresholds`` holds one number per lane of all blocks. ``out`` (4, replicates) receives the counts.
    """
    for b in range(counts.shape[0]):
        start = b * LANES
        weight, limit = counts[b], thresholds[start : start + LANES]
        flagged, others = np.zeros((2, LANES)), np.zeros((2, LANES))
        for i in range(unit.size):
            w, of, o = weight[unit[i]], 0 if positive[i] else 1, own[i]
            for lane in range(LANES):
                above = score[i] >= limit[lane]
                flagged[of, lane] += o * float(w[lane]) if above else 0.0
                others[of, lane] += 0.0 if above else o * float(w[lane])
        for lane in range(min(LANES, out.shape[1] - start)):
            for of in range(2):
                out[of, start + lane] = flagged[of, lane]
                out[2 + of, start + lane] = others[of, lane]
