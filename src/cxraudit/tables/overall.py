"""AUROC over all patients, model by model."""

import pandas as pd

from cxraudit.formatting import with_interval
from cxraudit.schema import OVERALL, Analysis, is_level, records


def overall_table(results: pd.DataFrame) -> pd.DataFrame:
    """One row per finding, one column per model: AUROC over all patients with its interval."""
    rows = results[
        (results["analysis"] == Analysis.SUBGROUPS)
        & (results["attribute"] == OVERALL)
        & (results["metric"] == "auroc")
        & is_level(results)
    ]
    models = list(dict.fromkeys(rows["model"]))
    shown = rows.assign(
        shown=[with_interval(r["value"], r["low"], r["high"]) for r in records(rows)]
    ).pivot(index="finding", columns="model", values="shown")
    return shown[models].fillna("").rename_axis(columns=None).reset_index()
