"""The area below the precision-recall-gain curve (Flach & Kull 2015), in every replicate.

Precision and recall are rescaled harmonically between the prevalence and 1: gain(x) = (x − π)/((1 − π)x).
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cxraudit.stats.ranking import RankedCell, RankingReplicates, ranked
from cxraudit.stats.replicated import Influence, Replicated

Values = NDArray[np.float64]


def auprg(found: RankingReplicates) -> Replicated:
    """Return the area below precision gain against recall gain, from recall gain 0 to 1.

    The curve is linear between its points, starts where it crosses recall gain 0, is level before its first
    point, and may lie below 0, so that the area may be negative. It still depends on prevalence.

    Parameters
    ----------
    found : RankingReplicates
        The ranked images of a cell.

    Returns
    -------
    Replicated
        1 if perfect, about 0 at chance level; NaN where only one class is present.

    References
    ----------
    .. [1] Flach and Kull (2015), Precision-recall-gain curves: PR analysis done right, NeurIPS 28.
    """
    from cxraudit.stats._kernels.gains import gain_areas, gain_areas_weighted

    cell = found.ranked
    out = np.stack([found.n_negative, found.n_positive, np.full(cell.n_resamples + 1, np.nan)])
    images = (cell.unit, cell.kind, cell.positive)
    if cell.factors is None:
        gain_areas(*images, cell.counts, out)
    else:
        gain_areas_weighted(*images, cell.own, cell.stratum, cell.counts, cell.factors, out)
    defined = (found.n_positive > 0) & (found.n_negative > 0)
    area = np.where(defined, out[2], np.nan)
    n_units = found.auroc.influence.size
    if not defined[0]:
        return Replicated(area, np.full(n_units, np.nan))
    return Replicated(area, _influence(cell, n_units))


def auprg_of(y_true: ArrayLike, y_score: ArrayLike) -> float:
    """Return the AUPRG of labels and scores; NaN when only one class is present; see `auprg`.

    Examples
    --------
    >>> auprg_of([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8])
    0.25
    """
    return auprg(ranked(y_true, y_score)).value


def _influence(cell: RankedCell, n_units: int) -> Influence:
    """How the area moves with each patient.

    The area is a sum over the steps of the curve, each a function of the true and false positives at both of
    its ends and of all positives and negatives. An image counts at every end at or below its score.
    """
    weight = cell.weight
    block = cell.block
    tp, fp = (
        np.cumsum(np.bincount(block, weight * of).astype(np.float64))
        for of in (cell.positive, ~cell.positive)
    )
    first, last = _slopes(tp, fp)
    at_end = np.zeros((2, tp.size))
    at_end += last[:2]
    at_end[:, :-1] += first[:2, 1:]
    # What is counted at the end of a step is counted at all later ones.
    below = np.cumsum(at_end[:, ::-1], axis=1)[:, ::-1]
    of_all = (first + last)[2:].sum(axis=1)
    each = np.where(cell.positive, below[0][block] + of_all[0], below[1][block] + of_all[1])
    return np.bincount(cell.unit, weight * each, n_units).astype(np.float64)


def _slopes(tp: Values, fp: Values) -> tuple[Values, Values]:
    """Differentiate the area of every step by what is counted at its first and at its last end.

    Returns
    -------
    numpy.ndarray, shape (4, n_steps)
        By true and false positives at that end, and by all positives and all negatives there.
    """
    n_pos, n_neg = float(tp[-1]), float(fp[-1])
    before_tp, before_fp = (np.concatenate([[0.0], of[:-1]]) for of in (tp, fp))
    started, step = before_tp > 0, tp > before_tp
    last, first = _Gains(tp, fp, n_pos, n_neg), _Gains(before_tp, before_fp, n_pos, n_neg)
    y, x = last.precision, last.recall
    # Before the first positive the curve is level: its first end is (0, y).
    b, a = np.where(started, first.precision, y), np.where(started, first.recall, 0.0)
    crosses, whole = step & started & (a <= 0) & (x > 0), step & started & (a > 0)
    level = step & ~started & (x > 0)
    width = np.where(x > a, x - a, 1.0)
    share = x / width
    by_x = np.select(
        [whole, crosses, level],
        [(y + b) / 2, y + share * (b - y) / 2 - x * (b - y) / 2 * a / width**2, y],
        0.0,
    )
    by_a = np.select([whole, crosses], [-(y + b) / 2, x * (b - y) / 2 * x / width**2], 0.0)
    by_y = np.select([whole, crosses, level], [(x - a) / 2, x * (2 - share) / 2, x], 0.0)
    by_b = np.select([whole, crosses], [(x - a) / 2, x * share / 2], 0.0)
    return first.chained(by_a, by_b), last.chained(by_x, by_y)


class _Gains:
    """Recall and precision gain at some numbers of true and false positives."""

    def __init__(self, tp: Values, fp: Values, n_pos: float, n_neg: float) -> None:
        self._tp, self._fp = np.where(tp > 0, tp, 1.0), fp
        self._n_pos, self._n_neg = n_pos, n_neg
        odds = n_pos / n_neg
        self.precision = 1 - odds * fp / self._tp
        self.recall = 1 - odds * (n_pos - self._tp) / self._tp

    def chained(self, by_recall: Values, by_precision: Values) -> Values:
        """Return slopes by true and false positives, and by all positives and all negatives."""
        tp, fp, p, n = self._tp, self._fp, self._n_pos, self._n_neg
        return np.stack(
            [
                by_recall * p**2 / (n * tp**2) + by_precision * p * fp / (n * tp**2),
                -by_precision * p / (n * tp),
                by_recall * (1 / n - 2 * p / (n * tp)) - by_precision * fp / (n * tp),
                by_recall * (p**2 / (n**2 * tp) - p / n**2) + by_precision * p * fp / (n**2 * tp),
            ]
        )
