"""One point of a ROC curve, where the share of negatives is fixed, all replicates side by side."""

import numba
import numpy as np

from cxraudit.stats._kernels.ranking import END_OF_TIE, TIED
from cxraudit.stats._lanes import LANES

WITHIN = 1e-9
"""Rounding of a share times a number of images: such a limit is reached exactly."""

STRIDE = 256
"""Images between two looks at whether every replicate has passed its limit."""


@numba.njit(nogil=True, cache=True, error_model="numpy")
def points(unit, kind, positive, counts, limits, out) -> None:
    """Count, in every replicate, the positives above a share of the negatives.

    Images as in `cxraudit.stats._kernels.ranking.sweep`. ``limits`` are in weights of negatives, per lane of
    all blocks: positives count while no more negatives than the limit are above them, and in a tie as the
    curve is linear. ``out`` (replicates,) receives their weights. Images beyond the limit of every replicate
    are not visited.
    """
    for b in range(counts.shape[0]):
        start = b * LANES
        weight = counts[b]
        limit = limits[start : start + LANES]
        whole = np.floor(limit + WITHIN).astype(np.uint32)
        negatives, tie_n = np.zeros(LANES, np.uint32), np.zeros(LANES, np.uint32)
        positives, tie_p = np.zeros(LANES), np.zeros(LANES, np.uint32)
        alone = np.zeros(LANES, np.uint32)
        for first in range(0, unit.size, STRIDE):
            open_lanes = 0
            for lane in range(LANES):
                open_lanes += negatives[lane] <= whole[lane]
            if open_lanes == 0:
                break
            for i in range(first, min(first + STRIDE, unit.size)):
                w = weight[unit[i]]
                if kind[i] < TIED:
                    if not positive[i]:
                        for lane in range(LANES):
                            negatives[lane] += w[lane]
                    else:
                        for lane in range(LANES):
                            alone[lane] += w[lane] if negatives[lane] <= whole[lane] else 0
                    continue
                target = tie_p if positive[i] else tie_n
                for lane in range(LANES):
                    target[lane] += w[lane]
                if kind[i] == END_OF_TIE:
                    for lane in range(LANES):
                        left = limit[lane] - float(negatives[lane])
                        share = _share(left, float(tie_n[lane]))
                        positives[lane] += float(tie_p[lane]) * share
                        negatives[lane] += tie_n[lane]
                        tie_n[lane] = 0
                        tie_p[lane] = 0
        for lane in range(min(LANES, out.size - start)):
            out[start + lane] = positives[lane] + float(alone[lane])


@numba.njit(nogil=True, cache=True, error_model="numpy")
def points_weighted(unit, kind, positive, own, stratum, counts, factors, limits, out) -> None:
    """Do as `points` with images weighted: by ``own`` weights, and by stratum within replicates."""
    factor = np.empty((factors.shape[0], LANES))
    for b in range(counts.shape[0]):
        start = b * LANES
        weight = counts[b]
        limit = limits[start : start + LANES]
        factor[:] = factors[:, start : start + LANES]
        negatives, tie_n = np.zeros(LANES), np.zeros(LANES)
        positives, tie_p = np.zeros(LANES), np.zeros(LANES)
        for first in range(0, unit.size, STRIDE):
            open_lanes = 0
            for lane in range(LANES):
                open_lanes += negatives[lane] <= limit[lane] + WITHIN
            if open_lanes == 0:
                break
            for i in range(first, min(first + STRIDE, unit.size)):
                w, k, o = weight[unit[i]], stratum[i], own[i]
                if kind[i] < TIED:
                    if not positive[i]:
                        for lane in range(LANES):
                            negatives[lane] += float(w[lane]) * factor[k, lane] * o
                    else:
                        for lane in range(LANES):
                            more = float(w[lane]) * factor[k, lane] * o
                            positives[lane] += (
                                more if negatives[lane] <= limit[lane] + WITHIN else 0.0
                            )
                    continue
                target = tie_p if positive[i] else tie_n
                for lane in range(LANES):
                    target[lane] += float(w[lane]) * factor[k, lane] * o
                if kind[i] == END_OF_TIE:
                    for lane in range(LANES):
                        share = _share(limit[lane] - negatives[lane], tie_n[lane])
                        positives[lane] += tie_p[lane] * share
                        negatives[lane] += tie_n[lane]
                        tie_n[lane] = 0.0
                        tie_p[lane] = 0.0
        for lane in range(min(LANES, out.size - start)):
            out[start + lane] = positives[lane]


@numba.njit(nogil=True, cache=True, error_model="numpy")
def _share(left, tied):
    """Share of a tie above the limit, where the curve is a straight line."""
    if tied <= left + WITHIN or tied <= 0:
        return 1.0 if left >= -WITHIN else 0.0
    return max(left, 0.0) / tied
