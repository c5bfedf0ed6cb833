"""The area below the first part of a ROC curve, all replicates side by side."""

import numba
import numpy as np

from cxraudit.stats._kernels.ranking import END_OF_TIE, LONE_POSITIVE, NEGATIVE
from cxraudit.stats._lanes import LANES

STRIDE = 256
"""Images between two looks at whether every replicate has passed its limit."""


@numba.njit(nogil=True, cache=True, error_model="numpy")
def areas(unit, kind, positive, counts, limits, out) -> None:
    """Add up, in every replicate, how far each positive lies to the left of a limit.

    That is the area below the curve up to the limit, in weights of positives times weights of negatives.
    Images as in `cxraudit.stats._kernels.ranking.sweep`; ``limits`` are in weights of negatives, per lane
    of all blocks. Images beyond the limit of every replicate are not visited.
    """
    for b in range(counts.shape[0]):
        start = b * LANES
        weight = counts[b]
        limit = limits[start : start + LANES]
        fp, tie_n = np.zeros(LANES, np.uint32), np.zeros(LANES, np.uint32)
        tie_p, area = np.zeros(LANES, np.uint32), np.zeros(LANES)
        for first in range(0, unit.size, STRIDE):
            open_lanes = 0
            for lane in range(LANES):
                open_lanes += fp[lane] < limit[lane]
            if open_lanes == 0:
                break
            for i in range(first, min(first + STRIDE, unit.size)):
                w = weight[unit[i]]
                if kind[i] == NEGATIVE:
                    for lane in range(LANES):
                        fp[lane] += w[lane]
                elif kind[i] == LONE_POSITIVE:
                    for lane in range(LANES):
                        area[lane] += float(w[lane]) * max(limit[lane] - float(fp[lane]), 0.0)
                else:
                    target = tie_p if positive[i] else tie_n
                    for lane in range(LANES):
                        target[lane] += w[lane]
                    if kind[i] == END_OF_TIE:
                        for lane in range(LANES):
                            left = max(limit[lane] - float(fp[lane]), 0.0)
                            area[lane] += float(tie_p[lane]) * _spread(left, float(tie_n[lane]))
                            fp[lane] += tie_n[lane]
                            tie_p[lane] = 0
                            tie_n[lane] = 0
        for lane in range(min(LANES, out.size - start)):
            out[start + lane] = area[lane]


@numba.njit(nogil=True, cache=True, error_model="numpy")
def areas_weighted(unit, kind, positive, own, stratum, counts, factors, limits, out) -> None:
    """Do as `areas` with images weighted: by ``own`` weights, and by stratum within replicates."""
    factor = np.empty((factors.shape[0], LANES))
    for b in range(counts.shape[0]):
        start = b * LANES
        weight = counts[b]
        limit = limits[start : start + LANES]
        factor[:] = factors[:, start : start + LANES]
        fp, tie_n = np.zeros(LANES), np.zeros(LANES)
        tie_p, area = np.zeros(LANES), np.zeros(LANES)
        for first in range(0, unit.size, STRIDE):
            open_lanes = 0
            for lane in range(LANES):
                open_lanes += fp[lane] < limit[lane]
            if open_lanes == 0:
                break
            for i in range(first, min(first + STRIDE, unit.size)):
                w, k, o = weight[unit[i]], stratum[i], own[i]
                if kind[i] == NEGATIVE:
                    for lane in range(LANES):
                        fp[lane] += float(w[lane]) * factor[k, lane] * o
                elif kind[i] == LONE_POSITIVE:
                    for lane in range(LANES):
                        left = max(limit[lane] - fp[lane], 0.0)
                        area[lane] += float(w[lane]) * factor[k, lane] * o * left
                else:
                    target = tie_p if positive[i] else tie_n
                    for lane in range(LANES):
                        target[lane] += float(w[lane]) * factor[k, lane] * o
                    if kind[i] == END_OF_TIE:
                        for lane in range(LANES):
                            left = max(limit[lane] - fp[lane], 0.0)
                            area[lane] += tie_p[lane] * _spread(left, tie_n[lane])
                            fp[lane] += tie_n[lane]
                            tie_p[lane] = 0.0
                            tie_n[lane] = 0.0
        for lane in range(min(LANES, out.size - start)):
            out[start + lane] = area[lane]


@numba.njit(nogil=True, cache=True, error_model="numpy")
def _spread(left, n):
    """Mean distance to the limit along a tie, where the curve is a straight line."""
    return left - 0.5 * n if n <= left else 0.5 * left * left / n
