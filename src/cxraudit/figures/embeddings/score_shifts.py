"""Shift of scores between the groups of an attribute, among images with the same label."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from cxraudit.audits.embeddings.probes import NOT_DECODABLE, UNCLEAR
from cxraudit.audits.embeddings.score_direction import (
    ASSOCIATED,
    ASSOCIATED_UNCLEAR_SIZE,
    NOT_ASSOCIATED,
    ONLY_ASSOCIATED,
    ONLY_ASSOCIATED_UNCLEAR_SIZE,
)
from cxraudit.figures.style import (
    BLUE,
    GREEN,
    GREY,
    INK,
    MUTED,
    RED,
    close_grid,
    despine,
    house_style,
    interval_label,
    new_figure,
    shade_margin,
)
from cxraudit.formatting import column_name
from cxraudit.metrics import SHIFT_MARGIN
from cxraudit.schema import Analysis, records

COLOURS = {
    ASSOCIATED: RED,
    ASSOCIATED_UNCLEAR_SIZE: RED,
    ONLY_ASSOCIATED: RED,
    ONLY_ASSOCIATED_UNCLEAR_SIZE: RED,
    NOT_ASSOCIATED: BLUE,
    NOT_DECODABLE: GREEN,
    UNCLEAR: GREY,
}
HOLLOW = (UNCLEAR, ASSOCIATED_UNCLEAR_SIZE, ONLY_ASSOCIATED_UNCLEAR_SIZE)


def score_shifts(results: pd.DataFrame) -> Figure:
    """Draw the shift of every score between the groups of every attribute, coloured by the verdict.

    Parameters
    ----------
    results : pandas.DataFrame
        A results table of one model, with rows of `cxraudit.schema.Analysis.ENCODING_USE`.

    Returns
    -------
    matplotlib.figure.Figure
        One panel per attribute, one line per finding: the group and label whose shift decides.
    """
    rows = results[results["analysis"] == Analysis.ENCODING_USE]
    attributes = list(dict.fromkeys(rows["attribute"]))
    findings = list(dict.fromkeys(rows["finding"]))
    n_rows = (len(attributes) + 1) // 2
    with house_style():
        figure = new_figure(10.4, 0.9 + (0.9 + 0.28 * len(findings)) * n_rows)
        grid = figure.subplots(n_rows, 2, squeeze=False, sharex=True)
        drawn = rows[["value", "low", "high"]].abs().max().max()
        reach = float(np.nanmax([drawn, 2 * SHIFT_MARGIN])) * 1.05
        for axes, attribute in zip(grid.flat, attributes, strict=False):
            _shifts(axes, rows[rows["attribute"] == attribute], findings)
            axes.set_xlim(-reach, reach)
            axes.set_title(column_name(attribute), fontsize=10.5, fontweight="bold", loc="left")
        close_grid(
            grid,
            len(attributes),
            x="shift of the score, group − all other groups, given the label (SD)\n"
            f"{interval_label(rows)}; band: margin",
        )
    return figure


def _shifts(axes: Axes, rows: pd.DataFrame, findings: list[str]) -> None:
    shade_margin(axes, SHIFT_MARGIN)
    axes.axvline(0, color=MUTED, lw=0.8)
    for row in records(rows):
        y, colour = findings.index(row["finding"]), COLOURS[row["verdict"]]
        axes.plot([row["low"], row["high"]], [y, y], color=colour, lw=1.6)
        axes.plot(
            [row["value"]],
            [y],
            "o",
            color=colour,
            ms=5.5,
            markerfacecolor="white" if row["verdict"] in HOLLOW else colour,
        )
    axes.set_yticks(range(len(findings)), findings, fontsize=8.5)
    axes.set_ylim(len(findings) - 0.5, -0.5)
    verdicts = list(dict.fromkeys(rows["verdict"]))
    axes.set_title(
        " / ".join(verdicts),
        fontsize=9,
        loc="right",
        fontweight="bold",
        color=COLOURS[verdicts[0]] if len(verdicts) == 1 else INK,
    )
    despine(axes)
