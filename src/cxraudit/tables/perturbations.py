"""Changes of scores by counterfactual perturbations."""

import pandas as pd

from cxraudit.formatting import p_value, with_interval
from cxraudit.metrics import METRICS
from cxraudit.schema import OVERALL, Analysis, is_level, records
from cxraudit.tables.render import verdict_shown


def perturbations_table(results: pd.DataFrame) -> pd.DataFrame:
    """One row per counterfactual perturbation, finding, metric and kind of image: the change, judged."""
    rows = records(
        results[
            (results["analysis"] == Analysis.COUNTERFACTUAL)
            & (results["attribute"] == OVERALL)
            & ~is_level(results)
        ]
    )
    return pd.DataFrame(
        {
            "perturbation": [row["condition"] for row in rows],
            "finding": [row["finding"] for row in rows],
            "images": [row["group"] or "all" for row in rows],
            "metric": [METRICS[row["metric"]].label for row in rows],
            "compared with": [row["reference"] for row in rows],
            "change": [
                with_interval(row["value"], row["low"], row["high"], signed=True) for row in rows
            ],
            "p (adjusted)": [p_value(row["p_adjusted"]) for row in rows],
            "verdict": [verdict_shown(row) for row in rows],
            "note": [row["note"] for row in rows],
        }
    )
