"""Is a gap the group's own, or that of its age, view or devices: the gap at equal mix."""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cxraudit.audits.cells import NO_GROUP, Cohort, Labelled, comparisons
from cxraudit.audits.rows import Row, add_note, gap_rows, judge_family, ranking_metrics
from cxraudit.audits.subgroups import scored_findings
from cxraudit.schema import AT_EQUAL, results_frame
from cxraudit.stats.standardise import standardised_replicates
from cxraudit.vocabulary import attribute_name, shortcut_name

ADJUSTERS = ("age_group", "view_position", "age_group*view_position")
"""What groups are made alike in, where the data set has it; drains are added for their finding."""


def by_subgroup_at_equal(
    cohort: Cohort,
    scores: pd.DataFrame,
    attributes: Sequence[str],
    adjusters: Sequence[str] = ADJUSTERS,
    shortcuts: Mapping[str, str] = {},
) -> pd.DataFrame:
    """Give the gap of each group to the rest after both were weighted to one mix of an adjuster.

    Parameters
    ----------
    cohort, scores, attributes
        As in `cxraudit.audits.subgroups.by_subgroup`.
    adjusters : sequence of str
        Attributes whose mix, among positives and among negatives, is made equal, one at a time.
    shortcuts : mapping of str to str
        Shortcut column → finding, whose mix is made equal among the positives of that finding.

    Returns
    -------
    pandas.DataFrame
        A results table of gaps; ``reference`` is ``rest at equal age``, and ``note`` gives the
        effective number of images on the group's side. All are one family.
    """
    gaps = [
        row
        for adjuster in [*adjusters, *shortcuts]
        for row in _gaps(cohort, scores, attributes, adjuster, shortcuts)
    ]
    return results_frame(judge_family(gaps, cohort.settings))


def _gaps(
    cohort: Cohort,
    scores: pd.DataFrame,
    attributes: Sequence[str],
    adjuster: str,
    shortcuts: Mapping[str, str],
) -> list[Row]:
    gaps: list[Row] = []
    settings = cohort.settings
    for base, images in scored_findings(cohort, scores):
        if not images.both_classes or shortcuts.get(adjuster, base["finding"]) != base["finding"]:
            continue
        strata = cohort.images[adjuster].to_numpy(dtype=str)[images.rows]
        if adjuster in shortcuts:
            # A shortcut gives the finding away, so its mix matters where the finding is.
            strata = np.where(images.y_true, strata, "negative")
        known = ~np.isin(strata, NO_GROUP)
        plan = []
        for attribute in attributes:
            if set(attribute.split("*")) & set(adjuster.split("*")):
                continue
            for group, mask, rest in comparisons(cohort, attribute, images.rows):
                sides = np.stack([mask & known, rest & known])
                if sides.any(axis=1).all():
                    plan.append((attribute, group, sides))

        def weighted(
            item: tuple[str, str, NDArray[np.bool_]],
            base: Row = base,
            images: Labelled = images,
            strata: NDArray[np.str_] = strata,
        ) -> list[Row]:
            attribute, group, sides = item
            (inside, outside), effective, kept = standardised_replicates(
                images.y_true,
                images.y_score,
                images.units,
                sides,
                strata,
                cohort.counts,
                n_resamples=settings.n_resamples,
                target=settings.standardise,
            )
            name = shortcut_name(adjuster) if adjuster in shortcuts else attribute_name(adjuster)
            row = {
                **base,
                "attribute": attribute,
                "group": group,
                "reference": AT_EQUAL + name,
            }
            rows = gap_rows(
                row,
                images,
                list(kept),
                ranking_metrics(inside),
                ranking_metrics(outside),
                settings,
                scale="bootstrap",
            )
            how = {"both": "weighted", "matched": "matched by weights"}[settings.standardise]
            return add_note(rows, f"{how}; {effective[0]:.0f} effective images in the group")

        with ThreadPoolExecutor(max(settings.n_threads, 1)) as pool:
            for rows in pool.map(weighted, plan):
                gaps += rows
    return gaps
