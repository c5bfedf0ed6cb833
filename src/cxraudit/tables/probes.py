"""AUROC of probes on embeddings."""

import pandas as pd

from cxraudit.formatting import column_name, with_interval
from cxraudit.metrics import METRICS
from cxraudit.schema import Analysis, records


def probes_table(results: pd.DataFrame) -> pd.DataFrame:
    """One row per attribute and embedding space, one column per probe: AUROC, interval and verdict.

    Returns
    -------
    pandas.DataFrame
        Text; one column per probe metric that there are rows of.
    """
    rows = results[results["analysis"] == Analysis.PROBE]
    metrics = [name for name in METRICS if name in set(rows["metric"])]
    key = ["attribute", "condition"]
    shown = rows.assign(
        shown=[
            f"{with_interval(r['value'], r['low'], r['high'])} {r['verdict']}".strip()
            for r in records(rows)
        ]
    )
    order = list(dict.fromkeys(zip(rows["attribute"], rows["condition"], strict=True)))
    wide = shown.pivot(index=key, columns="metric", values="shown")
    wide = wide.reindex(index=order, columns=metrics).fillna("")
    named = wide.rename(columns={name: METRICS[name].label for name in metrics}).reset_index()
    return (
        named.assign(attribute=[column_name(name) for name in named["attribute"]])
        .rename(columns={"condition": "space"})
        .rename_axis(columns=None)
    )
