"""Who was audited: patients, images and findings by group, the first table of a paper."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from cxraudit.audits.groups import is_intersection
from cxraudit.formatting import UNDEFINED, percent
from cxraudit.schema import OVERALL, Analysis, Reason, has_reason, is_level, records
from cxraudit.vocabulary import attribute_name


def cohort_table(results: pd.DataFrame, facts: Mapping[str, Any]) -> pd.DataFrame:
    """One row per group: patients, images, and images with each finding.

    Parameters
    ----------
    results : pandas.DataFrame
        A results table; counts are those of its first model.
    facts : mapping
        Of the audit: its images, patients and findings.

    Returns
    -------
    pandas.DataFrame
        Text; intersections are left out. Patients and images of a group are those of the finding with the
        most labels. A dash stands for what is hidden.
    """
    levels = results[
        (results["analysis"] == Analysis.SUBGROUPS)
        & (results["metric"] == "auroc")
        & is_level(results)
        & ~results["attribute"].map(is_intersection)
    ]
    if levels.empty:
        return pd.DataFrame()
    levels = levels[levels["model"] == levels["model"].iloc[0]]
    levels = levels.assign(hidden=has_reason(levels, Reason.SUPPRESSED))
    rows = []
    for (attribute, group), part in levels.groupby(["attribute", "group"], sort=False):
        largest = records(part.sort_values("n").tail(1))[0]
        everyone = attribute == OVERALL
        rows.append(
            {
                "attribute": "all" if everyone else attribute_name(str(attribute)),
                "group": str(group),
                "patients": _count(facts["patients"] if everyone else largest["n_patients"]),
                "images": _count(facts["images"] if everyone else largest["n"]),
                **{row["finding"]: _with_finding(row) for row in records(part)},
            }
        )
    return pd.DataFrame(rows).fillna(UNDEFINED)


def _count(n: Any) -> str:
    return UNDEFINED if n is None or pd.isna(n) else f"{int(n):,}"


def _with_finding(row: Mapping[str, Any]) -> str:
    """Return the images with a finding and their share; a dash where they are hidden."""
    if row["hidden"] or pd.isna(row["n_positive"]) or not row["n"]:
        return UNDEFINED
    return f"{_count(row['n_positive'])} ({percent(round(row['n_positive'] / row['n'], 3))})"
