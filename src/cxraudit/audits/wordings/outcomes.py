"""What words can move: the mean score, AUROC, gaps; as quantities of the plan, phrase by phrase."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cxraudit.audits.cohort import Cell, Cohort, Sample, Vector
from cxraudit.audits.groups import Group, comparisons, is_intersection
from cxraudit.audits.plan import Combination, Known, Quantity, average, mean, minus, ranking
from cxraudit.datasets.base import NO_GROUP
from cxraudit.schema import OVERALL

MOVED = ("wording_score", "wording_auroc", "wording_gap", "wording_score_gap")
"""What words can move."""
SDS = {name: f"{name}_sd" for name in MOVED}
"""What words can move → the metric of how far."""
RATIOS = {name: f"{name}_ratio" for name in MOVED}
"""What words can move → the metric of how far words for groups do beside neutral ones."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """Something that words can move, and by how much each phrase does."""

    metric: str
    """One of `MOVED`."""
    attribute: str
    group: str
    cell: Cell
    """The images that are counted."""
    changes: tuple[Quantity, ...]
    """With each phrase, less without words."""


@dataclass(frozen=True, slots=True)
class Scored:
    """The labelled images of a finding with all scores."""

    base: Sample
    samples: tuple[Sample, ...]
    """One per phrase."""
    shifts: tuple[Vector, ...]
    """Score with the words less that without, in standard deviations of the latter."""
    ranks: tuple[Vector, ...]
    """Squared difference of the standardised ranks."""


def scored(cohort: Cohort, base: Sample, worded: NDArray[np.float64]) -> Scored:
    """Line up the samples of all phrases.

    Parameters
    ----------
    cohort : Cohort
        The images.
    base : Sample
        Scores without words, of images that have all others, too.
    worded : numpy.ndarray, shape (n_phrases, n)
        Scores of the same images, in their order.
    """
    sd = float(base.y_score.std())
    ranked = _standardised(base.y_score)
    return Scored(
        base,
        tuple(base.with_(y_score=row) for row in worded),
        tuple(Vector((row - base.y_score) / sd) for row in worded),
        tuple(Vector((_standardised(row) - ranked) ** 2) for row in worded),
    )


def _standardised(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return ranks with mean 0 and variance 1; NaN where all are the same."""
    from scipy.stats import rankdata  # slow to import

    ranks = rankdata(scores)
    ranks = ranks - ranks.mean()
    sd = ranks.std()
    return ranks / sd if sd > 0 else np.full_like(ranks, np.nan)


def rank_agreement(found: Scored, places: Sequence[int]) -> Combination:
    """Name the mean rank correlation of some phrases with the scores without words.

    Of standardised ranks r and q it is 1 − mean((r − q)²)/2, which does not vary where they are the same;
    ranks are those in all images.
    """
    squares = average([mean(found.base.everything, found.ranks[place]) for place in places])
    return Combination((Known(1.0), squares), (1.0, -0.5))


def outcomes(cohort: Cohort, found: Scored, attributes: Sequence[str]) -> Iterator[Outcome]:
    """Yield what words can move: over all images, and the gaps of groups with enough patients."""
    everything = found.base.everything
    yield Outcome(
        "wording_score",
        OVERALL,
        OVERALL,
        everything,
        tuple(mean(everything, shift) for shift in found.shifts),
    )
    yield Outcome(
        "wording_auroc",
        OVERALL,
        OVERALL,
        everything,
        tuple(minus(ranking(one.everything), ranking(everything)) for one in found.samples),
    )
    for group in compared(cohort, found.base, attributes):
        before = _gap(group, found.base)
        yield Outcome(
            "wording_gap",
            group.attribute,
            group.name,
            group.inside,
            tuple(minus(_gap(group, one), before) for one in found.samples),
        )
        yield Outcome(
            "wording_score_gap",
            group.attribute,
            group.name,
            group.inside,
            tuple(score_gap(group, shift) for shift in found.shifts),
        )


def compared(cohort: Cohort, sample: Sample, attributes: Sequence[str]) -> Iterator[Group]:
    """Yield the groups with enough patients on both sides; of two groups, whose gaps are opposite, one."""
    own = [name for name in attributes if not is_intersection(name)]
    for attribute in own:
        groups = list(comparisons(cohort, sample, [attribute]))
        known = [group.name for group in groups if group.name not in NO_GROUP]
        one = "yes" if "yes" in known else known[0] if known else ""
        for group in groups:
            if (len(known) > 2 or group.name == one) and _enough(cohort, group):
                yield group


def _enough(cohort: Cohort, group: Group) -> bool:
    least = max(1, cohort.settings.min_patients)
    return all(
        np.unique(side.sample.patients[side.mask & label]).size >= least
        for side in (group.inside, group.outside)
        for label in (group.inside.sample.y_true, ~group.inside.sample.y_true)
    )


def _gap(group: Group, sample: Sample) -> Combination:
    return minus(ranking(group.inside.of(sample)), ranking(group.outside.of(sample)))


def score_gap(group: Group, shift: Vector) -> Combination:
    """Name the shift in a group less that in all others, given the label: the mean of both labels."""
    label = group.inside.sample.y_true
    sides = (group.inside, group.outside)
    parts = [mean(side & only, shift) for only in (label, ~label) for side in sides]
    return Combination(tuple(parts), (0.5, -0.5, 0.5, -0.5))
