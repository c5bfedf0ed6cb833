"""A finding with and without a shortcut: positives of both kinds, each against negatives."""

from collections.abc import Mapping, Sequence

import numpy as np

from cxraudit.audits.cohort import Cell, Cohort, Sample
from cxraudit.audits.plan import Comparison, Item, Level, key, ranking
from cxraudit.audits.shortcuts.labels import ShortcutLabels
from cxraudit.metrics import Family, of_family
from cxraudit.schema import ANNOTATED, WITH, WITHOUT, Analysis, Confirmatory, Reason
from cxraudit.stats.ranking import shortcut_cells


def with_and_without(cohort: Cohort, sample: Sample, labels: ShortcutLabels) -> list[Item]:
    """Plan positives with and without the shortcut, each against all negatives, as published."""
    y_true = sample.y_true
    cells = {
        WITH: sample.cell(~y_true | labels.has),
        WITHOUT: sample.cell(~y_true | labels.lacks),
    }
    reasons: list[Reason] = []
    notes: list[str] = []
    if unknown := int(np.sum(y_true & ~labels.known)):
        reasons.append(Reason.SHORTCUT_UNKNOWN)
        notes.append(f"{unknown} positives whose {labels.name} is unknown are on neither side")
    if predicted := int(np.sum(y_true & labels.known & labels.predicted)):
        total = int(np.sum(y_true & labels.known))
        reasons.append(Reason.PREDICTED_LABELS)
        notes.append(f"{predicted} of {total} labels of positives are predicted by a detector")
    return _sides(
        sample,
        Analysis.SHORTCUT,
        labels,
        cells,
        (WITH, WITHOUT),
        of_family(Family.RANKING),
        reasons=tuple(reasons),
        note="; ".join(notes),
    )


def subsets(cohort: Cohort, sample: Sample, labels: ShortcutLabels) -> list[Item]:
    """Plan the four AUROCs of shortcut × finding, where the shortcut is known of negatives, too."""
    if not (labels.known & ~sample.y_true).any():
        return []
    cells = {
        name: sample.cell(mask & labels.known)
        for name, mask in shortcut_cells(sample.y_true, labels.has).items()
    }
    return _sides(sample, Analysis.SHORTCUT_SUBSETS, labels, cells, ("bnsp", "bpsn"), ["auroc"])


def annotated_only(cohort: Cohort, sample: Sample, labels: ShortcutLabels) -> list[Item]:
    """Plan both sides from labels by annotators alone, if a detector labelled others."""
    positives = sample.y_true & labels.known
    annotated = positives & ~labels.predicted
    if not (annotated.any() and (positives & labels.predicted).any()):
        return []
    cells = {
        WITH: sample.cell(~sample.y_true | (annotated & labels.has)),
        WITHOUT: sample.cell(~sample.y_true | (annotated & labels.lacks)),
    }
    return _sides(
        sample,
        Analysis.SHORTCUT,
        labels,
        cells,
        (WITH, WITHOUT),
        of_family(Family.RANKING),
        label_source=ANNOTATED,
    )


def _sides(
    sample: Sample,
    analysis: Analysis,
    labels: ShortcutLabels,
    cells: Mapping[str, Cell],
    compared: tuple[str, str],
    metrics: Sequence[str],
    *,
    label_source: str = "",
    reasons: tuple[Reason, ...] = (),
    note: str = "",
) -> list[Item]:
    """Plan the levels of some cells, and the gap between two of them."""
    named = {"attribute": labels.name, "label_source": label_source}
    items: list[Item] = [
        Level(
            key=key(sample, analysis, group=group, **named),
            metric=metric,
            quantity=ranking(cell, metric),
            cell=cell,
        )
        for group, cell in cells.items()
        for metric in metrics
    ]
    first, second = (cells[name] for name in compared)
    primary = analysis == Analysis.SHORTCUT
    family = Confirmatory.PRIMARY if primary else Confirmatory.SHORTCUT
    items += [
        Comparison(
            key=key(sample, analysis, group=compared[0], reference=compared[1], **named),
            metric=metric,
            group=ranking(first, metric),
            reference=ranking(second, metric),
            cells=(first, second),
            family=family,
            reasons=reasons,
            note=note,
        )
        for metric in metrics
    ]
    return items
