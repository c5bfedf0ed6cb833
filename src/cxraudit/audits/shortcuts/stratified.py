"""A finding with and without a shortcut: positives of both kinds, each against negatives."""

from collections.abc import Mapping, Sequence

from cxraudit.audits.cohort import Cell, Cohort, Sample
from cxraudit.audits.plan import Comparison, Item, Level, key, ranking
from cxraudit.audits.shortcuts.labels import (
    NO_VERDICT,
    Caveats,
    Judged,
    ShortcutLabels,
    caveats,
    judged_by,
)
from cxraudit.metrics import Family, of_family
from cxraudit.schema import ANNOTATED, POSITIVES, WITH, WITHOUT, Analysis, Confirmatory
from cxraudit.stats.ranking import shortcut_cells


def with_and_without(cohort: Cohort, sample: Sample, labels: ShortcutLabels) -> list[Item]:
    """Plan positives with and without the shortcut, each against all negatives, as published.

    Where labels of positives are a detector's, the verdict is on those by annotators, and there is none if
    these are of too few patients; see `cxraudit.audits.shortcuts.labels.judged_by`.
    """
    y_true = sample.y_true
    judged = judged_by(cohort, sample, labels, y_true)
    cells = {
        WITH: sample.cell(~y_true | labels.has),
        WITHOUT: sample.cell(~y_true | labels.lacks),
    }
    items = _sides(
        sample,
        Analysis.SHORTCUT,
        labels,
        cells,
        (WITH, WITHOUT),
        of_family(Family.RANKING),
        family=None if judged is Judged.ANNOTATED else Confirmatory.PRIMARY,
        enough=False if judged is Judged.NONE else None,
        caution=NO_VERDICT.format(cohort.settings.min_patients),
        caveats=caveats(sample, labels, [POSITIVES]),
    )
    return items + _annotated_only(sample, labels, judged)


def subsets(cohort: Cohort, sample: Sample, labels: ShortcutLabels) -> list[Item]:
    """Plan the four AUROCs of shortcut × finding, where the shortcut is known of negatives, too.

    The difference of two of them is exploratory: severity that goes with the shortcut makes it as well.
    """
    if not (labels.known & ~sample.y_true).any():
        return []
    cells = {
        name: sample.cell(mask & labels.known)
        for name, mask in shortcut_cells(sample.y_true, labels.has).items()
    }
    return _sides(
        sample,
        Analysis.SHORTCUT_SUBSETS,
        labels,
        cells,
        ("bnsp", "bpsn"),
        ["auroc"],
        family=None,
        caveats=caveats(sample, labels),
    )


def _annotated_only(sample: Sample, labels: ShortcutLabels, judged: Judged) -> list[Item]:
    """Plan both sides from labels by annotators alone, if a detector labelled others."""
    annotated = sample.y_true & labels.known & ~labels.predicted
    if judged is Judged.ALL or not annotated.any():
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
        family=Confirmatory.PRIMARY if judged is Judged.ANNOTATED else None,
        caveats=caveats(sample, labels, [POSITIVES], annotated=True),
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
    family: Confirmatory | None,
    caveats: Caveats,
    enough: bool | None = None,
    caution: str = "",
    label_source: str = "",
) -> list[Item]:
    """Plan the levels of some cells, and the gap between two of them."""
    named = {"attribute": labels.name, "label_source": label_source}
    stated = {"reasons": caveats.reasons, "note": caveats.note}
    items: list[Item] = [
        Level(
            key=key(sample, analysis, group=group, **named),
            metric=metric,
            quantity=ranking(cell, metric),
            cell=cell,
            **stated,
        )
        for group, cell in cells.items()
        for metric in metrics
    ]
    first, second = (cells[name] for name in compared)
    items += [
        Comparison(
            key=key(sample, analysis, group=compared[0], reference=compared[1], **named),
            metric=metric,
            group=ranking(first, metric),
            reference=ranking(second, metric),
            cells=(first, second),
            family=family,
            enough=enough,
            caution=caution,
            **stated,
        )
        for metric in metrics
    ]
    return items
