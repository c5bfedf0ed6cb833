"""Calibration: whether predicted probabilities agree with observed frequencies.

A zero-shot score is no probability until it has been mapped to one on tuning patients; the audits
record which map was used.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit, logit

from cxraudit.stats.ranking import checked
from cxraudit.stats.replicated import Replicated, ratio
from cxraudit.stats.resampling import Counts, per_unit, unit_sums

Edges = NDArray[np.float64]


def equal_width_edges(n_bins: int = 10) -> Edges:
    """Return bin edges over [0, 1], the same for every group."""
    return np.linspace(0, 1, n_bins + 1)


def equal_mass_edges(
    y_prob: ArrayLike, n_bins: int = 10, *, weights: NDArray[np.float64] | None = None
) -> Edges:
    """Return edges with about as many images (weights) in each bin; choose them once, on all images."""
    probability, shares = np.asarray(y_prob, dtype=np.float64), np.linspace(0, 1, n_bins + 1)[1:-1]
    if weights is None:
        inner = np.quantile(probability, shares)
    else:
        order = np.argsort(probability)
        held = np.cumsum(weights[order])
        # Sums of weights that reach a share but for rounding do reach it.
        inner = probability[order][np.searchsorted(held, (shares - 1e-12) * held[-1])]
    return np.concatenate([[0.0], np.unique(inner), [1.0]])


def _probabilities(
    y_true: ArrayLike, y_prob: ArrayLike
) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    labels, probability = checked(y_true, y_prob)
    if probability.size and not (probability.min() >= 0 and probability.max() <= 1):
        raise ValueError(
            f"probabilities must lie in [0, 1], got {probability.min():.3g} to {probability.max():.3g}"
        )
    return labels, probability


@dataclass(frozen=True, slots=True)
class CalibrationReplicates:
    """Calibration of one cell, in the cohort and in every replicate; NaN = undefined."""

    brier: Replicated
    """Mean squared difference of probability and label."""
    balanced_brier: Replicated
    """Mean of the Brier scores of positives and of negatives: free of prevalence."""
    observed_expected: Replicated
    """Observed over expected number of positives; 1 if the mean probability is right."""
    calibration_error: Replicated
    """Expected calibration error over the bins (absolute); grows as images get fewer."""
    debiased_error: Replicated
    """Root of the debiased squared calibration error, at least 0: comparable between group sizes."""
    calibration_intercept: Replicated
    """Calibration in the large: logistic intercept with the logit as offset; 0 is ideal."""
    calibration_slope: Replicated
    """Logistic slope on the logit; below 1 the probabilities are too extreme."""


def calibration_replicates(
    y_true: ArrayLike,
    y_prob: ArrayLike,
    units: ArrayLike,
    cells: NDArray[np.bool_],
    counts: Counts,
    *,
    n_resamples: int,
    weights: NDArray[np.float64] | None = None,
    edges: Edges | None = None,
    n_threads: int = 2,
) -> list[CalibrationReplicates]:
    """Compute calibration per cell on shared resamples.

    Everything but slope and intercept is a function of sums per patient. Slope and intercept are
    fitted on the cohort; their replicates add the summed influence of the drawn patients (the
    infinitesimal jackknife), which spares a fit per replicate.

    Parameters
    ----------
    y_true, y_prob : array_like, shape (n_images,)
        Labels, and probabilities in [0, 1].
    units, cells, counts, n_resamples, weights
        As in `cxraudit.stats.ranking.ranking_replicates`. With weights, the noise that is taken off the
        debiased error is that of patients, whose images are not independent.
    edges : numpy.ndarray, optional
        Bin edges; default: ten of equal width.
    n_threads : int
        Threads to work on cells; the result does not depend on it.
    """
    labels, probability = _probabilities(y_true, y_prob)
    edges = equal_width_edges() if edges is None else edges
    bins = _bins(probability, edges)
    rows = np.asarray(units, dtype=np.int64)
    y = labels.astype(np.float64)
    x = logit(np.clip(probability, 1e-12, 1 - 1e-12))

    def one(cell: NDArray[np.bool_]) -> CalibrationReplicates:
        own = np.flatnonzero(cell)
        w = np.ones(own.size) if weights is None else weights[own]
        held = _held(y[own], probability[own], bins[own], rows[own], w, edges.size - 1, counts)
        total = unit_sums(held, counts, n_resamples)
        binned, totals = held[N_PLAIN:], total[N_PLAIN:]
        noise = _noise(totals) if weights is None else _noise_of_units(binned, counts, n_resamples)
        return CalibrationReplicates(
            *_errors(held[:N_PLAIN], total[:N_PLAIN]),
            *_binned(binned, totals, noise),
            *_recalibration(y[own], x[own], rows[own], w, counts, n_resamples),
        )

    with ThreadPoolExecutor(max(n_threads, 1)) as pool:
        return list(pool.map(one, cells))


def _bins(probability: NDArray[np.float64], edges: Edges) -> NDArray[np.intp]:
    """Number the bin of each probability."""
    return np.clip(np.searchsorted(edges, probability, side="right") - 1, 0, edges.size - 2)


N_PLAIN = 5
"""Sums that need no bins: images, positives, probability, squared error, that of positives."""


def _held(
    y: NDArray[np.float64],
    probability: NDArray[np.float64],
    bins: NDArray[np.intp],
    rows: NDArray[np.int64],
    weights: NDArray[np.float64],
    n_bins: int,
    counts: Counts,
) -> NDArray[np.float64]:
    """Sum per patient, shape (`N_PLAIN` + 3 · n_bins, n_units): per bin images, positives, probability."""
    n_units = counts.shape[1]
    squared = (probability - y) ** 2
    plain = per_unit(
        np.stack([np.ones_like(y), y, probability, squared, squared * y]) * weights, rows, n_units
    )
    place = bins * n_units + rows
    binned = np.stack(
        [
            np.bincount(place, values * weights, n_bins * n_units).reshape(n_bins, n_units)
            for values in (np.ones_like(y), y, probability)
        ],
        axis=1,
    )
    return np.concatenate([plain, binned.reshape(3 * n_bins, n_units).astype(np.float64)])


def _errors(
    each: NDArray[np.float64], total: NDArray[np.float64]
) -> tuple[Replicated, Replicated, Replicated]:
    """Return Brier score, balanced Brier score, and observed over expected."""

    def share(top: Sequence[float], bottom: Sequence[float]) -> Replicated:
        return ratio(
            np.dot(top, total), np.dot(bottom, total), np.dot(top, each), np.dot(bottom, each)
        )

    of_positives = share((0, 0, 0, 0, 1), (0, 1, 0, 0, 0))
    of_negatives = share((0, 0, 0, 1, -1), (1, -1, 0, 0, 0))
    balanced = Replicated(
        (of_positives.replicates + of_negatives.replicates) / 2,
        (of_positives.influence + of_negatives.influence) / 2,
    )
    return (
        share((0, 0, 0, 1, 0), (1, 0, 0, 0, 0)),
        balanced,
        share((0, 1, 0, 0, 0), (0, 0, 1, 0, 0)),
    )


def _noise(totals: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the variance of the observed share of each bin, of independent images: ȳ(1 − ȳ)/(n − 1)."""
    n, pos = totals[0::3], totals[1::3]
    observed = pos / np.maximum(n, 1)
    return np.where(n > 1, observed * (1 - observed) / np.maximum(n - 1, 1), 0)


def _noise_of_units(
    each: NDArray[np.float64], counts: Counts, n_resamples: int
) -> NDArray[np.float64]:
    """Return the variance of the weighted observed share of each bin, of independent patients.

    Σ (P_u − ȳ W_u)² / (W² − Σ W_u²), with W_u the weight of a patient and P_u that of the positives: for
    patients of one image with equal weights it is ȳ(1 − ȳ)/(n − 1). 0 where a bin has one patient.
    """
    n, pos = each[0::3], each[1::3]
    sums = np.concatenate([n, pos, n * n, n * pos, pos * pos])
    weight, positive, nn, np_, pp = np.split(unit_sums(sums, counts, n_resamples), 5)
    observed = positive / np.maximum(weight, 1e-300)
    rest = weight**2 - nn
    several = rest > 1e-9 * weight**2
    spread = pp - 2 * observed * np_ + observed**2 * nn
    return np.where(several, spread / np.where(several, rest, 1.0), 0.0)


def _binned(
    each: NDArray[np.float64], totals: NDArray[np.float64], noises: NDArray[np.float64]
) -> tuple[Replicated, Replicated]:
    """ECE, and the debiased error: Σ w_b [(p̄_b − ȳ_b)² − noise_b]."""
    absolute, square, total = np.zeros((3, totals.shape[1]))
    moved_absolute, moved_square, images = np.zeros((3, each.shape[1]))
    for b, noise in zip(range(0, len(each), 3), noises, strict=True):
        n, pos, expected = totals[b : b + 3]
        if n[0] == 0:
            continue
        held = each[b : b + 3]
        safe = np.where(n > 0, n, 1)
        observed, predicted = pos / safe, expected / safe
        absolute += n * np.abs(predicted - observed)
        square += n * ((predicted - observed) ** 2 - noise)
        total += n
        off, apart = predicted[0] - observed[0], held[2] - held[1]
        moved_absolute += np.sign(off) * apart
        moved_square += 2 * off * apart - off**2 * held[0]
        images += held[0]
    ece = ratio(absolute, total, moved_absolute, images)
    squared = ratio(square, total, moved_square, images)
    with np.errstate(invalid="ignore"):
        debiased = np.sqrt(np.maximum(squared.replicates, 0))
    # At the floor of 0 the error has no slope, and so no interval.
    slope = 1 / (2 * debiased[0]) if debiased[0] > 0 else np.nan
    return ece, Replicated(debiased, squared.influence * slope)


def _recalibration(
    labels: NDArray[np.float64],
    x: NDArray[np.float64],
    rows: NDArray[np.int64],
    weights: NDArray[np.float64],
    counts: Counts,
    n_resamples: int,
) -> tuple[Replicated, Replicated]:
    """Return the intercept with the logit `x` as offset, and the slope on it."""
    n_units = counts.shape[1]
    undefined = Replicated(np.full(n_resamples + 1, np.nan), np.full(n_units, np.nan))
    if not 0 < labels.sum() < labels.size or np.ptp(x) == 0:
        return undefined, undefined
    design = np.column_stack([np.ones(labels.size), x])
    found = []
    for fit in (
        _calibration_in_the_large(labels, x, weights),
        _logistic(design, labels, weights),
    ):
        if fit is None:
            found.append(undefined)
            continue
        theta, inverse = fit
        if theta.size == 1:
            influence = (labels - expit(theta[0] + x)) * inverse[0, 0]
        else:
            influence = (design * (labels - expit(design @ theta))[:, None]) @ inverse[-1]
        each = per_unit((weights * influence)[None], rows, n_units)
        found.append(Replicated(theta[-1] + unit_sums(each, counts, n_resamples)[0], each[0]))
    return found[0], found[1]


_LARGE = 2.0**500


def platt(
    y_true: ArrayLike, y_score: ArrayLike, *, weights: NDArray[np.float64] | None = None
) -> tuple[float, float]:
    """Fit a map from scores to probabilities: expit(intercept + slope · score) (Platt 1999).

    With `weights` per image, images count for them.

    Returns
    -------
    tuple of float
        Intercept and slope; NaN if the images hold one class or the scores separate them.

    Examples
    --------
    >>> platt([0, 1, 0, 1], [1.0, 1.0, 1.0, 1.0])
    (nan, nan)
    """
    labels, scores = checked(y_true, y_score)
    if labels.all() or not labels.any() or np.ptp(scores) == 0:
        return np.nan, np.nan
    if np.abs(scores).max() > _LARGE:  # whose squares a double cannot hold
        intercept, slope = platt(labels, scores / _LARGE, weights=weights)
        return intercept, slope / _LARGE
    centre, scale = scores.mean(), scores.std()
    if scale == 0:
        return np.nan, np.nan
    design = np.column_stack([np.ones(labels.size), (scores - centre) / scale])
    own = np.ones(labels.size) if weights is None else weights
    fit = _logistic(design, labels.astype(np.float64), own)
    if fit is None:
        return np.nan, np.nan
    slope = float(fit[0][1] / scale)
    return float(fit[0][0] - slope * centre), slope


def _calibration_in_the_large(
    labels: NDArray[np.float64], offset: NDArray[np.float64], weights: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]] | None:
    """Fit an intercept alone, as `_logistic` would, without its matrices."""
    theta = 0.0
    for _ in range(50):
        p = expit(theta + offset)
        information = float((weights * (p * (1 - p))).sum())
        if not information > 0:
            return None
        move = float((weights * (labels - p)).sum()) / information
        theta += min(max(move, -4.0), 4.0)
        if abs(move) < 1e-10:
            return np.array([theta]), np.array([[1 / information]])
    return None


def _logistic(
    design: NDArray[np.float64], labels: NDArray[np.float64], weights: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]] | None:
    """Fit by Newton's method; return coefficients and inverse information, None if separated."""
    theta = np.zeros(design.shape[1])
    for _ in range(50):
        p = expit(design @ theta)
        information = (design * (weights * (p * (1 - p)))[:, None]).T @ design
        if np.linalg.cond(information) > 1e12:
            return None
        move = np.linalg.solve(information, design.T @ (weights * (labels - p)))
        theta = theta + np.clip(move, -4, 4)
        if np.abs(move).max() < 1e-10:
            return theta.astype(np.float64), np.linalg.inv(information).astype(np.float64)
    return None


def reliability_curve(
    y_true: ArrayLike, y_prob: ArrayLike, *, edges: Edges | None = None
) -> NDArray[np.float64]:
    """Return mean probability, observed share and number of images per bin that has any.

    Returns
    -------
    numpy.ndarray, shape (n_bins_used, 3)
    """
    labels, probability = _probabilities(y_true, y_prob)
    edges = equal_width_edges() if edges is None else edges
    bins = _bins(probability, edges)
    n = np.bincount(bins, minlength=edges.size - 1)
    used = n > 0
    predicted = np.bincount(bins, probability, edges.size - 1)[used] / n[used]
    observed = np.bincount(bins, labels.astype(float), edges.size - 1)[used] / n[used]
    return np.column_stack([predicted, observed, n[used].astype(np.float64)])
