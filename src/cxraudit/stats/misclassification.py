"""Effect of misclassified shortcut labels on the gap between images with and without the shortcut.

A detector that labels the shortcut makes errors, so the images it labels *with* include some without, and
the reverse. If the errors are independent of the score, they bias the gap towards zero and it can be
corrected; if they are not, it can only be bounded. Rates are those among the images they are applied to:
of one class of the finding.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import bdtr, ndtri


@dataclass(frozen=True, slots=True, kw_only=True)
class DetectorError:
    """Accuracy of the shortcut's detector among the images of one class of the finding."""

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
        Numbers (or weights) of images of a class predicted with, and without, the shortcut.
    errors : DetectorError
        Estimated on annotated images of the class.
    n_annotated : tuple of float
        Numbers (or weights) of images of the class annotated with, and without, the shortcut.

    Returns
    -------
    tuple of float
        Weights of the areas of images predicted with and without, annotated with and without, each against
        the same images; their weighted sum is the gap with − without. The first is NaN and the others are 0
        if the detector is no better than chance, or its errors are not compatible with the share it
        predicted. The detector's error rates and the numbers of images are taken as known; see
        `estimated_weights` for both as estimates.
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


def estimated_weights(
    sizes: NDArray[np.float64],
    unit_sizes: NDArray[np.float64],
    rates: tuple["Rate | float", "Rate | float"],
    *,
    rng: np.random.Generator,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return `corrected_weights` as the estimates they are: of the rates, and of the numbers of images.

    Weights follow rates and numbers linearly (delta method): near chance level the correction itself has no
    finite variance, and a few draws would make up all of the error.

    Parameters
    ----------
    sizes : numpy.ndarray, shape (4, n_resamples + 1)
        Numbers (or weights) of images predicted with and without, annotated with and without, in the cohort
        and in every replicate.
    unit_sizes : numpy.ndarray, shape (4, n_units)
        What each patient adds to them.
    rates : tuple of Rate or float
        Sensitivity and specificity of the detector among these images; a number is taken as known.
    rng : numpy.random.Generator
        Of the draws of the rates.

    Returns
    -------
    numpy.ndarray, shape (n_resamples + 1, 4)
        Weights in the cohort and in every replicate; all NaN where the rates are not compatible with the
        share that was predicted.
    numpy.ndarray, shape (n_units, 4)
        Influence of each patient on the weights.
    """
    given = np.array(
        [*(one.value if isinstance(one, Rate) else one for one in rates), *sizes[:, 0]]
    )
    slopes = _slopes(given)
    n_resamples = sizes.shape[1] - 1
    apart = np.zeros((n_resamples, given.size))
    for which, rate in enumerate(rates):
        if isinstance(rate, Rate):
            apart[:, which] = rate.draw(n_resamples, rng) - rate.value
    apart[:, 2:] = (sizes[:, 1:] - sizes[:, :1]).T
    found = np.tile(_weights_at(given), (n_resamples + 1, 1))
    found[1:] += apart @ slopes
    return found, unit_sizes.T @ slopes[2:]


STEP = 1e-4
"""Of a rate, and of the share of a number, for the slope of the weights."""


def _weights_at(given: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the weights at a sensitivity, a specificity and the four numbers of images."""
    sensitivity, specificity, *n = given.tolist()
    errors = DetectorError(sensitivity=sensitivity, specificity=specificity)
    return np.array(corrected_weights((n[0], n[1]), errors, n_annotated=(n[2], n[3])))


def _slopes(given: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the derivatives of the weights, shape (6, 4); NaN where there are no weights nearby."""
    middle = _weights_at(given)
    slopes = np.zeros((given.size, middle.size))
    for which, value in enumerate(given):
        is_rate = which < 2
        size = STEP if is_rate else STEP * value
        if not size:  # no image is of this kind, in any replicate
            continue
        usable = []
        for step in (-size, size):
            moved = given.copy()
            moved[which] += step
            # A rate of 1 has no neighbour above, and one at the end of what is compatible none beyond.
            if is_rate and moved[which] > 1:
                continue
            change = _weights_at(moved) - middle
            if np.isfinite(change).all():
                usable.append(change / step)
        slopes[which] = np.mean(usable, axis=0) if usable else np.nan
    return slopes


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """The lowest and the highest gap over all ways in which labels may be wrong."""

    low: float
    high: float
    wrong_with: int
    """Images predicted *with* of which as many may be *without*."""
    wrong_without: int
    """Images predicted *without* of which as many may be *with*."""


def gap_bounds(
    placements: NDArray[np.float64],
    has_shortcut: NDArray[np.bool_],
    is_predicted: NDArray[np.bool_],
    possible: Sequence[DetectorError],
    *,
    weights: NDArray[np.float64] | None = None,
    confidence_level: float = 0.95,
) -> Bounds:
    """Bound the gap over all assignments of errors to images.

    How many labels are wrong is binomial, if errors of different images are independent. Each of the two
    numbers (false *with*, false *without*) is at most its upper quantile at 1 − α/2, so that both are at
    once with the probability `confidence_level`, whatever images the errors fall on.

    Parameters
    ----------
    placements : numpy.ndarray, shape (n_images,)
        Share of the images that all are compared with below each image (ties half): an area is their mean.
        For the gap of a finding these are all negatives. For the separation of images with and without the
        shortcut they are the images of the class itself: the gap of its placements is the AUROC of images
        with against images without it, less 0.5.
    has_shortcut : numpy.ndarray of bool, shape (n_images,)
        Label of the shortcut, by annotators or by the detector.
    is_predicted : numpy.ndarray of bool, shape (n_images,)
        Whether the label is the detector's; only these may be wrong.
    possible : sequence of DetectorError
        Errors the detector may have, such as all combinations of the limits of its sensitivity and
        specificity. The largest numbers of errors among them count; errors that are not compatible with the
        share predicted are omitted.
    weights : numpy.ndarray, shape (n_images,), optional
        How much each image counts for; the errors may then fall on the images that count most, and part of
        an image may be wrong. Default: all count the same.
    confidence_level : float
        Of the two numbers of errors together.

    Returns
    -------
    Bounds
        Of the gap, with − without. NaN if no error is compatible.
    """
    own = np.ones(placements.size) if weights is None else weights
    predicted_with, predicted_without = is_predicted & has_shortcut, is_predicted & ~has_shortcut
    sums = [float((own * placements)[side].sum()) for side in (has_shortcut, ~has_shortcut)]
    held = [float(own[side].sum()) for side in (has_shortcut, ~has_shortcut)]
    if not is_predicted.any():
        gap = _share(sums[0], held[0]) - _share(sums[1], held[1])
        return Bounds(low=gap, high=gap, wrong_with=0, wrong_without=0)
    sides = (predicted_with, predicted_without)
    wrong = most_errors(
        (int(predicted_with.sum()), int(predicted_without.sum())), possible, confidence_level
    )
    if wrong is None:
        return Bounds(low=np.nan, high=np.nan, wrong_with=0, wrong_without=0)
    # Those that count most may be wrong.
    wrong_with, wrong_without = (
        float(np.sort(own[side])[::-1][:number].sum())
        for side, number in zip(sides, wrong, strict=True)
    )
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
    return Bounds(low=ends[0], high=ends[1], wrong_with=wrong[0], wrong_without=wrong[1])


def most_errors(
    n_predicted: tuple[int, int], possible: Sequence[DetectorError], confidence_level: float
) -> tuple[int, int] | None:
    """Return how many images predicted with, and without, may be wrong; None if no error is compatible.

    Both are binomial: of the images that truly lack the shortcut, as many as the detector's specificity says
    are predicted *with*, and the reverse. Their quantiles at 1 − α/2 hold together with the probability
    `confidence_level` (Bonferroni); of several possible errors the largest numbers count.
    """
    n = sum(n_predicted)
    level = (1 + confidence_level) / 2
    found = []
    for errors in possible:
        ppv, npv = errors.predictive_values(n_predicted[0] / n)
        if not np.isfinite(ppv) or not np.isfinite(npv):
            continue
        with_it = int(np.ceil(ppv * n_predicted[0] + (1 - npv) * n_predicted[1] - 1e-9))
        found.append(
            (
                _quantile(level, n - with_it, 1 - errors.specificity),
                _quantile(level, with_it, 1 - errors.sensitivity),
            )
        )
    if not found:
        return None
    most = np.max(found, axis=0)
    return min(int(most[0]), n_predicted[0]), min(int(most[1]), n_predicted[1])


def _quantile(level: float, n: int, share: float) -> int:
    """Return the smallest number that a binomial one does not exceed with a probability."""
    return int(np.searchsorted(bdtr(np.arange(n), n, share), level)) if n else 0


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
