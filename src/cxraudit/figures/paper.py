"""The study's bar charts, drawn so that they can be read: groups side by side, with intervals."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from cxraudit.datasets.base import ADULT_AGE_GROUPS
from cxraudit.figures.style import INK, LINE, MUTED, house_style, new_figure, quiet
from cxraudit.names import attribute_name

NAMES = {"auroc": "AUROC", "adjusted_auprc": "adjusted AUPRC"}
ORDER = {
    "sex": ("female", "male"),
    "race": ("white", "black", "asian"),
    "age_group": ADULT_AGE_GROUPS,
    "drain": ("without", "with"),
}
COLOURS = ("#0b6fa4", "#c8451b", "#b07a00", "#6a4c93", "#2f7d4f")


def subgroup_bars(numbers: pd.DataFrame, attribute: str, metric: str = "auroc") -> Figure:
    """Draw one row of bars per model: every finding, its groups side by side, with 95 % intervals.

    Parameters
    ----------
    numbers : pandas.DataFrame
        See `cxraudit.paper.numbers.COLUMNS`; rows of one data set.
    attribute : {"sex", "race", "age_group"}
        Which groups.
    metric : {"auroc", "adjusted_auprc"}
        What the bars show.
    """
    rows = numbers[numbers["attribute"] == attribute]
    models, findings = list(dict.fromkeys(rows["model"])), list(dict.fromkeys(rows["finding"]))
    groups = [g for g in ORDER[attribute] if g in set(rows["group"])]
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
            f"{NAMES[metric]} by {attribute_name(attribute)}", x=0.99, ha="right", fontsize=11,
            fontweight="bold",
        )  # fmt: skip
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
            handles=list(axes.containers[::2]), labels=[f"{arm} a drain" for arm in ORDER["drain"]],
            ncols=2, frameon=False, fontsize=9, loc="lower left", bbox_to_anchor=(0, 1.0),
        )  # fmt: skip
    return figure


def _bars(
    axes: "object", rows: pd.DataFrame, across: str, places: list[str], groups: list[str], metric: str
) -> None:  # fmt: skip
    from matplotlib.axes import Axes

    assert isinstance(axes, Axes)
    width = 0.8 / len(groups)
    for number, group in enumerate(groups):
        part = rows[rows["group"] == group].set_index(across).reindex(places)
        x = np.arange(len(places)) + (number - (len(groups) - 1) / 2) * width
        value = part[metric].to_numpy()
        axes.bar(x, value, width * 0.92, color=COLOURS[number % len(COLOURS)], label=group)
        ends = np.abs(part[[f"{metric}_low", f"{metric}_high"]].to_numpy().T - value)
        axes.errorbar(x, value, yerr=ends, fmt="none", ecolor=INK, elinewidth=1)
    axes.set_xticks(range(len(places)), places, fontsize=9)
    axes.set_ylim(min(0.0, float(np.nanmin(rows[f"{metric}_low"]))), 1)
    quiet(axes)
    axes.grid(axis="y", color=LINE, lw=0.6)
    axes.set_axisbelow(True)
    if metric == "auroc":
        axes.axhline(0.5, color=MUTED, lw=1, ls=(0, (3, 3)))
