"""What the model leans on: a finding with and without a shortcut such as a chest drain."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from cxraudit.audits.cells import Cohort, Mask
from cxraudit.audits.rows import Row, gap_rows, judge_family, level_rows
from cxraudit.audits.subgroups import compute, scored_findings
from cxraudit.errors import UnknownNameError
from cxraudit.schemas import WITHOUT, results_frame

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
        recognised better when the shortcut is there.
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
            arms: dict[str, Mask] = {
                WITH: ~films.y_true | (values == "yes"),
                WITHOUT: ~films.y_true | (values == "no"),
            }
            replicates = dict(zip(arms, compute(cohort, films, list(arms.values())), strict=True))
            row = {**base, "attribute": shortcut}
            for arm, mask in arms.items():
                levels += level_rows(
                    {**row, "group": arm}, films, mask, replicates[arm], cohort.settings
                )
            unknown = int(np.sum(films.y_true & ~np.isin(values, ["yes", "no"])))
            found = gap_rows(
                {**row, "group": WITH, "reference": WITHOUT}, films, arms[WITH], arms[WITHOUT],
                replicates[WITH], replicates[WITHOUT], cohort.settings,
            )  # fmt: skip
            if unknown:
                for gap_row in found:
                    gap_row["note"] = "; ".join(
                        part
                        for part in (
                            gap_row["note"],
                            f"{unknown} positives whose {shortcut} is unknown are in neither arm",
                        )
                        if part
                    )
            gaps += found
    return results_frame([*levels, *judge_family(gaps, cohort.settings)])
