"""The inner loop over films, compiled by numba; imported only when replicates are computed."""

import numba
import numpy as np

from cxraudit.stats.resampling import LANES


@numba.njit(nogil=True, cache=True)
def sweep(unit, positive, closes, counts, prevalence, out) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001
    """Walk the films of one cell from the highest score down, all replicates side by side.

    ``unit``, ``positive`` and ``closes`` hold, per film in that order, its patient, its label and
    whether it is the last with its score. ``out`` (5, replicates) receives AUROC, average
    precision, average precision at `prevalence`, and the weights of positives and negatives.
    """
    n_films = unit.size
    for block in range(counts.shape[0]):
        weight = counts[block]
        n_pos, n_neg = np.zeros(LANES), np.zeros(LANES)
        for i in range(n_films):
            w = weight[unit[i]]
            total = n_pos if positive[i] else n_neg
            for lane in range(LANES):
                total[lane] += w[lane]
        tp, fp = np.zeros(LANES), np.zeros(LANES)
        tie_p, tie_n = np.zeros(LANES), np.zeros(LANES)
        lost, precision, shifted = np.zeros(LANES), np.zeros(LANES), np.zeros(LANES)
        per_pos, per_neg = np.zeros(LANES), np.zeros(LANES)
        for lane in range(LANES):
            per_pos[lane] = prevalence / max(n_pos[lane], 1.0)
            per_neg[lane] = (1.0 - prevalence) / max(n_neg[lane], 1.0)
        open_p = open_n = False
        for i in range(n_films):
            w = weight[unit[i]]
            if positive[i]:
                open_p = True
                for lane in range(LANES):
                    tie_p[lane] += w[lane]
            elif closes[i] and not open_p and not open_n:
                for lane in range(LANES):
                    fp[lane] += w[lane]
            else:
                open_n = True
                for lane in range(LANES):
                    tie_n[lane] += w[lane]
            if closes[i] and (open_p or open_n):
                # Precision is taken where the score changes, as scikit-learn does; a positive
                # loses every negative above it and half of those it is tied with.
                for lane in range(LANES):
                    p, n = tie_p[lane], tie_n[lane]
                    lost[lane] += p * (fp[lane] + 0.5 * n)
                    tp[lane] += p
                    fp[lane] += n
                    tie_p[lane] = 0.0
                    tie_n[lane] = 0.0
                    precision[lane] += p * tp[lane] / max(tp[lane] + fp[lane], 1.0)
                    hit = per_pos[lane] * tp[lane]
                    shifted[lane] += p * hit / max(hit + per_neg[lane] * fp[lane], 1e-300)
                open_p = open_n = False
        for lane in range(LANES):
            r = block * LANES + lane
            if r >= out.shape[1]:
                break
            p, n = n_pos[lane], n_neg[lane]
            out[0, r] = 1.0 - lost[lane] / (p * n) if p * n > 0 else np.nan
            out[1, r] = precision[lane] / p if p > 0 else np.nan
            out[2, r] = shifted[lane] / p if p * n > 0 else np.nan
            out[3, r] = p
            out[4, r] = n
