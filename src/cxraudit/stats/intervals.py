"""Ranking metrics with their intervals: from labels and scores to an `Estimate` or a `Gap`.

The intervals are those of an audit: patients are resampled with all their images, since images of one
patient are not independent. What does not vary in a bootstrap, such as an AUROC of 1, gets its score
interval over patients.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cxraudit.stats.compare import estimate, gap
from cxraudit.stats.delong import newcombe
from cxraudit.stats.estimate import Estimate, Gap, NoInterval
from cxraudit.stats.limits import gap_of_limits, ignores_error, no_difference
from cxraudit.stats.ranking import RankingReplicates, checked, ranking_replicates
from cxraudit.stats.replicated import Replicated
from cxraudit.stats.resampling import draw_resamples


def auroc_interval(
    y_true: ArrayLike,
    y_score: ArrayLike,
    *,
    patients: ArrayLike | None = None,
    confidence_level: float = 0.95,
    interval: str = "t",
    n_resamples: int = 2000,
    seed: int = 0,
) -> Estimate:
    """AUROC with its interval by the patient-cluster bootstrap.

    An AUROC of 0 or 1 is the same in every resample; it gets the score interval of Newcombe (2006) over
    patients. Constant scores have an AUROC of exactly 0.5, whatever the patients. See
    `cxraudit.stats.delong.delong_interval` for an analytic interval.

    Parameters
    ----------
    y_true : array_like of {0, 1}, shape (n_images,)
        Whether the finding is present. Arrays, lists, and pandas or polars columns are accepted.
    y_score : array_like of float, shape (n_images,)
        Any score that increases with the evidence for the finding; only its order matters.
    patients : array_like, shape (n_images,), optional
        Patient of each image, as number or text. Default: every image is resampled by itself, which
        gives too narrow intervals where patients have several images.
    confidence_level : float
        Of the two-sided interval.
    interval : {"t", "percentile", "bca"}
        Student's t on the logit scale, with the larger of the analytic standard error and that of the
        resamples; expanded percentile of the resamples [1]_; or bias-corrected and accelerated [2]_.
    n_resamples : int
        Bootstrap resamples; at least 100 for an interval.
    seed : int
        Of the resamples: the same seed gives the same interval in any order of the images, and the
        interval of an audit of these images.

    Returns
    -------
    Estimate
        ``value``, ``low`` and ``high`` in [0, 1]; all NaN when only one class is present.

    Raises
    ------
    ValueError
        If there are no images, shapes differ, a label is not 0 or 1, a score is not finite, a patient is
        missing, or an option is out of range.

    References
    ----------
    .. [1] Hesterberg (2015), The American Statistician 69:371-386.
    .. [2] Efron (1987), Journal of the American Statistical Association 82:171-185.
    .. [3] Newcombe (2006), Statistics in Medicine 25:559-573.

    Examples
    --------
    >>> y_true, y_score = [0, 0, 1, 1] * 5, [0.1, 0.4, 0.35, 0.8] * 5
    >>> found = auroc_interval(y_true, y_score, patients=list(range(10)) * 2)
    >>> found.value, bool(found.low < found.value < found.high)
    (0.75, True)
    """
    images = _images(y_true, y_score, patients)
    everything = _everything(images)
    found = _replicates(images, [everything], n_resamples, seed)[0]
    return _auroc(images, everything, found.auroc, confidence_level, interval)


def average_precision_interval(
    y_true: ArrayLike,
    y_score: ArrayLike,
    *,
    patients: ArrayLike | None = None,
    confidence_level: float = 0.95,
    interval: str = "t",
    n_resamples: int = 2000,
    seed: int = 0,
) -> Estimate:
    """Average precision with its interval by the patient-cluster bootstrap.

    Average precision depends on prevalence, so values of groups that differ in prevalence are not
    comparable; see `cxraudit.stats.ranking.average_precision_at`.

    Parameters
    ----------
    y_true, y_score, patients, confidence_level, interval, n_resamples, seed
        As in `auroc_interval`.

    Returns
    -------
    Estimate
        ``value``, ``low`` and ``high`` in [0, 1]; all NaN without positives, and no interval without
        negatives.

    Raises
    ------
    ValueError
        As in `auroc_interval`.

    Examples
    --------
    >>> y_true, y_score = [0, 0, 1, 1] * 5, [0.1, 0.4, 0.35, 0.8] * 5
    >>> round(average_precision_interval(y_true, y_score).value, 4)
    0.8333
    """
    images = _images(y_true, y_score, patients)
    found = _replicates(images, [_everything(images)], n_resamples, seed)[0]
    return _estimate(images, found.average_precision, confidence_level, interval, "logit")


def adjusted_auprc_interval(
    y_true: ArrayLike,
    y_score: ArrayLike,
    *,
    patients: ArrayLike | None = None,
    confidence_level: float = 0.95,
    interval: str = "t",
    n_resamples: int = 2000,
    seed: int = 0,
) -> Estimate:
    """1 − log(average precision) / log(prevalence), with its interval by the patient-cluster bootstrap.

    The prevalence is that of each resample, so its uncertainty is part of the interval.

    Parameters
    ----------
    y_true, y_score, patients, confidence_level, interval, n_resamples, seed
        As in `auroc_interval`.

    Returns
    -------
    Estimate
        0 at chance level, 1 if perfect; all NaN when only one class is present.

    Raises
    ------
    ValueError
        As in `auroc_interval`.

    References
    ----------
    .. [1] Mosquera et al. (2024), European Radiology.

    Examples
    --------
    >>> y_true, y_score = [0, 0, 1, 1] * 5, [0.1, 0.4, 0.35, 0.8] * 5
    >>> round(adjusted_auprc_interval(y_true, y_score).value, 4)
    0.737
    """
    images = _images(y_true, y_score, patients)
    found = _replicates(images, [_everything(images)], n_resamples, seed)[0]
    return _estimate(images, found.adjusted_auprc, confidence_level, interval, "log below 1")


def auroc_gap(
    y_true: ArrayLike,
    y_score: ArrayLike,
    in_group: ArrayLike,
    *,
    patients: ArrayLike | None = None,
    confidence_level: float = 0.95,
    interval: str = "t",
    n_resamples: int = 2000,
    seed: int = 0,
) -> Gap:
    """Difference in AUROC between a group and all other images, with its interval and test.

    Both sides are computed on the same resamples, so patients with images on both sides are accounted
    for. The p-value is tested on the logit scale. Where a side is the same in every resample, as an
    AUROC of 0 or 1 is, the interval and the p-value come from the score intervals of both sides
    (MOVER) [1]_. A difference that is 0 in every resample is exactly 0, and so is its interval; whether
    there are enough patients for a verdict is up to the caller of `cxraudit.stats.verdict.judge`.

    Parameters
    ----------
    y_true, y_score, patients, interval, n_resamples, seed
        As in `auroc_interval`.
    in_group : array_like of bool, shape (n_images,)
        Whether an image belongs to the group; the reference is all other images.
    confidence_level : float
        Of the two-sided interval; above 0.5.

    Returns
    -------
    Gap
        Group − all other images, in [−1, 1]; NaN when one side has only one class.
        `cxraudit.stats.verdict.judge` gives the verdict.

    Raises
    ------
    ValueError
        As in `auroc_interval`, and if `in_group` does not hold one boolean per image.

    References
    ----------
    .. [1] Zou, Donner (2008), Statistics in Medicine 27:1693-1702.

    Examples
    --------
    >>> y_true, y_score = [0, 0, 1, 1] * 5, [0.1, 0.4, 0.35, 0.8] * 5
    >>> found = auroc_gap(y_true, y_score, [True] * 8 + [False] * 12)
    >>> found.value, bool(found.low < 0 < found.high)
    (0.0, True)
    """
    images = _images(y_true, y_score, patients)
    group = _mask(in_group, images.labels.shape)
    _check_level(confidence_level, 0.5)
    cells = (group, ~group)
    sides = [found.auroc for found in _replicates(images, cells, n_resamples, seed)]
    found = gap(*sides, confidence_level=confidence_level, interval=interval, scale="logit")
    unvaried = found.value == 0 and found.reason == NoInterval.IDENTICAL_RESAMPLES
    if unvaried and np.ptp(images.scores) == 0:
        found = no_difference(found)
    elif unvaried or (n_resamples and ignores_error(found, sides)):
        (first, first_inner), (second, second_inner) = (
            [
                _auroc(images, cell, side, level, interval)
                for level in (confidence_level, 2 * confidence_level - 1)
            ]
            for cell, side in zip(cells, sides, strict=True)
        )
        found = gap_of_limits((first, first_inner), (second, second_inner))
    return replace(found, method=_method(images, found.method))


@dataclass(frozen=True, slots=True)
class _Images:
    """Checked labels and scores, with the row of each image's patient among the resampled units."""

    labels: NDArray[np.bool_]
    scores: NDArray[np.float64]
    units: NDArray[np.int64]
    unit: str
    """What is resampled: ``patient`` or ``image``."""


def _images(y_true: ArrayLike, y_score: ArrayLike, patients: ArrayLike | None) -> _Images:
    labels, scores = checked(y_true, y_score)
    if not labels.size:
        raise ValueError("y_true holds no images")
    if patients is None:
        return _Images(labels, scores, np.arange(labels.size), "image")
    names = np.asarray(patients)
    if names.shape != labels.shape:
        raise ValueError(f"y_true has {labels.size} images, patients has shape {names.shape}")
    if any(_is_missing(name) for name in names.tolist()):
        raise ValueError("patients has missing values")
    # Sorted as text, as an audit sorts them: the same seed draws the same patients.
    units = np.unique(names.astype(str), return_inverse=True)[1]
    return _Images(labels, scores, units.astype(np.int64), "patient")


def _is_missing(name: object) -> bool:
    """Return whether an identifier is None, NaN or pandas.NA."""
    try:
        return name is None or bool(name != name)
    except TypeError:  # pandas.NA is neither true nor false
        return True


def _everything(images: _Images) -> NDArray[np.bool_]:
    return np.ones(images.labels.shape, dtype=bool)


def _replicates(
    images: _Images, cells: Sequence[NDArray[np.bool_]], n_resamples: int, seed: int
) -> list[RankingReplicates]:
    """Return the ranking metrics of sets of images on shared resamples."""
    counts = draw_resamples(int(images.units.max()) + 1, n_resamples, seed)
    return ranking_replicates(
        images.labels,
        images.scores,
        images.units,
        np.stack(cells),
        counts,
        n_resamples=n_resamples,
    )


def _estimate(
    images: _Images, found: Replicated, level: float, interval: str, scale: str
) -> Estimate:
    _check_level(level)
    summary = estimate(found, confidence_level=level, interval=interval, scale=scale)
    return replace(summary, method=_method(images, summary.method))


def _auroc(
    images: _Images,
    cell: NDArray[np.bool_],
    found: Replicated,
    level: float,
    interval: str,
) -> Estimate:
    """Estimate an AUROC, by its score interval where the bootstrap does not vary."""
    summary = _estimate(images, found, level, interval, "logit")
    has_resamples = found.replicates.size > 1
    if not has_resamples or not np.isfinite(summary.value) or np.isfinite(summary.low):
        return summary
    if np.ptp(images.scores) == 0:
        exact = "exact: all scores are equal"
        return replace(summary, value=0.5, low=0.5, high=0.5, method=exact, reason="")
    n_positive, n_negative = (
        np.unique(images.units[cell & side]).size for side in (images.labels, ~images.labels)
    )
    low, high = newcombe(summary.value, n_positive, n_negative, confidence_level=level)
    method = f"Newcombe score interval over {images.unit}s"
    return replace(summary, low=low, high=high, method=method, reason="")


def _method(images: _Images, method: str) -> str:
    """Name what is resampled."""
    unit = {"patient": "patient-cluster", "image": "image-level"}[images.unit]
    return f"{unit} {method}" if method.startswith("bootstrap") else method


def _mask(in_group: ArrayLike, shape: tuple[int, ...]) -> NDArray[np.bool_]:
    values = np.asarray(in_group)
    if values.shape != shape:
        raise ValueError(f"y_true has {shape[0]} images, in_group has shape {values.shape}")
    if values.dtype != bool:
        raise ValueError(f"in_group must hold booleans without missing values, got {values.dtype}")
    return values


def _check_level(level: float, lowest: float = 0.0) -> None:
    if not lowest < level < 1:
        raise ValueError(f"confidence_level must lie between {lowest:g} and 1, got {level}")
