"""The study's table of zero-shot performance: AUROC and adjusted AUPRC with intervals, and their mean."""

import numpy as np
import pandas as pd

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
            row["Mean", short] = f"{part[metric].mean():.2f}"
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
            r"\begin{table}", r"\centering", rf"\begin{{tabular}}{{l{'c' * n}}}", r"\toprule",
            head + r" \\", short + r" \\", r"\midrule", *body, r"\bottomrule", r"\end{tabular}",
            rf"\caption{{{caption}}}", rf"\label{{{label}}}", r"\end{table}", "",
        ]
    )  # fmt: skip
