"""Images on two axes of their embeddings, beside the AUROC of probes."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from cxraudit.audits.embeddings.probes import (
    CONTROL_METRIC,
    DECODABLE,
    IMAGE,
    METRIC,
    NOT_DECODABLE,
)
from cxraudit.audits.embeddings.projections import groups_column
from cxraudit.datasets.base import NO_GROUP, ordered_groups
from cxraudit.figures.style import (
    BLUE,
    GREY,
    INK,
    LINE,
    MUTED,
    PALETTE,
    RED,
    despine,
    house_style,
    interval_label,
    new_figure,
    vertical_lines,
)
from cxraudit.formatting import column_name, decimal
from cxraudit.metrics import METRICS
from cxraudit.schema import Analysis, records

_COLOURS = {DECODABLE: RED, NOT_DECODABLE: BLUE}
_UNCLEAR = GREY
_PROBES = {
    metric: (name, marker) for (name, metric), marker in zip(METRIC.items(), "os^", strict=True)
}
_SPACES = {IMAGE: "whole embedding"}


def projections_and_probes(results: pd.DataFrame, points: pd.DataFrame) -> Figure:
    """Draw, per attribute, images on two axes and beside them the AUROC of probes.

    Parameters
    ----------
    results : pandas.DataFrame
        A results table of one model.
    points : pandas.DataFrame
        Of the same model; see `cxraudit.audits.result.Audit.points`.

    Returns
    -------
    matplotlib.figure.Figure
        One row of panels per attribute; a first one for the modality, where reports were embedded.
    """
    probes = results[
        (results["analysis"] == Analysis.PROBE) & (results["metric"] != CONTROL_METRIC)
    ]
    attributes = list(dict.fromkeys(probes["attribute"]))
    images = points[points["modality"] == "image"]
    joint = "joint_x" in points
    with house_style():
        n_rows = len(attributes) + joint
        figure = new_figure(10.4, 0.5 + 2.75 * n_rows)
        grid = figure.subplots(n_rows, 3, squeeze=False, gridspec_kw={"width_ratios": [1, 1, 1.35]})
        if joint:
            _modalities(grid[0], points, results)
        for row, attribute in zip(grid[joint:], attributes, strict=True):
            column = groups_column(attribute)
            groups = [g for g in ordered_groups(attribute, images[column]) if g not in NO_GROUP]
            for axes, name, title in (
                (row[0], "pca", "PCA, two axes"),
                (row[1], "tsne", "t-SNE"),
            ):
                _scatter(axes, images, name, column, groups)
                axes.set_title(title, fontsize=8.5, color=MUTED, loc="right")
            row[0].set_title(column_name(attribute), fontsize=11, fontweight="bold", loc="left")
            own = probes[probes["attribute"] == attribute]
            _probe_aurocs(row[2], own, last=attribute == attributes[-1])
    return figure


def _modalities(row: NDArray[np.object_], points: pd.DataFrame, results: pd.DataFrame) -> None:
    """Draw images and reports on axes fitted to both, with the distance of their means."""
    _scatter(row[0], points, "joint", "modality", ["image", "report"])
    row[0].set_title("modality", fontsize=11, fontweight="bold", loc="left")
    row[0].set_title("PCA of both", fontsize=8.5, color=MUTED, loc="right")
    gap = results.loc[results["metric"] == "modality_gap", "value"]
    row[2].text(
        0,
        0.6,
        f"Modality gap: the means of images and reports are\n{decimal(gap.iloc[0])} of at most 2 apart "
        "(unit embeddings).",
        fontsize=9,
        transform=row[2].transAxes,
    )
    for axes in row[1:]:
        axes.set_axis_off()


def _scatter(axes: Axes, points: pd.DataFrame, name: str, column: str, groups: list[str]) -> None:
    """Draw images in the order of the table, which is random: no group lies on top of another."""
    x, y = (np.asarray(points[f"{name}_{axis}"], dtype=np.float64) for axis in "xy")
    colour_of = dict(zip(groups, PALETTE, strict=False))
    colours = points[column].map(colour_of)
    known = colours.notna().to_numpy()
    axes.scatter(
        x[known], y[known], c=colours[known].tolist(), s=7, alpha=0.55, lw=0, rasterized=True
    )
    for spread, limit in ((x, axes.set_xlim), (y, axes.set_ylim)):
        low, high = np.quantile(spread, [0.002, 0.998])
        limit(low - 0.05 * (high - low), high + 0.22 * (high - low))
    _densities(axes, x, y, np.asarray(points[column], dtype=object), colour_of)
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
    axes: Axes,
    x: NDArray[np.float64],
    y: NDArray[np.float64],
    values: NDArray[np.object_],
    colour_of: dict[str, str],
) -> None:
    """Draw the density of every group along both axes, on one scale."""
    from scipy.stats import gaussian_kde

    for positions, limits, across in ((x, axes.get_xlim(), False), (y, axes.get_ylim(), True)):
        at = np.linspace(*limits, 120)
        curves = {
            group: gaussian_kde(positions[values == group])(at)
            for group in colour_of
            if (values == group).sum() > 5 and np.ptp(positions[values == group]) > 0
        }
        top = max((curve.max() for curve in curves.values()), default=1.0)
        for group, curve in curves.items():
            height = 1 - 0.14 * (1 - curve / top)
            line = (height, at) if across else (at, height)
            transform = axes.get_yaxis_transform() if across else axes.get_xaxis_transform()
            axes.plot(*line, color=colour_of[group], lw=1.1, transform=transform)


def _probe_aurocs(axes: Axes, probes: pd.DataFrame, *, last: bool) -> None:
    """Draw the AUROC of every probe in every space, with the chance level as a line."""
    spaces = list(dict.fromkeys(probes["condition"]))
    metrics = [name for name in METRICS if name in set(probes["metric"])]
    offsets = dict(zip(metrics, np.linspace(-0.22, 0.22, max(len(metrics), 2)), strict=False))
    axes.axvline(0.5, color=MUTED, lw=1, ls=(0, (3, 3)))
    for row in records(probes):
        y = spaces.index(row["condition"]) + offsets[row["metric"]]
        if not np.isfinite(row["value"]):
            axes.text(0.52, y, "not probed", va="center", fontsize=7.5, color=MUTED)
            continue
        name, marker = _PROBES.get(row["metric"], (METRICS[row["metric"]].label, "P"))
        colour = _COLOURS.get(row["verdict"], _UNCLEAR)
        axes.plot([row["low"], row["high"]], [y, y], color=colour, lw=1.5)
        axes.plot(
            [row["value"]],
            [y],
            marker,
            color=colour,
            ms=5.5,
            markerfacecolor=colour if row["verdict"] in _COLOURS else "white",
        )
        axes.annotate(
            f"{name} {decimal(row['value'])}",
            (np.nanmax([row["value"], row["high"]]), y),
            xytext=(5, 0),
            textcoords="offset points",
            va="center",
            fontsize=7.5,
            color=colour,
        )
    axes.set_ylim(len(spaces) - 0.5, -0.5)
    axes.set_yticks(
        range(len(spaces)), [_SPACES.get(space, space) for space in spaces], fontsize=8.5
    )
    axes.set_xlim(0.38, 1.16)
    axes.set_xticks([0.5, 0.6, 0.7, 0.8, 0.9, 1.0])
    despine(axes)
    vertical_lines(axes)
    axes.set_title("AUROC of probes", fontsize=8.5, color=MUTED, loc="right")
    if last:
        axes.set_xlabel(
            f"AUROC on held-out patients, {interval_label(probes)}\n(0.5: chance level)"
        )
