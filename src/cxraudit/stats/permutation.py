"""Permutation test of several groups at once."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cxraudit.stats._lanes import LANES
from cxraudit.stats.ranking import checked
from cxraudit.streams import Stream, generator


def heterogeneity_test(
    y_true: ArrayLike,
    y_score: ArrayLike,
    patients: ArrayLike,
    groups: ArrayLike,
    *,
    n_permutations: int = 999,
    seed: int = 0,
) -> float:
    """Test whether the AUROC is the same in all groups; see `heterogeneity_tests`.

    Returns
    -------
    float
        The p-value; NaN if fewer than two groups have both classes.
    """
    return heterogeneity_tests(
        y_true, [y_score], patients, groups, n_permutations=n_permutations, seed=seed
    )[0]


def heterogeneity_tests(
    y_true: ArrayLike,
    y_scores: Sequence[ArrayLike],
    patients: ArrayLike,
    groups: ArrayLike,
    *,
    n_permutations: int = 999,
    seed: int = 0,
) -> list[float]:
    """Test, for several scores of the same images, whether the AUROC is the same in all groups.

    The largest minus the smallest AUROC is biased (five equal groups differ by 0.10 on average in
    cohorts like the MIMIC-CXR test split), so it is never tested by its interval. Here the
    statistic is the spread of the groups' AUROCs around their precision-weighted mean, and its null
    distribution comes from permuting groups among patients with the same pattern of labels (only
    positive images, only negative images, both).

    Parameters
    ----------
    y_true : array_like, shape (n_images,)
        Labels.
    y_scores : sequence of array_like, shape (n_images,)
        Scores of one or more models, tested on the same permutations.
    patients : array_like, shape (n_images,)
        Patient of each image.
    groups : array_like, shape (n_images,)
        Group of each image. Patients are permuted as a whole: a patient whose images are in several
        groups (of age) counts in the group of the first image.
    n_permutations : int
        Number of permutations; the p-value is (k + 1) / (n_permutations + 1).
    seed : int
        Of the permutations.

    Returns
    -------
    list of float
        The p-value of each; NaN if fewer than two groups have both classes.
    """
    from cxraudit.stats._kernels.ranking import grouped_areas, line_up

    pairs = [checked(y_true, y_score) for y_score in y_scores]
    labels = pairs[0][0]
    _, patient = np.unique(np.asarray(patients), return_inverse=True)
    names, group = np.unique(np.asarray(groups), return_inverse=True)
    n_patients = int(patient.max()) + 1
    first = np.full(n_patients, -1)
    first[patient[::-1]] = group[::-1]
    positives = np.bincount(patient, labels, n_patients)
    images = np.bincount(patient, minlength=n_patients)
    pattern = np.where(positives == 0, 0, np.where(positives == images, 1, 2))

    rng = generator(Stream.HETEROGENEITY_TEST, seed)
    assigned = np.repeat(first[None].astype(np.int32), n_permutations + 1, axis=0)
    for members in (np.flatnonzero(pattern == p) for p in range(3)):
        assigned[1:, members] = [rng.permutation(first[members]) for _ in range(n_permutations)]

    # 64 assignments side by side, one cache line per patient.
    lanes = np.full((-(-len(assigned) // LANES) * LANES, n_patients), -1, dtype=np.int8)
    lanes[: len(assigned)] = assigned
    blocks = np.ascontiguousarray(lanes.reshape(-1, LANES, n_patients).transpose(0, 2, 1))
    everyone = np.ones(labels.size, dtype=bool)
    found = []
    for _, scores in pairs:
        _, unit, kind, positive, _ = line_up(
            np.argsort(-scores), labels, scores, patient, everyone, n_patients
        )
        areas, weight = grouped_areas(unit, kind, positive, blocks, names.size)
        kept = slice(n_permutations + 1)
        found.append(_p_value(_spread(areas[kept], weight[kept])))
    return found


def _p_value(spread: NDArray[np.float64]) -> float:
    """Compare the first spread with those of the permutations."""
    if not np.isfinite(spread[0]):
        return float("nan")
    defined = spread[1:][np.isfinite(spread[1:])]
    return float((np.sum(defined >= spread[0] - 1e-12) + 1) / (defined.size + 1))


def _spread(areas: NDArray[np.float64], weight: NDArray[np.float64]) -> NDArray[np.float64]:
    """Σ w_g (A_g − Ā)² per permutation, over groups with both classes."""
    usable = np.where(np.isfinite(areas), weight, 0.0)
    total = usable.sum(axis=1)
    filled = np.where(np.isfinite(areas), areas, 0.0)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = (usable * filled).sum(axis=1) / total
    spread = (usable * (filled - mean[:, None]) ** 2).sum(axis=1)
    return np.where((usable > 0).sum(axis=1) >= 2, spread, np.nan)
