"""Differences with what the tests say of them."""

import math
from typing import Any

import pandas as pd

from cxraudit.formatting import bounds, column_name, decimal, p_value, percent, with_interval
from cxraudit.schema import Analysis, is_level, records
from cxraudit.stats.verdict import POWER
from cxraudit.tables.render import verdict_shown

_OF_MIX = (
    Analysis.STANDARDISED,
    Analysis.STANDARDISATION,
    Analysis.SHORTCUT_STANDARDISED,
)
_BESIDE = {
    Analysis.STANDARDISED: "{reference}, standardised by {condition}",
    Analysis.STANDARDISATION: "{reference}; change by standardising by {condition}",
    Analysis.SHORTCUT_STANDARDISED: "{reference}, standardised by {condition}",
    Analysis.SHORTCUT_LABEL_ERRORS: "{reference}, label errors: {condition}",
    Analysis.MODELS: "{reference} (model)",
    Analysis.REFERENCE_GROUP: "{reference} (group)",
    Analysis.GROUP_PAIRS: "{reference} (group)",
}


def gaps_table(results: pd.DataFrame, attribute: str, *, metric: str = "auroc") -> pd.DataFrame:
    """One row per finding and difference: its interval, adjusted p-value, and the verdict.

    Parameters
    ----------
    results : pandas.DataFrame
        A results table of one data set, model and prompt set.
    attribute : str
        An attribute or a shortcut.
    metric : str
        Of which metric.

    Returns
    -------
    pandas.DataFrame
        Text, in the order of the results.
    """
    chosen = records(
        results[
            (results["attribute"] == attribute)
            & (results["metric"] == metric)
            & results["analysis"].isin(_WITH_GAPS)
            & ~is_level(results)
        ]
    )
    return pd.DataFrame(
        {
            "finding": [row["finding"] for row in chosen],
            "group": [row["group"] or row["condition"] for row in chosen],
            "compared with": [_reference(row) for row in chosen],
            "labels": [row["label_source"] for row in chosen],
            "difference": [
                with_interval(row["value"], row["low"], row["high"], signed=True) for row in chosen
            ],
            "for all comparisons at once": [_simultaneous(row) for row in chosen],
            "p (adjusted)": [p_value(row["p_adjusted"]) for row in chosen],
            f"detectable with {percent(POWER)} power": [
                decimal(row["detectable_gap"], 3) for row in chosen
            ],
            "effective patients": [decimal(row["effective_patients"], 0) for row in chosen],
            "verdict": [verdict_shown(row) for row in chosen],
            "note": [row["note"] for row in chosen],
        }
    )


_WITH_GAPS = (
    Analysis.SUBGROUPS,
    Analysis.HETEROGENEITY,
    Analysis.REFERENCE_GROUP,
    Analysis.GROUP_PAIRS,
    Analysis.STANDARDISED,
    Analysis.STANDARDISATION,
    Analysis.OPERATING_POINT,
    Analysis.CALIBRATION,
    Analysis.MODELS,
    Analysis.SHORTCUT,
    Analysis.SHORTCUT_SUBSETS,
    Analysis.SHORTCUT_LABEL_ERRORS,
    Analysis.SHORTCUT_PREVALENCE,
    Analysis.SHORTCUT_STANDARDISED,
)


def _simultaneous(row: dict[str, Any]) -> str:
    ends = row["low_simultaneous"], row["high_simultaneous"]
    return bounds(*ends, 3, signed=True) if math.isfinite(ends[0]) else ""


def _reference(row: dict[str, Any]) -> str:
    condition = row["condition"]
    if row["analysis"] in _OF_MIX:
        condition = column_name(condition)
    form = _BESIDE.get(row["analysis"], "{reference}")
    return form.format(reference=row["reference"], condition=condition)
