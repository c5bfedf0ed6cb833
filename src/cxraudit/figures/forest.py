"""The forest plot of one attribute: how good in each group, and how far from the rest."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from cxraudit.figures.style import (
    COLOURS,
    HOLLOW,
    INK,
    LINE,
    MARKERS,
    MUTED,
    house_style,
    mark,
    new_figure,
    quiet,
    shown_as,
)
from cxraudit.schema import ALL, REST
from cxraudit.vocabulary import attribute_name

METRIC_NAMES = {
    "auroc": "AUROC",
    "adjusted_auprc": "adjusted AUPRC",
    "ap_at_prevalence": "AP at common prevalence",
    "tpr": "TPR",
    "fpr": "FPR",
}

HIGHER_IS_WORSE = ("fpr",)


def forest(results: pd.DataFrame, attribute: str, *, metric: str = "auroc") -> Figure:
    """Draw level and gap of every group, finding by finding, for one model on one data set.

    Left: the metric in each group, over a line at the whole cohort's value. Right: the gap to all
    other patients, with the margin shaded; colour and shape are the verdict. A group for which
    nothing can be computed keeps its line and says why.

    Parameters
    ----------
    results : pandas.DataFrame
        A results table of one data set, model and prompt set.
    attribute : str
        Which attribute's groups to draw.
    metric : str
        Which metric to draw.
    """
    chosen = results[results["metric"] == metric]
    here = chosen[chosen["attribute"] == attribute]
    levels, gaps = here[here["reference"] == ""], here[here["reference"] == REST]
    everyone = chosen[(chosen["attribute"] == ALL) & (chosen["reference"] == "")]
    overall = everyone.set_index("finding")["value"]
    findings = [finding for finding in overall.index if finding in set(levels["finding"])]
    with house_style():
        n_lines = len(levels) + 1.1 * len(findings)
        figure = new_figure(9.2, max(2.4, 1.3 + 0.215 * n_lines))
        left, right = figure.subplots(1, 2, sharey=True, width_ratios=[1.15, 1])
        y = 0.0
        names: list[tuple[float, str]] = []
        for finding in findings:
            left.text(
                -0.31,
                y,
                finding,
                transform=left.get_yaxis_transform(),
                fontweight="bold",
                va="center",
            )
            rows = levels[levels["finding"] == finding]
            top, y = y + 0.55, y + 1
            for row in rows.itertuples():
                names.append((y, f"{row.group}  ({row.n_positive_patients})"))
                gap = gaps[(gaps["finding"] == finding) & (gaps["group"] == row.group)]
                kind = _kind(gap.iloc[0], metric) if len(gap) else ""
                mark(left, y, row.value, row.low, row.high, kind, why=str(row.note).split(";")[0])
                if len(gap):
                    first = gap.iloc[0]
                    mark(right, y, first["value"], first["low"], first["high"], kind)
                y += 1
            if np.isfinite(overall[finding]):
                left.plot([overall[finding]] * 2, [top, y - 0.5], color=MUTED, lw=1, zorder=1)
            y += 0.1
        _finish(figure, left, right, names, y, metric, gaps)
        title = f"{METRIC_NAMES[metric]} by {attribute_name(attribute)}"
        figure.suptitle(title, x=0.01, ha="left", fontsize=12, fontweight="bold")
    return figure


def _kind(gap: pd.Series, metric: str) -> str:
    worse_if_higher = metric in HIGHER_IS_WORSE
    return shown_as(gap["verdict"], -gap["value"] if worse_if_higher else gap["value"])


def _finish(
    figure: Figure,
    left: Axes,
    right: Axes,
    names: list[tuple[float, str]],
    bottom: float,
    metric: str,
    gaps: pd.DataFrame,
) -> None:
    left.set_ylim(bottom, -1.0)
    left.set_yticks([y for y, _ in names], [name for _, name in names], fontsize=8)
    for axes in (left, right):
        quiet(axes)
        axes.grid(axis="x", color=LINE, lw=0.6)
        axes.set_axisbelow(True)
    right.tick_params(labelleft=False)
    left.set_xlabel(f"{METRIC_NAMES[metric]} (line: all patients)")
    if metric == "auroc":
        low = left.get_xlim()[0]
        left.set_xlim(max(min(low, 0.6), 0.0), 1.005)
    right.axvline(0, color=INK, lw=1)
    margins = gaps["margin"].dropna()
    if len(margins):
        right.axvspan(-margins.iloc[0], margins.iloc[0], color="#0b6fa4", alpha=0.08, lw=0)
    reach = max(0.12, *(abs(value) for value in right.get_xlim()))
    right.set_xlim(-reach, reach)
    ends = ("worse for this group", "better")
    left_end, right_end = ends[::-1] if metric in HIGHER_IS_WORSE else ends
    right.set_xlabel(
        f"gap to the rest, 95 % interval (equivalence: 90 %)\n← {left_end}      {right_end} →"
    )
    left.set_title("in the group (patients with the finding)", fontsize=9, color=MUTED, loc="left")
    kinds = {_kind(gap, metric) for _, gap in gaps.iterrows()}
    handles = [
        right.plot(
            [],
            [],
            ls="",
            marker=MARKERS[kind],
            color=COLOURS[kind],
            ms=5,
            markerfacecolor="white" if kind in HOLLOW else COLOURS[kind],
            label=kind,
        )[0]
        for kind in COLOURS
        if kind and kind in kinds
    ]
    if handles:
        figure.legend(
            handles=handles,
            loc="outside upper right",
            ncols=len(handles),
            frameon=False,
            fontsize=8,
            handletextpad=0.1,
            columnspacing=1.0,
            borderaxespad=0.1,
        )
