"""Decisions at a threshold: chosen on tuning patients, then frozen.

All counts are linear in how often a patient is drawn, so the replicates of every rate are ratios
of one matrix product.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cxraudit.stats.ranking import checked
from cxraudit.stats.replicated import Replicated, ratio
from cxraudit.stats.resampling import Counts, per_unit, unit_sums

Rule = Callable[[NDArray[np.bool_], NDArray[np.float64]], float]
"""Labels and scores of tuning images → threshold; an image is called positive at or above it."""


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
    """Choose the threshold at which as many images are called positive as are positive."""
    ordered = np.sort(scores)[::-1]
    return float(ordered[max(int(labels.sum()), 1) - 1])


def fixed(threshold: float) -> Rule:
    """Use a threshold that was decided elsewhere."""
    return lambda labels, scores: threshold


RULES = "fpr=X, tpr=X, youden, prevalence, fixed=X"


def rule_named(name: str) -> Rule:
    """Return the rule of a name: one of `RULES`.

    Raises
    ------
    ValueError
        If there is no such rule, or its number makes no sense.

    Examples
    --------
    >>> choose_threshold([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8], rule_named("tpr=1"))
    0.35
    """
    kind, _, number = name.partition("=")
    plain: dict[str, Rule] = {"youden": youden, "prevalence": prevalence_match}
    if name in plain:
        return plain[name]
    made = {"fpr": target_fpr, "tpr": target_tpr, "fixed": fixed}
    try:
        value = float(number)
    except ValueError:
        value = float("nan")
    if kind not in made or not np.isfinite(value) or (kind != "fixed" and not 0 < value <= 1):
        raise ValueError(f"no rule for a threshold is named {name!r}; there are {RULES}")
    return made[kind](value)


def choose_threshold(y_true: ArrayLike, y_score: ArrayLike, rule: Rule) -> float:
    """Apply a rule to tuning images.

    Raises
    ------
    ValueError
        If the tuning images hold one class only.
    """
    labels, scores = checked(y_true, y_score)
    if labels.all() or not labels.any():
        raise ValueError("a threshold cannot be chosen on images of one class")
    return rule(labels, scores)


@dataclass(frozen=True, slots=True)
class Decisions:
    """Counts of one cell at one threshold: in the cohort, in every replicate, and per patient."""

    counted: NDArray[np.float64]
    """Shape (4, n_resamples + 1): true and false positives, false and true negatives."""
    per_unit: NDArray[np.float64]
    """Shape (4, n_units): what each patient adds."""

    def _share(self, top: Sequence[float], bottom: Sequence[float]) -> Replicated:
        return ratio(
            np.dot(top, self.counted),
            np.dot(bottom, self.counted),
            np.dot(top, self.per_unit),
            np.dot(bottom, self.per_unit),
        )

    @property
    def tpr(self) -> Replicated:
        """Sensitivity; NaN without positives."""
        return self._share((1, 0, 0, 0), (1, 0, 1, 0))

    @property
    def fnr(self) -> Replicated:
        """Underdiagnosis of this finding: ill and called healthy (1 − TPR)."""
        return self._share((0, 0, 1, 0), (1, 0, 1, 0))

    @property
    def fpr(self) -> Replicated:
        """Overdiagnosis of this finding: healthy and called ill; NaN without negatives."""
        return self._share((0, 1, 0, 0), (0, 1, 0, 1))

    @property
    def ppv(self) -> Replicated:
        """Share of the images called positive that are; NaN if none is called."""
        return self._share((1, 0, 0, 0), (1, 1, 0, 0))

    @property
    def npv(self) -> Replicated:
        """Share of the images called negative that are; NaN if none is called."""
        return self._share((0, 0, 0, 1), (0, 0, 1, 1))

    @property
    def balanced_accuracy(self) -> Replicated:
        """(TPR + TNR) / 2."""
        hit, false = self.tpr, self.fpr
        return Replicated(
            (hit.replicates + 1 - false.replicates) / 2, (hit.influence - false.influence) / 2
        )

    @property
    def selection_rate(self) -> Replicated:
        """Share of images called positive: alerts per image."""
        return self._share((1, 1, 0, 0), (1, 1, 1, 1))

    def net_benefit(self, probability: float) -> Replicated:
        """TP/n − FP/n · p/(1 − p) at the threshold probability p (Vickers & Elkin 2006)."""
        if not 0 < probability < 1:
            raise ValueError(f"a threshold probability lies between 0 and 1, got {probability}")
        odds = probability / (1 - probability)
        return self._share((1, -odds, 0, 0), (1, 1, 1, 1))


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
        Labels and scores of the images that are audited.
    threshold : float
        At or above it an image is called positive.
    units, cells, counts, n_resamples
        As in `cxraudit.stats.ranking.ranking_replicates`.
    """
    labels, scores = checked(y_true, y_score)
    called = scores >= threshold
    parts = np.stack([labels & called, ~labels & called, labels & ~called, ~labels & ~called])
    found = []
    for cell in cells:
        held = per_unit((parts & cell).astype(np.float64), units, counts.shape[1])
        found.append(Decisions(unit_sums(held, counts, n_resamples), held))
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
        1 where the image has no finding.
    healthy_score : array_like of float, shape (n_images,)
        Grows with the evidence for No Finding.
    threshold : float
        At or above it an image is called healthy.

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
