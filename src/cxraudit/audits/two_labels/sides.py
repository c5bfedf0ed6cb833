"""What working labels say of all images, and what reference labels say of some of them."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cxraudit.audits.cohort import Cell, Cohort, Mask, Sample
from cxraudit.audits.engine import Engine
from cxraudit.audits.measures import Flagged
from cxraudit.audits.plan import (
    Combination,
    Level,
    Quantity,
    Runs,
    Statistic,
    key,
    over,
    ranking,
)
from cxraudit.datasets.reference_labels import ReferenceLabels
from cxraudit.schema import Analysis
from cxraudit.stats.two_labels import (
    NONE,
    Identified,
    Limits,
    attenuation,
    control_weight,
    corrected_auroc,
)

METRIC = "auroc"
RATES = ("tpr", "fpr", "ppv", "npv")
"""Of the working labels against the reference labels: sensitivity, 1 − specificity, predictive values."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TwoLabels:
    """The images of a finding that a model scored, with both labels where there are both."""

    runs: Runs | None
    working: list[Sample]
    """All images, by working labels; of each training run."""
    known: Mask
    """Which of these have a reference label, too."""
    reference: NDArray[np.float64]
    """Reference label of each image; NaN where there is none."""
    by_reference: list[Sample]
    """The subset by reference labels."""
    by_working: list[Sample]
    """The subset by working labels."""
    as_scores: Sample
    """The subset by reference labels, with the working labels in place of scores."""

    @property
    def sample(self) -> Sample:
        """Names model and finding."""
        return self.working[0]

    def all_images(self, cell: Cell) -> Quantity:
        """Name the AUROC of a cell by working labels."""
        return over(self.runs, [ranking(cell.of(one), METRIC) for one in self.working])

    def on_subset(self, cell: Cell, *, reference: bool) -> Quantity:
        """Name the AUROC of a cell on the subset, by either label."""
        samples = self.by_reference if reference else self.by_working
        mask = cell.mask[self.known]
        return over(self.runs, [ranking(one.cell(mask), METRIC) for one in samples])

    def subset(self, cell: Cell) -> Cell:
        """Return the images of a cell that have a reference label, by it."""
        return self.by_reference[0].cell(cell.mask[self.known])

    def rate(self, cell: Cell, metric: str) -> Statistic:
        """Name a rate of the working labels against the reference labels."""
        flagged = Flagged(self.as_scores.cell(cell.mask[self.known]), 0.5, np.nan)
        return Statistic(flagged, metric)


def joined(
    cohort: Cohort, samples: list[Sample], runs: Runs | None, source: ReferenceLabels
) -> TwoLabels | None:
    """Join both labels of a finding; None where no image has both.

    Parameters
    ----------
    cohort : Cohort
        The images.
    samples : list of Sample
        A finding as a model scored it, of each training run.
    runs : Runs or None
        The training runs.
    source : ReferenceLabels
        For part of the images.
    """
    first = samples[0]
    ids = cohort.images.index[first.rows]
    reference = source.of(ids, first.finding)
    known = np.isfinite(reference)
    if not known.any():
        return None
    weights = source.weights_of(ids)

    def subset(sample: Sample) -> Sample:
        part = sample.only(known)
        if weights is None:
            return part
        own = 1.0 if part.weights is None else part.weights
        return part.with_(weights=own * weights[known])

    by_working = [subset(one) for one in samples]
    is_positive = reference[known] == 1
    by_reference = [one.with_(y_true=is_positive) for one in by_working]
    return TwoLabels(
        runs=runs,
        working=samples,
        known=known,
        reference=reference,
        by_reference=by_reference,
        by_working=by_working,
        as_scores=by_reference[0].with_(y_score=by_working[0].y_true.astype(np.float64)),
    )


@dataclass(frozen=True, slots=True)
class Side:
    """What is known of a set of images, such as a group or all others."""

    cell: Cell
    """Of all images."""
    subset: Cell
    on_reference: Quantity
    on_working: Quantity
    both: Quantity
    observed: Limits
    kept: Limits
    """PPV + NPV − 1; NaN where a predictive value does not exist."""
    corrected: Limits
    lower: Limits
    upper: Limits
    """Bounds as in `cxraudit.stats.two_labels.Identified.limits`."""

    @property
    def beyond_limit(self) -> bool:
        """Whether the corrected AUROC would lie below 0 or above 1, and is set to the limit."""
        exists = math.isfinite(self.corrected[0])
        return exists and abs(self.observed[0] - 0.5) > self.kept[0] / 2 + 1e-9


def side_of(engine: Engine, labels: TwoLabels, cell: Cell) -> Side:
    """Estimate a set of images in every way."""
    reference = labels.on_subset(cell, reference=True)
    working = labels.on_subset(cell, reference=False)
    everybody = labels.all_images(cell)
    observed = _limits(engine, labels, everybody, METRIC, cell)
    predictive = [
        _limits(engine, labels, labels.rate(cell, metric), metric, labels.subset(cell))
        for metric in ("ppv", "npv")
    ]
    kept = attenuation(*predictive)
    lower, upper = _bounds(engine, labels, cell, predictive)
    return Side(
        cell,
        labels.subset(cell),
        reference,
        working,
        _controlled(engine, reference, working, everybody),
        observed,
        kept,
        corrected_auroc(observed, kept),
        lower,
        upper,
    )


def _controlled(
    engine: Engine, reference: Quantity, working: Quantity, everybody: Quantity
) -> Quantity:
    engine.compute([reference, working, everybody])
    values = [engine.value(one) for one in (reference, working, everybody)]
    if not all(np.isfinite(one.value) for one in values):
        return reference
    weight = control_weight(*values)
    return Combination((reference, working, everybody), (1.0, -weight, weight))


def _limits(
    engine: Engine, labels: TwoLabels, quantity: Quantity, metric: str, cell: Cell
) -> Limits:
    """Estimate a quantity with its interval; of one that does not vary, that of a small sample."""
    row = key(labels.sample, Analysis.LABEL_ERRORS)
    found = engine.evaluate([Level(key=row, metric=metric, quantity=quantity, cell=cell)])[0].found
    return found.value, found.low, found.high


def _bounds(
    engine: Engine, labels: TwoLabels, cell: Cell, predictive: list[Limits]
) -> tuple[Limits, Limits]:
    """Return both bounds, as means over training runs."""
    if not np.isfinite(predictive).all():
        return NONE, NONE
    found = []
    for sample in labels.working:
        part = sample.only(cell.mask)
        weights = part.weights
        identified = Identified(
            part.y_score, part.y_true, labels.reference[cell.mask], weights=weights
        )
        found.append(
            identified.limits(
                predictive[0],
                predictive[1],
                part.units,
                engine.cohort.counts.shape[1],
                confidence_level=engine.settings.confidence_level,
            )
        )
    lower, upper = np.mean(found, axis=0).tolist()
    return (lower[0], lower[1], lower[2]), (upper[0], upper[1], upper[2])
