"""What embeddings know, what a scatter plot hides of it, and what the score uses."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from cxraudit.audits.cells import SHIFT_MARGIN
from cxraudit.audits.embeddings.cohort import SPACES_2D
from cxraudit.audits.embeddings.score_direction import (
    CANNOT_TELL,
    NOT_ENCODED,
    NOT_USED,
    USED,
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
from cxraudit.schema import records
from cxraudit.vocabulary import attribute_name, shortcut_name

READING_COLOURS = {
    USED: "#c8451b",
    NOT_USED: "#0b6fa4",
    NOT_ENCODED: "#2f7d4f",
    CANNOT_TELL: "#7b8794",
}
PROBE_MARKERS = {"linear": "o", "k-NN": "s", "MLP": "^"}
SPACES = ("image", "text", "both", *SPACES_2D)


def named(attribute: str) -> str:
    """Return what people call an attribute or a shortcut."""
    return shortcut_name(attribute_name(attribute))


def _attributes(rows: pd.DataFrame) -> list[str]:
    return [str(name) for name in dict.fromkeys(rows["attribute"]) if name]


def seen_and_read(knowledge: pd.DataFrame, points: pd.DataFrame) -> Figure:
    """Draw, per attribute, what two axes show and beside it what probes read.

    Parameters
    ----------
    knowledge, points : pandas.DataFrame
        Rows of one model; see `cxraudit.audits.embeddings.run.Knowledge`.
    """
    probes = knowledge[(knowledge["analysis"] == "probe") & (knowledge["method"] != "control")]
    attributes = _attributes(probes)
    images = points[points["modality"] == "image"]
    joint = "joint_x" in points
    with house_style():
        figure = new_figure(10.4, 0.5 + 2.75 * (len(attributes) + joint))
        grid = figure.subplots(
            len(attributes) + joint, 3, squeeze=False, gridspec_kw={"width_ratios": [1, 1, 1.35]}
        )
        if joint:
            _modalities(grid[0], points, knowledge)
        for row, attribute in zip(grid[joint:], attributes, strict=True):
            mine = probes[probes["attribute"] == attribute]
            groups = str(mine["group"].iloc[0]).split(", ")
            for axes, name, title in (
                (row[0], "pca", "PCA, two axes"),
                (row[1], "tsne", "t-SNE"),
            ):
                _scatter(axes, images, name, attribute, groups)
                axes.set_title(title, fontsize=8.5, color=MUTED, loc="right")
            row[0].set_title(named(attribute), fontsize=11, fontweight="bold", loc="left")
            _read(row[2], mine, last=attribute == attributes[-1])
    return figure


def _modalities(row: np.ndarray, points: pd.DataFrame, knowledge: pd.DataFrame) -> None:
    """Draw images and reports on axes fitted to both, and say how far apart they lie."""
    _scatter(row[0], points, "joint", "modality", ["image", "report"])
    row[0].set_title("modality", fontsize=11, fontweight="bold", loc="left")
    row[0].set_title("PCA of both", fontsize=8.5, color=MUTED, loc="right")
    gap = knowledge.loc[knowledge["metric"] == "modality gap", "value"]
    row[2].text(
        0,
        0.6,
        f"Images and reports lie apart: the distance of their\nmeans is {gap.iloc[0]:.2f} of 2 "
        "(unit embeddings).",
        fontsize=9,
        transform=row[2].transAxes,
    )
    for axes in row[1:]:
        axes.set_axis_off()


def _scatter(
    axes: Axes, points: pd.DataFrame, name: str, attribute: str, groups: list[str]
) -> None:
    """Draw images in the order of the table, which is random: no group lies on top of another."""
    x, y = points[f"{name}_x"].to_numpy(), points[f"{name}_y"].to_numpy()
    colour_of = dict(zip(groups, PALETTE, strict=False))
    colours = points[attribute].map(colour_of)
    known = colours.notna().to_numpy()
    axes.scatter(
        x[known], y[known], c=colours[known].tolist(), s=7, alpha=0.55, lw=0, rasterized=True
    )
    for spread, where in ((x, "x"), (y, "y")):
        low, high = np.quantile(spread, [0.002, 0.998])
        room = 0.22 * (high - low)
        (axes.set_xlim if where == "x" else axes.set_ylim)(low - 0.05 * (high - low), high + room)
    _densities(axes, x, y, points[attribute].to_numpy(), colour_of)
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set_color(LINE)
    for number, group in enumerate(groups):
        axes.text(
            0.02,
            0.02 + 0.085 * (len(groups) - 1 - number),
            group,
            transform=axes.transAxes,
            fontsize=7.5,
            color=colour_of.get(group, INK),
            fontweight="bold",
        )


def _densities(
    axes: Axes, x: np.ndarray, y: np.ndarray, values: np.ndarray, colour_of: dict[str, str]
) -> None:
    """Draw the density of every group along both axes, on one scale."""
    from scipy.stats import gaussian_kde

    for places, limits, across in ((x, axes.get_xlim(), False), (y, axes.get_ylim(), True)):
        at = np.linspace(*limits, 120)
        curves = {
            group: gaussian_kde(places[values == group])(at)
            for group in colour_of
            if (values == group).sum() > 5 and np.ptp(places[values == group]) > 0
        }
        top = max((curve.max() for curve in curves.values()), default=1.0)
        for group, curve in curves.items():
            height = 1 - 0.14 * (1 - curve / top)
            if across:
                axes.plot(
                    height, at, color=colour_of[group], lw=1.1, transform=axes.get_yaxis_transform()
                )
            else:
                axes.plot(
                    at, height, color=colour_of[group], lw=1.1, transform=axes.get_xaxis_transform()
                )


def _read(axes: Axes, probes: pd.DataFrame, *, last: bool) -> None:
    """Draw the AUROC of every probe in every space, with the coin toss as a line."""
    spaces = [space for space in SPACES if space in set(probes["space"])]
    offsets = dict(zip(PROBE_MARKERS, (-0.22, 0.0, 0.22), strict=True))
    axes.axvline(0.5, color=MUTED, lw=1, ls=(0, (3, 3)))
    for row in records(probes):
        y = spaces.index(row["space"]) + offsets[row["method"]]
        colour = {"readable": "#c8451b", "not readable": "#0b6fa4"}.get(row["verdict"], "#7b8794")
        axes.plot([row["low"], row["high"]], [y, y], color=colour, lw=1.5)
        axes.plot(
            [row["value"]],
            [y],
            PROBE_MARKERS[row["method"]],
            color=colour,
            ms=5.5,
            markerfacecolor="white" if row["verdict"] == "cannot tell" else colour,
        )
        axes.annotate(
            f"{row['method']} {row['value']:.2f}",
            (row["high"], y),
            xytext=(5, 0),
            textcoords="offset points",
            va="center",
            fontsize=7.5,
            color=colour,
        )
    axes.set_ylim(len(spaces) - 0.5, -0.5)
    axes.set_yticks(
        range(len(spaces)), ["whole embedding" if s == "image" else s for s in spaces], fontsize=8.5
    )
    axes.set_xlim(0.38, 1.16)
    axes.set_xticks([0.5, 0.6, 0.7, 0.8, 0.9, 1.0])
    quiet(axes)
    axes.grid(axis="x", color=LINE, lw=0.6)
    axes.set_axisbelow(True)
    axes.set_title("what a probe reads of it", fontsize=8.5, color=MUTED, loc="right")
    if last:
        axes.set_xlabel("AUROC on other patients (0.5 = coin toss)")


def used_or_not(knowledge: pd.DataFrame) -> Figure:
    """Draw the shift of every score between the groups of every attribute, coloured by the reading."""
    rows = knowledge[knowledge["analysis"] == "reading"]
    attributes = _attributes(rows)
    findings = list(dict.fromkeys(rows["finding"]))
    margin = SHIFT_MARGIN
    with house_style():
        figure = new_figure(
            10.4,
            0.9
            + 0.28 * len(findings) * ((len(attributes) + 1) // 2)
            + 0.9 * ((len(attributes) + 1) // 2),
        )
        n_rows = (len(attributes) + 1) // 2
        figure = new_figure(10.4, 0.9 + (0.9 + 0.28 * len(findings)) * n_rows)
        grid = figure.subplots(n_rows, 2, squeeze=False, sharex=True)
        reach = max(rows[["low", "high"]].abs().max().max(), 2 * margin) * 1.05
        for axes, attribute in zip(grid.flat, attributes, strict=False):
            mine = rows[rows["attribute"] == attribute]
            axes.axvspan(-margin, margin, color="#eef2f6", zorder=0)
            axes.axvline(0, color=MUTED, lw=0.8)
            for row in records(mine):
                y, colour = findings.index(row["finding"]), READING_COLOURS[row["verdict"]]
                axes.plot([row["low"], row["high"]], [y, y], color=colour, lw=1.6)
                axes.plot(
                    [row["value"]],
                    [y],
                    "o",
                    color=colour,
                    ms=5.5,
                    markerfacecolor="white" if row["verdict"] == "cannot tell" else colour,
                )
            axes.set_yticks(range(len(findings)), findings, fontsize=8.5)
            axes.set_ylim(len(findings) - 0.5, -0.5)
            axes.set_xlim(-reach, reach)
            answers = list(dict.fromkeys(mine["verdict"]))
            axes.set_title(named(attribute), fontsize=10.5, fontweight="bold", loc="left")
            axes.set_title(
                " / ".join(answers),
                fontsize=9,
                loc="right",
                fontweight="bold",
                color=READING_COLOURS[answers[0]] if len(answers) == 1 else INK,
            )
            quiet(axes)
        close_grid(
            grid,
            len(attributes),
            x="shift of the score, group − rest, among images with the same label (SD)",
        )
    return figure


def erased(knowledge: pd.DataFrame) -> Figure:
    """Draw what erasing each attribute does to AUROC, and to the gap that is largest before."""
    rows = knowledge[(knowledge["analysis"] == "erasure") & (knowledge["space"] == "score")]
    attributes = _attributes(rows)
    findings = list(dict.fromkeys(rows["finding"]))
    kinds = (
        ("change of auroc", "change of AUROC over all test patients"),
        ("change of gap", "change of the gap that is largest before"),
    )
    with house_style():
        figure = new_figure(
            10.4, 0.8 + 0.22 * len(findings) * len(attributes) + 0.3 * len(attributes)
        )
        grid = figure.subplots(1, 2, sharey=True)
        for axes, (metric, title) in zip(grid, kinds, strict=True):
            ticks = []
            for number, attribute in enumerate(attributes):
                for place, finding in enumerate(findings):
                    mine = rows[
                        (rows["attribute"] == attribute)
                        & (rows["finding"] == finding)
                        & (rows["metric"] == metric)
                    ]
                    if mine.empty:
                        continue
                    row = max(records(mine), key=lambda r: abs(_before(r["note"])))
                    y = number * (len(findings) + 1.4) + place
                    ticks.append((y, finding))
                    shown = not row["low"] <= 0 <= row["high"]
                    colour = "#c8451b" if shown else "#7b8794"
                    axes.plot([row["low"], row["high"]], [y, y], color=colour, lw=1.5)
                    axes.plot(
                        [row["value"]],
                        [y],
                        "o",
                        color=colour,
                        ms=4.6,
                        markerfacecolor=colour if shown else "white",
                    )
                if metric == kinds[0][0]:
                    axes.text(
                        0.0,
                        number * (len(findings) + 1.4) - 0.75,
                        f"{named(attribute)} erased",
                        transform=axes.get_yaxis_transform(),
                        fontsize=9.5,
                        fontweight="bold",
                    )
            axes.axvline(0, color=MUTED, lw=0.8)
            axes.set_yticks([y for y, _ in ticks], [name for _, name in ticks], fontsize=7.8)
            axes.set_xlabel(title)
            quiet(axes)
            axes.grid(axis="x", color=LINE, lw=0.6)
        grid[0].set_ylim(len(attributes) * (len(findings) + 1.4) - 1, -1.4)
    return figure


def _before(note: str) -> float:
    """Read the value before erasing from a row's note."""
    numbers = [word.replace("gap", "").strip() for word in note.split(" before")[:1]]
    return float(numbers[0])


def centroid_curves(curves: pd.DataFrame) -> Figure:
    """Draw the sorted centroid differences of one model with the band of chance."""
    attributes = _attributes(curves)
    n_rows = (len(attributes) + 2) // 3
    with house_style():
        figure = new_figure(10.4, 2.7 * n_rows)
        grid = figure.subplots(n_rows, 3, squeeze=False, sharex=True, sharey=True)
        for axes, attribute in zip(grid.flat, attributes, strict=False):
            mine = curves[curves["attribute"] == attribute]
            for number, (group, part) in enumerate(mine.groupby("group", sort=False)):
                colour = PALETTE[number % len(PALETTE)]
                axes.fill_between(
                    part["rank"], part["low"], part["high"], color=colour, alpha=0.14, lw=0
                )
                axes.plot(part["rank"], part["value"], color=colour, lw=1.4, label=str(group))
            axes.set_title(named(attribute), fontsize=10.5, fontweight="bold", loc="left")
            axes.legend(frameon=False, fontsize=7.5, loc="upper right")
            quiet(axes, keep="bottom left")
            axes.grid(color=LINE, lw=0.5)
        close_grid(grid, len(attributes), x="dimension, sorted", y="|difference of the means|")
    return figure


def prompt_gaps(asked: pd.DataFrame, knowledge: pd.DataFrame, *, shown: int = 8) -> Figure:
    """Draw the gaps over all prompt pairs: those whose mean over the pairs is largest.

    Parameters
    ----------
    asked, knowledge : pandas.DataFrame
        Rows of one model.
    shown : int
        How many gaps to draw.
    """
    rows = knowledge[knowledge["metric"] == "mean gap over prompts"]
    largest = rows.reindex(rows["value"].abs().sort_values(ascending=False).index).head(shown)
    shares = knowledge[knowledge["metric"] == "share of the prompt"].set_index(
        ["finding", "attribute", "group"]
    )["value"]
    with house_style():
        figure = new_figure(10.4, 0.9 + 0.55 * len(largest))
        axes = figure.subplots()
        labels = []
        for number, row in enumerate(records(largest)):
            key = (row["finding"], row["attribute"], row["group"])
            mine = asked[
                (asked["finding"] == key[0])
                & (asked["attribute"] == key[1])
                & (asked["group"] == key[2])
            ].sort_values("gap")
            spread = np.linspace(-0.24, 0.24, len(mine))
            usual = mine["pair"].str.startswith("chest | no findings").to_numpy()
            axes.scatter(mine["gap"], number + spread, s=13, color="#0b6fa4", alpha=0.75, lw=0)
            axes.scatter(
                mine["gap"][usual],
                (number + spread)[usual],
                s=34,
                facecolor="none",
                edgecolor=INK,
                lw=1.1,
                zorder=4,
            )
            axes.plot([row["low"], row["high"]], [number + 0.36] * 2, color="#c8451b", lw=2.2)
            axes.plot([row["value"]], [number + 0.36], "D", color="#c8451b", ms=4.5)
            labels.append(f"{key[0]}: {named(key[1])} {key[2]}")
            axes.text(
                1.005,
                number,
                f"sentence {100 * shares[key]:.0f} %",
                va="center",
                fontsize=8.5,
                transform=axes.get_yaxis_transform(),
                color=MUTED,
            )
        axes.axvline(0, color=MUTED, lw=0.8)
        axes.set_yticks(range(len(labels)), labels, fontsize=8.8)
        axes.set_ylim(len(labels) - 0.4, -0.6)
        axes.set_xlabel(
            "gap in AUROC, group − rest: dots are prompt pairs (ringed: the usual ones), "
            "diamond and bar their mean with its interval over patients"
        )
        quiet(axes)
        axes.grid(axis="x", color=LINE, lw=0.6)
        axes.set_axisbelow(True)
    return figure
