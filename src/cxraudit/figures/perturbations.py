"""Images changed on purpose: how far scores move with a drain, and what wear does to them."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from cxraudit.audits.cells import SHIFT_MARGIN
from cxraudit.audits.perturbations import (
    CALLED,
    CHANGE,
    DRAWN_INTO,
    MEAN,
    NEGATIVES,
    POSITIVES,
    UNEDITED,
)
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
from cxraudit.schema import ALL, REST, records
from cxraudit.vocabulary import attribute_name

TITLES = {
    "drain": "a drain drawn in",
    "sham": "sham: same change elsewhere",
    "drain-added": "drawn again with a drain",
    "drain-removed": "drawn again without its drain",
}
COLOURS = {
    "drain": "#c8451b",
    "sham": "#7b8794",
    "drain-added": "#8f5a3c",
    "drain-removed": "#0b6fa4",
}
LINES = PALETTE[:6]
REACH = 0.005
"""Share of images beyond the axis on either side."""


def counterfactual(edits: pd.DataFrame, changes: pd.DataFrame, finding: str) -> Figure:
    """Draw how far each image's score moves when only a device is added or taken away.

    Parameters
    ----------
    edits, changes : pandas.DataFrame
        Of one model; see `cxraudit.audits.perturbations.Edits`.
    finding : str
        Whose score.
    """
    rows = edits[(edits["finding"] == finding) & edits["edit"].isin(list(DRAWN_INTO))]
    images = changes[changes["finding"] == finding]
    shown = [name for name in DRAWN_INTO if name in set(images["edit"])]
    groups = [
        (row["attribute"], row["group"])
        for row in records(
            rows[
                (rows["edit"] == shown[0])
                & (rows["metric"] == CHANGE)
                & (rows["reference"] == UNEDITED)
            ]
        )
        if row["attribute"] != ALL
    ]
    with house_style():
        figure = new_figure(10.4, max(1.1 + 0.85 * len(shown), 1.6 + 0.19 * len(groups)))
        left, right = figure.subfigures(1, 2, width_ratios=[1.25, 1], squeeze=False)[0]
        _moves(left.subplots(), rows, images, shown, finding)
        top, bottom = right.subplots(
            2, 1, gridspec_kw={"height_ratios": [0.5 + 0.16 * len(shown), 0.3 + 0.12 * len(groups)]}
        )
        _called(top, rows, shown)
        _by_group(bottom, rows, groups)
    return figure


def _moves(
    axes: Axes, rows: pd.DataFrame, images: pd.DataFrame, shown: list[str], finding: str
) -> None:
    """One ridge per edit: the change of every image, and the mean with its interval."""
    low, high = np.quantile(images["change"], [REACH, 1 - REACH])
    low, high = min(low, -0.3), max(high, 0.3)
    bins = np.linspace(low, high, 60)
    means = rows[
        (rows["group"] == ALL) & (rows["metric"] == CHANGE) & (rows["reference"] == UNEDITED)
    ]
    by_edit = {row["edit"]: row for row in records(means)}
    for number, name in enumerate(shown):
        base = len(shown) - 1 - number
        change = images.loc[images["edit"] == name, "change"].clip(low, high)
        height = np.histogram(change, bins)[0]
        middle = (bins[:-1] + bins[1:]) / 2
        axes.fill_between(
            middle,
            base,
            base + 0.62 * height / height.max(),
            step="mid",
            lw=0,
            color=COLOURS[name],
            alpha=0.55,
        )
        row = by_edit[name]
        axes.plot([row["low"], row["high"]], [base - 0.07] * 2, color=COLOURS[name], lw=2.4)
        axes.plot([row["value"]], [base - 0.07], "o", color=COLOURS[name], ms=5.5)
        text = f"{TITLES[name]}: {row['value']:+.2f} ({row['low']:+.2f} to {row['high']:+.2f})"
        axes.text(
            0.0,
            base + 0.74,
            text.replace("-", "−"),
            fontsize=8.5,
            color=COLOURS[name],
            fontweight="bold",
            transform=axes.get_yaxis_transform(),
        )
    axes.axvline(0, color=MUTED, lw=0.8)
    axes.axvspan(-SHIFT_MARGIN, SHIFT_MARGIN, color="#eef2f6", zorder=0)
    axes.set_ylim(-0.25, len(shown) + 0.05)
    axes.set_yticks([])
    quiet(axes)
    axes.set_xlabel("change of each image's score (SD of the unedited scores)")
    axes.set_title(
        f"Does the score for {finding.lower()} follow?", loc="left", fontsize=10, fontweight="bold"
    )


def _called(axes: Axes, rows: pd.DataFrame, shown: list[str]) -> None:
    """Share of images called before and after, as arrows."""
    y = 0
    labels = []
    for metric, group in (("fpr", NEGATIVES), ("tpr", POSITIVES)):
        chosen = rows[(rows["metric"] == metric) & (rows["group"] == group)]
        moved, levels = (
            {row["edit"]: row["value"] for row in records(chosen[chosen["reference"] == reference])}
            for reference in (UNEDITED, "")
        )
        for name in shown:
            if name not in moved:
                continue
            after, before = levels[name], levels[name] - moved[name]
            arrow = {
                "arrowstyle": "-|>",
                "color": COLOURS[name],
                "lw": 1.6,
                "shrinkA": 0,
                "shrinkB": 0,
            }
            axes.annotate("", (after, y), (before, y), arrowprops=arrow)
            axes.plot([before], [y], "|", color=COLOURS[name], ms=9)
            axes.text(
                1.02,
                y,
                f"{before:.0%} → {after:.0%}",
                fontsize=8,
                va="center",
                color=COLOURS[name],
                transform=axes.get_yaxis_transform(),
            )
            labels.append((y, f"{'ill' if metric == 'tpr' else 'not ill'}: {name}"))
            y += 1
    axes.set_yticks([at for at, _ in labels], [text for _, text in labels], fontsize=8)
    axes.set_ylim(y - 0.4, -0.6)
    axes.set_xlim(0, 1)
    axes.set_xticks([0, 0.5, 1], ["0 %", "50 %", "100 %"])
    quiet(axes)
    axes.grid(axis="x", color=LINE, lw=0.6)
    axes.set_title(
        f"Images called (threshold: {CALLED:.0%} false alarms)",
        loc="left",
        fontsize=10,
        fontweight="bold",
    )


def _by_group(axes: Axes, rows: pd.DataFrame, groups: list[tuple[str, str]]) -> None:
    chosen = rows[(rows["metric"] == CHANGE) & (rows["reference"] == UNEDITED)]
    names = [n for n in ("drain", "sham") if n in set(chosen["edit"])] or list(
        dict.fromkeys(chosen["edit"])
    )
    for y, (attribute, group) in enumerate(groups):
        for name in names:
            part = chosen[
                (chosen["edit"] == name)
                & (chosen["attribute"] == attribute)
                & (chosen["group"] == group)
            ]
            for row in records(part):
                if np.isfinite(row["low"]):
                    axes.plot([row["low"], row["high"]], [y, y], color=COLOURS[name], lw=1.6)
                axes.plot([row["value"]], [y], "o", color=COLOURS[name], ms=4.5)
    axes.axvline(0, color=MUTED, lw=0.8)
    axes.axvspan(-SHIFT_MARGIN, SHIFT_MARGIN, color="#eef2f6", zorder=0)
    axes.set_yticks(
        range(len(groups)), [f"{attribute_name(a)}: {g}" for a, g in groups], fontsize=8
    )
    axes.set_ylim(len(groups) - 0.4, -0.6)
    quiet(axes)
    axes.set_xlabel(f"mean change (SD); {', '.join(names)}")
    axes.set_title("In whom", loc="left", fontsize=10, fontweight="bold")


def corruption_curves(edits: pd.DataFrame) -> Figure:
    """Draw AUROC against severity, one panel per corruption: every finding, and their mean.

    Parameters
    ----------
    edits : pandas.DataFrame
        Of one model; see `cxraudit.audits.perturbations.Edits`.
    """
    rows = edits[
        (edits["severity"] > 0) & (edits["attribute"] == ALL) & (edits["metric"] == "auroc")
    ]
    changes = rows[rows["reference"] == UNEDITED]
    levels = rows[rows["reference"] == ""]
    names = list(dict.fromkeys(levels["edit"]))
    findings = [f for f in dict.fromkeys(levels["finding"]) if f != MEAN]
    with house_style():
        figure, grid = _panels(len(names))
        for axes, name in zip(grid, names, strict=False):
            for number, finding in enumerate(findings):
                mine, moved = (
                    t[(t["edit"] == name) & (t["finding"] == finding)].sort_values("severity")
                    for t in (levels, changes)
                )
                before = mine["value"].to_numpy()[0] - moved["value"].to_numpy()[0]
                axes.plot(
                    [0, *mine["severity"]],
                    [before, *mine["value"]],
                    color=LINES[number % len(LINES)],
                    lw=1,
                    alpha=0.85,
                    label=finding,
                )
            _mean(
                axes,
                *(t[(t["edit"] == name) & (t["finding"] == MEAN)] for t in (levels, changes)),
            )
            axes.set_title(name, loc="left", fontsize=10, fontweight="bold")
            _severities(axes)
        grid[0].set_ylabel("AUROC")
        handles, labels = grid[0].get_legend_handles_labels()
        figure.legend(
            handles,
            labels,
            ncols=min(len(labels), 7),
            frameon=False,
            fontsize=8,
            loc="outside lower center",
        )
    return figure


def corruption_gaps(edits: pd.DataFrame) -> Figure | None:
    """Draw each group's gap against severity, as the mean over findings, one panel per corruption."""
    rows = edits[(edits["severity"] > 0) & (edits["reference"] == REST)]
    chosen = rows[
        rows["finding"]
        == (
            MEAN
            if (rows["finding"] == MEAN).any()
            else (rows["finding"].iloc[0] if len(rows) else MEAN)
        )
    ]
    if chosen.empty:
        return None
    names = list(dict.fromkeys(chosen["edit"]))
    groups = _worst_off(chosen)
    with house_style():
        figure, grid = _panels(len(names))
        for axes, name in zip(grid, names, strict=False):
            axes.axhline(0, color=MUTED, lw=0.8)
            for number, (attribute, group) in enumerate(groups):
                part = chosen[
                    (chosen["edit"] == name)
                    & (chosen["attribute"] == attribute)
                    & (chosen["group"] == group)
                ].sort_values("severity")
                colour = LINES[number % len(LINES)]
                axes.fill_between(
                    part["severity"], part["low"], part["high"], color=colour, alpha=0.13, lw=0
                )
                axes.plot(
                    part["severity"],
                    part["value"],
                    color=colour,
                    lw=1.5,
                    marker="o",
                    ms=3,
                    label=f"{attribute_name(attribute)}: {group}",
                )
            axes.set_title(name, loc="left", fontsize=10, fontweight="bold")
            _severities(axes, first=1)
        grid[0].set_ylabel("gap of AUROC to the rest")
        handles, labels = grid[0].get_legend_handles_labels()
        figure.legend(
            handles,
            labels,
            ncols=len(labels),
            frameon=False,
            fontsize=8,
            loc="outside lower center",
        )
    return figure


def _worst_off(rows: pd.DataFrame) -> list[tuple[str, str]]:
    """Return the group of each attribute that is worst off at the highest severity, over corruptions."""
    last = rows[rows["severity"] == rows["severity"].max()]
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


def _mean(axes: Axes, levels: pd.DataFrame, changes: pd.DataFrame) -> None:
    if levels.empty:
        return
    part = levels.sort_values("severity")
    before = part["value"].to_numpy()[0] - changes.sort_values("severity")["value"].to_numpy()[0]
    axes.fill_between(part["severity"], part["low"], part["high"], color=INK, alpha=0.1, lw=0)
    axes.plot([0, *part["severity"]], [before, *part["value"]], color=INK, lw=2, label="mean")


def _severities(axes: Axes, first: int = 0) -> None:
    quiet(axes, keep="bottom left")
    axes.grid(color=LINE, lw=0.5)
    axes.set_xticks(range(first, 6), ["none" if k == 0 else str(k) for k in range(first, 6)])
    axes.set_xlabel("severity", fontsize=8)
