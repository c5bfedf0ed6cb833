"""The area below a precision-recall-gain curve, all replicates side by side."""

import numba
import numpy as np

from cxraudit.stats._kernels.ranking import LONE_POSITIVE, NEGATIVE, TIED
from cxraudit.stats._lanes import LANES


@numba.njit(nogil=True, cache=True, error_model="numpy")
def gain_areas(unit, kind, positive, counts, out) -> None:
    """Add up, in every replicate, the area below precision gain against recall gain.

    Images as in `cxraudit.stats._kernels.ranking.sweep`. ``out`` (3, replicates) holds the weights of all
    negatives and positives in its first two rows, and receives the area in the third.
    """
    for b in range(counts.shape[0]):
        start = b * LANES
        size = max(min(LANES, out.shape[1] - start), 0)
        weight = counts[b]
        tp, fp = np.zeros(LANES, np.uint32), np.zeros(LANES, np.uint32)
        tie_p, tie_n = np.zeros(LANES, np.uint32), np.zeros(LANES, np.uint32)
        area, n_neg, n_pos = np.zeros(LANES), np.zeros(LANES), np.zeros(LANES)
        n_neg[:size] = out[0, start : start + size]
        n_pos[:size] = out[1, start : start + size]
        for i in range(unit.size):
            w = weight[unit[i]]
            if kind[i] == NEGATIVE:
                for lane in range(LANES):
                    fp[lane] += w[lane]
                continue
            if kind[i] == LONE_POSITIVE:
                for lane in range(LANES):
                    area[lane] += _segment(
                        float(tp[lane]),
                        float(fp[lane]),
                        float(w[lane]),
                        0.0,
                        n_pos[lane],
                        n_neg[lane],
                    )
                    tp[lane] += w[lane]
                continue
            target = tie_p if positive[i] else tie_n
            for lane in range(LANES):
                target[lane] += w[lane]
            if kind[i] == TIED:
                continue
            for lane in range(LANES):
                area[lane] += _segment(
                    float(tp[lane]),
                    float(fp[lane]),
                    float(tie_p[lane]),
                    float(tie_n[lane]),
                    n_pos[lane],
                    n_neg[lane],
                )
                tp[lane] += tie_p[lane]
                fp[lane] += tie_n[lane]
                tie_p[lane] = 0
                tie_n[lane] = 0
        out[2, start : start + size] = area[:size]


@numba.njit(nogil=True, cache=True, error_model="numpy")
def gain_areas_weighted(unit, kind, positive, own, stratum, counts, factors, out) -> None:
    """Do as `gain_areas` with images weighted: by ``own`` weights, and by stratum within replicates."""
    factor = np.empty((factors.shape[0], LANES))
    for b in range(counts.shape[0]):
        start = b * LANES
        size = max(min(LANES, out.shape[1] - start), 0)
        weight = counts[b]
        factor[:] = factors[:, start : start + LANES]
        tp, fp, area = np.zeros(LANES), np.zeros(LANES), np.zeros(LANES)
        tie_p, tie_n = np.zeros(LANES), np.zeros(LANES)
        n_neg, n_pos = np.zeros(LANES), np.zeros(LANES)
        n_neg[:size] = out[0, start : start + size]
        n_pos[:size] = out[1, start : start + size]
        for i in range(unit.size):
            w, k, o = weight[unit[i]], stratum[i], own[i]
            target = tie_p if positive[i] else tie_n
            for lane in range(LANES):
                target[lane] += float(w[lane]) * factor[k, lane] * o
            if kind[i] == TIED:
                continue
            for lane in range(LANES):
                area[lane] += _segment(
                    tp[lane], fp[lane], tie_p[lane], tie_n[lane], n_pos[lane], n_neg[lane]
                )
                tp[lane] += tie_p[lane]
                fp[lane] += tie_n[lane]
                tie_p[lane] = 0.0
                tie_n[lane] = 0.0
        out[2, start : start + size] = area[:size]


@numba.njit(nogil=True, cache=True, error_model="numpy")
def _segment(tp, fp, more_p, more_n, n_pos, n_neg):
    """Area below the curve from one point to the next, where recall gain is above 0.

    Before the first positive the curve is level; where it crosses recall gain 0, it starts on the line.
    """
    odds = n_pos / max(n_neg, 1e-100)
    after = odds / max(tp + more_p, 1e-100)
    before = odds / max(tp, 1e-100)
    recall = max(1 + odds - n_pos * after, 0.0)
    start = max(1 + odds - n_pos * before, 0.0)
    wide = recall - start
    precision = 1 - after * (fp + more_n)
    rise = precision - 1 + before * fp
    width = n_pos * (before - after)
    level = tp <= 0 or more_p <= 0
    slope = 0.0 if level else rise / width
    return 0.0 if more_p <= 0 else wide * (precision - slope * wide / 2)
