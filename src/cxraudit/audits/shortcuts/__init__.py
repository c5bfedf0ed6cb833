"""What scores say about a shortcut such as a chest drain.

===================  ===============================================================================
module               question
===================  ===============================================================================
`stratified`         is the finding recognised better when the shortcut is there
`separation`         does the score separate images with and without the shortcut itself
`misclassification`  what errors in the labels of the shortcut can do to both
`prevalence_shift`   what AUROC would be at another frequency of the shortcut
`standardised`       does the gap remain at one mix of view and age
`percentiles`        how scores are distributed
===================  ===============================================================================
"""

from collections.abc import Mapping

from cxraudit.audits.cohort import Cohort, Sample
from cxraudit.audits.plan import Item
from cxraudit.audits.shortcuts.labels import DEFAULT_SHORTCUTS, labels_of, with_derived
from cxraudit.audits.shortcuts.misclassification import if_mislabelled
from cxraudit.audits.shortcuts.percentiles import score_percentiles
from cxraudit.audits.shortcuts.prevalence_shift import prevalence_shift
from cxraudit.audits.shortcuts.separation import separation
from cxraudit.audits.shortcuts.standardised import standardised_gap
from cxraudit.audits.shortcuts.stratified import subsets, with_and_without

__all__ = ["DEFAULT_SHORTCUTS", "plan", "score_percentiles", "with_derived"]

STRATIFIED = (with_and_without, subsets, if_mislabelled)
FURTHER = (separation, prevalence_shift, standardised_gap)
"""For findings with both classes."""


def plan(cohort: Cohort, sample: Sample, shortcuts: Mapping[str, str]) -> list[Item]:
    """Plan every question about the shortcuts of the sample's finding.

    Parameters
    ----------
    cohort : Cohort
        Its images hold the shortcut columns (yes, no, unknown).
    sample : Sample
        The images of one model and finding.
    shortcuts : mapping of str to str
        Shortcut column → finding.

    Returns
    -------
    list of Item
        ``attribute`` is the shortcut. The gap with − without is above zero where the finding is
        recognised better when the shortcut is there. Where the shortcut is known of negatives, too, the
        four AUROCs of Borkan et al. (2019) follow: ``subgroup`` (all images with it), ``background``
        (all without), ``bpsn`` (positives without against negatives with it: low if the shortcut alone
        raises the score) and ``bnsp`` (the reverse). The difference bnsp − bpsn is not zero for a score that
        does not depend on the shortcut, where severe positives have it more often: it is exploratory, as
        are the differences between the observed AUROC and that of reweighted images.
    """
    items: list[Item] = []
    for shortcut, finding in shortcuts.items():
        if finding != sample.finding:
            continue
        labels = labels_of(cohort, sample, shortcut)
        for question in (*STRATIFIED, *(FURTHER if sample.both_classes else ())):
            items += question(cohort, sample, labels)
    return items
