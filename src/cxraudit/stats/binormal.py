"""How areas and rates will vary in a study that is still to be made, by the binormal model.

Scores of positives and of negatives are normal with one variance, and scores of images of one patient are
correlated. What a statistic varies by follows in closed form from pairs of images: an image with itself, and
with every other image of its patient.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri, owens_t


@dataclass(frozen=True, slots=True)
class Kernel:
    """Covariances of the contributions of two images of one patient to a statistic.

    The contribution of an image is its influence times the number of images of its class.
    """

    positive: float
    """Variance of the contribution of an image with the finding."""
    negative: float
    """Of one without the finding."""
    positives: float
    """Covariance of two images with the finding."""
    negatives: float
    """Of two without the finding."""
    mixed: float
    """Of one with and one without it."""


@dataclass(frozen=True, slots=True)
class Occurrences:
    """Images and ordered pairs of images of one patient, per patient of the study."""

    positive: float
    negative: float
    positives: float
    """Pairs with the finding in both."""
    negatives: float
    """Pairs with the finding in neither."""
    mixed: float
    """Pairs with the finding in the first only; the same number have it in the second only."""
    concentration: float = 0.0
    """Share of the images of the cell that the patient of an average pair has, times the patients of the
    study."""


def distance(auroc: float) -> float:
    """Return the distance of the means of two normal distributions of variance 1 with an AUROC."""
    return float(np.sqrt(2) * ndtri(auroc))


def both_below(place: float, correlation: float) -> float:
    """Return P(X ≤ place and Y ≤ place) of two standard normal variables (Owen 1956).

    Examples
    --------
    >>> round(both_below(0.0, 0.5), 6)  # 1/4 + arcsin(r)/2π
    0.333333
    """
    slope = np.sqrt((1 - correlation) / (1 + correlation))
    return float(ndtr(place) - 2 * owens_t(place, slope))


def auroc_kernel(auroc: float, correlation: float) -> Kernel:
    """Return the covariances of the placements of images, whose mean is the AUROC (DeLong 1988).

    Parameters
    ----------
    auroc : float
        Between 0 and 1, both excluded.
    correlation : float
        Of the scores of two images of one patient, given their labels; at least 0 and below 1.
    """
    place, square = float(ndtri(auroc)), auroc**2
    # A placement of an image is P(it is on the right side of a new one). Two comparisons share the score of
    # the image itself, or correlated ones; that of a positive and that of a negative are contrary.
    own = both_below(place, 0.5) - square
    other = both_below(place, correlation / 2) - square
    return Kernel(own, own, other, other, both_below(place, -correlation / 2) - square)


def relative_error(value: float, auroc: float) -> float:
    """Return the standard error at another AUROC over that at `auroc`, of as many images of as many patients.

    Examples
    --------
    >>> round(relative_error(0.7, 0.85), 3)
    1.377
    """
    return float(np.sqrt(auroc_kernel(value, 0.0).positive / auroc_kernel(auroc, 0.0).positive))


def rate_kernel(rate: float, correlation: float, *, of_positives: bool) -> Kernel:
    """Return the covariances of the decisions about images, whose mean is the TPR or the FPR."""
    own = rate * (1 - rate)
    other = both_below(float(ndtri(rate)), correlation) - rate**2
    return Kernel(own, 0.0, other, 0.0, 0.0) if of_positives else Kernel(0.0, own, 0.0, other, 0.0)


def variance(kernel: Kernel, cell: Occurrences, patients: float) -> float:
    """Return the variance of a statistic of a cell in a study of some patients.

    To second order: the number of images of a class is random, so that its inverse is larger on average than
    that of its mean; and the images of a patient with many are compared with each other, too.
    """
    value = _of_pairs(kernel, cell, cell) / (1 + cell.concentration / patients) ** 2
    for own, images in ((kernel.positive, cell.positive), (kernel.negative, cell.negative)):
        if own:
            value += own / images * (1 + 1 / (images * patients))
    return value / patients


def covariance(
    kernel: Kernel, shared: Occurrences, cells: tuple[Occurrences, Occurrences], patients: float
) -> float:
    """Return the covariance of a statistic of two cells in a study of some patients.

    `shared` holds the pairs of images of one patient with one image in each cell.
    """
    value = _of_pairs(kernel, shared, *cells)
    return value / (1 + shared.concentration / patients) ** 2 / patients


def _of_pairs(kernel: Kernel, pairs: Occurrences, *cells: Occurrences) -> float:
    first, second = cells[0], cells[-1]
    value = 0.0
    if kernel.positives:
        value += kernel.positives * pairs.positives / (first.positive * second.positive)
    if kernel.negatives:
        value += kernel.negatives * pairs.negatives / (first.negative * second.negative)
    if kernel.mixed:
        crossed = first.positive * second.negative, first.negative * second.positive
        value += kernel.mixed * pairs.mixed * sum(1 / one for one in crossed)
    return value


def both_have(prevalence: float, other: float, correlation: float) -> float:
    """Return P(two images of one patient both have the finding), by the correlation of their labels."""
    spread = np.sqrt(prevalence * (1 - prevalence) * other * (1 - other))
    return float(prevalence * other + correlation * spread)


def placements(
    positive: NDArray[np.bool_], noise: NDArray[np.float64], auroc: float
) -> NDArray[np.float64]:
    """Return the placement of each image minus the AUROC, of its score without the effect of the label."""
    apart = distance(auroc)
    return ndtr(np.where(positive, apart + noise, apart - noise)) - auroc
