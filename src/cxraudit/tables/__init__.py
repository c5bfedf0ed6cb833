"""Results in, tables for reading out; rounding happens here and nowhere before."""

from typing import Any

import numpy as np
import pandas as pd

from cxraudit.schema import ALL, records


def with_interval(value: float, low: float, high: float, *, signed: bool = False) -> str:
    """Format an estimate with its interval; an en dash where it is undefined.

    Examples
    --------
    >>> with_interval(0.8512, 0.8, 0.9)
    '0.851 (0.800–0.900)'
    >>> with_interval(-0.12, -0.2, -0.04, signed=True)
    '−0.120 (−0.200 to −0.040)'
    """
    if not np.isfinite(value):
        return "–"
    form, join = ("+.3f", " to ") if signed else (".3f", "–")
    text = f"{value:{form}}"
    if np.isfinite(low):
        text += f" ({low:{form}}{join}{high:{form}})"
    return text.replace("-", "−")


def levels_table(results: pd.DataFrame, attribute: str) -> pd.DataFrame:
    """One row per finding and group: counts, and each metric with its interval."""
    chosen = results[(results["attribute"].isin([ALL, attribute])) & (results["reference"] == "")]
    rows = []
    for (finding, group), part in chosen.groupby(["finding", "group"], sort=False):
        first = part.iloc[0]
        metrics = {row["metric"]: row for row in records(part)}
        rows.append(
            {
                "finding": finding,
                "group": "all patients" if group == ALL else group,
                "patients": first["n_patients"],
                "images": first["n"],
                "with finding": first["n_positive"],
                "AUROC": _shown(metrics["auroc"]),
                "adjusted AUPRC": _shown(metrics["adjusted_auprc"]),
                "AP at common prevalence": _shown(metrics["ap_at_prevalence"]),
                "note": first["note"],
            }
        )
    return pd.DataFrame(rows).sort_values("finding", kind="stable", ignore_index=True)


OPERATING = {
    "selection_rate": "called",
    "tpr": "TPR",
    "fpr": "FPR",
    "ppv": "PPV",
    "npv": "NPV",
    "net_benefit": "net benefit",
    "underdiagnosis": "underdiagnosis",
    "overdiagnosis": "overdiagnosis",
    "observed_expected": "observed/expected",
    "slope": "calibration slope",
    "debiased_error": "calibration error",
    "balanced_brier": "balanced Brier",
}


def operating_table(results: pd.DataFrame, attribute: str) -> pd.DataFrame:
    """One row per finding and group: rates at the threshold and calibration, with intervals."""
    chosen = results[
        results["attribute"].isin([ALL, attribute])
        & (results["reference"] == "")
        & results["metric"].isin(list(OPERATING))
    ]
    rows = []
    for (finding, group), part in chosen.groupby(["finding", "group"], sort=False):
        metrics = {row["metric"]: row for row in records(part)}
        rows.append(
            {
                "finding": finding,
                "group": "all patients" if group == ALL else group,
                "patients": part.iloc[0]["n_patients"],
                "with finding": part.iloc[0]["n_positive"],
                **{n: _shown(metrics[m]) if m in metrics else "" for m, n in OPERATING.items()},
            }
        )
    return pd.DataFrame(rows).sort_values("finding", kind="stable", ignore_index=True)


def _shown(row: dict[str, Any]) -> str:
    return with_interval(row["value"], row["low"], row["high"])


def gaps_table(results: pd.DataFrame, attribute: str, *, metric: str = "auroc") -> pd.DataFrame:
    """One row per finding and group: the gap, what tests say, and the verdict."""
    chosen = results[
        (results["attribute"] == attribute)
        & (results["reference"] != "")
        & (results["metric"] == metric)
    ]
    return pd.DataFrame(
        {
            "finding": chosen["finding"],
            "group": chosen["group"],
            "against": chosen["reference"],
            "gap": [
                with_interval(row["value"], row["low"], row["high"], signed=True)
                for row in records(chosen)
            ],
            "p (adjusted)": [_p_value(p) for p in chosen["p_adjusted"]],
            "detectable gap": [
                f"{d:.3f}" if np.isfinite(d) else "–" for d in chosen["detectable_gap"]
            ],
            "verdict": chosen["verdict"],
            "note": chosen["note"],
        }
    ).reset_index(drop=True)


def _p_value(p: float) -> str:
    if not np.isfinite(p):
        return "–"
    return "< 0.001" if p < 0.001 else f"{p:.3f}"


def to_html(table: pd.DataFrame) -> str:
    """Return a table as an HTML element, escaped, without columns that say nothing."""
    kept = table.loc[:, [column for column in table if (table[column].astype("str") != "").any()]]
    return kept.to_html(index=False, border=0, classes="data", na_rep="–", justify="left")


def to_latex(table: pd.DataFrame) -> str:
    """Return a table as a LaTeX tabular (booktabs)."""
    return table.to_latex(index=False, escape=True)


def probes_table(knowledge: pd.DataFrame) -> pd.DataFrame:
    """One row per attribute and space, one column per probe: AUROC with interval, and the verdict."""
    rows = knowledge[knowledge["analysis"] == "probe"]
    shown = rows.assign(
        shown=[
            f"{with_interval(r['value'], r['low'], r['high'])} {r['verdict']}".strip()
            for r in records(rows)
        ]
    )
    order = list(dict.fromkeys(zip(rows["attribute"], rows["space"], strict=True)))
    wide = shown.pivot(index=["attribute", "space"], columns="method", values="shown").loc[order]
    return wide.fillna("").rename_axis(columns=None).reset_index()


def changes_table(edits: pd.DataFrame) -> pd.DataFrame:
    """One row per counterfactual edit, finding and kind of image: the change of the score, judged."""
    rows = edits[
        (edits["severity"] == 0) & (edits["attribute"] == ALL) & (edits["reference"] != "")
    ]
    return pd.DataFrame(
        {
            "edit": rows["edit"],
            "finding": rows["finding"],
            "images": rows["group"],
            "what": rows["metric"],
            "against": rows["reference"],
            "change": [
                with_interval(r["value"], r["low"], r["high"], signed=True) for r in records(rows)
            ],
            "p (adjusted)": [_p_value(p) for p in rows["p_adjusted"]],
            "verdict": rows["verdict"],
            "note": rows["note"],
        }
    ).reset_index(drop=True)
