"""Effect of misclassified shortcut labels on the gap between images with and without the shortcut.

A detector that labels the shortcut makes errors, so the positives it labels *with* include some
without, and the reverse. If the errors are independent of the score, they bias the gap towards zero
and it can be corrected; if they are not, it can only be bounded.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri


@dataclass(frozen=True, slots=True, kw_only=True)
class DetectorError:
    """Accuracy of the shortcut's detector among images with the finding."""

    sensitivity: float
    specificity: float

    def predictive_values(self, share_predicted: float) -> tuple[float, float]:
        """Return positive and negative predictive value, from the share predicted *with*.

        The true share is (share predicted + specificity − 1) / (sensitivity + specificity − 1)
        (Rogan & Gladen 1978). NaN if the detector is no better than chance, or if the true share
        would lie outside 0–1: such errors are not compatible with the share predicted.
        """
        youden = self.sensitivity + self.specificity - 1
        share = (share_predicted + self.specificity - 1) / youden if youden > 0 else np.nan
        if not 0 <= share <= 1 or not 0 < share_predicted < 1:
            return np.nan, np.nan
        positive = self.sensitivity * share / share_predicted
        negative = self.specificity * (1 - share) / (1 - share_predicted)
        return positive, negative


def corrected_weights(
    n_predicted: tuple[float, float],
    errors: DetectorError,
    *,
    n_annotated: tuple[float, float] = (0, 0),
) -> tuple[float, float, float, float]:
    """Return weights of areas whose sum is the gap under true labels, if errors are independent of scores.

    An area against shared negatives is a mean over its positives, so the area of the images
    predicted *with* is PPV · A₁ + (1 − PPV) · A₀, and likewise for those predicted *without*: two
    equations for the true areas A₁ and A₀. Annotated images are added in proportion to their number.

    Parameters
    ----------
    n_predicted : tuple of float
        Numbers (or weights) of positives predicted with, and without, the shortcut.
    errors : DetectorError
        Estimated on annotated images.
    n_annotated : tuple of float
        Numbers (or weights) of positives annotated with, and without, the shortcut.

    Returns
    -------
    tuple of float
        Weights of the areas of positives predicted with and without, annotated with and without, each
        against all negatives; their weighted sum is the gap with − without. The first is NaN and the
        others are 0 if the detector is no better than chance, or its errors are not compatible with the
        share it predicted. The detector's error rates and the numbers of images are taken as known; see
        `drawn_weights` for rates that are estimates.
    """
    n = sum(n_predicted)
    ppv, npv = errors.predictive_values(n_predicted[0] / n)
    determinant = ppv + npv - 1
    if not np.isfinite(determinant) or determinant <= 0:
        return np.nan, 0.0, 0.0, 0.0
    share_with = ppv * n_predicted[0] / n + (1 - npv) * n_predicted[1] / n
    weight_with, weight_without = n * share_with, n * (1 - share_with)
    # The true areas of the predicted images, as weights of the two areas that are observed.
    true_with = np.array([npv, -(1 - ppv)]) / determinant
    true_without = np.array([-(1 - npv), ppv]) / determinant
    scale_with = weight_with / (weight_with + n_annotated[0])
    scale_without = weight_without / (weight_without + n_annotated[1])
    first, second = scale_with * true_with - scale_without * true_without
    return (
        float(first),
        float(second),
        1 - scale_with if n_annotated[0] else 0.0,
        -(1 - scale_without) if n_annotated[1] else 0.0,
    )


STEP = 1e-4
"""Of a rate, for the slope of the weights."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """A share that was estimated, with its interval."""

    value: float
    low: float
    high: float
    confidence_level: float = 0.95

    def draw(self, n: int, rng: np.random.Generator) -> NDArray[np.float64]:
        """Draw what the share may be: normal on the arcsine scale, within 0–1.

        Its standard deviation there is the longer arm of the interval over the normal quantile: at a share of
        1 the interval has one arm, and draws beyond are as far below.
        """
        middle, low, high = (np.arcsin(np.sqrt(x)) for x in (self.value, self.low, self.high))
        spread = max(middle - low, high - middle) / ndtri((1 + self.confidence_level) / 2)
        return np.sin(middle + spread * rng.normal(size=n)) ** 2


def drawn_weights(
    n_predicted: tuple[float, float],
    sensitivity: Rate,
    specificity: Rate,
    *,
    n_annotated: tuple[float, float] = (0, 0),
    n_resamples: int,
    rng: np.random.Generator,
) -> NDArray[np.float64]:
    """Return `corrected_weights` with error rates drawn from what they may be, once per replicate.

    Weights follow the rates linearly (delta method): near chance level the correction itself has no finite
    variance, and a few draws would make up all of the error.

    Parameters
    ----------
    n_predicted, n_annotated : tuple of int
        As in `corrected_weights`.
    sensitivity, specificity : Rate
        Of the detector, estimated on annotated images.
    n_resamples : int
        Number of draws.
    rng : numpy.random.Generator
        Of the draws.

    Returns
    -------
    numpy.ndarray, shape (n_resamples + 1, 4)
        The first row is that of the rates as estimated; all NaN where these are not compatible with the share
        that was predicted.
    """

    def weights(sensitivity: float, specificity: float) -> NDArray[np.float64]:
        errors = DetectorError(sensitivity=sensitivity, specificity=specificity)
        return np.array(corrected_weights(n_predicted, errors, n_annotated=n_annotated))

    given = sensitivity.value, specificity.value
    found = np.tile(weights(*given), (n_resamples + 1, 1))
    for which, rate in enumerate((sensitivity, specificity)):
        # A rate of 1 has no neighbour above, and one at the end of what is compatible none beyond.
        moved = [
            tuple(value + step * (k == which) for k, value in enumerate(given))
            for step in (-STEP, STEP)
        ]
        usable = [
            (step, weights(*rates) - found[0])
            for step, rates in zip((-STEP, STEP), moved, strict=True)
            if max(rates) <= 1 and np.isfinite(weights(*rates)).all()
        ]
        slopes = [change / step for step, change in usable] or [np.full(4, np.nan)]
        apart = rate.draw(n_resamples, rng) - rate.value
        found[1:] += np.outer(apart, np.mean(slopes, axis=0))
    return found


def gap_bounds(
    placements: NDArray[np.float64],
    has_shortcut: NDArray[np.bool_],
    is_predicted: NDArray[np.bool_],
    possible: Sequence[DetectorError],
    *,
    weights: NDArray[np.float64] | None = None,
) -> tuple[float, float]:
    """Bound the gap over all assignments of the expected number of errors to images.

    Parameters
    ----------
    placements : numpy.ndarray, shape (n_positives,)
        Share of all negatives that score below each positive (ties half): an area is their mean.
    has_shortcut : numpy.ndarray of bool, shape (n_positives,)
        Label of the shortcut, by annotators or by the detector.
    is_predicted : numpy.ndarray of bool, shape (n_positives,)
        Whether the label is the detector's; only these may be wrong.
    possible : sequence of DetectorError
        Errors the detector may have, such as all combinations of the limits of its sensitivity and
        specificity. The lowest predictive values among them count; errors that are not compatible
        with the share predicted are omitted.
    weights : numpy.ndarray, shape (n_positives,), optional
        How much each image counts for; errors are then shares of weight, and part of an image may be
        wrong. Default: all count the same.

    Returns
    -------
    tuple of float
        Lowest and highest gap, with − without, if at most the expected numbers (rounded up) of
        images predicted *with* and *without* are wrong. NaN if no error is compatible.
    """
    own = np.ones(placements.size) if weights is None else weights
    predicted_with, predicted_without = is_predicted & has_shortcut, is_predicted & ~has_shortcut
    sums = [float((own * placements)[side].sum()) for side in (has_shortcut, ~has_shortcut)]
    held = [float(own[side].sum()) for side in (has_shortcut, ~has_shortcut)]
    if not is_predicted.any():
        gap = _share(sums[0], held[0]) - _share(sums[1], held[1])
        return gap, gap
    n_with, n_without = (float(own[side].sum()) for side in (predicted_with, predicted_without))
    share = n_with / (n_with + n_without)
    values = np.array([errors.predictive_values(share) for errors in possible])
    values = values[np.isfinite(values).all(axis=1)]
    if not len(values):
        return np.nan, np.nan
    ppv, npv = values.min(axis=0)
    wrong_with, wrong_without = (1 - ppv) * n_with, (1 - npv) * n_without
    if weights is None:  # whole images
        wrong_with = min(np.ceil(wrong_with - 1e-9), n_with)
        wrong_without = min(np.ceil(wrong_without - 1e-9), n_without)
    ends = []
    for sign in (-1, 1):
        # The gap is largest if low images leave the side with the shortcut and high ones join it.
        n_out, out = _moved(placements[predicted_with], own[predicted_with], wrong_with, sign)
        n_in, into = _moved(
            placements[predicted_without], own[predicted_without], wrong_without, -sign
        )
        n_out, out = n_out[:, None], out[:, None]
        with np.errstate(invalid="ignore", divide="ignore"):
            first = (sums[0] - out + into) / (held[0] - n_out + n_in)
            second = (sums[1] + out - into) / (held[1] + n_out - n_in)
        gaps = first - second
        gaps = gaps[np.isfinite(gaps)]
        ends.append(float(sign * np.max(sign * gaps)) if gaps.size else np.nan)
    return ends[0], ends[1]


def _moved(
    placements: NDArray[np.float64], weights: NDArray[np.float64], limit: float, sign: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return weight and sum of placements of none, one, two … images moved, up to a weight.

    The lowest move first where `sign` is 1, the highest where it is −1; of the last only the part that
    reaches the limit.
    """
    order = np.argsort(sign * placements)
    weight = np.concatenate([[0.0], np.cumsum(weights[order])])
    total = np.concatenate([[0.0], np.cumsum((weights * placements)[order])])
    ends = np.append(weight[weight < limit], limit)
    return ends, np.interp(ends, weight, total)


def _share(top: float, bottom: float) -> float:
    return top / bottom if bottom else np.nan
