"""What wrong labels of a shortcut can do to the gap between finding it with and without.

A detector that labels the shortcut errs, so the positives it calls *with* hold some without, and the
reverse. If the errors have nothing to do with the score, they pull the two arms together and the
gap can be put right; if they do, they can do more, and only bounds are left.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cxraudit.stats.replicated import Replicated, weighted_sum


@dataclass(frozen=True, slots=True, kw_only=True)
class DetectorError:
    """How well the shortcut is detected among images with the finding."""

    sensitivity: float
    specificity: float

    def predictive_values(self, share_called: float) -> tuple[float, float]:
        """Return P(there | called) and P(not there | not called), from the share that is called.

        The true share is (share called + specificity − 1) / (sensitivity + specificity − 1)
        (Rogan & Gladen 1978). NaN if the detector has no skill, or if that share lies outside 0–1: with
        such errors so many images would not have been called.
        """
        skill = self.sensitivity + self.specificity - 1
        share = (share_called + self.specificity - 1) / skill if skill > 0 else np.nan
        if not 0 <= share <= 1 or not 0 < share_called < 1:
            return np.nan, np.nan
        positive = self.sensitivity * share / share_called
        negative = self.specificity * (1 - share) / (1 - share_called)
        return positive, negative


def corrected_gap(
    called_with: Replicated,
    called_without: Replicated,
    n_called: tuple[int, int],
    errors: DetectorError,
    *,
    known_with: Replicated | None = None,
    known_without: Replicated | None = None,
    n_known: tuple[int, int] = (0, 0),
) -> Replicated:
    """Give the gap of two areas as it would be with true labels, if errors do not depend on scores.

    An area against shared negatives is a mean over its positives, so that the area of the images
    called *with* is PPV · A₁ + (1 − PPV) · A₀, and likewise for the others: two equations for
    the true areas A₁ and A₀. Arms that people annotated are added by their numbers.

    Parameters
    ----------
    called_with, called_without : Replicated
        Areas of the positives the detector called, and did not call, against all negatives.
    n_called : tuple of int
        How many positives these are.
    errors : DetectorError
        From images with labels by people.
    known_with, known_without, n_known
        The same for positives that people annotated; leave out where there are none.

    Returns
    -------
    Replicated
        With − without; NaN if the detector has no skill, or its errors do not fit the share it called.
        The detector's rates and the numbers of
        images are taken as known.
    """
    n = sum(n_called)
    ppv, npv = errors.predictive_values(n_called[0] / n)
    skill = ppv + npv - 1
    if not skill > 0:
        return weighted_sum([called_with], [np.nan])
    share_with = ppv * n_called[0] / n + (1 - npv) * n_called[1] / n
    with_weight, without_weight = n * share_with, n * (1 - share_with)
    # The true areas of the images the detector labelled, as weights of the two areas it gives.
    true_with = np.array([npv, -(1 - ppv)]) / skill
    true_without = np.array([-(1 - npv), ppv]) / skill
    scale_with = with_weight / (with_weight + n_known[0])
    scale_without = without_weight / (without_weight + n_known[1])
    weights = scale_with * true_with - scale_without * true_without
    parts, factors = [called_with, called_without], list(weights)
    if known_with is not None and n_known[0]:
        parts.append(known_with)
        factors.append(1 - scale_with)
    if known_without is not None and n_known[1]:
        parts.append(known_without)
        factors.append(-(1 - scale_without))
    return weighted_sum(parts, factors)


def gap_bounds(
    placements: NDArray[np.float64],
    has: NDArray[np.bool_],
    predicted: NDArray[np.bool_],
    possible: Sequence[DetectorError],
) -> tuple[float, float]:
    """Bound the gap over every way the expected number of errors can fall on the images.

    Parameters
    ----------
    placements : numpy.ndarray, shape (n_positives,)
        Share of all negatives each positive is ranked above (ties half): an area is their mean.
    has : numpy.ndarray of bool, shape (n_positives,)
        Whether the shortcut is there, by people or by the detector.
    predicted : numpy.ndarray of bool, shape (n_positives,)
        Whether the label is the detector's; only these may be wrong.
    possible : sequence of DetectorError
        Errors the detector may have, such as all combinations of the limits of its sensitivity and
        specificity. The lowest predictive values among them count; those that do not fit the share of
        images that was called are left out.

    Returns
    -------
    tuple of float
        Lowest and highest gap, with − without, if at most the expected numbers (rounded up) of
        called and of not called images are wrong. NaN if no error fits.
    """
    called, missed = predicted & has, predicted & ~has
    if not predicted.any():
        gap = _mean(placements[has]) - _mean(placements[~has])
        return gap, gap
    share = float(called.sum() / predicted.sum())
    values = np.array([errors.predictive_values(share) for errors in possible])
    values = values[np.isfinite(values).all(axis=1)]
    if not len(values):
        return np.nan, np.nan
    ppv, npv = values.min(axis=0)
    wrong_called = min(int(np.ceil((1 - ppv) * called.sum() - 1e-9)), int(called.sum()))
    wrong_missed = min(int(np.ceil((1 - npv) * missed.sum() - 1e-9)), int(missed.sum()))
    ends = []
    for sign in (-1, 1):
        # The gap grows if low images leave the arm with the shortcut and high ones join it.
        leaving = np.sort(sign * placements[called])[:wrong_called] * sign
        joining = np.sort(-sign * placements[missed])[:wrong_missed] * -sign
        out = np.concatenate([[0.0], np.cumsum(leaving)])[:, None]
        into = np.concatenate([[0.0], np.cumsum(joining)])[None, :]
        n_out, n_in = np.arange(out.size)[:, None], np.arange(into.size)[None, :]
        with np.errstate(invalid="ignore", divide="ignore"):
            first = (placements[has].sum() - out + into) / (has.sum() - n_out + n_in)
            second = (placements[~has].sum() + out - into) / ((~has).sum() + n_out - n_in)
        gaps = first - second
        gaps = gaps[np.isfinite(gaps)]
        ends.append(float(sign * np.max(sign * gaps)) if gaps.size else np.nan)
    return ends[0], ends[1]


def _mean(values: NDArray[np.float64]) -> float:
    return float(values.mean()) if values.size else np.nan
