"""The same gap after standardisation to a common mix of age, view or another variable.

Images are weighted so that, among images with the finding and among images without it, each side has
the mix of strata that both sides have together. The weights are estimated anew within every
replicate, so the interval covers the whole procedure.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cxraudit.stats.ranking import RankingReplicates, ranking_replicates
from cxraudit.stats.resampling import Counts, per_unit, unit_sums

TARGETS = ("both", "matched")


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
) -> tuple[list[RankingReplicates], NDArray[np.float64], NDArray[np.bool_]]:
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

    Returns
    -------
    list of RankingReplicates
        One per side. A stratum that one side lacks, for a class, is left out of all sides: the
        comparison is about where they overlap.
    numpy.ndarray, shape (n_sides,)
        Effective number of images (Σw)²/Σw²: how much of the data the weighting keeps.
    numpy.ndarray of bool, shape (n_sides, n_images)
        The images of each side that have a weight in the cohort: what the comparison rests on.

    Notes
    -----
    Influences take the weights as given, so they describe which patients matter, and not the error:
    that of a gap is read from its replicates (``gap(scale="bootstrap")``).
    """
    if target not in TARGETS:
        raise ValueError(f"target must be one of {', '.join(TARGETS)}, got {target!r}")
    labels = np.asarray(y_true).astype(bool)
    _, stratum = np.unique(np.asarray(strata), return_inverse=True)
    cell = stratum * 2 + labels
    n_cells = int(stratum.max()) * 2 + 2
    rows = np.asarray(units, dtype=np.int64)
    member = (cell == np.arange(n_cells)[:, None]).astype(np.float64)
    # Weighted number of images per side, stratum and class: (n_sides, n_cells, replicates).
    sizes = np.stack(
        [
            unit_sums(per_unit(member * side, rows, counts.shape[1]), counts, n_resamples)
            for side in sides
        ]
    )
    together = sizes.sum(axis=0) if target == "both" else sizes.min(axis=0)
    shared = (sizes > 0).all(axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        factors = np.where(shared, together / sizes, 0.0)
    found, effective = [], []
    for side, factor in zip(sides, factors, strict=True):
        found += ranking_replicates(
            labels,
            y_score,
            rows,
            side[None],
            counts,
            n_resamples=n_resamples,
            reference_prevalence=reference_prevalence,
            strata=cell,
            factors=factor,
        )
        weight = factor[cell[side], 0]
        effective.append(weight.sum() ** 2 / max(float((weight**2).sum()), 1e-300))
    kept = sides & np.asarray(shared)[cell, 0]
    return found, np.array(effective), kept
