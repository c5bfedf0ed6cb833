"""Sensitivity at a fixed specificity, and the reverse: a point of the ROC curve of a cell's own images.

No threshold is shared between cells: each cell is read where its own negatives (or positives) have the fixed
rate. Between the points of the empirical curve it is linear, as in ``coords`` of the R package pROC; where
the curve rises vertically at the fixed specificity, the highest sensitivity counts.
"""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from cxraudit.stats._lanes import LANES
from cxraudit.stats.ranking import RankedCell, RankingReplicates
from cxraudit.stats.replicated import Influence, Replicated, Replicates

REACH = 2.0
"""Standard errors of the fixed rate over which the slope of the curve is taken, to either side."""


def sensitivity_at_specificity(found: RankingReplicates) -> Replicated:
    """Return the sensitivity where the specificity is `RankedCell.fixed`.

    Parameters
    ----------
    found : RankingReplicates
        The ranked images of a cell.

    Returns
    -------
    Replicated
        NaN where only one class is present.

    References
    ----------
    .. [1] Robin et al. (2011), pROC, BMC Bioinformatics 12:77.
    """
    return _point(found.ranked, found.n_positive, found.n_negative, found.auroc.influence.size)


def specificity_at_sensitivity(found: RankingReplicates) -> Replicated:
    """Return the specificity where the sensitivity is `RankedCell.fixed`; see `sensitivity_at_specificity`.

    It is the sensitivity of the opposite: classes exchanged, and images from the lowest score up.
    """
    opposite = _opposite(found.ranked)
    return _point(opposite, found.n_negative, found.n_positive, found.auroc.influence.size)


def _opposite(ranked: RankedCell) -> RankedCell:
    """Exchange the classes and line the images up from the lowest score."""
    from cxraudit.stats._kernels.ranking import END_OF_TIE, LONE_POSITIVE, NEGATIVE, TIED

    positive = ~ranked.positive[::-1]
    kind = ranked.kind[::-1]
    tied = kind >= TIED
    # The image after the last of a tie is the first of another one, or has a score of its own.
    after = np.concatenate([kind[1:], [np.uint8(NEGATIVE)]])
    ends = (after < TIED) | (after == END_OF_TIE)
    alone = np.where(positive, LONE_POSITIVE, NEGATIVE)
    return replace(
        ranked,
        unit=ranked.unit[::-1].copy(),
        kind=np.where(tied, np.where(ends, END_OF_TIE, TIED), alone).astype(np.uint8),
        positive=positive,
        stratum=ranked.stratum[::-1].copy(),
        own=ranked.own[::-1].copy(),
    )


def _point(
    ranked: RankedCell, n_positive: Replicates, n_negative: Replicates, n_units: int
) -> Replicated:
    from cxraudit.stats._kernels.points import points, points_weighted

    out = np.full(ranked.n_resamples + 1, np.nan)
    limits = np.zeros(ranked.counts.shape[0] * LANES)
    limits[: out.size] = (1 - ranked.fixed) * n_negative
    images = (ranked.unit, ranked.kind, ranked.positive)
    if ranked.factors is None:
        points(*images, ranked.counts, limits, out)
    else:
        weights = (ranked.own, ranked.stratum, ranked.counts, ranked.factors)
        points_weighted(*images, *weights, limits, out)
    defined = (n_positive > 0) & (n_negative > 0)
    share = np.divide(out, n_positive, out=np.full(out.shape, np.nan), where=defined)
    return Replicated(share, _influence(ranked, float(share[0]), n_units))


def _influence(ranked: RankedCell, share: float, n_units: int) -> Influence:
    """How the sensitivity moves with each patient.

    Positives count directly; negatives move the threshold, along the slope of the curve (the ratio of the
    densities of scores), which is that of the chord over `REACH` standard errors of the fixed rate.
    """
    from cxraudit.stats._kernels.points import WITHIN

    weight = ranked.weight
    positives, negatives = weight * ranked.positive, weight * ~ranked.positive
    m, k = positives.sum(), negatives.sum()
    if not (m > 0 and k > 0):
        return np.full(n_units, np.nan)
    at = 1 - ranked.fixed
    block = ranked.block
    x, y = (
        np.concatenate([[0.0], np.cumsum(np.bincount(block, of)) / total])
        for of, total in ((negatives, k), (positives, m))
    )
    # The block that the fixed rate lies in is above it with the share that the line says.
    last = int(np.searchsorted(x, at + WITHIN / k, side="right")) - 1
    within = (at - x[last]) / (x[last + 1] - x[last])
    above = np.select([block < last, block == last], [1.0, within], 0.0)
    direct = np.bincount(ranked.unit, positives * (above - share) / m, n_units)
    moved = np.bincount(ranked.unit, negatives * (above - at) / k, n_units)
    reach = REACH * float(np.sqrt((moved**2).sum()))
    return direct - _slope(x, y, at, reach) * moved


def _slope(x: NDArray[np.float64], y: NDArray[np.float64], at: float, reach: float) -> float:
    """Return the slope of the chord of a curve around a place, within 0 to 1."""
    ends = max(at - reach, 0.0), min(at + reach, 1.0)
    if ends[0] == ends[1]:  # one tie of all negatives, which no patient moves
        return 0.0
    below, above = np.interp(ends, x, y)
    return float((above - below) / (ends[1] - ends[0]))
