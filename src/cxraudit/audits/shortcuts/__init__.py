"""What the model leans on: everything scores say about a shortcut such as a chest drain."""

from collections.abc import Mapping

import pandas as pd

from cxraudit.audits.cells import Cohort
from cxraudit.audits.rows import Row, judge_family
from cxraudit.audits.shortcuts.labels import DEFAULT, labels_of, with_derived
from cxraudit.audits.shortcuts.prevalence_shift import at_doses, detectable, matched, score_places
from cxraudit.audits.shortcuts.stratified import (
    BOUNDS,
    CORRECTED,
    annotated_only,
    if_mislabelled,
    of_borkan,
    with_and_without,
)
from cxraudit.audits.subgroups import scored_findings
from cxraudit.errors import UnknownNameError
from cxraudit.schema import results_frame

__all__ = ["BOUNDS", "CORRECTED", "DEFAULT", "by_shortcut", "score_places", "with_derived"]

ARMS = (with_and_without, of_borkan, annotated_only, if_mislabelled)
CARD = (detectable, at_doses, matched)
"""Questions about a shortcut and a finding; the gaps of each line are a family."""


def by_shortcut(
    cohort: Cohort, scores: pd.DataFrame, shortcuts: Mapping[str, str] = DEFAULT
) -> pd.DataFrame:
    """Compare positives with and without a shortcut, each against all negatives, as in the paper.

    Parameters
    ----------
    cohort : Cohort
        From `make_cohort`; its images hold the shortcut columns (yes, no, unknown).
    scores : pandas.DataFrame
        A scores table.
    shortcuts : mapping of str to str
        Shortcut column → finding.

    Returns
    -------
    pandas.DataFrame
        A results table: ``attribute`` is the shortcut, ``group`` is ``with`` or ``without``; the
        gap has ``group`` = ``with`` and ``reference`` = ``without``: above zero, the finding is
        recognised better when the shortcut is there. Where the shortcut is known of negatives, too,
        the four AUROCs of Borkan et al. (2019) follow: ``subgroup`` (all images with it),
        ``background`` (all without), ``bpsn`` (positives without against negatives with it: low if
        the shortcut alone raises the score) and ``bnsp`` (the other way round); the gap
        ``bnsp`` − ``bpsn`` is zero for a score that does not see the shortcut.

        Where some labels are a detector's, the arms and the gap of those by people alone follow
        under the attribute ``<shortcut> (annotated only)``. Where the detector's errors are known,
        two more gaps say what they can do: `CORRECTED` (put right, if errors do not depend on the
        score) and `BOUNDS` (``low`` and ``high`` over every way they can fall; no value).

        The rows of `cxraudit.audits.shortcuts.prevalence_shift` follow; their gaps are a family of their own, so
        that they take no power from the first question.
    """
    for shortcut, finding in shortcuts.items():
        if shortcut not in cohort.images:
            raise UnknownNameError("shortcut", shortcut, cohort.dataset.shortcuts)
        if finding not in cohort.dataset.findings:
            raise UnknownNameError("finding", finding, cohort.dataset.findings)
    levels: list[Row] = []
    gaps: list[Row] = []
    more: list[Row] = []
    for base, images in scored_findings(cohort, scores):
        for shortcut, finding in shortcuts.items():
            if finding != base["finding"]:
                continue
            labels = labels_of(cohort, images, shortcut)
            row = {**base, "attribute": shortcut}
            for family, questions in ((gaps, ARMS), (more, CARD if images.both_classes else ())):
                for ask in questions:
                    found, compared = ask(cohort, images, row, labels)
                    levels += found
                    family += compared
    judged = [row for family in (gaps, more) for row in judge_family(family, cohort.settings)]
    return results_frame([*levels, *judged])
