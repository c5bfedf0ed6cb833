"""Whether the score separates images with and without the shortcut, among images alike in the finding.

An AUROC of the finding's score for the *shortcut*: 0.5 is chance level, a score that does not depend on it.
"""

from cxraudit.audits.cohort import Cohort, Sample
from cxraudit.audits.plan import Comparison, Item, Known, Level, key, ranking
from cxraudit.audits.shortcuts.labels import ShortcutLabels
from cxraudit.schema import CHANCE, NEGATIVES, POSITIVES, Analysis, Confirmatory


def separation(cohort: Cohort, sample: Sample, labels: ShortcutLabels) -> list[Item]:
    """Plan the AUROC of images with against images without the shortcut, per class of the finding."""
    items: list[Item] = []
    for group, positive in ((POSITIVES, True), (NEGATIVES, False)):
        chosen = labels.known & (sample.y_true == positive)
        if not chosen.any():
            continue
        among = sample.only(chosen).with_(y_true=labels.has[chosen])
        if not among.both_classes:
            continue
        cell = among.everything
        named = {"attribute": labels.name, "group": group}
        quantity = ranking(cell, "shortcut_auroc")
        items += [
            Level(
                key=key(among, Analysis.SHORTCUT_SEPARATION, **named),
                metric="shortcut_auroc",
                quantity=quantity,
                cell=cell,
            ),
            Comparison(
                key=key(among, Analysis.SHORTCUT_SEPARATION, reference=CHANCE, **named),
                metric="shortcut_auroc",
                group=quantity,
                reference=Known(0.5),
                cells=(cell,),
                family=Confirmatory.SHORTCUT,
            ),
        ]
    return items
