"""How well a score ranks images with a finding above images without it."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cxraudit.stats._lanes import LANES
from cxraudit.stats.replicated import Influence, Replicated, Replicates
from cxraudit.stats.resampling import Counts, draw_resamples, drawn_sums

ROUNDING = 1e-12
"""An area below it, of weighted images, is 0 but for rounding."""


@dataclass(frozen=True, slots=True)
class RankedCell:
    """The images of a cell from the highest score down, for metrics that need more than areas."""

    unit: NDArray[np.int64]
    """Row of each image's patient in `counts`."""
    kind: NDArray[np.uint8]
    """See `cxraudit.stats._kernels.ranking.NEGATIVE`."""
    positive: NDArray[np.bool_]
    counts: Counts
    n_resamples: int
    stratum: NDArray[np.int64]
    """Row of each image in `factors`; empty where images are not weighted."""
    factors: NDArray[np.float64] | None
    """Weight of the images of each stratum, in the lanes of all blocks; None: images are not weighted."""
    own: NDArray[np.float64]
    """Weight of each image itself; empty where images are not weighted."""
    fixed: float
    """Specificity at which the sensitivity, and sensitivity at which the specificity is read."""

    @property
    def weight(self) -> NDArray[np.float64]:
        """How much each image counts for in the cohort."""
        if self.factors is None:
            return np.ones(self.unit.size)
        return self.factors[self.stratum, 0] * self.own

    @property
    def block(self) -> NDArray[np.intp]:
        """Number of the score of each image, from the highest; images of a tie share one."""
        from cxraudit.stats._kernels.ranking import TIED

        ends = self.kind != TIED
        return np.cumsum(np.concatenate([[0], ends[:-1]]))


FIXED_RATE = 0.9
"""See `RankedCell.fixed`."""


@dataclass(frozen=True, slots=True)
class RankingReplicates:
    """Ranking metrics of one cell (a set of images), in the cohort and in every replicate."""

    auroc: Replicated
    """P(score of a positive > score of a negative) + ½ P(equal)."""
    average_precision: Replicated
    """Step-wise area under precision and recall, as scikit-learn's ``average_precision_score``."""
    ap_at_prevalence: Replicated
    """Average precision if the reference prevalence held: precision is recomputed from TPR and
    FPR, so groups with different prevalence can be compared."""
    n_positive: Replicates
    n_negative: Replicates
    ranked: "RankedCell"
    prevalence_influence: Influence
    """Influence of each patient on the prevalence."""

    @property
    def adjusted_auprc(self) -> Replicated:
        """1 − log(AP) / log(prevalence): 0 at chance level, 1 if perfect (Mosquera et al. 2024).

        It still depends on prevalence (see the methods page); it is included because the field
        reports it. Undefined where only one class is present.
        """
        precision = self.average_precision
        with np.errstate(divide="ignore", invalid="ignore"):
            prevalence = self.n_positive / (self.n_positive + self.n_negative)
            adjusted = 1 - np.log(precision.replicates) / np.log(prevalence)
            influence = (
                np.log(precision.value)
                / np.log(prevalence[0])
                * self.prevalence_influence
                / prevalence[0]
                - precision.influence / precision.value
            ) / np.log(prevalence[0])
        defined = (prevalence > 0) & (prevalence < 1)
        return Replicated(
            np.where(defined, adjusted, np.nan), np.where(defined[0], influence, np.nan)
        )


METRICS = ("auroc", "adjusted_auprc", "ap_at_prevalence")
"""What an audit reports for every cell; each is an attribute of `RankingReplicates`."""


def ranking_replicates(
    y_true: ArrayLike,
    y_score: ArrayLike,
    units: ArrayLike,
    cells: NDArray[np.bool_],
    counts: Counts,
    *,
    n_resamples: int,
    reference_prevalence: float | None = None,
    n_threads: int = 2,
    weights: NDArray[np.float64] | None = None,
    strata: ArrayLike | None = None,
    factors: NDArray[np.float64] | None = None,
    totals: NDArray[np.float64] | None = None,
    fixed: float = FIXED_RATE,
) -> list[RankingReplicates]:
    """Compute the ranking metrics of many cells on shared resamples.

    Parameters
    ----------
    y_true : array_like of {0, 1}, shape (n_images,)
        Whether the finding is present.
    y_score : array_like of float, shape (n_images,)
        Any score that increases with the evidence for the finding; only its order matters.
    units : array_like of int, shape (n_images,)
        Row of each image's patient in `counts`.
    cells : numpy.ndarray of bool, shape (n_cells, n_images)
        The images of each cell; cells may overlap.
    counts : numpy.ndarray
        From `draw_resamples`.
    n_resamples : int
        How many of the lanes of `counts` are replicates.
    reference_prevalence : float, optional
        For ``ap_at_prevalence``; default: the prevalence over all images given.
    n_threads : int
        Number of threads; the result does not depend on it.
    weights : numpy.ndarray, shape (n_images,), optional
        How much each image counts for, above 0; only their ratios matter. Default: all count the same.
    strata : array_like of int, shape (n_images,), optional
        Row of each image in `factors`, which multiplies `weights`.
    factors : numpy.ndarray, shape (n_strata, n_resamples + 1), optional
        Weight of the images of each stratum in the cohort and in each replicate; see
        `cxraudit.stats.standardise`.
    totals : numpy.ndarray, shape (n_cells, 2, n_resamples + 1), optional
        With `factors`: the weights of the negatives and of the positives of each cell, where they are known
        already.
    fixed : float
        Specificity, or sensitivity, at which the other is read; see `cxraudit.stats.roc_points`.

    Returns
    -------
    list of RankingReplicates
        One per cell.

    Raises
    ------
    ValueError
        If shapes differ, a label is not 0 or 1, a score is not finite, or `fixed` is not between 0 and 1.
    """
    from cxraudit.stats._kernels.ranking import (
        influences,
        line_up,
        sweep,
        sweep_weighted,
    )

    labels, scores = checked(y_true, y_score)
    rows = np.asarray(units, dtype=np.int64)
    if not 0 < fixed < 1:
        raise ValueError(f"fixed must lie between 0 and 1, got {fixed}")
    if rows.shape != labels.shape or cells.shape[1:] != labels.shape:
        raise ValueError(
            f"y_true has {labels.size} images, units {rows.shape}, cells {cells.shape}"
        )
    prevalence = reference_prevalence
    if prevalence is None:
        prevalence = float(np.average(labels, weights=weights)) if labels.size else float("nan")
    order = np.argsort(-scores)
    own = np.ones(labels.size) if weights is None else weights
    if weights is not None and factors is None:
        strata, factors = np.zeros(labels.size, np.int64), np.ones((1, n_resamples + 1))
    stratum = np.zeros(0, np.int64) if strata is None else np.asarray(strata, np.int64)
    lanes = None if factors is None else _padded(factors, counts)

    def replicates_of(
        cell: NDArray[np.bool_], known: NDArray[np.float64] | None
    ) -> RankingReplicates:
        images, unit, kind, positive, members = line_up(
            order, labels, scores, rows, cell, counts.shape[1]
        )
        part = stratum if lanes is None else stratum[images]
        of_image = own[:0] if lanes is None else own[images]
        if factors is not None and known is None:
            known = _weights(unit, part, positive, of_image, factors, counts)
        out = np.empty((5, n_resamples + 1))
        if lanes is None or known is None:
            sweep(unit, kind, positive, members, counts, prevalence, out)
        else:
            sums = _padded(known, counts)
            sweep_weighted(
                unit, kind, positive, of_image, part, counts, lanes, sums, prevalence, out
            )
            if weights is not None:
                # Sums of weights in another order: a reversed ranking is one all the same.
                out[0, np.abs(out[0]) < ROUNDING] = 0.0
        weight = np.ones(unit.size) if factors is None else factors[part, 0] * of_image
        influence = np.zeros((4, counts.shape[1]))
        if out[3, 0] > 0 and out[4, 0] > 0:
            influences(unit, kind, positive, weight, prevalence, influence)
            share = out[3, 0] / (out[3, 0] + out[4, 0])
            each = weight * (positive - share) / (out[3, 0] + out[4, 0])
            influence[3] = np.bincount(unit, each, counts.shape[1])
        else:
            influence[:] = np.nan
        auroc, precision, at_prevalence = (Replicated(out[k], influence[k]) for k in range(3))
        images_of = RankedCell(
            unit, kind, positive, counts, n_resamples, part, lanes, of_image, fixed
        )
        return RankingReplicates(
            auroc, precision, at_prevalence, out[3], out[4], images_of, influence[3]
        )

    known = [None] * len(cells) if totals is None else list(totals)
    if n_threads <= 1:
        return [replicates_of(*pair) for pair in zip(cells, known, strict=True)]
    with ThreadPoolExecutor(n_threads) as pool:
        return list(pool.map(replicates_of, cells, known))


def _padded(values: NDArray[np.float64], counts: Counts) -> NDArray[np.float64]:
    """Fill rows up with zeros to the lanes of all blocks."""
    lanes = np.zeros((values.shape[0], counts.shape[0] * LANES))
    lanes[:, : values.shape[1]] = values
    return lanes


def _weights(
    unit: NDArray[np.int64],
    stratum: NDArray[np.int64],
    positive: NDArray[np.bool_],
    own: NDArray[np.float64],
    factors: NDArray[np.float64],
    counts: Counts,
) -> NDArray[np.float64]:
    """Weigh the negatives and the positives of a cell, in the cohort and in every replicate."""
    cell, (n_strata, n_lanes) = 2 * stratum + positive, factors.shape
    drawn = drawn_sums(unit, cell, own, 2 * n_strata, counts, n_lanes - 1)
    return np.stack([(drawn[k::2] * factors).sum(axis=0) for k in range(2)])


def ranked(
    y_true: ArrayLike, y_score: ArrayLike, prevalence: float | None = None
) -> RankingReplicates:
    """Rank images without resamples."""
    labels = np.asarray(y_true)
    return ranking_replicates(
        y_true,
        y_score,
        np.zeros(labels.size, dtype=np.int64),
        np.ones((1, labels.size), dtype=bool),
        draw_resamples(1, 0, 0),
        n_resamples=0,
        reference_prevalence=prevalence,
        n_threads=1,
    )[0]


def _point(metric: str, y_true: ArrayLike, y_score: ArrayLike, prevalence: float | None) -> float:
    return getattr(ranked(y_true, y_score, prevalence), metric).value


def auroc(y_true: ArrayLike, y_score: ArrayLike) -> float:
    """Area under the ROC curve; NaN when only one class is present.

    Examples
    --------
    >>> auroc([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8])
    0.75
    """
    return _point("auroc", y_true, y_score, None)


def average_precision(y_true: ArrayLike, y_score: ArrayLike) -> float:
    """Average precision, step-wise; NaN without positives.

    Examples
    --------
    >>> round(average_precision([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8]), 4)
    0.8333
    """
    return _point("average_precision", y_true, y_score, None)


def adjusted_auprc(y_true: ArrayLike, y_score: ArrayLike) -> float:
    """1 − log(average precision) / log(prevalence); NaN when only one class is present.

    References
    ----------
    .. [1] Mosquera et al. (2024), European Radiology.
    """
    return _point("adjusted_auprc", y_true, y_score, None)


def average_precision_at(y_true: ArrayLike, y_score: ArrayLike, prevalence: float) -> float:
    """Average precision at another prevalence; NaN when only one class is present.

    Equals scikit-learn's ``average_precision_score`` with the classes weighted to `prevalence`.
    """
    if not 0 < prevalence < 1:
        raise ValueError(f"prevalence must lie between 0 and 1, got {prevalence}")
    return _point("ap_at_prevalence", y_true, y_score, prevalence)


def xauc(y_true: ArrayLike, y_score: ArrayLike, in_first: ArrayLike, in_second: ArrayLike) -> float:
    """P(score of a positive of the first group > score of a negative of the second) + ½ P(equal).

    Parameters
    ----------
    y_true, y_score : array_like, shape (n_images,)
        Labels and scores.
    in_first, in_second : array_like of bool, shape (n_images,)
        The group whose positives, and the group whose negatives, are compared.

    References
    ----------
    .. [1] Kallus and Zhou (2019), The fairness of risk scores beyond classification.
    """
    labels, scores = checked(y_true, y_score)
    cell = (labels & np.asarray(in_first, bool)) | (~labels & np.asarray(in_second, bool))
    return auroc(labels[cell], scores[cell])


def shortcut_cells(y_true: ArrayLike, has_shortcut: ArrayLike) -> dict[str, NDArray[np.bool_]]:
    """Return the images of the four AUROCs of Borkan et al. (2019) for a shortcut.

    ``subgroup``: positives and negatives with it. ``background``: both without it. ``bpsn``:
    positives without against negatives with it (low if the shortcut raises the score).
    ``bnsp``: positives with against negatives without it (high if the shortcut raises the score).
    """
    labels, shortcut = np.asarray(y_true).astype(bool), np.asarray(has_shortcut, bool)
    return {
        "subgroup": shortcut,
        "background": ~shortcut,
        "bpsn": labels ^ shortcut,
        "bnsp": labels == shortcut,
    }


def checked(y_true: ArrayLike, y_score: ArrayLike) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    """Return labels as booleans and scores as floats, or raise `ValueError`."""
    labels, scores = np.asarray(y_true), np.asarray(y_score, dtype=np.float64)
    if labels.ndim != 1 or labels.shape != scores.shape:
        raise ValueError(f"y_true and y_score differ in shape: {labels.shape} and {scores.shape}")
    values: Sequence[float] = np.unique(labels).tolist()
    if not set(values) <= {0, 1}:
        raise ValueError(f"y_true must hold 0 and 1 only, got {values[:5]}")
    if not np.isfinite(scores).all():
        raise ValueError(
            f"y_score holds {int((~np.isfinite(scores)).sum())} values that are not finite"
        )
    return labels.astype(bool), scores
