"""Decision curves: net benefit over threshold probabilities of every group of one attribute."""

import pandas as pd
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
    new_figure,
)
from cxraudit.metrics import METRICS
from cxraudit.schema import FLAG_ALL, Analysis
from cxraudit.vocabulary import attribute_name

_COLUMNS = 3


def decision_curves(results: pd.DataFrame, attribute: str) -> Figure:
    """Draw the net benefit of every group against the threshold probability, one panel per finding.

    Solid lines are those of the model, dashed ones of flagging every image of the group; flagging none is 0.
    Net benefits far below 0 are beyond the axis.

    Parameters
    ----------
    results : pandas.DataFrame
        A results table of one data set, model and prompt set that has decision curves by `attribute`; see
        `cxraudit.schema.Analysis`.
    attribute : str
        Which attribute's groups to draw.

    Returns
    -------
    matplotlib.figure.Figure
    """
    rows = results[
        (results["analysis"] == Analysis.DECISION_CURVE) & (results["attribute"] == attribute)
    ]
    findings = list(dict.fromkeys(rows["finding"]))
    known = [group for group in ordered_groups(attribute, rows["group"]) if group not in NO_GROUP]
    colours = {group: PALETTE[k % len(PALETTE)] for k, group in enumerate(known)}
    columns = min(len(findings), _COLUMNS)
    n_rows = -(-len(findings) // columns)
    with house_style():
        figure = new_figure(9.2, 1.3 + 2.3 * n_rows)
        grid = figure.subplots(n_rows, columns, squeeze=False, sharex=True)
        for axes, finding in zip(grid.flat, findings, strict=False):
            of_finding = rows[rows["finding"] == finding]
            axes.axhline(0, color=MUTED, lw=0.8, zorder=1)
            highest = 0.0
            for group, colour in colours.items():
                own = of_finding[of_finding["group"] == group].sort_values("at")
                for condition, style in (("", "-"), (FLAG_ALL, "--")):
                    line = own[own["condition"] == condition]
                    axes.plot(line["at"], line["value"], style, color=colour, lw=1.3, alpha=0.85)
                    highest = max([highest, *line["value"].dropna()])
            axes.set_ylim(-0.25 * highest - 0.01, 1.05 * highest + 0.01)
            axes.set_title(finding, loc="left", fontsize=10, fontweight="bold")
            despine(axes, keep="bottom left")
        close_grid(grid, len(findings), x="threshold probability", y=METRICS["net_benefit"].label)
        handles = [Line2D([], [], color=colour, label=group) for group, colour in colours.items()]
        handles += [
            Line2D([], [], ls="--", color=GREY, label=FLAG_ALL),
            Line2D([], [], color=MUTED, lw=0.8, label="flag none"),
        ]
        figure.legend(
            handles=handles,
            loc="outside lower center",
            ncols=min(len(handles), 7),
            frameon=False,
            fontsize=8,
        )
        heading(figure, f"Net benefit by {attribute_name(attribute)}")
    return figure
