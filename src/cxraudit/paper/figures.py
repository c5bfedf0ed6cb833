"""The study's figures, with groups side by side and intervals."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from cxraudit.charts.house import (
    INK,
    LINE,
    MUTED,
    PALE_GREY,
    PALETTE,
    close_grid,
    despine,
    house_style,
    new_figure,
)
from cxraudit.datasets.base import ADULT_AGE_GROUPS, NO_GROUP
from cxraudit.paper.numbers import ALL
from cxraudit.schema import WITH, WITHOUT
from cxraudit.vocabulary import attribute_name

NAMES = {"auroc": "AUROC", "adjusted_auprc": "adjusted AUPRC"}
"""Metric → name on axes."""
ORDER = {
    "sex": ("female", "male"),
    "race": ("white", "black", "asian"),
    "age_group": ADULT_AGE_GROUPS,
    "drain": (WITHOUT, WITH),
}
"""Attribute → its groups in the order they are drawn."""
IMAGES_OF = {ALL: "all images", WITH: "with a drain", WITHOUT: "without a drain"}
"""Group of a calibration curve → its label."""


def subgroup_bars(numbers: pd.DataFrame, attribute: str, metric: str = "auroc") -> Figure:
    """Draw one row of bars per model: every finding, all images and groups side by side.

    Parameters
    ----------
    numbers : pandas.DataFrame
        See `cxraudit.paper.numbers.COLUMNS`; rows of one data set.
    attribute : {"sex", "race", "age_group"}
        Groups to draw.
    metric : {"auroc", "adjusted_auprc"}
        Metric to draw, with its interval.
    """
    rows = numbers[numbers["attribute"].isin([ALL, attribute])]
    models, findings = _distinct(rows["model"]), _distinct(rows["finding"])
    groups = [ALL, *(g for g in ORDER[attribute] if g in set(rows["group"]))]
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
    """Draw pneumothorax with and without a drain, model by model, with intervals.

    Parameters
    ----------
    numbers : pandas.DataFrame
        See `cxraudit.paper.numbers.COLUMNS`; rows of one data set.
    metric : {"auroc", "adjusted_auprc"}
        Metric to draw, with its interval.
    """
    rows = numbers[numbers["attribute"] == "drain"]
    with house_style():
        figure = new_figure(9.2, 3.4)
        axes = figure.subplots()
        _bars(axes, rows, "model", _distinct(rows["model"]), list(ORDER["drain"]), metric)
        axes.set_ylabel(f"{NAMES[metric]}, pneumothorax")
        axes.legend(
            handles=list(axes.containers[::2]),
            labels=[f"{group} a drain" for group in ORDER["drain"]],
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
    models, findings = _distinct(points["model"]), _distinct(points["finding"])
    groups = [group for group in IMAGES_OF if group in set(points["group"])]
    over_all = points[points["group"] == ALL]
    panels = [(f, over_all[over_all["finding"] == f], "model", models) for f in findings]
    if len(groups) > 1:
        panels += [(m, points[points["model"] == m], "group", groups) for m in models]
    columns = min(len(panels), 3)
    n_rows = -(-len(panels) // columns)
    with house_style():
        figure = new_figure(10.4, 0.6 + 3.1 * n_rows)
        grid = figure.subplots(n_rows, columns, squeeze=False, sharex=True, sharey=True)
        for axes, (title, part, column, names) in zip(grid.flat, panels, strict=False):
            axes.plot([0, 1], [0, 1], color=MUTED, lw=1, ls=(0, (3, 3)))
            for number, name in enumerate(names):
                curve = part[part[column] == name]
                axes.plot(
                    curve["predicted"],
                    curve["observed"],
                    marker="os^Dv"[number % 5],
                    ms=4.5,
                    lw=1.3,
                    color=PALETTE[number % len(PALETTE)],
                    label=IMAGES_OF[name] if column == "group" else name,
                )
            axes.set_title(title, loc="left", fontsize=10, fontweight="bold")
            axes.legend(frameon=False, fontsize=7.5, loc="upper left")
            axes.set_xlim(-0.02, 1.02)
            axes.set_ylim(-0.02, 1.02)
            despine(axes, keep="bottom left")
            axes.grid(color=LINE, lw=0.6)
        close_grid(grid, len(panels), x="mean predicted probability", y="share of positives")
    return figure


def projections(points: pd.DataFrame) -> Figure:
    """Draw images (and reports) on two axes: one row per fit and method, one column per attribute.

    Parameters
    ----------
    points : pandas.DataFrame
        From `cxraudit.paper.embeddings.project`; rows of one model.
    """
    columns = [a for a in ("modality", "sex", "race", "age_group", "drain") if a in points]
    fits = list(dict.fromkeys(zip(points["fit"], points["method"], strict=True)))
    if points["modality"].nunique() < 2:
        columns.remove("modality")
    with house_style():
        figure = new_figure(10.4, 0.3 + 2.55 * len(fits))
        grid = figure.subplots(len(fits), len(columns), squeeze=False)
        for number, (row, (fit, method)) in enumerate(zip(grid, fits, strict=True)):
            part = points[(points["fit"] == fit) & (points["method"] == method)]
            drawn = []
            for axes, attribute in zip(row, columns, strict=True):
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
    """Draw points in the colour of their group, without those whose group is unknown."""
    known = [group for group in _distinct(part[attribute]) if group not in NO_GROUP]
    order = [group for group in ORDER.get(attribute, ()) if group in known]
    groups = [*order, *(group for group in known if group not in order)]
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


def centroid_curves(differences: pd.DataFrame) -> Figure:
    """Draw sorted centroid differences: of modality, and of every two groups of each attribute.

    Parameters
    ----------
    differences : pandas.DataFrame
        From `cxraudit.paper.embeddings.centroid_differences`; rows of one model.
    """
    attributes = _distinct(differences["attribute"])
    with house_style():
        figure = new_figure(10.4, 2.9)
        grid = figure.subplots(1, len(attributes), squeeze=False)[0]
        for axes, attribute in zip(grid, attributes, strict=True):
            of_attribute = differences[differences["attribute"] == attribute]
            for number, (pair, part) in enumerate(of_attribute.groupby("pair", sort=False)):
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
            despine(axes, keep="bottom left")
            axes.grid(color=LINE, lw=0.5)
        grid[0].set_ylabel("|difference of the means|")
    return figure


def _bars(
    axes: Axes,
    rows: pd.DataFrame,
    column: str,
    positions: list[str],
    groups: list[str],
    metric: str,
) -> None:
    """Draw a cluster of bars at each position (values of `column`), one bar per group."""
    width = 0.8 / len(groups)
    for number, group in enumerate(groups):
        part = rows[rows["group"] == group].set_index(column).reindex(positions)
        x = np.arange(len(positions)) + (number - (len(groups) - 1) / 2) * width
        value = part[metric].to_numpy()
        colour = PALE_GREY if group == ALL else PALETTE[(number - (ALL in groups)) % len(PALETTE)]
        axes.bar(x, value, width * 0.92, color=colour, label=group)
        ends = np.abs(part[[f"{metric}_low", f"{metric}_high"]].to_numpy().T - value)
        axes.errorbar(x, value, yerr=ends, fmt="none", ecolor=INK, elinewidth=1)
    axes.set_xticks(range(len(positions)), positions, fontsize=9)
    axes.set_ylim(min(0.0, float(np.nanmin(rows[f"{metric}_low"]))), 1)
    despine(axes)
    axes.grid(axis="y", color=LINE, lw=0.6)
    axes.set_axisbelow(True)
    if metric == "auroc":
        axes.axhline(0.5, color=MUTED, lw=1, ls=(0, (3, 3)))


def _distinct(values: "pd.Series[str]") -> list[str]:
    """Return the distinct values in order of appearance."""
    return list(dict.fromkeys(values))
