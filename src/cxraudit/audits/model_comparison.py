"""Which model is better, and whose gaps are smaller: paired, on the same images and resamples."""

from collections.abc import Sequence
from itertools import combinations

import numpy as np

from cxraudit.audits.cohort import Cell, Cohort, Sample
from cxraudit.audits.groups import comparisons
from cxraudit.audits.plan import Comparison, Item, Quantity, key, minus, ranking
from cxraudit.metrics import Family, of_family
from cxraudit.schema import Analysis


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
    items: list[Item] = []
    by_model = sorted(samples, key=lambda sample: sample.model)
    for first, second in combinations(by_model, 2):
        items += _pair(cohort, *_shared(first, second), attributes)
    return items


def _shared(first: Sample, second: Sample) -> tuple[Sample, Sample]:
    """Return both on the images that both have; as they are, where these are all."""
    if np.array_equal(first.rows, second.rows):
        return first, second
    return (
        first.only(np.isin(first.rows, second.rows)),
        second.only(np.isin(second.rows, first.rows)),
    )


def _pair(cohort: Cohort, first: Sample, second: Sample, attributes: Sequence[str]) -> list[Item]:
    if not first.rows.size:
        return []
    items: list[Item] = []
    metrics = of_family(Family.RANKING)
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
                    first, second, metric, gaps, (group.inside, group.outside), named, scale="plain"
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
    scale: str | None = None,
) -> Comparison:
    return Comparison(
        key=key(first, Analysis.MODELS, reference=second.model, **named),
        metric=metric,
        group=quantities[0],
        reference=quantities[1],
        cells=cells,
        family=Analysis.MODELS,
        scale=scale,
    )
