"""The partial AUROC: how well a score ranks where few false positives are allowed."""

import numpy as np
from numpy.typing import NDArray

from cxraudit.stats._lanes import LANES
from cxraudit.stats.ranking import RankedCell, RankingReplicates
from cxraudit.stats.replicated import Influence, Replicated, Replicates

MAX_FPR = 0.2
"""The false positive rate up to which the curve counts."""


def partial_auroc(found: RankingReplicates) -> Replicated:
    """Return the AUROC at false positive rates up to `MAX_FPR`, standardised.

    The area below that part of the ROC curve, rescaled so that 0.5 is chance level and 1 is perfect (McClish
    1989); equal to scikit-learn's ``roc_auc_score(max_fpr=0.2)``.

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
    .. [1] McClish (1989), Analyzing a portion of the ROC curve, Medical Decision Making 9:190-195.
    """
    from cxraudit.stats._kernels.partial import areas, areas_weighted

    ranked = found.ranked
    out = np.full(ranked.n_resamples + 1, np.nan)
    limits = np.zeros(ranked.counts.shape[0] * LANES)
    limits[: out.size] = MAX_FPR * found.n_negative
    images = (ranked.unit, ranked.kind, ranked.positive)
    if ranked.factors is None:
        areas(*images, ranked.counts, limits, out)
    else:
        weights = (ranked.own, ranked.stratum, ranked.counts, ranked.factors)
        areas_weighted(*images, *weights, limits, out)
    pairs = found.n_positive * found.n_negative
    area = np.divide(out, pairs, out=np.full(out.shape, np.nan), where=pairs > 0)
    return Replicated(_standardised(area), _influence(ranked, found.auroc.influence.size))


def _standardised(area: Replicates) -> Replicates:
    """Rescale an area so that chance is 0.5 and perfect is 1."""
    chance, best = MAX_FPR**2 / 2, MAX_FPR
    return 0.5 * (1 + (area - chance) / (best - chance))


def _influence(ranked: RankedCell, n_units: int) -> Influence:
    """How the partial AUROC moves with each patient.

    The area is the mean over positives of max(0, t − share of negatives above), so that its derivatives
    by the weights of positives and of negatives follow without the density of scores.
    """
    weight = ranked.weight
    positives, negatives = weight * ranked.positive, weight * ~ranked.positive
    m, k = positives.sum(), negatives.sum()
    if not (m > 0 and k > 0):
        return np.full(n_units, np.nan)
    block = ranked.block
    above = _at_or_above(negatives, block) / k
    gain = np.maximum(MAX_FPR - above, 0)
    area = float((positives * gain).sum() / m)
    counted = positives * (gain > 0)
    below = counted.sum() - _at_or_above(counted, block)
    expected = (counted * above).sum()
    each = positives * (gain - area) / m - negatives * (below - expected) / (m * k)
    slope = 0.5 / (MAX_FPR - MAX_FPR**2 / 2)
    return np.bincount(ranked.unit, slope * each, n_units).astype(np.float64)


def _at_or_above(weights: NDArray[np.float64], block: NDArray[np.intp]) -> NDArray[np.float64]:
    """Sum the weights of images with a higher score, and half of those with the same."""
    held = np.bincount(block, weights)
    return (np.cumsum(held) - 0.5 * held)[block]
