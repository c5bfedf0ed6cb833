"""Whether a gap is attributable to the mix of a group: raw, and standardised by age, view or shortcut."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from cxraudit.figures.style import (
    BLUE,
    GAP,
    INK,
    MUTED,
    despine,
    heading,
    house_style,
    interval_label,
    kind_of,
    margin_of,
    mark_difference,
    new_figure,
    thin_label,
    vertical_lines,
)
from cxraudit.formatting import column_name
from cxraudit.schema import COMPLEMENT, Analysis, records
from cxraudit.vocabulary import attribute_name


def standardised_gaps(results: pd.DataFrame, attribute: str) -> Figure | None:
    """Draw, per finding, the raw gap with the smallest p-value, and that gap standardised.

    Parameters
    ----------
    results : pandas.DataFrame
        A results table of one data set, model and prompt set.
    attribute : str
        Which attribute's groups to draw.

    Returns
    -------
    matplotlib.figure.Figure or None
        None if no gap of the attribute was standardised.
    """
    rows = results[
        (results["attribute"] == attribute)
        & (results["metric"] == "auroc")
        & (results["reference"] == COMPLEMENT)
    ]
    raw = rows[(rows["analysis"] == Analysis.SUBGROUPS) & rows["p_value"].notna()]
    standardised = rows[rows["analysis"] == Analysis.STANDARDISED]
    both = ["finding", "group"]
    raw = raw.merge(standardised[both].drop_duplicates(), on=both)
    if raw.empty:
        return None
    surest = raw.loc[raw["p_value"].groupby(raw["finding"]).idxmin()]
    drawn = [
        pd.concat(
            [
                raw.loc[[k]],
                standardised[(standardised["finding"] == f) & (standardised["group"] == g)],
            ]
        )
        for k, f, g in zip(surest.index, surest["finding"], surest["group"], strict=True)
    ]
    with house_style():
        figure = new_figure(9.2, 1.8 + 0.215 * sum(len(part) + 1.2 for part in drawn))
        axes = figure.subplots()
        _lines(axes, drawn)
        _finish(axes, pd.concat(drawn))
        heading(figure, f"Gaps by {attribute_name(attribute)}, raw and standardised")
    return figure


def _lines(axes: Axes, drawn: list[pd.DataFrame]) -> None:
    y = 0.0
    names = []
    for part in drawn:
        first = part.iloc[0]
        axes.text(
            -0.25,
            y,
            f"{first['finding']}: {first['group']}",
            transform=axes.get_yaxis_transform(),
            fontweight="bold",
            va="center",
        )
        y += 1
        for row in records(part):
            mix = row["condition"]
            names.append((y, f"standardised by {column_name(mix)}" if mix else "raw"))
            kind = kind_of(row["verdict"], row["value"])
            mark_difference(axes, y, row, kind)
            y += 1
        y += 0.2
    axes.set_ylim(y, -1.0)
    axes.set_yticks([at for at, _ in names], [name for _, name in names], fontsize=8)


def _finish(axes: Axes, rows: pd.DataFrame) -> None:
    axes.axvline(0, color=INK, lw=1)
    margin = margin_of(rows)
    if np.isfinite(margin):
        axes.axvspan(-margin, margin, color=BLUE, alpha=0.08, lw=0)
    reach = max(0.12, *(abs(limit) for limit in axes.get_xlim()))
    axes.set_xlim(-reach, reach)
    despine(axes)
    vertical_lines(axes)
    axes.set_xlabel(
        f"AUROC gap to all other groups, {interval_label(rows)}{thin_label(rows)}\n"
        f"← worse for this group{GAP}better →"
    )
    axes.set_title(
        "the gap of each finding with the smallest p-value; marks as above",
        fontsize=9,
        color=MUTED,
        loc="left",
    )
