"""Decisions at a threshold: chosen on tuning patients, then frozen.

All counts are linear in how often a patient is drawn, so the replicates of every rate are ratios
of one matrix product.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cxraudit.stats.ranking import Replicates, checked
from cxraudit.stats.resampling import Counts, unit_sums

Rule = Callable[[NDArray[np.bool_], NDArray[np.float64]], float]
"""Labels and scores of tuning films → threshold; a film is called positive at or above it."""


def target_fpr(fpr: float) -> Rule:
    """Choose the lowest threshold with a false positive rate of at most `fpr`."""

    def choose(labels: NDArray[np.bool_], scores: NDArray[np.float64]) -> float:
        negative = np.sort(scores[~labels])[::-1]
        allowed = int(np.floor(fpr * negative.size + 1e-9))
        if allowed >= negative.size:
            return float(scores.min())
        return float(np.nextafter(negative[allowed], np.inf))

    return choose


def target_tpr(tpr: float) -> Rule:
    """Choose the highest threshold with a true positive rate of at least `tpr`."""

    def choose(labels: NDArray[np.bool_], scores: NDArray[np.float64]) -> float:
        positive = np.sort(scores[labels])[::-1]
        return float(positive[max(int(np.ceil(tpr * positive.size - 1e-9)), 1) - 1])

    return choose


def youden(labels: NDArray[np.bool_], scores: NDArray[np.float64]) -> float:
    """Choose the threshold with the largest TPR − FPR; the highest of them if several."""
    values, inverse = np.unique(scores, return_inverse=True)
    tp = np.bincount(inverse, labels)[::-1].cumsum() / labels.sum()
    fp = np.bincount(inverse, ~labels)[::-1].cumsum() / (~labels).sum()
    return float(values[::-1][int(np.argmax(tp - fp))])


def prevalence_match(labels: NDArray[np.bool_], scores: NDArray[np.float64]) -> float:
    """Choose the threshold at which as many films are called positive as are positive."""
    ordered = np.sort(scores)[::-1]
    return float(ordered[max(int(labels.sum()), 1) - 1])


def fixed(threshold: float) -> Rule:
    """Use a threshold that was decided elsewhere."""
    return lambda labels, scores: threshold


def choose_threshold(y_true: ArrayLike, y_score: ArrayLike, rule: Rule) -> float:
    """Apply a rule to tuning films.

    Raises
    ------
    ValueError
        If the tuning films hold one class only.
    """
    labels, scores = checked(y_true, y_score)
    if labels.all() or not labels.any():
        raise ValueError("a threshold cannot be chosen on films of one class")
    return rule(labels, scores)


def _ratio(top: NDArray[np.float64], bottom: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.divide(top, bottom, out=np.full(np.shape(top), np.nan), where=bottom > 0)


@dataclass(frozen=True, slots=True)
class Decisions:
    """Counts of one cell at one threshold, in the cohort and in every replicate."""

    tp: Replicates
    fp: Replicates
    fn: Replicates
    tn: Replicates

    @property
    def n(self) -> Replicates:
        """Films."""
        return self.tp + self.fp + self.fn + self.tn

    @property
    def tpr(self) -> Replicates:
        """Sensitivity; NaN without positives."""
        return _ratio(self.tp, self.tp + self.fn)

    @property
    def fnr(self) -> Replicates:
        """Underdiagnosis of this finding: ill and called healthy (1 − TPR)."""
        return _ratio(self.fn, self.tp + self.fn)

    @property
    def fpr(self) -> Replicates:
        """Overdiagnosis of this finding: healthy and called ill; NaN without negatives."""
        return _ratio(self.fp, self.fp + self.tn)

    @property
    def ppv(self) -> Replicates:
        """Share of the films called positive that are; NaN if none is called."""
        return _ratio(self.tp, self.tp + self.fp)

    @property
    def npv(self) -> Replicates:
        """Share of the films called negative that are; NaN if none is called."""
        return _ratio(self.tn, self.tn + self.fn)

    @property
    def balanced_accuracy(self) -> Replicates:
        """(TPR + TNR) / 2."""
        return (self.tpr + 1 - self.fpr) / 2

    @property
    def selection_rate(self) -> Replicates:
        """Share of films called positive: alerts per film."""
        return _ratio(self.tp + self.fp, self.n)

    def net_benefit(self, probability: float) -> Replicates:
        """TP/n − FP/n · p/(1 − p) at the threshold probability p (Vickers & Elkin 2006)."""
        if not 0 < probability < 1:
            raise ValueError(f"a threshold probability lies between 0 and 1, got {probability}")
        odds = probability / (1 - probability)
        return _ratio(self.tp - odds * self.fp, self.n)


DECISION_METRICS = ("tpr", "fpr", "ppv", "npv", "balanced_accuracy", "selection_rate")


def decisions(
    y_true: ArrayLike,
    y_score: ArrayLike,
    threshold: float,
    units: ArrayLike,
    cells: NDArray[np.bool_],
    counts: Counts,
    *,
    n_resamples: int,
) -> list[Decisions]:
    """Count decisions per cell and replicate.

    Parameters
    ----------
    y_true, y_score : array_like, shape (n_images,)
        Labels and scores of the films that are audited.
    threshold : float
        At or above it a film is called positive.
    units, cells, counts, n_resamples
        As in `cxraudit.stats.ranking.ranking_replicates`.
    """
    labels, scores = checked(y_true, y_score)
    called = scores >= threshold
    parts = np.stack([labels & called, ~labels & called, labels & ~called, ~labels & ~called])
    found = []
    for cell in cells:
        tp, fp, fn, tn = unit_sums((parts & cell).astype(np.float64), units, counts, n_resamples)
        found.append(Decisions(tp, fp, fn, tn))
    return found


def underdiagnosis(
    no_finding: ArrayLike, healthy_score: ArrayLike, threshold: float
) -> tuple[float, float]:
    """Return under- and overdiagnosis as in Seyyed-Kalantari et al. (2021).

    Underdiagnosis is the false positive rate of *No Finding*: ill, and called healthy.
    Overdiagnosis is its false negative rate: healthy, and called ill.

    Parameters
    ----------
    no_finding : array_like of {0, 1}, shape (n_images,)
        1 where the film has no finding.
    healthy_score : array_like of float, shape (n_images,)
        Grows with the evidence for No Finding.
    threshold : float
        At or above it a film is called healthy.

    Returns
    -------
    tuple of float
        Underdiagnosis and overdiagnosis rate; NaN where the class is missing.
    """
    healthy, scores = checked(no_finding, healthy_score)
    called = scores >= threshold
    under = called[~healthy].mean() if (~healthy).any() else np.nan
    over = (~called[healthy]).mean() if healthy.any() else np.nan
    return float(under), float(over)
