"""What the model leans on: a finding with and without a shortcut such as a chest drain."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
import pandas as pd

from cxraudit.audits.cells import Cohort, Labelled, Mask
from cxraudit.audits.rows import Row, add_note, gap_rows, judge_family, level_rows
from cxraudit.audits.subgroups import compute, scored_findings
from cxraudit.datasets.predicted import PREDICTED, source_column
from cxraudit.errors import UnknownNameError
from cxraudit.schemas import ANNOTATED_ONLY, WITHOUT, results_frame
from cxraudit.stats.delong import placements
from cxraudit.stats.misclassified import DetectorError, corrected_gap, gap_bounds
from cxraudit.stats.ranking import METRICS, shortcut_cells

WITH = "with"
DEFAULT = {"drain": "Pneumothorax"}
"""Shortcut column → the finding it gives away."""

CORRECTED, BOUNDS = "auroc_if_errors_random", "auroc_bounds"
"""Metrics of the gap as it would be with true labels; see `cxraudit.stats.misclassified`."""


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
        the four AUROCs of Borkan et al. (2019) follow: ``subgroup`` (all films with it),
        ``background`` (all without), ``bpsn`` (positives without against negatives with it: low if
        the shortcut alone raises the score) and ``bnsp`` (the other way round); the gap
        ``bnsp`` − ``bpsn`` is zero for a score that does not see the shortcut.

        Where some labels are a detector's, the arms and the gap of those by people alone follow
        under the attribute ``<shortcut> (annotated only)``. Where the detector's errors are known,
        two more gaps say what they can do: `CORRECTED` (put right, if errors do not depend on the
        score) and `BOUNDS` (``low`` and ``high`` over every way they can fall; no value).
    """
    for shortcut, finding in shortcuts.items():
        if shortcut not in cohort.images:
            raise UnknownNameError("shortcut", shortcut, cohort.dataset.shortcuts)
        if finding not in cohort.dataset.findings:
            raise UnknownNameError("finding", finding, cohort.dataset.findings)
    levels: list[Row] = []
    gaps: list[Row] = []
    for base, films in scored_findings(cohort, scores):
        for shortcut, finding in shortcuts.items():
            if finding != base["finding"]:
                continue
            labels = _labels(cohort, films, shortcut)
            row = {**base, "attribute": shortcut}
            for found, gap in (
                _with_and_without(cohort, films, row, labels),
                _of_borkan(cohort, films, row, labels),
                _annotated_only(cohort, films, row, labels),
            ):
                levels += found
                gaps += gap
            levels += _if_mislabelled(cohort, films, row, labels)
    return results_frame([*levels, *judge_family(gaps, cohort.settings)])


@dataclass(frozen=True, slots=True)
class _Labels:
    """Who has the shortcut, and who says so."""

    name: str
    has: Mask
    lacks: Mask
    predicted: Mask
    """Whether the label is a detector's."""

    @property
    def known(self) -> Mask:
        return self.has | self.lacks


def _labels(cohort: Cohort, films: Labelled, shortcut: str) -> _Labels:
    values = cohort.images[shortcut].to_numpy(dtype=object)[films.rows]
    has, lacks = values == "yes", values == "no"
    source = source_column(shortcut)
    predicted = np.zeros(values.size, dtype=bool)
    if source in cohort.images:
        predicted = cohort.images[source].to_numpy(dtype=object)[films.rows] == PREDICTED
    return _Labels(shortcut, has, lacks, predicted)


Found = tuple[list[Row], list[Row]]
"""Rows of levels and of gaps."""


def _with_and_without(cohort: Cohort, films: Labelled, row: Row, labels: _Labels) -> Found:
    """Positives with and without, each against all negatives."""
    arms = {WITH: ~films.y_true | labels.has, WITHOUT: ~films.y_true | labels.lacks}
    levels, gaps = _arms(cohort, films, row, arms, (WITH, WITHOUT), METRICS)
    if unknown := int(np.sum(films.y_true & ~labels.known)):
        note = f"{unknown} positives whose {labels.name} is unknown are in neither arm"
        gaps = add_note(gaps, note)
    if guessed := int(np.sum(films.y_true & labels.known & labels.predicted)):
        total = int(np.sum(films.y_true & labels.known))
        gaps = add_note(gaps, f"{guessed} of {total} labels of positives are a detector's")
    return levels, gaps


def _of_borkan(cohort: Cohort, films: Labelled, row: Row, labels: _Labels) -> Found:
    """The four AUROCs of shortcut × finding, where the shortcut is known of negatives, too."""
    if not (labels.known & ~films.y_true).any():
        return [], []
    cells = {
        name: cell & labels.known for name, cell in shortcut_cells(films.y_true, labels.has).items()
    }
    return _arms(cohort, films, row, cells, ("bnsp", "bpsn"), ["auroc"])


def _annotated_only(cohort: Cohort, films: Labelled, row: Row, labels: _Labels) -> Found:
    """The two arms of the positives that people labelled, if a detector labelled others."""
    positives = films.y_true & labels.known
    people = positives & ~labels.predicted
    if not (people.any() and (positives & labels.predicted).any()):
        return [], []
    arms = {
        WITH: ~films.y_true | (people & labels.has),
        WITHOUT: ~films.y_true | (people & labels.lacks),
    }
    named = {**row, "attribute": labels.name + ANNOTATED_ONLY}
    return _arms(cohort, films, named, arms, (WITH, WITHOUT), METRICS)


def _if_mislabelled(cohort: Cohort, films: Labelled, row: Row, labels: _Labels) -> list[Row]:
    """Say what the detector's errors can do to the gap, if they are known."""
    rates = cohort.dataset.label_errors.get(labels.name)
    positives = films.y_true & labels.known
    guessed = positives & labels.predicted
    arms = {
        "called": guessed & labels.has, "not called": guessed & labels.lacks,
        "known with": positives & ~guessed & labels.has,
        "known without": positives & ~guessed & labels.lacks,
    }  # fmt: skip
    if not rates or not (arms["called"].any() and arms["not called"].any()):
        return []
    areas = compute(cohort, films, [~films.y_true | arm for arm in arms.values()])
    n = [int(arm.sum()) for arm in arms.values()]
    errors = DetectorError(sensitivity=rates["sensitivity"], specificity=rates["specificity"])
    corrected = corrected_gap(
        areas[0].auroc, areas[1].auroc, (n[0], n[1]), errors, known_with=areas[2].auroc,
        known_without=areas[3].auroc, n_known=(n[2], n[3]),
    )  # fmt: skip
    ends = [
        DetectorError(
            sensitivity=rates[f"sensitivity{one}"], specificity=rates[f"specificity{other}"]
        )
        for one, other in product(("", "_low", "_high"), repeat=2)
        if f"sensitivity{one}" in rates and f"specificity{other}" in rates
    ]
    above, _ = placements(films.y_true, films.y_score)
    above = above[labels.known[films.y_true]]
    low, high = gap_bounds(above, labels.has[positives], guessed[positives], ends)
    settings = cohort.settings
    base = {**row, "group": WITH, "reference": WITHOUT}
    found = level_rows(base, films, ~films.y_true | positives, {CORRECTED: corrected}, settings)
    note = (
        f"detector: sensitivity {rates['sensitivity']:.2f}, specificity {rates['specificity']:.2f}"
    )
    bounds = {
        **found[0], "metric": BOUNDS, "value": np.nan, "low": low, "high": high,
        "confidence_level": np.nan, "method": "worst case over the films that may be mislabelled",
        "note": f"{note} anywhere in their intervals; sampling error is not in these bounds",
    }  # fmt: skip
    return [*add_note(found, f"{note}; errors unrelated to the score"), bounds]


def _arms(
    cohort: Cohort, films: Labelled, row: Row, cells: Mapping[str, Mask], compared: tuple[str, str],
    metrics: Sequence[str],
) -> tuple[list[Row], list[Row]]:  # fmt: skip
    """Return the levels of some sets of films, and the gap between two of them."""
    replicates = compute(cohort, films, list(cells.values()))
    found = {
        name: {metric: getattr(cell, metric) for metric in metrics}
        for name, cell in zip(cells, replicates, strict=True)
    }
    levels = [
        level
        for name, mask in cells.items()
        for level in level_rows({**row, "group": name}, films, mask, found[name], cohort.settings)
    ]
    first, second = compared
    gaps = gap_rows(
        {**row, "group": first, "reference": second}, films, [cells[first], cells[second]],
        found[first], found[second], cohort.settings,
    )  # fmt: skip
    return levels, gaps
