"""Whether the score separates images with and without the shortcut, among images alike in the finding.

An AUROC of the finding's score for the *shortcut*: 0.5 is chance level, a score that does not depend on it.
"""

from collections.abc import Iterator

from cxraudit.audits.cohort import Cohort, Mask, Sample
from cxraudit.audits.plan import Comparison, Item, Known, Level, key, ranking
from cxraudit.audits.shortcuts.labels import (
    NO_VERDICT,
    Caveats,
    Judged,
    ShortcutLabels,
    caveats,
    judged_by,
)
from cxraudit.schema import ANNOTATED, CHANCE, NEGATIVES, POSITIVES, Analysis, Confirmatory


def separation(cohort: Cohort, sample: Sample, labels: ShortcutLabels) -> list[Item]:
    """Plan the AUROC of images with against images without the shortcut, per class of the finding.

    Where labels of a class are a detector's, the verdict is on those by annotators, and there is none if
    these are of too few patients; see `cxraudit.audits.shortcuts.labels.judged_by`.
    """
    items: list[Item] = []
    for group, positive in ((POSITIVES, True), (NEGATIVES, False)):
        of_class = sample.y_true == positive
        judged = judged_by(cohort, sample, labels, of_class)
        items += _separated(
            cohort,
            sample,
            labels,
            group,
            of_class & labels.known,
            judged,
            caveats(sample, labels, [group]),
        )
        if judged is not Judged.ALL:
            annotated = of_class & labels.known & ~labels.predicted
            stated = caveats(sample, labels, [group], annotated=True)
            items += _separated(
                cohort, sample, labels, group, annotated, judged, stated, label_source=ANNOTATED
            )
    return items


def _separated(
    cohort: Cohort,
    sample: Sample,
    labels: ShortcutLabels,
    group: str,
    chosen: Mask,
    judged: Judged,
    stated: Caveats,
    *,
    label_source: str = "",
) -> Iterator[Item]:
    """Plan level and comparison with chance for some images; nothing if all of them are alike."""
    if not chosen.any():
        return
    among = sample.only(chosen).with_(y_true=labels.has[chosen])
    if not among.both_classes:
        return
    # Of all labels and those by annotators, one is judged: these, or neither.
    is_judged = (judged is Judged.ANNOTATED) == (label_source == ANNOTATED)
    cell = among.everything
    named = {"attribute": labels.name, "group": group, "label_source": label_source}
    quantity = ranking(cell, "shortcut_auroc")
    yield Level(
        key=key(among, Analysis.SHORTCUT_SEPARATION, **named),
        metric="shortcut_auroc",
        quantity=quantity,
        cell=cell,
        reasons=stated.reasons,
        note=stated.note,
    )
    yield Comparison(
        key=key(among, Analysis.SHORTCUT_SEPARATION, reference=CHANCE, **named),
        metric="shortcut_auroc",
        group=quantity,
        reference=Known(0.5),
        cells=(cell,),
        family=Confirmatory.SHORTCUT if is_judged else None,
        enough=False if judged is Judged.NONE else None,
        caution=NO_VERDICT.format(cohort.settings.min_patients),
        reasons=stated.reasons,
        note=stated.note,
    )
