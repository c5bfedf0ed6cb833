"""Which model is better, and whose gaps are smaller: paired, on the same images and resamples."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from cxraudit.audits.cohort import Cell, Cohort, Sample
from cxraudit.audits.groups import comparisons
from cxraudit.audits.plan import Comparison, Item, Quantity, key, minus, ranking
from cxraudit.metrics import Family, of_family
from cxraudit.schema import Analysis, Confirmatory, Reason


def plan(cohort: Cohort, samples: Sequence[Sample], attributes: Sequence[str]) -> list[Item]:
    """Plan the comparison of every pair of models on the images that both scored.

    Parameters
    ----------
    cohort, attributes
        As in `cxraudit.audits.subgroups.plan`.
    samples : sequence of Sample
        Of one finding, one per model.

    Returns
    -------
    list of Item
        Model − other model (``reference``), of each metric over all images, or of the gap of ``group`` to
        all other groups.
    """
    return [
        item
        for first, second in _pairs(cohort, samples)
        for item in _pair(cohort, first, second, attributes)
    ]


_ALIKE = {
    Reason.IDENTICAL_SCORES: "give identical scores for",
    Reason.IDENTICAL_RANKING: "rank identically, with different scores,",
}


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


def named_alike(reason: Reason, model: str, other: str, n_images: Mapping[str, int]) -> str:
    """Say that two models are alike: ``m1 and m2 give identical scores for all 400 images of Edema``.

    Parameters
    ----------
    reason : Reason
        `Reason.IDENTICAL_SCORES` or `Reason.IDENTICAL_RANKING`.
    model, other : str
        The models.
    n_images : mapping of str to int
        Finding → images that both scored, of the findings for which they are alike.
    """
    counts = set(n_images.values())
    images = f"all {counts.pop():,} images" if len(counts) == 1 else "all images"
    return f"{model} and {other} {_ALIKE[reason]} {images} of {', '.join(sorted(n_images))}"


def _pairs(cohort: Cohort, samples: Sequence[Sample]) -> Iterator[tuple[Sample, Sample]]:
    """Yield every two models in alphabetical order, on the images that both scored, if there are any."""
    by_model = sorted(samples, key=lambda sample: sample.model)
    for first, second in combinations(by_model, 2):
        pair = _shared(cohort, first, second)
        if pair[0].rows.size:
            yield pair


def _shared(cohort: Cohort, first: Sample, second: Sample) -> tuple[Sample, Sample]:
    """Return both on the images that both have; as they are, where these are all."""
    if np.array_equal(first.rows, second.rows):
        return first, second
    return (
        first.sharing(cohort, np.isin(first.rows, second.rows)),
        second.sharing(cohort, np.isin(second.rows, first.rows)),
    )


def _pair(cohort: Cohort, first: Sample, second: Sample, attributes: Sequence[str]) -> list[Item]:
    items: list[Item] = []
    metrics = of_family(Family.RANKING)
    found = alike(first, second)
    everything = first.everything.mask
    for metric in metrics:
        items.append(
            _difference(
                first,
                second,
                metric,
                [ranking(sample.cell(everything), metric) for sample in (first, second)],
                (first.cell(everything),),
                {},
                found,
            )
        )
    for group in comparisons(cohort, first, attributes):
        masks = (group.inside.mask, group.outside.mask)
        for metric in metrics:
            gaps = [
                minus(*(ranking(sample.cell(mask), metric) for mask in masks))
                for sample in (first, second)
            ]
            named = {"attribute": group.attribute, "group": group.name}
            items.append(
                _difference(
                    first,
                    second,
                    metric,
                    gaps,
                    (group.inside, group.outside),
                    named,
                    found,
                    scale="plain",
                )
            )
    return items


def _difference(
    first: Sample,
    second: Sample,
    metric: str,
    quantities: Sequence[Quantity],
    cells: tuple[Cell, ...],
    named: dict[str, str],
    found: Reason | None,
    scale: str | None = None,
) -> Comparison:
    return Comparison(
        key=key(first, Analysis.MODELS, reference=second.model, **named),
        metric=metric,
        group=quantities[0],
        reference=quantities[1],
        cells=cells,
        family=Confirmatory.MODELS,
        scale=scale,
        identical=found is not None,
        reasons=() if found is None else (found,),
        note=""
        if found is None
        else named_alike(found, first.model, second.model, {first.finding: first.rows.size}),
    )
