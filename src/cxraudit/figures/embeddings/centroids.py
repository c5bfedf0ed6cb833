"""Sorted differences between the mean embedding of a group and that of all other groups."""

import pandas as pd
from matplotlib.figure import Figure

from cxraudit.figures.style import LINE, PALETTE, close_grid, despine, house_style, new_figure
from cxraudit.formatting import column_name


def centroid_curves(curves: pd.DataFrame) -> Figure:
    """Draw the sorted centroid differences of one model with their simultaneous bands.

    Parameters
    ----------
    curves : pandas.DataFrame
        Of one model; see `cxraudit.audits.result.Audit.curves`.

    Returns
    -------
    matplotlib.figure.Figure
    """
    attributes = list(dict.fromkeys(curves["attribute"]))
    n_rows = (len(attributes) + 2) // 3
    with house_style():
        figure = new_figure(10.4, 2.7 * n_rows)
        grid = figure.subplots(n_rows, 3, squeeze=False, sharex=True, sharey=True)
        for axes, attribute in zip(grid.flat, attributes, strict=False):
            own = curves[curves["attribute"] == attribute]
            for number, (group, part) in enumerate(own.groupby("group", sort=False)):
                colour = PALETTE[number % len(PALETTE)]
                axes.fill_between(
                    part["rank"], part["low"], part["high"], color=colour, alpha=0.14, lw=0
                )
                axes.plot(part["rank"], part["value"], color=colour, lw=1.4, label=str(group))
            axes.set_title(column_name(attribute), fontsize=10.5, fontweight="bold", loc="left")
            axes.legend(frameon=False, fontsize=7.5, loc="upper right")
            despine(axes, keep="bottom left")
            axes.grid(color=LINE, lw=0.5)
        close_grid(grid, len(attributes), x="dimension, sorted", y="|difference of the means|")
    return figure
