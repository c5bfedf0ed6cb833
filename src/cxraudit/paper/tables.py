"""The study's tables, and one that compares the published protocol with an audit."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from cxraudit.errors import one_line
from cxraudit.formatting import UNDEFINED, column_name, decimal
from cxraudit.paper.numbers import ALL
from cxraudit.schema import COMPLEMENT, OVERALL, WITHOUT, Analysis, is_level, records

METRICS = {"auroc": "AUC", "adjusted_auprc": "AUPRC"}
"""Metric → heading in the published table."""


def zeroshot_table(
    numbers: pd.DataFrame, *, dataset: str = "mimic-cxr", group: str = ALL
) -> pd.DataFrame:
    """Return one row per model; per finding both metrics as ``0.68 [0.66, 0.69]``, and the means.

    The mean is that over findings. The published table prints the standard deviation over findings
    below it, which is no uncertainty; it is left out here.

    Parameters
    ----------
    numbers : pandas.DataFrame
        See `cxraudit.paper.numbers.COLUMNS`.
    dataset, group : str
        Rows to show.

    Returns
    -------
    pandas.DataFrame
        Columns have two levels, finding and metric; empty if there are no such rows.
    """
    chosen = numbers[(numbers["dataset"] == dataset) & (numbers["group"] == group)]
    rows = []
    for model, part in chosen.groupby("model", sort=False):
        row: dict[tuple[str, str], str] = {("", "model"): str(model)}
        for estimates in records(part):
            for metric, heading in METRICS.items():
                row[str(estimates["finding"]), heading] = with_brackets(
                    estimates, metric, f"{metric}_low", f"{metric}_high"
                )
        for metric, heading in METRICS.items():
            row["Mean", heading] = decimal(float(part[metric].mean()))
        rows.append(row)
    if not rows:
        return pd.DataFrame()
    return pd.DataFrame(rows, columns=pd.MultiIndex.from_tuples(list(rows[0])))


def with_brackets(
    row: Mapping[str, Any],
    value: str,
    low: str,
    high: str,
    places: int = 2,
    *,
    signed: bool = False,
) -> str:
    """Return an estimate in a row as published: ``0.68 [0.66, 0.69]``; a dash where it is undefined.

    Parameters
    ----------
    row : mapping
        A row of a table.
    value, low, high : str
        Columns of the value and of the ends of its interval.
    places : int
        Decimals.
    signed : bool
        Write a plus sign before the value and the ends.
    """
    text = decimal(row[value], places, signed=signed)
    if not (np.isfinite(row[value]) and np.isfinite(row[low])):
        return text
    ends = (decimal(row[end], places, signed=signed) for end in (low, high))
    return f"{text} [{', '.join(ends)}]"


def attributes_table(results: pd.DataFrame) -> pd.DataFrame:
    """Return one row per model and space, one column per attribute: AUROC of the MLP probe.

    The study's table of attributes predicted from embeddings; other probes are in the audit report.

    Parameters
    ----------
    results : pandas.DataFrame
        Results of an audit; see `cxraudit.schema.RESULT_COLUMNS`.

    Returns
    -------
    pandas.DataFrame
        Cells as ``0.68 [0.66, 0.69]``; empty if no attribute was probed.
    """
    rows = results[
        (results["analysis"] == Analysis.PROBE) & (results["metric"] == "mlp_probe_auroc")
    ]
    if rows.empty:
        return pd.DataFrame()
    cells = rows.assign(
        space=rows["condition"],
        cell=[with_brackets(row, "value", "low", "high") for row in records(rows)],
    )
    order = list(dict.fromkeys(zip(cells["model"], cells["space"], strict=True)))
    wide = cells.pivot(index=["model", "space"], columns="attribute", values="cell").loc[order]
    attributes = list(dict.fromkeys(rows["attribute"]))
    headings = {name: column_name(name) for name in attributes}
    return (
        wide[attributes]
        .rename(columns=headings)
        .fillna(UNDEFINED)
        .rename_axis(columns=None)
        .reset_index()
    )


def side_by_side(numbers: pd.DataFrame, results: pd.DataFrame) -> pd.DataFrame:
    """Return the estimates of both protocols on the same predictions.

    Parameters
    ----------
    numbers : pandas.DataFrame
        From the published protocol; see `cxraudit.paper.numbers.COLUMNS`.
    results : pandas.DataFrame
        From the audit of the same scores; see `cxraudit.schema.RESULT_COLUMNS`.

    Returns
    -------
    pandas.DataFrame
        One row per row of `numbers`: ``auroc`` with its interval over images (``published_low``,
        ``published_high``) and over patients (``audit_low``, ``audit_high``), ``width_ratio``
        (over patients / over images; NaN if either is missing or 0), ``adjusted_auprc`` (published)
        and ``ap_at_prevalence`` (audit, at the prevalence of all images), ``gap`` (to all other groups;
        for drains, with − without) with its interval and ``verdict``, which the published protocol
        does not have. ``audit_auroc`` differs from ``auroc`` only where blank labels are negative in
        the published protocol and left out of the audit.
    """
    key = ["model", "finding", "attribute", "group"]
    rows = _comparable(results)
    levels, gaps = rows[is_level(rows)], rows[~is_level(rows)]
    auroc = levels[levels["metric"] == "auroc"]
    precision = levels[levels["metric"] == "ap_at_prevalence"]
    table = numbers[["dataset", *key, "auroc", "auroc_low", "auroc_high", "adjusted_auprc"]].rename(
        columns={"auroc_low": "published_low", "auroc_high": "published_high"}
    )
    for part, columns in (
        (auroc, {"value": "audit_auroc", "low": "audit_low", "high": "audit_high"}),
        (precision, {"value": "ap_at_prevalence"}),
        (
            gaps[gaps["metric"] == "auroc"],
            {"value": "gap", "low": "gap_low", "high": "gap_high", "verdict": "verdict"},
        ),
    ):
        named = part[[*key, *columns]].rename(columns=columns)
        table = table.merge(named, on=key, how="left", validate="one_to_one")
    width = table["published_high"] - table["published_low"]
    ratio = (table["audit_high"] - table["audit_low"]) / width.where(width > 0)
    return table.assign(width_ratio=ratio, verdict=table["verdict"].fillna(""))


def _comparable(results: pd.DataFrame) -> pd.DataFrame:
    """Return levels and gaps of the groups that the published protocol has, named as it names them."""
    by_group = results["analysis"] == Analysis.SUBGROUPS
    by_drain = (results["analysis"] == Analysis.SHORTCUT) & (results["label_source"] == "")
    reference = results["reference"]
    kept = (by_group & reference.isin(["", COMPLEMENT])) | (
        by_drain & reference.isin(["", WITHOUT])
    )
    rows = results[kept].astype({"model": "str"})
    overall = rows["attribute"] == OVERALL
    return rows.assign(
        attribute=rows["attribute"].mask(overall, ALL), group=rows["group"].mask(overall, ALL)
    )


def shown_side_by_side(table: pd.DataFrame) -> pd.DataFrame:
    """Return the table of `side_by_side` with rounded numbers and readable headings."""
    rows = records(table)
    return pd.DataFrame(
        {
            "data set": table["dataset"],
            "model": table["model"],
            "finding": table["finding"],
            "attribute": table["attribute"],
            "group": table["group"],
            "published: AUROC [images]": [
                with_brackets(r, "auroc", "published_low", "published_high", 3) for r in rows
            ],
            "audit: AUROC [patients]": [
                with_brackets(r, "audit_auroc", "audit_low", "audit_high", 3) for r in rows
            ],
            "ratio of widths": [decimal(r["width_ratio"]) for r in rows],
            "published: adjusted AUPRC": [decimal(r["adjusted_auprc"], 3) for r in rows],
            "audit: AP at common prevalence": [decimal(r["ap_at_prevalence"], 3) for r in rows],
            "audit: gap": [
                with_brackets(r, "gap", "gap_low", "gap_high", 3, signed=True) for r in rows
            ],
            "verdict": table["verdict"],
        }
    ).reset_index(drop=True)


_LATEX = {
    **{char: f"\\{char}" for char in "&%$#_{}"},
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "−": "$-$",
}
"""Character that is a command of LaTeX → how it is printed."""


def _escaped(cell: object) -> str:
    """Return a cell, or a name, as text of LaTeX on one line."""
    return "".join(_LATEX.get(char, char) for char in one_line(str(cell)))


def as_latex(table: pd.DataFrame, *, caption: str, label: str) -> str:
    """Return the table of `zeroshot_table` in LaTeX (booktabs).

    Parameters
    ----------
    table : pandas.DataFrame
        Columns of two levels, the first column with the names of the models.
    caption, label : str
        Of the LaTeX table; not escaped.
    """
    n = table.shape[1] - 1
    findings = list(dict.fromkeys(name for name, _ in table.columns[1:]))
    groups = " & ".join(
        ["", *(rf"\multicolumn{{2}}{{c}}{{{_escaped(name)}}}" for name in findings)]
    )
    headings = " & ".join(["Model", *(_escaped(name) for _, name in table.columns[1:])])
    body = [
        " & ".join(_escaped(cell) for cell in row) + r" \\" for row in table.itertuples(index=False)
    ]
    return "\n".join(
        [
            r"\begin{table}",
            r"\centering",
            rf"\begin{{tabular}}{{l{'c' * n}}}",
            r"\toprule",
            groups + r" \\",
            headings + r" \\",
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
