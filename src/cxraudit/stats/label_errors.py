"""What wrong labels can do to a difference between groups among images with the same recorded label.

Where a finding is more frequent in one group, more of its recorded positives are true ones, and more of its
recorded negatives are missed positives: among images with the same recorded label its scores are higher,
though they depend on nothing but the finding. Errors are taken to be as frequent in
both groups and in both classes.
"""

import math
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

_STEP = 0.0025
"""Of the rates that are tried."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """Scores by recorded label and group; arrays are those of all other groups first, then of the group."""

    prevalence: NDArray[np.float64]
    """Of the recorded finding in each, shape (2,)."""
    means: NDArray[np.float64]
    """Mean score by label (negative, positive) and group, shape (2, 2)."""
    variances: NDArray[np.float64]
    """Variance of the score by label within groups, shape (2,)."""
    weights: NDArray[np.float64]
    """Of the groups, in the difference between positives and negatives."""

    @classmethod
    def of(cls, labels: ArrayLike, scores: ArrayLike, in_group: ArrayLike) -> Self:
        """Summarise images; NaN where a group lacks a class.

        Parameters
        ----------
        labels, in_group : array_like of bool, shape (n,)
            Recorded label, and whether an image is of the group.
        scores : array_like of float, shape (n,)
            Scores.
        """
        label, group = np.asarray(labels, dtype=bool), np.asarray(in_group, dtype=bool)
        score = np.asarray(scores, dtype=np.float64)
        cells = [[score[(label == y) & (group == g)] for g in (False, True)] for y in (False, True)]
        sizes = np.array([[cell.size for cell in row] for row in cells], dtype=np.float64)
        n = sizes.sum(axis=0)
        if not sizes.all():
            nothing = np.full(2, math.nan)
            return cls(nothing, np.full((2, 2), math.nan), nothing, nothing)
        means = np.array([[cell.mean() for cell in row] for row in cells])
        squares = np.array([[cell.var() * cell.size for cell in row] for row in cells])
        return cls(
            sizes[1] / n,
            means,
            squares.sum(axis=1) / sizes.sum(axis=1),
            sizes.prod(axis=0) / n,
        )

    def truly_positive(self, rate: float) -> NDArray[np.float64]:
        """Return the share of truly positive images by recorded label and group, shape (2, 2)."""
        true = np.clip((self.prevalence - rate) / (1 - 2 * rate), 0, 1)
        missed = np.clip(true * rate / (1 - self.prevalence), 0, 1)
        right = np.clip(1 - (1 - true) * rate / self.prevalence, 0, 1)
        return np.stack([missed, right])

    def separation(self, rate: float) -> float:
        """Return the mean score of true positives less that of true negatives; infinite if none is left."""
        missed, right = self.truly_positive(rate)
        seen = float(self.weights @ (self.means[1] - self.means[0]))
        left = float(self.weights @ (right - missed))
        return seen / left if left > 0 else math.copysign(math.inf, seen)

    def is_possible(self, rate: float) -> bool:
        """Tell whether scores vary as much as a mixture of both classes at this rate would at least."""
        apart = self.separation(rate)
        if not math.isfinite(apart):
            return False
        share = self.truly_positive(rate)
        return bool(((share * (1 - share)).max(axis=1) * apart**2 <= self.variances).all())

    def explained(self, label: int, rate: float) -> float:
        """Return the difference group − others that errors make among images with a recorded label."""
        share = self.truly_positive(rate)[label]
        return float(share[1] - share[0]) * self.separation(rate)


def largest_possible_rate(recorded: Recorded, rate: float) -> float:
    """Return the largest rate of errors up to a given one that the variance of the scores allows.

    A finding that is rarely recorded cannot have many wrong labels: nearly all positives would be false, and
    the true ones would have to lie further apart from them than scores do.
    """
    possible = 0.0
    if not np.isfinite(recorded.prevalence).all():
        return possible
    for tried in np.append(np.arange(_STEP, rate, _STEP), rate):
        if not recorded.is_possible(float(tried)):
            break
        possible = float(tried)
    return possible


def explaining_rate(recorded: Recorded, label: int, difference: float) -> float:
    """Return the smallest rate of wrong labels that would explain a difference; NaN if none below ½ does."""
    before, reached = 0.0, 0.0
    if not np.isfinite(recorded.prevalence).all() or not math.isfinite(difference):
        return math.nan
    for tried in np.arange(_STEP, 0.5, _STEP):
        if not recorded.is_possible(float(tried)):
            break
        found = recorded.explained(label, float(tried)) * math.copysign(1.0, difference)
        if found >= abs(difference):
            share = (abs(difference) - reached) / (found - reached) if found > reached else 1.0
            return before + share * (float(tried) - before)
        before, reached = float(tried), found
    return math.nan


def explained_influence(
    labels: ArrayLike, scores: ArrayLike, in_group: ArrayLike, *, label: int, rate: float
) -> tuple[float, NDArray[np.float64]]:
    """Return what errors of a rate explain, and the influence of each image on it.

    Parameters
    ----------
    labels, scores, in_group : array_like, shape (n,)
        As in `Recorded.of`.
    label : {0, 1}
        The recorded label.
    rate : float
        Share of wrong labels.
    """
    y, group = np.asarray(labels, dtype=bool), np.asarray(in_group, dtype=bool)
    score = np.asarray(scores, dtype=np.float64)
    recorded = Recorded.of(y, score, group)
    influence = np.zeros(y.size)
    if rate == 0:
        return 0.0, influence
    step = 1e-5

    def slope(name: str, at: tuple[int, ...]) -> float:
        ends = []
        for sign in (1, -1):
            moved = getattr(recorded, name).copy()
            moved[at] += sign * step
            ends.append(replace(recorded, **{name: moved}).explained(label, rate))
        return (ends[0] - ends[1]) / (2 * step)

    for g in (0, 1):
        own = group == bool(g)
        influence[own] += slope("prevalence", (g,)) * (y[own] - recorded.prevalence[g]) / own.sum()
        for value in (0, 1):
            cell = own & (y == bool(value))
            apart = score[cell] - recorded.means[value, g]
            influence[cell] += slope("means", (value, g)) * apart / cell.sum()
    return recorded.explained(label, rate), influence
