"""The area below the first part of a ROC curve, all replicates side by side."""

import numba
import numpy as np

from cxraudit.stats._kernels.ranking import END_OF_TIE, LONE_POSITIVE, NEGATIVE
from cxraudit.stats._lanes import LANES

STRIDE = 256
"""Images between two looks at whether every replicate has passed its limit."""


@numba.njit(nogil=True, cache=True, error_model="numpy")
def areas(unit, kind, positive, counts, stratum, factors, limits, out) -> None:
    """Sum, in every replicate, true positives over false positives up to a limit.

    Images as in `cxraudit.stats._kernels.ranking.sweep`; ``limits`` are in weights of negatives, per lane
    of all blocks.
    """
    w = np.empty(LANES)
    for b in range(counts.shape[0]):
        start = b * LANES
        limit = limits[start : start + LANES]
        tp, fp, area = np.zeros(LANES), np.zeros(LANES), np.zeros(LANES)
        tie_p, tie_n = np.zeros(LANES), np.zeros(LANES)
        for i in range(unit.size):
            if i % STRIDE == 0:
                open_lanes = 0
                for lane in range(LANES):
                    open_lanes += fp[lane] < limit[lane]
                if open_lanes == 0:
                    break
            drawn = counts[b, unit[i]]
            for lane in range(LANES):
                w[lane] = float(drawn[lane])
            if factors is not None:
                for lane in range(LANES):
                    w[lane] *= factors[stratum[i], start + lane]
            if kind[i] == NEGATIVE:
                for lane in range(LANES):
                    n = w[lane]
                    area[lane] += tp[lane] * min(n, max(limit[lane] - fp[lane], 0.0))
                    fp[lane] += n
            elif kind[i] == LONE_POSITIVE:
                for lane in range(LANES):
                    tp[lane] += w[lane]
            else:
                target = tie_p if positive[i] else tie_n
                for lane in range(LANES):
                    target[lane] += w[lane]
                if kind[i] == END_OF_TIE:
                    for lane in range(LANES):
                        n = tie_n[lane]
                        part = min(n, max(limit[lane] - fp[lane], 0.0))
                        # Along a tie the curve is a straight line.
                        rise = 0.5 * tie_p[lane] * part / n if n > 0 else 0.0
                        area[lane] += part * (tp[lane] + rise)
                        tp[lane] += tie_p[lane]
                        fp[lane] += n
                        tie_p[lane] = 0.0
                        tie_n[lane] = 0.0
        for lane in range(LANES):
            if start + lane < out.size:
                out[start + lane] = area[lane]
