"""The shortcut figure: how well a finding is recognised with and without what gives it away."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from cxraudit.figures.style import COLOURS, LINE, MUTED, WORSE, house_style, new_figure, quiet
from cxraudit.schema import WITHOUT
from cxraudit.vocabulary import shortcut_name, with_article

WITH_COLOUR, WITHOUT_COLOUR = "#1d2733", "#c8451b"


def shortcut_gap(results: pd.DataFrame, shortcut: str) -> Figure:
    """Draw, per model, the AUROC of positives with and without the shortcut, and the gap.

    Parameters
    ----------
    results : pandas.DataFrame
        A results table of one data set; all models in it are drawn, one below the other.
    shortcut : str
        The attribute of the rows to draw.
    """
    rows = results[(results["attribute"] == shortcut) & (results["metric"] == "auroc")]
    levels = rows[(rows["reference"] == "") & rows["group"].isin(["with", WITHOUT])]
    gaps = rows[rows["reference"] == WITHOUT].set_index("model")
    models = list(dict.fromkeys(levels["model"]))
    finding = str(levels["finding"].iloc[0])
    name = shortcut_name(shortcut)
    with house_style():
        figure = new_figure(9.2, 1.75 + 0.95 * len(models))
        axes = figure.subplots()
        for number, model in enumerate(models):
            arms = levels[levels["model"] == model].set_index("group")
            points = {}
            for arm, colour, offset in (
                ("with", WITH_COLOUR, -0.13),
                ("without", WITHOUT_COLOUR, 0.13),
            ):
                row = arms.loc[arm]
                y = number + offset
                if not np.isfinite(row["value"]):
                    axes.text(
                        0.5,
                        y,
                        f"{arm} {name}: {row['note']}",
                        color=MUTED,
                        va="center",
                        style="italic",
                    )
                    continue
                points[arm] = row["value"]
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
                right = row["value"] >= max(points.values())
                axes.annotate(
                    f"{arm} {name}  {row['value']:.2f}",
                    (row["value"], y),
                    xytext=(0, 9 if arm == "with" else -9),
                    textcoords="offset points",
                    ha="center",
                    va="bottom" if arm == "with" else "top",
                    color=colour,
                    fontweight="bold" if right else "normal",
                    fontsize=9.5,
                )
            if len(points) == 2 and model in gaps.index:
                _explain(axes, number, gaps.loc[model])
        axes.set_ylim(len(models) - 0.45, -0.55)
        axes.set_yticks(range(len(models)), models, fontsize=10, fontweight="bold")
        low = levels["low"].min()
        axes.set_xlim(min(0.48, low - 0.03 if np.isfinite(low) else 0.48), 1.19)
        axes.set_xticks(
            [0.5, 0.6, 0.7, 0.8, 0.9, 1.0],
            ["0.5\ncoin toss", "0.6", "0.7", "0.8", "0.9", "1.0\nalways right"],
        )
        quiet(axes)
        axes.grid(axis="x", color=LINE, lw=0.6)
        axes.set_axisbelow(True)
        axes.axvline(0.5, color=MUTED, lw=1, ls=(0, (3, 3)))
        axes.set_xlabel(
            f"AUROC: how often an image with {finding.lower()} is ranked above one without"
        )
        figure.suptitle(
            f"{finding} with and without {with_article(name)} in the image",
            x=0.01,
            ha="left",
            fontsize=12,
            fontweight="bold",
        )
    return figure


def _explain(axes: Axes, number: int, gap: pd.Series) -> None:
    colour = COLOURS[WORSE if gap["verdict"] == "disparity" else gap["verdict"]]
    known = np.isfinite(gap["low"])
    interval = f"{gap['low']:+.2f} to {gap['high']:+.2f}" if known else "no interval"
    numbers = f"gap {gap['value']:+.2f}\n({interval})".replace("-", "−")
    axes.text(
        1.185,
        number,
        f"{numbers}\n{gap['verdict']}",
        ha="right",
        va="center",
        color=colour,
        fontsize=9,
    )
