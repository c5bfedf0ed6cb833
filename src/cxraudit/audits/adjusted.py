"""Is a gap the group's own, or that of its age, view or devices: the gap at equal mix."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cxraudit.audits.cells import Cohort, Labelled, comparisons
from cxraudit.audits.rows import Row, gap_rows, judge_family
from cxraudit.audits.subgroups import scored_findings
from cxraudit.names import attribute_name
from cxraudit.schemas import AT_EQUAL, UNKNOWN, results_frame
from cxraudit.stats.standardise import standardised_replicates

ADJUSTERS = ("age_group", "view_position")
"""What groups are made alike in, where the data set has it."""


def by_subgroup_at_equal(
    cohort: Cohort,
    scores: pd.DataFrame,
    attributes: Sequence[str],
    adjusters: Sequence[str] = ADJUSTERS,
) -> pd.DataFrame:
    """Give the gap of each group to the rest after both were weighted to one mix of an adjuster.

    Parameters
    ----------
    cohort, scores, attributes
        As in `cxraudit.audits.subgroups.by_subgroup`.
    adjusters : sequence of str
        Attributes whose mix, among positives and among negatives, is made equal, one at a time.

    Returns
    -------
    pandas.DataFrame
        A results table of gaps; ``reference`` is ``rest at equal age``, and ``note`` gives the
        effective number of films on the group's side. Families are those of each adjuster.
    """
    tables = [
        judge_family(_gaps(cohort, scores, attributes, adjuster), cohort.settings)
        for adjuster in adjusters
    ]
    return results_frame(row for table in tables for row in table)


def _gaps(
    cohort: Cohort, scores: pd.DataFrame, attributes: Sequence[str], adjuster: str
) -> list[Row]:
    gaps: list[Row] = []
    settings = cohort.settings
    for base, films in scored_findings(cohort, scores):
        strata = cohort.images[adjuster].to_numpy(dtype=str)[films.rows]
        known = strata != UNKNOWN
        if not films.both_classes:
            continue
        plan = []
        for attribute in attributes:
            if attribute == adjuster:
                continue
            for group, mask, rest in comparisons(cohort, attribute, films.rows):
                sides = np.stack([mask & known, rest & known])
                if sides.any(axis=1).all():
                    plan.append((attribute, group, sides))

        def weighted(
            item: tuple[str, str, NDArray[np.bool_]],
            base: Row = base,
            films: Labelled = films,
            strata: NDArray[np.str_] = strata,
        ) -> list[Row]:
            attribute, group, sides = item
            (inside, outside), effective = standardised_replicates(
                films.y_true, films.y_score, films.patients, sides, strata, cohort.counts,
                n_resamples=settings.n_resamples,
            )  # fmt: skip
            row = {
                **base, "attribute": attribute, "group": group,
                "reference": AT_EQUAL + attribute_name(adjuster),
            }  # fmt: skip
            rows = gap_rows(row, films, sides[0], sides[1], inside, outside, settings)
            share = f"weighted; {effective[0]:.0f} effective films in the group"
            return [{**r, "note": "; ".join(filter(None, [r["note"], share]))} for r in rows]

        with ThreadPoolExecutor(max(settings.n_threads, 1)) as pool:
            for rows in pool.map(weighted, plan):
                gaps += rows
    return gaps
