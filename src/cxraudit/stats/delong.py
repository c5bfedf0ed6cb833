"""Analytic covariances of AUROCs (DeLong 1988), also with several images per patient.

Every AUROC has one influence value per image. Their products, summed over images, or over patients
first (Obuchowski 1997), give the covariance of any two AUROCs on any two sets of images: of two
models on the same images, of two groups, or of two subsets that share their negatives.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit, logit, ndtri, stdtrit

from cxraudit.stats.estimate import Estimate
from cxraudit.stats.ranking import checked

_HALVINGS = 60
"""Of the range in which a limit lies: as many as digits of a double."""


@dataclass(frozen=True, slots=True)
class Areas:
    """Several AUROCs and their joint covariance."""

    value: NDArray[np.float64]
    """Shape (n_areas,); NaN where one class is missing."""
    covariance: NDArray[np.float64]
    """Shape (n_areas, n_areas)."""

    def difference(self, first: int, second: int) -> tuple[float, float]:
        """Return value[first] − value[second] and its standard error."""
        c = self.covariance
        variance = c[first, first] + c[second, second] - 2 * c[first, second]
        return float(self.value[first] - self.value[second]), float(np.sqrt(max(variance, 0.0)))


def placements(
    y_true: ArrayLike, y_score: ArrayLike, *, weights: NDArray[np.float64] | None = None
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return V10 per positive (share of negatives below it) and V01 per negative, with ties as ½.

    V01 is the share of positives above a negative. The midrank form of Sun & Xu (2014): n log n
    instead of all pairs. With `weights`, per image, shares are those of weights.
    """
    from scipy.stats import rankdata  # slow to import, and rarely needed

    labels, scores = checked(y_true, y_score)
    positive, negative = scores[labels], scores[~labels]
    if weights is not None:
        below = share_below(positive, negative, weights[~labels])
        return below, 1 - share_below(negative, positive, weights[labels])
    m, n = positive.size, negative.size
    ranks = rankdata(np.concatenate([positive, negative]))
    below = (ranks[:m] - rankdata(positive)) / n
    above = 1 - (ranks[m:] - rankdata(negative)) / m
    return below, above


def share_below(
    scores: NDArray[np.float64], others: NDArray[np.float64], weights: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the share of the weight of other scores that lies below each score, ties as ½; 0 of none."""
    order = np.argsort(others)
    ordered, held = others[order], np.concatenate([[0.0], np.cumsum(weights[order])])
    low, high = (held[np.searchsorted(ordered, scores, side)] for side in ("left", "right"))
    return (low + high) / (2 * (held[-1] or 1.0))


def delong(
    y_true: ArrayLike,
    y_scores: ArrayLike,
    *,
    cells: Sequence[NDArray[np.bool_]] | None = None,
    clusters: ArrayLike | None = None,
) -> Areas:
    """Compute AUROCs with their covariance.

    Parameters
    ----------
    y_true : array_like of {0, 1}, shape (n_images,)
        Whether the finding is present.
    y_scores : array_like of float, shape (n_areas, n_images) or (n_images,)
        One row of scores per AUROC; a single row is used for every cell.
    cells : sequence of boolean arrays, shape (n_images,), optional
        The images of each AUROC; default: all images.
    clusters : array_like of int, shape (n_images,), optional
        Patient of each image. Default: images are independent, as in DeLong (1988).

    Returns
    -------
    Areas
        With clusters, the influences of one patient are summed before they are squared, and the
        covariance is multiplied by I / (I − 1) for I patients; without, variances per class are
        divided by m − 1 and n − 1 as in DeLong. NaN where one class is missing.

    References
    ----------
    .. [1] DeLong, DeLong, Clarke-Pearson (1988), Biometrics 44:837-845.
    .. [2] Obuchowski (1997), Biometrics 53:567-578.
    """
    labels = np.asarray(y_true).astype(bool)
    scores = np.atleast_2d(np.asarray(y_scores, dtype=np.float64))
    masks = list(cells) if cells is not None else [np.ones(labels.size, bool)] * len(scores)
    rows = [scores[k if len(scores) > 1 else 0] for k in range(len(masks))]
    value = np.full(len(masks), np.nan)
    influence = np.zeros((2, len(masks), labels.size))
    for k, (mask, row) in enumerate(zip(masks, rows, strict=True)):
        positive, negative = mask & labels, mask & ~labels
        m, n = int(positive.sum()), int(negative.sum())
        if not (m and n):
            influence[:, k] = np.nan
            continue
        below, above = placements(labels[mask], row[mask])
        value[k] = below.mean()
        # With clusters the correction is made once, for the number of patients.
        per_class = clusters is None
        influence[0, k, positive] = (below - value[k]) / (
            m * np.sqrt((m - 1) / m if per_class else 1)
        )
        influence[1, k, negative] = (above - value[k]) / (
            n * np.sqrt((n - 1) / n if per_class else 1)
        )
    total = influence.sum(axis=0)
    if clusters is None:
        return Areas(value, total @ total.T)
    _, patients = np.unique(np.asarray(clusters), return_inverse=True)
    n_patients = int(patients.max()) + 1
    summed = np.stack([np.bincount(patients, row, n_patients) for row in total])
    return Areas(value, summed @ summed.T * n_patients / max(n_patients - 1, 1))


def delong_interval(
    y_true: ArrayLike,
    y_score: ArrayLike,
    *,
    clusters: ArrayLike | None = None,
    confidence_level: float = 0.95,
) -> Estimate:
    """Return an AUROC with an analytic interval that is also valid for small samples.

    The interval is DeLong's on the logit scale, with Student's t for the smaller class; where the
    sample is small (fewer than 10 patients in a class) or separates perfectly, so that DeLong's
    variance is not usable, it is Newcombe's (2006) method 5, which inverts the score equation for
    a variance that follows from the AUROC itself.

    Parameters
    ----------
    y_true, y_score : array_like, shape (n_images,)
        Labels and scores.
    clusters : array_like, shape (n_images,), optional
        Patient of each image; with it, sizes count patients.
    confidence_level : float
        Of the two-sided interval.

    Returns
    -------
    Estimate
        All NaN when only one class is present.

    References
    ----------
    .. [1] DeLong, DeLong, Clarke-Pearson (1988), Biometrics 44:837-845.
    .. [2] Newcombe (2006), Statistics in Medicine 25:559-573.

    Examples
    --------
    >>> found = delong_interval([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8])
    >>> found.value, found.method
    (0.75, 'Newcombe score interval')
    """
    labels, _ = checked(y_true, y_score)
    units = np.arange(labels.size) if clusters is None else np.asarray(clusters)
    sizes = [np.unique(units[labels]).size, np.unique(units[~labels]).size]
    areas = delong(y_true, y_score, clusters=clusters)
    value, variance = float(areas.value[0]), float(areas.covariance[0, 0])
    if not np.isfinite(value):
        return Estimate(
            value=np.nan,
            low=np.nan,
            high=np.nan,
            confidence_level=confidence_level,
            method="undefined",
        )
    tail = (1 - confidence_level) / 2
    if min(sizes) < 10 or value in (0.0, 1.0) or variance <= 0:
        low, high = newcombe(value, sizes[0], sizes[1], confidence_level=confidence_level)
        method = "Newcombe score interval"
    else:
        reach = -stdtrit(min(sizes) - 1, tail) * np.sqrt(variance) / (value * (1 - value))
        low, high = expit(logit(value) - reach), expit(logit(value) + reach)
        method = "DeLong, logit scale" + ("" if clusters is None else ", clustered by patient")
    return Estimate(
        value=value,
        low=float(low),
        high=float(high),
        confidence_level=confidence_level,
        method=method,
    )


def newcombe(
    value: float, n_positive: int, n_negative: int, *, confidence_level: float = 0.95
) -> tuple[float, float]:
    """Return the score interval of an AUROC, also valid for few patients and for an AUROC of 1.

    Solves |value − θ| = z·√V(θ) for θ (Newcombe 2006, Statistics in Medicine 25:559-573, method 5).

    Parameters
    ----------
    value : float
        The AUROC.
    n_positive, n_negative : int
        Independent units in each class: patients, where they have several images.
    """
    z = float(-ndtri((1 - confidence_level) / 2))
    half = (n_positive + n_negative) / 2 - 1

    def inside(theta: float) -> bool:
        spread = (
            theta
            * (1 - theta)
            / (n_positive * n_negative)
            * (1 + half * (1 - theta) / (2 - theta) + half * theta / (1 + theta))
        )
        return abs(value - theta) <= z * spread**0.5

    def limit(outside: float) -> float:
        """Halve what lies between the value and the end of the range, which is outside."""
        within = value
        for _ in range(_HALVINGS):
            middle = (within + outside) / 2
            within, outside = (middle, outside) if inside(middle) else (within, middle)
        return within

    return limit(0.0), limit(1.0)
