"""What the model leans on: a finding with and without a shortcut such as a chest drain."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from cxraudit.audits.cells import Cohort, Labelled, Mask
from cxraudit.audits.rows import Row, add_note, gap_rows, judge_family, level_rows
from cxraudit.audits.subgroups import compute, scored_findings
from cxraudit.errors import UnknownNameError
from cxraudit.schemas import WITHOUT, results_frame
from cxraudit.stats.ranking import METRICS, shortcut_cells

WITH = "with"
DEFAULT = {"drain": "Pneumothorax"}
"""Shortcut column → the finding it gives away."""


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
            values = cohort.images[shortcut].to_numpy(dtype=object)[films.rows]
            row = {**base, "attribute": shortcut}
            arms = {
                WITH: ~films.y_true | (values == "yes"),
                WITHOUT: ~films.y_true | (values == "no"),
            }
            unknown = int(np.sum(films.y_true & ~np.isin(values, ["yes", "no"])))
            note = f"{unknown} positives whose {shortcut} is unknown are in neither arm"
            found, gap = _arms(cohort, films, row, arms, (WITH, WITHOUT), METRICS)
            levels += found
            gaps += add_note(gap, note) if unknown else gap
            known = np.isin(values, ["yes", "no"])
            if (known & ~films.y_true).any():
                cells = {
                    name: cell & known
                    for name, cell in shortcut_cells(films.y_true, values == "yes").items()
                }
                found, gap = _arms(cohort, films, row, cells, ("bnsp", "bpsn"), ["auroc"])
                levels += found
                gaps += gap
    return results_frame([*levels, *judge_family(gaps, cohort.settings)])


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
