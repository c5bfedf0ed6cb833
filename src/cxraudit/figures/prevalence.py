"""AUROC by prevalence of a shortcut among positives."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from cxraudit.figures.style import BLUE, INK, LINE, RED, despine
from cxraudit.formatting import decimal
from cxraudit.schema import INDEPENDENT, OBSERVED, REWEIGHTED, Analysis, is_level, records
from cxraudit.vocabulary import with_article


def draw_prevalence(axes: Axes, results: pd.DataFrame, name: str) -> None:
    """Draw AUROC against the share of positives with the shortcut.

    The line is the AUROC at shares that were set, the dot the one as observed, the dashed line the
    AUROC with the shortcut as frequent among positives as among negatives.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
        Where to draw.
    results : pandas.DataFrame
        Results of one data set, model and shortcut.
    name : str
        What the shortcut is called.
    """
    rows = results[
        (results["analysis"] == Analysis.SHORTCUT_PREVALENCE)
        & (results["metric"] == "auroc")
        & is_level(results)
    ]
    line = rows[~rows["condition"].isin(REWEIGHTED)].sort_values("at")
    axes.fill_between(line["at"], line["low"], line["high"], color=BLUE, alpha=0.16, lw=0)
    axes.plot(line["at"], line["value"], color=BLUE, lw=1.8)
    for row in records(rows[rows["condition"] == OBSERVED]):
        if np.isfinite(row["low"]):
            axes.plot([row["at"]] * 2, [row["low"], row["high"]], color=INK, lw=1.4)
        axes.plot([row["at"]], [row["value"]], "o", color=INK, ms=6)
        axes.annotate(
            OBSERVED,
            (row["at"], row["value"]),
            xytext=(8, -12),
            fontsize=8,
            textcoords="offset points",
            color=INK,
        )
    for row in records(rows[rows["condition"] == INDEPENDENT]):
        axes.axhline(row["value"], color=RED, lw=1.2, ls=(0, (4, 3)))
        axes.text(
            1.0,
            row["value"],
            f"{INDEPENDENT}: {decimal(row['value'])}",
            fontsize=8,
            color=RED,
            ha="right",
            va="bottom",
        )
    axes.set_xlabel(f"share of positives with {with_article(name)}")
    axes.set_ylabel("AUROC")
    axes.set_xlim(0, 1)
    axes.set_xticks([0, 0.25, 0.5, 0.75, 1], ["0 %", "25 %", "50 %", "75 %", "100 %"])
    despine(axes, keep="bottom left")
    axes.grid(color=LINE, lw=0.6)
