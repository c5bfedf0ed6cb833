"""Gaps of subgroups by prompt pair."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from cxraudit.figures.style import (
    BLUE,
    INK,
    MUTED,
    RED,
    despine,
    house_style,
    interval_label,
    new_figure,
    vertical_lines,
)
from cxraudit.formatting import column_name, whole_percent
from cxraudit.schema import Analysis, records

_GAP = ["finding", "attribute", "group"]


def prompt_gaps(
    gaps: pd.DataFrame,
    results: pd.DataFrame,
    *,
    scored: Mapping[str, tuple[str, str]] | None = None,
    shown: int = 8,
) -> Figure:
    """Draw the gaps over all prompt pairs: those whose mean over the pairs is largest.

    Parameters
    ----------
    gaps : pandas.DataFrame
        Of one model; see `cxraudit.audits.result.Audit.prompt_gaps`.
    results : pandas.DataFrame
        A results table of the same model.
    scored : mapping of str to tuple of str, optional
        Finding → positive and negative prompt of the audited scores; they are ringed.
    shown : int
        How many gaps to draw.

    Returns
    -------
    matplotlib.figure.Figure
    """
    rows = results[results["analysis"] == Analysis.PROMPT_SENSITIVITY]
    means = rows[rows["metric"] == "auroc_gap"]
    largest = means.reindex(means["value"].abs().sort_values(ascending=False).index).head(shown)
    shares = rows[rows["metric"] == "prompt_variance_share"].set_index(_GAP)
    with house_style():
        figure = new_figure(10.4, 1.05 + 0.55 * len(largest))
        axes = figure.subplots()
        ringed = 0
        for y, row in enumerate(records(largest)):
            own = gaps[np.logical_and.reduce([gaps[column] == row[column] for column in _GAP])]
            ringed += _pairs(axes, y, own.sort_values("gap"), (scored or {}).get(row["finding"]))
            axes.plot([row["low"], row["high"]], [y + 0.36] * 2, color=RED, lw=2.2)
            axes.plot([row["value"]], [y + 0.36], "D", color=RED, ms=4.5)
            axes.text(
                1.005,
                y,
                _by_prompt(shares.loc[tuple(row[column] for column in _GAP)]),
                va="center",
                fontsize=8.5,
                transform=axes.get_yaxis_transform(),
                color=MUTED,
            )
        labels = [
            f"{r['finding']}: {column_name(r['attribute'])} {r['group']}" for r in records(largest)
        ]
        axes.axvline(0, color=MUTED, lw=0.8)
        axes.set_yticks(range(len(labels)), labels, fontsize=8.8)
        axes.set_ylim(len(labels) - 0.4, -0.6)
        explained = " (ringed: of the audited scores)" if ringed else ""
        axes.set_xlabel(
            f"AUROC gap to all other groups; dots: prompt pairs{explained}; "
            f"diamond and bar: their mean, {interval_label(largest)}"
        )
        despine(axes)
        vertical_lines(axes)
    return figure


def _by_prompt(share: "pd.Series[float]") -> str:
    """Return the interval of the share of the prompt, which says more than its value."""
    if not np.isfinite(share["high"]):
        return ""
    low = max(share["low"], 0.0)
    return f"by prompt {whole_percent(low)} to {whole_percent(share['high'])}"


def _pairs(axes: Axes, y: int, own: pd.DataFrame, scored: tuple[str, str] | None) -> int:
    """Draw one dot per prompt pair, spread out so that none hides another; count the ringed ones."""
    at = y + np.linspace(-0.24, 0.24, len(own))
    axes.scatter(own["gap"], at, s=13, color=BLUE, alpha=0.75, lw=0)
    if scored is None:
        return 0
    same = ((own["positive"] == scored[0]) & (own["negative"] == scored[1])).to_numpy()
    axes.scatter(
        own["gap"][same], at[same], s=34, facecolor="none", edgecolor=INK, lw=1.1, zorder=4
    )
    return int(same.sum())
