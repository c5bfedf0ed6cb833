"""AUROC of probes on embeddings."""

import numpy as np
import pandas as pd

from cxraudit.formatting import column_name, with_interval
from cxraudit.metrics import METRICS
from cxraudit.schema import Analysis, records


def probes_table(results: pd.DataFrame) -> pd.DataFrame:
    """One row per attribute and embedding space, one column per probe: AUROC, interval and verdict.

    Returns
    -------
    pandas.DataFrame
        Text; the number of patients that probes were fitted to, and one column per probe metric that there
        are rows of. Where nothing could be probed, the note of the row says why.
    """
    rows = results[results["analysis"] == Analysis.PROBE]
    metrics = [name for name in METRICS if name in set(rows["metric"])]
    key = ["attribute", "condition"]
    shown = rows.assign(
        shown=[
            f"{with_interval(r['value'], r['low'], r['high'])} {r['verdict']}".strip()
            if np.isfinite(r["value"])
            else ": ".join(filter(None, ("not probed", r["note"])))
            for r in records(rows)
        ]
    )
    order = list(dict.fromkeys(zip(rows["attribute"], rows["condition"], strict=True)))
    wide = shown.pivot(index=key, columns="metric", values="shown")
    wide = wide.reindex(index=order, columns=metrics).fillna("")
    fitted = rows.groupby(key)["at"].max().reindex(order)
    named = wide.rename(columns={name: METRICS[name].label for name in metrics}).reset_index()
    return (
        named.assign(attribute=[column_name(name) for name in named["attribute"]])
        .assign(**{"patients fitted to": [f"{n:,.0f}" if np.isfinite(n) else "" for n in fitted]})
        .rename(columns={"condition": "space"})
        .rename_axis(columns=None)
    )
