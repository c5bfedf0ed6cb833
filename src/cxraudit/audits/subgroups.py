"""How well each group is ranked: every finding overall, in every group, and against all other groups."""

from collections.abc import Iterator, Sequence
from itertools import combinations

import numpy as np

from cxraudit.audits.cohort import Cell, Cohort, Sample
from cxraudit.audits.groups import Group, groups
from cxraudit.audits.plan import Comparison, Equality, Item, Level, key, ranking
from cxraudit.metrics import Family, of_family
from cxraudit.schema import COMPLEMENT, EACH_OTHER, Analysis, Confirmatory


def plan(cohort: Cohort, sample: Sample, attributes: Sequence[str]) -> list[Item]:
    """Plan levels overall and by group, the gap of each group to all other groups, and a test of all groups.

    Resamples of patients are shared by all models, findings, groups and metrics. A group without positives
    or negatives keeps its row, with NaN and the reason.

    Parameters
    ----------
    cohort : Cohort
        From `cxraudit.audits.cohort.make_cohort`.
    sample : Sample
        The images of one model and finding.
    attributes : sequence of str
        Columns of the images that hold group names.

    Returns
    -------
    list of Item
        The gap of ``xauc`` is P(positive of the group > negative of all other groups) − P(positive of all
        other groups > negative of the group): below zero, the group's positives are ranked too low or
        its negatives too high.
    """
    everything = sample.everything
    items: list[Item] = [
        Level(
            key=key(sample, Analysis.SUBGROUPS),
            metric=m,
            quantity=ranking(everything, m),
            cell=everything,
        )
        for m in of_family(Family.RANKING)
    ]
    found = groups(cohort, sample, attributes)
    for group in found:
        items += _group(sample, group)
    for analysis, group, other in _chosen_pairs(cohort, found):
        items += [
            Comparison(
                key=key(
                    sample,
                    analysis,
                    attribute=group.attribute,
                    group=group.name,
                    reference=other.name,
                ),
                metric=metric,
                group=ranking(group.inside, metric),
                reference=ranking(other.inside, metric),
                cells=(group.inside, other.inside),
                family=Confirmatory.PAIRS,
            )
            for metric in of_family(Family.RANKING)
            if sample.both_classes
        ]
    return [*items, *_equalities(sample, found)]


def _group(sample: Sample, group: Group) -> Iterator[Item]:
    """Levels of a group, and its gaps to all other groups."""
    named = {"attribute": group.attribute, "group": group.name}
    level = key(sample, Analysis.SUBGROUPS, **named)
    metrics = of_family(Family.RANKING)
    for metric in metrics:
        yield Level(
            key=level, metric=metric, quantity=ranking(group.inside, metric), cell=group.inside
        )
    if not group.compared:
        return
    forth, back = _crossed(sample, group)
    yield Level(key=level, metric="xauc", quantity=ranking(forth, "xauc"), cell=forth)
    if not sample.both_classes:
        return
    sides = dict.fromkeys(metrics, (group.inside, group.outside)) | {"xauc": (forth, back)}
    for metric, (first, second) in sides.items():
        yield Comparison(
            key=key(sample, Analysis.SUBGROUPS, reference=COMPLEMENT, **named),
            metric=metric,
            group=ranking(first, metric),
            reference=ranking(second, metric),
            cells=(group.inside, group.outside),
            family=Confirmatory.PRIMARY,
        )


def _crossed(sample: Sample, group: Group) -> tuple[Cell, Cell]:
    """Positives of the group with negatives of all other groups, and the reverse."""
    inside, outside = group.inside.mask, group.outside.mask
    return (
        sample.cell((inside & sample.y_true) | (outside & ~sample.y_true)),
        sample.cell((outside & sample.y_true) | (inside & ~sample.y_true)),
    )


def _chosen_pairs(
    cohort: Cohort, found: Sequence[Group]
) -> Iterator[tuple[Analysis, Group, Group]]:
    """Yield the comparisons that the settings name besides those to all other groups."""
    compared = [group for group in found if group.compared]
    for first, second in combinations(compared, 2):
        if first.attribute == second.attribute:
            chosen = cohort.settings.references.get(first.attribute)
            if chosen in (first.name, second.name):
                group, other = (second, first) if chosen == first.name else (first, second)
                yield Analysis.REFERENCE_GROUP, group, other
            elif cohort.settings.all_pairs:
                yield Analysis.GROUP_PAIRS, first, second


def _equalities(sample: Sample, found: Sequence[Group]) -> Iterator[Equality]:
    """Yield one test of all groups of each attribute."""
    cells: dict[str, list[Cell]] = {}
    for group in found:
        if group.compared:
            cells.setdefault(group.attribute, []).append(group.inside)
    for attribute, of_groups in cells.items():
        if len(of_groups) > 1 and sample.both_classes:
            yield Equality(
                key=key(sample, Analysis.HETEROGENEITY, attribute=attribute, reference=EACH_OTHER),
                metric="auroc",
                cells=tuple(of_groups),
                quantities=tuple(map(ranking, of_groups)),
                cell=sample.cell(np.logical_or.reduce([cell.mask for cell in of_groups])),
                family=Confirmatory.ALL_GROUPS,
            )
