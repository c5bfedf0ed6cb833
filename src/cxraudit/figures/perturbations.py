"""Scores of perturbed images: change by an inserted device, and AUROC under image degradation."""

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from cxraudit.audits.perturbations.counterfactual import DEVICE
from cxraudit.figures.style import (
    BLUE,
    BROWN,
    GREY,
    INK,
    LINE,
    MUTED,
    PALETTE,
    RED,
    close_grid,
    despine,
    house_style,
    interval_label,
    margin_of,
    new_figure,
    shade_margin,
    vertical_lines,
)
from cxraudit.formatting import bounds, signed, whole_percent
from cxraudit.schema import (
    COMPLEMENT,
    CONTROL_EDGE,
    CONTROL_OUTSIDE,
    CONTROLS,
    MEAN_FINDING,
    NEGATIVES,
    OVERALL,
    POSITIVES,
    UNEDITED,
    Analysis,
    is_level,
    records,
)
from cxraudit.vocabulary import attribute_name

Row = dict[str, Any]

_TITLES = {
    DEVICE: "chest drain inserted",
    CONTROL_OUTSIDE: "control: same tube outside the lungs",
    CONTROL_EDGE: "control: edge within a lung",
    "drain-added": "redrawn with a chest drain",
    "drain-removed": "redrawn without its chest drain",
}
_COLOURS = {
    DEVICE: RED,
    CONTROL_OUTSIDE: GREY,
    CONTROL_EDGE: INK,
    "drain-added": BROWN,
    "drain-removed": BLUE,
}
_OTHER_COLOUR = INK
_LINES = PALETTE[:6]
_REACH = 0.005
"""Share of images beyond the axis on either side."""


def _colour(condition: str) -> str:
    return _COLOURS.get(condition, _OTHER_COLOUR)


def counterfactual(results: pd.DataFrame, image_changes: pd.DataFrame, finding: str) -> Figure:
    """Draw the change of each image's score when only a device is inserted or removed.

    Parameters
    ----------
    results : pandas.DataFrame
        A results table of one model.
    image_changes : pandas.DataFrame
        Of the same model; see `cxraudit.audits.result.Audit.image_changes`.
    finding : str
        Whose score.

    Returns
    -------
    matplotlib.figure.Figure
        Left the changes of all images; right the images flagged before and after, and the mean change
        by group.
    """
    rows = results[
        (results["analysis"] == Analysis.COUNTERFACTUAL) & (results["finding"] == finding)
    ]
    images = image_changes[image_changes["finding"] == finding]
    conditions = [
        name for name in dict.fromkeys(rows["condition"]) if name in set(images["condition"])
    ]
    conditions.sort(key=lambda name: [*_TITLES, name].index(name))
    changes = rows[(rows["metric"] == "score_change") & (rows["reference"] == UNEDITED)]
    of_groups = changes[changes["attribute"] != OVERALL]
    groups = list(dict.fromkeys(zip(of_groups["attribute"], of_groups["group"], strict=True)))
    with house_style():
        figure = new_figure(10.4, max(1.1 + 0.85 * len(conditions), 1.6 + 0.19 * len(groups)))
        left, right = figure.subfigures(1, 2, width_ratios=[1.25, 1], squeeze=False)[0]
        overall = changes[(changes["attribute"] == OVERALL) & (changes["group"] == OVERALL)]
        _changes(left.subplots(), overall, images, conditions, finding)
        heights = [0.5 + 0.16 * len(conditions), 0.3 + 0.12 * len(groups)]
        top, bottom = right.subplots(2, 1, gridspec_kw={"height_ratios": heights})
        _flagged(top, rows, conditions)
        _by_group(bottom, of_groups, groups)
    return figure


def _changes(
    axes: Axes, means: pd.DataFrame, images: pd.DataFrame, conditions: list[str], finding: str
) -> None:
    """One ridge per perturbation: the change of every image, and the mean with its interval."""
    low, high = np.quantile(np.asarray(images["change"], dtype=np.float64), [_REACH, 1 - _REACH])
    low, high = min(low, -0.3), max(high, 0.3)
    bins = np.linspace(low, high, 60)
    by_condition = {row["condition"]: row for row in records(means)}
    for number, name in enumerate(conditions):
        base, colour = len(conditions) - 1 - number, _colour(name)
        change = images.loc[images["condition"] == name, "change"].clip(low, high)
        height = np.histogram(change, bins)[0]
        axes.fill_between(
            (bins[:-1] + bins[1:]) / 2,
            base,
            base + 0.62 * height / height.max(),
            step="mid",
            lw=0,
            color=colour,
            alpha=0.55,
        )
        row = by_condition[name]
        axes.plot([row["low"], row["high"]], [base - 0.07] * 2, color=colour, lw=2.4)
        axes.plot([row["value"]], [base - 0.07], "o", color=colour, ms=5.5)
        interval = bounds(row["low"], row["high"], signed=True)
        axes.text(
            0.0,
            base + 0.74,
            f"{_TITLES.get(name, name)}: {signed(row['value'])} ({interval})",
            fontsize=8.5,
            color=colour,
            fontweight="bold",
            transform=axes.get_yaxis_transform(),
        )
    axes.axvline(0, color=MUTED, lw=0.8)
    shade_margin(axes, margin_of(means))
    axes.set_ylim(-0.25, len(conditions) + 0.05)
    axes.set_yticks([])
    despine(axes)
    axes.set_xlabel(
        "change of each image's score (SD of the unedited scores)\n"
        f"dot: mean, {interval_label(means)}; band: margin"
    )
    axes.set_title(
        f"Change of the score for {finding.lower()}", loc="left", fontsize=10, fontweight="bold"
    )


def _flagged(axes: Axes, rows: pd.DataFrame, conditions: list[str]) -> None:
    """Share of images flagged before and after, as arrows."""
    y = 0
    labels = []
    for metric, group in (("fpr", NEGATIVES), ("tpr", POSITIVES)):
        chosen = rows[(rows["metric"] == metric) & (rows["group"] == group)]
        changed, levels = (
            {r["condition"]: r["value"] for r in records(chosen[chosen["reference"] == reference])}
            for reference in (UNEDITED, "")
        )
        for name in conditions:
            if name not in changed:
                continue
            after, before = levels[name], levels[name] - changed[name]
            arrow = {
                "arrowstyle": "-|>",
                "color": _colour(name),
                "lw": 1.6,
                "shrinkA": 0,
                "shrinkB": 0,
            }
            axes.annotate("", (after, y), (before, y), arrowprops=arrow)
            axes.plot([before], [y], "|", color=_colour(name), ms=9)
            axes.text(
                1.02,
                y,
                f"{whole_percent(before)} → {whole_percent(after)}",
                fontsize=8,
                va="center",
                color=_colour(name),
                transform=axes.get_yaxis_transform(),
            )
            labels.append((y, f"{group}: {name}"))
            y += 1
    axes.set_yticks([at for at, _ in labels], [text for _, text in labels], fontsize=8)
    axes.set_ylim(y - 0.4, -0.6)
    axes.set_xlim(0, 1)
    axes.set_xticks([0, 0.5, 1], ["0 %", "50 %", "100 %"])
    despine(axes)
    vertical_lines(axes)
    axes.set_title(
        "Images flagged, before → after",
        loc="left",
        fontsize=10,
        fontweight="bold",
    )


def _by_group(axes: Axes, changes: pd.DataFrame, groups: list[tuple[str, str]]) -> None:
    conditions = list(dict.fromkeys(changes["condition"]))
    inserted = [name for name in (DEVICE, *CONTROLS) if name in conditions] or conditions
    for y, (attribute, group) in enumerate(groups):
        here = changes[(changes["attribute"] == attribute) & (changes["group"] == group)]
        for row in records(here[here["condition"].isin(inserted)]):
            colour = _colour(row["condition"])
            if np.isfinite(row["low"]):
                axes.plot([row["low"], row["high"]], [y, y], color=colour, lw=1.6)
            axes.plot([row["value"]], [y], "o", color=colour, ms=4.5)
    axes.axvline(0, color=MUTED, lw=0.8)
    shade_margin(axes, margin_of(changes))
    axes.set_yticks(
        range(len(groups)), [f"{attribute_name(a)}: {g}" for a, g in groups], fontsize=8
    )
    axes.set_ylim(len(groups) - 0.4, -0.6)
    despine(axes)
    axes.set_xlabel(f"mean change (SD): {', '.join(inserted)}")
    axes.set_title("By group", loc="left", fontsize=10, fontweight="bold")


def corruption_curves(results: pd.DataFrame) -> Figure:
    """Draw AUROC by severity, one panel per corruption: every finding, and their mean.

    Parameters
    ----------
    results : pandas.DataFrame
        A results table of one model.

    Returns
    -------
    matplotlib.figure.Figure
    """
    rows = results[
        (results["analysis"] == Analysis.CORRUPTION)
        & (results["attribute"] == OVERALL)
        & (results["metric"] == "auroc")
    ]
    changes, levels = rows[rows["reference"] == UNEDITED], rows[is_level(rows)]
    names = list(dict.fromkeys(levels["condition"]))
    findings = [f for f in dict.fromkeys(levels["finding"]) if f != MEAN_FINDING]
    with house_style():
        figure, grid = _panels(len(names))
        for axes, name in zip(grid, names, strict=False):
            own_levels, own_changes = (t[t["condition"] == name] for t in (levels, changes))
            for number, finding in enumerate(findings):
                at, value = _with_unedited(own_levels, own_changes, finding)
                colour = _LINES[number % len(_LINES)]
                axes.plot(at, value, color=colour, lw=1, alpha=0.85, label=finding)
            _mean(axes, own_levels, own_changes)
            axes.set_title(name, loc="left", fontsize=10, fontweight="bold")
            _severities(axes)
        grid[0].set_ylabel("AUROC")
        _shared_legend(figure, grid[0], columns=7)
    return figure


def _with_unedited(
    levels: pd.DataFrame, changes: pd.DataFrame, finding: str
) -> tuple[list[float], list[float]]:
    """Return severities and AUROC of a finding, from severity 0: the unedited images."""
    own, change = (
        table[table["finding"] == finding].sort_values("at") for table in (levels, changes)
    )
    if own.empty or change.empty:
        return [], []
    before = own["value"].to_numpy()[0] - change["value"].to_numpy()[0]
    return [0, *own["at"]], [before, *own["value"]]


def _mean(axes: Axes, levels: pd.DataFrame, changes: pd.DataFrame) -> None:
    part = levels[levels["finding"] == MEAN_FINDING].sort_values("at")
    if part.empty:
        return
    axes.fill_between(part["at"], part["low"], part["high"], color=INK, alpha=0.1, lw=0)
    axes.plot(
        *_with_unedited(levels, changes, MEAN_FINDING),
        color=INK,
        lw=2,
        label=f"mean ({interval_label(part)})",
    )


def corruption_gaps(results: pd.DataFrame) -> Figure | None:
    """Draw gaps by severity, as the mean over findings, one panel per corruption.

    Parameters
    ----------
    results : pandas.DataFrame
        A results table of one model.

    Returns
    -------
    matplotlib.figure.Figure or None
        Of each attribute the group with the lowest gap at the highest severity; None without gaps.
    """
    rows = results[
        (results["analysis"] == Analysis.CORRUPTION) & (results["reference"] == COMPLEMENT)
    ]
    if rows.empty:
        return None
    several = (rows["finding"] == MEAN_FINDING).any()
    chosen = rows[rows["finding"] == (MEAN_FINDING if several else rows["finding"].iloc[0])]
    names = list(dict.fromkeys(chosen["condition"]))
    groups = _lowest(chosen)
    with house_style():
        figure, grid = _panels(len(names))
        for axes, name in zip(grid, names, strict=False):
            axes.axhline(0, color=MUTED, lw=0.8)
            for number, (attribute, group) in enumerate(groups):
                part = chosen[
                    (chosen["condition"] == name)
                    & (chosen["attribute"] == attribute)
                    & (chosen["group"] == group)
                ].sort_values("at")
                colour = _LINES[number % len(_LINES)]
                axes.fill_between(
                    part["at"], part["low"], part["high"], color=colour, alpha=0.13, lw=0
                )
                axes.plot(
                    part["at"],
                    part["value"],
                    color=colour,
                    lw=1.5,
                    marker="o",
                    ms=3,
                    label=f"{attribute_name(attribute)}: {group}",
                )
            axes.set_title(name, loc="left", fontsize=10, fontweight="bold")
            _severities(axes, first=1)
        grid[0].set_ylabel("AUROC gap to all other groups")
        _shared_legend(figure, grid[0], columns=max(len(groups), 1))
    return figure


def _lowest(rows: pd.DataFrame) -> list[tuple[str, str]]:
    """Return the group of each attribute with the lowest gap at the highest severity, over corruptions."""
    last = rows[rows["at"] == rows["at"].max()]
    size = last.groupby(["attribute", "group"], sort=False)["value"].mean()
    return [
        (str(attribute), str(part.idxmin()[1]))
        for attribute, part in size.groupby(level=0, sort=False)
        if part.notna().any()
    ]


def _panels(n: int) -> tuple[Figure, list[Axes]]:
    columns = min(n, 4)
    n_rows = -(-n // columns)
    figure = new_figure(10.4, 0.5 + 2.1 * n_rows)
    grid = figure.subplots(n_rows, columns, squeeze=False, sharex=True, sharey=True)
    close_grid(grid, n)
    return figure, list(grid.flat)


def _shared_legend(figure: Figure, axes: Axes, *, columns: int) -> None:
    handles, labels = axes.get_legend_handles_labels()
    figure.legend(
        handles,
        labels,
        ncols=min(max(len(labels), 1), columns),
        frameon=False,
        fontsize=8,
        loc="outside lower center",
    )


def _severities(axes: Axes, first: int = 0) -> None:
    last = round(axes.get_xlim()[1])
    despine(axes, keep="bottom left")
    axes.grid(color=LINE, lw=0.5)
    ticks = range(first, last + 1)
    axes.set_xticks(ticks, ["none" if k == 0 else str(k) for k in ticks])
    axes.set_xlabel("severity", fontsize=8)
