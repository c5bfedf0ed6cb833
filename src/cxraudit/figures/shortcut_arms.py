"""AUROC of a finding with and without a shortcut in the image, and the gap, model by model."""

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from cxraudit.figures.style import (
    INK,
    MUTED,
    RED,
    colour_of,
    despine,
    heading,
    house_style,
    missing_because,
    new_figure,
    vertical_lines,
)
from cxraudit.formatting import bounds, decimal, signed
from cxraudit.schema import WITH, WITHOUT, Analysis, is_level, records
from cxraudit.vocabulary import shortcut_name, with_article

Row = dict[str, Any]

_ARMS = ((WITH, INK, -0.13), (WITHOUT, RED, 0.13))


def shortcut_arms(results: pd.DataFrame, shortcut: str) -> Figure:
    """Draw, per model, the AUROC of positives with and without the shortcut, and the gap.

    Parameters
    ----------
    results : pandas.DataFrame
        A results table of one data set; all models in it are drawn, one below the other.
    shortcut : str
        Which shortcut; all its labels count, whatever their source.

    Returns
    -------
    matplotlib.figure.Figure
    """
    rows = results[
        (results["analysis"] == Analysis.SHORTCUT)
        & (results["attribute"] == shortcut)
        & (results["metric"] == "auroc")
        & (results["label_source"] == "")
    ]
    levels = rows[is_level(rows)]
    gaps = {row["model"]: row for row in records(rows[rows["reference"] == WITHOUT])}
    models = list(dict.fromkeys(levels["model"]))
    finding = str(levels["finding"].iloc[0])
    name = shortcut_name(shortcut)
    with house_style():
        figure = new_figure(9.2, 1.75 + 0.95 * len(models))
        axes = figure.subplots()
        for number, model in enumerate(models):
            own = {row["group"]: row for row in records(levels[levels["model"] == model])}
            if _arms(axes, number, own, name) and model in gaps:
                _explain(axes, number, gaps[model])
        axes.set_ylim(len(models) - 0.45, -0.55)
        axes.set_yticks(range(len(models)), models, fontsize=10, fontweight="bold")
        low = levels["low"].min()
        axes.set_xlim(min(0.48, low - 0.03 if np.isfinite(low) else 0.48), 1.19)
        axes.set_xticks(
            [0.5, 0.6, 0.7, 0.8, 0.9, 1.0],
            ["0.5\nchance level", "0.6", "0.7", "0.8", "0.9", "1.0\nalways right"],
        )
        despine(axes)
        vertical_lines(axes)
        axes.axvline(0.5, color=MUTED, lw=1, ls=(0, (3, 3)))
        axes.set_xlabel(
            f"AUROC: how often an image with {finding.lower()} is ranked above one without"
        )
        heading(figure, f"{finding} with and without {with_article(name)} in the image")
    return figure


def _arms(axes: Axes, number: int, arms: dict[str, Row], name: str) -> bool:
    """Draw both arms of a model; return whether both have a value."""
    values: list[float] = []
    for arm, colour, offset in _ARMS:
        row = arms[arm]
        y = number + offset
        if not np.isfinite(row["value"]):
            text = f"{arm} {name}: {row['note'] or missing_because(row['reasons'])}"
            axes.text(0.5, y, text, color=MUTED, va="center", style="italic")
            continue
        values.append(row["value"])
        if np.isfinite(row["low"]):
            axes.plot(
                [row["low"], row["high"]],
                [y, y],
                color=colour,
                lw=5,
                alpha=0.28,
                solid_capstyle="round",
            )
        axes.plot([row["value"]], [y], "o", color=colour, ms=9, zorder=3)
        above = arm == WITH
        axes.annotate(
            f"{arm} {name}  {decimal(row['value'])}",
            (row["value"], y),
            xytext=(0, 9 if above else -9),
            textcoords="offset points",
            ha="center",
            va="bottom" if above else "top",
            color=colour,
            fontweight="bold" if row["value"] >= max(values) else "normal",
            fontsize=9.5,
        )
    return len(values) == len(_ARMS)


def _explain(axes: Axes, number: int, gap: Row) -> None:
    interval = bounds(gap["low"], gap["high"], signed=True)
    axes.text(
        1.185,
        number,
        f"gap {signed(gap['value'])}\n({interval})\n{gap['verdict']}",
        ha="right",
        va="center",
        color=colour_of(gap["verdict"]),
        fontsize=9,
    )
