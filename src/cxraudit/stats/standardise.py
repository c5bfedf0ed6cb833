"""The same gap after standardisation to a common mix of age, view or another variable.

Images are weighted so that, among images with the finding and among images without it, each side has
the mix of strata that both sides have together. The weights are estimated anew within every
replicate, so the interval covers the whole procedure.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cxraudit.stats.ranking import FIXED_RATE, RankingReplicates, ranking_replicates
from cxraudit.stats.resampling import Counts, drawn_sums

TARGETS = ("both", "matched")


def overlap(
    y_true: ArrayLike,
    sides: NDArray[np.bool_],
    strata: ArrayLike,
    *,
    target: str = "both",
    weights: NDArray[np.float64] | None = None,
) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    """Tell what a standardised comparison rests on, in the cohort.

    Parameters
    ----------
    y_true : array_like of {0, 1}, shape (n_images,)
        Labels.
    sides, strata, target, weights
        As in `standardised_replicates`.

    Returns
    -------
    numpy.ndarray of bool, shape (n_sides, n_images)
        The images of each side that have a weight.
    numpy.ndarray, shape (n_sides,)
        Effective number of images (Σw)²/Σw²: how much of the data the weighting keeps.
    """
    cell, n_cells = _cells(y_true, strata)
    own = np.ones(cell.size) if weights is None else weights
    held = [np.bincount(cell[side], own[side], n_cells) for side in sides]
    sizes = np.stack(held).astype(np.float64)
    factors = _factors(sizes, target)
    kept = sides & np.asarray((sizes > 0).all(axis=0))[cell]
    used = [factor[cell[side]] * own[side] for side, factor in zip(sides, factors, strict=True)]
    effective = [w.sum() ** 2 / max(float((w**2).sum()), 1e-300) for w in used]
    return kept, np.array(effective)


def standardised_replicates(
    y_true: ArrayLike,
    y_score: ArrayLike,
    units: ArrayLike,
    sides: NDArray[np.bool_],
    strata: ArrayLike,
    counts: Counts,
    *,
    n_resamples: int,
    reference_prevalence: float | None = None,
    target: str = "both",
    weights: NDArray[np.float64] | None = None,
    drawn: NDArray[np.float64] | None = None,
    fixed: float = FIXED_RATE,
) -> list[RankingReplicates]:
    """Compute ranking metrics of sides that are weighted to one mix of strata.

    Parameters
    ----------
    y_true, y_score : array_like, shape (n_images,)
        Labels and scores.
    units, counts, n_resamples, reference_prevalence
        As in `cxraudit.stats.ranking.ranking_replicates`.
    sides : numpy.ndarray of bool, shape (n_sides, n_images)
        The images of each side, for instance a group and all other images.
    strata : array_like, shape (n_images,)
        The variable to standardise by (age group, view, or a combination of both).
    target : {"both", "matched"}
        The mix to weight to: that of both sides together (inverse-probability weights), or that of
        the smaller side of each stratum, as if images had been matched one to one (matching weights,
        Li & Greene 2013): the latter gives little weight to strata where one side is rare.
    weights : numpy.ndarray, shape (n_images,), optional
        How much each image counts for by itself: the mix is one of weights, and they are multiplied by
        those of the strata. Default: all count the same.
    drawn : numpy.ndarray, shape (n_sides, n_strata and classes, n_resamples + 1), optional
        From `drawn_images`, one per side, where they are known already.
    fixed : float
        As in `cxraudit.stats.ranking.ranking_replicates`.

    Returns
    -------
    list of RankingReplicates
        One per side. A stratum that one side lacks, for a class, is left out of all sides: the
        comparison is about where they overlap; see `overlap`.

    Notes
    -----
    Influences take the weights as given, so they describe which patients matter, and not the error:
    that of a gap is read from its replicates (``gap(error="replicates")``).
    """
    labels = np.asarray(y_true).astype(bool)
    cell, _ = _cells(y_true, strata)
    rows = np.asarray(units, dtype=np.int64)
    sizes = drawn
    if sizes is None:
        held = [
            drawn_images(
                y_true, units, side, strata, counts, n_resamples=n_resamples, weights=weights
            )
            for side in sides
        ]
        sizes = np.stack(held)
    found: list[RankingReplicates] = []
    for side, size, factor in zip(sides, sizes, _factors(sizes, target), strict=True):
        found += ranking_replicates(
            labels,
            y_score,
            rows,
            side[None],
            counts,
            n_resamples=n_resamples,
            n_threads=1,
            reference_prevalence=reference_prevalence,
            weights=weights,
            strata=cell,
            factors=factor,
            fixed=fixed,
            totals=np.stack([(size[k::2] * factor[k::2]).sum(axis=0) for k in range(2)])[None],
        )
    return found


def drawn_images(
    y_true: ArrayLike,
    units: ArrayLike,
    side: NDArray[np.bool_],
    strata: ArrayLike,
    counts: Counts,
    *,
    n_resamples: int,
    weights: NDArray[np.float64] | None = None,
) -> NDArray[np.float64]:
    """Count the drawn images of a side per stratum and class; the same for all scores of these images.

    Returns
    -------
    numpy.ndarray, shape (n_strata and classes, n_resamples + 1)
        Whole numbers, or sums of `weights`, in the cohort and in every replicate.
    """
    from cxraudit.stats._kernels.sums import tally

    cell, n_cells = _cells(y_true, strata)
    unit = np.asarray(units, dtype=np.int64)[side]
    if weights is not None:
        return drawn_sums(unit, cell[side], weights[side], n_cells, counts, n_resamples)
    sizes = np.empty((n_cells, n_resamples + 1))
    tally(unit, cell[side], counts, sizes)
    return sizes


def _cells(y_true: ArrayLike, strata: ArrayLike) -> tuple[NDArray[np.int64], int]:
    """Number the combinations of stratum and class."""
    labels = np.asarray(y_true).astype(np.int64)
    _, stratum = np.unique(np.asarray(strata), return_inverse=True)
    return stratum * 2 + labels, int(stratum.max()) * 2 + 2


def _factors(sizes: NDArray[np.float64], target: str) -> NDArray[np.float64]:
    """Return the weight of an image per side and cell; 0 where a side has none."""
    if target not in TARGETS:
        raise ValueError(f"target must be one of {', '.join(TARGETS)}, got {target!r}")
    together = sizes.sum(axis=0) if target == "both" else sizes.min(axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where((sizes > 0).all(axis=0), together / sizes, 0.0)
