"""Which model is better, and whose gaps are smaller: paired, on the same images and resamples."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from cxraudit.audits.cohort import Cell, Cohort, Sample
from cxraudit.audits.groups import comparisons
from cxraudit.audits.measures import Flagged
from cxraudit.audits.operating_point import OF_NO_FINDING, Tuned
from cxraudit.audits.plan import (
    Comparison,
    Item,
    Quantity,
    Statistic,
    joined_phrases,
    key,
    minus,
    ranking,
)
from cxraudit.metrics import METRICS, Family, of_family, with_margin
from cxraudit.schema import NO_FINDING, Analysis, Confirmatory, Reason

RATES = with_margin(Family.DECISION)
"""Rates at a threshold by which models are compared: those that a margin is declared for."""

Read = Callable[[Cell, str], Quantity]
"""Names a metric of a cell of a model's images."""


def plan(
    cohort: Cohort,
    samples: Sequence[Sample],
    attributes: Sequence[str],
    tuned: Sequence[Tuned] = (),
) -> list[Item]:
    """Plan the comparison of every pair of models on the images that both scored.

    Parameters
    ----------
    cohort, attributes
        As in `cxraudit.audits.subgroups.plan`.
    samples : sequence of Sample
        Of one finding, one per model.
    tuned : sequence of Tuned
        The thresholds of the models for this finding, with the images whose rates are evaluated; see
        `cxraudit.audits.operating_point.tune`. A reader is a model whose scores are decisions (0 or 1),
        with a threshold between them.

    Returns
    -------
    list of Item
        Model − other model (``reference``), of each metric over all images, or of the gap of ``group`` to
        all other groups: of ranking metrics on the images that both scored, of rates at the model's own
        threshold on those that both are evaluated on.
    """
    rankings = (_ranked(*pair) for pair in _pairs(cohort, samples, _shared))
    rates = (
        _flagging(*pair)
        for pair in _pairs(cohort, [one for one in tuned if not np.isnan(one.threshold)], _both)
    )
    return [item for pair in (*rankings, *rates) for item in pair.items(cohort, attributes)]


_ALIKE = {
    Reason.IDENTICAL_SCORES: "give identical scores for",
    Reason.IDENTICAL_RANKING: "rank identically, with different scores,",
    Reason.IDENTICAL_DECISIONS: "flag the same of",
}


def alike_pairs(first: Sequence[Sample], second: Sequence[Sample]) -> list[tuple[int, int]]:
    """Pair the training runs of two models that rank alike; empty unless each has one of the other's."""
    if len(first) != len(second) or not np.array_equal(first[0].rows, second[0].rows):
        return []
    left = list(range(len(second)))
    pairs = []
    for number, one in enumerate(first):
        same = next((other for other in left if alike(one, second[other])), None)
        if same is None:
            return []
        left.remove(same)
        pairs.append((number, same))
    return pairs


_FEW = 200
"""Images whose order is compared first."""


def alike(first: Sample, second: Sample) -> Reason | None:
    """Tell whether two models give the same images the same scores, or the same order with the same ties."""
    if np.array_equal(first.y_score, second.y_score):
        return Reason.IDENTICAL_SCORES
    for some in (slice(_FEW), slice(None)):  # most models differ in few images
        ranks, others = (_ranks(sample.y_score[some]) for sample in (first, second))
        if not np.array_equal(ranks, others):
            return None
    return Reason.IDENTICAL_RANKING


def _ranks(scores: NDArray[np.float64]) -> NDArray[np.intp]:
    return np.unique(scores, return_inverse=True)[1]


def named_alike(reason: Reason, model: str, other: str, n_images: Mapping[str, int | None]) -> str:
    """Say that two models are alike: ``m1 and m2 give identical scores for all 400 images of Edema``.

    Parameters
    ----------
    reason : Reason
        `Reason.IDENTICAL_SCORES`, `Reason.IDENTICAL_RANKING` or `Reason.IDENTICAL_DECISIONS`.
    model, other : str
        The models.
    n_images : mapping of str to int or None
        Finding → images that both have, of the findings for which they are alike.
    """
    first, *others = set(n_images.values())
    is_one = first is not None and not others  # a count is None where small cells are hidden
    images = f"all {first:,} images" if is_one else "all images"
    return f"{model} and {other} {_ALIKE[reason]} {images} of {', '.join(sorted(n_images))}"


One = TypeVar("One", Sample, Tuned)


def _pairs(
    cohort: Cohort,
    models: Sequence[One],
    shared: Callable[[Cohort, One, One], tuple[One, One]],
) -> Iterator[tuple[One, One]]:
    """Yield every two models in alphabetical order, on the images that both have, if there are any."""
    by_model = sorted(models, key=lambda one: _sample(one).model)
    for first, second in combinations(by_model, 2):
        pair = shared(cohort, first, second)
        if _sample(pair[0]).rows.size:
            yield pair


def _sample(one: Sample | Tuned) -> Sample:
    return one.sample if isinstance(one, Tuned) else one


def _shared(cohort: Cohort, first: Sample, second: Sample) -> tuple[Sample, Sample]:
    """Return both on the images that both have; as they are, where these are all."""
    if np.array_equal(first.rows, second.rows):
        return first, second
    return (
        first.sharing(cohort, np.isin(first.rows, second.rows)),
        second.sharing(cohort, np.isin(second.rows, first.rows)),
    )


def _both(cohort: Cohort, first: Tuned, second: Tuned) -> tuple[Tuned, Tuned]:
    """Return both on the images that both are evaluated on."""
    samples = _shared(cohort, first.sample, second.sample)
    return replace(first, sample=samples[0]), replace(second, sample=samples[1])


@dataclass(frozen=True, slots=True)
class _Pair:
    """Two models on the same images, with what they are compared by."""

    samples: tuple[Sample, Sample]
    metrics: Sequence[str]
    read: tuple[Read, Read]
    """How a metric of each is named."""
    alike: Reason | None
    """Why there is nothing to test, if there is not."""
    note: str = ""
    is_certain: bool = True
    """Whether models that are alike would be so for other patients, since they rank all images alike."""
    is_rechosen: bool = False
    """Whether the thresholds of both are chosen anew in every resample."""
    levels_are_exploratory: bool = False
    """Whether the differences over all images get no verdict."""

    def items(self, cohort: Cohort, attributes: Sequence[str]) -> list[Item]:
        """Plan the differences over all images, and those of the gaps of groups that have a margin."""
        first = self.samples[0]
        everything = first.everything
        items: list[Item] = [
            self._difference(metric, self._levels(everything, metric), (everything,), {}, None)
            for metric in self.metrics
        ]
        for group in comparisons(cohort, first, attributes):
            named = {"attribute": group.attribute, "group": group.name}
            sides = (group.inside, group.outside)
            for metric in self.metrics:
                if METRICS[metric].margin is None:
                    continue
                inside, outside = (self._levels(side, metric) for side in sides)
                gaps = [minus(*both) for both in zip(inside, outside, strict=True)]
                items.append(self._difference(metric, gaps, sides, named, "plain"))
        return items

    def _levels(self, cell: Cell, metric: str) -> list[Quantity]:
        """Name a metric of the same images by either model."""
        return [
            read(sample.cell(cell.mask), metric)
            for sample, read in zip(self.samples, self.read, strict=True)
        ]

    def _difference(
        self,
        metric: str,
        quantities: Sequence[Quantity],
        cells: tuple[Cell, ...],
        named: dict[str, str],
        scale: str | None,
    ) -> Comparison:
        first, second = self.samples
        found = self.alike
        alike_note = ""
        if found is not None:
            n_images = {first.finding: first.rows.size}
            alike_note = named_alike(found, first.model, second.model, n_images)
        return Comparison(
            key=key(first, Analysis.MODELS, reference=second.model, **named),
            metric=metric,
            group=quantities[0],
            reference=quantities[1],
            cells=cells,
            family=None if self.levels_are_exploratory and not named else Confirmatory.MODELS,
            scale=scale,
            identical=found is not None and self.is_certain,
            by_chance=() if self.is_certain else cells,
            paired=self.is_rechosen,
            reasons=() if found is None else (found,),
            note=joined_phrases(alike_note, self.note),
        )


def _ranked(first: Sample, second: Sample) -> _Pair:
    """Compare how two models rank the same images."""
    samples = first, second
    same = alike(*samples)
    metrics = of_family(Family.RANKING)
    return _Pair(samples, metrics, (ranking, ranking), same, is_certain=same is not None)


def _flagging(first: Tuned, second: Tuned) -> _Pair:
    """Compare which of the same images two models flag, each at its own threshold."""
    samples = first.sample, second.sample
    no_finding = samples[0].finding == NO_FINDING
    metrics = [name for name in RATES if no_finding or name not in OF_NO_FINDING]
    same = None
    flagged, other = (one.sample.y_score >= one.threshold for one in (first, second))
    # Thresholds that are chosen anew in every resample may part them there.
    if np.array_equal(flagged, other) and first.rechosen == second.rechosen:
        same_scores = np.array_equal(samples[0].y_score, samples[1].y_score)
        same = Reason.IDENTICAL_SCORES if same_scores else Reason.IDENTICAL_DECISIONS
    certain = same is Reason.IDENTICAL_SCORES or alike(*samples) is not None
    notes = [f"{one.sample.model}: {one.rates_note}" for one in (first, second)]
    # Rates of equal models differ by how their thresholds happened to be chosen; gaps of groups do not.
    estimated = (first.is_estimated or second.is_estimated) and same is None
    if estimated:
        notes.append("the error of the thresholds is not in this interval (threshold_uncertainty)")
    return _Pair(
        samples,
        metrics,
        (_rates_of(first), _rates_of(second)),
        same,
        "; ".join(notes),
        is_certain=certain,
        is_rechosen=first.rechosen is not None and second.rechosen is not None,
        levels_are_exploratory=estimated,
    )


def _rates_of(tuned: Tuned) -> Read:
    """Return what names a rate of a cell at the threshold of a model, as its own audit does."""

    def rate(cell: Cell, metric: str) -> Quantity:
        return Statistic(Flagged(cell, tuned.threshold, tuned.at_threshold, tuned.rechosen), metric)

    return rate
