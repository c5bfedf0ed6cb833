"""Error rates at the threshold: true against false positive rate of every group of one attribute."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from cxraudit.datasets.base import NO_GROUP, ordered_groups
from cxraudit.figures.style import (
    GREY,
    MUTED,
    PALETTE,
    close_grid,
    despine,
    heading,
    house_style,
    interval_label,
    missing_because,
    new_figure,
)
from cxraudit.metrics import METRICS
from cxraudit.schema import COMPLEMENT, OVERALL, Analysis, is_level, records
from cxraudit.vocabulary import attribute_name

_Y, _X = METRICS["tpr"], METRICS["fpr"]
_RATES = ("value", "low", "high", "reasons")
_COLUMNS = 3
_SHAPES = "osD^v"
"""One shape for every round through the colours."""

Mark = tuple[str, str]
"""Colour and shape of a group."""


def error_rates(results: pd.DataFrame, attribute: str) -> Figure:
    """Draw TPR against FPR of every group at the threshold, one panel per finding.

    Bars are the intervals of both rates, lines the rates of all patients. Marks of groups without a
    difference from all other groups, such as unknown ones, are hollow. A group without one of the rates
    has no mark; the panel says why.

    Parameters
    ----------
    results : pandas.DataFrame
        A results table of one data set, model and prompt set that has rates at a threshold by
        `attribute`; see `cxraudit.schema.RESULT_COLUMNS`.
    attribute : str
        Which attribute's groups to draw.

    Returns
    -------
    matplotlib.figure.Figure
    """
    rows = results[
        (results["analysis"] == Analysis.OPERATING_POINT)
        & results["metric"].isin([_Y.name, _X.name])
    ]
    own = rows[rows["attribute"] == attribute]
    levels = _both_rates(own[is_level(own)])
    overall = _both_rates(rows[(rows["attribute"] == OVERALL) & is_level(rows)])
    gaps = own[own["reference"] == COMPLEMENT]
    compared = set(zip(gaps["finding"], gaps["group"], strict=True))
    findings = list(dict.fromkeys(levels["finding"]))
    marks = _marks(ordered_groups(attribute, levels["group"]))
    columns = min(len(findings), _COLUMNS)
    n_rows = -(-len(findings) // columns)
    with house_style():
        figure = new_figure(9.2, 1.3 + 2.3 * n_rows)
        grid = figure.subplots(n_rows, columns, squeeze=False, sharex=True, sharey=True)
        for number, (axes, finding) in enumerate(zip(grid.flat, findings, strict=False)):
            _all_patients(axes, overall[overall["finding"] == finding])
            _groups(axes, levels[levels["finding"] == finding], marks, compared)
            axes.set_title(finding, loc="left", fontsize=10, fontweight="bold")
            lowest = number + columns >= len(findings)
            axes.tick_params(labelbottom=lowest)
            axes.set_xlabel(_X.label if lowest else "")
        close_grid(grid, len(findings), y=_Y.label)
        _limits(grid[0, 0])
        _legend(figure, marks, {group for _, group in compared}, interval_label(own))
        heading(figure, f"{_Y.label} and {_X.label} by {attribute_name(attribute)}")
    return figure


def _both_rates(levels: pd.DataFrame) -> pd.DataFrame:
    """Return one row per finding and group with both rates; NaN where there is one only."""
    key = ["finding", "group"]
    of_y, of_x = (levels[levels["metric"] == m.name][[*key, *_RATES]] for m in (_Y, _X))
    return of_y.merge(of_x, how="left", on=key, suffixes=("_y", "_x"))


def _marks(groups: list[str]) -> dict[str, Mark]:
    """Return group → its mark; groups that are never compared are grey."""
    known = [group for group in groups if group not in NO_GROUP]
    marks = {
        group: (PALETTE[k % len(PALETTE)], _SHAPES[k // len(PALETTE) % len(_SHAPES)])
        for k, group in enumerate(known)
    }
    return {group: marks.get(group, (GREY, "o")) for group in groups}


def _all_patients(axes: Axes, overall: pd.DataFrame) -> None:
    for row in records(overall):
        if np.isfinite(row["value_x"]):
            axes.axvline(row["value_x"], color=MUTED, lw=0.8, zorder=1)
        if np.isfinite(row["value_y"]):
            axes.axhline(row["value_y"], color=MUTED, lw=0.8, zorder=1)
    despine(axes, keep="bottom left")


def _groups(
    axes: Axes, levels: pd.DataFrame, marks: dict[str, Mark], compared: set[tuple[str, str]]
) -> None:
    missing = []
    for row in records(levels):
        colour, shape = marks[row["group"]]
        x, y = row["value_x"], row["value_y"]
        if not np.isfinite([x, y]).all():
            why = missing_because(f"{row['reasons_y']} {row['reasons_x']}") or "undefined"
            missing.append(f"{row['group']}: {why}")
            continue
        axes.plot([row["low_x"], row["high_x"]], [y, y], color=colour, lw=1.2, alpha=0.7)
        axes.plot([x, x], [row["low_y"], row["high_y"]], color=colour, lw=1.2, alpha=0.7)
        face = colour if (row["finding"], row["group"]) in compared else "white"
        axes.plot([x], [y], shape, ms=5, color=colour, markerfacecolor=face, zorder=3)
    axes.text(
        0.98,
        0.03,
        "\n".join(missing),
        transform=axes.transAxes,
        ha="right",
        va="bottom",
        color=MUTED,
        fontsize=7,
        style="italic",
    )


def _limits(axes: Axes) -> None:
    """Show the rates that occur, and nothing beyond 0 and 1."""
    for ends, limit in ((axes.get_xlim(), axes.set_xlim), (axes.get_ylim(), axes.set_ylim)):
        limit(max(ends[0], -0.02), min(ends[1], 1.02))


def _legend(figure: Figure, marks: dict[str, Mark], compared: set[str], interval: str) -> None:
    handles = [
        Line2D(
            [],
            [],
            ls="",
            marker=shape,
            ms=5,
            color=colour,
            markerfacecolor=colour if group in compared else "white",
            label=group if group in compared else f"{group} (not compared)",
        )
        for group, (colour, shape) in marks.items()
    ]
    figure.legend(
        handles=handles,
        title=f"bars: {interval}; lines: all patients",
        loc="outside lower center",
        ncols=min(len(handles), 7),
        frameon=False,
        fontsize=8,
        title_fontsize=8,
        handletextpad=0.1,
    )
