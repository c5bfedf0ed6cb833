"""By how much the AUROC of many sets of images is below that of others: to search, not to conclude."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Masks = NDArray[np.bool_]
Floats = NDArray[np.float64]

_AT_ONCE = 256
"""Sets that are ranked together: bounds the memory."""


@dataclass(frozen=True, slots=True)
class Shortfalls:
    """Of several sets of images; arrays of shape (n_sets,)."""

    differences: Floats
    """AUROC outside − AUROC inside; NaN where either does not exist."""
    errors: Floats
    """Standard error over patients, from the influence of each."""

    def lower(self, spread: float) -> Floats:
        """Return by how much each set is worse beyond noise, shrunken for its size.

        The mean less one standard deviation of the true shortfall, if those of all sets are spread around 0
        with the standard deviation `spread` (a normal prior): a large shortfall of a few images is worth less
        than a smaller one of many. NaN is minus infinity.
        """
        kept = spread**2 / (spread**2 + self.errors**2)
        found = kept * self.differences - np.sqrt(kept) * self.errors
        return np.where(np.isfinite(found), found, -np.inf)


@dataclass(frozen=True, slots=True)
class Ranked:
    """Images in the order of their scores."""

    y_true: Masks
    """Shape (n,)."""
    patients: NDArray[np.int64]
    """Number of the patient of each image."""
    weights: Floats
    order: NDArray[np.intp]
    starts: NDArray[np.intp]
    """How many images have a smaller score, by place in the order."""
    ends: NDArray[np.intp]
    """How many have a score that is not larger."""
    by_patient: NDArray[np.intp]
    """Places in the order, patient by patient."""
    firsts: NDArray[np.intp]
    """Where each patient begins among them."""

    def shortfalls(self, inside: Masks, outside: Masks) -> Shortfalls:
        """Compare sets of images, each of one row of `inside`, with others, of the same row of `outside`.

        Parameters
        ----------
        inside, outside : numpy.ndarray of bool, shape (n_sets, n)
            In the order in which the images were given.
        """
        values, errors = [np.empty(0)], [np.empty(0)]
        for part in _parts(len(inside)):
            first, first_influence = self._auroc(inside[part])
            second, second_influence = self._auroc(outside[part])
            by_patient = np.add.reduceat(
                (second_influence - first_influence)[:, self.by_patient], self.firsts, axis=1
            )
            values.append(second - first)
            errors.append(np.sqrt((by_patient**2).sum(axis=1)))
        return Shortfalls(np.concatenate(values), np.concatenate(errors))

    def patients_with(self, sets: Masks, *, positive: bool) -> NDArray[np.int64]:
        """Count the patients of each set with images with, or without, the finding."""
        counts = [np.empty(0, dtype=np.int64)]
        of_class = (self.y_true if positive else ~self.y_true)[self.order]
        for part in _parts(len(sets)):
            chosen = (sets[part][:, self.order] & of_class)[:, self.by_patient]
            counts.append(np.logical_or.reduceat(chosen, self.firsts, axis=1).sum(axis=1))
        return np.concatenate(counts)

    def _auroc(self, sets: Masks) -> tuple[Floats, Floats]:
        """Return the AUROC of sets and the influence of their images, in the order of scores (DeLong)."""
        weights = np.where(sets, self.weights, 0.0)[:, self.order]
        positive = weights * self.y_true[self.order]
        negative = weights - positive
        with np.errstate(invalid="ignore", divide="ignore"):
            below = self._middle(negative) / negative.sum(axis=1, keepdims=True)
            above = 1 - self._middle(positive) / positive.sum(axis=1, keepdims=True)
            shares = [one / one.sum(axis=1, keepdims=True) for one in (positive, negative)]
            auroc = (shares[0] * below).sum(axis=1)
            centre = auroc[:, None]
            influence = shares[0] * (below - centre) + shares[1] * (above - centre)
        return auroc, influence

    def _middle(self, weights: Floats) -> Floats:
        """Return the weight of the images with a smaller score, and half of that with the same score."""
        total = np.zeros((len(weights), weights.shape[1] + 1))
        np.cumsum(weights, axis=1, out=total[:, 1:])
        return (total[:, self.starts] + total[:, self.ends]) / 2


def _parts(n: int) -> Iterator[slice]:
    return (slice(start, start + _AT_ONCE) for start in range(0, n, _AT_ONCE))


def ranked(
    y_true: Masks,
    y_score: Floats,
    patients: NDArray[np.int64],
    weights: Floats | None = None,
) -> Ranked:
    """Put images in the order of their scores, for the comparison of many sets of them.

    Parameters
    ----------
    y_true : numpy.ndarray of bool, shape (n,)
        Whether each image has the finding.
    y_score : numpy.ndarray, shape (n,)
        Finite.
    patients : numpy.ndarray of int, shape (n,)
        Number of the patient of each image.
    weights : numpy.ndarray, shape (n,), optional
        How much each image counts for; default: all the same.
    """
    order = np.argsort(y_score, kind="stable")
    scores = y_score[order]
    by_patient = np.argsort(patients[order], kind="stable")
    own = patients[order][by_patient]
    return Ranked(
        y_true=np.asarray(y_true, dtype=bool),
        patients=patients,
        weights=np.ones(y_score.size) if weights is None else weights,
        order=order,
        starts=np.searchsorted(scores, scores, side="left"),
        ends=np.searchsorted(scores, scores, side="right"),
        by_patient=by_patient,
        firsts=np.flatnonzero(np.r_[True, own[1:] != own[:-1]]),
    )
