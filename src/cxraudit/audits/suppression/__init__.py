"""Small cells are hidden: counts and estimates of few patients, and whatever would give them away.

==========  ==========================================================================
module      question
==========  ==========================================================================
`small`     which counts are small, and what has to be hidden with them in an attribute
`groups`    which groups are too small, finding by finding, and which sums give them
`counted`   whose counts are shown: two sets that differ by a few are not both counted
`rows`      which rows of the results are hidden, and what the others show
`slices`    which slices are hidden, names included
`tables`    filters, exclusions, notices and notes
==========  ==========================================================================
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pandas as pd

from cxraudit.audits.cohort import Cohort, samples, scored_findings
from cxraudit.audits.result import Audit
from cxraudit.audits.suppression.counted import counted
from cxraudit.audits.suppression.groups import hidden_groups
from cxraudit.audits.suppression.rows import DECIMALS, hidden_rows, suppressed_results
from cxraudit.audits.suppression.slices import without_hidden_slices
from cxraudit.audits.suppression.small import is_small
from cxraudit.audits.suppression.tables import (
    suppressed_exclusions,
    suppressed_facts,
    suppressed_flow,
)
from cxraudit.errors import DataError
from cxraudit.schema import Analysis


def suppressed(found: Audit, cohort: Cohort, scores: pd.DataFrame) -> Audit:
    """Return an audit without small cells; the same audit where nothing has to be hidden.

    Parameters
    ----------
    found : Audit
        As it was computed; one that was suppressed before is returned as it is.
    cohort : Cohort
        Its images; the option ``suppress_below`` is that of its settings.
    scores : pandas.DataFrame
        Its scores.

    Returns
    -------
    Audit
        A row of a cell with fewer patients or images than the option, or fewer with or without the
        finding, has neither estimates nor counts, and the reason ``SUPPRESSED``. Nothing is left of
        tables with a row per image, or with counts by score.

    Raises
    ------
    DataError
        If the whole cohort is as small as that.
    """
    below = cohort.settings.suppress_below
    if below < 2 or "suppressed" in found.facts:
        return found
    if found.facts["patients"] < below:
        raise DataError(
            f"the cohort has fewer patients than suppress_below = {below}, so that nothing could be shown. "
            "Audit more patients, or lower the option."
        )
    by_finding = {
        finding: list(samples(cohort, scores, finding))
        for finding in scored_findings(cohort, scores)
    }
    attributes: Sequence[str] = found.facts["attributes"]
    only_embeddings = [s for s in cohort.dataset.shortcuts if s not in attributes]
    hidden = hidden_groups(cohort, by_finding, attributes, only_embeddings, below)
    counts = counted(cohort, by_finding, attributes, below)
    hide = hidden_rows(found.results, hidden, below)
    kept, slices = without_hidden_slices(
        found.results, hide, found.facts.get("slices"), hidden, below
    )
    flow = suppressed_flow(found.flow, below)
    return replace(
        found,
        results=suppressed_results(found.results, hide, counts, below)[kept].reset_index(drop=True),
        exclusions=suppressed_exclusions(found.exclusions, flow, counts, below),
        flow=flow,
        excluded=found.excluded.iloc[:0],
        facts={
            **suppressed_facts(found.facts, below, _identifiers(cohort)),
            "data": None,
            "slices": slices,
            "suppressed": {"below": below, "rows": int(hide.sum())},
        },
        curves=_without(found.curves, found.results[hide], Analysis.CENTROID),
        prompt_gaps=_without(found.prompt_gaps, found.results[hide], Analysis.PROMPT_SENSITIVITY),
        wording_changes=_without(found.wording_changes, found.results[hide], Analysis.WORDING),
        image_changes=pd.DataFrame(),
        points=pd.DataFrame(),
        score_percentiles=pd.DataFrame(),
        audited_images=pd.DataFrame(),
        audited_scores=pd.DataFrame(),
    )


def _identifiers(cohort: Cohort) -> frozenset[str]:
    """Return the names of all images, studies and patients."""
    data = cohort.dataset
    tables = (data.images, data.excluded)
    columns = ("image_id", "study_id", "patient_id")
    return frozenset().union(*(set(t[c].astype("str")) for t in tables for c in columns))


def _without(table: pd.DataFrame, hidden: pd.DataFrame, analysis: Analysis) -> pd.DataFrame:
    """Return the rows of a drawn table that are not about a hidden group."""
    if table.empty:
        return table
    key = [name for name in ("model", "finding", "attribute", "group") if name in table]
    rows = hidden[
        (hidden["analysis"] == analysis) & ((hidden["finding"] != "") == ("finding" in key))
    ]
    gone = pd.MultiIndex.from_frame(rows[key])
    kept = table[~pd.MultiIndex.from_frame(table[key]).isin(gone)]
    return kept.round(DECIMALS).reset_index(drop=True)


def suppressed_image_notes(
    notes: Sequence[Mapping[str, Any]], found: Audit
) -> list[dict[str, Any]]:
    """Return what was found on decoding the images, without names and small counts if cells are hidden.

    Parameters
    ----------
    notes : sequence of mapping
        ``note``, ``count`` and the names of some ``images``.
    found : Audit
        The audit they belong to.
    """
    if "suppressed" not in found.facts:
        return [dict(one) for one in notes]
    below = found.facts["suppressed"]["below"]
    return [
        {**one, "count": None if is_small((one["count"],), below) else one["count"], "images": []}
        for one in notes
    ]
