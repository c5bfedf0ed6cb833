"""The inner loop over films, compiled by numba; imported only when replicates are computed."""

import numba
import numpy as np

from cxraudit.stats.resampling import LANES


@numba.njit(nogil=True, cache=True)
def sweep(unit, positive, closes, counts, prevalence, stratum, factors, out) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001
    """Walk the films of one cell from the highest score down, all replicates side by side.

    ``unit``, ``positive`` and ``closes`` hold, per film in that order, its patient, its label and
    whether it is the last with its score. ``out`` (5, replicates) receives AUROC, average
    precision, average precision at `prevalence`, and the weights of positives and negatives.
    ``stratum`` and ``factors`` (n_strata, lanes of all blocks) weight films within replicates;
    with ``factors`` None every film weighs as often as its patient is drawn (the branch is
    decided when the kernel is compiled, so the plain case pays nothing).
    """
    n_films = unit.size
    for block in range(counts.shape[0]):
        weight = counts[block]
        start = block * LANES
        n_pos, n_neg = np.zeros(LANES), np.zeros(LANES)
        for i in range(n_films):
            w = weight[unit[i]]
            total = n_pos if positive[i] else n_neg
            if factors is None:
                for lane in range(LANES):
                    total[lane] += w[lane]
            else:
                f = factors[stratum[i]]
                for lane in range(LANES):
                    total[lane] += w[lane] * f[start + lane]
        tp, fp = np.zeros(LANES), np.zeros(LANES)
        tie_p, tie_n = np.zeros(LANES), np.zeros(LANES)
        lost, precision, shifted = np.zeros(LANES), np.zeros(LANES), np.zeros(LANES)
        per_pos, per_neg = np.zeros(LANES), np.zeros(LANES)
        for lane in range(LANES):
            per_pos[lane] = prevalence / max(n_pos[lane], 1e-300)
            per_neg[lane] = (1.0 - prevalence) / max(n_neg[lane], 1e-300)
        open_p = open_n = False
        for i in range(n_films):
            w = weight[unit[i]]
            if positive[i]:
                open_p = True
                target = tie_p
            elif closes[i] and not open_p and not open_n:
                target = fp
            else:
                open_n = True
                target = tie_n
            if factors is None:
                for lane in range(LANES):
                    target[lane] += w[lane]
            else:
                f = factors[stratum[i]]
                for lane in range(LANES):
                    target[lane] += w[lane] * f[start + lane]
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
                    precision[lane] += p * tp[lane] / max(tp[lane] + fp[lane], 1e-300)
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


@numba.njit(nogil=True, cache=True)
def grouped_areas(patient, positive, closes, assigned, n_groups):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """AUROC of every group under every assignment of patients to groups, films in falling score.

    Returns (n_assignments, n_groups) areas and the weights m·n/(m + n), the inverse of a variance
    up to a constant.
    """
    areas = np.full((assigned.shape[0], n_groups), np.nan)
    weights = np.zeros((assigned.shape[0], n_groups))
    for k in range(assigned.shape[0]):
        m, n, lost = np.zeros(n_groups), np.zeros(n_groups), np.zeros(n_groups)
        tie_p, tie_n = np.zeros(n_groups), np.zeros(n_groups)
        for i in range(patient.size):
            g = assigned[k, patient[i]]
            if positive[i]:
                tie_p[g] += 1
            else:
                tie_n[g] += 1
            if closes[i]:
                for h in range(n_groups):
                    if tie_p[h] + tie_n[h] > 0:
                        lost[h] += tie_p[h] * (n[h] + 0.5 * tie_n[h])
                        m[h] += tie_p[h]
                        n[h] += tie_n[h]
                        tie_p[h] = 0.0
                        tie_n[h] = 0.0
        for g in range(n_groups):
            if m[g] > 0 and n[g] > 0:
                areas[k, g] = 1.0 - lost[g] / (m[g] * n[g])
                weights[k, g] = m[g] * n[g] / (m[g] + n[g])
    return areas, weights
