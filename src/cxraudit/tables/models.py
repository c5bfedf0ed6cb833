"""Differences between models."""

import pandas as pd

from cxraudit.formatting import with_interval
from cxraudit.metrics import METRICS
from cxraudit.schema import OVERALL, Analysis, records
from cxraudit.stats.estimate import SHOWN
from cxraudit.tables.render import verdict_shown

COMPARED = ("auroc", "tpr", "fpr", "underdiagnosis", "overdiagnosis")
"""Metrics by which models are compared in the report."""


def models_table(results: pd.DataFrame, *, metric: str = "auroc") -> pd.DataFrame:
    """One row per difference between two models: all over all patients, and of gaps that differ.

    Parameters
    ----------
    results : pandas.DataFrame
        A results table; see `cxraudit.schema.RESULT_COLUMNS`.
    metric : str
        One of `COMPARED`.

    Returns
    -------
    pandas.DataFrame
        Text; empty without a second model.
    """
    rows = results[(results["analysis"] == Analysis.MODELS) & (results["metric"] == metric)]
    kept = records(rows[(rows["attribute"] == OVERALL) | rows["verdict"].isin(SHOWN)])
    return pd.DataFrame(
        {
            "finding": [row["finding"] for row in kept],
            "of": [
                f"{METRICS[metric].label}, all patients"
                if row["attribute"] == OVERALL
                else f"{METRICS[metric].label} gap of {row['group']} to all other groups"
                for row in kept
            ],
            "models": [f"{row['model']} − {row['reference']}" for row in kept],
            "difference": [
                with_interval(row["value"], row["low"], row["high"], signed=True) for row in kept
            ],
            "verdict": [verdict_shown(row) for row in kept],
        }
    )
