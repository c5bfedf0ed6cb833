"""The gap with − without the shortcut after both were weighted to one mix of view, of age, and of both."""

import numpy as np

from cxraudit.audits.cohort import Cohort, Sample, Vector
from cxraudit.audits.groups import ADJUSTERS, parts
from cxraudit.audits.measures import StandardisedRanking
from cxraudit.audits.plan import Comparison, Item, Statistic, joined_phrases, key
from cxraudit.audits.shortcuts.labels import Judged, ShortcutLabels, caveats, judged_by
from cxraudit.datasets.base import NO_GROUP
from cxraudit.schema import POSITIVES, WITH, WITHOUT, Analysis, Confirmatory
from cxraudit.stats.standardise import overlap


def standardised_gap(cohort: Cohort, sample: Sample, labels: ShortcutLabels) -> list[Item]:
    """Plan the gap at one mix of each adjuster; a shortcut is not standardised by its own column.

    It is exploratory where labels of positives are a detector's.
    """
    items: list[Item] = []
    y_true = sample.y_true
    by_annotators = judged_by(cohort, sample, labels, y_true) is Judged.ALL
    stated = caveats(sample, labels, [POSITIVES])
    own = labels.column
    for adjuster in ADJUSTERS:
        if adjuster not in cohort.images or own in parts(adjuster):
            continue
        strata = cohort.column(adjuster, sample.rows).astype(str)
        known = ~np.isin(strata, NO_GROUP)
        sides = tuple(
            sample.cell((~y_true | (y_true & kind)) & known) for kind in (labels.has, labels.lacks)
        )
        if not all((side.mask & y_true).any() for side in sides):
            continue
        codes = Vector(np.unique(strata, return_inverse=True)[1])
        kept, effective = overlap(
            y_true,
            np.stack([side.mask for side in sides]),
            codes.values,
            target=cohort.settings.standardise,
            weights=sample.weights,
        )
        with_, without = (
            Statistic(StandardisedRanking(frozenset(sides), codes, side), "auroc") for side in sides
        )
        items.append(
            Comparison(
                key=key(
                    sample,
                    Analysis.SHORTCUT_STANDARDISED,
                    attribute=labels.name,
                    group=WITH,
                    reference=WITHOUT,
                    condition=adjuster,
                ),
                metric="auroc",
                group=with_,
                reference=without,
                cells=(sample.cell(kept[0]), sample.cell(kept[1])),
                family=Confirmatory.SHORTCUT if by_annotators else None,
                error="replicates",
                reasons=stated.reasons,
                note=joined_phrases(f"{effective[0]:.0f} effective images with it", stated.note),
            )
        )
    return items
