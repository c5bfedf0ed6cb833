"""A finding with and without a shortcut: positives of both kinds, each against negatives."""

from collections.abc import Mapping, Sequence
from itertools import product

import numpy as np

from cxraudit.audits.cells import Cohort, Labelled, Mask
from cxraudit.audits.rows import Row, add_note, gap_rows, level_rows
from cxraudit.audits.shortcuts.labels import WITH, Found, ShortcutLabels
from cxraudit.audits.subgroups import compute
from cxraudit.schema import ANNOTATED_ONLY, WITHOUT
from cxraudit.stats.delong import placements
from cxraudit.stats.misclassification import DetectorError, corrected_gap, gap_bounds
from cxraudit.stats.ranking import METRICS, shortcut_cells

CORRECTED, BOUNDS = "auroc_if_errors_random", "auroc_bounds"
"""Metrics of the gap as it would be with true labels; see `cxraudit.stats.misclassification`."""


def with_and_without(cohort: Cohort, images: Labelled, row: Row, labels: ShortcutLabels) -> Found:
    """Positives with and without, each against all negatives."""
    arms = {WITH: ~images.y_true | labels.has, WITHOUT: ~images.y_true | labels.lacks}
    levels, gaps = compare_arms(cohort, images, row, arms, (WITH, WITHOUT), METRICS)
    if unknown := int(np.sum(images.y_true & ~labels.known)):
        note = f"{unknown} positives whose {labels.name} is unknown are in neither arm"
        gaps = add_note(gaps, note)
    if guessed := int(np.sum(images.y_true & labels.known & labels.predicted)):
        total = int(np.sum(images.y_true & labels.known))
        gaps = add_note(gaps, f"{guessed} of {total} labels of positives are a detector's")
    return levels, gaps


def of_borkan(cohort: Cohort, images: Labelled, row: Row, labels: ShortcutLabels) -> Found:
    """The four AUROCs of shortcut × finding, where the shortcut is known of negatives, too."""
    if not (labels.known & ~images.y_true).any():
        return [], []
    cells = {
        name: cell & labels.known
        for name, cell in shortcut_cells(images.y_true, labels.has).items()
    }
    return compare_arms(cohort, images, row, cells, ("bnsp", "bpsn"), ["auroc"])


def annotated_only(cohort: Cohort, images: Labelled, row: Row, labels: ShortcutLabels) -> Found:
    """The two arms of the positives that people labelled, if a detector labelled others."""
    positives = images.y_true & labels.known
    people = positives & ~labels.predicted
    if not (people.any() and (positives & labels.predicted).any()):
        return [], []
    arms = {
        WITH: ~images.y_true | (people & labels.has),
        WITHOUT: ~images.y_true | (people & labels.lacks),
    }
    named = {**row, "attribute": labels.name + ANNOTATED_ONLY}
    return compare_arms(cohort, images, named, arms, (WITH, WITHOUT), METRICS)


def if_mislabelled(cohort: Cohort, images: Labelled, row: Row, labels: ShortcutLabels) -> Found:
    """Say what the detector's errors can do to the gap, if they are known."""
    rates = cohort.dataset.label_errors.get(labels.name)
    positives = images.y_true & labels.known
    guessed = positives & labels.predicted
    arms = {
        "called": guessed & labels.has,
        "not called": guessed & labels.lacks,
        "known with": positives & ~guessed & labels.has,
        "known without": positives & ~guessed & labels.lacks,
    }
    if not rates or not (arms["called"].any() and arms["not called"].any()):
        return [], []
    areas = compute(cohort, images, [~images.y_true | arm for arm in arms.values()])
    n = [int(arm.sum()) for arm in arms.values()]
    errors = DetectorError(sensitivity=rates["sensitivity"], specificity=rates["specificity"])
    corrected = corrected_gap(
        areas[0].auroc,
        areas[1].auroc,
        (n[0], n[1]),
        errors,
        annotated_with=areas[2].auroc,
        annotated_without=areas[3].auroc,
        n_annotated=(n[2], n[3]),
    )
    ends = [
        DetectorError(
            sensitivity=rates[f"sensitivity{one}"], specificity=rates[f"specificity{other}"]
        )
        for one, other in product(("", "_low", "_high"), repeat=2)
        if f"sensitivity{one}" in rates and f"specificity{other}" in rates
    ]
    above, _ = placements(images.y_true, images.y_score)
    above = above[labels.known[images.y_true]]
    low, high = gap_bounds(above, labels.has[positives], guessed[positives], ends)
    settings = cohort.settings
    base = {**row, "group": WITH, "reference": WITHOUT}
    found = level_rows(base, images, ~images.y_true | positives, {CORRECTED: corrected}, settings)
    note = (
        f"detector: sensitivity {rates['sensitivity']:.2f}, specificity {rates['specificity']:.2f}"
    )
    bounds = {
        **found[0],
        "metric": BOUNDS,
        "value": np.nan,
        "low": low,
        "high": high,
        "confidence_level": np.nan,
        "method": "worst case over the images that may be mislabelled",
        "note": f"{note} anywhere in their intervals; sampling error is not in these bounds",
    }
    return [*add_note(found, f"{note}; errors unrelated to the score"), bounds], []


def compare_arms(
    cohort: Cohort,
    images: Labelled,
    row: Row,
    cells: Mapping[str, Mask],
    compared: tuple[str, str],
    metrics: Sequence[str],
) -> tuple[list[Row], list[Row]]:
    """Return the levels of some sets of images, and the gap between two of them."""
    replicates = compute(cohort, images, list(cells.values()))
    found = {
        name: {metric: getattr(cell, metric) for metric in metrics}
        for name, cell in zip(cells, replicates, strict=True)
    }
    levels = [
        level
        for name, mask in cells.items()
        for level in level_rows({**row, "group": name}, images, mask, found[name], cohort.settings)
    ]
    first, second = compared
    gaps = gap_rows(
        {**row, "group": first, "reference": second},
        images,
        [cells[first], cells[second]],
        found[first],
        found[second],
        cohort.settings,
    )
    return levels, gaps
