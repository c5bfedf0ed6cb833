"""Decisions at a threshold that is chosen on tuning patients and then fixed.

An image is flagged if its score is at or above the threshold (``score >= threshold``), here, in every table
and in every report; images whose score is the threshold are flagged, all of them.

All counts are linear in the number of times a patient is drawn, so the replicates of every rate are
ratios of one matrix product.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cxraudit.stats._lanes import LANES
from cxraudit.stats.ranking import checked
from cxraudit.stats.replicated import Replicated, ratio
from cxraudit.stats.resampling import Counts, per_unit, unit_sums

Rule = Callable[[NDArray[np.bool_], NDArray[np.float64], NDArray[np.float64]], float]
"""Labels, scores and weights of tuning images → threshold; an image is flagged at or above it."""

ROUNDING = 1e-12
"""Share of all images, or of all weights, by which a rate may miss its target by rounding."""


def target_fpr(fpr: float) -> Rule:
    """Choose the lowest threshold with a false positive rate of at most `fpr`."""

    def choose(
        labels: NDArray[np.bool_], scores: NDArray[np.float64], weights: NDArray[np.float64]
    ) -> float:
        negative, flagged = _from_above(scores[~labels], weights[~labels])
        allowed = int(np.searchsorted(flagged, (fpr + ROUNDING) * flagged[-1], side="right"))
        if allowed >= negative.size:
            return float(scores.min())
        return float(np.nextafter(negative[allowed], np.inf))

    return choose


def target_tpr(tpr: float) -> Rule:
    """Choose the highest threshold with a true positive rate of at least `tpr`."""

    def choose(
        labels: NDArray[np.bool_], scores: NDArray[np.float64], weights: NDArray[np.float64]
    ) -> float:
        positive, flagged = _from_above(scores[labels], weights[labels])
        return float(positive[np.searchsorted(flagged, (tpr - ROUNDING) * flagged[-1])])

    return choose


def youden(
    labels: NDArray[np.bool_], scores: NDArray[np.float64], weights: NDArray[np.float64]
) -> float:
    """Choose the threshold with the largest TPR − FPR; the highest of them if several."""
    values, inverse = np.unique(scores, return_inverse=True)
    tp = np.bincount(inverse, labels * weights)[::-1].cumsum() / weights[labels].sum()
    fp = np.bincount(inverse, ~labels * weights)[::-1].cumsum() / weights[~labels].sum()
    return float(values[::-1][int(np.argmax(tp - fp))])


def prevalence_match(
    labels: NDArray[np.bool_], scores: NDArray[np.float64], weights: NDArray[np.float64]
) -> float:
    """Choose the threshold at which as many images are flagged as are positive."""
    ordered, flagged = _from_above(scores, weights)
    target = weights[labels].sum() - ROUNDING * flagged[-1]
    return float(ordered[np.searchsorted(flagged, target)])


def _from_above(
    scores: NDArray[np.float64], weights: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return scores from the highest down, with the weight of the images up to each."""
    order = np.argsort(-scores, kind="stable")
    return scores[order], np.cumsum(weights[order])


def fixed(threshold: float) -> Rule:
    """Use a given threshold."""
    return lambda labels, scores, weights: threshold


RULES = "fpr=X, tpr=X, youden, prevalence, fixed=X"


class NumberedRule(NamedTuple):
    """A kind of rule that is made of a number."""

    make: Callable[[float], Rule]
    is_share: bool
    """Whether the number is a share above 0; any finite number otherwise."""

    def allows(self, number: float) -> bool:
        """Tell whether a rule can be made of a number."""
        return 0 < number <= 1 if self.is_share else math.isfinite(number)

    @property
    def allowed(self) -> str:
        """What the number must be, in words."""
        return "a number above 0 and at most 1" if self.is_share else "a finite number"


NUMBERED_RULES = {
    "fpr": NumberedRule(target_fpr, is_share=True),
    "tpr": NumberedRule(target_tpr, is_share=True),
    "fixed": NumberedRule(fixed, is_share=False),
}
"""Kind → rule, as in ``fpr=0.1``."""


def rule_named(name: str) -> Rule:
    """Return the rule of a name: one of `RULES`.

    Raises
    ------
    ValueError
        If there is no such rule, or its number is out of range.

    Examples
    --------
    >>> choose_threshold([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8], rule_named("tpr=1"))
    0.35
    """
    kind, _, number = name.partition("=")
    plain: dict[str, Rule] = {"youden": youden, "prevalence": prevalence_match}
    if name in plain:
        return plain[name]
    numbered = NUMBERED_RULES.get(kind)
    try:
        value = float(number)
    except ValueError:
        value = math.nan
    if numbered is None or not numbered.allows(value):
        raise ValueError(f"no rule for a threshold is named {name!r}; there are {RULES}")
    return numbered.make(value)


def rule_chooses(name: str) -> bool:
    """Tell whether the rule of a name chooses on tuning images; ``fixed=X`` and ``none`` do not."""
    return name != "none" and not name.startswith("fixed=")


def choose_threshold(
    y_true: ArrayLike, y_score: ArrayLike, rule: Rule, *, weights: ArrayLike | None = None
) -> float:
    """Apply a rule to tuning images.

    Parameters
    ----------
    y_true, y_score : array_like, shape (n_images,)
        Labels and scores.
    rule : callable
        From `rule_named`.
    weights : array_like of float, shape (n_images,), optional
        How much each image counts for in rates, above 0. Default: all count the same.

    Raises
    ------
    ValueError
        If the tuning images hold one class only.
    """
    labels, scores = checked(y_true, y_score)
    if labels.all() or not labels.any():
        raise ValueError("a threshold cannot be chosen on images of one class")
    own = np.ones(labels.size) if weights is None else np.asarray(weights, dtype=np.float64)
    return rule(labels, scores, own)


def rechosen(
    y_true: ArrayLike,
    y_score: ArrayLike,
    units: ArrayLike,
    rule: Rule,
    counts: Counts,
    *,
    n_resamples: int,
    weights: NDArray[np.float64] | None = None,
) -> NDArray[np.float64]:
    """Apply a rule to the tuning images of every replicate: each as often as its patient was drawn.

    Parameters
    ----------
    y_true, y_score : array_like, shape (n_images,)
        Labels and scores of the tuning images.
    units, counts, n_resamples, weights
        As in `cxraudit.stats.ranking.ranking_replicates`.
    rule : Rule
        From `rule_named`.

    Returns
    -------
    numpy.ndarray, shape (n_resamples + 1,)
        In the cohort and in every replicate; NaN where the tuning images drawn hold one class only.
    """
    labels, scores = checked(y_true, y_score)
    order = np.argsort(scores)  # sorted once: rules sort again, which is quick where nothing moves
    own = (np.ones(labels.size) if weights is None else weights)[order]
    labels, scores, rows = labels[order], scores[order], np.asarray(units, dtype=np.int64)[order]
    found = np.full(n_resamples + 1, np.nan)
    for replicate in range(n_resamples + 1):
        block, lane = divmod(replicate, LANES)
        times = counts[block, rows, lane]
        drawn = np.repeat(labels, times)
        if drawn.any() and not drawn.all():
            found[replicate] = rule(drawn, np.repeat(scores, times), np.repeat(own, times))
    return found


def shortest_equivalent(threshold: float, y_score: ArrayLike) -> float:
    """Return the decimal with the fewest digits that flags the same images as a threshold.

    Rules choose an observed score, or the next number above one, whose digits are lost in print: 1 and the
    next number above 1 are both printed as 1, and flag different images. The returned number is printed
    in full by `as_text`, so that the threshold can be applied as it is printed.

    Parameters
    ----------
    threshold : float
        Chosen by a rule.
    y_score : array_like of float
        Scores of all images it is applied to, those it was chosen on included.

    Returns
    -------
    float
        At most the lowest flagged score and above the highest other one; of several decimals with as few
        digits the nearest to `threshold`. Infinity if no image is flagged, `threshold` if every image is.

    Examples
    --------
    >>> shortest_equivalent(0.6666666666666667, [0.0, 1 / 3, 2 / 3, 1.0])
    1.0
    >>> shortest_equivalent(float(np.nextafter(1.0, 2.0)), [0.0, 1.0])
    inf
    """
    scores = np.asarray(y_score, dtype=np.float64)
    flagged = scores[scores >= threshold]
    others = scores[scores < threshold]
    if not flagged.size:
        return math.inf
    if not others.size:
        return threshold
    below, at = float(others.max()), float(flagged.min())
    low, high, middle = Decimal(below), Decimal(at), Decimal(threshold)
    largest = max(abs(low), abs(high)).adjusted() + 1
    for exponent in range(largest, (high - low).adjusted() - 2, -1):
        unit = Decimal(1).scaleb(exponent)
        nearest = (middle / unit).to_integral_value()
        for step in (0, 1, -1):
            found = float((nearest + step) * unit)
            if _separates(found, below, at):
                return found
    return at


def _separates(threshold: float, below: float, at: float) -> bool:
    """Tell whether a threshold lies above `below` and not above `at`, also in single precision.

    Scores in single precision are compared in it by numpy and torch, which round the threshold.
    """
    if not below < threshold <= at:
        return False
    low, middle, high = in_single_precision([below, threshold, at])
    return (low, high) != (below, at) or below < middle <= at


def in_single_precision(values: ArrayLike) -> NDArray[np.float64]:
    """Return numbers as single precision rounds them; NaN where they are too large for it."""
    with np.errstate(over="ignore"):
        rounded = np.asarray(values, dtype=np.float64).astype(np.float32).astype(np.float64)
    return np.where(np.isfinite(rounded), rounded, np.nan)


def as_text(threshold: float) -> str:
    """Return a threshold with all its digits: read back, it flags the same images.

    Examples
    --------
    >>> as_text(0.7), as_text(1.0), as_text(2 / 3), as_text(-1e-12)
    ('0.7', '1', '0.6666666666666666', '-1e-12')
    """
    return repr(float(threshold)).removesuffix(".0")


@dataclass(frozen=True, slots=True)
class Decisions:
    """Counts (or weights) of one cell at one threshold, in the cohort, every replicate, and per patient."""

    counted: NDArray[np.float64]
    """Shape (4, n_resamples + 1): true and false positives, false and true negatives."""
    per_unit: NDArray[np.float64]
    """Shape (4, n_units): contribution of each patient."""

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
        """Underdiagnosis of this finding: positive and not flagged (1 − TPR); NaN without positives."""
        return self._share((0, 0, 1, 0), (1, 0, 1, 0))

    @property
    def fpr(self) -> Replicated:
        """Overdiagnosis of this finding: negative and flagged; NaN without negatives."""
        return self._share((0, 1, 0, 0), (0, 1, 0, 1))

    @property
    def ppv(self) -> Replicated:
        """Share of positives among flagged images; NaN if none is flagged."""
        return self._share((1, 0, 0, 0), (1, 1, 0, 0))

    @property
    def npv(self) -> Replicated:
        """Share of negatives among images that are not flagged; NaN if all are flagged."""
        return self._share((0, 0, 0, 1), (0, 0, 1, 1))

    @property
    def balanced_accuracy(self) -> Replicated:
        """(TPR + TNR) / 2."""
        tpr, fpr = self.tpr, self.fpr
        return Replicated(
            (tpr.replicates + 1 - fpr.replicates) / 2, (tpr.influence - fpr.influence) / 2
        )

    @property
    def selection_rate(self) -> Replicated:
        """Share of images that are flagged."""
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
    weights: NDArray[np.float64] | None = None,
    thresholds: NDArray[np.float64] | None = None,
) -> list[Decisions]:
    """Count decisions per cell and replicate.

    Parameters
    ----------
    y_true, y_score : array_like, shape (n_images,)
        Labels and scores of the evaluated images.
    threshold : float
        At or above it an image is flagged.
    units, cells, counts, n_resamples, weights
        As in `cxraudit.stats.ranking.ranking_replicates`.
    thresholds : numpy.ndarray, shape (n_resamples + 1,), optional
        Threshold of every replicate, from `rechosen`; default: `threshold` in all of them. That of the cohort
        is `threshold`. Contributions of patients are those at `threshold`; nothing is counted at NaN.
    """
    labels, scores = checked(y_true, y_score)
    flagged = scores >= threshold
    parts = np.stack([labels & flagged, ~labels & flagged, labels & ~flagged, ~labels & ~flagged])
    own = np.ones(labels.size) if weights is None else weights
    each = (per_unit((parts & cell) * own, units, counts.shape[1]) for cell in cells)
    if thresholds is None:
        return [Decisions(unit_sums(values, counts, n_resamples), values) for values in each]
    lanes = np.concatenate([[threshold], thresholds[1:]])
    rows = np.asarray(units, dtype=np.int64)
    return [
        Decisions(_at_own(labels[cell], scores[cell], rows[cell], own[cell], lanes, counts), values)
        for cell, values in zip(cells, each, strict=True)
    ]


def _at_own(
    labels: NDArray[np.bool_],
    scores: NDArray[np.float64],
    units: NDArray[np.int64],
    weights: NDArray[np.float64],
    thresholds: NDArray[np.float64],
    counts: Counts,
) -> NDArray[np.float64]:
    """Count decisions where every replicate has its own threshold."""
    from cxraudit.stats._kernels.flagged import count_flagged

    lanes = np.full(counts.shape[0] * LANES, np.inf)
    lanes[: thresholds.size] = thresholds
    out = np.empty((4, thresholds.size))
    count_flagged(units, scores, labels, weights, counts, lanes, out)
    out[:, np.isnan(thresholds)] = 0.0
    return out


def underdiagnosis(
    no_finding: ArrayLike, no_finding_score: ArrayLike, threshold: float
) -> tuple[float, float]:
    """Return under- and overdiagnosis as in Seyyed-Kalantari et al. (2021).

    Underdiagnosis is the false positive rate of *No Finding*: images with a finding that are flagged
    as having none. Overdiagnosis is its false negative rate: images without any finding that are not
    flagged as such.

    Parameters
    ----------
    no_finding : array_like of {0, 1}, shape (n_images,)
        1 where the image has no finding.
    no_finding_score : array_like of float, shape (n_images,)
        Increases with the evidence for No Finding.
    threshold : float
        At or above it an image is flagged as having no finding.

    Returns
    -------
    tuple of float
        Underdiagnosis and overdiagnosis rate; NaN where the class is missing.
    """
    none, scores = checked(no_finding, no_finding_score)
    flagged = scores >= threshold
    under = flagged[~none].mean() if (~none).any() else np.nan
    over = (~flagged[none]).mean() if none.any() else np.nan
    return float(under), float(over)
