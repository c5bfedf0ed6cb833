"""The study's table of zero-shot performance: AUROC and adjusted AUPRC with intervals, and their mean."""

import numpy as np
import pandas as pd

from cxraudit.schema import REST, WITHOUT, records
from cxraudit.vocabulary import attribute_name, shortcut_name

METRICS = {"auroc": "AUC", "adjusted_auprc": "AUPRC"}


def zeroshot_table(
    numbers: pd.DataFrame, *, dataset: str = "mimic-cxr", group: str = "all"
) -> pd.DataFrame:
    """One row per model; per finding both metrics as ``0.68 [0.66, 0.69]``, and the means.

    The mean is that over findings. The published table prints the standard deviation over findings
    below it, which is no uncertainty; it is left out here.

    Parameters
    ----------
    numbers : pandas.DataFrame
        See `cxraudit.paper.numbers.COLUMNS`.
    dataset, group : str
        Which rows.
    """
    chosen = numbers[(numbers["dataset"] == dataset) & (numbers["group"] == group)]
    rows = []
    for model, part in chosen.groupby("model", sort=False):
        row: dict[tuple[str, str], str] = {("", "model"): str(model)}
        for _, one in part.iterrows():
            for metric, short in METRICS.items():
                row[str(one["finding"]), short] = _cell(one, metric)
        for metric, short in METRICS.items():
            row["Mean", short] = f"{part[metric].mean():.2f}".replace("-", "−")
        rows.append(row)
    return (
        pd.DataFrame(rows, columns=pd.MultiIndex.from_tuples(list(rows[0])))
        if rows
        else pd.DataFrame()
    )


def _cell(row: "pd.Series", metric: str) -> str:  # type: ignore[type-arg]
    value, low, high = (float(row[f"{metric}{end}"]) for end in ("", "_low", "_high"))
    if not np.isfinite(value):
        return "–"
    return f"{value:.2f} [{low:.2f}, {high:.2f}]".replace("-", "−")


def attributes_table(knowledge: pd.DataFrame) -> pd.DataFrame:
    """One row per model and space, one column per attribute: AUROC of the MLP probe with interval.

    The study's table of attributes read from embeddings; other probes are in the audit report.

    Parameters
    ----------
    knowledge : pandas.DataFrame
        See `cxraudit.audits.embeddings.cohort.KNOWLEDGE_COLUMNS`.
    """
    rows = knowledge[(knowledge["analysis"] == "probe") & (knowledge["method"] == "MLP")]
    if rows.empty:
        return pd.DataFrame()
    shown = rows.assign(
        cell=[f"{r['value']:.2f} [{r['low']:.2f}, {r['high']:.2f}]" for r in records(rows)]
    )
    order = list(dict.fromkeys(zip(rows["model"], rows["space"], strict=True)))
    wide = shown.pivot(index=["model", "space"], columns="attribute", values="cell").loc[order]
    kept = [name for name in dict.fromkeys(rows["attribute"]) if name in wide]
    named = {name: shortcut_name(attribute_name(name)) for name in kept}
    return wide[kept].rename(columns=named).fillna("–").rename_axis(columns=None).reset_index()


def side_by_side(numbers: pd.DataFrame, results: pd.DataFrame) -> pd.DataFrame:
    """Put both protocols beside each other, on the same predictions.

    Parameters
    ----------
    numbers : pandas.DataFrame
        From the published protocol; see `cxraudit.paper.numbers.COLUMNS`.
    results : pandas.DataFrame
        From the audit of the same scores.

    Returns
    -------
    pandas.DataFrame
        One row per model, finding and group: ``auroc`` and its interval over images
        (``published_low``, ``published_high``) and over patients (``audit_low``, ``audit_high``),
        ``wider`` (their ratio), ``adjusted_auprc`` (published) and ``ap_at_prevalence`` (audit, at the
        prevalence of all images), ``gap`` (to all other images; of the arms, with − without) with its interval
        and ``verdict``, which the published protocol does not have. ``audit_auroc`` differs from
        ``auroc`` only where blank labels are negative there and left out here.
    """
    key = ["model", "finding", "attribute", "group"]
    rows = results.assign(model=results["model"].astype("str"))
    levels = rows[rows["reference"] == ""]
    area = levels[levels["metric"] == "auroc"][[*key, "value", "low", "high"]]
    precision = levels[levels["metric"] == "ap_at_prevalence"][[*key, "value"]]
    gaps = rows[(rows["metric"] == "auroc") & rows["reference"].isin([REST, WITHOUT])]
    mine = numbers.rename(columns={"auroc_low": "published_low", "auroc_high": "published_high"})
    table = (
        mine[["dataset", *key, "auroc", "published_low", "published_high", "adjusted_auprc"]]
        .merge(
            area.rename(columns={"value": "audit_auroc", "low": "audit_low", "high": "audit_high"}),
            on=key,
            how="left",
        )
        .merge(precision.rename(columns={"value": "ap_at_prevalence"}), on=key, how="left")
        .merge(
            gaps[[*key, "value", "low", "high", "verdict"]].rename(
                columns={"value": "gap", "low": "gap_low", "high": "gap_high"}
            ),
            on=key,
            how="left",
        )
    )
    width = table["published_high"] - table["published_low"]
    ratio = (table["audit_high"] - table["audit_low"]) / width.where(width > 0)
    return table.assign(wider=ratio, verdict=table["verdict"].fillna(""))


def shown_side_by_side(table: pd.DataFrame) -> pd.DataFrame:
    """Format `side_by_side` for reading."""

    def cell(row: dict[str, float], value: str, low: str, high: str, form: str = ".3f") -> str:
        if not np.isfinite(row[value]):
            return "–"
        if not np.isfinite(row[low]):
            return f"{row[value]:{form}}".replace("-", "−")
        return f"{row[value]:{form}} [{row[low]:{form}}, {row[high]:{form}}]".replace("-", "−")

    rows = records(table)
    return pd.DataFrame(
        {
            "data set": table["dataset"],
            "model": table["model"],
            "finding": table["finding"],
            "attribute": table["attribute"],
            "group": table["group"],
            "published: AUROC [images]": [
                cell(r, "auroc", "published_low", "published_high") for r in rows
            ],
            "audit: AUROC [patients]": [
                cell(r, "audit_auroc", "audit_low", "audit_high") for r in rows
            ],
            "wider": [f"{r['wider']:.2f}×" if np.isfinite(r["wider"]) else "–" for r in rows],
            "published: adjusted AUPRC": [
                f"{r['adjusted_auprc']:.3f}".replace("-", "−").replace("nan", "–") for r in rows
            ],
            "audit: AP at common prevalence": [
                f"{r['ap_at_prevalence']:.3f}" if np.isfinite(r["ap_at_prevalence"]) else "–"
                for r in rows
            ],
            "audit: gap": [cell(r, "gap", "gap_low", "gap_high", "+.3f") for r in rows],
            "verdict": table["verdict"],
        }
    ).reset_index(drop=True)


def as_latex(table: pd.DataFrame, *, caption: str, label: str) -> str:
    """Return a table as LaTeX (booktabs), for a paper."""
    n = table.shape[1] - 1
    findings = list(dict.fromkeys(name for name, _ in table.columns[1:]))
    head = " & ".join(["", *(rf"\multicolumn{{2}}{{c}}{{{name}}}" for name in findings)])
    short = " & ".join(["Model", *(name for _, name in table.columns[1:])])
    body = [
        " & ".join(str(cell).replace("−", "$-$").replace("_", r"\_") for cell in row) + r" \\"
        for row in table.itertuples(index=False)
    ]
    return "\n".join(
        [
            r"\begin{table}",
            r"\centering",
            rf"\begin{{tabular}}{{l{'c' * n}}}",
            r"\toprule",
            head + r" \\",
            short + r" \\",
            r"\midrule",
            *body,
            r"\bottomrule",
            r"\end{tabular}",
            rf"\caption{{{caption}}}",
            rf"\label{{{label}}}",
            r"\end{table}",
            "",
        ]
    )
