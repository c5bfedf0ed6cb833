"""The gap of each group to all other groups at one mix of age, view or a shortcut.

Would the gap remain if both sides had the same ages, views or devices? Both are weighted to one mix, among
positives and among negatives.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np

from cxraudit.audits.cohort import Cohort, Sample, Vector
from cxraudit.audits.groups import ADJUSTERS, comparisons, parts
from cxraudit.audits.measures import StandardisedRanking
from cxraudit.audits.plan import (
    Comparison,
    Item,
    Statistic,
    joined_phrases,
    key,
    minus,
    ranking,
)
from cxraudit.audits.shortcuts.labels import NO_CAVEATS, Caveats, caveats, labels_of
from cxraudit.datasets.base import NO_GROUP
from cxraudit.metrics import METRICS, Family, of_family
from cxraudit.schema import COMPLEMENT, OBSERVED_GAP, POSITIVES, Analysis, Confirmatory
from cxraudit.stats.standardise import overlap

CHANGE = "auroc"
"""The metric of which the change by standardisation is estimated."""
HOW = {"both": "weighted", "matched": "matched by weights"}


def plan(
    cohort: Cohort,
    sample: Sample,
    attributes: Sequence[str],
    adjusters: Sequence[str] = ADJUSTERS,
    shortcuts: Mapping[str, str] = {},
) -> list[Item]:
    """Plan the gaps after standardisation; all are one family.

    Parameters
    ----------
    cohort, sample, attributes
        As in `cxraudit.audits.subgroups.plan`.
    adjusters : sequence of str
        Attributes whose mix, among positives and among negatives, is made equal, one at a time.
    shortcuts : mapping of str to str
        Shortcut column → finding, whose mix is made equal among the positives of that finding.

    Returns
    -------
    list of Item
        ``condition`` is the adjuster; the note gives the effective number of images on the group's side. Of
        AUROC also how much standardisation changes the gap: two gaps that are nearly the same can have two
        verdicts, and a changed one can keep its.
    """
    if not sample.both_classes:
        return []
    items: list[Item] = []
    for adjuster in adjusters:
        items += _by(cohort, sample, attributes, adjuster, cohort.column(adjuster, sample.rows))
    for shortcut, finding in shortcuts.items():
        if finding == sample.finding:
            # A shortcut stands in for the finding, so its mix matters among positives.
            strata = np.where(sample.y_true, cohort.column(shortcut, sample.rows), "negative")
            stated = caveats(sample, labels_of(cohort, sample, shortcut), [POSITIVES])
            items += _by(cohort, sample, attributes, shortcut, strata, stated)
    return items


def _by(
    cohort: Cohort,
    sample: Sample,
    attributes: Sequence[str],
    adjuster: str,
    strata: np.ndarray,
    stated: Caveats = NO_CAVEATS,
) -> Iterator[Item]:
    known = ~np.isin(strata, NO_GROUP)
    codes = Vector(np.unique(strata.astype(str), return_inverse=True)[1])
    others = [a for a in attributes if not set(parts(a)) & set(parts(adjuster))]
    for group in comparisons(cohort, sample, others):
        sides = (group.inside & known, group.outside & known)
        if not all(side.mask.any() for side in sides):
            continue
        kept, effective = overlap(
            sample.y_true,
            np.stack([side.mask for side in sides]),
            codes.values,
            target=cohort.settings.standardise,
            weights=sample.weights,
        )
        cells = (sample.cell(kept[0]), sample.cell(kept[1]))
        note = (
            f"{HOW[cohort.settings.standardise]}; {effective[0]:.0f} effective images in the group"
        )
        for metric in of_family(Family.RANKING):
            if not METRICS[metric].shown:
                continue
            inside, outside = (
                Statistic(StandardisedRanking(frozenset(sides), codes, side), metric)
                for side in sides
            )
            gap = Comparison(
                key=key(
                    sample,
                    Analysis.STANDARDISED,
                    attribute=group.attribute,
                    group=group.name,
                    reference=COMPLEMENT,
                    condition=adjuster,
                ),
                metric=metric,
                group=inside,
                reference=outside,
                cells=cells,
                family=Confirmatory.STANDARDISED,
                error="replicates",
                reasons=stated.reasons,
                note=joined_phrases(note, stated.note),
            )
            yield gap
            if metric == CHANGE:
                observed = (ranking(one, metric) for one in (group.inside, group.outside))
                yield replace(
                    gap,
                    key=replace(gap.key, analysis=Analysis.STANDARDISATION, reference=OBSERVED_GAP),
                    group=minus(inside, outside),
                    reference=minus(*observed),
                    family=None,
                    scale="plain",
                )
