"""The study's bar charts, drawn so that they can be read: groups side by side, with intervals."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from cxraudit.datasets.base import ADULT_AGE_GROUPS, NO_GROUP
from cxraudit.figures.style import (
    INK,
    LINE,
    MUTED,
    PALETTE,
    close_grid,
    house_style,
    new_figure,
    quiet,
)
from cxraudit.vocabulary import attribute_name

NAMES = {"auroc": "AUROC", "adjusted_auprc": "adjusted AUPRC"}
ORDER = {
    "sex": ("female", "male"),
    "race": ("white", "black", "asian"),
    "age_group": ADULT_AGE_GROUPS,
    "drain": ("without", "with"),
}
WHOLE = "#b4bcc5"
"""Of all images, beside the groups."""


def subgroup_bars(numbers: pd.DataFrame, attribute: str, metric: str = "auroc") -> Figure:
    """Draw one row of bars per model: every finding, all images and groups side by side, with intervals.

    Parameters
    ----------
    numbers : pandas.DataFrame
        See `cxraudit.paper.numbers.COLUMNS`; rows of one data set.
    attribute : {"sex", "race", "age_group"}
        Which groups.
    metric : {"auroc", "adjusted_auprc"}
        What the bars show.
    """
    rows = numbers[numbers["attribute"].isin(["all", attribute])]
    models, findings = list(dict.fromkeys(rows["model"])), list(dict.fromkeys(rows["finding"]))
    groups = ["all", *(g for g in ORDER[attribute] if g in set(rows["group"]))]
    with house_style():
        figure = new_figure(10.4, 0.7 + 1.55 * len(models))
        grid = figure.subplots(len(models), 1, sharex=True, squeeze=False)[:, 0]
        for axes, model in zip(grid, models, strict=True):
            _bars(axes, rows[rows["model"] == model], "finding", findings, groups, metric)
            axes.set_ylabel(model, fontsize=9, color=INK, fontweight="bold")
        grid[0].legend(
            ncols=len(groups),
            frameon=False,
            fontsize=8.5,
            loc="lower left",
            bbox_to_anchor=(0, 1.0),
        )
        figure.suptitle(
            f"{NAMES[metric]} by {attribute_name(attribute)}",
            x=0.99,
            ha="right",
            fontsize=11,
            fontweight="bold",
        )
    return figure


def drain_bars(numbers: pd.DataFrame, metric: str = "auroc") -> Figure:
    """Draw pneumothorax with and without a drain, model by model, with 95 % intervals."""
    rows = numbers[numbers["attribute"] == "drain"]
    with house_style():
        figure = new_figure(9.2, 3.4)
        axes = figure.subplots()
        _bars(axes, rows, "model", list(dict.fromkeys(rows["model"])), list(ORDER["drain"]), metric)
        axes.set_ylabel(f"{NAMES[metric]}, pneumothorax")
        axes.legend(
            handles=list(axes.containers[::2]),
            labels=[f"{arm} a drain" for arm in ORDER["drain"]],
            ncols=2,
            frameon=False,
            fontsize=9,
            loc="lower left",
            bbox_to_anchor=(0, 1.0),
        )
    return figure


def calibration_curves(points: pd.DataFrame) -> Figure:
    """Draw calibration curves: all models in one panel per finding, then each model by drain.

    Parameters
    ----------
    points : pandas.DataFrame
        See `cxraudit.paper.calibration.COLUMNS`; rows of one data set.
    """
    models, findings = list(dict.fromkeys(points["model"])), list(dict.fromkeys(points["finding"]))
    groups = [g for g in ("all", "with", "without") if g in set(points["group"])]
    whole = points[points["group"] == "all"]
    panels = [(f, whole[whole["finding"] == f], "model", models) for f in findings]
    if len(groups) > 1:
        panels += [(m, points[points["model"] == m], "group", groups) for m in models]
    columns = min(len(panels), 3)
    n_rows = -(-len(panels) // columns)
    with house_style():
        figure = new_figure(10.4, 0.6 + 3.1 * n_rows)
        grid = figure.subplots(n_rows, columns, squeeze=False, sharex=True, sharey=True)
        for axes, (title, part, across, names) in zip(grid.flat, panels, strict=False):
            axes.plot([0, 1], [0, 1], color=MUTED, lw=1, ls=(0, (3, 3)))
            for number, name in enumerate(names):
                curve = part[part[across] == name]
                label = (
                    name
                    if across == "model"
                    else {
                        "all": "all images",
                        "with": "with a drain",
                        "without": "without a drain",
                    }[name]
                )
                axes.plot(
                    curve["predicted"],
                    curve["observed"],
                    marker="os^Dv"[number % 5],
                    ms=4.5,
                    lw=1.3,
                    color=PALETTE[number % len(PALETTE)],
                    label=label,
                )
            axes.set_title(title, loc="left", fontsize=10, fontweight="bold")
            axes.legend(frameon=False, fontsize=7.5, loc="upper left")
            axes.set_xlim(-0.02, 1.02)
            axes.set_ylim(-0.02, 1.02)
            quiet(axes, keep="bottom left")
            axes.grid(color=LINE, lw=0.6)
        close_grid(grid, len(panels), x="mean predicted probability", y="share of positives")
    return figure


def projections(points: pd.DataFrame) -> Figure:
    """Draw images (and reports) on two axes, one row per fit, one column per colouring.

    Parameters
    ----------
    points : pandas.DataFrame
        From `cxraudit.paper.embeddings.project`; rows of one model.
    """
    shown = [a for a in ("modality", "sex", "race", "age_group", "drain") if a in points]
    fits = list(dict.fromkeys(zip(points["fit"], points["method"], strict=True)))
    if points["modality"].nunique() < 2:
        shown.remove("modality")
    with house_style():
        figure = new_figure(10.4, 0.3 + 2.55 * len(fits))
        grid = figure.subplots(len(fits), len(shown), squeeze=False)
        for number, (row, (fit, method)) in enumerate(zip(grid, fits, strict=True)):
            part = points[(points["fit"] == fit) & (points["method"] == method)]
            drawn = []
            for axes, attribute in zip(row, shown, strict=True):
                if attribute == "modality" and part["modality"].nunique() < 2:
                    axes.set_axis_off()
                else:
                    _coloured(axes, part, attribute)
                    drawn.append(axes)
                if number == 0:
                    axes.set_title(attribute_name(attribute), fontsize=10, fontweight="bold")
            drawn[0].set_ylabel(f"{method}\n{fit}", fontsize=9)
    return figure


def _coloured(axes: Axes, part: pd.DataFrame, attribute: str) -> None:
    known = [g for g in dict.fromkeys(part[attribute]) if g not in NO_GROUP]
    order = [g for g in ORDER.get(attribute, ()) if g in known]
    groups = [*order, *(g for g in known if g not in order)]
    colour_of = dict(zip(groups, PALETTE, strict=False))
    rows = part[part[attribute].isin(list(colour_of))]
    axes.scatter(
        rows["x"],
        rows["y"],
        c=rows[attribute].map(colour_of).tolist(),
        alpha=0.55,
        lw=0,
        s=float(np.clip(4500 / max(len(rows), 1), 4, 14)),
        rasterized=True,
    )
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set_color(LINE)
    for number, group in enumerate(groups[: len(PALETTE)]):
        axes.text(
            0.02,
            0.02 + 0.075 * number,
            group,
            transform=axes.transAxes,
            fontsize=7,
            color=colour_of[group],
            fontweight="bold",
        )


def centroid_pairs(differences: pd.DataFrame) -> Figure:
    """Draw sorted centroid differences: of modality, and of every two groups of each attribute.

    Parameters
    ----------
    differences : pandas.DataFrame
        From `cxraudit.paper.embeddings.centroid_differences`; rows of one model.
    """
    shown = list(dict.fromkeys(differences["attribute"]))
    with house_style():
        figure = new_figure(10.4, 2.9)
        grid = figure.subplots(1, len(shown), squeeze=False)[0]
        for axes, attribute in zip(grid, shown, strict=True):
            mine = differences[differences["attribute"] == attribute]
            for number, (pair, part) in enumerate(mine.groupby("pair", sort=False)):
                axes.plot(
                    part["rank"],
                    part["difference"],
                    color=PALETTE[number % len(PALETTE)],
                    lw=1.2,
                    ls="-" if number < len(PALETTE) else (0, (4, 2)),
                    label=str(pair),
                )
            axes.set_title(attribute_name(attribute), loc="left", fontsize=10, fontweight="bold")
            axes.legend(frameon=False, fontsize=6.5, loc="upper right")
            axes.set_ylim(0, None)
            axes.set_xlabel("dimension, sorted", fontsize=8)
            quiet(axes, keep="bottom left")
            axes.grid(color=LINE, lw=0.5)
        grid[0].set_ylabel("|difference of the means|")
    return figure


def _bars(
    axes: Axes, rows: pd.DataFrame, across: str, places: list[str], groups: list[str], metric: str
) -> None:
    width = 0.8 / len(groups)
    for number, group in enumerate(groups):
        part = rows[rows["group"] == group].set_index(across).reindex(places)
        x = np.arange(len(places)) + (number - (len(groups) - 1) / 2) * width
        value = part[metric].to_numpy()
        colour = WHOLE if group == "all" else PALETTE[(number - ("all" in groups)) % len(PALETTE)]
        axes.bar(x, value, width * 0.92, color=colour, label=group)
        ends = np.abs(part[[f"{metric}_low", f"{metric}_high"]].to_numpy().T - value)
        axes.errorbar(x, value, yerr=ends, fmt="none", ecolor=INK, elinewidth=1)
    axes.set_xticks(range(len(places)), places, fontsize=9)
    axes.set_ylim(min(0.0, float(np.nanmin(rows[f"{metric}_low"]))), 1)
    quiet(axes)
    axes.grid(axis="y", color=LINE, lw=0.6)
    axes.set_axisbelow(True)
    if metric == "auroc":
        axes.axhline(0.5, color=MUTED, lw=1, ls=(0, (3, 3)))
